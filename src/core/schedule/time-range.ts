import { DAY_MS, parseDuration } from '../duration.ts'
import { quote, said, usageError, type ValueName } from '../errors.ts'
import { formatInstant, isLocalTime, isUnixTime, parseInstant, utcDate } from '../instant.ts'
import { defined } from '../objects.ts'
import type { Instant } from '../types.ts'
import { ambiguousTime, dayIn, instantsOf, isDay, withDate } from './local-time.ts'
import { offsetSeconds } from './zone.ts'

/** `[since, until)`. An absent end is open. */
export interface TimeRange {
  readonly since?: Instant
  readonly until?: Instant
}

export interface RangeText {
  readonly since?: string | undefined
  readonly until?: string | undefined
}

const TIME_OF_DAY = /^\d{2}:\d{2}$/

/** Returns whether an end is a day or a local time, which have a meaning only in a zone. */
export function needsZone({ since, until }: RangeText): boolean {
  return [since, until].some((text = '') => isDay(text) || isLocalTime(text) || TIME_OF_DAY.test(text))
}

/** Spells out a time of day (`02:00`), which means the latest such time before `now`. */
export function withTimesOfDay({ since, until }: RangeText, zone: string, now: Instant): RangeText {
  const local = new Date(now + (offsetSeconds(zone, now) ?? 0) * 1000).toISOString()
  const spelled = (text: string | undefined) => {
    if (text === undefined || !TIME_OF_DAY.test(text)) return text
    return `${utcDate(Date.parse(local) - (text > local.slice(11, 16) ? DAY_MS : 0))}T${text}`
  }
  return { since: spelled(since), until: spelled(until) }
}

/**
 * Reads both ends: an instant, a time before `now` (`7d`), or a local time or a date in `zone`, whose whole day counts.
 * Throws a usage error for another form or an empty range, which calls the ends by `names`.
 */
export function parseTimeRange(
  text: RangeText,
  zone: string,
  now: Instant,
  names: readonly [start: ValueName, end: ValueName] = ['since', 'until'],
): TimeRange {
  const [start, end] = names
  const since = text.since === undefined ? undefined : parseTime(text.since, start, zone, now)
  const until = text.until === undefined ? undefined : endOf(text.until, end, zone, now)
  if (since !== undefined && until !== undefined && since >= until) {
    const whole = isDay(text.until ?? '') ? ' (the end of that day)' : ''
    throw usageError(
      said`${start} ${quote(text.since ?? '')} is not earlier than ${end} ${quote(text.until ?? '')}${whole}: they are ${formatInstant(since)} and ${formatInstant(until)}. Use an earlier start.`,
    )
  }
  return defined({ since, until })
}

/** The first and the last instant that are read. A day in a zone may begin or end outside of them. */
const FIRST_INSTANT = 0
const LAST_READ_INSTANT = Date.UTC(2200, 0, 1) - 1

function endOf(text: string, name: ValueName, zone: string, now: Instant): Instant {
  return isDay(text) ? wholeDay(withDate(text, zone, now), name, zone).end : parseTime(text, name, zone, now)
}

/** Reads one time, as for the start of a range. A date is the start of its day. Throws a usage error for any other form. */
export function parseTime(text: string, name: ValueName, zone: string, now: Instant): Instant {
  if (isDay(text)) return wholeDay(withDate(text, zone, now), name, zone).start
  if (/^[\d.]+(ms|s|m|h|d)$/.test(text)) return Math.max(FIRST_INSTANT, now - parseDuration(text, name))
  if (isLocalTime(text)) {
    const [at, ...others] = instantsOf(text, zone, name)
    if (others.length > 0) throw ambiguousTime(text, zone, name, [at, ...others])
    if (at === withinYears(at)) return at
    throw usageError(said`${name} ${quote(text)} is not allowed. Use the years 1970 to 2199.`)
  }
  if (/^\d{4}-\d{2}-\d{2}T/.test(text) || isUnixTime(text)) return parseInstant(text, name)
  throw usageError(
    said`${name} ${quote(text)} is not a valid time. Use an instant (2026-11-24T03:00:00Z), a local time (2026-11-24T12:00), a date (2026-11-24, yesterday), or how long ago (7d, 12h).`,
  )
}

function wholeDay(date: string, name: ValueName, zone: string): { readonly start: Instant; readonly end: Instant } {
  const day = dayIn(date, zone, name)
  const [start, end] = [withinYears(day[0].from), withinYears((day.at(-1) ?? day[0]).to)]
  if (start < end) return { start, end }
  throw usageError(said`${name} ${quote(date)} is not allowed. Use the years 1970 to 2199.`)
}

function withinYears(at: Instant): Instant {
  return Math.min(Math.max(FIRST_INSTANT, at), LAST_READ_INSTANT)
}

/** The newest first. */
export function* daysIn(since: Instant, until: Instant): Generator<string, void, undefined> {
  for (let day = Math.floor((until - 1) / DAY_MS); day >= Math.floor(since / DAY_MS); day -= 1) {
    yield utcDate(day * DAY_MS)
  }
}
