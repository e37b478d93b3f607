import { LedgerError } from './errors.ts'
import type { Schedules } from './registry.ts'
import { parseSchedule } from './schedule.ts'
import { resolveSlot } from './slot-reference.ts'
import type { Instant, ScheduleSpec, Window } from './types.ts'

/**
 * The slot that a person means, by the schedules that the task had, the latest first: an old slot is named by the
 * schedule of its time. Throws the latest one's usage error where none has it.
 */
export function resolveBySchedules(
  schedules: Schedules,
  text: string,
  now: Instant,
): { readonly window: Window; readonly spec: ScheduleSpec } {
  let firstError: LedgerError | null = null
  for (const { spec } of schedules.toReversed()) {
    try {
      return { window: resolveSlot(parseSchedule(spec), text, now), spec }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      firstError ??= error
    }
  }
  throw firstError ?? new Error('a task of the registry without a schedule')
}
