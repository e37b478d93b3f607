/** The wall-clock times that match a cron expression, in seconds since 1970-01-01T00:00:00 on that clock. */

import { DAY_MS } from '../duration.ts'

export type Direction = 1 | -1

export interface Day {
  readonly day: number
  readonly weekday: number
  readonly length: number
}

export type DayTest = (day: Day) => boolean

export function onDayOfMonth(wanted: number | 'last'): DayTest {
  return ({ day, length }) => day === (wanted === 'last' ? length : wanted)
}

/** Matches a weekday, 0 for Sunday: each one of a month, its `nth`, or its last one. */
export function onWeekday(wanted: number, nth?: number | 'last'): DayTest {
  return ({ day, weekday, length }) =>
    weekday === wanted && (nth === undefined || (nth === 'last' ? day > length - 7 : Math.ceil(day / 7) === nth))
}

/** The compiled form of an expression, in either dialect. No field is empty. Times are sorted and without duplicates. */
export interface CronFields {
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly months: ReadonlySet<number>
  readonly years: ReadonlySet<number>
  readonly days: DaysOf
  /** Whether the expression matches on every day. Most schedules do, and then the search needs no date. */
  readonly everyDay: boolean
}

/** Returns the days that match in a month of `length` days that starts on `firstWeekday`. Day 1 is bit 0. */
type DaysOf = (length: number, firstWeekday: number) => number

/** Events are in 1970 to 2199. The rarest date, 29 February on one weekday, comes after at most 40 years. */
export const FIRST_SEARCHED_YEAR = 1900
export const LAST_SEARCHED_YEAR = 2299

export const EVERY_YEAR: ReadonlySet<number> = new Set(span(FIRST_SEARCHED_YEAR, LAST_SEARCHED_YEAR))

export const DAY_SECONDS = DAY_MS / 1000

const FIRST_DAY = Date.UTC(FIRST_SEARCHED_YEAR, 0, 1) / DAY_MS
const LAST_DAY = Date.UTC(LAST_SEARCHED_YEAR, 11, 31) / DAY_MS

const FIRST_WEEKDAY = 4

/** A month has one of 28 shapes: its length and its first weekday. Each is computed when it is first needed. */
export function compileDays(test: DayTest): DaysOf {
  const known = new Map<number, number>()
  return (length, firstWeekday) => {
    const shape = (length - 28) * 7 + firstWeekday
    const found = known.get(shape)
    if (found !== undefined) return found
    const matching = span(1, length).filter((day) => test({ day, weekday: (firstWeekday + day - 1) % 7, length }))
    const days = matching.reduce((all, day) => all | (1 << (day - 1)), 0)
    known.set(shape, days)
    return days
  }
}

/** Returns the days of each shape that these months can have. The shortest month from a Sunday on comes first. */
export function daysOfShapes(days: DaysOf, months: ReadonlySet<number>): readonly number[] {
  // A year with a leap day and one without.
  const lengths = new Set([...months].flatMap((month) => [lengthOf(2027, month), lengthOf(2028, month)]))
  return [...lengths].sort().flatMap((length) => span(0, 6).map((firstWeekday) => days(length, firstWeekday)))
}

export function sorted(values: Iterable<number>): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

export function span(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** Returns the match nearest to `local`, which itself counts. Null: the searched years have none. */
export function nearestMatch(fields: CronFields, local: number, direction: Direction): number | null {
  const today = Math.floor(local / DAY_SECONDS)
  let day = nearestDay(fields, today, direction)
  if (day === today) {
    const time = nearestTime(fields, local - today * DAY_SECONDS, direction)
    if (time !== -1) return today * DAY_SECONDS + time
    day = nearestDay(fields, today + direction, direction)
  }
  if (day === null) return null
  const { hours, minutes, seconds } = fields
  const minute = edge(hours, direction) * 60 + edge(minutes, direction)
  return day * DAY_SECONDS + minute * 60 + edge(seconds, direction)
}

function nearestDay(fields: CronFields, from: number, direction: Direction): number | null {
  if (fields.everyDay && from >= FIRST_DAY && from <= LAST_DAY) return from
  const date = new Date(from * DAY_MS)
  let year = date.getUTCFullYear()
  let month = date.getUTCMonth() + 1
  let first = from - date.getUTCDate() + 1
  // Local time can lie up to a day outside of the searched years.
  while (direction === 1 ? year <= LAST_SEARCHED_YEAR : year >= FIRST_SEARCHED_YEAR) {
    if (fields.months.has(month) && fields.years.has(year)) {
      const matching = fields.days(lengthOf(year, month), (((first + FIRST_WEEKDAY) % 7) + 7) % 7)
      const days = matching & daysFrom(from - first, direction)
      if (days !== 0) return first + 31 - Math.clz32(direction === 1 ? days & -days : days)
    }
    if (direction === 1) first += lengthOf(year, month)
    month += direction
    if (month < 1 || month > 12) {
      month -= 12 * direction
      year += direction
    }
    if (direction === -1) first -= lengthOf(year, month)
  }
  return null
}

function lengthOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Returns the days that a walk can still reach in a month, if it starts `index` days after the first one. */
function daysFrom(index: number, direction: Direction): number {
  if (direction === 1) return index <= 0 ? -1 : -1 << index
  return index >= 31 ? -1 : (2 << index) - 1
}

/** Returns the matching second of the day, or -1 if this day has none in that direction. */
function nearestTime({ hours, minutes, seconds }: CronFields, time: number, direction: Direction): number {
  const hour = Math.floor(time / 3600)
  const minute = Math.floor(time / 60) % 60
  if (nearestValue(hours, hour, direction) === hour) {
    if (nearestValue(minutes, minute, direction) === minute) {
      const second = nearestValue(seconds, time % 60, direction)
      if (second !== -1) return hour * 3600 + minute * 60 + second
    }
    const nextMinute = nearestValue(minutes, minute + direction, direction)
    if (nextMinute !== -1) return hour * 3600 + nextMinute * 60 + edge(seconds, direction)
  }
  const nextHour = nearestValue(hours, hour + direction, direction)
  if (nextHour === -1) return -1
  return nextHour * 3600 + edge(minutes, direction) * 60 + edge(seconds, direction)
}

function nearestValue(values: readonly number[], from: number, direction: Direction): number {
  if (direction === 1) return values.find((one) => one >= from) ?? -1
  // No value is smaller than its index, so those behind `from` are too large. With `findLast` over all of them, the slot of an
  // event takes up to half as long again.
  let index = Math.min(from, values.length - 1)
  while (index >= 0 && (values[index] ?? 0) > from) index -= 1
  return values[index] ?? -1
}

function edge(values: readonly number[], direction: Direction): number {
  return values.at(direction === 1 ? 0 : -1) ?? 0
}
