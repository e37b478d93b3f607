import type { Ledger, ReadOptions } from '../../api.ts'
import { concurrently } from '../../audit/concurrently.ts'
import { type KnownTask, openFaults } from '../../audit/tasks.ts'
import { judgedRows, LOOKED_AT } from '../../audit/walk.ts'
import { DAY_MS } from '../../core/duration.ts'
import { isFaultOfTask, type LedgerError } from '../../core/errors.ts'
import { readableRow } from '../../core/row/status.ts'
import { nextSlotDue } from '../../core/task/expected-slots.ts'
import { tasksAfter } from '../../core/task/pattern.ts'
import { isPaceKnown, PACE_ROWS, paceOf } from '../../core/task/rules.ts'
import { parseSchedules } from '../../core/task/schedules-in-force.ts'
import { gapsOf, isRetired } from '../../core/task/suspensions.ts'
import { inForceAt } from '../../core/task/task-record.ts'
import { type Instant, type Row, STATUSES, type Status, type StoredRow } from '../../core/types.ts'
import { firstRunText } from '../../format/command-line.ts'
import {
  orderedTasks,
  TASK_ORDERS,
  type TaskOrder,
  type TaskSummary,
  type TasksScreen,
  taskJson,
  tasksTable,
  taskText,
} from '../../format/task/tasks.ts'
import { jsonArray, printable, safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { countSlotsIn, factsOf } from '../../verdict/found.ts'
import { isFinding } from '../../verdict/judge.ts'
import { recordOf, unknownTaskOf, wantedTasks, zoneOfTerminal } from '../lookup.ts'
import { defineCommand } from '../options/arguments.ts'
import { formatOf } from '../options/format.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { printAll, screenOf } from '../output.ts'

const help = {
  name: 'tasks',
  summary:
    'List the tasks with the status of the last slot, how many of the last seven days are open, the next slot, and how long the last one took. An open slot is one that check finds. The usual time beside it is the median of the 20 before. With a name: its schedule, pauses and expectations. Retired tasks come last.',
  options: {
    store: COMMON.store,
    task: COMMON.someTasks,
    owner: COMMON.onlyOwner,
    status: { ...COMMON.status, choices: STATUSES, help: 'Only the tasks whose last slot has one of these' },
    sort: {
      kind: 'choice',
      choices: TASK_ORDERS,
      otherwise: 'need on a terminal, name elsewhere',
      isFlagOnly: true,
      help: 'What comes first',
      details:
        'need: the most open slots. slower: what took longer lately (the newest 5 of 20 runs) than before (the oldest 5). next: what runs next.',
    },
    nextMs: {
      kind: 'duration',
      default: null,
      bounds: [1_000, 366 * DAY_MS],
      otherwise: 'all',
      isFlagOnly: true,
      help: 'Only the tasks whose next slot is within this time, what runs next first',
    },
    format: COMMON.format,
    json: COMMON.json,
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    ['cronledger tasks --store dynamodb:cronledger', 'all tasks'],
    ['cronledger tasks nightly …', 'all that is recorded of one task'],
    ["cronledger tasks 'pay/*' … --status failed,stale", 'some tasks'],
    ['cronledger tasks … --next 2h', 'what runs in the next two hours'],
    ['cronledger tasks … --sort slower', 'what has become slower over its last 20 runs'],
  ],
} as const satisfies CommandHelp

export const tasks = defineCommand(help, async (values, { argv, env }) => {
  const { store, status, ledgerTimeoutMs, nextMs } = values
  const screen = screenOf(env)
  const ledger = createLedger({ store })
  const now = systemClock.now()
  const reading = { ledgerTimeoutMs }
  const { task, only } = wantedTasks(values)
  if (task !== undefined && (await recordOf(ledger, { ...reading, task })) === null)
    throw await unknownTaskOf(ledger, { ...reading, task })
  const faults = openFaults('read')
  const lastStatuses = new Map<string, Status | null>()
  async function* readTask(known: KnownTask, signal: AbortSignal) {
    if (only?.(known) === false) return
    try {
      const summary = await readTaskSummary(known, ledger, { ...reading, signal }, now)
      const last = summary.last?.status
      lastStatuses.set(known.task, last ?? null)
      if (nextMs !== undefined && (summary.next === null || summary.next > now + nextMs)) return
      if (status === undefined || (last != null && status.includes(last))) yield summary
    } catch (error) {
      if (!isFaultOfTask(error)) throw error
      faults.keep(known.task, error)
    }
  }
  let fault: LedgerError | null = null
  /** A task that cannot be read hides no other: its error is thrown after them. */
  async function* readable() {
    let hasAny = false
    try {
      for await (const one of concurrently((signal) => ledger.tasks({ ...reading, task, signal }), readTask, [])) {
        hasAny = true
        yield one
      }
      faults.throwIfAny()
    } catch (error) {
      if (!hasAny || !isFaultOfTask(error)) throw error
      fault = error
    }
  }
  const usual = screen.columns === null ? 'name' : 'need'
  const order = values.sort ?? (nextMs === undefined ? usual : 'next')
  const summaries = order === 'name' ? readable() : inOrder(readable(), order, now, lastStatuses)
  const isJson = formatOf(values, argv, help.options.format.default) === 'json'
  await printAll(
    isJson
      ? jsonArray(summaries, (summary) => safeJson(taskJson(summary, now), 2).replace(/^/gm, '  '))
      : task !== undefined
        ? blocks(summaries, now)
        : table(
            summaries,
            { ...screen, order },
            now,
            only === undefined && status === undefined && nextMs === undefined ? firstRunText(store) : NONE,
          ),
  )
  if (fault !== null) throw fault
})

const NONE = 'No task matches.'

/** When all tasks are read, `statuses` has the last one of each, so that what is in the way of a task is known. */
async function* inOrder(
  summaries: AsyncIterable<TaskSummary>,
  order: TaskOrder,
  now: Instant,
  statuses: ReadonlyMap<string, Status | null>,
) {
  const all: TaskSummary[] = []
  for await (const one of summaries) all.push(one)
  for (const one of orderedTasks(all, order, now)) {
    const upstream = tasksAfter(one.record.expectations?.after ?? [], one.task, statuses.keys())
    const open = upstream.map((task) => ({ task, status: statuses.get(task) }))
    const blockers = open.filter(({ status }) => status && status !== 'completed' && status !== 'skipped')
    yield { ...one, blockers: blockers.map(({ task, status }) => `${task} (${status})`) }
  }
}

async function* blocks(summaries: AsyncIterable<TaskSummary>, now: Instant) {
  for await (const summary of summaries) yield taskText(summary, now)
}

async function* table(summaries: AsyncIterable<TaskSummary>, screen: TasksScreen, now: Instant, nothing: string) {
  const [active, retired]: [TaskSummary[], TaskSummary[]] = [[], []]
  for await (const summary of summaries) (isRetired(summary.record, now) ? retired : active).push(summary)
  const all = [...active, ...retired]
  for (const line of all.length === 0 ? [printable(nothing)] : tasksTable(all, screen, now, zoneOfTerminal()))
    yield `${line}\n`
}

async function readTaskSummary(
  known: KnownTask,
  ledger: Ledger,
  reading: ReadOptions,
  now: Instant,
): Promise<TaskSummary> {
  const { task, schedules } = known
  return {
    task,
    current: inForceAt(schedules, now) ?? null,
    ...(await lastSlots(known, ledger, reading, now)),
    next: nextSlotDue(parseSchedules(known), gapsOf(known), now),
    record: known,
  }
}

/** The slots that `check` looks at if it is not told otherwise. */
const OPEN_MS = 7 * DAY_MS
/** A task with more rows in this time is not read whole: it would take as long as a check. */
const MAX_OPEN_ROWS = 500
/** Nearly always enough for the pace: the newest slot, the 20 before it, and one that did not complete. */
const FEW_ROWS = 22

/** A future slot can have a row, which an operator has resolved, so we must ask only for slots up to now. */
export async function lastSlots(
  known: KnownTask,
  ledger: Pick<Ledger, 'history'>,
  reading: ReadOptions,
  now: Instant,
): Promise<Pick<TaskSummary, 'last' | 'pace' | 'open'>> {
  const range = { since: 0, until: now + 1 }
  const of = factsOf(known.task, known, now)
  const countSlots = countSlotsIn(of)
  const weekAgo = now - OPEN_MS
  const rows: StoredRow[] = []
  let readable: readonly Row[] = []
  const readUpTo = async (most: number, since = 0) => {
    const until = new Date(rows.at(-1)?.slot ?? range.until)
    const asked = { ...reading, task: known.task, since: new Date(since), until, limit: most - rows.length }
    for await (const row of ledger.history(asked)) rows.push(row)
    readable = rows.flatMap((row) => readableRow(row) ?? [])
    return rows.length === most
  }
  // With rules, each slot of the week is compared with the rows before it, so more of them are needed.
  let hasMore = of.rules === null ? await readUpTo(FEW_ROWS) : await readUpTo(PACE_ROWS)
  if (hasMore && rows.length < PACE_ROWS && !isPaceKnown(readable, countSlots)) hasMore = await readUpTo(PACE_ROWS)
  hasMore &&= Number(rows.at(-1)?.slot) > weekAgo && (await readUpTo(MAX_OPEN_ROWS, weekAgo))
  const since = hasMore ? Math.max(weekAgo, rows.at(-1)?.slot ?? weekAgo) : weekAgo
  async function* newest() {
    yield* rows
  }
  const olderThan = async ({ slot }: StoredRow) => {
    const from = readable.findIndex((row) => row.slot < slot)
    return from < 0 ? [] : readable.slice(from, from + LOOKED_AT)
  }
  let last: TaskSummary['last'] = null
  let count = 0
  for await (const one of judgedRows(newest(), [of], range, now, { olderThan })) {
    const { slot, status, schedule, rowStatus, own } = one
    last ??= { slot, status, schedule, rowStatus, own }
    if (slot < since) break
    if (isFinding(one)) count += 1
  }
  return { last, pace: paceOf(readable.slice(0, PACE_ROWS), countSlots), open: { count, since, hasMore } }
}
