import { DAY_SECONDS } from '../schedule/calendar.ts'
import { longestGapMs } from '../schedule/gaps.ts'
import { type Schedule, slotAfter, slotBefore } from '../schedule/slot.ts'
import { stretchesOf, type Zone } from '../schedule/zone.ts'
import type { Instant } from '../types.ts'

// The periods in which the slots of two schedules are counted. Times in this file are seconds.

const UNITS = ['hour', 'day', 'week', 'month', 'year'] as const
export type PeriodUnit = (typeof UNITS)[number]

/**
 * The range `[from, to)`. An hour is real time, in seconds since 1970 UTC. A day, week, month or year is time on the wall
 * clock of a zone, in seconds since 1970-01-01T00:00:00 on that clock.
 */
export interface Period {
  readonly unit: PeriodUnit
  readonly from: number
  readonly to: number
}

/** Two slots of a schedule are at most this far apart if each hour, day, week or month has one. The clocks may change by two hours. */
const LONGEST_GAP_SECONDS: readonly (readonly [PeriodUnit, number])[] = [
  ['hour', 7_199],
  ['day', 26 * 3600],
  ['week', 7 * DAY_SECONDS + 7_200],
  // The third Monday of a month comes up to 35 days after the one before.
  ['month', 35 * DAY_SECONDS + 7_200],
]

/**
 * Returns the units in which the slots of the two schedules are counted around `at`, the shortest first. If both have a slot in each
 * hour, this is the hour. Otherwise it is the day, and each longer unit up to the first one in which both always have a slot.
 */
export function unitsOf(from: Schedule, to: Schedule, at: Instant): readonly PeriodUnit[] {
  const [one, other] = [unitOf(from, at), unitOf(to, at)]
  if (one === 'hour' && other === 'hour') return ['hour']
  return UNITS.slice(1, Math.max(UNITS.indexOf(one), UNITS.indexOf(other)) + 1)
}

function unitOf(schedule: Schedule, at: Instant): PeriodUnit {
  const gapMs = longestGapMs(schedule, at) ?? gapBefore(schedule, at)
  return LONGEST_GAP_SECONDS.find(([, seconds]) => gapMs <= seconds * 1000)?.[0] ?? 'year'
}

/** Returns the time between the last two slots of a schedule that ends. A schedule with one slot is compared by days. */
function gapBefore(schedule: Schedule, at: Instant): number {
  const last = slotBefore(schedule, at) ?? slotAfter(schedule, at)
  const before = last === null ? null : slotBefore(schedule, last)
  return last === null || before === null ? DAY_SECONDS * 1000 : last - before
}

/** Returns the period of the calendar that contains a time on the wall clock. A week begins on Monday. */
export function calendarPeriod(unit: Exclude<PeriodUnit, 'hour'>, local: number): Period {
  const day = Math.floor(local / DAY_SECONDS)
  const date = new Date(day * DAY_SECONDS * 1000)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  const range = (from: number, to: number): Period => ({ unit, from, to })
  switch (unit) {
    case 'day':
      return range(day * DAY_SECONDS, (day + 1) * DAY_SECONDS)
    case 'week': {
      // 1970-01-01 was a Thursday, three days after a Monday.
      const monday = Math.floor((day + 3) / 7) * 7 - 3
      return range(monday * DAY_SECONDS, (monday + 7) * DAY_SECONDS)
    }
    case 'month':
      return range(Date.UTC(year, month) / 1000, Date.UTC(year, month + 1) / 1000)
    case 'year':
      return range(Date.UTC(year, 0) / 1000, Date.UTC(year + 1, 0) / 1000)
  }
}

/** Returns the hour that contains an instant. It begins when the wall clock of the zone shows a full hour. */
export function hourOf(zone: Zone, second: number): Period {
  const { offset } = zone.pieceAt(second)
  const from = Math.floor((second + offset) / 3600) * 3600 - offset
  return { unit: 'hour', from, to: from + 3600 }
}

/** Returns whether an instant is in the period, on the clocks of the zone. */
export function isIn({ unit, from, to }: Period, zone: Zone, second: number): boolean {
  const time = unit === 'hour' ? second : second + zone.pieceAt(second).offset
  return from <= time && time < to
}

/** Yields when a zone has this period, in seconds since 1970 UTC. */
export function* stretchesIn({ unit, from, to }: Period, zone: Zone): Generator<Pick<Period, 'from' | 'to'>> {
  if (unit === 'hour') yield { from, to }
  else yield* stretchesOf(zone, from, to)
}
