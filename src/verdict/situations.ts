import { elapsed } from '../core/duration.ts'
import {
  blockerOf,
  countedAttempts,
  gaveWayTo,
  hasCompleted,
  hasStarted,
  isOfScheduler,
  isOverlapSkip,
  isRepaired,
  missedForMs,
  successOf,
} from '../core/row/attempts.ts'
import { rerunnableAs, terminalState } from '../core/row/decide.ts'
import type { Rerunnable } from '../core/row/policy.ts'
import { isEndUnknown, isUnreadable, missedUntil } from '../core/row/status.ts'
import { suspensionOf } from '../core/task/suspensions.ts'
import type { Row, Status } from '../core/types.ts'
import { isTaskName } from '../core/user-text.ts'
import {
  COVERED_STALE_CAUTION,
  failedCaution,
  isLost,
  leftCaution,
  lostCaution,
  neededText,
  REPEATED_CAUTION,
  STALE_CAUTION,
} from './cautions.ts'
import type { SlotInTask } from './found.ts'
import {
  doubtSentence,
  endedText,
  lastSentence,
  openName,
  openSentence,
  repeatedSentence,
  type Sentence,
  staleSentence,
  successSentence,
} from './sentence.ts'
import {
  againSteps,
  logSteps,
  lookStep,
  rerunStep,
  resolveStep,
  type Step,
  showStep,
  skipStep,
  stateSteps,
} from './steps.ts'
import type { StepTarget } from './target.ts'

// The table of docs/reference/verdicts.md in code.

/** Whether the work of a slot was done. It decides whether it is safe to run the slot again. */
type WorkDone = 'done' | 'not done' | 'unknown' | 'running'

/** The effect of a further scheduled trigger of the slot. `depends`: on its `--max-attempts`. `paused`: it starts nothing. */
type NextTrigger = 'starts' | 'depends' | 'duplicate' | 'refused' | 'paused'

export interface Words {
  readonly happened: Sentence
  readonly workText: string
  readonly nextTrigger: NextTrigger
  /** A warning that the operator must read before anything is run. Null: nothing. */
  readonly caution: string | null
  readonly steps: readonly Step[]
}

export interface VerdictRule extends Words {
  readonly work: WorkDone
}

/** The first that holds is the situation of the slot. Its words are made only where they are shown. */
interface SituationRow {
  holds(found: SlotInTask): boolean
  /** Null: the slot has no row, and was never due. */
  readonly status: Status | null
  readonly mark?: string
  /** The kind of the finding of `check`. Null: it needs no attention. */
  readonly kind: string | null
  /** The status by which the rerun of a range selects it. Null: a range leaves it out. */
  readonly range: Rerunnable | null
  readonly work: WorkDone | ((found: SlotInTask) => WorkDone)
  words(found: SlotInTask, target: StepTarget): Words
}

const CALM = { kind: null, range: null } as const
const MISSED = { status: 'missed', kind: 'missed', range: 'missed', work: undoneWork } as const
const STALE = { status: 'stale', kind: 'stale', range: 'stale' } as const
const FAILED = { status: 'failed', kind: 'failed', range: 'failed' } as const
const COMPLETED = { status: 'completed', kind: null, range: 'completed', work: 'done' } as const
const UNREAD = { status: 'unknown', kind: 'unknown', range: null, work: 'unknown' } as const

const RUNNING = { workText: 'running', nextTrigger: 'duplicate', caution: null } as const
const NOT_KNOWN = { workText: 'unknown', nextTrigger: 'refused', caution: null } as const
const DONE = { nextTrigger: 'duplicate', caution: null } as const
/** An attempt that stopped reporting after its work had started. */
const LOST = { workText: 'may be done, half done, or still going on', caution: STALE_CAUTION } as const

const isMissed = ({ isAbsent, slot, of: { now, times } }: SlotInTask) =>
  isAbsent && slot < missedUntil({ now, graceMs: times.graceMs })
