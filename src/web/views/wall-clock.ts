import { IANAZone } from 'luxon'
import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'

/** The clocks on the wall of one zone. */
export interface WallClock {
  readonly zone: string
  /** `2026-11-24 03:00`, with seconds only where there are some. */
  time(instant: Instant): string
  /** `2026-11-24`. */
  day(instant: Instant): string
  /** `2026-11-24 03:00 Asia/Tokyo (2026-11-23T18:00:00Z)`, of UTC the instant alone: in whole seconds, for a sentence. */
  both(instant: Instant): string
}

/** A schedule's words with its zone, which those of `at(…)` name themselves. */
export function wordsIn(zone: string, words: string): string {
  return words.endsWith(` in ${zone}`) ? words : [words, zone].filter(Boolean).join(' · ')
}

/**
 * The clock of a zone. By offsets, since a page has thousands of times and luxon's formats take ten times as long. A row
 * may hold a zone that this Node does not know: then it is UTC's.
 */
export function wallClock(name: string): WallClock {
  const zone = IANAZone.isValidZone(name) ? name : 'UTC'
  const clock = IANAZone.create(zone)
  const local = (instant: Instant) => formatInstant(instant + Math.round(clock.offset(instant) * 60) * 1000)
  const time = (instant: Instant) =>
    local(instant)
      .slice(0, 19)
      .replace('T', ' ')
      .replace(/(:\d\d):00$/, '$1')
  const second = (instant: Instant) => formatInstant(Math.floor(instant / 1000) * 1000)
  return {
    zone,
    time,
    both: (instant) => (zone === 'UTC' ? second(instant) : `${time(instant)} ${zone} (${second(instant)})`),
    day: (instant) => local(instant).slice(0, 10),
  }
}
