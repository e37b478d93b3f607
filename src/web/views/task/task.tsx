import { readableRow } from '../../../core/row/status.ts'
import type { FoundSuspension } from '../../../core/task/suspensions.ts'
import type { Instant, Row, ScheduleSpec, Status } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { printable, scheduleText } from '../../../format/text.ts'
import { Legend } from '../frame/badge.tsx'
import { Heading, type HeadingLevel } from '../frame/document.tsx'
import type { Links, TaskQuery } from '../frame/links.ts'
import { Time } from '../frame/time.tsx'
import { type WallClock, wordsIn } from '../frame/wall-clock.ts'
import { Calendar, type CalendarModel } from './calendar.tsx'
import { Filters } from './filters.tsx'
import { HistoryHead, HistoryRow, latenessMsOf, type SlotWithStatus } from './history-table.tsx'
import { Plot, type Point } from './plot.tsx'
import { SuspensionInForce, SuspensionList, type Suspensions } from './suspensions.tsx'

export interface ScheduleChange {
  readonly since: Instant
  readonly spec: ScheduleSpec
  /** The schedule in words. Null when this version cannot read it. */
  readonly words: string | null
}

export interface TaskHead {
  readonly task: string
  readonly clock: WallClock
  /**
   * The schedule in force. For a task without a task record it is the schedule of the newest row, and null when that
   * row has a newer schema.
   */
  readonly current: Pick<ScheduleChange, 'spec' | 'words'> | null
  /** The schedules of the task record, oldest first. Empty for a task that only has rows. */
  readonly schedules: readonly ScheduleChange[]
  readonly next: Instant | null
  readonly suspensions: Suspensions
  /** The pause or the retirement that is in force. */
  readonly suspended: FoundSuspension | null
  /** The owner that the runs of the task state. Left out: they state none. */
  readonly owner?: string | undefined
}

export interface TaskPage {
  readonly query: TaskQuery
  /** The slots of the page, newest first. */
  readonly slots: readonly SlotWithStatus[]
  /** The slot before which the next page begins. Null on the last page. */
  readonly before: Instant | null
  /**
   * The number of slots that were looked at, when too few of them matched the filter. Null when the page is complete.
   */
  readonly scanned: number | null
  /** Why the page ends early. Null when all rows could be read. */
  readonly problem: string | null
}

/** The name and the schedule of a task. */
export function TaskTitle({ head, level }: { readonly head: TaskHead; readonly level: HeadingLevel }) {
  const { task, clock, current, schedules, next, owner, suspended } = head
  return (
    <>
      <Heading level={level}>{printable(task)}</Heading>
      <p class="facts">
        {current !== null && (
          <>
            {printable(wordsIn(clock.zone, current.words ?? 'This version cannot read the schedule'))} ·{' '}
            <code>{printable(current.spec.expression)}</code>
          </>
        )}
        {schedules.length === 0 &&
          (current === null
            ? 'Its schedule is unknown.'
            : ' (from its newest run, because no scheduled run is recorded)')}
        {next !== null && (
          <>
            {' '}
            · next <Time at={next} clock={clock} />
          </>
        )}
        {owner !== undefined && ` · owner: ${printable(owner)}`}
      </p>
      {suspended !== null && (
        <p>
          <SuspensionInForce found={suspended} clock={clock} />
        </p>
      )}
    </>
  )
}

export function TaskView({ head, page, calendar, year: shown, years, links, now }: TaskViewProps) {
  const { task, clock } = head
  const { query, slots, problem } = page
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumbs">
        <a href={links.overview()}>Tasks</a>
      </nav>
      <TaskTitle head={head} level={1} />
      <Legend keys={false} />
      <section aria-labelledby="calendar-title">
        <div class="bar">
          <h2 id="calendar-title">Calendar</h2>
          <nav aria-label="Years">
            {years.map((year) =>
              year === shown ? (
                <strong aria-current="true">{year}</strong>
              ) : (
                <a href={links.task(task, { ...query, year })}>{year}</a>
              ),
            )}
          </nav>
        </div>
        {calendar === null ? (
          <p class="problem">A record in this year cannot be read.</p>
        ) : (
          <Calendar model={calendar} task={task} links={links} query={query} live />
        )}
      </section>
      <Changes head={head} level={2} />
      <section aria-labelledby="history-title">
        <h2 id="history-title">History</h2>
        <Filters task={task} query={query} zone={clock.zone} />
        {problem !== null && <p class="problem">{printable(problem)}</p>}
        {slots.length === 0 && problem === null && (
          <p class="empty">
            {isFiltered(query) ? (
              <>
                No slots match. <a href={links.task(task, { year: query.year })}>All slots</a>
              </>
            ) : (
              'No runs are recorded, and none were due.'
            )}
          </p>
        )}
        {slots.length > 0 && (
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
    </>
  )
}

interface TaskViewProps {
  readonly head: TaskHead
  readonly page: TaskPage
  /** Null when a row of it cannot be read. */
  readonly calendar: CalendarModel | null
  readonly year: string
  /** The years to choose from, newest first. */
  readonly years: readonly string[]
  readonly links: Links
  readonly now: Instant
}

function isFiltered({ status, duplicates, since, until, before }: TaskQuery): boolean {
  return [status, duplicates, since, until, before].some(Boolean)
}

/**
 * The plots of how long the slots took and how late they started. They show the slots of the table, so that its filters
 * apply to both.
 */
export function Plots({
  slots,
  clock,
  now,
}: {
  readonly slots: readonly SlotWithStatus[]
  readonly clock: WallClock
  readonly now: Instant
}) {
  const points = (msOf: (row: Row, status: Status) => number | null): Point[] =>
    slots.toReversed().map(({ slot, row, status }) => {
      const own = readableRow(row)
      return { name: clock.time(slot), status, ms: own && msOf(own, status) }
    })
  return (
    <div class="plots">
      <Plot title="Duration" points={points((row, status) => durationMsOf(row, status, now))} />
      <Plot title="Delay" points={points(latenessMsOf)} />
    </div>
  )
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
          {scanned === null ? 'Older slots' : `Search before ${clock.time(before)}`}
        </a>
      )}
      {scanned !== null && (
        <span class="quiet">
          {slots.length} of {scanned} slots searched match.
        </span>
      )}
    </nav>
  )
}

interface ChangesProps {
  readonly head: TaskHead
  readonly level: HeadingLevel
}

/** The schedules, pauses and retirements of a task. */
export function Changes({ head, level }: ChangesProps) {
  return (
    <>
      <ScheduleList head={head} level={level} />
      <SuspensionList suspensions={head.suspensions} clock={head.clock} level={level} />
    </>
  )
}

function ScheduleList({ head: { schedules, clock }, level }: ChangesProps) {
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
