import { said, usageError, type ValueName } from '../errors.ts'
import { formatInstant, parseInstant } from '../instant.ts'
import type { ScheduleSpec } from '../types.ts'
import { parseSchedule, type Schedule } from './schedule.ts'
import { windowOf } from './slot.ts'

export interface ScheduleOptions {
  /** A unix cron expression, `cron(…)`, `rate(…)` or `at(…)`. */
  readonly schedule: string
  /** The IANA zone in which the schedule is read. The default is `UTC`. */
  readonly timezone?: string | undefined
  /** The instant from which `rate(…)` counts. An instant as text is ISO 8601 with an offset. */
  readonly anchor?: string | Date | undefined
}

/**
 * Returns the slot that an event time belongs to, which is the latest fire time at or before it. `next` is the next
 * fire time, or null if there is none. Returns null if the first fire time is later than the event time. An event time
 * that is up to `earlyToleranceMs` milliseconds (default 0) before a fire time belongs to that fire time.
 *
 * Throws `LedgerError` (`usage`) for a wrong expression, zone or time. The message is one line.
 */
export function slotOf(
  options: ScheduleOptions,
  eventTime: string | Date,
  earlyToleranceMs = 0,
): { readonly slot: Date; readonly next: Date | null } | null {
  const found = windowOf(readSchedule(options), readInstant(eventTime, 'event time'), earlyToleranceMs)
  if (found === null) return null
  return { slot: new Date(found.slot), next: found.next === null ? null : new Date(found.next) }
}

export function readSchedule({ schedule, timezone = 'UTC', anchor }: ScheduleOptions): Schedule {
  if (typeof schedule !== 'string' || typeof timezone !== 'string') {
    throw usageError(
      'schedule and timezone must be text. Use an expression such as "0 3 * * *" and a zone such as "UTC".',
    )
  }
  return parseSchedule({
    expression: schedule,
    zone: timezone,
    ...(anchor !== undefined && { anchor: readAnchor(anchor) }),
  })
}

export function scheduleOptions({ expression, zone, anchor }: ScheduleSpec): ScheduleOptions {
  return { schedule: expression, timezone: zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }) }
}

/** The slots of a rate count from the anchor, and a slot is stored in whole seconds. */
function readAnchor(text: string | Date): number {
  const anchor = readInstant(text, 'anchor')
  if (anchor % 1000 === 0) return anchor
  throw usageError(`anchor ${formatInstant(anchor)} has a fraction of a second. Use whole seconds.`)
}

export function readInstant(time: string | Date, name: ValueName): number {
  return parseInstant(timeText(time, name), name)
}

/** Returns a time as text. Callers in JavaScript have no types, so any other value is a usage error. */
export function timeText(time: unknown, name: ValueName): string {
  if (typeof time === 'string') return time
  if (time instanceof Date && !Number.isNaN(time.getTime())) return formatInstant(time.getTime())
  throw usageError(
    said`${name} is ${time instanceof Date ? 'an invalid Date' : `of type ${typeof time}`}. Use text or a valid Date.`,
  )
}
