import { elapsed } from '../core/duration.ts'
import { blockerOf, countedAttempts, hasCompleted, hasStarted } from '../core/row/attempts.ts'
import { terminalState } from '../core/row/decide.ts'
import { isEndUnknown } from '../core/row/status.ts'
import { type Unmet, unmetText } from '../core/task/rules.ts'
import type { FoundSuspension } from '../core/task/suspensions.ts'
import type { Instant, Row, UnreadableRow } from '../core/types.ts'
import { failedCaution, isLost, leftCaution, lostCaution, REPEATED_CAUTION, STALE_CAUTION } from './cautions.ts'
import {
  doubtSentence,
  lastSentence,
  openName,
  openSentence,
  repeatedSentence,
  type Sentence,
  staleSentence,
  successSentence,
} from './sentence.ts'
import { againSteps, logSteps, lookStep, rerunStep, resolveStep, type Step, showStep, skipStep } from './steps.ts'
import type { StepTarget } from './target.ts'

// The table of docs/reference/verdicts.md in code: one rule for each situation.

/** Whether the work of a slot was done. It decides whether it is safe to run the slot again. */
type WorkDone = 'done' | 'not done' | 'unknown' | 'running'

/** The effect of a further scheduled trigger of the slot. `depends`: on its `--max-attempts`. */
type NextTrigger = 'starts' | 'depends' | 'duplicate' | 'refused'

export interface VerdictFacts {
  readonly target: StepTarget
  /** Null if there is none that this version can read. */
  readonly row: Row | null
  /** The row, if this version cannot read it. */
  readonly unread: UnreadableRow | null
  readonly now: Instant
  readonly skewMs: number
  readonly found: FoundSuspension | null
  readonly unmet: readonly Unmet[]
  readonly firstSlot: Instant | undefined
  /** What is said of the slot that covers this one. Null: its row was not read, or is gone. */
  readonly covering: { readonly slot: Instant; readonly verdict: VerdictRule } | null
}

export interface VerdictRule {
  readonly happened: Sentence
  readonly work: WorkDone
  /** What is known of the work, more exactly. */
  readonly workText: string
  readonly nextTrigger: NextTrigger
  /** A warning that the operator must read before anything is run. Null: nothing. */
  readonly caution: string | null
  /** The likeliest first. */
  readonly steps: readonly Step[]
}

/** An attempt that stopped reporting after its work had started. */
const LOST = {
  work: 'unknown',
  workText: 'may be done, half done, or still going on',
  caution: STALE_CAUTION,
} as const
const NOT_DONE = { work: 'not done', workText: 'not done', nextTrigger: 'starts', caution: null } as const
const RUNNING = { work: 'running', workText: 'running', nextTrigger: 'duplicate', caution: null } as const
const UNREAD = { work: 'unknown', workText: 'unknown', nextTrigger: 'refused', caution: null } as const
const DONE = { work: 'done', nextTrigger: 'duplicate', caution: null } as const
/** Nothing runs, and a trigger starts nothing. The slot may have completed before a force of it failed, or waits. */
function idleRule(row: Row | null): Omit<VerdictRule, 'happened' | 'steps'> {
  if (row !== null && hasCompleted(row)) return { ...DONE, workText: 'done once', caution: REPEATED_CAUTION }
  const begun = { work: 'unknown', workText: 'an earlier attempt may have done a part of it' } as const
  return { ...NOT_DONE, ...(hasBegun(row) && begun), nextTrigger: 'duplicate' }
}

