import { formatInstant } from '../core/instant.ts'
import type { Rerunnable, Selectable } from '../core/row/policy.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import {
  BATCH_WORD,
  type CommandWords,
  cronledger,
  REASON_WORD,
  scheduleFlags,
  type Variables,
  type Word,
} from './command.ts'
import { commandsOf, logCommand, stateCommand } from './place/places.ts'
import type { StepTarget } from './target.ts'

export interface Step {
  /** `log` and `show` only read: the log of the batch, and the record of the slot, which a reader may see already. */
  readonly kind: 'log' | 'show' | 'run' | 'resolve' | 'other'
  readonly what: string
  readonly command: CommandWords
  /** A sentence that the operator must read with the command. Left out: there is none. */
  readonly note?: string
  /** The step is not needed. Only a surface with room for all possible steps shows it. */
  readonly isOptional?: true
}

/** Returns the steps that are needed. A reader who sees the record needs no step that shows it. */
export function neededSteps(steps: readonly Step[], sees: 'record' | 'line' = 'line'): readonly Step[] {
  return steps.filter(({ kind, isOptional }) => isOptional !== true && (sees === 'line' || kind !== 'show'))
}

export function showStep(what: string, { store, task, slot }: Pick<StepTarget, 'store' | 'task' | 'slot'>): Step {
  return { kind: 'show', what, command: cronledger('show', { store, task, slot: formatInstant(slot) }) }
}

export function logSteps(what: string, { attempt }: StepTarget): readonly Step[] {
  const command = attempt === undefined ? null : logCommand(attempt)
  return command === null ? [] : [{ kind: 'log', what, command }]
}

export function stateSteps(what: string, { attempt }: StepTarget): readonly Step[] {
  const command = attempt === undefined ? null : stateCommand(attempt)
  return command === null ? [] : [{ kind: 'other', what, command }]
}

/** Returns the step with which the operator finds out what happened: the log of the attempt, or else the record. */
export function lookStep(target: StepTarget, log = 'check its log'): Step {
  return logSteps(log, target)[0] ?? showStep('see what happened', target)
}

export function slotVariables({ slot, only, otherSchedule }: Pick<StepTarget, 'slot' | 'only' | 'otherSchedule'>) {
  return {
    CRONLEDGER_FORCE_SLOT: formatInstant(slot),
    ...(otherSchedule && {
      CRONLEDGER_SCHEDULE: otherSchedule.expression,
      CRONLEDGER_TIMEZONE: otherSchedule.zone,
      // The schedule of the container may have an anchor. An empty variable counts as unset.
      CRONLEDGER_ANCHOR: otherSchedule.anchor === undefined ? '' : formatInstant(otherSchedule.anchor),
    }),
    ...(only !== undefined && { CRONLEDGER_STATUS: only.join(',') }),
  } satisfies Variables
}

/** On a host, a rerun needs the overlap and lease settings of this run: it could run beside another slot. */
export function rerunStep(
  what: string,
  target: StepTarget,
  { reason, by }: { readonly reason?: string | undefined; readonly by?: string | undefined } = {},
): Step {
  const { place } = target
  if (place !== null) {
    const who: Variables = {
      CRONLEDGER_REASON: reason ?? { blank: 'reason', inQuotes: true },
      CRONLEDGER_BY: by ?? { blank: 'name', inQuotes: true },
    }
    return { kind: 'run', what, command: commandsOf(place).start(place, { ...slotVariables(target), ...who }) }
  }
  const { overlap, onLeaseLost } = target.guards ?? {}
  const status = target.only?.join(',')
  const { store, task } = target
  const own = { store, task, slot: formatInstant(target.slot) }
  const flags = { ...own, status, overlap, 'on-lease-lost': onLeaseLost, reason: reason ?? REASON_WORD, by }
  return { kind: 'run', what, command: cronledger('rerun', flags, '--', BATCH_WORD) }
}

/** Slots of one task, of the tasks with a prefix (`pay/*`), of an owner, or of all tasks, from `from` to `to`, both included. */
interface SlotRange {
  /** Undefined: the shell of the reader has it. */
  readonly store: string | undefined
  /** Null: all tasks, or those of the owner. */
  readonly task: string | null
  readonly owner?: string | undefined
  readonly only?: readonly Rerunnable[] | undefined
  readonly from: Instant
  /** Null: until the reader runs the command. */
  readonly to: Instant | null
}

