import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { quote, usageError } from '../../../core/errors.ts'
import { keysOf } from '../../../core/objects.ts'
import { commonZone } from '../../../core/schedule/zone.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { isFoundBy, isOwnedBy } from '../../../core/task/pattern.ts'
import { PACE_ROWS } from '../../../core/task/rules.ts'
import { gapsOf, suspensionAt } from '../../../core/task/suspensions.ts'
import type { Instant, Row } from '../../../core/types.ts'
import type { OverviewQuery } from '../../views/frame/links.ts'
import { isMoving } from '../../views/frame/slot-facts.tsx'
import { type Axis, axisUntil, DEFAULT_SPAN, SPANS } from '../../views/overview/axis.ts'
import { cellsAhead, fillCells } from '../../views/overview/cells.ts'
import { slownessOf, type TaskLine } from '../../views/overview/grid.tsx'
import type { Needs } from '../../views/overview/needs.tsx'
import { countStates, groupTasks, statesOf, TASK_STATES } from '../../views/overview/order.ts'
import { type OverviewModel, SORTS, type Sort } from '../../views/overview/overview.tsx'
import {
  askOptions,
  choiceOf,
  faultOf,
  paceIn,
  type Reading,
  type ReadTask,
  readJudged,
  readKnown,
  readPaceRows,
  taskZone,
} from './reading.ts'

/** How many tasks one page shows. A person can scroll through them, and memory can hold them with all their cells. */
const TASKS_SHOWN = 100

/** How many slots a page reads in total, and of one task at most. */
const MAX_SLOTS_OF_ALL = 50_000
const MAX_SLOTS = 800

/** The longest span has this many slots of a task that runs each minute. */
const MAX_SLOTS_OF_ONE = 31 * 24 * 60

/** A page of one task reads the whole span. */
export function slotsPerTask(tasks: number): number {
  return tasks === 1 ? MAX_SLOTS_OF_ONE : Math.min(MAX_SLOTS, Math.floor(MAX_SLOTS_OF_ALL / Math.max(1, tasks)))
}

/** Makes the page from the tasks that were read so far. */
export type ModelWith = (needs: Needs) => OverviewModel

/**
 * Reads while `needs` are read. Returns a function that makes the page with them, and hands it over before the slots of the
 * tasks are read. Throws for a wrong filter.
 */
export async function readOverview(
  query: OverviewQuery,
  needs: Promise<Needs>,
  reading: Reading,
  handOver: (modelWith: ModelWith) => void = () => {},
): Promise<ModelWith> {
  const span = choiceOf('span', query.span, keysOf(SPANS)) ?? DEFAULT_SPAN
  const state = choiceOf('status', query.status, TASK_STATES)
  const sort = choiceOf('sort', query.sort, keysOf(SORTS)) ?? 'severity'
  const page = pageOf(query.page)
  const all: KnownTask[] = []
  const owners = new Set<string>()
  // A record that was damaged, or that a newer version wrote, must not hide the others. The findings say which.
  for await (const task of reading.ledger.tasks({ emitProblem: () => {}, ...askOptions(reading) })) {
    const owner = task.expectations?.owner
    if (owner !== undefined) owners.add(owner)
    if (isFoundBy(query.q ?? '', task.task) && isOwnedBy(query.owner ?? '', owner)) all.push(task)
  }
  const stateOf = (task: KnownTask, { byTask }: Needs) =>
    statesOf(byTask.get(task.task), suspensionAt(task, reading.now))
  const found = state === null ? null : { state, needs: await needs }
  const matching = found === null ? all : all.filter((task) => stateOf(task, found.needs).has(found.state))
  const ordered = matching.length <= TASKS_SHOWN ? matching : await inOrder(matching, sort, needs, reading)
  const before = (page - 1) * TASKS_SHOWN
  const shown = ordered.slice(before, before + TASKS_SHOWN)
  // Those of all tasks, so that the next page of tasks has the same zone.
  const axis = axisUntil(reading.now, commonZone(all.map((task) => taskZone(task, reading))), span)
  const most = slotsPerTask(shown.length)
  // Each is parsed when its turn comes, because parsed schedules take far more memory than a list of tasks.
  async function* lineOf(task: KnownTask, signal: AbortSignal) {
    yield await readLine(readKnown(task, reading), axis, most, { ...reading, signal })
  }
  const lines: TaskLine[] = []
  const modelWith: ModelWith = (needs) => ({
    lines: [...lines],
    unread: shown.length - lines.length,
    axis,
    state,
    sort,
    query,
    page,
    before,
    isWhole: needs.isWhole,
    owners: [...owners].sort(),
    hasFindings: (task) => needs.byTask.has(task),
    counts: countStates(all.map((task) => stateOf(task, needs))),
    total: all.length,
    matching: matching.length,
  })
  handOver(modelWith)
  for await (const line of concurrently(() => shown, lineOf, [reading.signal])) lines.push(line)
  return modelWith
}

