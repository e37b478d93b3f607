/**
 * The calendar of a cron expression: which wall-clock times match, whatever the clocks of a zone do. Times here are
 * seconds since 1970-01-01T00:00:00 on that wall clock.
 */

export type Direction = 1 | -1

/** A day of a month, as the day fields of an expression see it. */
export interface Day {
  /** 1 to 31. */
  readonly day: number
  /** 0 is Sunday. */
  readonly weekday: number
  /** Days in the month. */
  readonly length: number
}

export type DayTest = (day: Day) => boolean

/** What an expression compiles to, in either dialect. Lists are sorted, without duplicates, and not empty. */
export interface Fields {
  readonly seconds: readonly number[]
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  /** 1 to 12. */
  readonly months: ReadonlySet<number>
  readonly years: ReadonlySet<number>
  /** For each shape of a month (`shapeOf`), the days that match; day 1 is bit 0. */
  readonly days: readonly number[]
}

/**
 * The years that are searched. Event times lie in AWS's 1970 to 2199, and the rarest date (29 February on one weekday)
 * comes after 40 years at most, so that these see the slots on both sides of any event time.
 */
export const FIRST_YEAR = 1900
export const LAST_YEAR = 2299

const DAY_SECONDS = 86_400
const DAY_MS = DAY_SECONDS * 1000

/** A month is one of 28 shapes: 28 to 31 days, starting on one of 7 weekdays. */
function shapeOf(length: number, firstWeekday: number): number {
  return (length - 28) * 7 + firstWeekday
}

interface Month {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  /** Its first day, in days since 1970-01-01. */
  readonly first: number
  readonly shape: number
}

/** A year more on each side, since local time runs up to a day over the edge. No expression's `years` has those. */
const MONTHS: readonly Month[] = span(FIRST_YEAR - 1, LAST_YEAR + 1).flatMap((year) =>
  span(1, 12).map((month) => {
    const first = Date.UTC(year, month - 1, 1) / DAY_MS
    const length = Date.UTC(year, month, 1) / DAY_MS - first
    return { year, month, first, shape: shapeOf(length, new Date(first * DAY_MS).getUTCDay()) }
  }),
)
const FIRST_DAY = Date.UTC(FIRST_YEAR - 1, 0, 1) / DAY_MS
/** Over 400 years: a month's start is never more than a few days from where this puts it. */
const MEAN_MONTH_DAYS = 146_097 / 4800

export function compileDays(test: DayTest): readonly number[] {
  const shapes: number[] = []
  for (let length = 28; length <= 31; length++) {
    for (let firstWeekday = 0; firstWeekday < 7; firstWeekday++) {
      let days = 0
      for (let day = 1; day <= length; day++) {
        if (test({ day, weekday: (firstWeekday + day - 1) % 7, length })) days |= 1 << (day - 1)
      }
      shapes[shapeOf(length, firstWeekday)] = days
    }
  }
  return shapes
}

export function sorted(values: Iterable<number>): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}

export function span(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** The matching time nearest to `local`, itself included, later or earlier; null where the searched years have none. */
export function nearestMatch(fields: Fields, local: number, direction: Direction): number | null {
  const today = Math.floor(local / DAY_SECONDS)
  let day = nearestDay(fields, today, direction)
  if (day === today) {
    const time = nearestTime(fields, local - today * DAY_SECONDS, direction)
    if (time !== undefined) return today * DAY_SECONDS + time
    day = nearestDay(fields, today + direction, direction)
  }
  return day === null ? null : day * DAY_SECONDS + edgeTime(fields, direction)
}

function nearestDay(fields: Fields, from: number, direction: Direction): number | null {
  let index = Math.floor((from - FIRST_DAY) / MEAN_MONTH_DAYS) + 1
  while ((MONTHS[index]?.first ?? from) > from) index--
  for (let month = MONTHS[index]; month !== undefined; month = MONTHS[index]) {
    if (fields.months.has(month.month) && fields.years.has(month.year)) {
      const days = (fields.days[month.shape] ?? 0) & daysFrom(from - month.first, direction)
      if (days !== 0) return month.first + 31 - Math.clz32(direction === 1 ? days & -days : days)
    }
    index += direction
  }
  return null
}

/** The bits of a month's days that are not yet behind a walk that starts `index` days after its first day. */
function daysFrom(index: number, direction: Direction): number {
  if (direction === 1) return index <= 0 ? -1 : -1 << index
  return index >= 31 ? -1 : (2 << index) - 1
}

function nearestTime(fields: Fields, time: number, direction: Direction): number | undefined {
  const hour = Math.floor(time / 3600)
  const minute = Math.floor(time / 60) % 60
  if (fields.hours.includes(hour)) {
    if (fields.minutes.includes(minute)) {
      const second = nearest(fields.seconds, time % 60, direction)
      if (second !== undefined) return hour * 3600 + minute * 60 + second
    }
    const nextMinute = nearest(fields.minutes, minute + direction, direction)
    if (nextMinute !== undefined) return hour * 3600 + nextMinute * 60 + edge(fields.seconds, direction)
  }
  const nextHour = nearest(fields.hours, hour + direction, direction)
  if (nextHour === undefined) return undefined
  return nextHour * 3600 + edge(fields.minutes, direction) * 60 + edge(fields.seconds, direction)
}

/** The first matching time of a day, seen in that direction. */
function edgeTime(fields: Fields, direction: Direction): number {
  return edge(fields.hours, direction) * 3600 + edge(fields.minutes, direction) * 60 + edge(fields.seconds, direction)
}

function nearest(values: readonly number[], from: number, direction: Direction): number | undefined {
  return direction === 1 ? values.find((value) => value >= from) : values.findLast((value) => value <= from)
}

function edge(values: readonly number[], direction: Direction): number {
  return values.at(direction === 1 ? 0 : -1) ?? 0
}
