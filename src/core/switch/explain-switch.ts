import { DAY_MS } from '../duration.ts'
import { usageError } from '../errors.ts'
import { type Schedule, slotAfter, slotBefore } from '../schedule/slot.ts'
import type { Instant } from '../types.ts'
import { type AffectedPeriod, affectedBy, type Budget, type Comparison, compareSchedules, slotsIn } from './affected.ts'
import { isIn, type PeriodUnit } from './period.ts'

/** The result for a switch from one schedule to another. */
export interface ExplainedSwitch {
  readonly from: Schedule
  readonly to: Schedule
  readonly at: Instant
  /** The periods that would run too often or too seldom. Empty if the switch is safe. */
  readonly affected: readonly AffectedPeriod[]
  /** The slots of the old schedule before the switch, and of the new one from the switch on. The oldest first. */
  readonly before: readonly SwitchSlot[]
  readonly after: readonly SwitchSlot[]
  /** The slots of the affected periods that do not run, because their schedule is not in force then. */
  readonly notRun: readonly SwitchSlot[]
  readonly safe: readonly SafeSpan[]
  /** The units in which the slots were counted, the shortest first. */
  readonly units: readonly PeriodUnit[]
  /** Until when safe spans were searched. */
  readonly searchedUntil: Instant
}

/** A slot of one of the two schedules. */
export interface SwitchSlot {
  readonly slot: Instant
  readonly schedule: 'from' | 'to'
  /** Null if the period of the slot is not affected. */
  readonly affected: AffectedPeriod | null
}

/** A switch after `after` and before `before` is safe. `before` is null if the span goes on beyond the search. */
export interface SafeSpan {
  readonly after: Instant
  readonly before: Instant | null
}

/** Each takes about a microsecond, so a command answers in less than a second. */
const MAX_VISITED = 300_000

/** Finding the periods takes about as long as visiting this many slots. */
const PROBE_COST = 60

/** The next spans. An operator chooses one of them. */
const MAX_SPANS = 3

/** Long enough for three spans, if each period has one. */
const SEARCHED_DAYS: Readonly<Record<PeriodUnit, number>> = { hour: 2, day: 14, week: 35, month: 130, year: 3 * 366 }

/**
 * Explains a switch at `at`. Shows up to `count` slots before and after it. Throws a usage error if the schedules have too many slots to
 * compare.
 */
export function explainSwitch(from: Schedule, to: Schedule, at: Instant, count: number): ExplainedSwitch {
  const comparison = compareSchedules(from, to, at)
  const { units } = comparison
  const affected = affectedBy(comparison, at, { left: MAX_VISITED })
  const unit = units.at(-1) ?? 'day'
  if (affected === null) {
    throw usageError(
      `the schedules have too many slots in one ${unit} to compare. Compare schedules that differ in their hours and days.`,
    )
  }
  const searchedUntil = at + SEARCHED_DAYS[unit] * DAY_MS
  const shown = (schedule: SwitchSlot['schedule'], slots: readonly Instant[]) =>
    slots.map((slot): SwitchSlot => {
      const has = ({ period }: AffectedPeriod) => isIn(period, comparison[schedule].zone, slot / 1000)
      return { slot, schedule, affected: affected.find(has) ?? null }
    })
  return {
    from,
    to,
    at,
    affected,
    units,
    before: shown('from', take(count, at, (slot) => slotBefore(from, slot)).reverse()),
    after: shown(
      'to',
      take(count, at - 1, (slot) => slotAfter(to, slot)),
    ),
    notRun: notRunIn(affected, comparison, at, count),
    ...safeSpans(comparison, at, searchedUntil),
  }
}

function take(count: number, start: Instant, step: (at: Instant) => Instant | null): Instant[] {
  const slots: Instant[] = []
  for (let slot = step(start); slot !== null && slots.length < count; slot = step(slot)) slots.push(slot)
  return slots
}

function notRunIn(
  affected: readonly AffectedPeriod[],
  { from, to }: Comparison,
  at: Instant,
  count: number,
): ExplainedSwitch['notRun'] {
  const budget = { left: MAX_VISITED }
  const slots = affected.flatMap((one): readonly SwitchSlot[] => [
    ...[...slotsIn(to, one.period, 'before', at, budget)].slice(-count).map(switchSlot('to', one)),
    ...[...slotsIn(from, one.period, 'after', at, budget)].slice(0, count).map(switchSlot('from', one)),
  ])
  return slots.sort((one, other) => one.slot - other.slot)
}

function switchSlot(schedule: SwitchSlot['schedule'], affected: AffectedPeriod): (slot: Instant) => SwitchSlot {
  return (slot) => ({ slot, schedule, affected })
}

/**
 * Returns the next spans in which a switch is safe. What runs changes only when the switch passes a slot, so one switch between two
 * slots stands for all of them.
 */
function safeSpans(
  comparison: Comparison,
  at: Instant,
  searchedUntil: Instant,
): Pick<ExplainedSwitch, 'safe' | 'searchedUntil'> {
  const budget: Budget = { left: MAX_VISITED }
  const safe: SafeSpan[] = []
  let begun: Instant | null = null
  let [after, probe] = [at, at]
  while (safe.length < MAX_SPANS) {
    const affected = after <= searchedUntil ? affectedBy(comparison, probe, budget) : null
    // The search ends here. A span that has begun goes on beyond it.
    if (affected === null) break
    if (affected.length === 0) begun ??= after
    else {
      if (begun !== null && begun < after) safe.push({ after: begun, before: after })
      begun = null
    }
    after = nextSlot(comparison, probe) ?? Number.POSITIVE_INFINITY
    probe = after + 1
    budget.left -= PROBE_COST
  }
  if (begun !== null) safe.push({ after: begun, before: null })
  return { safe, searchedUntil: Math.min(after, searchedUntil) }
}

/** Returns the first slot of one of the schedules that is not before `at`. */
function nextSlot({ from, to }: Comparison, at: Instant): Instant | null {
  const slots = [from, to].map(({ schedule }) => slotAfter(schedule, at - 1)).filter((slot) => slot !== null)
  return slots.length === 0 ? null : Math.min(...slots)
}
