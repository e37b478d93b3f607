import { DAY_MS } from '../duration.ts'
import { usageError } from '../errors.ts'
import type { Instant, ScheduleSpec } from '../types.ts'
import {
  type CronFields,
  DAY_SECONDS,
  type Direction,
  EVERY_YEAR,
  FIRST_SEARCHED_YEAR,
  LAST_SEARCHED_YEAR,
  nearestMatch,
} from './calendar.ts'
import { firstInstantAt, MAX_OFFSET_SECONDS, type Zone } from './zone.ts'

/** A parsed schedule. `spec` is what the user wrote, without surrounding white space. */
export type Schedule = { readonly spec: ScheduleSpec } & (
  | { readonly kind: 'cron'; readonly fields: CronFields; readonly zone: Zone }
  | { readonly kind: 'rate'; readonly anchor: Instant; readonly periodMs: number }
  | { readonly kind: 'at'; readonly instant: Instant }
)

const FIRST_SECOND = Date.UTC(FIRST_SEARCHED_YEAR, 0, 1) / 1000
const LAST_SECOND = Date.UTC(LAST_SEARCHED_YEAR + 1, 0, 1) / 1000 - 1

/** A host whose clock is this far behind must not reject the run of today as a duplicate of yesterday. */
export const MAX_EARLY_TOLERANCE_MS = 30_000
const EARLY_TOLERANCE_SHARE = 20

/** Returns the latest fire time at or before `at`, and the next one. Null: `at` is before the first one. */
export function windowOf(schedule: Schedule, at: Instant, earlyToleranceMs = 0) {
  if (!(earlyToleranceMs >= 0)) {
    throw usageError(`early tolerance is ${earlyToleranceMs} ms. Use 0 or more.`)
  }
  const slot = nearestSlot(schedule, at + earlyToleranceMs, -1)
  return slot === null ? null : { slot, next: slotAfter(schedule, slot) }
}

/** Strictly after `at`. Null: `at` is past the last fire time. */
export function slotAfter(schedule: Schedule, at: Instant): Instant | null {
  return nearestSlot(schedule, Math.floor(at) + 1, 1)
}

/** Strictly before `at`. Null: `at` is before the first fire time. */
export function slotBefore(schedule: Schedule, at: Instant): Instant | null {
  return nearestSlot(schedule, Math.ceil(at) - 1, -1)
}

/** Returns whether the slot is the second pass of a time, after clocks were put back. AWS does not say if it fires then. */
export function isOptional(schedule: Schedule, slot: Instant): boolean {
  if (schedule.kind !== 'cron' || schedule.fields.hours.length < 24) return false
  const { zone } = schedule
  const second = slot / 1000
  const { offset } = zone.pieceAt(second)
  // No time comes again without a change of the clocks in the last day. This decides most slots quickly.
  if (zone.pieceAt(second - DAY_SECONDS).offset === offset) return false
  return firstInstantAt(zone, second + offset) !== second
}

/** Returns the first fire time strictly after `at` for which a trigger must come, or null. */
export function expectedSlotAfter(schedule: Schedule, at: Instant): Instant | null {
  let slot = slotAfter(schedule, at)
  while (slot !== null && isOptional(schedule, slot)) slot = slotAfter(schedule, slot)
  return slot
}

/** Returns the latest fire time strictly before `at` for which a trigger had to come, or null. */
export function expectedSlotBefore(schedule: Schedule, at: Instant): Instant | null {
  let slot = slotBefore(schedule, at)
  while (slot !== null && isOptional(schedule, slot)) slot = slotBefore(schedule, slot)
  return slot
}

/** Yields the slots in `[from, to)`, the oldest first. It computes one at a time, so the span may have any length. */
export function* slotsBetween(schedule: Schedule, from: Instant, to: Instant): Generator<Instant, void, undefined> {
  for (let slot = nearestSlot(schedule, from, 1); slot !== null && slot < to; slot = slotAfter(schedule, slot)) {
    yield slot
  }
}

/** Returns 30 s, or a twentieth of the window that contains `at` if that is less, in milliseconds. */
export function earlyToleranceMs(schedule: Schedule, at: Instant): number {
  const window = windowOf(schedule, at)
  if (window === null || window.next === null) return MAX_EARLY_TOLERANCE_MS
  return Math.min(MAX_EARLY_TOLERANCE_MS, Math.floor((window.next - window.slot) / EARLY_TOLERANCE_SHARE))
}