const isRepeated = ({ rowStatus, own }: SlotInTask, status: Status) =>
  rowStatus === status && own !== null && hasCompleted(own)

export const SITUATIONS = {
  notExpected: {
    ...CALM,
    status: null,
    work: undoneWork,
    holds: ({ isAbsent, isExpected = true }) => isAbsent && !isExpected,
    words: (one, target) => {
      const { slot, of } = one
      const { record } = of
      const known = record ?? null
      const found = suspensionOf(known, slot)
      const firstSlot = known?.schedules[0]?.since ?? Number.NEGATIVE_INFINITY
      return {
        ...undone(one),
        happened:
          found !== null
            ? [
                `${found.suspension.by} ${found.kind === 'pause' ? 'paused' : 'retired'} the task: ${found.suspension.reason}`,
              ]
            : target.doubt !== undefined
              ? doubtSentence(target)
              : slot < firstSlot
                ? ['was not expected to run: its schedule is recorded from ', { at: firstSlot }, ' on']
                : ['was not expected to run, no run is recorded'],
        steps: [{ ...rerunStep('run it anyway', target), isOptional: true }],
      }
    },
  },
  /** A later run that succeeded has it in its range. */
  covered: {
    ...CALM,
    status: 'completed',
    range: 'completed',
    work: 'done',
    holds: ({ later }) => later.covering?.kind === 'done',
    words: (found, target) => {
      const by = found.later.covering?.by ?? null
      return {
        ...DONE,
        workText: 'done by a later run',
        happened: [...ranPart(found), ...runOf(by, target), ' did its work, too: ', ...successSentence(by, null)],
        caution: found.own !== null && isEndUnknown(found.own) ? COVERED_STALE_CAUTION : null,
        steps: [aloneStep(target, found)],
      }
    },
  },
  /** A later run that goes on has it in its range. */
  inRun: {
    ...CALM,
    status: 'running',
    work: 'running',
    holds: ({ later }) => later.covering?.kind === 'running',
    words: (found, target) => {
      const by = found.later.covering?.by ?? null
      return {
        ...RUNNING,
        happened: [...ranPart(found), ...runOf(by, target), ' does its work, too: ', ...openSentence(by)],
        caution: found.own !== null && isEndUnknown(found.own) ? COVERED_STALE_CAUTION : null,
        steps: by === null ? [] : watchSteps({ ...target, slot: by.slot, attempt: by.attempts.findLast(hasStarted) }),
      }
    },
  },
  doubtful: {
    ...MISSED,
    range: null,
    holds: (found) => isMissed(found) && found.doubt !== undefined,
    words: (found, target) => ({
      ...undone(found),
      happened: doubtSentence(target),
      caution: 'It may not have been due: find out before you run it.',
      steps: [
        resolveStep('mark it as skipped, if it was not due', target, 'skipped'),
        rerunStep('or run it now', target),
        { ...resolveStep('or mark it as completed', target), isOptional: true },
      ],
    }),
  },
  declared: {
    ...MISSED,
    holds: (found) => isMissed(found) && found.of.isOnlyDeclared,
    words: (found, target) => missedWords(', and no scheduled run of this task is recorded at all', found, target),
  },
  missed: {
    ...MISSED,
    holds: isMissed,
    words: (found, target) => missedWords(', no run is recorded', found, target),
  },
  scheduled: {
    ...CALM,
    status: 'scheduled',
    work: 'not done',
    holds: (found) => found.isAbsent && found.slot > found.of.now,
    words: (found, target) => ({
      ...undone(found),
      happened: [`is due in ${elapsed(found.slot - found.of.now)}`],
      steps: [skipStep('skip it', target)],
    }),
  },
  due: {
    ...CALM,
    status: 'due',
    work: undoneWork,
    holds: (found) => found.isAbsent,
    words: (found, target) => ({
      ...undone(found),
      happened: [`was due ${elapsed(found.of.now - found.slot)} ago, no run is recorded yet`],
      steps: [{ ...rerunStep('run it now', target), isOptional: true }, skipStep('or skip it', target)],
    }),
  },
  newer: {
    ...UNREAD,
    holds: ({ row }) => row !== null && 'newerSchema' in row,
    words: ({ row }, target) => ({
      ...NOT_KNOWN,
      happened: [
        `a newer version of cronledger wrote this record (schema ${row && 'schemaVersion' in row ? row.schemaVersion : '?'}). Update cronledger to read it`,
      ],
      steps: [showStep('show it with the newer version', target)],
    }),
  },
  damaged: {
    ...UNREAD,
    holds: ({ row }) => row !== null && isUnreadable(row),
    words: ({ row }, target) => ({
      ...NOT_KNOWN,
      happened: [row && 'damage' in row ? row.damage.replace(/\.$/, '') : 'its record is damaged'],
      caution: 'Its batch may have run: look at its log and at the data before you run it.',
      // No command takes a name that no task can have.
      steps: isTaskName(target.task) ? [showStep('see what is wrong', target)] : [],
    }),
  },
  waiting: {
    ...CALM,
    status: 'waiting',
    work: idleWork,
    holds: ({ rowStatus }) => rowStatus === 'waiting',
    words: (found, target) => ({ ...idleWords(found), happened: openSentence(found.own), steps: watchSteps(target) }),
  },
  silent: {
    ...CALM,
    status: 'running',
    work: 'running',
    holds: ({ rowStatus, own, of: { now } }) =>
      rowStatus === 'running' && now > (own?.leaseUntil ?? Number.POSITIVE_INFINITY),
    words: ({ own, of: { times } }, target) => {
      const leaseUntil = own?.leaseUntil ?? 0
      return {
        ...RUNNING,
        workText: 'running, as far as the ledger knows',
        happened: [
          `${openName(own)} did not renew its lease, which ended at `,
          { at: leaseUntil },
          ', and is stale from ',
          { at: leaseUntil + times.skewMs },
          ' on',
        ],
        caution: 'It may have died. Wait until it is stale, and look at its log before you run it again.',
        steps: watchSteps(target),
      }
    },
  },
  running: {
    ...CALM,
    status: 'running',
    work: 'running',
    holds: ({ rowStatus }) => rowStatus === 'running',
    words: ({ own, of: { now } }, target) => ({
      ...RUNNING,
      happened: openSentence(own, now),
      steps: watchSteps(target),
    }),
  },
  /** A force of a completed slot that failed, or stopped reporting. */
  repeated: {
    ...FAILED,
    range: 'completed',
    work: 'done',
    holds: (found) => isRepeated(found, 'failed'),
    words: repeatedWords,
  },
  repeatedStale: {
    ...STALE,
    range: 'completed',
    work: 'done',
    holds: (found) => isRepeated(found, 'stale'),
    words: repeatedWords,
  },
  stale: {
    ...STALE,
    work: (found) => (hasBegun(found.own) ? 'unknown' : undoneWork(found)),
    holds: ({ rowStatus }) => rowStatus === 'stale',
    words: (found, target) => ({
      happened: staleSentence(found.own),
      ...(hasBegun(found.own) ? LOST : undone(found)),
      nextTrigger: nextTriggerOf(found),
      steps: [...(hasBegun(found.own) ? stateSteps('see whether it has ended', target) : []), ...decisionSteps(target)],
    }),
  },
  notStarted: {
    ...FAILED,
    work: undoneWork,
    holds: ({ rowStatus, own }) => rowStatus === 'failed' && !hasBegun(own) && own?.resolutions.length === 0,
    words: (found, target) => {
      const { own } = found
      const blocker = blockerStep(target, own)
      const again = againSteps(blocker === null ? 'run it now' : `then run this slot of ${target.task}`, target)
      return {
        ...undone(found),
        happened: lastSentence(own),
        nextTrigger: nextTriggerOf(found),
        steps: [blocker ?? lookStep(target), ...again, skipStep('or skip it', target)],
      }
    },
  },
  failed: {
    ...FAILED,
    work: 'unknown',
    holds: ({ rowStatus }) => rowStatus === 'failed',
    words: (found, target) => {
      const { own, later } = found
      const [lost, left] = [lostCaution(own), leftCaution(own?.attempts)]
      const ofLast = left === null ? 'may be half done' : 'may be half done, or still going on'
      return {
        happened: lastSentence(own),
        workText: `${lost === null ? ofLast : LOST.workText}${later.done === null ? '' : '. A later run has done it once'}`,
        nextTrigger: nextTriggerOf(found),
        caution: failedCaution(own),
        steps: decisionSteps(target),
      }
    },
  },
  skipped: {
    ...CALM,
    status: 'skipped',
    range: 'skipped',
    work: idleWork,
    holds: ({ rowStatus }) => rowStatus === 'skipped',
    words: (found, target) => ({
      ...idleWords(found),
      happened: [...lastSentence(found.own), ...(isForNextRun(found) ? ['. The next run does its work, too'] : [])],
      steps: [
        found.later.done === null
          ? { ...rerunStep('run it anyway', target), isOptional: true }
          : aloneStep(target, found),
      ],
    }),
  },
  marked: {
    ...COMPLETED,
    mark: 'marked',
    holds: ({ own }) => own !== null && successOf(own) === undefined,
    words: (found, target) => completedWords('done, as an operator recorded', found, target),
  },
  repaired: {
    ...COMPLETED,
    mark: 'repaired',
    holds: (found) => found.own !== null && (isRepaired(found.own) || isCaughtUp(found)),
    words: (found, target) => {
      const isTwice = found.own?.attempts.some(isLost)
      const twice = 'done, perhaps twice: an earlier attempt never reported its end'
      const once = found.own !== null && isRepaired(found.own) ? 'done, after a failed attempt' : 'done'
      return completedWords(isTwice ? twice : once, found, target)
    },
  },
  completed: {
    ...COMPLETED,
    holds: () => true,
    words: (found, target) => completedWords('done', found, target),
  },
} as const satisfies Readonly<Record<string, SituationRow>>

