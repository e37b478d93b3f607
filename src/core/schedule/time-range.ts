import { DAY_MS, parseDuration } from '../duration.ts'
import { quote, usageError } from '../errors.ts'
import { formatInstant, isDate, parseInstant, utcDate } from '../instant.ts'
import { defined } from '../objects.ts'
import type { Instant } from '../types.ts'
import { dayIn } from './local-time.ts'

/** The range `[since, until)`. An absent end is open. */
export interface TimeRange {
  readonly since?: Instant
  readonly until?: Instant
}

/** The ends of a range as the user writes them. */
export interface RangeText {
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** Returns whether an end is a date. The zone matters only for a date. */
export function namesDate({ since, until }: RangeText): boolean {
  return [since, until].some((text) => text !== undefined && isDate(text))
}

/**
 * Reads both ends of a range. Each end is an instant (`2026-11-24T03:00:00Z`), a time before `now` (`7d`), or a date in
 * `zone`. A range includes the whole day of a date.
 *
 * Throws a usage error if an end has any other form, or if the range is empty. The error calls the ends by `names`.
 */
export function parseTimeRange(
  text: RangeText,
  zone: string,
  now: Instant,
  names: readonly [start: string, end: string] = ['since', 'until'],
): TimeRange {
  const [start, end] = names
  const since = text.since === undefined ? undefined : startOf(text.since, start, zone, now)
  const until = text.until === undefined ? undefined : endOf(text.until, end, zone, now)
  if (since !== undefined && until !== undefined && since >= until) {
    throw usageError(
      `${start} is ${quote(text.since ?? '')} and ${end} is ${quote(text.until ?? '')}: nothing lies between ${formatInstant(since)} and ${formatInstant(until)}`,
    )
  }
  return defined({ since, until })
}

/**
 * The first and the last instant that are read. The first and the last day in a zone may begin or end outside of them.
 */
const FIRST_INSTANT = 0
const LAST_READ_INSTANT = Date.UTC(2200, 0, 1) - 1

function endOf(text: string, name: string, zone: string, now: Instant): Instant {
  return isDate(text) ? wholeDay(text, name, zone).end : startOf(text, name, zone, now)
}

function startOf(text: string, name: string, zone: string, now: Instant): Instant {
  if (isDate(text)) return wholeDay(text, name, zone).start
  if (/^[\d.]+(ms|s|m|h|d)$/.test(text)) return Math.max(FIRST_INSTANT, now - parseDuration(text, name))
  if (/^\d{4}-\d{2}-\d{2}T/.test(text)) return parseInstant(text, name)
  throw usageError(
    `${name} is ${quote(text)}; allowed are an instant ("2026-11-24T03:00:00Z"), a date ("2026-11-24"), or how long ago ("7d", "12h")`,
  )
}

function wholeDay(date: string, name: string, zone: string): { readonly start: Instant; readonly end: Instant } {
  const stretches = dayIn(date, zone)
  if (stretches === null) throw usageError(`${name} is ${quote(date)}: no calendar has that`)
  const [first, last] = [stretches[0], stretches.at(-1)]
  if (first === undefined || last === undefined) throw usageError(`${name} is ${quote(date)}: ${zone} had no such day`)
  const inYears = (at: Instant) => Math.min(Math.max(FIRST_INSTANT, at), LAST_READ_INSTANT)
  const [start, end] = [inYears(first.from), inYears(last.to)]
  if (start < end) return { start, end }
  throw usageError(`${name} is ${quote(date)}; allowed are the years 1970 to 2199`)
}

/** Yields the UTC dates that contain the instants of `[since, until)`, the newest first. */
export function* daysIn(since: Instant, until: Instant): Generator<string, void, undefined> {
  for (let day = Math.floor((until - 1) / DAY_MS); day >= Math.floor(since / DAY_MS); day -= 1) {
    yield utcDate(day * DAY_MS)
  }
}
