import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { type AuditedSlot, dueKeys, type TaskInForce, withMissed } from '../core/task/expected-slots.ts'
import { type InForce, parseSince } from '../core/task/schedules-in-force.ts'
import { gapsOf } from '../core/task/suspensions.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import { type HistoryDeps, readHistory } from './history.ts'
import type { KnownTask } from './tasks.ts'

/** After this many slots, stop signals and printed output get their turn. */
export const SLOTS_PER_YIELD = 100

/** Throws a usage error if this version or its time zone data cannot read one of them. */
export function parseSchedules({ schedules }: Pick<KnownTask, 'schedules'>): readonly InForce[] {
  return schedules.map(parseSince)
}

/** A slot at `dueUntil` or later does not count as due. Throws as `parseSchedules` does. */
export function taskInForce(known: KnownTask, dueUntil: Instant): TaskInForce {
  return { task: known.task, schedules: parseSchedules(known), gaps: gapsOf(known), dueUntil }
}

/** Yields the slots that were due or have a row, newest first. Memory holds one page of rows. */
export function auditedSlots(
  task: TaskInForce,
  range: Required<TimeRange>,
  deps: HistoryDeps,
): AsyncGenerator<AuditedSlot, void> {
  const rows = readHistory({ task: task.task, ...range, limit: Number.POSITIVE_INFINITY }, deps)
  return rowsAndMissed(rows, [task], range, true)
}

/** Yields the rows, and the slots that were due and have none, with `withOlder` also slots that are older than the last row. */
export function rowsAndMissed(
  rows: AsyncIterable<StoredRow>,
  tasks: readonly TaskInForce[],
  { since, until }: Required<TimeRange>,
  withOlder: boolean,
): AsyncGenerator<AuditedSlot, void> {
  return withMissed(yieldingOften(dueKeys(tasks, since, until)), rows, withOlder)
}

async function* yieldingOften<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  let count = 0
  for (const item of items) {
    yield item
    count += 1
    if (count % SLOTS_PER_YIELD === 0) await yieldToEventLoop()
  }
}
