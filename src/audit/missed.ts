import { type MissedSlot, missedSlot } from '../core/row/expected-slots.ts'
import { auditedSlots, type ExpectedSettings, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the slots of one task in `[since, until)` that had been due for the grace period and have no row, newest first.
 * Holds one page of rows in memory. Throws as `parseSchedules` and `readHistory` do.
 */
export async function* missedSlots(
  known: KnownTask,
  settings: ExpectedSettings,
  deps: HistoryDeps,
): AsyncGenerator<MissedSlot, void> {
  const inForce = taskInForce(known)
  for await (const { missed } of auditedSlots(inForce, settings, deps.clock.now(), deps)) {
    if (missed !== null) yield missedSlot(missed, inForce.schedules)
  }
}
