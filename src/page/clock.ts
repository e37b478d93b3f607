import { IANAZone } from 'luxon'
import { formatInstant } from '../core/instant.ts'
import type { Instant } from '../core/types.ts'

/** The clocks on the wall of one zone. */
export interface WallClock {
  readonly zone: string
  /** `2026-11-24 03:00`, with seconds only where there are some. */
  time(instant: Instant): string
  /** `2026-11-24`. */
  day(instant: Instant): string
}

/**
 * The clock of a zone. By offsets, since a page has thousands of times and luxon's formats take ten times as long. A row
 * may hold a zone that this Node does not know: then it is UTC's.
 */
export function wallClock(name: string): WallClock {
  const zone = IANAZone.isValidZone(name) ? name : 'UTC'
  const clock = IANAZone.create(zone)
  const local = (instant: Instant) => formatInstant(instant + Math.round(clock.offset(instant) * 60) * 1000)
  return {
    zone,
    time: (instant) =>
      local(instant)
        .slice(0, 19)
        .replace('T', ' ')
        .replace(/(:\d\d):00$/, '$1'),
    day: (instant) => local(instant).slice(0, 10),
  }
}
