import { setWithin } from '../bounded.ts'
import { usageError } from '../errors.ts'
import { formatInstant, parseInstant } from '../instant.ts'
import type { ScheduleSpec } from '../types.ts'
import { parseSchedule, type Schedule } from './schedule.ts'
import { slotOf as slotOfSchedule } from './slot.ts'

export interface ScheduleOptions {
  /** A unix cron expression, `cron(…)`, `rate(…)` or `at(…)`. */
  readonly schedule: string
  /** IANA zone that the schedule is read in; default `UTC`. */
  readonly timezone?: string | undefined
  /** Where `rate(…)` starts counting. Text is ISO 8601 with an offset, here and below. */
  readonly anchor?: string | Date | undefined
}

/**
 * The slot that an event time belongs to: the latest fire time at or before it, and the next one (null: there is none).
 * Null when the schedule had not fired by then. An event time up to `earlyToleranceMs` (default 0) before a fire time
 * belongs to it.
 *
 * Throws `LedgerError` (`usage`) for a wrong expression, zone or time, in one line.
 */
export function slotOf(
  options: ScheduleOptions,
  eventTime: string | Date,
  earlyToleranceMs = 0,
): { readonly slot: Date; readonly next: Date | null } | null {
  const found = slotOfSchedule(readSchedule(options), readInstant(eventTime, 'event time'), earlyToleranceMs)
  if (found === null) return null
  return { slot: new Date(found.slot), next: found.next === null ? null : new Date(found.next) }
}

/** What a program with a few hundred tasks has; a schedule and what it has worked out are some KB. */
const MAX_PARSED = 500

/** A parser that parses each schedule once, for a program that calls with the same ones again and again. */
export function rememberingParser(): typeof parseSchedule {
  const parsed = new Map<string, Schedule>()
  return (spec) => {
    const key = JSON.stringify([spec.expression, spec.zone, spec.anchor])
    const schedule = parsed.get(key) ?? parseSchedule(spec)
    setWithin(parsed, MAX_PARSED, key, schedule)
    return schedule
  }
}

export function readSchedule({ schedule, timezone = 'UTC', anchor }: ScheduleOptions, parse = parseSchedule): Schedule {
  if (typeof schedule !== 'string' || typeof timezone !== 'string') {
    throw usageError('schedule or timezone is no text; give an expression such as "0 3 * * *" and a zone such as "UTC"')
  }
  return parse({
    expression: schedule,
    zone: timezone,
    ...(anchor === undefined ? {} : { anchor: readAnchor(anchor) }),
  })
}

/** The options that `readSchedule` reads as this schedule. */
export function scheduleOptions({ expression, zone, anchor }: ScheduleSpec): ScheduleOptions {
  return { schedule: expression, timezone: zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }) }
}

/** A slot is the key of a row, in whole seconds; those of a rate are as whole as its anchor. */
function readAnchor(text: string | Date): number {
  const anchor = readInstant(text, 'anchor')
  if (anchor % 1000 === 0) return anchor
  throw usageError(`anchor is ${formatInstant(anchor)}; allowed are whole seconds`)
}

function readInstant(time: string | Date, name: string): number {
  return parseInstant(timeText(time, name), name)
}

/** A time as text. Callers in JavaScript have no types: whatever else comes is a usage error. */
export function timeText(time: unknown, name: string): string {
  if (typeof time === 'string') return time
  if (time instanceof Date && !Number.isNaN(time.getTime())) return formatInstant(time.getTime())
  throw usageError(`${name} is ${time instanceof Date ? 'an invalid Date' : typeof time}; allowed are text and a Date`)
}
