import { formatDuration } from '../core/duration.ts'
import type { RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import type { ResolveObjection } from '../core/row/decide.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import { BATCH_WORD, type CommandFlags, type CommandWords, cronledger, REASON_WORD, scheduleFlags } from './command.ts'
import { runTaskCommand } from './ecs.ts'
import { decisionSteps } from './rules.ts'
import { againSteps, logSteps, lookStep, rerunStep, resolveStep, type Step, showStep } from './steps.ts'
import { type StepTarget, targetOf } from './target.ts'

// The steps after an event of a run, by its cause.

type RefusedEvent = Extract<RunEvent, { event: 'refused' }>
type EndedEvent = Extract<RunEvent, { event: 'ended' }>

/** Returns the steps after a trigger that was refused. */
export function stepsOfRefusal(
  { cause, row, survivor, holder, inForce, claimed }: RefusedEvent,
  context: RunContext,
): readonly Step[] {
  const { schedule, trigger } = context
  const target = targetOf(context, claimed ?? row)
  switch (cause) {
    case 'newerRow':
      return []
    case 'running':
      return [showStep('see whether it has ended', target)]
    case 'survivor':
      // The reader may be on another host. If the process ends by itself, it may have done the work.
      return [
        {
          kind: 'other',
          what: `wait until it ends, or end it on ${context.host.host}`,
          command: ['kill', `${survivor?.pid}`],
        },
        ...decisionSteps(target),
      ]
    case 'scheduleMismatch': {
      const at = trigger.kind === 'scheduled' ? formatInstant(trigger.eventTime) : undefined
      const command = cronledger('explain', { ...scheduleFlags(schedule), at })
      return [{ kind: 'other', what: 'compare with the scheduler', command }]
    }
    case 'tooManyAttempts':
      return [lookStep(target), resolveStep('when the work is done', target)]
    case 'newerAttempt':
    case 'completed': {
      // The newer attempt may have completed the slot.
      const again = target.only === undefined ? 'run it again' : 'if its work must be done again'
      return [showStep('see its result', target), rerunStep(again, target)]
    }
    case 'skipped':
      return [showStep('see why', target), rerunStep('run it anyway', target)]
    case 'stale':
    case 'failed':
      return decisionSteps(target)
    case 'overlap':
      return [
        ...(holder === undefined
          ? []
          : [showStep('see whether the other slot has ended', { ...target, slot: holder.slot })]),
        ...(claimed === undefined ? [rerunStep('then run this slot', target)] : decisionSteps(target)),
      ]
    case 'scheduleChanged':
      return scheduleChangedSteps(inForce ?? schedule, context)
    case 'newerTaskRecord':
      return [rerunStep('after the update', target)]
    case 'noRow':
      return [rerunStep('run it anyway', target)]
    case 'tooLate':
      return [rerunStep('run it anyway', target), resolveStep('or mark it as skipped', target, 'skipped')]
  }
}

/** Returns the steps after the end of an attempt. */
export function stepsOfEnd(
  { attempt, ending, finish, retries, hadCompleted }: EndedEvent,
  context: RunContext,
): readonly Step[] {
  const only = hadCompleted ? (['completed'] as const) : undefined
  const target = { ...targetOf(context), attempt, only }
  const see = showStep('see what is recorded', target)
  if (ending.outcome === 'succeeded') {
    if (finish === 'recorded') return []
    const reason = `run ${context.runId} succeeded, but could not record it`
    const record = (what: string, run?: string) => resolveStep(what, target, 'completed', { reason, run })
    // The other run may be doing the work a second time. Its result is unknown until it ends.
    if (finish === 'lost') return [see, record('when the other run has ended')]
    if (finish === 'resolved') return [see, record('if it is not completed', context.runId)]
    // The lease of this run still holds, so the command must say that this run has ended. A deleted row names no run.
    return [record('record the success', finish === 'deleted' ? undefined : context.runId), see]
  }
  // Another attempt follows, or another run has the slot or may start in it. There is nothing to decide yet.
  if (retries) return []
  if (finish === 'lost' || finish === 'resolved' || (ending.outcome === 'leaseLost' && finish !== 'recorded'))
    return [see]
  const started = ending.outcome !== 'notStarted'
  if (finish === 'unanswered') return unrecordedSteps(target, context.runId, started)
  return started ? decisionSteps(target) : [rerunStep('run it now', target)]
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
 * Returns the steps for an attempt that ended without success, if that may not be recorded. The lease of its run may still
 * hold: no other run can start before it ends, and a resolution must name the run.
 */
export function unrecordedSteps(target: StepTarget, run: string, hasStarted: boolean): readonly Step[] {
  const see = [showStep('see what is recorded', target), ...(hasStarted ? logSteps('check its log', target) : [])]
  if (!hasStarted) return [...see, rerunStep('run it when it is stale', target)]
  return [...see, ...againSteps('run it again when it is stale', target, run)]
}

function scheduleChangedSteps(inForce: ScheduleSpec, context: RunContext): readonly Step[] {
  return [
    switchStep('see whether slots would run twice or never', inForce, context.schedule, context.window.slot),
    acceptStep('accept the new schedule', context),
    resolveStep('or mark this slot as skipped', targetOf(context), 'skipped'),
  ]
}

/** Returns the step that compares the slots of two schedules around the slot at which they are switched. It needs no ledger. */
export function switchStep(what: string, before: ScheduleSpec, after: ScheduleSpec, slot: Instant): Step {
  const [from, to] = [scheduleFlags(before), scheduleFlags(after)]
  const command = cronledger('explain', {
    'from-schedule': from.schedule,
    'from-timezone': from.timezone,
    'from-anchor': from.anchor,
    'to-schedule': to.schedule,
    'to-timezone': to.timezone,
    'to-anchor': to.anchor,
    at: formatInstant(slot),
  })
  return { kind: 'other', what, command }
}

/**
 * Returns the step that starts the slot as a scheduled run. A forced run would start too, but it states nothing about the
 * task, so the next run would be refused again.
 */
function acceptStep(what: string, context: RunContext): Step {
  const { trigger, window } = context
  const { ecs } = targetOf(context)
  const at = formatInstant(trigger.kind === 'scheduled' ? trigger.eventTime : window.slot)
  if (ecs !== null) {
    const variables = { CRONLEDGER_EVENT_TIME: at, CRONLEDGER_STRICT: 'false' }
    return { kind: 'run', what, command: runTaskCommand(ecs, variables) }
  }
  return { kind: 'run', what, command: runCommand(context, { 'event-time': at }, { strict: 'false' }) }
}

/**
 * Returns the step that runs a slot in which nothing is recorded. The ledger may not know the task yet, and a rerun would
 * then not know the schedule.
 */
export function forceStep(what: string, context: RunContext): Step {
  const target = targetOf(context)
  if (target.ecs !== null) return rerunStep(what, target)
  const { slot, only } = target
  const force = { 'force-slot': formatInstant(slot), 'force-only': only?.join(',') }
  return { kind: 'run', what, command: runCommand(context, force, { reason: REASON_WORD }) }
}

/** Returns the command that runs the batch with the schedule of this run, and its overlap and lease settings. */
function runCommand(
  { store, task, schedule, guards }: RunContext,
  which: CommandFlags,
  more: CommandFlags,
): CommandWords {
  const { overlap, onLeaseLost, skewMs } = guards
  const own = {
    store,
    task,
    ...scheduleFlags(schedule),
    ...which,
    skew: skewMs === undefined ? undefined : formatDuration(skewMs),
    overlap,
    'on-lease-lost': onLeaseLost,
    ...more,
  }
  return cronledger('run', own, '--', BATCH_WORD)
}