const USUAL_JOBS = '4'

export function repairStep({ store, task, owner, only, from, to }: SlotRange): Step {
  const [begin, end] = [from, to && to + 1000].map((at) => at && formatInstant(at).replace(/:00Z$/, 'Z'))
  const range = { from: begin || undefined, until: end || undefined, status: only?.join(','), jobs: USUAL_JOBS }
  const flags = { store, task: task ?? undefined, owner, ...range, reason: REASON_WORD }
  const command = cronledger('rerun', flags, ...(task === null && owner === undefined ? ['--all'] : []))
  return { kind: 'run', what: 'run them again', command }
}

/** Steps for the slots from that of `target` to `to` with a status in `only`, or else what a range runs by default. */
export function rangeSteps(
  target: StepTarget,
  to: Instant,
  only?: readonly Rerunnable[],
  reason: Word = REASON_WORD,
): readonly Step[] {
  const { store, task, slot, place } = target
  const range = { store, task, from: formatInstant(slot), until: formatInstant(to), status: only?.join(',') }
  const statuses = only === undefined ? 'these' : `the ${only.join(' and ')}`
  const list: Step = { kind: 'other', what: `list ${statuses} slots`, command: cronledger('rerun', range, '--dry-run') }
  const command = cronledger('rerun', { ...range, reason }, ...(place === null ? ['--', BATCH_WORD] : []))
  return [list, { kind: 'run', what: 'run them, the oldest first', command }]
}

/**
 * Records a decision, and starts nothing. `run` is the run that has ended, if its lease may still hold. `from`: the first slot
 * that is decided with this one.
 */
export function resolveStep(
  what: string,
  target: StepTarget,
  state: 'completed' | 'skipped' = 'completed',
  {
    reason = REASON_WORD,
    run,
    from,
  }: { readonly reason?: Word; readonly run?: string | undefined; readonly from?: Instant | undefined } = {},
): Step {
  const { store, task, slot } = target
  const range = from !== undefined && { from: formatInstant(from), until: formatInstant(slot + 1000) }
  const command = cronledger('resolve', {
    store,
    task,
    ...(range || { slot: formatInstant(slot) }),
    run,
    state,
    reason,
  })
  return { kind: 'resolve', what, command }
}

export function settleSteps(
  what: string,
  { store, task, slot }: StepTarget,
  to: Instant,
  only: readonly Selectable[],
): readonly Step[] {
  const range = { store, task, from: formatInstant(slot), until: formatInstant(to), status: only.join(',') }
  const command = cronledger('resolve', { ...range, state: 'completed', reason: REASON_WORD })
  return [{ kind: 'resolve', what, command }]
}

export function declareStep({ store, task }: StepTarget, schedule: ScheduleSpec): Step {
  const command = cronledger('declare', { store, task, ...scheduleFlags(schedule) })
  return { kind: 'other', what: 'record the schedule of the task', command }
}

/** Returns the step that records that no slot in `[from, until)` was due, because the task did not run then. */
export function pauseStep(what: string, { store, task }: StepTarget, from: Instant, until: Instant): Step {
  const span = { store, task, from: formatInstant(from), until: formatInstant(until), reason: REASON_WORD }
  return { kind: 'other', what, command: cronledger('pause', span) }
}

/** Returns the step that skips the slot. It is optional, because to run the slot is likelier. */
export function skipStep(what: string, target: StepTarget): Step {
  return { ...resolveStep(what, target, 'skipped'), isOptional: true }
}

/** A completed slot needs no other run, so its rerun comes last. `run` has ended, and its lease may still hold. */
export function againSteps(what: string, target: StepTarget, run?: string): readonly [Step, Step] {
  const complete = (text: string) => resolveStep(text, target, 'completed', { run })
  if (target.only?.includes('completed'))
    return [complete('mark it as completed'), rerunStep('or run it again although it has completed', target)]
  return [rerunStep(what, target), complete('or mark it as completed')]
}
