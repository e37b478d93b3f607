import { type MissedSlot, missedSlot } from '../core/row/expected-slots.ts'
import type { StoredRow } from '../core/types.ts'
import { parseSchedules, rowsAndMissed } from './expected.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the rows that `query` names, and the slots of `tasks` that have been due for `graceMs` and have no row, newest
 * first. For one task without `since`, it starts at the first row. Before that row, it is unknown whether the task was
 * due, and older rows may have expired.
 *
 * Holds one page of rows and the schedules of the tasks in memory. Throws a usage error as `parseSchedules` and
 * `readHistory` do.
 */
export async function* readSlots(
  query: Omit<HistoryQuery, 'limit'>,
  tasks: readonly KnownTask[],
  graceMs: number,
  deps: HistoryDeps,
): AsyncGenerator<StoredRow | MissedSlot, void> {
  const now = deps.clock.now()
  const { since, until } = rangeOf(query, now)
  const inForce = new Map(tasks.map((known) => [known.task, parseSchedules(known)]))
  const of = [...inForce].map(([task, schedules]) => ({ task, schedules }))
  const rows = readHistory({ ...query, limit: Number.POSITIVE_INFINITY }, deps)
  const withOlder = query.task === undefined || query.since !== undefined
  for await (const { row, missed } of rowsAndMissed(rows, of, { since, until, graceMs }, now, withOlder, deps)) {
    yield row ?? missedSlot(missed, inForce.get(missed.task) ?? [])
  }
}