export type SlotSituation = keyof typeof SITUATIONS

/** A slot that is due or goes on, and has not completed by the time that its task states. Its situation stays the same. */
export const OVERDUE = { status: 'overdue', kind: 'overdue', range: null } as const
export const MAY_BE_OVERDUE: ReadonlySet<SlotSituation> = new Set(['due', 'waiting', 'silent', 'running', 'inRun'])

/** Nothing has started in the slot itself. A later run that did not succeed may have done a part of its work. */
function undone({ later: { failed, lost } }: SlotInTask) {
  const isTried = failed !== null || lost !== null
  const workText = isTried ? 'unknown: a later run may have done it, or a part of it' : 'not done'
  return { workText, nextTrigger: 'starts', caution: null } as const
}

function undoneWork({ later: { covering, failed, lost } }: SlotInTask): WorkDone {
  return covering !== null || failed !== null || lost !== null ? 'unknown' : 'not done'
}

/** Nothing runs, and a trigger starts nothing. The slot may have completed before a force of it failed, or waits. */
function idleWords(found: SlotInTask) {
  const { own, later } = found
  if (own !== null && hasCompleted(own)) return { ...DONE, workText: 'done once', caution: REPEATED_CAUTION } as const
  if (later.done !== null) return { ...DONE, workText: 'done by a later run' } as const
  const begun = { workText: 'an earlier attempt may have done a part of it' } as const
  return { ...undone(found), ...(hasBegun(own) && begun), nextTrigger: 'duplicate' } as const
}

