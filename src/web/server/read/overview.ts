import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { quote, usageError } from '../../../core/errors.ts'
import { keysOf } from '../../../core/objects.ts'
import { gapsOf, isRetired, pauseAt } from '../../../core/task/suspensions.ts'
import { inForceAt } from '../../../core/task/task-record.ts'
import type { Instant, Status } from '../../../core/types.ts'
import type { OverviewQuery } from '../../views/frame/links.ts'
import { needsAttention } from '../../views/frame/marks.ts'
import { isMoving, type SlotWithStatus } from '../../views/frame/slot-facts.ts'
import { type Axis, axisUntil, commonZone, DEFAULT_SPAN, SPANS, type SpanName } from '../../views/overview/axis.ts'
import { fillCells } from '../../views/overview/cells.ts'
import type { TaskLine } from '../../views/overview/grid.tsx'
import type { Needs } from '../../views/overview/needs.tsx'
import {
  countStates,
  isFindingKind,
  isTaskState,
  statesOf,
  TASK_STATES,
  type TaskState,
} from '../../views/overview/order.ts'
import type { OverviewModel } from '../../views/overview/overview.tsx'
import {
  clockOf,
  faultOf,
  type Reading,
  type ReadTask,
  readAll,
  readableTasks,
  readSlotsWithStatus,
} from './reading.ts'

/** How many tasks one page shows. A person can scroll through them, and memory can hold them with all their cells. */
const TASKS_SHOWN = 200

/** How many slots a page reads in total, and of one task at most and at least. */
const MAX_SLOTS_OF_ALL = 40_000
const MAX_SLOTS = 800
const MIN_SLOTS = 60
/** How many slots before the axis are read to find the last success. A monthly task has none in a week. */
const SLOTS_BEFORE = 12

/** Returns how many slots are read of each task at most, on a page with this number of tasks. */
export function slotsPerTask(tasks: number): number {
  return Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, Math.floor(MAX_SLOTS_OF_ALL / Math.max(1, tasks))))
}

/** Returns the span that the address asks for. Throws a usage error if it is none of the spans. */
function parseSpan(text: string | undefined): SpanName {
  if (!text) return DEFAULT_SPAN
  const span = keysOf(SPANS).find((name) => name === text)
  if (span !== undefined) return span
  throw usageError(`span ${quote(text)} is not allowed. Use one of ${keysOf(SPANS).join(', ')}.`)
}

/** Returns the state that the address asks for, or null. Throws a usage error if no task can have it. */
function parseTaskState(text: string | undefined): TaskState | null {
  if (!text) return null
  if (isTaskState(text)) return text
  throw usageError(`status ${quote(text)} is not allowed. Use one of ${TASK_STATES.join(', ')}.`)
}

/** The tasks of a page as they were read. The findings of all tasks are read at the same time, and come later. */
interface OverviewReading extends Pick<OverviewModel, 'lines' | 'axis' | 'span' | 'state' | 'query' | 'more'> {
  /** Whether the ledger has more tasks than one page, so that this page cannot count the states of all of them. */
  readonly isLarge: boolean
}

/**
 * Reads the tasks of a page, each with its slots of the span. `needs` are the findings of all tasks. Throws a usage error
 * for a wrong filter.
 */
export async function readOverview(
  query: OverviewQuery,
  needs: Promise<Needs>,
  reading: Reading,
): Promise<OverviewReading> {
  const span = parseSpan(query.span)
  const state = parseTaskState(query.status)
  const found = await listTasks(query, reading)
  const isLarge = found.length > TASKS_SHOWN || Boolean(query.after)
  const known = isLarge && state !== null ? await withState(query, state, needs, reading) : found
  const shown = known.slice(0, TASKS_SHOWN)
  const axis = axisUntil(
    reading.now,
    commonZone(shown.map(({ schedules }) => clockOf(inForceAt(schedules, reading.now)?.spec))),
    span,
  )
  const lines: TaskLine[] = []
  for await (const line of readLines(readAll(shown, reading), axis, slotsPerTask(shown.length), reading))
    lines.push(line)
  return {
    lines,
    axis,
    span,
    state,
    query,
    isLarge,
    more: known.length > shown.length ? (shown.at(-1)?.task ?? null) : null,
  }
}

/** Returns the page of these tasks, filtered and counted by their states. */
export function overviewModel(read: OverviewReading, needs: Needs): OverviewModel {
  const { lines, axis, span, state, query, more, isLarge } = read
  const { kinds, isWhole, tasks } = needs
  const states = lines.map((line) => statesOf(line, kinds))
  return {
    ...{ axis, span, state, query, more },
    lines: state === null ? lines : lines.filter((_, index) => states[index]?.has(state)),
    attention: new Set(lines.filter((line) => isUrgent(line) || kinds.has(line.task)).map(({ task }) => task)),
    counts: countStates(isLarge ? kinds.values() : states),
    total: isLarge ? (isWhole && !query.q ? tasks : null) : lines.length,
    isLarge,
    isWhole,
  }
}

