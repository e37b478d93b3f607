import type { RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import type { ResolveObjection } from '../../core/row/decide.ts'
import type { Survivor } from '../../core/types.ts'
import {
  BATCH_WORD,
  type CommandFlags,
  type CommandWords,
  cronledger,
  durationFlag,
  REASON_WORD,
  scheduleFlags,
} from '../command.ts'
import { commandsOf } from '../place/places.ts'
import { rerunStep, resolveStep, type Step, showStep } from '../steps.ts'
import { type StepTarget, targetOf } from '../target.ts'

// The steps that only an event of a run, or a refused decision, calls for.

/** The process may be of another user, who has to end it. */
export function endStep(survivor: Survivor | null, { host }: RunContext): readonly Step[] {
  if (survivor === null || survivor.isForeign) return []
  const { pid } = survivor
  // The reader may be on another host. If the process ends by itself, it may have done the work.
  return [{ kind: 'other', what: `wait until it ends, or end it on ${host.host}`, command: ['kill', `${pid}`] }]
}

export function unusableSteps(context: RunContext): readonly Step[] {
  const { store, task } = context
  // The operator may have more permissions than the run, so the check must be for the role of a run.
  const command = cronledger('setup', { store, task, role: 'runner' }, '--check')
  return [
    { kind: 'other', what: 'check the setup where the batch runs', command },
    forceStep('then run the slot', context),
  ]
}

/** Returns the steps after a decision that was not recorded. `isCompletion`: the operator marked the slot as completed. */
export function stepsOfObjection(cause: ResolveObjection, target: StepTarget, isCompletion: boolean): readonly Step[] {
  const see = showStep('see what is recorded', target)
  switch (cause) {
    case 'running':
    case 'tooManyResolutions':
    case 'otherRun':
      return [see]
    case 'completed':
      // After an unrecorded success, the operator records a success that may be recorded after all. We must not offer to
      // run the batch a second time then.
      return [isCompletion ? see : rerunStep('if it must run again', target)]
    case 'notDue':
      return [resolveStep('if it must not run', target, 'skipped')]
    case 'survivor':
    case 'newerRow':
      return []
  }
}

/**
 * Returns the step for a person who started the batch by hand, and hears that its slot has completed. A trigger without an event
 * time may be of a person.
 */
export function startedByHandSteps(event: RunEvent, context: RunContext): readonly Step[] {
  const { store, task, trigger, window } = context
  if (event.event !== 'duplicate' || event.cause !== 'completed' || event.by !== undefined) return []
  // The rerun would run this command line instead of that of the other batch.
  if (event.hasOtherCommand) return []
  if (trigger.kind !== 'scheduled' || trigger.source !== 'clock' || targetOf(context).place !== null) return []
  const flags = { store, task, slot: formatInstant(window.slot), status: 'completed', reason: REASON_WORD }
  return [{ kind: 'run', what: 'to run it again', command: cronledger('rerun', flags, '--', BATCH_WORD) }]
}

/** Returns the step that says what the schedule of this run does if it is in force from the slot on. It records nothing. */
export function switchStep(what: string, { store, task, schedule, window }: RunContext): Step {
  const flags = { store, task, ...scheduleFlags(schedule), from: formatInstant(window.slot) }
  return { kind: 'other', what, command: cronledger('declare', flags, '--dry-run') }
}

/** A forced run would start too, but it states nothing about the task, so the next run would be refused. */
export function acceptStep(what: string, context: RunContext): Step {
  const { trigger, window } = context
  const { place } = targetOf(context)
  const at = formatInstant(trigger.kind === 'scheduled' ? trigger.eventTime : window.slot)
  const command =
    place === null
      ? runCommand(context, { 'event-time': at }, { strict: 'false' })
      : commandsOf(place).start(place, { CRONLEDGER_EVENT_TIME: at, CRONLEDGER_STRICT: 'false' })
  return { kind: 'run', what, command }
}

/** The ledger may not know the task yet, and a rerun would then not know the schedule. */
export function forceStep(what: string, context: RunContext): Step {
  const target = targetOf(context)
  if (target.place !== null) return rerunStep(what, target)
  const { slot, only } = target
  const force = { 'force-slot': formatInstant(slot), status: only?.join(',') }
  return { kind: 'run', what, command: runCommand(context, force, { reason: REASON_WORD }) }
}

/** Returns the command that runs the batch with the schedule of this run, and its overlap and lease settings. */
function runCommand(context: RunContext, which: CommandFlags, more: CommandFlags): CommandWords {
  const { store, task, schedule, guards } = context
  const { overlap, onLeaseLost, skewMs } = guards
  const own = { skew: durationFlag(skewMs), overlap, 'on-lease-lost': onLeaseLost }
  return cronledger('run', { store, task, ...scheduleFlags(schedule), ...which, ...own, ...more }, '--', BATCH_WORD)
}
