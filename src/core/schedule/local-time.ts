// From a local time, luxon makes one instant: for 01:30 of 2025-11-02 in New York the second of two, for 23:30 of 2025-04-05 in
// Santiago the first of two, and for 02:30 of 2025-03-09 in New York, which never was, 03:30. A slot needs all of them, or none.

import { LedgerError, type OptionText, quote, said, usageError, type ValueName } from '../errors.ts'
import { formatInstant, isDate, parseLocal, utcDate } from '../instant.ts'
import { isKeyOf } from '../objects.ts'
import type { Instant } from '../types.ts'
import { DAY_SECONDS } from './calendar.ts'
import { offsetSeconds, openZone, stretchesOf } from './zone.ts'

/** The usage error about a time that has several meanings. Only its author can say which one is right. */
export class AmbiguousTime extends LedgerError {
  constructor(message: string | OptionText) {
    super('usage', message)
  }
}

const DAYS_FROM_NOW = { yesterday: -1, today: 0, tomorrow: 1 }

export function isDay(text: string): boolean {
  return isDate(text) || isKeyOf(text, DAYS_FROM_NOW)
}

/** Returns the date of `yesterday`, `today` or `tomorrow` in the zone. Returns any other text unchanged. */
export function withDate(text: string, zone: string, now: Instant): string {
  if (!isKeyOf(text, DAYS_FROM_NOW)) return text
  return utcDate(now + ((offsetSeconds(zone, now) ?? 0) + DAYS_FROM_NOW[text] * DAY_SECONDS) * 1000)
}

type Several<T> = readonly [T, ...T[]]

/** Returns when it is that day: in two stretches if clocks go back over midnight. Throws a usage error if it never is. */
export function dayIn(
  date: string,
  zone: string,
  name: ValueName,
): Several<{ readonly from: Instant; readonly to: Instant }> {
  const midnight = parseLocal(`${date}T00:00`)
  if (midnight === null) throw usageError(said`${name} ${quote(date)} is not a valid date. Use YYYY-MM-DD.`)
  const [first, ...others] = instantRanges(midnight / 1000, DAY_SECONDS, zone)
  if (first === undefined)
    throw usageError(said`${name} ${quote(date)} does not exist: ${zone} skipped that day. Use another day.`)
  return [first, ...others]
}

/** Returns when the clocks show a local time (`isLocalTime`): twice in a fold. Throws a usage error if they never do. */
export function instantsOf(text: string, zone: string, name: ValueName): Several<Instant> {
  const local = parseLocal(text)
  if (local === null)
    throw usageError(said`${name} ${quote(text)} is not a valid date and time. Check the month, the day and the time.`)
  const [first, ...others] = instantRanges(local / 1000, 1, zone).map(({ from }) => from)
  if (first === undefined)
    throw usageError(said`${name} ${quote(text)} does not exist: the clocks in ${zone} skip it. Use another time.`)
  return [first, ...others]
}

export function ambiguousTime(
  text: string,
  zone: string,
  name: ValueName,
  instants: readonly Instant[],
): AmbiguousTime {
  const named = instants.map(formatInstant).join(' or ')
  return new AmbiguousTime(
    said`${name} ${quote(text)} occurs twice in ${zone}, because the clocks go back. Use ${named}.`,
  )
}

function instantRanges(local: number, seconds: number, zone: string) {
  return [...stretchesOf(openZone(zone), local, local + seconds)].map(({ from, to }) => ({
    from: from * 1000,
    to: to * 1000,
  }))
}
