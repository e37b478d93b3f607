import { type MissedSlot, missedSlot } from '../core/row/expected-slots.ts'
import { parseSlotBySchedules } from '../core/row/schedules-in-force.ts'
import { type ScheduleOptions, timeText } from '../core/schedule/schedule-options.ts'
import type { OrUndefined, ScheduleSpec, StoredRow, Window } from '../core/types.ts'
import { parseSchedules, rowsAndMissed } from './expected.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory } from './history.ts'
import { type KnownTask, knownTask } from './tasks.ts'

/**
 * Yields the rows that `query` names, and the slots of `tasks` that have been due for `graceMs` and have no row, newest
 * first. For one task without `since`, it starts at the first row. Before that row, it is unknown whether the task was
 * due, and older rows may have expired.
 *
 * Holds one page of rows and the schedules of the tasks in memory. Throws a usage error as `parseSchedules` and
 * `readHistory` do.
 */
export async function* slotsOfTasks(
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

/** A slot as an operator refers to it. */
export interface SlotReference extends OrUndefined<ScheduleOptions> {
  readonly task: string
  /** An instant, a local time, a date that has one slot, or `latest`. */
  readonly slot: string | Date
}

/**
 * Finds the slot by the schedule that is given, or else by the schedules of the task record. Returns its window and the
 * schedule that has it. Throws a usage error where no schedule is known, and where none has the slot.
 */
export async function findSlot(
  { task, slot, ...given }: SlotReference,
  deps: HistoryDeps,
): Promise<{ readonly window: Window; readonly spec: ScheduleSpec }> {
  const { schedules } = await knownTask(task, given, 0, deps)
  return parseSlotBySchedules(schedules, timeText(slot, 'slot'), deps.clock.now())
}
