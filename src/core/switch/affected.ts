import { type Schedule, slotsBetween } from '../schedule/slot.ts'
import { openZone, type Zone } from '../schedule/zone.ts'
import type { Instant } from '../types.ts'
import { calendarPeriod, hourOf, type Period, type PeriodUnit, stretchesIn, unitsOf } from './period.ts'

// A task changes from one schedule to another. The slots of the old schedule before the switch have run, and the slots of the new
// schedule from the switch on will run. A period is affected if it has more of these slots than it would have under each of the
// two schedules alone, or fewer.
//
// A slot belongs to the date on which it is due, in the zone of its own schedule. This is the date that the batch gets.

/** A schedule and the clocks by which its slots have dates. */
export interface Side {
  readonly schedule: Schedule
  readonly zone: Zone
}

/** Two schedules, and the units in which their slots are counted. */
export interface Comparison {
  readonly from: Side
  readonly to: Side
  readonly units: readonly PeriodUnit[]
}

/** A period that runs more or less often than under each of the schedules alone. */
export interface AffectedPeriod {
  readonly period: Period
  /** How many slots run: those of the old schedule before the switch, and those of the new one from the switch on. */
  readonly runs: number
  /** How many slots the period has under the old schedule alone, and under the new one alone. */
  readonly withFrom: number
  readonly withTo: number
}

/** How many slots may still be visited. Two schedules may have millions of slots in a period. */
export interface Budget {
  left: number
}

/** Clocks that are put back over midnight show a date a second time, so we also look at the dates some hours around the switch. */
const AROUND_SECONDS = 3 * 3600

/** Prepares the comparison of two schedules around `at`. */
export function compareSchedules(from: Schedule, to: Schedule, at: Instant): Comparison {
  const sideOf = (schedule: Schedule): Side => ({ schedule, zone: openZone(schedule.spec.zone) })
  return { from: sideOf(from), to: sideOf(to), units: unitsOf(from, to, at) }
}

/**
 * Returns the periods that a switch at `at` affects, the oldest first, in the shortest unit in which there are any. Returns null if the
 * budget is used up.
 */
export function affectedBy(comparison: Comparison, at: Instant, budget: Budget): readonly AffectedPeriod[] | null {
  for (const unit of comparison.units) {
    const found = periodsAround(comparison, unit, at).filter((period) => isAffected(comparison, period, at, budget))
    const counted = found.map((period) => countIn(comparison, period, at, budget))
    if (budget.left < 0) return null
    if (counted.length > 0) return counted
  }
  return []
}

/**
 * Returns the periods that can be affected. Others are not, because all their slots are before the switch or all are after it, in both
 * schedules.
 */
function periodsAround({ from, to }: Comparison, unit: PeriodUnit, at: Instant): readonly Period[] {
  const second = Math.floor(at / 1000)
  if (unit === 'hour') return [hourOf(to.zone, second)]
  const locals = [from.zone, to.zone].flatMap((zone) =>
    [-AROUND_SECONDS, 0, AROUND_SECONDS].map((by) => second + by + zone.pieceAt(second + by).offset),
  )
  const last = Math.max(...locals)
  const periods: Period[] = []
  for (let local = Math.min(...locals); local <= last; ) {
    const period = calendarPeriod(unit, local)
    periods.push(period)
    local = period.to
  }
  return periods
}

/**
 * Returns whether the period has more or fewer slots than under each schedule alone. It has more if the old schedule has more slots
 * before the switch than the new one, and the new one more slots after it than the old one.
 */
function isAffected({ from, to }: Comparison, period: Period, at: Instant, budget: Budget): boolean {
  const slots = (side: Side, part: PartOfPeriod) => slotsIn(side, period, part, at, budget)
  const before = compareCounts(slots(from, 'before'), slots(to, 'before'))
  return before !== 0 && compareCounts(slots(to, 'after'), slots(from, 'after')) === before
}

function countIn({ from, to }: Comparison, period: Period, at: Instant, budget: Budget): AffectedPeriod {
  const count = (side: Side, part: PartOfPeriod) => [...slotsIn(side, period, part, at, budget)].length
  const [fromBefore, fromAfter] = [count(from, 'before'), count(from, 'after')]
  const [toBefore, toAfter] = [count(to, 'before'), count(to, 'after')]
  return { period, runs: fromBefore + toAfter, withFrom: fromBefore + fromAfter, withTo: toBefore + toAfter }
}

type PartOfPeriod = 'before' | 'after'

/** Yields the slots of a period that are before the switch, or those that are not. Ends early if the budget is used up. */
export function* slotsIn(
  { schedule, zone }: Side,
  period: Period,
  part: PartOfPeriod,
  at: Instant,
  budget: Budget,
): Generator<Instant, void, undefined> {
  for (const stretch of stretchesIn(period, zone)) {
    const [start, end] = [stretch.from * 1000, stretch.to * 1000]
    const [since, until] = part === 'before' ? [start, Math.min(end, at)] : [Math.max(start, at), end]
    if (since >= until) continue
    for (const slot of slotsBetween(schedule, since, until)) {
      budget.left -= 1
      if (budget.left < 0) return
      yield slot
    }
  }
}

/** Compares how many there are, and visits only as many as the shorter list has. Returns -1, 0 or 1. */
function compareCounts(one: Iterator<Instant>, other: Iterator<Instant>): -1 | 0 | 1 {
  for (;;) {
    const [isOneDone, isOtherDone] = [one.next().done, other.next().done]
    if (isOneDone && isOtherDone) return 0
    if (isOneDone) return -1
    if (isOtherDone) return 1
  }
}