/** The rule of each situation. A new situation is a line here, and a row of the table in the docs. */
export const VERDICT_RULES = {
  scheduled: ({ target, now }) => ({
    ...NOT_DONE,
    happened: [`is due in ${elapsed(target.slot - now)}`],
    steps: [skipStep('skip it', target)],
  }),
  due: ({ target, now }) => ({
    ...NOT_DONE,
    happened: [`was due ${elapsed(now - target.slot)} ago, no run is recorded yet`],
    steps: [{ ...rerunStep('run it now', target), isOptional: true }, skipStep('or skip it', target)],
  }),
  missed: (facts) => missedRule(', no run is recorded', facts),
  doubtful: ({ target }) => ({
    ...NOT_DONE,
    happened: doubtSentence(target),
    caution: 'It may not have been due: find out before you run it.',
    steps: [
      resolveStep('mark it as skipped, if it was not due', target, 'skipped'),
      rerunStep('or run it now', target),
      { ...resolveStep('or mark it as completed', target), isOptional: true },
    ],
  }),
  declared: (facts) => missedRule(', and no scheduled run of this task is recorded at all', facts),
  notExpected: ({ target, found, firstSlot = Number.NEGATIVE_INFINITY }) => ({
    ...NOT_DONE,
    happened:
      found === null
        ? target.doubt !== undefined
          ? doubtSentence(target)
          : target.slot < firstSlot
            ? ['was not expected to run: its schedule is recorded from ', { at: firstSlot }, ' on']
            : ['was not expected to run, no run is recorded']
        : [
            `${found.suspension.by} ${found.kind === 'pause' ? 'paused' : 'retired'} the task: ${found.suspension.reason}`,
          ],
    nextTrigger: found === null ? 'starts' : 'duplicate',
    steps: [{ ...rerunStep('run it anyway', target), isOptional: true }],
  }),
  waiting: ({ target, row }) => ({
    ...idleRule(row),
    happened: openSentence(row),
    steps: watchSteps(target),
  }),
  running: ({ target, row, now }) => ({
    ...RUNNING,
    happened: openSentence(row, now),
    steps: watchSteps(target),
  }),
  silent: ({ target, row, skewMs }) => {
    const leaseUntil = row?.leaseUntil ?? 0
    return {
      ...RUNNING,
      workText: 'running, as far as the ledger knows',
      happened: [
        `${openName(row)} did not renew its lease, which ended at `,
        { at: leaseUntil },
        ', and is stale from ',
        { at: leaseUntil + skewMs },
        ' on',
      ],
      caution: 'It may have died. Wait until it is stale, and look at its log before you run it again.',
      steps: watchSteps(target),
    }
  },
  stale: ({ target, row }) => ({
    happened: staleSentence(row),
    ...(hasBegun(row) ? LOST : NOT_DONE),
    nextTrigger: nextTriggerOf(row),
    steps: decisionSteps(target),
  }),
  failed: ({ target, row }) => {
    const [lost, left] = [lostCaution(row), leftCaution(row?.attempts)]
    const ofLast = left === null ? 'may be half done' : 'may be half done, or still going on'
    return {
      happened: lastSentence(row),
      work: 'unknown',
      workText: lost === null ? ofLast : LOST.workText,
      nextTrigger: nextTriggerOf(row),
      caution: failedCaution(row),
      steps: decisionSteps(target),
    }
  },
  notStarted: ({ target, row }) => {
    const blocker = blockerStep(target, row)
    const again = againSteps(blocker === null ? 'run it now' : 'then run it', target)
    return {
      ...NOT_DONE,
      happened: lastSentence(row),
      nextTrigger: nextTriggerOf(row),
      steps: [blocker ?? lookStep(target), ...again, skipStep('or skip it', target)],
    }
  },
  completed: (facts) => completedRule('done', facts),
  unusual: (facts) => {
    const again = rerunStep('run it again, if its work is wrong', { ...facts.target, only: ['completed'] })
    return {
      ...completedRule('done, perhaps wrongly', facts),
      happened: [...successSentence(facts.row), `, but ${facts.unmet.map(unmetText).join(', ')}`],
      caution: 'Look at the data first. To run it again does its work a second time.',
      steps: [lookStep(facts.target), again],
    }
  },
  repaired: (facts) =>
    completedRule(
      facts.row?.attempts.some(isLost)
        ? 'done, perhaps twice: an earlier attempt never reported its end'
        : 'done, after a failed attempt',
      facts,
    ),
  marked: (facts) => completedRule('done, as an operator recorded', facts),
  repeated: ({ target, row }) => ({
    ...DONE,
    happened: repeatedSentence(row),
    workText: 'done once. The repetition may be half done',
    caution: [row !== null && isEndUnknown(row) ? STALE_CAUTION : (leftCaution(row?.attempts) ?? ''), REPEATED_CAUTION]
      .join(' ')
      .trim(),
    steps: decisionSteps(target),
  }),
  skipped: ({ target, row }) => ({
    ...idleRule(row),
    happened: lastSentence(row),
    steps: [{ ...rerunStep('run it anyway', target), isOptional: true }],
  }),
  covered: ({ target, row, covering }) => {
    const by = covering?.slot ?? row?.coveredBy ?? target.slot
    const is = ['slot ', { at: by }, ' covers this one'] as const
    if (covering === null) {
      const isGone = row?.covering === null
      const steps = isGone
        ? againSteps('run it now', target)
        : [showStep('see that slot', { ...target, slot: by }), ...aloneSteps(target)]
      const happened = isGone ? [...is, ', and its record is gone'] : is
      const caution = isGone ? 'Its work may be done: look at the data before you run it.' : null
      return { ...UNREAD, happened, nextTrigger: 'duplicate', caution, steps }
    }
    const { happened, steps, ...rule } = covering.verdict
    return {
      ...rule,
      happened: [...is, ': ', ...happened],
      nextTrigger: 'duplicate',
      steps: [...steps, ...aloneSteps(target, rule.work)],
    }
  },
  newer: ({ target, unread }) => ({
    ...UNREAD,
    happened: [
      `a newer version of cronledger wrote this record (schema ${unread && 'schemaVersion' in unread ? unread.schemaVersion : '?'}). Update cronledger to read it`,
    ],
    steps: [showStep('show it with the newer version', target)],
  }),
  damaged: ({ target, unread }) => ({
    ...UNREAD,
    happened: [unread && 'damage' in unread ? unread.damage.replace(/\.$/, '') : 'its record is damaged'],
    caution: 'Its batch may have run: look at its log and at the data before you run it.',
    steps: [showStep('see what is wrong', target)],
  }),
} as const satisfies Readonly<Record<string, (facts: VerdictFacts) => VerdictRule>>

