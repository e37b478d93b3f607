import { keysOf } from '../core/objects.ts'
import { countedAttempts } from '../core/row/attempts.ts'
import { lastWithRange, rangeStartOf } from '../core/row/range.ts'
import { dueKeys } from '../core/task/expected-slots.ts'
import { pauseFor } from '../core/task/suspensions.ts'
import { futureTime } from '../core/task/wrong-clock.ts'
import { STALE_IN_RANGE_CAUTION, UNKNOWN_RANGE_CAUTION } from './cautions.ts'
import { scheduleOf } from './found.ts'
import { hasStaleInRange, isPastDoneBy, type JudgedSlot, judge } from './judge.ts'
import { isSettled, REMARKS, settledSentence } from './remarks.ts'
import type { Sentence } from './sentence.ts'
import { aloneStep, MAY_BE_OVERDUE, SITUATIONS, type VerdictRule, type Words } from './situations.ts'
import { declareStep, type Step, showStep } from './steps.ts'
import { ofRow, otherScheduleOf, type StepTarget } from './target.ts'

/**
 * Everything that cronledger says of a slot: the log, notifications, the commands, the pages and JSON only render it.
 *
 * `happened` is one sentence, with times that each surface writes in its own way. `work` answers whether it is safe to run
 * the slot again, and `caution` must stand wherever `steps` stand.
 */
export interface Verdict extends VerdictRule, Pick<JudgedSlot, 'situation' | 'status'> {
  /** How many attempts count against `--max-attempts`. */
  readonly attempts: number
  /** How many attempts scheduled triggers may start. Left out: only a run knows. */
  readonly maxAttempts?: number | undefined
}

/** What is said after an event of a run. The slot may not have been read. */
export type EventVerdict = Omit<Verdict, 'situation' | 'status'>

const NO_RECORD = ', and no schedule of this task is recorded'
const OFF_SCHEDULE = ', and no recorded schedule has this slot'

/** Returns the target of the commands for a slot in the ledger `store`. */
export function targetOfSlot({ task, slot, row, own, doubt, of }: JudgedSlot, store: string): StepTarget {
  const known = of.record ?? null
  return {
    ...{ store, task, slot, doubt },
    ...otherScheduleOf(scheduleOf({ of, own, slot }), known),
    ...ofRow(row, known?.place),
  }
}

/** Returns the words of a judgement. A run knows more of the target of its commands than the row. */
export function verdictOf(one: JudgedSlot, to: string | StepTarget): Verdict {
  const target = typeof to === 'string' ? targetOfSlot(one, to) : to
  const { situation, status, work, own, of, remarks, covering } = one
  const isOverdue = MAY_BE_OVERDUE.has(situation) && isPastDoneBy(one)
  const attempts = own === null ? 0 : countedAttempts(own)
  const { maxAttempts } = of
  const rule = coveredWords(one, SITUATIONS[situation].words(one, target), target)
  const said = keysOf(REMARKS).flatMap((name) => remarks[name]?.words(target) ?? [])
  const offSchedule = offScheduleText(one)
  const open = isSettled(own) ? [] : said
  const steps = [...open.flatMap((remark) => remark.steps ?? []), ...rule.steps]
  const isPaused = (isOpen(rule.nextTrigger) || (own === null && covering?.by != null)) && pauseOf(one) !== null
  const ahead = own && futureTime(own, of.now + of.times.skewMs)
  const cautions = [rule.caution, ...open.map(({ caution }) => caution)]
  return {
    ...rule,
    ...{ situation, status, work, attempts, maxAttempts },
    workText: open.find(({ workText }) => workText !== undefined)?.workText ?? rule.workText,
    caution:
      [
        ...cautions,
        hasStaleInRange(one) && STALE_IN_RANGE_CAUTION,
        covering?.kind === 'unknown' && UNKNOWN_RANGE_CAUTION,
      ]
        .filter(Boolean)
        .join(' ') || null,
    ...(covering?.kind === 'unknown' && { nextTrigger: 'refused' as const }),
    ...(rule.nextTrigger === 'depends' &&
      maxAttempts !== undefined && { nextTrigger: attempts < maxAttempts ? 'starts' : 'refused' }),
    ...(isPaused && { nextTrigger: 'paused' as const }),
    happened: [
      ...rule.happened,
      ...(isPaused && own !== null ? ['. The slot lies in a pause'] : []),
      ...(isOverdue ? [', and should have completed by ', { at: one.slot + (of.times.doneByMs ?? 0) }] : []),
      ...offSchedule,
      ...(ahead === null
        ? []
        : [
            '. An attempt has the time ',
            { at: ahead.at },
            `, which is in the future: the clock of ${ahead.host} was ahead, or that of this host is behind`,
          ]),
      ...said.flatMap(({ happened }) => happened),
      ...(own === null ? [] : [...settledSentence(own), ...(covering?.by == null ? rangeSentence(one) : [])]),
    ],
    steps: [
      ...(isOverdue ? overdueSteps(steps, target) : steps),
      ...(offSchedule[0] === NO_RECORD && own !== null ? [declareStep(target, own.schedule)] : []),
    ],
  }
}

function isOpen(nextTrigger: Words['nextTrigger']): boolean {
  return nextTrigger === 'starts' || nextTrigger === 'depends'
}

function pauseOf({ slot, of: { record, now, times } }: JudgedSlot) {
  return record == null ? null : pauseFor(record, slot, now, times.skewMs)
}

/** A slot in the range of a later run says what that one says, and needs what that one needs. */
function coveredWords(one: JudgedSlot, words: Words, target: StepTarget): Words {
  const { of, covering, work } = one
  const by = covering?.by
  if (by == null) return words
  const { doubt: _, attempt: __, only: ___, ...same } = target
  const to = { ...same, slot: by.slot, ...ofRow(by), ...(same.place && { place: same.place }) }
  const later = verdictOf(judge({ slot: by.slot, row: by }, of), to)
  return {
    ...words,
    workText: later.work === work ? later.workText : work,
    caution: [words.caution, later.caution].filter(Boolean).join(' ') || null,
    happened: [...words.happened, ': ', ...later.happened],
    steps: [...later.steps, ...(work === 'running' ? [] : [aloneStep(target, work === 'done' ? one : null)])],
  }
}

/** Says which slots the run of a slot has in its range, if there are others than its own, and which of them failed or are stale. */
function rangeSentence(one: JudgedSlot): Sentence {
  const { own, slot, of } = one
  const { task, inForce: schedules, gaps } = of
  const since = rangeStartOf(own === null ? undefined : lastWithRange(own))
  if (since === undefined) return []
  const [other] = dueKeys([{ task, schedules, gaps }], since + 1, slot)
  if (other === undefined) return []
  return [
    '. It has the slots after ',
    { at: since, task },
    ' in its range',
    ...IN_RANGE.flatMap((status) => partText(one, status)),
  ]
}

const IN_RANGE = ['failed', 'stale'] as const

function partText({ inRange = [] }: JudgedSlot, status: (typeof IN_RANGE)[number]): Sentence {
  const [newest, ...others] = inRange.filter(({ rowStatus }) => rowStatus === status)
  if (newest === undefined) return []
  const what =
    others.length === 0
      ? ['. Slot ', { at: newest.slot }]
      : [`. ${others.length + 1} slots up to `, { at: newest.slot }]
  return [
    ...what,
    status === 'failed' ? ' in it failed, too' : others.length === 0 ? ' in it is stale' : ' in it are stale',
  ]
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