/** A task whose slots cannot be read may have a problem too, so it must not stand among the calm ones. */
function isUrgent({ hasProblem, problem }: TaskLine): boolean {
  return hasProblem || problem !== null
}

/** Returns the tasks that the address asks for, in order: those of a page, and one more if there is another page. */
async function listTasks(
  { q, after }: OverviewQuery,
  reading: Reading,
  isWanted: (task: KnownTask) => boolean = () => true,
): Promise<readonly KnownTask[]> {
  const known: KnownTask[] = []
  const part = q?.toLowerCase() ?? ''
  for await (const task of readableTasks(reading)) {
    if (after !== undefined && task.task <= after) continue
    if (!task.task.toLowerCase().includes(part) || !isWanted(task)) continue
    known.push(task)
    if (known.length > TASKS_SHOWN) break
  }
  return known
}

/**
 * Lists the tasks of a large ledger that may have a state. The record or the findings say who has it. For other states, the
 * slots of all tasks would have to be read, so these states are looked for among the tasks of the page.
 */
async function withState(query: OverviewQuery, state: TaskState, needs: Promise<Needs>, reading: Reading) {
  if (state === 'paused') return listTasks(query, reading, (task) => pauseAt(task, reading.now) !== null)
  if (state === 'retired') return listTasks(query, reading, (task) => isRetired(task, reading.now))
  if (!isFindingKind(state)) return listTasks(query, reading)
  const { kinds } = await needs
  return listTasks(query, reading, ({ task }) => kinds.get(task)?.has(state) === true)
}

/** Yields each task with the slots of the axis, in the order of the tasks. At most `most` slots of a task are read. */
export function readLines(
  tasks: Iterable<ReadTask>,
  axis: Axis,
  most: number,
  reading: Reading,
): AsyncGenerator<TaskLine, void> {
  async function* lineOf(task: ReadTask, signal: AbortSignal) {
    yield await readLine(task, axis, most, { ...reading, signal })
  }
  return concurrently(() => tasks, lineOf, [reading.signal])
}

async function readLine(read: ReadTask, axis: Axis, most: number, reading: Reading): Promise<TaskLine> {
  const { head, known } = read
  const { task, clock, current, next, suspended } = head
  const [since, end] = [axis.columns[0]?.from ?? 0, axis.columns.at(-1)?.to ?? 0]
  const gaps = gapsOf(known).filter(({ from, until }) => from < until && from < end && until > since)
  const line = {
    task,
    clock,
    words: current === null ? 'no schedule is recorded' : (current.words ?? ''),
    expression: current?.spec.expression ?? '',
    next,
    suspended,
  }
  const nothing = { cells: [], unread: 0, lastSuccess: null, newest: null, hasProblem: false, isMoving: false }
  if (read.problem !== null) return { ...line, gaps, ...nothing, problem: read.problem }
  try {
    return { ...line, gaps, ...(await readCells(read, axis, most, reading)), problem: null }
  } catch (error) {
    return { ...line, gaps, ...nothing, problem: faultOf(error) }
  }
}

/** Reads the slots of a task until now. Future slots are only in the time of the next slot. */
async function readCells(read: ReadTask, axis: Axis, most: number, reading: Reading) {
  const since = axis.columns[0]?.from ?? 0
  const until = Math.min(axis.columns.at(-1)?.to ?? 0, reading.now + 1)
  const { cells, add } = fillCells(axis, reading.now)
  let scanned = 0
  let newest: Status | null = null
  let lastSuccess: Instant | null = null
  let hasProblem = false
  let anyMoves = false
  let unread = 0
  const look = ({ slot, status }: SlotWithStatus) => {
    newest ??= status
    if (status === 'completed') lastSuccess ??= slot
  }
  for await (const record of readSlotsWithStatus(read, { since, until, limit: most + 1 }, reading)) {
    if (scanned === most) {
      // The column of this slot has more slots than were read, so it shows none of them.
      unread = axis.columns.findIndex(({ to }) => record.slot < to) + 1
      cells.fill(null, 0, unread)
      break
    }
    scanned += 1
    add(record)
    look(record)
    hasProblem ||= needsAttention(record.mark)
    anyMoves ||= isMoving(record)
  }
  if (lastSuccess === null && unread === 0) {
    let before = 0
    for await (const record of readSlotsWithStatus(read, { until: since, limit: SLOTS_BEFORE }, reading)) {
      look(record)
      before += 1
      if (lastSuccess !== null || before === SLOTS_BEFORE) break
    }
  }
  return { cells, unread, lastSuccess, newest, hasProblem, isMoving: anyMoves }
}
