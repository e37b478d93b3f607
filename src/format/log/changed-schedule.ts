import { formatDuration } from '../../core/duration.ts'
import type { RunContext } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { COMMAND_PLACEHOLDER } from '../../core/placeholder.ts'
import type { Instant, ScheduleSpec } from '../../core/types.ts'
import { commandLine, scheduleFlags } from '../command-line.ts'
import { runTaskCommand } from '../steps/ecs.ts'
import { resolveStep } from '../steps/next-steps.ts'
import { type NextStep, targetOf } from '../steps/step.ts'
import { scheduleText } from '../text.ts'

// The refusal of a run whose schedule is another one than the recorded one.

/** Returns both schedules, as members of the log entry. */
export function changedFields(
  before: ScheduleSpec,
  after: ScheduleSpec,
): { readonly before: string; readonly after: string } {
  return { before: scheduleText(before), after: scheduleText(after) }
}

export function changedScheduleText(inForce: ScheduleSpec, { schedule }: RunContext): string {
  const { before, after } = changedFields(inForce, schedule)
  return `the schedule of this task changed from ${before} to ${after}, and --on-schedule-change is refuse. Set the old schedule again, or accept the new one with --on-schedule-change warn for one run.`
}

export function changedScheduleSteps(inForce: ScheduleSpec, context: RunContext): readonly NextStep[] {
  return [
    explainSwitchStep('see whether slots would run twice or never', inForce, context.schedule, context.window.slot),
    acceptStep('accept the new schedule', context),
    resolveStep('or mark this slot as skipped', targetOf(context), 'skipped'),
  ]
}

/** Returns the step that compares the slots of two schedules around the slot at which they are switched. It needs no ledger. */
export function explainSwitchStep(what: string, before: ScheduleSpec, after: ScheduleSpec, slot: Instant): NextStep {
  const command = commandLine('explain', {
    ...prefixed('from', before),
    ...prefixed('to', after),
    at: formatInstant(slot),
  })
  return { what, command }
}

function prefixed(prefix: 'from' | 'to', spec: ScheduleSpec): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(scheduleFlags(spec)).map(([name, value]) => [`${prefix}-${name}`, value]))
}

/**
 * Returns the step that starts the slot as a scheduled run. A forced run would start too, but it states nothing about the
 * task, so the next run would be refused again.
 */
function acceptStep(what: string, context: RunContext): NextStep {
  const { store, task, schedule, trigger, window, guards } = context
  const { ecs } = targetOf(context)
  const at = formatInstant(trigger.kind === 'scheduled' ? trigger.eventTime : window.slot)
  if (ecs !== null) {
    const variables = { CRONLEDGER_EVENT_TIME: at, CRONLEDGER_ON_SCHEDULE_CHANGE: 'warn' }
    return { what, command: runTaskCommand(ecs, variables) }
  }
  const command = commandLine('run', {
    store,
    task,
    ...scheduleFlags(schedule),
    'event-time': at,
    skew: guards.skewMs === undefined ? undefined : formatDuration(guards.skewMs),
    overlap: guards.overlap,
    'on-lease-lost': guards.onLeaseLost,
    'on-schedule-change': 'warn',
  })
  return { what, command: `${command} -- ${COMMAND_PLACEHOLDER}` }
}
