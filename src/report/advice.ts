import { formatDuration } from '../core/duration.ts'
import type { RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import type { ScheduleSpec } from '../core/types.ts'
import { shellWord } from './text.ts'

/** What a person can do next, as a command. */
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
      const at = trigger.kind === 'scheduled' ? { '--at': formatInstant(trigger.eventTime) } : {}
      return `compare with what the scheduler has: cronledger explain ${optionWords({ ...scheduleOptions(schedule), ...at })}`
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
      const slot = holder === undefined ? {} : { '--slot': formatInstant(holder.slot) }
      const show = `cronledger show ${optionWords({ '--store': store, '--task': task, ...slot })}`
      return `watch it until it has ended: ${show}; then run this one: ${forceCommand(context)}`
    }
    case 'noRow':
      return `look what there was: ${slotCommand('show', context)}`
    case 'tooLate':
      return `to run it all the same: ${forceCommand(context)}`
  }
}

/** What keeps the run apart from others keeps whoever runs in its place apart too. */
function forceCommand(context: RunContext): string {
  const { overlap, onLeaseLost } = context.guards
  const guards = optionWords({
    ...(overlap && { '--overlap': overlap }),
    ...(onLeaseLost && { '--on-lease-lost': onLeaseLost }),
  })
  return `${changeCommand('rerun', context)}${guards && ` ${guards}`} --reason WHY -- COMMAND`
}

function resolveCommand(context: RunContext): string {
  return `${changeCommand('resolve', context)} --state completed --reason WHY`
}

/** A command that must not take a slot of which the lease is not over. */
function changeCommand(command: string, context: RunContext): string {
  const { skewMs } = context.guards
  return slotCommand(command, context) + (skewMs === undefined ? '' : ` --skew ${formatDuration(skewMs)}`)
}

/** A command on the slot of this run, whole: it must work as it is copied, whatever the registry knows. */
function slotCommand(command: string, { store, task, schedule, window }: RunContext): string {
  const slot = { '--slot': formatInstant(window.slot) }
  return `cronledger ${command} ${optionWords({ '--store': store, '--task': task, ...scheduleOptions(schedule), ...slot })}`
}

function scheduleOptions({ expression, zone, anchor }: ScheduleSpec): Readonly<Record<string, string>> {
  return {
    '--schedule': expression,
    '--timezone': zone,
    ...(anchor === undefined ? {} : { '--anchor': formatInstant(anchor) }),
  }
}

function optionWords(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .flatMap(([name, value]) => [name, shellWord(value)])
    .join(' ')
}
