import type { EventOf, FinishResult, RunContext } from '../../core/event.ts'
import { rangeStartOf } from '../../core/row/range.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { slotsBetween } from '../../core/schedule/slot.ts'
import type { AttemptRecord, Instant } from '../../core/types.ts'
import { leftCaution } from '../cautions.ts'
import { endedText, type Sentence } from '../sentence.ts'
import { decisionSteps } from '../situations.ts'
import { againSteps, logSteps, rerunStep, resolveStep, type Step, showStep } from '../steps.ts'
import { type StepTarget, targetOf } from '../target.ts'
import { type EventVerdict, namedSlots } from '../verdict.ts'

export function endedAttempt({ attempt, ending, durationMs }: EventOf<'ended'>): AttemptRecord {
  return { ...attempt, phase: 'ended', ...ending, endedAt: attempt.startedAt + Math.round(durationMs) }
}

/** The end of an attempt that may not be recorded. The verdict follows what the run knows, because the row may not say it. */
export function verdictOfUnrecorded(
  event: EventOf<'ended'>,
  finish: Exclude<FinishResult, 'recorded'>,
  context: RunContext,
): EventVerdict {
  const { attempt, ending, detail, finishCause } = event
  const target = { ...targetOf(context), attempt }
  const result = ` result ${unrecordedText(finish, finishCause)}`
  const nextTrigger = finish === 'deleted' ? 'starts' : 'depends'
  const common = { nextTrigger, attempts: attempt.number } as const
  const range = rangeDoneBy(attempt, context)
  if (ending.outcome === 'succeeded')
    return {
      ...common,
      happened: [`The batch SUCCEEDED, but its${result}`, ...rangeSentence(range)],
      work: 'done',
      workText: 'done',
      // The other run did not know of the success when it started. The operator may still be able to stop it.
      caution: `Do not run it again.${range === null ? '' : REPEATED}${finish === 'lost' ? ' The other run may be doing its work a second time.' : ''}`,
      steps: recordSteps(finish, target, context.runId, range),
    }
  const started = ending.outcome !== 'notStarted'
  const why = detail === undefined ? '' : `: ${detail}`
  const mayRun = finish === 'unanswered' && ending.outcome !== 'leaseLost'
  const ended = endedAttempt(event)
  return {
    ...common,
    happened: [`${endedText(ended)}${why}, and its${result}`],
    work: started ? 'unknown' : 'not done',
    workText: started ? 'may be half done' : 'not done',
    caution: [mayRun ? STILL_RUNNING : null, leftCaution([ended])].filter(Boolean).join(' ') || null,
    steps: unrecordedSteps(event, finish, target, context),
  }
}

/** The other slots whose work a run did. `from`: the first of them. */
interface DoneRange {
  readonly task: string
  readonly from: Instant
  readonly slot: Instant
  /** Empty: the run found no earlier success, so it did all work before its slot. */
  readonly others: readonly Instant[]
}

/** Returns null if the run did only the work of its own slot. */
function rangeDoneBy(attempt: AttemptRecord, { task, window: { slot }, schedule }: RunContext): DoneRange | null {
  const { since } = attempt
  const start = rangeStartOf(attempt)
  if (start === undefined) return null
  if (since === undefined) return { task, from: start, slot, others: [] }
  const others = [...slotsBetween(parseSchedule(schedule), since + 1000, slot)]
  const [from] = others
  return from === undefined ? null : { task, from, slot, others }
}

function rangeSentence(range: DoneRange | null): Sentence {
  if (range === null) return []
  const { task, slot, others } = range
  const work = others.length === 0 ? ['all work before it'] : ['the work of ', ...namedSlots(task, others)]
  return ['. The run of ', { at: slot, task }, ' did ', ...work, ', too']
}

const REPEATED = ' The next run repeats the work of all these slots until the success is recorded.'

const STILL_RUNNING =
  'If it is not recorded, the slot is shown as running, and cannot be run again, until it becomes stale.'

export function unrecordedText(finish: Exclude<FinishResult, 'recorded'>, cause: string | undefined): string {
  if (finish === 'unanswered') return `may not be recorded: ${cause}`
  const why = {
    lost: 'another run took over this slot',
    resolved: 'an operator resolved this slot first',
    deleted: 'the record of this slot was deleted, or lost in a failover or a restore of the ledger',
  }
  return `was not recorded, because ${why[finish]}`
}

function recordSteps(
  finish: FinishResult,
  target: StepTarget,
  runId: string,
  range: DoneRange | null,
): readonly Step[] {
  const see = showStep('see what is recorded', target)
  const reason = `run ${runId} succeeded, but could not record it`
  const record = (what: string, run?: string) =>
    resolveStep(what, target, 'completed', { reason, run, from: range?.from })
  // The other run may be doing the work a second time. Its result is unknown until it ends.
  if (finish === 'lost') return [see, record('when the other run has ended')]
  if (finish === 'resolved') return [see, record('if it is not completed', runId)]
  // The lease of this run still holds, so the command must say that this run has ended. A deleted row names no run.
  return [record('record the success', finish === 'deleted' ? undefined : runId), see]
}

function unrecordedSteps(
  { ending }: EventOf<'ended'>,
  finish: FinishResult,
  target: StepTarget,
  { runId }: RunContext,
): readonly Step[] {
  const started = ending.outcome !== 'notStarted'
  if (finish === 'unanswered' && ending.outcome !== 'leaseLost') return unansweredSteps(target, runId, started)
  // Another run or a decision has the slot, or the lease is lost and another run may start in it.
  if (finish !== 'deleted' || ending.outcome === 'leaseLost') return [showStep('see what is recorded', target)]
  return started ? decisionSteps(target) : [rerunStep('run it now', target)]
}

/** The lease of the run may still hold: no other run can start before it ends, and a resolution must name the run. */
export function unansweredSteps(target: StepTarget, run: string, hasStarted: boolean): readonly Step[] {
  const see = [showStep('see what is recorded', target), ...(hasStarted ? logSteps('check its log', target) : [])]
  if (!hasStarted) return [...see, rerunStep('run it when it is stale', target)]
  return [...see, ...againSteps('run it again when it is stale', target, run)]
}
