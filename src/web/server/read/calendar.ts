import { DAY_MS } from '../../../core/duration.ts'
import { quote, usageError } from '../../../core/errors.ts'
import { utcDate } from '../../../core/instant.ts'
import { monthsIn } from '../../../core/schedule/local-time.ts'
import type { Instant } from '../../../core/types.ts'
import type { SlotWithStatus } from '../../views/frame/slot-facts.ts'
import type { CalendarModel, Tally } from '../../views/task/calendar.tsx'
import { faultOf, MAX_SCANNED, type Reading, type ReadTask, readSlotsWithStatus } from './reading.ts'

/** The first and the last month of a calendar (`2026-01`), both inclusive, and how many slots it looks at. */
interface CalendarRange {
  readonly from: string
  readonly to: string
  readonly most?: number
}

/** Reads the calendar. Returns null when a row of it cannot be read. */
export async function calendarOf(
  read: ReadTask,
  range: CalendarRange,
  reading: Reading,
): Promise<CalendarModel | null> {
  const { from, to } = monthsIn(range.from, range.to, read.head.clock.zone)
  try {
    return await tallyDays(readSlotsWithStatus(read, { since: Math.max(0, from), until: to }, reading), read, range)
  } catch (error) {
    faultOf(error)
    return null
  }
}

/** Counts the slots of each day of the range by their mark. The slots must come newest first. */
export async function tallyDays(
  slots: AsyncIterable<SlotWithStatus> | Iterable<SlotWithStatus>,
  { head: { clock } }: ReadTask,
  { from, to, most = MAX_SCANNED }: CalendarRange,
): Promise<CalendarModel> {
  const days = new Map<string, Record<string, number>>()
  let scanned = 0
  for await (const { slot, mark } of slots) {
    const day = clock.day(slot)
    if (scanned === most) {
      // This day may have more slots, so it is not counted. Only whole days are counted.
      const whole = [...days].filter(([name]) => name > day)
      const readSince = utcDate(Date.parse(day) + DAY_MS)
      return { from, to, days: new Map<string, Tally>(whole), readSince }
    }
    scanned += 1
    const tally = days.get(day) ?? {}
    tally[mark] = (tally[mark] ?? 0) + 1
    days.set(day, tally)
  }
  return { from, to, days, readSince: null }
}

/**
 * Returns the year of the calendar, or null if none is asked for, and the years to choose from, newest first. They begin
 * with the first schedule or with the `oldest` slot that is known. Throws a usage error when `asked` is not a year.
 */
export function yearsOf(
  { head }: ReadTask,
  { asked, oldest }: { readonly asked: string | undefined; readonly oldest: Instant },
  { now }: Reading,
): { readonly year: string | null; readonly years: readonly string[] } {
  if (asked && !/^(19[7-9]|20\d|21\d)\d$/.test(asked)) {
    throw usageError(`year ${quote(asked)} is not valid. Use a year from 1970 to 2199.`)
  }
  const yearAt = (instant: Instant) => Number(head.clock.day(instant).slice(0, 4))
  const current = yearAt(now)
  const year = asked || null
  const first = Math.min(yearAt(Math.min(head.schedules[0]?.since ?? now, oldest)), current, Number(year ?? current))
  const last = Math.max(current, Number(year ?? current))
  return { year, years: Array.from({ length: last - first + 1 }, (_, index) => String(last - index)) }
}
