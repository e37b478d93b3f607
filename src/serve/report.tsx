import { createHash } from 'node:crypto'
import { raw } from 'hono/html'

import { Calendar } from '../page/calendar.tsx'
import { type WallClock, wallClock } from '../page/clock.ts'
import { pageText } from '../page/document.tsx'
import { HistoryHead, HistoryRow, type MarkedSlot } from '../page/history-table.tsx'
import { anchorOf, IN_ONE_FILE } from '../page/links.ts'
import { NeedsLine, NeedsList } from '../page/needs.tsx'
import { Overview } from '../page/overview.tsx'
import { SlotDetail } from '../page/slot.tsx'
import { Changes, Plots, type TaskHead, TaskTitle } from '../page/task.tsx'
import { printable } from '../report/text.ts'
import { readLines, readNeeds, type Span } from './overview.ts'
import { askOptions, faultOf, type Reading, type ReadTask, readKnown, readSlots } from './reading.ts'
import { calendarOf, readTask, slotTold } from './task.ts'

export interface ReportOptions {
  readonly span: Span
  /** Left out: all tasks. */
  readonly task?: string | undefined
  /** The ledger's name. */
  readonly store: string
  readonly style: string
}

/** Slots of a task that are told in full: a year and more of a nightly task. The lines of the table tell the others. */
const MAX_DETAILS = 1_000
/** Slots that a plot still has room for. */
const MAX_POINTS = 100

/** Stands in an element for what is written piece by piece: no text of a ledger can be a comment. */
const PIECES = '<!-- pieces -->'
const PLACE = raw(PIECES)

/**
 * All views in one HTML file, piece by piece: memory holds the overview and one slot. Null where nothing is known of the
 * task. It has no script, and its policy allows its own style alone.
 */
export async function reportPieces(options: ReportOptions, reading: Reading): Promise<AsyncGenerator<string> | null> {
  const { task } = options
  if (task !== undefined) {
    const read = await readTask(task, reading)
    return read === null ? null : pieces(options, [read], read.head.clock, reading)
  }
  const tasks: ReadTask[] = []
  for await (const known of reading.ledger.tasks(askOptions(reading))) tasks.push(readKnown(known, reading.now))
  return pieces(options, tasks, wallClock('UTC'), reading)
}

async function* pieces(
  { span, task, store, style }: ReportOptions,
  tasks: readonly ReadTask[],
  clock: WallClock,
  reading: Reading,
): AsyncGenerator<string, void, undefined> {
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

  const needs = await readNeeds(reading, span, when, task)
  const lines = await readLines(tasks, reading, span)
  yield String(
    <>
      <h1>Report {when}</h1>
      <NeedsLine needs={needs} links={IN_ONE_FILE} />
      <Overview model={{ lines, query: {}, more: null }} links={IN_ONE_FILE} live={false} />
      <div class="chapter">
        <NeedsList needs={needs} links={IN_ONE_FILE} level={2} />
      </div>
    </>,
  )
  for (const read of tasks) yield* taskPieces(read, span, store, reading)
  yield end
}

async function* taskPieces(read: ReadTask, span: Span, store: string, reading: Reading): AsyncGenerator<string> {
  const { head } = read
  const { task, clock } = head
  const { now } = reading
  const first = Math.max(span.since, Math.min(head.schedules[0]?.since ?? 0, span.until - 1))
  const months = { from: clock.day(first).slice(0, 7), to: clock.day(span.until - 1).slice(0, 7) }
  let problem: string | null = null
  /** Up to a row that cannot be read: the chapters of the other tasks must not go with it. */
  async function* readable(limit?: number): AsyncGenerator<MarkedSlot, void> {
    try {
      yield* readSlots(read, { ...span, ...(limit !== undefined && { limit }) }, reading)
    } catch (error) {
      problem = faultOf(error)
    }
  }
  const calendar = await calendarOf(read, { ...months, most: Number.POSITIVE_INFINITY }, reading)
  const newest: MarkedSlot[] = []
  for await (const record of readable(MAX_POINTS)) {
    newest.push(record)
    if (newest.length === MAX_POINTS) break
  }
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
      <Plots slots={newest} clock={clock} now={now} />
      <Changes head={head} level={3} />
      <h3>History</h3>
    </>,
  )
  if (newest.length > 0) yield* tablePieces(head, readable(), reading)
  else if (problem === null) yield String(<p class="empty">No slot is on record, and none was due.</p>)
  if (problem !== null) yield String(<p class="problem">{printable(problem)}</p>)

  let told = 0
  for await (const record of readable()) {
    yield String(
      <article class="detail" id={anchorOf(task, record.slot)}>
        <SlotDetail model={slotTold(read, record, store, reading)} level={3} live={false} />
      </article>,
    )
    told += 1
    if (told === MAX_DETAILS) break
  }
  yield end
}

async function* tablePieces(
  { task, clock }: TaskHead,
  slots: AsyncIterable<MarkedSlot>,
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
    const isTold = index < MAX_DETAILS
    yield String(
      <HistoryRow
        record={record}
        clock={clock}
        href={isTold ? IN_ONE_FILE.slot(task, record.slot) : null}
        id={isTold ? undefined : anchorOf(task, record.slot)}
        now={now}
      />,
    )
    index += 1
  }
  yield end
}

/** What stands before the place of the pieces, and what after it. */
function around(html: string): readonly [before: string, after: string] {
  const [before = '', after = ''] = html.split(PIECES)
  return [before, after]
}
