import { concurrently } from '../../audit/concurrently.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { slotAfter } from '../../core/schedule/slot.ts'
import { NO_FINDINGS, type TaskFinding } from '../../core/task/findings.ts'
import type { Instant } from '../../core/types.ts'
import type { OverviewQuery } from '../views/frame/links.ts'
import { rejectedText } from '../views/frame/marks.ts'
import type { Needs } from '../views/overview/needs.tsx'
import { CELLS, type OverviewModel, type SlotCell, type TaskLine } from '../views/overview/overview.tsx'
import { askOptions, faultOf, type Reading, type ReadTask, readAll, readSlotsWithStatus } from './reading.ts'

/** How many tasks one page shows. A person can scroll through them, and memory can hold them with all their slots. */
const TASKS_PER_PAGE = 200

/** How many future slots a task shows. So a slot that was resolved early is visible, together with the next slot. */
const CELLS_AHEAD = 3

/**
 * How many findings are kept: in total, and of one kind for one task. A person can still read them. All are counted.
 */
const MAX_FOUND = 500
const MAX_OF_A_KIND = 20
/** How many groups are kept, the newest ones. A page names fewer of them. */
const MAX_GROUPS = 100

/** The time from `since` to `until`, which is not part of it. */
export interface Span {
  readonly since: Instant
  readonly until: Instant
}

/** Reads the tasks of a page, each with its newest slots. */
export async function readOverview(query: OverviewQuery, reading: Reading): Promise<OverviewModel> {
  const known: KnownTask[] = []
  for await (const task of reading.ledger.tasks(askOptions(reading))) {
    if (query.after !== undefined && task.task <= query.after) continue
    if (query.q && !task.task.toLowerCase().includes(query.q.toLowerCase())) continue
    known.push(task)
    if (known.length > TASKS_PER_PAGE) break
  }
  const shown = known.slice(0, TASKS_PER_PAGE)
  const lines: TaskLine[] = []
  for await (const line of readLines(readAll(shown, reading), reading)) lines.push(line)
  return { lines, query, more: known.length > shown.length ? (shown.at(-1)?.task ?? null) : null }
}

/**
 * Yields each task with its newest slots, in the order of the tasks. With `span`, it takes only the slots in that span.
 */
export function readLines(tasks: Iterable<ReadTask>, reading: Reading, span?: Span): AsyncGenerator<TaskLine, void> {
  async function* lineOf(task: ReadTask, signal: AbortSignal) {
    yield await readLine(task, { ...reading, signal }, span)
  }
  return concurrently(() => tasks, lineOf, [reading.signal])
}

async function readLine(read: ReadTask, reading: Reading, span?: Span): Promise<TaskLine> {
  const { head, problem } = read
  const { task, clock, current, next, suspended } = head
  const line = { task, clock, words: current?.words ?? '', expression: current?.spec.expression ?? '', next, suspended }
  const nothing = { ...line, cells: [], lastSuccess: null }
  if (problem !== null) return { ...nothing, problem }
  try {
    const cells: SlotCell[] = []
    const until = Math.min(span?.until ?? Number.POSITIVE_INFINITY, aheadUntil(read, reading.now))
    for await (const { slot, row, status } of readSlotsWithStatus(read, { ...span, until, limit: CELLS }, reading)) {
      cells.push({ slot, status, rejected: rejectedText(row) })
      if (cells.length === CELLS) break
    }
    const lastSuccess = cells.find(({ slot, status }) => status === 'completed' && slot <= reading.now)?.slot ?? null
    const isAhead = next !== null && span === undefined && !cells.some(({ slot }) => slot === next)
    const ahead: SlotCell[] = isAhead ? [{ slot: next, status: 'scheduled', rejected: '' }] : []
    // A future slot that an operator resolved may come after the next slot.
    const ordered = [...ahead, ...cells].sort((one, other) => one.slot - other.slot)
    return { ...line, cells: ordered.slice(-CELLS), lastSuccess, problem: null }
  } catch (error) {
    return { ...nothing, problem: faultOf(error) }
  }
}

/** Returns the end of the cells of a task. Slots that were resolved far ahead must not push out the past slots. */
function aheadUntil({ current }: ReadTask, now: Instant): Instant {
  let last = now
  for (let count = 0; count < CELLS_AHEAD; count += 1)
    last = (current === null ? null : slotAfter(current, last)) ?? last
  return last + 1
}

