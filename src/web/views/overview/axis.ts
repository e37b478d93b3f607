import { DAY_MS } from '../../../core/duration.ts'
import type { Instant } from '../../../core/types.ts'
import { type WallClock, wallClock } from '../frame/time.tsx'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

export const SPANS = {
  '24h': { words: '24 h', columns: 48, ahead: 6, stepMs: 30 * MINUTE_MS },
  '7d': { words: '7 d', columns: 42, ahead: 6, stepMs: 4 * HOUR_MS },
  '30d': { words: '30 d', columns: 30, ahead: 7, stepMs: DAY_MS },
} as const
export type SpanName = keyof typeof SPANS
export const DEFAULT_SPAN: SpanName = '7d'

/** The time from `from` to `to`, which is not part of it. */
export interface Column {
  readonly from: Instant
  readonly to: Instant
}

/** The time axis that all tasks of an overview share. Its columns follow each other, the oldest first. */
export interface Axis {
  readonly span: SpanName
  readonly clock: WallClock
  /** The usual length of a column. A column in which the clocks change may be shorter or longer. */
  readonly stepMs: number
  readonly columns: readonly Column[]
  /** The columns of the slots to come. The first one is the rest of the column of now. */
  readonly ahead: readonly Column[]
  /** The columns of the past and those of the slots to come, and their labels. */
  readonly all: readonly Column[]
  readonly labels: readonly (string | null)[]
}

/** Returns the axis whose columns end with the column of `now`. */
export function axisUntil(now: Instant, zone: string, span: SpanName): Axis {
  const { columns: count, ahead: more, stepMs } = SPANS[span]
  const clock = wallClock(zone)
  const last = indexAt(clock, now, stepMs)
  const columns = columnsOf(clock, stepMs, last - count + 1, last)
  const rest = { from: now + 1, to: columns.at(-1)?.to ?? now }
  const ahead = [rest, ...columnsOf(clock, stepMs, last + 1, last + more)]
  const all = [...columns, ...ahead]
  return { span, clock, stepMs, columns, ahead, all, labels: labelsOf({ clock, stepMs, columns: all }) }
}

/** Returns the number of the column that has an instant. Columns begin at multiples of the step on the local clock. */
function indexAt(clock: WallClock, at: Instant, stepMs: number): number {
  let index = Math.floor(clock.localMs(at) / stepMs)
  // When a time comes for the second time, the columns of its first time are over.
  while (instantOf(clock, (index + 1) * stepMs) <= at) index += 1
  return index
}

/** A time that the clocks skip has no column, and a column whose time comes twice is longer. */
function columnsOf(clock: WallClock, stepMs: number, first: number, last: number): readonly Column[] {
  const columns: Column[] = []
  let to = instantOf(clock, (last + 1) * stepMs)
  for (let index = last; index >= first; index -= 1) {
    const from = Math.min(to, instantOf(clock, index * stepMs))
    if (from < to) columns.unshift({ from, to })
    to = from
  }
  return columns
}

/** Returns the first instant at which the clock shows a time. If it skips that time, the instant is after the skip. */
function instantOf(clock: WallClock, local: number): Instant {
  const before = clock.localMs(local - DAY_MS) + DAY_MS - local
  const after = clock.localMs(local + DAY_MS) - DAY_MS - local
  const early = local - Math.max(before, after)
  return clock.localMs(early) === local ? early : local - Math.min(before, after)
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A text for a group of columns, if it has at least `room` columns. The narrowest columns have 11 px. */
type LabelChoice = readonly [room: number, text: string]

/** Returns a text at the first column of each hour block, day or week, if it has room there, and otherwise null. */
export function labelsOf(axis: Pick<Axis, 'clock' | 'stepMs' | 'columns'>): readonly (string | null)[] {
  const { clock, stepMs, columns } = axis
  const starts = columns.map(({ from }) => clock.time(from))
  const keys = starts.map((text) => keyOfGroup(text, stepMs))
  let isFirst = true
  return starts.map((text, index) => {
    if (index > 0 && keys[index] === keys[index - 1]) return null
    const next = keys.findIndex((key, other) => other > index && key !== keys[index])
    const room = (next < 0 ? columns.length : next) - index
    const label = choicesOf(text, stepMs, isFirst).find(([needed]) => room >= needed)?.[1] ?? null
    // The first label of an axis of hours is a date. A short one at the begin has no room for it.
    isFirst &&= label === null
    return label
  })
}

/** 1970-01-01 was a Thursday, and a week begins on a Monday. */
const TO_MONDAY_MS = 3 * DAY_MS

/** Returns what the columns of one label have in common. `text` is the local time at which a column begins. */
function keyOfGroup(text: string, stepMs: number): string {
  if (stepMs < HOUR_MS) return `${text.slice(0, 10)} ${Math.floor(Number(text.slice(11, 13)) / 4)}`
  if (stepMs < DAY_MS) return text.slice(0, 10)
  return String(Math.floor((Date.parse(text.slice(0, 10)) + TO_MONDAY_MS) / (7 * DAY_MS)))
}

function choicesOf(text: string, stepMs: number, isFirst: boolean): readonly LabelChoice[] {
  const date = new Date(Date.parse(text.slice(0, 10)))
  const day = DAYS[date.getUTCDay()] ?? ''
  const month = MONTHS[date.getUTCMonth()] ?? ''
  const number = date.getUTCDate()
  const ofDay: LabelChoice = [5, number === 1 ? `1 ${month}` : `${day} ${number}`]
  // Between times of the day, a number alone would not be understood.
  if (stepMs < HOUR_MS) return [isFirst || text.endsWith(' 00:00') ? ofDay : [4, text.slice(11)]]
  return [stepMs < DAY_MS ? ofDay : [5, `${number} ${month}`], [2, String(number)]]
}
