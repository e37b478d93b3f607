import type { RunContext } from '../core/event.ts'
import { keysOf } from '../core/objects.ts'
import { countedAttempts, hasStarted, hasSucceeded, isEnded } from '../core/row/attempts.ts'
import { MOST_ROWS, rangeStartOf } from '../core/row/range.ts'
import { dueKeys } from '../core/task/expected-slots.ts'
import { pauseFor } from '../core/task/suspensions.ts'
import type { UpstreamSlot } from '../core/task/upstream.ts'
import type { Instant } from '../core/types.ts'
import { laterCaution, UNKNOWN_RANGE_CAUTION } from './cautions.ts'
import { factsOf, scheduleOf } from './found.ts'
import { isPastDoneBy, type JudgedSlot, judge } from './judge.ts'
import { isSettled, REMARKS, settledSentence } from './remarks.ts'
import { keySentence, type Sentence } from './sentence.ts'
import { MAY_BE_OVERDUE, SITUATIONS, type VerdictRule } from './situations.ts'
import { declareStep, type Step, showStep } from './steps.ts'
import { ofRow, otherScheduleOf, type StepTarget } from './target.ts'

/**
 * Everything that cronledger says of a slot: the log, notifications, the commands, the pages and JSON only render it.
 *
 * `happened` is one sentence, with times that each surface writes in its own way. `work` answers whether it is safe to run
 * the slot again, and `caution` must stand wherever `steps` stand.
 */
export interface Verdict extends VerdictRule, Pick<JudgedSlot, 'situation' | 'status'> {
  readonly attempts: number
  /** How many attempts scheduled triggers may start. Left out: only a run knows. */
  readonly maxAttempts?: number | undefined
}

/** What is said after an event of a run. The slot may not have been read. */
export type EventVerdict = Omit<Verdict, 'situation' | 'status'>

const NO_RECORD = ', and no schedule of this task is recorded'
const OFF_SCHEDULE = ', and no recorded schedule has this slot'

export function targetOfSlot({ task, slot, row, own, doubt, of }: JudgedSlot, store: string): StepTarget {
  const known = of.record ?? null
  return {
    store,
    task,
    slot,
    doubt,
    ...otherScheduleOf(scheduleOf({ of, own, slot }), known),
    ...ofRow(row, known?.place),
  }
}

/** Returns the words of a judgement. A run knows more of the target of its commands than the row. */
export function verdictOf(one: JudgedSlot, to: string | StepTarget): Verdict {
  const target = typeof to === 'string' ? targetOfSlot(one, to) : to
  const { situation, status, work, own, of, remarks, later } = one
  const isUnknown = later.covering?.kind === 'unknown'
  const isOverdue = MAY_BE_OVERDUE.has(situation) && isPastDoneBy(one)
  const attempts = own === null ? 0 : countedAttempts(own)
  const { maxAttempts } = of
  const rule = SITUATIONS[situation].words(one, target)
  const said = keysOf(REMARKS).flatMap((name) => remarks[name]?.words(target) ?? [])
  const offSchedule = offScheduleText(one)
  const open = isSettled(own) ? [] : said
  const steps = [...open.flatMap((remark) => remark.steps ?? []), ...rule.steps]
  const isPaused = (isOpen(rule.nextTrigger) || (own === null && later.covering?.by != null)) && pauseOf(one) !== null
  const cautions = [rule.caution, ...open.map(({ caution }) => caution)]
  return {
    ...rule,
    situation,
    status,
    work,
    attempts,
    maxAttempts,
    workText: open.find(({ workText }) => workText !== undefined)?.workText ?? rule.workText,
    caution: [...cautions, laterCaution(one), isUnknown && UNKNOWN_RANGE_CAUTION].filter(Boolean).join(' ') || null,
    ...(isUnknown && { nextTrigger: 'refused' as const }),
    ...(rule.nextTrigger === 'depends' &&
      maxAttempts !== undefined && { nextTrigger: attempts < maxAttempts ? 'starts' : 'refused' }),
    ...(isPaused && { nextTrigger: 'paused' as const }),
    happened: [
      ...rule.happened,
      ...(isPaused && own !== null ? ['. The slot lies in a pause'] : []),
      ...(isOverdue ? [', and should have completed by ', { at: one.slot + (of.times.doneByMs ?? 0) }] : []),
      ...offSchedule,
      ...said.flatMap(({ happened }) => happened),
      ...(own === null ? [] : [...settledSentence(own), ...(later.covering?.by == null ? rangeSentence(one) : [])]),
    ],
    steps: [
      ...(isOverdue ? overdueSteps(steps, target) : steps),
      ...(offSchedule[0] === NO_RECORD && own !== null ? [declareStep(target, own.schedule)] : []),
    ],
  }
}