interface NeedsQuery {
  /** The slots to look at, and `when` in words. */
  readonly span: Span
  readonly when: string
  /** The only task to check. Left out: all tasks. */
  readonly task?: string | undefined
  /** The tasks, where they were listed before. They are then not listed again. */
  readonly known?: Iterable<KnownTask>
}

/** A reading of the findings of `check` that goes on. */
export interface NeedsReading {
  /** Resolves when the first task was read. */
  readonly firstTask: Promise<void>
  /** The findings of all tasks. */
  readonly whole: Promise<Needs>
  /** Returns the findings of the tasks that were read so far. */
  soFar(): Needs
}

/**
 * Reads the findings of `check`. A task that cannot be checked becomes a problem, and does not hide the other tasks.
 */
export function readNeeds(query: NeedsQuery, reading: Reading): Promise<Needs> {
  return beginNeeds(query, reading).whole
}

/** Begins to read what `readNeeds` returns. */
export function beginNeeds({ span, when, task, known }: NeedsQuery, reading: Reading): NeedsReading {
  const tally = openTally()
  const now = reading.now
  let begun = () => {}
  const firstTask = new Promise<void>((resolve) => {
    begun = resolve
  })

  async function readAllNeeds(): Promise<Needs> {
    const tasks = (signal: AbortSignal) =>
      known ?? reading.ledger.tasks({ task, ...askOptions({ ...reading, signal }) })
    const check = (one: KnownTask, signal: AbortSignal) => findingsOf(one, span, { ...reading, signal })
    for await (const part of concurrently(tasks, check, [reading.signal])) {
      tally.add(part)
      if (part.kind === 'end') begun()
    }
    if (task !== undefined && tally.sum().tasks === 0) {
      const problem = `task ${task}: no scheduled run is recorded, so its missed slots are unknown`
      tally.add({ kind: 'problem', problem })
    }
    return { ...tally.sum(), isWhole: true, when, now }
  }

  const soFar = () => ({ ...tally.sum(), isWhole: false, when, now })
  return { firstTask, whole: readAllNeeds(), soFar }
}

type NeedsPart =
  | { readonly kind: 'finding'; readonly finding: TaskFinding }
  | { readonly kind: 'problem'; readonly problem: string }
  /** All parts of a task came before this one. */
  | { readonly kind: 'end' }

async function* findingsOf(known: KnownTask, span: Span, reading: Reading): AsyncGenerator<NeedsPart, void> {
  const { ledger, graceMs, skewMs, lateAfterMs, doneByMs } = reading
  const [since, until] = [new Date(span.since), new Date(span.until)]
  const settings = { task: known, since, until, graceMs, skewMs, lateAfterMs, doneByMs, ...askOptions(reading) }
  try {
    for await (const finding of ledger.check(settings)) yield { kind: 'finding', finding }
  } catch (error) {
    yield { kind: 'problem', problem: `task ${known.task}: ${faultOf(error)}` }
  }
  yield { kind: 'end' }
}

/** Counts all findings, and keeps as many of them as a page shows. The findings must come task by task. */
function openTally() {
  const count: Record<TaskFinding['kind'], number> = { ...NO_FINDINGS }
  const found: TaskFinding[] = []
  const problems: string[] = []
  let tasks = 0
  let groups: { newest: TaskFinding; count: number }[] = []
  /** The groups of the task whose findings are being added, by kind. */
  let kinds = new Map<TaskFinding['kind'], (typeof groups)[number]>()
  let task = ''

  function newestGroups() {
    return groups.toSorted((one, other) => other.newest.slot - one.newest.slot).slice(0, MAX_GROUPS)
  }

  function addFinding(finding: TaskFinding): void {
    if (finding.task !== task) {
      task = finding.task
      kinds = new Map()
      if (groups.length >= 2 * MAX_GROUPS) groups = newestGroups()
    }
    count[finding.kind] += 1
    let group = kinds.get(finding.kind)
    if (group === undefined) {
      group = { newest: finding, count: 0 }
      kinds.set(finding.kind, group)
      groups.push(group)
    }
    group.count += 1
    if (group.count <= MAX_OF_A_KIND && found.length < MAX_FOUND) found.push(finding)
  }

  return {
    add(part: NeedsPart): void {
      switch (part.kind) {
        case 'finding':
          addFinding(part.finding)
          return
        case 'problem':
          problems.push(part.problem)
          return
        case 'end':
          tasks += 1
      }
    },
    /** The lists are copies, so that a page can show them while more is added. */
    sum: () => ({ tasks, count: { ...count }, found: [...found], problems: [...problems], groups: newestGroups() }),
  }
}