export function isFireTimeNear(schedule: Schedule, at: Instant, toleranceMs: number): boolean {
  const slot = nearestSlot(schedule, at + toleranceMs, -1)
  return slot !== null && slot >= at - toleranceMs
}

/** A year contains the usual gaps. A longer one is found as well, because the search ends only at a slot. */
const SPAN_MS = 366 * DAY_MS
const LEAST_MS = 3_600_000

/** At least one hour. The search covers about a year from the last slot before `now`. Null: the schedule ends in it. */
export function longestGapMs(schedule: Schedule, now: Instant): number | null {
  const first = slotBefore(schedule, now) ?? slotAfter(schedule, now)
  if (first === null) return null
  let longest = LEAST_MS
  for (let slot = first; slot < first + SPAN_MS; ) {
    // Gaps that lie within a stretch as long as the longest gap so far cannot be longer than that gap.
    const within = slotBefore(schedule, slot + longest + 1)
    if (within !== null && within > slot) {
      slot = within
      continue
    }
    const next = slotAfter(schedule, slot)
    if (next === null) return null
    longest = next - slot
    slot = next
  }
  return longest
}

/** `at` itself counts. */
function nearestSlot(schedule: Schedule, at: number, direction: Direction): Instant | null {
  // NaN compares as false with everything, so it would look like a time without a slot.
  if (!Number.isFinite(at)) throw usageError(`time is ${at}. Use milliseconds since 1970-01-01T00:00:00Z.`)
  switch (schedule.kind) {
    case 'at':
      return (schedule.instant - at) * direction >= 0 ? schedule.instant : null
    case 'rate': {
      const periods = (at - schedule.anchor) / schedule.periodMs
      const count = direction === 1 ? Math.max(0, Math.ceil(periods)) : Math.floor(periods)
      return count < 0 ? null : schedule.anchor + count * schedule.periodMs
    }
    case 'cron': {
      const second = direction === 1 ? Math.ceil(at / 1000) : Math.floor(at / 1000)
      const found = nearestFireTime(schedule.fields, schedule.zone, second, direction)
      return found === null ? null : found * 1000
    }
  }
}

/** False for 31 February, or a date that the zone skipped. Only a list of years can be that narrow. */
export function canFire(fields: CronFields, zone: Zone): boolean {
  if (fields.years === EVERY_YEAR) return nearestMatch(fields, FIRST_SECOND, 1) !== null
  return nearestFireTime(fields, zone, FIRST_SECOND, 1) !== null
}

/**
 * Walks in either direction through pieces of constant offset. Both directions use the same rules, so that a slot
 * cannot depend on where the walk started. An instant is a fire time if its local time matches and if it is the first
 * instant with that local time. So a time in a gap never comes, and a time in a fold comes once. If the hour field has
 * every hour, the second pass counts as well.
 */
function nearestFireTime(fields: CronFields, zone: Zone, from: number, direction: Direction): number | null {
  if (direction === 1 ? from > LAST_SECOND : from < FIRST_SECOND) return null
  const everyPass = fields.hours.length === 24
  let at = Math.min(Math.max(from, FIRST_SECOND), LAST_SECOND)
  for (;;) {
    const piece = zone.pieceAt(at)
    const local = nearestMatch(fields, at + piece.offset, direction)
    const instant = local === null ? null : local - piece.offset
    if (local !== null && instant !== null && instant >= piece.from && instant < piece.to) {
      if (everyPass || firstInstantAt(zone, local) === instant) return instant
      at = instant + direction
      continue
    }
    // Beyond this piece the offset is unknown, but it has a limit. With any offset, nothing matches before `far`.
    const edge = direction === 1 ? piece.to : piece.from - 1
    const far = nearestMatch(fields, edge - direction * MAX_OFFSET_SECONDS, direction)
    if (far === null) return null
    at = direction === 1 ? Math.max(edge, far - MAX_OFFSET_SECONDS) : Math.min(edge, far + MAX_OFFSET_SECONDS)
  }
}
