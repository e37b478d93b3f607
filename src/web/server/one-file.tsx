import { createHash } from 'node:crypto'
import { raw } from 'hono/html'
import { concurrently } from '../../audit/concurrently.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { monthsIn } from '../../core/schedule/local-time.ts'
import { printable } from '../../format/text.ts'
import { pageText } from '../views/frame/document.tsx'
import { anchorOf, IN_ONE_FILE } from '../views/frame/links.ts'
import { type WallClock, wallClock } from '../views/frame/wall-clock.ts'
import { NeedsLine, NeedsList } from '../views/overview/needs.tsx'
import { SlotDetail } from '../views/slot/slot.tsx'
import { Calendar, type CalendarModel } from '../views/task/calendar.tsx'
import { HistoryHead, HistoryRow, type SlotWithStatus } from '../views/task/history-table.tsx'
import { Changes, Plots, type TaskHead, TaskTitle } from '../views/task/task.tsx'
import { around, PLACE } from './pieces.ts'
import { readNeeds, type Span } from './read-needs.ts'
import { calendarOf, readTask, slotModelOf, tallyDays } from './read-task.ts'
import {
  askOptions,
  faultOf,
  type Reading,
  type ReadTask,
  readAll,
  readSlotsWithStatus,
  storeAnywhere,
} from './reading.ts'
import { overviewPieces, type ReportTasks } from './report-overview.tsx'

export interface ReportOptions {
  readonly span: Span
  /** The only task of the report. Left out: all tasks. */
  readonly task?: string | undefined
  /** The name of the ledger. */
  readonly store: string
  readonly style: string
}

/** How many slots of a task are described in full: over two years of a nightly task. The table lists all of them. */
const MAX_DETAILS = 1_000
/** How many slots a plot has room for. */
const MAX_POINTS = 100
/** How many slots of a task memory holds: two months of an hourly task. Up to 16 tasks are read at the same time. */
const MAX_KEPT = 1_500

/** A part of the file, as text or as bytes. */
type PagePiece = string | Uint8Array

/**
 * Returns one HTML file with all views, piece by piece. Memory holds the list of the tasks, and the slots of the tasks
 * that are being read. Returns null when the ledger has nothing about the task. The file has no script, and its policy
 * allows only its own style and images in `data:` addresses.
 */
export async function reportPieces(
  options: ReportOptions,
  reading: Reading,
): Promise<AsyncGenerator<PagePiece> | null> {
  const { task } = options
  if (task !== undefined) {
    const read = await readTask(task, reading)
    if (read === null) return null
    const { head, known } = read
    return pieces(options, { known: known === null ? [] : [known], read: [read] }, head.clock, reading)
  }
  const known: KnownTask[] = []
  for await (const one of reading.ledger.tasks(askOptions(reading))) known.push(one)
  return pieces(options, { known, read: readAll(known, reading) }, wallClock('UTC'), reading)
}

