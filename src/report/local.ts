import { DateTime } from 'luxon'
import type { Instant } from '../core/types.ts'

/** `2026-11-24 12:00 Asia/Tokyo`. In a locale of its own, since the machine's may have other digits. */
export function localTime(instant: Instant, zone: string): string {
  const local = DateTime.fromMillis(instant, { zone, locale: 'en-US' })
  return `${local.toFormat(local.second === 0 ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd HH:mm:ss')} ${zone}`
}