function idleWork(found: SlotInTask): WorkDone {
  const { own, later } = found
  if (later.done !== null || (own !== null && hasCompleted(own))) return 'done'
  return hasBegun(own) ? 'unknown' : undoneWork(found)
}

function isForNextRun({ own, of }: SlotInTask): boolean {
  return own !== null && isOverlapSkip(own) && of.rangesUntil === Number.POSITIVE_INFINITY
}

/** Says how the own attempts of a slot ended whose work a later run has. */
function ranPart({ own }: SlotInTask): Sentence {
  const ran = own?.attempts.findLast(hasStarted)
  return ran === undefined ? [] : [`${endedText(ran)}, and `]
}

function runOf(by: Row | null, { task }: StepTarget): Sentence {
  return ['the run of slot ', { at: by?.slot ?? 0, task }]
}

function repeatedWords({ own }: SlotInTask, target: StepTarget): Words {
  const first = own !== null && isEndUnknown(own) ? STALE_CAUTION : (leftCaution(own?.attempts) ?? '')
  return {
    ...DONE,
    happened: repeatedSentence(own),
    workText: 'done once. The repetition may be half done',
    caution: [first, REPEATED_CAUTION].join(' ').trim(),
    steps: decisionSteps(target),
  }
}

function missedWords(what: string, found: SlotInTask, target: StepTarget): Words {
  const { own, slot, of } = found
  const words = undone(found)
  const other = gaveWayTo(own?.attempts.at(-1))
  const due = `was due ${elapsed(of.now - slot)} ago`
  return {
    ...words,
    ...(undoneWork(found) === 'not done' && { workText: 'not done, as far as the ledger knows' }),
    happened:
      own === null || other === undefined
        ? [`${due}${what}`]
        : [`${due}, gave way to slot `, { at: other, task: own.task }, ', and no run has done it'],
    steps: [...runNowSteps(found, target), skipStep('or skip it', target)],
  }
}

