import { quote, said, usageError, type ValueName } from './errors.ts'
import type { Instant } from './types.ts'

const FIRST_YEAR = 1970
const LAST_YEAR = 2199

/** The form of slots, and of most instants in a ledger, in the years above. */
const UTC_SECONDS =
  /^(?:19[7-9]|2[01]\d)\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
const ISO_INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/

/** Reads ISO 8601 with an offset: `2026-11-24T12:00+09:00`. Cuts off microseconds. Errors call the value `name`. */
export function parseInstant(text: string, name: ValueName = 'time'): Instant {
  const stored = parseUtcSeconds(text)
  if (stored !== null) return stored
  const match = ISO_INSTANT.exec(text)
  if (match === null) {
    if (isUnixTime(text)) {
      const instant = formatInstant(Number(text.padEnd(13, '0')))
      throw usageError(said`${name} ${quote(text)} is a Unix time. Use ISO 8601: ${instant}`)
    }
    const what = /^\d{4}-\d{2}-\d{2}[T ][\d:.]+$/.test(text) ? 'has no offset' : 'is not a valid instant'
    throw usageError(
      said`${name} ${quote(text)} ${what}. Use ISO 8601 with Z or an offset, such as 2026-11-24T03:00:00Z or 2026-11-24T12:00:00+09:00.`,
    )
  }
  const [, local = '', fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match
  const localMs = parseLocal(local)
  if (localMs === null || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) {
    throw usageError(said`${name} ${quote(text)} is not a valid date and time. Check the month, the day and the time.`)
  }
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1)
  const instant = localMs + Number(fraction.padEnd(3, '0').slice(0, 3)) - offsetMs
  const year = new Date(instant).getUTCFullYear()
  if (year < FIRST_YEAR || year > LAST_YEAR) {
    throw usageError(said`${name} ${quote(text)} is not allowed. Use the years ${FIRST_YEAR} to ${LAST_YEAR} (UTC).`)
  }
  return instant
}

/** Reads a local time (`isLocalTime`) as if it were UTC. Null: not valid. */
export function parseLocal(text: string): number | null {
  const ms = Date.parse(`${text.replace(' ', 'T')}Z`)
  // `Date` reads 30 February as 2 March, and 24:00 as the next day.
  return new Date(ms).getUTCDate() === twoDigits(text, 8) ? ms : null
}

/** Reads `2026-11-24T03:00:00Z`. Null: another form, or not valid. `Date.parse` is too slow for a listing, which reads many. */
export function parseUtcSeconds(text: string): Instant | null {
  if (!UTC_SECONDS.test(text)) return null
  const [year, day] = [100 * twoDigits(text, 0) + twoDigits(text, 2), twoDigits(text, 8)]
  const midnight = Date.UTC(year, twoDigits(text, 5) - 1, day)
  if (day > 28 && new Date(midnight).getUTCDate() !== day) return null
  return midnight + 3_600_000 * twoDigits(text, 11) + 60_000 * twoDigits(text, 14) + 1_000 * twoDigits(text, 17)
}

function twoDigits(text: string, at: number): number {
  return 10 * text.charCodeAt(at) + text.charCodeAt(at + 1) - 11 * 48
}

/** Returns a text such as `2026-11-24T03:00:00Z`, with milliseconds only if they are not zero. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z')
}

export function isLocalTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?$/.test(text)
}

export function isUnixTime(text: string): boolean {
  return /^[1-9]\d{9}(\d{3})?$/.test(text)
}

export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text)
}

export function utcDate(instant: Instant): string {
  return new Date(instant).toISOString().slice(0, 10)
}
