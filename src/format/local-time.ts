import { DateTime } from 'luxon'
import type { Instant } from '../core/types.ts'

/**
 * Returns the local time in a zone as `2026-11-24 12:00`, with seconds only where they are not zero. Returns `-` when
 * this Node does not know the zone. A host with newer time zone data may have written it.
 */
export function localTime(instant: Instant, zone: string): string {
  const local = inZone(instant, zone)
  if (!local.isValid) return '-'
  return local.toFormat(local.second === 0 ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd HH:mm:ss')
}

/** Returns the local time in a zone as luxon has it. It is invalid when this Node does not know the zone. */
export function inZone(instant: Instant, zone: string): DateTime {
  // We must set the locale, otherwise the default locale of the machine could give other digits.
  return DateTime.fromMillis(instant, { zone, locale: 'en-US' })
}

/** Returns the local time with its zone: `2026-11-24 12:00 Asia/Tokyo`. */
export function localTimeIn(instant: Instant, zone: string): string {
  return `${localTime(instant, zone)} ${zone}`
}
