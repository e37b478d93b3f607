import { formatDuration } from '../../core/duration.ts'
import type { RunContext } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../../core/placeholder.ts'
import { terminalState } from '../../core/row/decide.ts'
import type { Guards, Rerunnable } from '../../core/row/policy.ts'
import { readableRow } from '../../core/row/status.ts'
import type { Instant, ScheduleSpec, StoredRow } from '../../core/types.ts'
import { type CommandFlags, commandLine, scheduleFlags } from '../command-line.ts'

/** Something that the operator can do, as a command to copy. */
export interface NextStep {
  readonly what: string
  readonly command: string
}

/** The slot that a command is for. */
export interface StepTarget {
  /** The value of `--store`. */
  readonly store: string
  readonly task: string
  readonly slot: Instant
  /** Null if the task record of the ledger has the schedule of the slot. */
  readonly schedule: ScheduleSpec | null
  /** The settings that the command must repeat. Left out: none. */
  readonly guards?: Guards
  /** The status that a rerun must name, because a rerun is not meant for it by default. Left out: none. */
  readonly only?: Rerunnable | undefined
}

/** Returns the status that a rerun of the slot must name. Returns undefined if it need not name any. */
export function onlyFor(row: StoredRow | null): Rerunnable | undefined {
  const known = readableRow(row)
  return known !== null && terminalState(known) === 'completed' ? 'completed' : undefined
}

export function targetOf({ store, task, schedule, window, guards }: RunContext): StepTarget {
  return { store, task, schedule, slot: window.slot, guards }
}

/** Returns the steps as lines below the line of the log, with the commands below each other. */
export function stepLines(steps: readonly NextStep[]): readonly string[] {
  const width = Math.max(0, ...steps.map(({ what }) => what.length + 1))
  return steps.map(({ what, command }) => `  ${`${what}:`.padEnd(width)}  ${command}`)
}

/** `show` needs no schedule to find the slot by its instant. */
export function showStep(what: string, { store, task, slot }: Pick<StepTarget, 'store' | 'task' | 'slot'>): NextStep {
  return { what, command: commandLine('show', { store, task, slot: formatInstant(slot) }) }
}

/**
 * The rerun must get the overlap and lease settings of this run. Otherwise it could run at the same time as another
 * slot, or go on after its lease is lost.
 */
export function rerunStep(what: string, target: StepTarget): NextStep {
  const { overlap, onLeaseLost } = target.guards ?? {}
  const { only } = target
  const more = { only, overlap, 'on-lease-lost': onLeaseLost, reason: REASON_PLACEHOLDER }
  const command = changeCommand('rerun', target, more)
  return { what, command: `${command} -- ${COMMAND_PLACEHOLDER}` }
}

/** Returns the steps for several slots of a task: the missed, failed and stale ones of `[from, to)`. */
export function rangeSteps(
  { store, task, schedule }: Omit<StepTarget, 'slot'>,
  from: Instant,
  to: Instant,
): readonly NextStep[] {
  const range = {
    store,
    task,
    ...(schedule && scheduleFlags(schedule)),
    from: formatInstant(from),
    to: formatInstant(to),
  }
  const rerun = commandLine('rerun', { ...range, reason: REASON_PLACEHOLDER })
  return [
    { what: 'list these slots', command: `${commandLine('rerun', range)} --dry-run` },
    { what: 'run them again, the oldest first', command: `${rerun} -- ${COMMAND_PLACEHOLDER}` },
  ]
}

/**
 * Returns a step that records a decision about the slot. It starts nothing. `run` is the run that has ended, if its lease
 * may still hold.
 */
export function resolveStep(
  what: string,
  target: StepTarget,
  state: 'completed' | 'skipped' = 'completed',
  reason = REASON_PLACEHOLDER,
  run?: string,
): NextStep {
  return { what, command: changeCommand('resolve', target, { run, state, reason }) }
}

/** Returns the steps for a slot whose batch failed or stopped reporting, so that an operator has to decide. */
export function decisionSteps(target: StepTarget): readonly NextStep[] {
  return [
    showStep('see what happened', target),
    rerunStep('run it again', target),
    resolveStep('or mark it as done', target),
  ]
}

/**
 * Returns a command that changes the slot. It must work when it is pasted, even if the ledger has no task record. It
 * needs the skew of this run, otherwise it could change a slot whose lease has not run out yet.
 */
function changeCommand(
  name: string,
  { store, task, schedule, slot, guards: { skewMs } = {} }: StepTarget,
  more: CommandFlags,
): string {
  return commandLine(name, {
    store,
    task,
    ...(schedule && scheduleFlags(schedule)),
    slot: formatInstant(slot),
    skew: skewMs === undefined ? undefined : formatDuration(skewMs),
    ...more,
  })
}
