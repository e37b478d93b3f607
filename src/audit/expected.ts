import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import {
  dueKeys,
  type InForce,
  type OnRecord,
  type RowsOf,
  type TaskInForce,
  withMissed,
} from '../core/row/expected-slots.ts'
import { parseSchedule } from '../core/schedule/schedule.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import { type HistoryDeps, readHistory } from './history.ts'
import type { KnownTask } from './tasks.ts'

/** Fifteen minutes: deliveries come within a minute or two, and a retry or a slow start should not be an alarm. */
export const USUAL_GRACE_MS = 900_000

/** Slots that may come without a wait for the ledger: a stop signal, and what was printed, wait for the event loop. */
const SLOTS_PER_TURN = 100

export interface ExpectedSettings {
  readonly since: Instant
  readonly until: Instant
  /** A slot is missed only when it has been due for so long. */
  readonly graceMs: number
}

/** Throws a usage error where the registry holds a schedule that this version or its zone data cannot read. */
export function parseSchedules({ schedules }: KnownTask): readonly InForce[] {
  return schedules.map(({ since, spec }) => ({ since, schedule: parseSchedule(spec) }))
}

/**
 * The slots of one task in `[since, until)` that have a row, or were due for the grace at `now`, newest first. Slots and
 * rows are put together as they come: memory holds a page of rows.
 */
export function slotsOnRecord(
  task: string,
  schedules: readonly InForce[],
  settings: ExpectedSettings,
  now: Instant,
  deps: HistoryDeps,
): AsyncGenerator<OnRecord, void> {
  const rows = rowsOf(deps)(task, settings.since, settings.until)
  return rowsAndMissed(rows, [{ task, schedules }], settings, now, true, deps)
}

/** The rows, and in their places the slots of the tasks that were due for the grace at `now` and have none. */
export function rowsAndMissed(
  rows: AsyncIterable<StoredRow>,
  tasks: readonly TaskInForce[],
  { since, until, graceMs }: ExpectedSettings,
  now: Instant,
  withOlder: boolean,
  deps: HistoryDeps,
): AsyncGenerator<OnRecord, void> {
  // A slot that is due for exactly the grace is missed, so the end is a millisecond later.
  const due = inTurns(dueKeys(tasks, since, Math.min(until, now - graceMs + 1)))
  return withMissed(due, rows, withOlder, rowsOf(deps))
}

function rowsOf(deps: HistoryDeps): RowsOf {
  return (task, since, until) => readHistory({ task, since, until, limit: Number.POSITIVE_INFINITY }, deps)
}

async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  let count = 0
  for (const item of items) {
    yield item
    count += 1
    if (count % SLOTS_PER_TURN === 0) await yieldToEventLoop()
  }
}
