import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { type AuditedSlot, dueKeys, type TaskInForce, withMissed } from '../core/task/expected-slots.ts'
import { type InForce, parseSince } from '../core/task/schedules-in-force.ts'
import type { StoredRow } from '../core/types.ts'
import type { KnownTask } from './tasks.ts'

/** After this many slots, stop signals and printed output get their turn. */
export const SLOTS_PER_YIELD = 100

/** Throws a usage error if this version or its time zone data cannot read one of them. */
export function parseSchedules({ schedules }: Pick<KnownTask, 'schedules'>): readonly InForce[] {
  return schedules.map(parseSince)
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
