import { LedgerError } from '../errors.ts'
import { parseSchedule, type Schedule } from '../schedule/schedule.ts'
import { isFireTimeNear } from '../schedule/slot.ts'
import { isDate, parseSlotReference } from '../schedule/slot-reference.ts'
import type { Instant, ScheduleSpec, Window } from '../types.ts'
import type { InForce } from './expected-slots.ts'
import type { Schedules } from './task-record.ts'

/**
 * The slot that a person means, by the schedules that the task had: the one that was in force at that slot, or else the
 * latest that has it. Throws the latest one's usage error where none has it.
 *
 * A date says less than an instant: where the schedule that was in force on that day has no slot or several, its usage
 * error is thrown, since a slot of another schedule is not what was meant.
 */
export function parseSlotBySchedules(
  schedules: Schedules,
  text: string,
  now: Instant,
): { readonly window: Window; readonly spec: ScheduleSpec } {
  const dayInForce = isDate(text) ? schedules.findLast(({ since }) => since <= middayOf(text)) : undefined
  let firstError: LedgerError | null = null
  let latest: { readonly window: Window; readonly spec: ScheduleSpec } | null = null
  for (const one of schedules.toReversed()) {
    const { since, spec } = one
    try {
      const window = parseSlotReference(parseSchedule(spec), text, now)
      if (window.slot >= since) return { window, spec }
      latest ??= { window, spec }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      if (one === dayInForce) throw error
      firstError ??= error
    }
  }
  if (latest !== null) return latest
  throw firstError ?? new Error('a task of the registry without a schedule')
}

/** Near enough in every zone to tell which schedule had that day, or most of it. */
function middayOf(date: string): Instant {
  return Date.parse(`${date}T12:00:00Z`)
}

/** The schedule that was in force at `slot`, or else the latest that has that slot; null where none has. Oldest first. */
export function scheduleWith(schedules: readonly InForce[], slot: Instant): Schedule | null {
  const having = schedules.filter(({ schedule }) => isFireTimeNear(schedule, slot, 0))
  return (having.findLast(({ since }) => since <= slot) ?? having.at(-1))?.schedule ?? null
}
