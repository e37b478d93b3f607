import pLimit from 'p-limit'
import { LedgerError } from '../core/errors.ts'
import type { Instant } from '../core/types.ts'
import type { OverviewQuery } from '../page/links.ts'
import { rejectedText } from '../page/marks.ts'
import type { Needs } from '../page/needs.tsx'
import { CELLS, type Cell, type OverviewModel, type TaskLine } from '../page/overview.tsx'
import type { Found } from '../report/check.ts'
import type { KnownTask } from '../run/tasks.ts'
import { askOptions, type Reading, readKnown, readSlots } from './reading.ts'

/** Tasks on one page: what a person scrolls, and memory holds with all their slots. */
const TASKS_PER_PAGE = 200
/** Tasks that are asked for at a time: DynamoDB answers them side by side, and one viewer must not take all its throughput. */
const TASKS_AT_A_TIME = 16

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
  const lines = await readLines(shown, reading)
  return { lines, query, more: known.length > shown.length ? (shown.at(-1)?.task ?? null) : null }
}

/** Each task with its newest slots (in `span`, where that is given). */
export function readLines(tasks: readonly KnownTask[], reading: Reading, span?: Span): Promise<TaskLine[]> {
  const limit = pLimit(TASKS_AT_A_TIME)
  return Promise.all(tasks.map((task) => limit(() => readLine(task, reading, span))))
}

async function readLine(known: KnownTask, reading: Reading, span?: Span): Promise<TaskLine> {
  const { task } = known
  const read = readKnown(known, reading.now)
  const { head, problem } = read
  const current = head.schedules.at(-1)
  const line = {
    task,
    clock: head.clock,
    words: current?.words ?? '',
    expression: current?.spec.expression ?? '',
    next: head.next,
  }
  const nothing = { ...line, cells: [], lastSuccess: null }
  if (problem !== null) return { ...nothing, problem }
  try {
    const cells: Cell[] = []
    for await (const { slot, row, mark } of readSlots(read, { ...span, limit: CELLS }, reading)) {
      cells.push({ slot, mark, rejected: rejectedText(row) })
      if (cells.length === CELLS) break
    }
    const lastSuccess = cells.find(({ mark }) => mark === 'completed')?.slot ?? null
    const isAhead = head.next !== null && span === undefined && !cells.some(({ slot }) => slot === head.next)
    const ahead: Cell[] = isAhead && head.next !== null ? [{ slot: head.next, mark: 'next', rejected: '' }] : []
    // A slot ahead that a person has settled may stand behind the next one.
    const ordered = [...ahead, ...cells].sort((one, other) => one.slot - other.slot)
    return { ...line, cells: ordered.slice(-CELLS), lastSuccess, problem: null }
  } catch (error) {
    // What is wrong with one task must not hide the others; what is wrong with the ledger is wrong with all of them.
    if (!(error instanceof LedgerError) || error.kind === 'unreachable' || error.kind === 'denied') throw error
    return { ...nothing, problem: error.message }
  }
}

/** What `check` finds in `span`, which `when` names; of one task or of all. */
export async function readNeeds(reading: Reading, span: Span, when: string, task?: string): Promise<Needs> {
  const { ledger, now, graceMs, skewMs } = reading
  const count: Record<Found['kind'], number> = { missed: 0, failed: 0, stale: 0, late: 0 }
  const groups = new Map<string, { newest: Found; count: number }>()
  const found: Found[] = []
  let problem: string | null = null
  try {
    const findings = ledger.check({
      since: new Date(span.since),
      until: new Date(span.until),
      graceMs,
      skewMs,
      ...(task !== undefined && { task }),
      ...askOptions(reading),
    })
    for await (const finding of findings) {
      count[finding.kind] += 1
      const name = `${finding.kind} ${finding.task}`
      const group = groups.get(name) ?? { newest: finding, count: 0 }
      group.count += 1
      groups.set(name, group)
      if (group.count <= MAX_OF_A_KIND && found.length < MAX_FOUND) found.push(finding)
    }
  } catch (error) {
    // A schedule or a row that cannot be read ends the check, as it ends `cronledger check`.
    if (!(error instanceof LedgerError) || error.kind === 'unreachable' || error.kind === 'denied') throw error
    problem = error.message
  }
  const newestFirst = [...groups.values()].sort((one, other) => other.newest.slot - one.newest.slot)
  return { count, groups: newestFirst, found, when, now, problem }
}