function isOpen(nextTrigger: VerdictRule['nextTrigger']): boolean {
  return nextTrigger === 'starts' || nextTrigger === 'depends'
}

function pauseOf({ slot, of: { record, now, times } }: JudgedSlot) {
  return record == null ? null : pauseFor(record, slot, now, times.skewMs)
}

/** Says which other slots the run of a slot had to do, too. */
function rangeSentence({ own, slot, of }: JudgedSlot): Sentence {
  const { task, inForce: schedules, gaps } = of
  const ranged = own?.attempts.filter((one) => hasStarted(one) && rangeStartOf(one) !== undefined) ?? []
  const attempt = ranged.findLast(hasSucceeded) ?? ranged.at(-1)
  const since = rangeStartOf(attempt)
  if (attempt === undefined || since === undefined) return []
  const others: Instant[] = []
  let count = 0
  for (const { slot: other } of dueKeys([{ task, schedules, gaps }], since + 1, slot)) {
    count += 1
    if (count <= MOST_NAMED) others.unshift(other)
    else others[0] = other
    if (count === MOST_ROWS) break
  }
  if (count === 0) return []
  const did = hasSucceeded(attempt) ? 'did' : isEnded(attempt) ? 'was to do' : 'does'
  const run: Sentence = ['. The run of ', { at: slot, task }, ` ${did} `]
  if (attempt.since === undefined) return [...run, 'all work before it, too: it found no success']
  return [...run, 'the work of ', ...namedSlots(task, others, count), ', too']
}

const MOST_NAMED = 3

/** Names slots, the oldest first: `11:00 and 12:00`, or `14 slots from 01:00 to 14:00`. If there are many, `slots` has only some. */
export function namedSlots(task: string, slots: readonly Instant[], count = slots.length): Sentence {
  const times = slots.map((at) => ({ at, task }))
  const [first, last] = [times.at(0), times.at(-1)]
  if (first === undefined || last === undefined) return []
  if (count > MOST_NAMED) return [`${count} slots from `, first, ' to ', last]
  return times.flatMap((one, index) => [index === 0 ? '' : index === times.length - 1 ? ' and ' : ', ', one])
}

/** Says why no schedule on record has the slot: the task has none, or only others. An operator forced it. */
function offScheduleText({ row, of, slot }: JudgedSlot): readonly string[] {
  if (row === null || of.record === undefined || scheduleOf({ of, own: null, slot }) !== null) return []
  return [of.record === null || of.record.schedules.length === 0 ? NO_RECORD : OFF_SCHEDULE]
}

/** Nothing is decided yet, because a run that goes on, or a late trigger, may still complete the slot. */
function overdueSteps(steps: readonly Step[], target: StepTarget): readonly Step[] {
  const others = steps
    .filter(({ kind }) => kind !== 'show')
    .map(({ isOptional, ...step }) => (isOptional && step.kind !== 'run' ? { ...step, isOptional } : step))
  return [showStep('see why it is overdue', target), ...others]
}

export function verdictOfUpstream(
  { task, record, ...found }: UpstreamSlot,
  { store }: Pick<RunContext, 'store'>,
  now: Instant,
): Verdict {
  return verdictOf(judge(found, factsOf(task, record, now)), store)
}

/** Says which slot is missing and why: `slot 03:00 of extract has not completed (failed: attempt 1 failed)`. */
export function missingSentence(missing: UpstreamSlot, { status, happened }: Verdict): Sentence {
  return [...keySentence(missing), ` has not completed (${status ?? 'not due'}: `, ...happened, ')']
}
