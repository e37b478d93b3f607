import { usageError } from '../errors.ts'
import type { Instant, ScheduleSpec } from '../types.ts'
import { type Direction, EVERY_YEAR, FIRST_YEAR, type Fields, LAST_YEAR, nearestMatch } from './calendar.ts'
import { firstInstantAt, MAX_OFFSET_SECONDS, type Zone } from './zone.ts'

/** A parsed schedule. `spec` is what the user wrote, without the white space around it. */
export type Schedule = { readonly spec: ScheduleSpec } & (
  | { readonly kind: 'cron'; readonly fields: Fields; readonly zone: Zone }
  | { readonly kind: 'rate'; readonly anchor: Instant; readonly periodMs: number }
  | { readonly kind: 'at'; readonly instant: Instant }
)

const FIRST_SECOND = Date.UTC(FIRST_YEAR, 0, 1) / 1000
const LAST_SECOND = Date.UTC(LAST_YEAR + 1, 0, 1) / 1000 - 1

/** DESIGN part 3: a clock that far behind must not reject today's run as yesterday's duplicate. */
const MAX_EARLY_TOLERANCE_MS = 30_000
const EARLY_TOLERANCE_SHARE = 20

/**
 * The slot that `at` belongs to, the latest fire time at or before it, and the next one; null before the first.
 * `earlyToleranceMs` only looks ahead: an event that close before the next slot belongs to that one.
 */
export function slotOf(
  schedule: Schedule,
  at: Instant,
  earlyToleranceMs = 0,
): { slot: Instant; next: Instant | null } | null {
  if (!(earlyToleranceMs >= 0)) {
    throw usageError(`early tolerance is ${earlyToleranceMs} ms; allowed are 0 and more: it only looks ahead`)
  }
  const slot = nearestSlot(schedule, at + earlyToleranceMs, -1)
  return slot === null ? null : { slot, next: slotAfter(schedule, slot) }
}

/** The first fire time strictly after `at`; null after the last. */
export function slotAfter(schedule: Schedule, at: Instant): Instant | null {
  return nearestSlot(schedule, Math.floor(at) + 1, 1)
}

/** The latest fire time strictly before `at`; null before the first. */
export function slotBefore(schedule: Schedule, at: Instant): Instant | null {
  return nearestSlot(schedule, Math.ceil(at) - 1, -1)
}

/** The slots in `[from, to)`, oldest first, one at a time: the span may be as long as it likes. */
export function* slotsBetween(schedule: Schedule, from: Instant, to: Instant): Generator<Instant, void, undefined> {
  for (let slot = nearestSlot(schedule, from, 1); slot !== null && slot < to; slot = slotAfter(schedule, slot)) {
    yield slot
  }
}

/** The default tolerance in milliseconds: 30 s, or a twentieth of the window that holds `at` where that is less. */
export function earlyToleranceMs(schedule: Schedule, at: Instant): number {
  const window = slotOf(schedule, at)
  if (window === null || window.next === null) return MAX_EARLY_TOLERANCE_MS
  return Math.min(MAX_EARLY_TOLERANCE_MS, Math.floor((window.next - window.slot) / EARLY_TOLERANCE_SHARE))
}

/** Whether some fire time lies within `toleranceMs` of `at`, before or after it. */
export function isFireTimeNear(schedule: Schedule, at: Instant, toleranceMs: number): boolean {
  const slot = nearestSlot(schedule, at + toleranceMs, -1)
  return slot !== null && slot >= at - toleranceMs
}

/** The fire time nearest to `at`, itself included, later or earlier. */
function nearestSlot(schedule: Schedule, at: number, direction: Direction): Instant | null {
  // NaN would compare false with everything and be taken for "no slot".
  if (!Number.isFinite(at)) throw usageError(`time is ${at}; allowed are milliseconds since 1970-01-01T00:00:00Z`)
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

/**
 * Whether the fields ever meet the zone's clocks: false for 31 February, and for a date that the zone skipped. Only a
 * list of years can be as narrow as that: no zone skips a time in all of them, the years before summer time included.
 */
export function canFire(fields: Fields, zone: Zone): boolean {
  if (fields.years === EVERY_YEAR) return nearestMatch(fields, FIRST_SECOND, 1) !== null
  return nearestFireTime(fields, zone, FIRST_SECOND, 1) !== null
}

/**
 * One walk for both directions, piece by piece of constant offset, so that a slot cannot depend on where it was reached
 * from. An instant is a fire time if its local time matches, and if it is the first with that local time: so a time in
 * a gap never comes, and one in a fold comes once. With every hour in the hour field the second pass counts as well.
 */
function nearestFireTime(fields: Fields, zone: Zone, from: number, direction: Direction): number | null {
  if (direction === 1 ? from > LAST_SECOND : from < FIRST_SECOND) return null
  const everyPass = fields.hours.values.length === 24
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
    // Beyond this piece the offset is unknown, but bounded: whatever it is, nothing matches before `far`.
    const edge = direction === 1 ? piece.to : piece.from - 1
    const far = nearestMatch(fields, edge - direction * MAX_OFFSET_SECONDS, direction)
    if (far === null) return null
    at = direction === 1 ? Math.max(edge, far - MAX_OFFSET_SECONDS) : Math.min(edge, far + MAX_OFFSET_SECONDS)
  }
}
