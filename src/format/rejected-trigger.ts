import { formatDuration } from '../core/duration.ts'
import type { RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { type CommandOptions, commandLine, scheduleOptions } from './command-line.ts'

/** Returns the next step for the operator, as a short text that contains a command to copy. */
export function adviceOn(
  { cause, survivor, holder }: Extract<RunEvent, { event: 'refused' }>,
  context: RunContext,
): string {
  const { schedule, trigger } = context
  switch (cause) {
    case 'newerRow':
      return 'update this one: npm install cronledger@latest'
    case 'running':
      return `watch it until it has ended: ${slotCommand('show', context)}`
    case 'survivor':
      return `let it end, or end it: kill ${survivor?.pid}`
    case 'scheduleMismatch': {
      const at = trigger.kind === 'scheduled' ? formatInstant(trigger.eventTime) : undefined
      return `compare with what the scheduler has: ${commandLine('explain', { ...scheduleOptions(schedule), at })}`
    }
    case 'tooManyAttempts':
      return `finish it by hand, then say so: ${resolveCommand(context)}`
    case 'newerAttempt':
      return `look what came of it, and ask again if that is still wanted: ${forceCommand(context)}`
    case 'stale':
    case 'failed':
      return `look what it did, then run it again: ${forceCommand(context)}, or say that it is done: ${resolveCommand(context)}`
    case 'overlap': {
      const { task, store } = context
      const slot = holder === undefined ? undefined : formatInstant(holder.slot)
      const show = commandLine('show', { store, task, slot })
      return `watch it until it has ended: ${show}; then run this one: ${forceCommand(context)}`
    }
    case 'noRow':
      return `look what there was: ${slotCommand('show', context)}`
    case 'tooLate':
      return `to run it all the same: ${forceCommand(context)}`
  }
}

/**
 * The rerun must get the overlap and lease settings of this run. Otherwise it could run at the same time as another
 * slot, or go on after its lease is lost.
 */
function forceCommand(context: RunContext): string {
  const { overlap, onLeaseLost } = context.guards
  return `${changeCommand('rerun', context, { overlap, 'on-lease-lost': onLeaseLost })} --reason WHY -- COMMAND`
}

function resolveCommand(context: RunContext): string {
  return `${changeCommand('resolve', context)} --state completed --reason WHY`
}

/**
 * Returns a command that changes the slot. It needs the skew of this run, otherwise it could change a slot whose lease
 * has not run out yet.
 */
function changeCommand(name: string, context: RunContext, more: CommandOptions = {}): string {
  const { skewMs } = context.guards
  return slotCommand(name, context, { skew: skewMs === undefined ? undefined : formatDuration(skewMs), ...more })
}

/**
 * Returns a complete command on the slot of this run. It must work when it is pasted, even if the ledger has no task
 * record.
 */
function slotCommand(name: string, { store, task, schedule, window }: RunContext, more: CommandOptions = {}): string {
  return commandLine(name, { store, task, ...scheduleOptions(schedule), slot: formatInstant(window.slot), ...more })
}