async function* pieces(
  { span, task, store, style }: ReportOptions,
  tasks: ReportTasks,
  clock: WallClock,
  reading: Reading,
): AsyncGenerator<PagePiece, void, undefined> {
  const { now } = reading
  const when = `from ${clock.both(span.since)} to ${clock.both(span.until)}`
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`
  const [head, end] = around(
    pageText({
      title: `Report ${when}`,
      links: IN_ONE_FILE,
      dress: { kind: 'alone', style: raw(style), policy },
      store,
      now,
      pollMs: null,
      children: PLACE,
    }),
  )
  yield head

  const needs = await readNeeds({ span, when, task, known: tasks.known }, reading)
  yield String(
    <>
      <h1>Report {when}</h1>
      <NeedsLine needs={needs} links={IN_ONE_FILE} level={2} now={now} store={storeAnywhere(store)} live={false} />
    </>,
  )
  yield* overviewPieces(tasks, needs, span, reading)
  yield String(
    <div class="chapter">
      <NeedsList needs={needs} links={IN_ONE_FILE} level={2} now={now} />
    </div>,
  )
  const chapter = (read: ReadTask, signal: AbortSignal) =>
    encoded(taskPieces(read, span, store, { ...reading, signal }))
  yield* concurrently(() => tasks.read, chapter, [reading.signal])
  yield end
}

/**
 * Yields the pieces as bytes. A piece waits for the chapters before it, and as a text it would keep all the parts that
 * it was put together from, which take several times its size.
 */
async function* encoded(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) yield Buffer.from(piece)
}

/** The contents of a task's chapter. */
interface Chapter {
  readonly calendar: CalendarModel | null
  /** The newest slots of the report, as many as a plot has room for. */
  readonly newest: readonly SlotWithStatus[]
  /** Returns all slots of the report, newest first. They end at a row that cannot be read. */
  slots(): AsyncIterable<SlotWithStatus> | Iterable<SlotWithStatus>
  /** Returns why a row cannot be read. Returns null while all rows could be read. */
  problem(): string | null
}

/**
 * Reads a short chapter once. A long chapter is read again for each of its parts, so that memory never holds all of it.
 */
async function readChapter(read: ReadTask, span: Span, reading: Reading): Promise<Chapter> {
  const { clock, schedules } = read.head
  const first = Math.max(span.since, Math.min(schedules[0]?.since ?? 0, span.until - 1))
  const months = { from: clock.day(first).slice(0, 7), to: clock.day(span.until - 1).slice(0, 7) }
  const range = monthsIn(months.from, months.to, clock.zone)
  let problem: string | null = null
  /** Ends at a row that cannot be read. It must not throw, otherwise the chapters of the other tasks would be lost. */
  async function* readable(query: Span & { readonly limit?: number }): AsyncGenerator<SlotWithStatus, void> {
    try {
      yield* readSlotsWithStatus(read, query, reading)
    } catch (error) {
      problem = faultOf(error)
    }
  }

  // The calendar shows whole months, and the report may begin before the first of them.
  const since = Math.max(0, Math.min(span.since, range.from))
  const all = { since, until: Math.max(span.until, range.to), limit: MAX_KEPT + 1 }
  const kept = await firstOf(MAX_KEPT + 1, readable(all))
  if (kept.length <= MAX_KEPT && problem === null) {
    const within = ({ since, until }: Span) => kept.filter(({ slot }) => slot >= since && slot < until)
    const slots = within(span)
    return {
      calendar: await tallyDays(within({ since: range.from, until: range.to }), read, { ...months, most: MAX_KEPT }),
      newest: slots.slice(0, MAX_POINTS),
      slots: () => slots,
      problem: () => null,
    }
  }
  kept.length = 0
  problem = null
  return {
    calendar: await calendarOf(read, { ...months, most: Number.POSITIVE_INFINITY }, reading),
    newest: await firstOf(MAX_POINTS, readable({ ...span, limit: MAX_POINTS })),
    slots: () => readable(span),
    problem: () => problem,
  }
}

async function firstOf<T>(most: number, items: AsyncIterable<T>): Promise<T[]> {
  const first: T[] = []
  for await (const item of items) {
    first.push(item)
    if (first.length === most) break
  }
  return first
}

async function* taskPieces(read: ReadTask, span: Span, store: string, reading: Reading): AsyncGenerator<string, void> {
  const { head } = read
  const { task, clock } = head
  const { calendar, newest, slots, problem } = await readChapter(read, span, reading)
  const [begin, end] = around(
    String(
      <section class="chapter" id={anchorOf(task)}>
        {PLACE}
      </section>,
    ),
  )
  yield begin
  yield String(
    <>
      <TaskTitle head={head} level={2} />
      {calendar !== null && <Calendar model={calendar} task={task} links={IN_ONE_FILE} live={false} />}
      <Plots slots={newest} clock={clock} now={reading.now} />
      <Changes head={head} level={3} />
      <h3>History</h3>
    </>,
  )
  if (newest.length > 0) yield* tablePieces(head, slots(), reading)
  else if (problem() === null) yield String(<p class="empty">No runs are recorded, and none were due.</p>)
  const text = problem()
  if (text !== null) yield String(<p class="problem">{printable(text)}</p>)

  let shown = 0
  for await (const record of slots()) {
    yield String(
      <article class="detail" id={anchorOf(task, record.slot)}>
        <SlotDetail model={slotModelOf(read, record, store, reading)} level={3} live={false} />
      </article>,
    )
    shown += 1
    if (shown === MAX_DETAILS) break
  }
  yield end
}

async function* tablePieces(
  { task, clock }: TaskHead,
  slots: AsyncIterable<SlotWithStatus> | Iterable<SlotWithStatus>,
  { now }: Reading,
): AsyncGenerator<string> {
  const [begin, end] = around(
    String(
      <section class="scroll" tabindex={0} aria-label={`History of ${printable(task)}`}>
        <table class="list">
          <HistoryHead />
          <tbody>{PLACE}</tbody>
        </table>
      </section>,
    ),
  )
  yield begin
  let index = 0
  for await (const record of slots) {
    const isDetailed = index < MAX_DETAILS
    yield String(
      <HistoryRow
        record={record}
        clock={clock}
        href={isDetailed ? IN_ONE_FILE.slot(task, record.slot) : null}
        id={isDetailed ? undefined : anchorOf(task, record.slot)}
        now={now}
      />,
    )
    index += 1
  }
  yield end
}
