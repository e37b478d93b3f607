import { parseLocal } from '../instant.ts'
import type { Instant } from '../types.ts'
import { openZone, stretchesOf } from './zone.ts'

// From a zone's clocks to instants. Luxon's own way guesses at an offset, and near a change of the clocks it guesses
// wrong: it takes the second midnight of a day that has two, and times for skipped that are not.

const DAY_SECONDS = 86_400

/** `[from, to)` */
interface Stretch {
  readonly from: Instant
  readonly to: Instant
}

/**
 * When it is that day (`2026-11-24`) in the zone, in order: two stretches where the clocks are put back over midnight,
 * none where the zone left the day out. Null where no calendar has such a date.
 */
export function dayIn(date: string, zone: string): readonly Stretch[] | null {
  const midnight = parseLocal(`${date}T00:00`)
  return midnight === null ? null : stretches(midnight / 1000, DAY_SECONDS, zone)
}

/** From the first instant of the month `from` (`2026-11`) to the last of the month `to`, both in the years 1970 to 2199. */
export function monthsIn(from: string, to: string, zone: string): Stretch {
  const [year = 0, month = 0] = to.split('-').map(Number)
  const start = Date.parse(`${from}-01`) / 1000
  const all = stretches(start, Date.UTC(year, month) / 1000 - start, zone)
  return { from: all[0]?.from ?? Number.NaN, to: all.at(-1)?.to ?? Number.NaN }
}

/** The instants at which the clocks of the zone show `local` (milliseconds since 1970 on them): two in a fold, none in a gap. */
export function instantsOf(local: number, zone: string): readonly Instant[] {
  return stretches(local / 1000, 1, zone).map(({ from }) => from)
}

function stretches(local: number, seconds: number, zone: string): Stretch[] {
  return [...stretchesOf(openZone(zone), local, local + seconds)].map(({ from, to }) => ({
    from: from * 1000,
    to: to * 1000,
  }))
}