export type SlotSituation = keyof typeof VERDICT_RULES

function missedRule(what: string, { target, now }: VerdictFacts): VerdictRule {
  return {
    ...NOT_DONE,
    workText: 'not done, as far as the ledger knows',
    happened: [`was due ${elapsed(now - target.slot)} ago${what}`],
    steps: [...againSteps('run it now', target), skipStep('or skip it', target)],
  }
}

function completedRule(workText: string, { target, row }: VerdictFacts): VerdictRule {
  const again = rerunStep('run it again although it has completed', { ...target, only: ['completed'] })
  const steps = [{ ...again, note: REPEATED_CAUTION, isOptional: true }] as const
  return { ...DONE, workText, happened: successSentence(row), steps }
}

/** Returns the step that runs a covered slot alone. A force is refused while the run that covers it runs, or if that completed. */
function aloneSteps(target: StepTarget, work?: WorkDone): readonly Step[] {
  const what = 'run only this slot'
  if (work === 'running') return []
  if (work !== 'done') return [{ ...rerunStep(what, target), isOptional: true }]
  return [{ ...rerunStep(what, { ...target, only: ['completed'] }), note: REPEATED_CAUTION, isOptional: true }]
}

/** Returns the steps for a slot whose batch failed or stopped reporting, so that an operator has to decide. */
export function decisionSteps(target: StepTarget): readonly Step[] {
  const again = againSteps('run it again', target)
  return [lookStep(target), ...again, ...(target.only === undefined ? [skipStep('or skip it', target)] : [])]
}

/** Returns the step that shows what kept the slot from starting. Its own record, or a reader of it, does not show that. */
function blockerStep({ store }: StepTarget, row: Row | null): Step | null {
  const blocker = blockerOf(row?.attempts.at(-1))
  return blocker && { ...showStep('see what it waited for', { store, ...blocker }), kind: 'other' }
}

/** Something runs or waits, so nothing can be decided yet. */
function watchSteps(target: StepTarget): readonly Step[] {
  return [...logSteps('see its log', target), showStep('see what happened', target)]
}

function nextTriggerOf(row: Row | null): NextTrigger {
  if (row !== null && terminalState(row) !== null) return 'duplicate'
  return row === null || countedAttempts(row) === 0 ? 'starts' : 'depends'
}

function hasBegun(row: Row | null): boolean {
  return row?.attempts.some(hasStarted) ?? false
}
