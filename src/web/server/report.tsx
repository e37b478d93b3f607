import { createHash } from 'node:crypto'
import { raw } from 'hono/html'
import { concurrently } from '../../audit/concurrently.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { commonZone } from '../../core/schedule/zone.ts'
import { isRetired } from '../../core/task/suspensions.ts'
import { printable } from '../../format/text.ts'
import type { SlotMark } from '../../verdict/mark.ts'
import { Legend } from '../views/frame/badge.tsx'
import { pageText } from '../views/frame/document.tsx'
import { anchorOf, IN_ONE_FILE } from '../views/frame/links.ts'
import { MARKS, MOST_URGENT_FIRST } from '../views/frame/marks.ts'
import { UTC, type WallClock } from '../views/frame/wall-clock.ts'
import { axisBetween } from '../views/overview/axis.ts'
import { Grid, GridGroup, GridLine } from '../views/overview/grid.tsx'
import type { Needs } from '../views/overview/needs.tsx'
import { NeedsList } from '../views/overview/needs-list.tsx'
import { groupTasks } from '../views/overview/order.ts'
import { SlotDetail } from '../views/slot/slot.tsx'
import { Changes } from '../views/task/changes.tsx'
import { TaskTitle } from '../views/task/head.tsx'
import { type NeedsQuery, readNeeds, type Span } from './read/needs.ts'
import { readLines } from './read/overview.ts'
import {
  askOptions,
  faultOf,
  type Reading,
  type ReadTask,
  readEach,
  readKnown,
  readSlotsWithStatus,
  taskZone,
} from './read/reading.ts'
import { slotModelOf } from './read/slot.ts'
import { readTask } from './read/task.ts'

/** How many slots of one task the axis counts: a year of an hourly task. */
const MAX_SLOTS = 10_000
/** How many slots of one task with the same sign are described: more than the list of the findings names. */
const MAX_DETAILS = 100

export interface ReportOptions {
  readonly span: Span
  /** Left out: all tasks. */
  readonly task?: string | undefined
  readonly store: string
  readonly style: string
}

/** A task of a report. It is read when it is needed, because parsed schedules take far more memory than a record. */
interface ReportTask {
  readonly task: string
  readonly zone: Pick<WallClock, 'zone'>
  readonly isRetired: boolean
  read(): ReadTask
}

/**
 * Returns one HTML file, piece by piece: what needs attention, all tasks on one axis, and for each task its changes and the
 * slots that did not complete as usual. Memory holds the list of the tasks, and the tasks that are being read. Returns null
 * when the ledger has nothing about the task. The file has no script, and its policy allows only its own style and images
 * in `data:` addresses.
 */
export async function reportPieces(
  options: ReportOptions,
  reading: Reading,
): Promise<AsyncGenerator<string | Uint8Array> | null> {
  const { task } = options
  if (task !== undefined) {
    const read = await readTask(task, reading)
    if (read === null) return null
    const { clock, suspended } = read.head
    const own = { task, zone: clock, isRetired: suspended?.kind === 'retirement', read: () => read }
    const known = read.known === null ? [] : [read.known]
    return pieces(options, [own], { known, problems: [] }, clock, reading)
  }
  const known: KnownTask[] = []
  const problems: string[] = []
  const emitProblem = (problem: string) => problems.push(problem)
  for await (const one of reading.ledger.tasks({ emitProblem, ...askOptions(reading) })) known.push(one)
  const tasks = known.map((one) => ({
    task: one.task,
    zone: taskZone(one, reading),
    isRetired: isRetired(one, reading.now),
    read: () => readKnown(one, reading.now),
  }))
  return pieces(options, tasks, { known, problems }, UTC, reading)
}

