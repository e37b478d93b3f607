import { isOfScheduler } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { inForceAt, isSameSpec, type Schedules } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import type { CallOptions, Store } from '../../store/store.ts'

/** Operators may have forced or resolved some of the newest slots, and triggers in a pause may have left rows. */
const NEWEST_ROWS = 100

/**
 * Returns the newest slot before `before` for which a scheduler has started a run under the schedule in force then. A forced run
 * does not count, because an operator may force a slot of an old schedule, and neither does a slot that was caught up.
 * Returns null if none is found among the newest rows. Throws `LedgerError`.
 */
export async function findLastSlot(
  { task, schedules, before }: { readonly task: string; readonly schedules: Schedules; readonly before: Instant },
  store: Store,
  call: CallOptions,
): Promise<Instant | null> {
  const inForce = inForceAt(schedules, before)?.spec
  if (inForce === undefined) return null
  const { rows } = await store.list({ kind: 'task', task, until: before, limit: NEWEST_ROWS }, call)
  for (const row of rows) {
    const own = readableRow(row)
    if (own?.attempts.some(isOfScheduler) && isSameSpec(own.schedule, inForce)) return own.slot
  }
  return null
}
