import { isForeign } from '../core/decide.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import { scheduleText } from '../report/log.ts'
import { durationMsOf } from '../report/row.ts'
import { printable } from '../report/text.ts'
import { Calendar, type CalendarModel } from './calendar.tsx'
import type { WallClock } from './clock.ts'
import { Heading, type Level } from './heading.tsx'
import { HistoryHead, HistoryRow, latenessMsOf, type MarkedSlot } from './history-table.tsx'
import type { Links, TaskQuery } from './links.ts'
import { MARK_NAMES, MARKS } from './marks.ts'
import { Plot, type Point } from './plot.tsx'
import { Time } from './time.tsx'

export interface ScheduleChange {
  readonly since: Instant
  readonly spec: ScheduleSpec
  /** In words; null where this version cannot read it. */
  readonly words: string | null
}

export interface TaskHead {
  readonly task: string
  readonly clock: WallClock
  /** Oldest first; the last one is in force. Empty for a task that only has rows. */
  readonly schedules: readonly ScheduleChange[]
  readonly next: Instant | null
}

export interface TaskPage {
  readonly query: TaskQuery
  /** Newest first. */
  readonly slots: readonly MarkedSlot[]
  /** The slot that the next page begins before; null on the last one. */
  readonly before: Instant | null
  /** Slots that were looked at for this page, where the filter wanted few of them; null where it is whole. */
  readonly scanned: number | null
}

/** The name and the schedule of a task. */
export function TaskTitle({ head, level }: { readonly head: TaskHead; readonly level: Level }) {
  const { task, clock, schedules, next } = head
  const current = schedules.at(-1)
  return (
    <>
      <Heading level={level}>{printable(task)}</Heading>
      <p class="facts">
        {current === undefined ? (
          'Its schedule is not known to the registry.'
        ) : (
          <>
            {printable(current.words ?? 'A schedule that this version cannot read')} · {clock.zone} ·{' '}
            <code>{printable(current.spec.expression)}</code>
          </>
        )}
        {next !== null && (
          <>
            {' '}
            · next <Time at={next} clock={clock} />
          </>
        )}
      </p>
    </>
  )
}

export function TaskView({ head, page, calendar, years, links, now }: TaskViewProps) {
  const { task, clock } = head
  const { query, slots } = page
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href={links.overview()}>Tasks</a>
      </nav>
      <TaskTitle head={head} level={1} />
      <section aria-labelledby="calendar-title">
        <div class="bar">
          <h2 id="calendar-title">Calendar</h2>
          <nav aria-label="Years">
            {years.map((year) =>
              calendar.from.startsWith(year) ? (
                <strong aria-current="true">{year}</strong>
              ) : (
                <a href={links.task(task, { year })}>{year}</a>
              ),
            )}
          </nav>
        </div>
        <Calendar model={calendar} task={task} links={links} live />
      </section>
      <section aria-labelledby="history-title">
        <h2 id="history-title">History</h2>
        <Filters task={task} query={query} zone={clock.zone} />
        {slots.length === 0 ? (
          <p class="empty">{isFiltered(query) ? 'No slot matches.' : 'No slot is on record, and none was due.'}</p>
        ) : (
          <>
            <Plots slots={slots} clock={clock} now={now} />
            <section class="scroll" tabindex={0} aria-label="Table of the history">
              <table class="list">
                <HistoryHead />
                <tbody>
                  {slots.map((record) => (
                    <HistoryRow record={record} clock={clock} href={links.slot(task, record.slot)} now={now} />
                  ))}
                </tbody>
              </table>
            </section>
          </>
        )}
        <Pages head={head} page={page} links={links} />
      </section>
      <Changes head={head} level={2} />
    </>
  )
}

interface TaskViewProps {
  readonly head: TaskHead
  readonly page: TaskPage
  readonly calendar: CalendarModel
  /** The years that have slots, newest first. */
  readonly years: readonly string[]
  readonly links: Links
  readonly now: Instant
}

function isFiltered({ state, duplicates, since, until, before }: TaskQuery): boolean {
  return [state, duplicates, since, until, before].some(Boolean)
}

/** How long the slots took and how late they started: just those of the table, so that its filters hold for both. */
export function Plots({
  slots,
  clock,
  now,
}: {
  readonly slots: readonly MarkedSlot[]
  readonly clock: WallClock
  readonly now: Instant
}) {
  const points = (msOf: (record: MarkedSlot) => number | null): Point[] =>
    slots.toReversed().map((record) => ({ name: clock.time(record.slot), mark: record.mark, ms: msOf(record) }))
  return (
    <div class="plots">
      <Plot
        title="Duration"
        points={points(({ row }) => (row === null || isForeign(row) ? null : durationMsOf(row, now)))}
      />
      <Plot
        title="Lateness"
        points={points(({ row }) => (row === null || isForeign(row) ? null : latenessMsOf(row)))}
      />
    </div>
  )
}

function Filters({ task, query, zone }: { readonly task: string; readonly query: TaskQuery; readonly zone: string }) {
  const { state, duplicates, since, until, year } = query
  return (
    <search>
      <form method="get" action="/task" class="filters">
        <input type="hidden" name="task" value={task} />
        {year && <input type="hidden" name="year" value={year} />}
        <label>
          State
          <select name="state">
            <option value="">any</option>
            {MARK_NAMES.filter((name) => name !== 'unknown' && name !== 'next').map((name) => (
              <option value={name} selected={name === state}>
                {MARKS[name].word}
              </option>
            ))}
          </select>
        </label>
        <label>
          From
          <input type="date" name="since" value={dateOf(since)} aria-describedby="dates" />
        </label>
        <label>
          To
          <input type="date" name="until" value={dateOf(until)} aria-describedby="dates" />
        </label>
        <label class="check">
          <input type="checkbox" name="duplicates" value="1" checked={Boolean(duplicates)} />
          only with rejected triggers
        </label>
        <button type="submit">Show</button>
        <span id="dates" class="quiet">
          Days in {zone}
        </span>
      </form>
    </search>
  )
}

/** What a date field can show. */
function dateOf(text = ''): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : ''
}

function Pages({
  head: { task, clock },
  page,
  links,
}: {
  readonly head: TaskHead
  readonly page: TaskPage
  readonly links: Links
}) {
  const { query, before, scanned, slots } = page
  const first = { ...query, before: undefined }
  return (
    <nav class="pages" aria-label="Pages of the history">
      {query.before && <a href={links.task(task, first)}>Newest slots</a>}
      {before !== null && (
        <a href={links.task(task, { ...query, before: new Date(before).toISOString() })}>
          {scanned === null ? 'Older slots' : `Look on before ${clock.time(before)}`}
        </a>
      )}
      {scanned !== null && (
        <span class="quiet">
          {slots.length} of the {scanned} slots that were looked at match.
        </span>
      )}
    </nav>
  )
}

export function Changes({ head: { schedules, clock }, level }: { readonly head: TaskHead; readonly level: Level }) {
  if (schedules.length === 0) return null
  return (
    <section class="changes">
      <Heading level={level}>Schedule</Heading>
      <ol reversed>
        {schedules.toReversed().map(({ since, spec, words }) => (
          <li>
            since <Time at={since} clock={clock} />: <code>{printable(scheduleText(spec))}</code>
            {words !== null && <span class="quiet"> {printable(words)}</span>}
          </li>
        ))}
      </ol>
    </section>
  )
}
