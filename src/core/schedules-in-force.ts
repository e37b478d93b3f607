import { LedgerError } from './errors.ts'
import type { InForce } from './missed.ts'
import type { Schedules } from './registry.ts'
import { parseSchedule, type Schedule } from './schedule.ts'
import { isFireTimeNear } from './slot.ts'
import { resolveSlot } from './slot-reference.ts'
import type { Instant, ScheduleSpec, Window } from './types.ts'

/**
 * The slot that a person means, by the schedules that the task had: the one that was in force at that slot, or else the
 * latest that has it. Throws the latest one's usage error where none has it.
 */
export function resolveBySchedules(
  schedules: Schedules,
  text: string,
  now: Instant,
): { readonly window: Window; readonly spec: ScheduleSpec } {
  let firstError: LedgerError | null = null
  let latest: { readonly window: Window; readonly spec: ScheduleSpec } | null = null
  for (const { since, spec } of schedules.toReversed()) {
    try {
      const window = resolveSlot(parseSchedule(spec), text, now)
      if (window.slot >= since) return { window, spec }
      latest ??= { window, spec }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      firstError ??= error
    }
  }
  if (latest !== null) return latest
  throw firstError ?? new Error('a task of the registry without a schedule')
}

/** The schedule that was in force at `slot`, or else the latest that has that slot; null where none has. Oldest first. */
export function scheduleWith(schedules: readonly InForce[], slot: Instant): Schedule | null {
  const having = schedules.filter(({ schedule }) => isFireTimeNear(schedule, slot, 0))
  return (having.findLast(({ since }) => since <= slot) ?? having.at(-1))?.schedule ?? null
}
