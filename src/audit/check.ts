import { isFaultOfTask, LedgerError, usageError } from '../core/errors.ts'
import { readableRow, unmetUntil } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { aroseAt, findingOf, type TaskFinding } from '../core/task/findings.ts'
import { scheduleWith } from '../core/task/schedules-in-force.ts'
import {
  type ExpectedTimesGiven,
  expectedTimes,
  inForceAt,
  isOnlyDeclared,
  isSameSpec,
} from '../core/task/task-record.ts'
import { futureRun, futureSlotIn, latestSlot, withoutFuture, wrongClock } from '../core/task/wrong-clock.ts'
import type { Instant } from '../core/types.ts'
import { concurrently } from './concurrently.ts'
import { auditedSlots, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import { type KnownTask, readTaskRecords } from './tasks.ts'

export interface CheckSettings extends Required<TimeRange> {
  /** The time of the check. All tasks have the same, although they are read one after another. */
  readonly now: Instant
  /** The times that are left out are those that the runs of each task state. */
  readonly times: ExpectedTimesGiven
  readonly skewMs: number
  /** Only the findings that arose in this last span, in milliseconds. Left out: all. */
  readonly newMs?: number | undefined
  /** Called with each slot when it is checked. */
  readonly progress: (task: string, slot: Instant) => void
}

/**
 * Yields the slots of one task in `[since, until)` that need attention, newest first: missed, failed, stale, overdue and
 * late. Holds one page of rows in memory.
 *
 * Throws a usage error if the task record holds a schedule that this version or its time zone data cannot read. After the
 * slots, throws `shape` if a host whose clock was ahead has run the task: its slots hide what is missing.
 */
export async function* checkTask(
  stored: KnownTask,
  settings: CheckSettings,
  deps: HistoryDeps,
): AsyncGenerator<TaskFinding, void> {
  const { task } = stored
  const { now, newMs } = settings
  const latest = latestSlot(settings)
  const known = withoutFuture(stored, latest)
  let future = futureSlotIn(stored, latest)
  const schedule = inForceAt(known.schedules, now)?.spec
  if (schedule === undefined) {
    if (future !== null) throw wrongClock(future)
    return
  }
  const owner = known.expectations?.owner
  const { ecs } = known
  const audit = { now, skewMs: settings.skewMs, ...expectedTimes(known, settings.times) }
  const inForce = taskInForce(known, unmetUntil(audit))
  for await (const found of auditedSlots(inForce, withFuture(settings), deps)) {
    const run = futureRun(found.row, latest)
    if (run !== null) {
      future ??= run
      continue
    }
    settings.progress(task, (found.row ?? found.missed).slot)
    const finding = findingOf(found, audit)
    if (finding === null || (newMs !== undefined && !isNew(aroseAt(finding, audit), now, newMs))) continue
    const own = readableRow(found.row)?.schedule ?? scheduleWith(inForce.schedules, finding.slot)?.spec ?? schedule
    yield {
      ...finding,
      task,
      times: audit,
      schedule,
      ...(!isSameSpec(own, schedule) && { otherSchedule: own }),
      ...(owner !== undefined && { owner }),
      ...(isOnlyDeclared(known) && { isOnlyDeclared: true }),
      ...(ecs !== null && { ecs }),
    }
  }
  if (future !== null) throw wrongClock(future)
}

/**
 * Returns the range of an audit up to the present, with all rows after it: only a host with a wrong clock makes one there. The
 * caller may have read the clock a moment before.
 */
function withFuture({ since, until, now }: CheckSettings): Required<TimeRange> {
  return { since, until: until > now - JUST_NOW_MS ? END_OF_TIME : until }
}

const JUST_NOW_MS = 60_000

/** No schedule has a later slot. */
const END_OF_TIME = Date.UTC(2199, 11, 31)

/** A finding that arises while the check reads the ledger is left to the next check, otherwise both would report it. */
function isNew(arose: Instant, now: Instant, newMs: number): boolean {
  return arose > now - newMs && arose <= now
}

/**
 * Yields the slots of all tasks that need attention, ordered by task, as `checkTask` does. It reads several tasks at a
 * time. Throws a usage error if the ledger has no task record.
 */
export function checkTasks(settings: CheckSettings, deps: HistoryDeps): AsyncGenerator<TaskFinding, void> {
  return ofAllTasks((task, own) => checkTask(task, settings, own), deps)
}

/**
 * Yields what `read` yields for each task, ordered by task. It reads several tasks at a time. A task whose records cannot
 * be read does not hide the others: the error is thrown after all of them. Throws a usage error if the ledger has no task
 * record.
 */
export async function* ofAllTasks<T>(
  read: (task: KnownTask, deps: HistoryDeps) => AsyncGenerator<T, void>,
  deps: HistoryDeps,
): AsyncGenerator<T, void> {
  let known = 0
  const faults = new Map<string, LedgerError>()
  const keepFault = (task: string, error: LedgerError) => faults.set(task, error)
  async function* recorded(signal: AbortSignal) {
    for await (const task of readTaskRecords({ ...deps, signals: [signal] }, keepFault)) {
      known += 1
      yield task
    }
  }
  async function* readOne(task: KnownTask, signal: AbortSignal) {
    try {
      yield* read(task, { ...deps, signals: [signal] })
    } catch (error) {
      if (!isFaultOfTask(error)) throw error
      keepFault(task.task, error)
    }
  }
  yield* concurrently(recorded, readOne, deps.signals)
  const fault = faultOfAll(faults)
  if (fault !== null) throw fault
  // We must fail here, otherwise a dead man's switch on the wrong ledger would report success forever.
  if (known === 0) {
    throw usageError(
      'no task has run yet in this ledger, so there is nothing to check. Is this the right --store? To check a task before its first run, record it: cronledger declare',
    )
  }
}

/** How many tasks that cannot be read an error names. The user can ask for each of them. */
const MAX_NAMED = 5

/** Returns one error for the tasks that cannot be read, or null if there are none. It begins with the first one by name. */
function faultOfAll(faults: ReadonlyMap<string, LedgerError>): LedgerError | null {
  const [first, ...others] = [...faults].sort(([one], [other]) => (one < other ? -1 : 1))
  if (first === undefined) return null
  const [task, { kind, message }] = first
  const text = `task ${task} cannot be checked: ${message}`
  if (others.length === 0) return new LedgerError(kind, text)
  const names = others.slice(0, MAX_NAMED).map(([name]) => name)
  const named = `${names.join(', ')}${others.length > MAX_NAMED ? ' and so on' : ''}`
  const more = others.length === 1 ? '1 other task' : `${others.length} other tasks`
  return new LedgerError(kind, `${text.replace(/\.?$/, '.')} ${more} cannot be checked either: ${named}.`)
}
