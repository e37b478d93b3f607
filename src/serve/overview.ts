import pLimit from 'p-limit'
import type { TaskFinding } from '../core/missed.ts'
import { slotAfter } from '../core/slot.ts'
import type { Instant } from '../core/types.ts'
import type { OverviewQuery } from '../page/links.ts'
import { rejectedText } from '../page/marks.ts'
import type { Needs } from '../page/needs.tsx'
import { CELLS, type Cell, type OverviewModel, type TaskLine } from '../page/overview.tsx'
import type { KnownTask } from '../run/tasks.ts'
import { askOptions, faultOf, type Reading, type ReadTask, readKnown, readSlots } from './reading.ts'

/** Tasks on one page: what a person scrolls, and memory holds with all their slots. */
const TASKS_PER_PAGE = 200
/** Tasks that are asked for at a time: DynamoDB answers them side by side, and one viewer must not take all its throughput. */
const TASKS_AT_A_TIME = 16

/** Slots to come that a task shows: one that is settled early is seen, and the next one beside it. */
const CELLS_AHEAD = 3

/** Findings that are kept, of all and of one task and kind: a list that a person still reads. All are counted. */
const MAX_FOUND = 500
const MAX_OF_A_KIND = 20

/** `[since, until)` */
export interface Span {
  readonly since: Instant
  readonly until: Instant
}

/** The tasks of a page, each with its newest slots. */
export async function readOverview(query: OverviewQuery, reading: Reading): Promise<OverviewModel> {
  const known: KnownTask[] = []
  for await (const task of reading.ledger.tasks(askOptions(reading))) {
    if (query.after !== undefined && task.task <= query.after) continue
    if (query.q && !task.task.toLowerCase().includes(query.q.toLowerCase())) continue
    known.push(task)
    if (known.length > TASKS_PER_PAGE) break
  }
  const shown = known.slice(0, TASKS_PER_PAGE)
  const lines = await readLines(
    shown.map((task) => readKnown(task, reading.now)),
    reading,
  )
  return { lines, query, more: known.length > shown.length ? (shown.at(-1)?.task ?? null) : null }
}

/** Each task with its newest slots (in `span`, where that is given). */
export function readLines(tasks: readonly ReadTask[], reading: Reading, span?: Span): Promise<TaskLine[]> {
  const limit = pLimit(TASKS_AT_A_TIME)
  return Promise.all(tasks.map((task) => limit(() => readLine(task, reading, span))))
}

async function readLine(read: ReadTask, reading: Reading, span?: Span): Promise<TaskLine> {
  const { head, problem } = read
  const { task, clock, current, next } = head
  const line = { task, clock, words: current?.words ?? '', expression: current?.spec.expression ?? '', next }
  const nothing = { ...line, cells: [], lastSuccess: null }
  if (problem !== null) return { ...nothing, problem }
  try {
    const cells: Cell[] = []
    const until = Math.min(span?.until ?? Number.POSITIVE_INFINITY, aheadUntil(read, reading.now))
    for await (const { slot, row, mark } of readSlots(read, { ...span, until, limit: CELLS }, reading)) {
      cells.push({ slot, mark, rejected: rejectedText(row) })
      if (cells.length === CELLS) break
    }
    const lastSuccess = cells.find(({ slot, mark }) => mark === 'completed' && slot <= reading.now)?.slot ?? null
    const isAhead = next !== null && span === undefined && !cells.some(({ slot }) => slot === next)
    const ahead: Cell[] = isAhead ? [{ slot: next, mark: 'next', rejected: '' }] : []
    // A slot ahead that a person has settled may stand behind the next one.
    const ordered = [...ahead, ...cells].sort((one, other) => one.slot - other.slot)
    return { ...line, cells: ordered.slice(-CELLS), lastSuccess, problem: null }
  } catch (error) {
    return { ...nothing, problem: faultOf(error) }
  }
}

/** Where the cells of a task end: what is settled far ahead must not push out what was. */
function aheadUntil({ current }: ReadTask, now: Instant): Instant {
  let last = now
  for (let count = 0; count < CELLS_AHEAD; count += 1)
    last = (current === null ? null : slotAfter(current, last)) ?? last
  return last + 1
}

/** What `check` finds in `span`, which `when` names; of one task or of all. A fault of one task is told beside the others. */
export async function readNeeds(reading: Reading, span: Span, when: string, task?: string): Promise<Needs> {
  const { ledger, now, graceMs, skewMs, lateAfterMs } = reading
  const count: Record<TaskFinding['kind'], number> = { missed: 0, failed: 0, stale: 0, late: 0 }
  let kept = 0
  async function needsOf(name: string) {
    const kinds = new Map<TaskFinding['kind'], { newest: TaskFinding; count: number }>()
    const found: TaskFinding[] = []
    const seen = { kinds, found, problem: null }
    try {
      const findings = ledger.check({
        task: name,
        since: new Date(span.since),
        until: new Date(span.until),
        graceMs,
        skewMs,
        lateAfterMs,
        ...askOptions(reading),
      })
      for await (const finding of findings) {
        count[finding.kind] += 1
        const group = kinds.get(finding.kind) ?? { newest: finding, count: 0 }
        group.count += 1
        kinds.set(finding.kind, group)
        if (group.count > MAX_OF_A_KIND || kept === MAX_FOUND) continue
        found.push(finding)
        kept += 1
      }
      return seen
    } catch (error) {
      return { ...seen, problem: `task ${name}: ${faultOf(error)}` }
    }
  }
  const names: string[] = []
  for await (const known of ledger.tasks({ ...(task !== undefined && { task }), ...askOptions(reading) }))
    names.push(known.task)
  const limit = pLimit(TASKS_AT_A_TIME)
  const all = await Promise.all(names.map((name) => limit(() => needsOf(name))))
  const problems = all.flatMap(({ problem }) => problem ?? [])
  if (task !== undefined && names.length === 0)
    problems.push(`task ${task}: the registry does not know it, and so nobody knows what was due`)
  const groups = all.flatMap(({ kinds }) => [...kinds.values()])
  groups.sort((one, other) => other.newest.slot - one.newest.slot)
  return { tasks: names.length, count, groups, found: all.flatMap(({ found }) => found), when, now, problems }
}