/** Nothing has started in the slot, so the run may be refused because of another one, which only the ledger knows. */
function runNowSteps({ of: { record } }: SlotInTask, target: StepTarget): readonly Step[] {
  const [run, complete] = againSteps('run it now', target)
  const note = neededText(record)
  return [note === null ? run : { ...run, note }, complete]
}

function isCaughtUp({ own, of }: SlotInTask): boolean {
  const first = own?.attempts.find(hasStarted)
  return own !== null && first !== undefined && missedForMs(own, of.times.graceMs) !== null && !isOfScheduler(first)
}

function completedWords(once: string, found: SlotInTask, target: StepTarget): Words {
  const isTwice = found.later.done !== null && found.own !== null && successOf(found.own) !== undefined
  const workText = isTwice ? 'done, perhaps twice: a later run did it as well' : once
  const again = rerunStep('run it again although it has completed', { ...target, only: ['completed'] })
  const steps = [{ ...again, note: REPEATED_CAUTION, isOptional: true }] as const
  return { ...DONE, workText, happened: successSentence(found.own, missedFor(found)), steps }
}

/** Returns the step that runs a slot alone whose work a later run has done. */
function aloneStep(target: StepTarget, { row, of }: SlotInTask): Step {
  const only = [rerunnableAs(row, of.now, of.times.skewMs) ?? 'missed', 'completed'] as const
  return { ...rerunStep('run only this slot', { ...target, only }), note: REPEATED_CAUTION, isOptional: true }
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

function watchSteps(target: StepTarget): readonly Step[] {
  return [...logSteps('see its log', target), showStep('see what happened', target)]
}

function nextTriggerOf({ own, later }: SlotInTask): NextTrigger {
  if (own !== null && terminalState(own) !== null) return 'duplicate'
  // It failed after a later run had done its work.
  if (later.done !== null) return 'refused'
  return own === null || countedAttempts(own) === 0 ? 'starts' : 'depends'
}

/** Returns for how long a completed slot was missed, in milliseconds. Null: it was not, or a remark says how late it started. */
export function missedFor({ own, of: { times } }: SlotInTask): number | null {
  const missedMs = own && missedForMs(own, times.graceMs)
  return missedMs !== null && times.lateAfterMs !== null && missedMs > times.lateAfterMs ? null : missedMs
}

function hasBegun(row: Row | null): boolean {
  return row?.attempts.some(hasStarted) ?? false
}
