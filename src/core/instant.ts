import { usageError } from './errors.ts'
import { quote } from './problem.ts'
import type { Instant } from './types.ts'

/** AWS's range of years. It also catches seconds or microseconds that were turned into a date as milliseconds. */
const FIRST_YEAR = 1970
const LAST_YEAR = 2199

const INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/

/**
 * Reads ISO 8601 with an offset: `2026-11-24T03:00:00Z`, `2026-11-24T12:00+09:00`; seconds may be left out, and what is
 * finer than a millisecond is cut off. Throws a usage error that calls the value `name`.
 */
export function parseInstant(text: string, name = 'time'): Instant {
  const match = INSTANT.exec(text)
  if (match === null) {
    const offset = /^\d{4}-\d{2}-\d{2}T[\d:.]+$/.test(text) ? 'it has no offset, so it names no instant; ' : ''
    throw usageError(
      `${name} is ${quote(text)}: ${offset}allowed is ISO 8601 with Z or an offset, such as "2026-11-24T03:00:00Z" or "2026-11-24T12:00:00+09:00"`,
    )
  }
  const [, local = '', fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match
  const localMs = parseLocal(local)
  if (localMs === null || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) {
    throw usageError(`${name} is ${quote(text)}: no calendar or clock has that`)
  }
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000 * (sign === '-' ? -1 : 1)
  const instant = localMs + Number(fraction.padEnd(3, '0').slice(0, 3)) - offsetMs
  const year = new Date(instant).getUTCFullYear()
  if (year < FIRST_YEAR || year > LAST_YEAR) {
    throw usageError(`${name} is ${quote(text)}; allowed are the years ${FIRST_YEAR} to ${LAST_YEAR} (UTC)`)
  }
  return instant
}

/**
 * `2026-11-24T03:00` or with seconds, as milliseconds since 1970 on that wall clock; null where the calendar or the
 * clock has no such time, since `Date` would roll 30 February over into March.
 */
export function parseLocal(text: string): number | null {
  const full = text.length === 16 ? `${text}:00` : text
  const ms = Date.parse(`${full}Z`)
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== full ? null : ms
}

/** `2026-11-24T03:00:00Z`; with milliseconds only if there are some, so that text order of slots is time order. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z')
}
