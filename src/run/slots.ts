import { setImmediate as turn } from 'node:timers/promises'
import { dueKeys, type MissedSlot, missedSlot, withMissed } from '../core/missed.ts'
import type { StoredRow } from '../core/types.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory } from './history.ts'
import { inForceOf } from './on-record.ts'
import type { KnownTask } from './tasks.ts'

/** Slots that may come without a wait for the ledger: a stop signal, and what was printed, wait for the event loop. */
const SLOTS_PER_TURN = 100

/**
 * The rows that `query` names, and the slots of `tasks` that are due for `graceMs` and have none, newest first. Of one
 * task without `since`: from its first row on, since before that nobody knows whether it was to run, and rows expire.
 *
 * Memory holds a page of rows, and the schedules of the tasks. Throws as `checkTask` does.
 */
export async function* readSlots(
  query: Omit<HistoryQuery, 'limit'>,
  tasks: readonly KnownTask[],
  graceMs: number,
  deps: HistoryDeps,
): AsyncGenerator<StoredRow | MissedSlot, void> {
  const now = deps.clock.now()
  const { since, until } = rangeOf(query, now)
  const inForce = new Map(tasks.map((known) => [known.task, inForceOf(known)]))
  const of = [...inForce].map(([task, schedules]) => ({ task, schedules }))
  // A slot that is due for exactly the grace is missed, so the end is a millisecond later.
  const due = dueKeys(of, since, Math.min(until, now - graceMs + 1))
  const rows = readHistory({ ...query, limit: Number.POSITIVE_INFINITY }, deps)
  const withOlder = query.task === undefined || query.since !== undefined
  let slots = 0
  for await (const { row, missed } of withMissed(due, rows, withOlder)) {
    yield row ?? missedSlot(missed, inForce.get(missed.task) ?? [])
    slots += 1
    if (slots % SLOTS_PER_TURN === 0) await turn()
  }
}
