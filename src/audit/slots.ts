import { LedgerError } from '../core/errors.ts'
import { readableRow, unmetUntil } from '../core/row/status.ts'
import { parseSchedule } from '../core/schedule/schedule.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { instantWithoutSchedule, parseSlotReference } from '../core/schedule/slot-reference.ts'
import { type MissedSlot, missedSlot, type TaskInForce } from '../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../core/task/schedules-in-force.ts'
import { type ExpectedTimes, expectedTimes, isOnlyDeclared } from '../core/task/task-record.ts'
import type { Instant, ScheduleSpec, StoredRow, Window } from '../core/types.ts'
import { rowsAndMissed, taskInForce } from './expected.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory, readRow } from './history.ts'
import { type KnownTask, knownTask, readTaskRecords, UnknownTaskError } from './tasks.ts'

export interface SlotsSettings {
  readonly emitProblem?: ((problem: string) => void) | undefined
}

/**
 * Yields the rows, and the slots that are missed or overdue and have none, newest first. For one task without `since`, it
 * starts at the first row, because older rows may have expired. Throws a usage error for an unknown task.
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
  const withOlder = query.task === undefined || query.since !== undefined || tasks.every(isOnlyDeclared)
  for await (const { row, missed } of rowsAndMissed(rows, tasks, { since, until }, withOlder)) {
    const task = inForce.get((row ?? missed).task)
    if (row !== null) yield row
    else if (task !== undefined) yield missedSlot(missed, task.schedules, { now, ...task.times })
  }
}

interface TimedTask extends TaskInForce {
  readonly times: ExpectedTimes
}

async function tasksInForce(
  query: Omit<HistoryQuery, 'limit'>,
  settings: SlotsSettings,
  now: Instant,
  deps: HistoryDeps,
): Promise<readonly TimedTask[]> {
  const { emitProblem } = settings
  const tasks: TimedTask[] = []
  for await (const known of tasksOfQuery(query, settings, deps)) {
    try {
      const times = expectedTimes(known)
      tasks.push({ ...taskInForce(known, unmetUntil({ now, ...times })), times })
    } catch (error) {
      if (emitProblem === undefined || !(error instanceof LedgerError)) throw error
      emitProblem(`task ${known.task}: ${error.message}`)
    }
  }
  return tasks
}

async function* tasksOfQuery(
  { task }: Omit<HistoryQuery, 'limit'>,
  { emitProblem }: SlotsSettings,
  deps: HistoryDeps,
): AsyncGenerator<KnownTask> {
  if (task === undefined) {
    yield* readTaskRecords(deps, emitProblem && ((name, { message }) => emitProblem(`task ${name}: ${message}`)))
    return
  }
  try {
    yield await knownTask(task, deps)
  } catch (error) {
    const isKnown = error instanceof LedgerError && error.kind === 'usage' && !(error instanceof UnknownTaskError)
    if (emitProblem === undefined || !isKnown) throw error
    emitProblem(error.message)
  }
}

interface FoundWindow {
  readonly window: Window
  readonly spec: ScheduleSpec
}

/** For an instant, the row of the slot is enough. Otherwise throws a usage error if no schedule has the slot. */
export async function findSlot(
  { task, slot }: { readonly task: string; readonly slot: string | Date },
  deps: HistoryDeps,
): Promise<FoundWindow & Pick<ExpectedTimes, 'skewMs'>> {
  let { skewMs } = expectedTimes(null)
  const text = timeText(slot, 'slot')
  const now = deps.clock.now()
  try {
    const known = await knownTask(task, deps)
    skewMs = expectedTimes(known).skewMs
    return { ...parseSlotBySchedules(known.schedules, text, now), skewMs }
  } catch (error) {
    const mayHaveRow = error instanceof LedgerError && (error.kind === 'usage' || error.kind === 'shape')
    const found = mayHaveRow ? await slotOfRow(task, text, now, deps) : null
    if (found === null) throw error
    return { ...found, skewMs }
  }
}

async function slotOfRow(task: string, text: string, now: Instant, deps: HistoryDeps): Promise<FoundWindow | null> {
  const slot = instantWithoutSchedule(text)
  const row = slot === null ? null : readableRow(await readRow({ task, slot: new Date(slot) }, deps))
  return row && { window: parseSlotReference(parseSchedule(row.schedule), text, now), spec: row.schedule }
}
