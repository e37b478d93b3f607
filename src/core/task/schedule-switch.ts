import { DAY_MS } from '../duration.ts'
import { LedgerError, usageError } from '../errors.ts'
import { expectedSlotAfter, longestGapMs, type Schedule, slotsBetween } from '../schedule/slot.ts'
import { openZone } from '../schedule/zone.ts'
import type { Instant } from '../types.ts'

// A task changes from one schedule to another. The slots of the old schedule before the switch have run, and those of the
// new one from the switch on will run. A period is affected if it has more of these slots than under each of the two
// schedules alone, or fewer. A slot belongs to the date in the zone of its own schedule, because the batch gets this date.

/** Clocks may change by two hours, and the third Monday of a month comes up to 35 days after the one before. */
const UNITS = [
  { unit: 'day', days: 1, gapMs: DAY_MS * (1 + 1 / 12) },
  { unit: 'week', days: 7, gapMs: DAY_MS * (7 + 1 / 12) },
  { unit: 'month', days: 31, gapMs: DAY_MS * (35 + 1 / 12) },
  { unit: 'year', days: 366, gapMs: Number.POSITIVE_INFINITY },
] as const

type Unit = (typeof UNITS)[number]['unit']

/** A period, and how many of its slots run: across the switch, and under each of the two schedules alone. */
export interface Period {
  readonly unit: Unit
  /** Such as `2026-11-24` (of a week, its Monday), `2026-11` or `2026`. */
  readonly name: string
  runs: number
  withFrom: number
  withTo: number
}

const MAX_SLOTS = 100_000

interface Listed {
  readonly slot: Instant
  readonly schedule: 'from' | 'to'
  readonly periods: readonly Period[]
}

/**
 * Returns the affected periods of the shortest unit that has any, the oldest first, for a switch at `at`. Throws a usage error if the
 * schedules have too many slots to count.
 */
export function affectedPeriods(from: Schedule, to: Schedule, at: Instant): readonly Period[] {
  const { units, days } = unitsOf(from, to, at)
  // The list has whole periods, also where the dates of two zones differ by more than a day.
  const listed = slotsAround({ from, to }, at, (days + 2) * DAY_MS, units)
  for (const { schedule, slot, periods } of listed)
    if (slot < at) for (const period of periods) period.runs += schedule === 'from' ? 1 : -1
  const affected = [...new Set(listed.flatMap(({ periods }) => periods))].filter(isAffected)
  const shortest = units.find((unit) => affected.some((period) => period.unit === unit))
  return affected.filter(({ unit }) => unit === shortest).sort((one, other) => (one.name < other.name ? -1 : 1))
}

/**
 * Returns whether nothing is missing between `after`, the last slot that ran under the old schedule, and `until`, the first one
 * under the new. Then each schedule has at most one slot between them, and a switch at one moment explains that neither ran. No
 * day, week, month or year has fewer runs than under each of the two schedules.
 */
export function isPlainSwitch(from: Schedule, to: Schedule, after: Instant, until: Instant): boolean {
  const [old, ...moreOld] = firstSlots(from, after, until)
  const [fresh = after, ...moreFresh] = firstSlots(to, after, until)
  if (moreOld.length > 0 || moreFresh.length > 0 || (old !== undefined && old <= fresh)) return false
  const { units, days } = unitsOf(from, to, after)
  try {
    const listed = slotsAround({ from, to }, fresh + 1, (days + 2) * DAY_MS, units)
    for (const { schedule, slot, periods } of listed)
      if (slot <= fresh) for (const period of periods) period.runs += schedule === 'from' ? 1 : -1
    return !listed.some(({ periods }) => periods.some(isShort))
  } catch (error) {
    // There are too many slots to count.
    if (error instanceof LedgerError) return false
    throw error
  }
}

function firstSlots(schedule: Schedule, after: Instant, until: Instant): readonly Instant[] {
  const slots: Instant[] = []
  let slot = expectedSlotAfter(schedule, after)
  for (; slot !== null && slot < until && slots.length < 2; slot = expectedSlotAfter(schedule, slot)) slots.push(slot)
  return slots
}

/** Returns the units to count in, and the days of the longest one. A schedule that ends is counted by days. */
function unitsOf(from: Schedule, to: Schedule, at: Instant) {
  const gapMs = Math.max(...[from, to].map((schedule) => longestGapMs(schedule, at) ?? DAY_MS))
  const longest = UNITS.findIndex((unit) => gapMs <= unit.gapMs)
  return { units: UNITS.slice(0, longest + 1).map(({ unit }) => unit), days: UNITS[longest]?.days ?? 1 }
}

function slotsAround(schedules: Record<'from' | 'to', Schedule>, at: Instant, reachMs: number, units: readonly Unit[]) {
  const counted = new Map<string, Period>()
  const listed: Listed[] = []
  for (const schedule of ['from', 'to'] as const) {
    const zone = openZone(schedules[schedule].spec.zone)
    for (const slot of slotsBetween(schedules[schedule], at - reachMs, at + reachMs)) {
      const periods = units.map((unit) => {
        const name = periodOf(unit, slot + zone.pieceAt(slot / 1000).offset * 1000)
        const period = counted.get(unit + name) ?? { unit, name, runs: 0, withFrom: 0, withTo: 0 }
        counted.set(unit + name, period)
        period[schedule === 'from' ? 'withFrom' : 'withTo'] += 1
        period.runs = period.withTo
        return period
      })
      if (listed.push({ slot, schedule, periods }) > MAX_SLOTS)
        throw usageError('the schedules have too many slots to compare. Compare schedules that fire less often.')
    }
  }
  return listed.sort((one, other) => one.slot - other.slot)
}

function isAffected(period: Period): boolean {
  return period.runs > Math.max(period.withFrom, period.withTo) || isShort(period)
}

function isShort({ runs, withFrom, withTo }: Period): boolean {
  return runs < Math.min(withFrom, withTo)
}

/** A week begins on Monday. */
function periodOf(unit: Unit, local: number): string {
  const daysSinceMonday = unit === 'week' ? (new Date(local).getUTCDay() + 6) % 7 : 0
  const date = new Date(local - daysSinceMonday * DAY_MS).toISOString()
  return date.slice(0, { day: 10, week: 10, month: 7, year: 4 }[unit])
}
