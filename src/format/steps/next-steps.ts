import { formatDuration } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { COMMAND_PLACEHOLDER, REASON_PLACEHOLDER } from '../../core/placeholder.ts'
import type { Rerunnable } from '../../core/row/policy.ts'
import type { Instant, Status } from '../../core/types.ts'
import { type CommandFlags, commandLine, scheduleFlags } from '../command-line.ts'
import { forceTaskCommand, logsTailCommand } from './ecs.ts'
import type { NextStep, StepTarget } from './step.ts'

/** `show` needs no schedule to find the slot by its instant. */
export function showStep(what: string, { store, task, slot }: Pick<StepTarget, 'store' | 'task' | 'slot'>): NextStep {
  return { what, command: commandLine('show', { store, task, slot: formatInstant(slot) }) }
}

/** Returns the step that prints the log of the attempt. Returns nothing if it is unknown where that log is. */
export function logSteps(what: string, { attempt }: StepTarget): readonly NextStep[] {
  const command = attempt === undefined ? null : logsTailCommand(attempt)
  return command === null ? [] : [{ what, command }]
}

/** Returns the step with which the operator finds out what happened: the log of the attempt, or else the record. */
export function lookStep(target: StepTarget, log = 'check its log'): NextStep {
  return logSteps(log, target)[0] ?? showStep('see what happened', target)
}

/**
 * Returns the step that runs the slot where its batch runs. On ECS, the container has all options. Elsewhere, the rerun
 * must get the overlap and lease settings of this run. Otherwise it could run at the same time as another slot, or go on
 * after its lease is lost.
 */
export function rerunStep(what: string, target: StepTarget): NextStep {
  if (target.ecs !== null) return { what, command: forceTaskCommand(target.ecs, target) }
  const { overlap, onLeaseLost } = target.guards ?? {}
  const command = changeCommand('rerun', target, {
    only: target.only?.join(','),
    overlap,
    'on-lease-lost': onLeaseLost,
    reason: REASON_PLACEHOLDER,
  })
  return { what, command: `${command} -- ${COMMAND_PLACEHOLDER}` }
}

/**
 * Returns the steps for several slots of a task, from the slot of `target` to `to`: those with a status in `only`, or else
 * the missed, failed and stale ones.
 */
export function rangeSteps(target: StepTarget, to: Instant, only?: readonly Rerunnable[]): readonly NextStep[] {
  const { store, task, schedule, slot, ecs } = target
  const oldest = formatInstant(slot)
  const range = {
    store,
    task,
    ...(schedule && scheduleFlags(schedule)),
    from: oldest,
    to: formatInstant(to),
    only: only?.join(','),
  }
  const statuses = only === undefined ? 'these' : `the ${only.join(' and ')}`
  const list = { what: `list ${statuses} slots`, command: `${commandLine('rerun', range)} --dry-run` }
  // On ECS, a task runs one slot.
  if (ecs !== null) {
    const others = 'Then run the other slots of the list, one after the other'
    const note =
      target.otherSchedule === undefined
        ? `${others}: the same command, with the slot in place of ${oldest}.`
        : `${others}. They may have another schedule, so get the command of each slot from cronledger show.`
    return [list, { ...rerunStep('run the oldest one', target), note }]
  }
  const rerun = commandLine('rerun', { ...range, reason: REASON_PLACEHOLDER })
  return [list, { what: 'run them again, the oldest first', command: `${rerun} -- ${COMMAND_PLACEHOLDER}` }]
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
  return [lookStep(target), ...againSteps('run it again', target)]
}

/**
 * Returns the steps for an attempt that ended without success, if that may not be recorded. The lease of its run may still
 * hold: no other run can start before it ends, and a resolution must name the run.
 */
export function unrecordedSteps(target: StepTarget, run: string, hasStarted: boolean): readonly NextStep[] {
  const see = [showStep('see what is recorded', target), ...(hasStarted ? logSteps('check its log', target) : [])]
  if (!hasStarted) return [...see, rerunStep('run it when it is stale', target)]
  return [...see, ...againSteps('run it again when it is stale', target, run)]
}

/** Returns the steps for a slot that needs attention, for a reader who sees its record already. */
export function attentionSteps(status: Status | null, target: StepTarget): readonly NextStep[] {
  switch (status) {
    case 'failed':
      return [...logSteps('check its log', target), ...againSteps('run it again', target)]
    case 'stale': {
      const [first, second] = againSteps('run it again', target)
      return [...logSteps('check its log', target), { ...first, note: STALE_NOTE }, second]
    }
    case 'missed':
      return againSteps('run it now', target)
    case 'overdue':
      // A run that goes on may still complete the slot.
      return target.attempt === undefined ? againSteps('run it now', target) : logSteps('see its log', target)
    default:
      return []
  }
}

const STALE_NOTE =
  'It may still be running, or its work may be done: look at its log and at the data before you run it again.'

/**
 * A slot that completed before a force failed in it needs no other run, so its rerun comes last and says so. `run` is the
 * run that has ended, if its lease may still hold.
 */
function againSteps(what: string, target: StepTarget, run?: string): readonly [NextStep, NextStep] {
  const complete = (text: string) => resolveStep(text, target, 'completed', REASON_PLACEHOLDER, run)
  if (target.only?.includes('completed'))
    return [complete('mark it as completed'), rerunStep('or run it again although it has completed', target)]
  return [rerunStep(what, target), complete('or mark it as completed')]
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