async function* pieces(
  { span, task, store, style }: ReportOptions,
  tasks: readonly ReportTask[],
  listed: Required<Pick<NeedsQuery, 'known' | 'problems'>>,
  clock: WallClock,
  reading: Reading,
): AsyncGenerator<string | Uint8Array, void, undefined> {
  const { now } = reading
  const when = `from ${clock.both(span.since)} to ${clock.both(span.until)}`
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const dress = { kind: 'alone', style: raw(style), policy } as const
  const [head, end] = around(
    pageText({ title: `Report ${when}`, links: IN_ONE_FILE, dress, store, now, pollMs: null, children: PLACE }),
  )
  yield head
  const needs = await readNeeds({ span, when, task, ...listed }, reading)
  yield String(
    <>
      <h1>Report {when}</h1>
      <NeedsList needs={needs} links={IN_ONE_FILE} level={2} now={now} />
    </>,
  )
  yield* overviewPieces(tasks, needs, span, reading)
  async function* chapter(one: ReportTask, signal: AbortSignal) {
    // As a text, a piece would keep all the parts that it was put together from, which take several times its size.
    yield Buffer.from(await chapterOf(one.read(), span, store, { ...reading, signal }))
  }
  yield* concurrently(() => tasks, chapter, [reading.signal])
  yield end
}

async function* overviewPieces(
  tasks: readonly ReportTask[],
  { byTask }: Needs,
  span: Span,
  reading: Reading,
): AsyncGenerator<string, void> {
  const axis = axisBetween(span, commonZone(tasks.map(({ zone }) => zone)))
  const groups = groupTasks(tasks, {
    needsAttention: ({ task }) => byTask.has(task),
    isRetired: (one) => one.isRetired,
  })
  const [begin, end] = around(
    String(
      <section id="overview" aria-labelledby="overview-title">
        <h2 id="overview-title">Tasks</h2>
        {groups.length === 0 ? (
          <p class="empty">Tasks appear here after their first run.</p>
        ) : (
          <Grid axis={axis}>{PLACE}</Grid>
        )}
        <Legend live={false} />
      </section>,
    ),
  )
  yield begin
  for (const group of groups) {
    const [before, after] = around(
      String(
        <GridGroup name={group.name} tasks={group.tasks.length} axis={axis}>
          {PLACE}
        </GridGroup>,
      ),
    )
    yield before
    const reads = readEach(group.tasks, (one) => one.read())
    for await (const line of readLines(reads, axis, MAX_SLOTS, reading))
      yield String(<GridLine line={line} axis={axis} links={IN_ONE_FILE} now={reading.now} live={false} />)
    yield after
  }
  yield end
}

/** Returns the chapter of a task: its state and changes, and the slots that did not complete as usual. */
async function chapterOf(read: ReadTask, span: Span, store: string, reading: Reading): Promise<string> {
  const { head } = read
  const counts = new Map<SlotMark, number>()
  const details: unknown[] = []
  let problem: string | null = null
  try {
    for await (const record of readSlotsWithStatus(read, span, reading)) {
      const { slot, mark } = record
      const count = (counts.get(mark) ?? 0) + 1
      counts.set(mark, count)
      if (mark === 'completed' || count > MAX_DETAILS) continue
      details.push(
        <article class="detail" id={anchorOf(head.task, slot)}>
          <SlotDetail model={slotModelOf(read, record, store, reading)} level={3} live={false} />
        </article>,
      )
    }
  } catch (error) {
    problem = faultOf(error)
  }
  return String(
    <section class="chapter" id={anchorOf(head.task)}>
      <TaskTitle head={head} slots={[]} links={IN_ONE_FILE} now={reading.now} level={2} />
      <p>{slotsText(counts)}</p>
      {problem !== null && <p class="problem">{printable(problem)}</p>}
      <details>
        <summary>Changes</summary>
        <Changes head={head} />
      </details>
      {details}
    </section>,
  )
}

/** Returns how many slots have each mark, and how many of them are not described. */
function slotsText(counts: ReadonlyMap<SlotMark, number>): string {
  const texts = MOST_URGENT_FIRST.flatMap((mark) => {
    const count = counts.get(mark) ?? 0
    const rest = mark === 'completed' ? '' : count > MAX_DETAILS ? ` (the newest ${MAX_DETAILS} are below)` : ''
    return count === 0 ? [] : [`${count} ${MARKS[mark].word}${rest}`]
  })
  return texts.length === 0 ? 'No runs are recorded, and none were due.' : `Slots: ${texts.join(', ')}.`
}

/** Marks the position in an element where the pieces go. Text of a ledger cannot contain it, because it is escaped. */
const PIECES = '<!-- pieces -->'
const PLACE = raw(PIECES)

function around(html: string): readonly [before: string, after: string] {
  const [before = '', after = ''] = html.split(PIECES)
  return [before, after]
}
