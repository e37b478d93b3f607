import { monthsIn } from '../../../core/schedule/local-time.ts'
import { printable } from '../../../format/text.ts'
import { Badge } from '../../views/frame/badge.tsx'
import { anchorOf, IN_ONE_FILE } from '../../views/frame/links.ts'
import { needsAttention } from '../../views/frame/marks.ts'
import type { SlotWithStatus } from '../../views/frame/slot-facts.ts'
import { Time } from '../../views/frame/time.tsx'
import { SlotDetail } from '../../views/slot/slot.tsx'
import { Calendar, type CalendarModel } from '../../views/task/calendar.tsx'
import { Changes } from '../../views/task/changes-list.tsx'
import { Findings } from '../../views/task/findings.tsx'
import { type TaskHead, TaskTitle } from '../../views/task/head.tsx'
import { HistoryHead, HistoryRow } from '../../views/task/history-table.tsx'
import { RECENT, Recent } from '../../views/task/recent.tsx'
import { calendarOf, tallyDays } from '../read/calendar.ts'
import { type FindingsQuery, readFindings } from '../read/findings.ts'
import type { Span } from '../read/needs.ts'
import { faultOf, type Reading, type ReadTask, readSlotsWithStatus } from '../read/reading.ts'
import { slotModelOf } from '../read/slot.ts'
import { around, PLACE } from './pieces.ts'

/** How many slots of a task are described in full: over two years of a nightly task. The table lists all of them. */
const MAX_DETAILS = 1_000
/** How many rows of the history are not folded: one page of the history on the page of a task. */
const SHOWN_ROWS = 25
/** The newest slots include those that an operator resolved ahead, which the strip leaves out. */
const MAX_NEWEST = 100
/** How many slots of a task memory holds: two months of an hourly task. Up to 16 tasks are read at the same time. */
const MAX_KEPT = 1_500

/** The contents of a task's chapter. */
interface Chapter {
  readonly calendar: CalendarModel | null
  /** The newest slots of the report. */
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
      newest: slots.slice(0, MAX_NEWEST),
      slots: () => slots,
      problem: () => null,
    }
  }
  kept.length = 0
  problem = null
  return {
    calendar: await calendarOf(read, { ...months, most: Number.POSITIVE_INFINITY }, reading),
    newest: await firstOf(MAX_NEWEST, readable({ ...span, limit: MAX_NEWEST })),
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

/** Yields the chapter of a task: its state, its calendar and changes, its history, and its slots. */
export async function* taskPieces(
  read: ReadTask,
  asked: FindingsQuery,
  reading: Reading,
): AsyncGenerator<string, void> {
  const { span, store } = asked
  const { head } = read
  const { task, clock } = head
  const { now } = reading
  const { calendar, newest, slots, problem } = await readChapter(read, span, reading)
  const findings = await readFindings(read, asked, reading)
  const [begin, end] = around(
    String(
      <section class="chapter" id={anchorOf(task)}>
        {PLACE}
      </section>,
    ),
  )
  yield begin
  const recent = newest.filter(({ slot }) => slot <= now).slice(0, RECENT)
  const props = { task, clock, links: IN_ONE_FILE, now, live: false }
  yield String(
    <>
      <TaskTitle head={head} slots={recent} links={IN_ONE_FILE} now={now} level={2} />
      <Findings findings={findings} clock={clock} links={IN_ONE_FILE} level={3} live={false} />
      <Recent {...props} recent={{ slots: recent, problem: null }} level={3} />
      <details>
        <summary>Calendar</summary>
        {calendar === null ? (
          <p class="problem">A record in these months cannot be read.</p>
        ) : (
          <Calendar model={calendar} task={task} links={IN_ONE_FILE} live={false} />
        )}
      </details>
      <details>
        <summary>Changes</summary>
        <Changes head={head} />
      </details>
      <h3>History</h3>
    </>,
  )
  if (newest.length > 0) yield* tablePieces(head, slots(), reading)
  else if (problem() === null) yield String(<p class="empty">No runs are recorded, and none were due.</p>)
  const text = problem()
  if (text !== null) yield String(<p class="problem">{printable(text)}</p>)

  let shown = 0
  for await (const record of slots()) {
    yield String(<Detail read={read} record={record} store={store} reading={reading} />)
    shown += 1
    if (shown === MAX_DETAILS) break
  }
  yield end
}

interface ChapterDetailProps {
  readonly read: ReadTask
  readonly record: SlotWithStatus
  readonly store: string
  readonly reading: Reading
}

/** The description of a slot. It is folded, so that a print is short, unless the slot needs attention. */
function Detail({ read, record, store, reading }: ChapterDetailProps) {
  const { task, clock } = read.head
  const { slot, mark } = record
  const [id, model] = [anchorOf(task, slot), slotModelOf(read, record, store, reading)]
  if (needsAttention(mark)) {
    return (
      <article class="detail" id={id}>
        <SlotDetail model={model} level={3} live={false} />
      </article>
    )
  }
  return (
    <details class="folded">
      <summary>
        <Badge mark={mark} /> <Time at={slot} clock={clock} />
      </summary>
      {/* A link to an element inside the folded part opens it. */}
      <article id={id}>
        <SlotDetail model={model} level={3} live={false} />
      </article>
    </details>
  )
}

/** Yields the table of all slots. The slots after the newest ones are folded, because there can be thousands of them. */
async function* tablePieces(
  { task, clock }: TaskHead,
  slots: AsyncIterable<SlotWithStatus> | Iterable<SlotWithStatus>,
  { now }: Reading,
): AsyncGenerator<string> {
  const [begin, end] = around(String(<HistoryTable label={`History of ${printable(task)}`} />))
  const [beginRest, endRest] = around(
    String(
      <details>
        <summary>Earlier slots</summary>
        <HistoryTable label={`Earlier history of ${printable(task)}`} />
      </details>,
    ),
  )
  yield begin
  let index = 0
  for await (const record of slots) {
    if (index === SHOWN_ROWS) yield end + beginRest
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
  yield index > SHOWN_ROWS ? endRest : end
}

function HistoryTable({ label }: { readonly label: string }) {
  return (
    <section class="scroll" tabindex={0} aria-label={label}>
      <table class="list">
        <HistoryHead />
        <tbody>{PLACE}</tbody>
      </table>
    </section>
  )
}
