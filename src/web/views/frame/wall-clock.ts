import { IANAZone } from 'luxon'
import { formatInstant } from '../../../core/instant.ts'
import type { Instant } from '../../../core/types.ts'

export interface WallClock {
  readonly zone: string
  /** Returns the instant at which a clock of UTC shows what this clock shows at `instant`. */
  localMs(instant: Instant): number
  /** Returns `2026-11-24 03:00`, with seconds only where they are not zero. */
  time(instant: Instant): string
  /** Returns the offset from UTC, as `+09:00`. The clock of UTC returns `UTC`. */
  offset(instant: Instant): string
  /** Returns `2026-11-24`. */
  day(instant: Instant): string
  /** Returns the clock for a slot whose schedule has this zone: its own, unless the reader has chosen one for all times. */
  ofSlot(zone: string): WallClock
  /** Returns `2026-11-24 03:00 Asia/Tokyo (2026-11-23T18:00:00Z)` in whole seconds. In UTC, only the instant. */
  both(instant: Instant): string
}

export const UTC = wallClock('UTC')

/** Returns `2026-11-24 03:00 +09:00 Asia/Tokyo` and `2026-11-23 18:00 UTC`. `at` is the begin of the text of `textOf`. */
export function timeTexts(clock: WallClock, textOf: (clock: WallClock) => string, at: Instant): readonly string[] {
  const inUtc = `${textOf(UTC)} UTC`
  return clock.zone === 'UTC' ? [inUtc] : [`${textOf(clock)} ${clock.offset(at)} ${clock.zone}`, inUtc]
}

/** Returns the words of a schedule with its zone. The words of `at(…)` contain the zone already. */
export function wordsIn(zone: string, words: string): string {
  return words.endsWith(` in ${zone}`) ? words : [words, zone].filter(Boolean).join(' · ')
}

/**
 * Uses offsets, because the formats of luxon take ten times as long. A zone that this Node does not know is UTC. `create`
 * asks ICU once for each name: `isValidZone` takes 30 kB at each call, which V8 does not see, and so does not free.
 */
export function wallClock(name: string, isChosen = false): WallClock {
  const named = IANAZone.create(name)
  const clock = named.isValid ? named : IANAZone.create('UTC')
  const zone = clock.name
  const localMs = (instant: Instant) => instant + Math.round(clock.offset(instant) * 60) * 1000
  const local = (instant: Instant) => formatInstant(localMs(instant))
  const time = (instant: Instant) =>
    local(instant)
      .slice(0, 19)
      .replace('T', ' ')
      .replace(/(:\d\d):00$/, '$1')
  const second = (instant: Instant) => formatInstant(Math.floor(instant / 1000) * 1000)
  const own: WallClock = {
    zone,
    localMs,
    time,
    offset: (instant) => (zone === 'UTC' ? 'UTC' : clock.formatOffset(instant, 'short')),
    both: (instant) => (zone === 'UTC' ? second(instant) : `${time(instant)} ${zone} (${second(instant)})`),
    day: (instant) => local(instant).slice(0, 10),
    ofSlot: (other) => (isChosen || other === zone ? own : wallClock(other)),
  }
  return own
}