function pageOf(text = '1'): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw usageError(`page ${quote(text)} is not allowed. Use a number from 1 on.`)
}

/** Returns the tasks of all pages in the order that the pages show. Only a task that may stand on another page is read for it. */
async function inOrder(
  tasks: readonly KnownTask[],
  sort: Sort,
  needs: Promise<Needs>,
  reading: Reading,
): Promise<readonly KnownTask[]> {
  async function* keyOf(task: KnownTask, signal: AbortSignal) {
    const own = { ...reading, signal }
    const read = readKnown(task, own)
    if (sort === 'next') yield read.head.next ?? Number.POSITIVE_INFINITY
    else yield -slownessOf(paceIn(read, await readPaceRows(task.task, own.now + 1, own)))
  }
  if (sort === 'name') return tasks
  if (sort === 'severity') {
    const { byTask } = await needs
    const groups = groupTasks(tasks, {
      needsAttention: ({ task }) => byTask.has(task),
      isRetired: (task) => suspensionAt(task, reading.now)?.kind === 'retirement',
    })
    return groups.flatMap((group) => group.tasks)
  }
  const keys: number[] = []
  for await (const key of concurrently(() => tasks, keyOf, [reading.signal])) keys.push(key)
  const placed = tasks.map((task, index) => ({ task, key: keys[index] ?? 0 }))
  return placed.sort((one, other) => one.key - other.key || 0).map(({ task }) => task)
}

async function readLine(read: ReadTask, axis: Axis, most: number, reading: Reading): Promise<TaskLine> {
  const { head, known, inForce, problem } = read
  const { task, clock, current, next, suspended } = head
  const [since, end] = [axis.columns[0]?.from ?? 0, axis.columns.at(-1)?.to ?? 0]
  const line = {
    task,
    next,
    suspended,
    zone: current?.spec.zone ?? clock.zone,
    words: current === null ? 'no schedule is recorded' : (current.words ?? ''),
    expression: current?.spec.expression ?? '',
    gaps: gapsOf(known).filter(({ from, until }) => from < until && from < end && until > since),
  }
  const nothing = { cells: [], ahead: [], unread: 0, lastSuccess: null, isMoving: false, pace: paceIn(read, []) }
  if (problem !== null) return { ...line, ...nothing, problem }
  try {
    const nextAfter = (at: Instant) => (next === null ? null : nextSlotDue(inForce, gapsOf(known), at))
    const ahead = cellsAhead(axis, nextAfter)
    return { ...line, ahead, ...(await readCells(read, axis, most, reading)), problem: null }
  } catch (error) {
    return { ...line, ...nothing, problem: faultOf(error) }
  }
}

/** Reads the slots of a task until now. Future slots are only in the time of the next slot. */
async function readCells(read: ReadTask, axis: Axis, most: number, reading: Reading) {
  const since = axis.columns[0]?.from ?? 0
  const until = Math.min(axis.columns.at(-1)?.to ?? 0, reading.now + 1)
  const { cells, add } = fillCells(axis)
  let scanned = 0
  let anyMoves = false
  let unread = 0
  let rows: Row[] = []
  for await (const one of readJudged(read, { since, until, limit: most + 1 }, reading)) {
    if (scanned === most) {
      // The column of this slot has more slots than were read, so it shows none of them.
      unread = axis.columns.findIndex(({ to }) => one.slot < to) + 1
      cells.fill(null, 0, unread)
      break
    }
    scanned += 1
    add(one)
    if (one.own !== null && rows.length < PACE_ROWS) rows.push(one.own)
    anyMoves ||= isMoving(one)
  }
  // The usual duration and the last success do not depend on the span that the page shows.
  if (rows.length < PACE_ROWS) rows = [...(await readPaceRows(read.head.task, until, reading))]
  const lastSuccess = rows.find(({ state }) => state === 'COMPLETED')?.slot ?? null
  return { cells, unread, lastSuccess, isMoving: anyMoves, pace: paceIn(read, rows) }
}
