import { DateTime } from 'luxon'
import type { Instant } from '../core/types.ts'

/**
 * `2026-11-24 12:00` on the clocks of a zone, with seconds only where there are some; `-` where this Node does not know the
 * zone, which a host with newer zone data may. In a locale of its own, since the machine's may have other digits.
 */
export function localTime(instant: Instant, zone: string): string {
  const local = DateTime.fromMillis(instant, { zone, locale: 'en-US' })
  if (!local.isValid) return '-'
  return local.toFormat(local.second === 0 ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd HH:mm:ss')
}

/** `2026-11-24 12:00 Asia/Tokyo`. */
export function localTimeIn(instant: Instant, zone: string): string {
  return `${localTime(instant, zone)} ${zone}`
}
