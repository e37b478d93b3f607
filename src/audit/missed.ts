import { type MissedSlot, missedSlot } from '../core/row/expected-slots.ts'
import { missedUntil } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { auditedSlots, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the slots of one task in `[since, until)` that had been due for the grace period and have no row, newest first.
 * Holds one page of rows in memory. Throws as `parseSchedules` and `readHistory` do.
 */
export async function* missedSlots(
  known: KnownTask,
  { since, until, graceMs }: Required<TimeRange> & { readonly graceMs: number },
  deps: HistoryDeps,
): AsyncGenerator<MissedSlot, void> {
  const settings = { now: deps.clock.now(), graceMs }
  const inForce = taskInForce(known, missedUntil(settings))
  for await (const { missed } of auditedSlots(inForce, { since, until }, deps)) {
    if (missed !== null) yield missedSlot(missed, inForce.schedules, settings)
  }
}
