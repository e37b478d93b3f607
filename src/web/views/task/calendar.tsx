import { DAY_MS } from '../../../core/duration.ts'
import { utcDate } from '../../../core/instant.ts'
import { printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import type { Links, TaskQuery } from '../frame/links.ts'
import { cellSign, MARKS, MOST_URGENT_FIRST } from '../frame/marks.ts'

/** The number of slots of a day, by mark. */
export type Tally = Partial<Readonly<Record<SlotMark, number>>>

export interface CalendarModel {
  /** The first and the last month, as `2026-01`. */
  readonly from: string
  readonly to: string
  /** The counts by day, as `2026-11-24`. */
  readonly days: ReadonlyMap<string, Tally>
  /**
   * The earliest day whose slots were all read. Null when the whole range was read. A year of a minutely task has
   * half a million slots, which are too many to read.
   */
  readonly readSince: string | null
}

const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const MONTHS = 'January February March April May June July August September October November December'.split(' ')

/** The days of the months that have slots, newest month first, with one block for each month. */
export function Calendar(props: CalendarProps) {
  const { model, live, task, links, query } = props
  const months = countedMonths(model)
  const days = months.toReversed().flatMap((month) => weeksOf(month).flat())
  const stop = live ? (days.findLast((day) => day !== null && isLinked(model, day)) ?? null) : null
  const unread = unreadMonths(model)
  return (
    <>
      {months.length === 0 && unread.length === 0 && <p class="empty">No slots in this time.</p>}
      <div class="calendar" data-roving>
        {months.map((month) => (
          <Month {...props} month={month} stop={stop} />
        ))}
      </div>
      {model.readSince !== null && (
        <p class="quiet">
          The slots of days before {model.readSince} are not counted, because there are too many. They are in the
          history:
          {unread.map((month) => (
            <>
              {' '}
              <a href={links.task(task, { ...query, before: undefined, ...daysOf(month) })}>{monthText(month)}</a>
            </>
          ))}
        </p>
      )}
    </>
  )
}

function monthsOf({ from, to }: CalendarModel): readonly string[] {
  const months: string[] = []
  for (let month = from; month <= to; month = nextMonth(month)) months.push(month)
  return months.reverse()
}

/** Returns the months whose slots were read, at least in part, and that have slots, newest first. */
function countedMonths(model: CalendarModel): readonly string[] {
  const withSlots = new Set([...model.days.keys()].map((day) => day.slice(0, 7)))
  return monthsOf(model).filter((month) => withSlots.has(month))
}

/** Returns the months that have a day whose slots were not counted, newest first. */
function unreadMonths(model: CalendarModel): readonly string[] {
  const { readSince } = model
  return readSince === null ? [] : monthsOf(model).filter((month) => `${month}-01` < readSince)
}

/** Returns the filter for the days of a month. */
function daysOf(month: string): Pick<TaskQuery, 'since' | 'until'> {
  const since = `${month}-01`
  return { since, until: utcDate(Date.parse(`${nextMonth(month)}-01`) - DAY_MS) }
}

function monthText(month: string): string {
  const [year, number] = month.split('-').map(Number)
  return `${MONTHS[(number ?? 1) - 1]} ${year}`
}

function nextMonth(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, '0')}`
}

interface CalendarProps {
  readonly model: CalendarModel
  readonly task: string
  readonly links: Links
  /** The other filters, which the link of a day keeps. */
  readonly query?: TaskQuery
  /** Whether the page has the script for the arrow keys. Then the Tab key stops only at the last day. */
  readonly live: boolean
}

interface MonthProps extends CalendarProps {
  readonly month: string
  readonly stop: string | null
}

function Month(props: MonthProps) {
  const { month } = props
  return (
    <table class="month">
      <caption>{monthText(month)}</caption>
      <thead>
        <tr>
          {WEEKDAYS.map((name) => (
            <th scope="col" abbr={name}>
              {name.slice(0, 2)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeksOf(month).map((week) => (
          <tr>
            {week.map((day) => (
              <td>{day !== null && <DayCell {...props} day={day} />}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Returns the days of a month by week, from Monday. An entry before the first or after the last day is null. */
function weeksOf(month: string): readonly (readonly (string | null)[])[] {
  const first = Date.parse(`${month}-01T00:00:00Z`)
  const days: (string | null)[] = Array.from({ length: (new Date(first).getUTCDay() + 6) % 7 }, () => null)
  for (let at = first; utcDate(at).startsWith(month); at += DAY_MS) days.push(utcDate(at))
  while (days.length % 7 > 0) days.push(null)
  return Array.from({ length: days.length / 7 }, (_, week) => days.slice(7 * week, 7 * week + 7))
}

function isLinked({ days, readSince }: CalendarModel, day: string): boolean {
  return days.has(day) || (readSince !== null && day < readSince)
}

function DayCell({ day, model, task, links, query, live, stop }: { readonly day: string } & MonthProps) {
  const tally = model.days.get(day)
  const number = Number(day.slice(8))
  if (!isLinked(model, day)) return <span class="c day">{number}</span>
  const mark = MOST_URGENT_FIRST.find((one) => tally?.[one])
  return (
    <a
      class={`c day ${mark ?? 'unread'}`}
      href={links.task(task, { ...query, before: undefined, since: day, until: day, year: day.slice(0, 4) })}
      tabindex={live && day !== stop ? -1 : undefined}
      aria-label={`${printable(task)}, ${dayText(day)}, ${tally === undefined ? 'not counted' : tallyText(tally)}`}
    >
      {(mark && cellSign(mark)) || number}
    </a>
  )
}

/** Returns `24 November 2026`. The label of a cell must contain the number that the cell shows. */
function dayText(day: string): string {
  const [year, month, number] = day.split('-').map(Number)
  return `${number} ${MONTHS[(month ?? 1) - 1]} ${year}`
}

function tallyText(tally: Tally): string {
  return MOST_URGENT_FIRST.flatMap((mark) => (tally[mark] ? [`${tally[mark]} ${MARKS[mark].word}`] : [])).join(', ')
}
