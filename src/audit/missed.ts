import { isLeftByCatchUp } from '../core/row/attempts.ts'
import { missedUntil, readableRow } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { type AuditedSlot, type MissedSlot, missedSlot } from '../core/task/expected-slots.ts'
import { type InForce, scheduleWith } from '../core/task/schedules-in-force.ts'
import type { Instant } from '../core/types.ts'
import { auditedSlots, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the slots of one task in `[since, until)` that a run may catch up, newest first. They had certainly been due for
 * the grace period and have no row, or only a row that an earlier catch-up left without a start. Holds one page of rows in
 * memory.
 * Throws as `parseSchedules` and `readHistory` do.
 */
export async function* missedSlots(
  known: KnownTask,
  { since, until, graceMs }: Required<TimeRange> & { readonly graceMs: number },
  deps: HistoryDeps,
): AsyncGenerator<MissedSlot, void> {
  const settings = { now: deps.clock.now(), graceMs }
  const inForce = taskInForce(known, missedUntil(settings))
  for await (const found of auditedSlots(inForce, { since, until }, deps)) {
    const slot = slotToCatchUp(found, inForce.schedules, settings)
    if (slot !== null) yield slot
  }
}

/** Returns the slot if a run may catch it up, otherwise null. */
export function slotToCatchUp(
  { row, missed }: AuditedSlot,
  schedules: readonly InForce[],
  settings: { readonly now: Instant; readonly graceMs: number },
): MissedSlot | null {
  if (missed !== null) return missed.doubt === undefined ? missedSlot(missed, schedules, settings) : null
  const own = readableRow(row)
  if (own === null || !isLeftByCatchUp(own)) return null
  // The run that left it may have had a shorter grace, or an earlier schedule.
  const isMissed = own.slot < missedUntil(settings) && scheduleWith(schedules, own.slot) !== null
  return isMissed ? missedSlot(own, schedules, settings) : null
}
