import { LedgerError } from '../core/errors.ts'
import { unmetUntil } from '../core/row/status.ts'
import { readSchedule, type ScheduleOptions, timeText } from '../core/schedule/schedule-options.ts'
import { type MissedSlot, missedSlot, type TaskInForce } from '../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../core/task/schedules-in-force.ts'
import { type ExpectedTimes, type ExpectedTimesGiven, expectedTimes } from '../core/task/task-record.ts'
import type { Instant, OrUndefined, ScheduleSpec, StoredRow, Window } from '../core/types.ts'
import { checkTaskName } from '../core/user-text.ts'
import { rowsAndMissed, taskInForce } from './expected.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory } from './history.ts'
import {
  hasRow,
  type KnownTask,
  knownTask,
  noScheduleText,
  readTaskRecord,
  readTaskRecords,
  tasksOf,
  unknownTask,
} from './tasks.ts'

export interface SlotsSettings {
  /** Left out: the values that the runs of each task state. */
  readonly times: Pick<ExpectedTimesGiven, 'graceMs'>
  /** The schedule of the task of the query. Left out: the schedules of the task records. */
  readonly given: OrUndefined<ScheduleOptions>
  /**
   * Called when the missed slots of a task cannot be found, because its schedule is not known or cannot be read. Left out:
   * a usage error is thrown.
   */
  readonly emitProblem?: ((problem: string) => void) | undefined
}

/**
 * Yields the rows that `query` names, and the slots that are missed or overdue and have no row, newest first. For one
 * task without `since`, it starts at the first row. Before that row, it is unknown whether the task was due, and
 * older rows may have expired.
 *
 * Holds one page of rows and the schedules of the tasks in memory. Throws a usage error if the ledger has nothing about
 * the task of the query, and as `readHistory` does.
 */
export async function* readSlots(
  query: Omit<HistoryQuery, 'limit'>,
  settings: SlotsSettings,
  deps: HistoryDeps,
): AsyncGenerator<StoredRow | MissedSlot, void> {
  const now = deps.clock.now()
  const { since, until } = rangeOf(query, now)
  const tasks = await tasksInForce(query, settings, now, deps)
  const inForce = new Map(tasks.map((one) => [one.task, one]))
  const rows = readHistory({ ...query, limit: Number.POSITIVE_INFINITY }, deps)
  const withOlder = query.task === undefined || query.since !== undefined
  for await (const { row, missed } of rowsAndMissed(rows, tasks, { since, until }, withOlder)) {
    const task = inForce.get((row ?? missed).task)
    if (row !== null) yield row
    else if (task !== undefined) yield missedSlot(missed, task.schedules, { now, ...task.times })
  }
}

interface TimedTask extends TaskInForce {
  readonly times: ExpectedTimes
}

/** Returns the tasks of a query whose schedules are known and can be read. */
async function tasksInForce(
  query: Omit<HistoryQuery, 'limit'>,
  settings: SlotsSettings,
  now: Instant,
  deps: HistoryDeps,
): Promise<readonly TimedTask[]> {
  const { given, emitProblem } = settings
  const tasks: TimedTask[] = []
  for await (const known of tasksOfQuery(query, settings, deps)) {
    try {
      const times = expectedTimes(known, settings.times)
      tasks.push({ ...taskInForce(known, unmetUntil({ now, ...times })), times })
    } catch (error) {
      if (emitProblem === undefined || !(error instanceof LedgerError) || given.schedule !== undefined) throw error
      emitProblem(`task ${known.task}: ${error.message}`)
    }
  }
  return tasks
}

async function* tasksOfQuery(
  { task, since = 0 }: Omit<HistoryQuery, 'limit'>,
  { given, emitProblem }: SlotsSettings,
  deps: HistoryDeps,
): AsyncGenerator<KnownTask> {
  if (emitProblem === undefined || task === undefined || given.schedule !== undefined) {
    yield* tasksOf({ task, ...given }, since, deps)
    return
  }
  const known = await readTaskRecord(task, deps)
  if (known !== null) yield known
  else if (await hasRow(task, deps)) emitProblem(noScheduleText(task))
  else throw await unknownTask(task, readTaskRecords(deps))
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
  checkTaskName(task)
  const { schedule } = given
  const schedules =
    schedule === undefined
      ? (await knownTask(task, {}, 0, deps)).schedules
      : [{ since: 0, spec: readSchedule({ ...given, schedule }).spec }]
  return parseSlotBySchedules(schedules, timeText(slot, 'slot'), deps.clock.now())
}
