import { DAY_MS } from '../../core/duration.ts'
import { quote, usageError } from '../../core/errors.ts'
import { parseInstant, utcDate } from '../../core/instant.ts'
import { readableRow, statusOf } from '../../core/row/status.ts'
import { monthsIn } from '../../core/schedule/local-time.ts'
import { expectedSlotAfter, expectedSlotBefore, windowOf } from '../../core/schedule/slot.ts'
import { parseTimeRange } from '../../core/schedule/time-range.ts'
import { dueKeys } from '../../core/task/expected-slots.ts'
import { scheduleWith } from '../../core/task/schedules-in-force.ts'
import { gapsOf, suspensionOf } from '../../core/task/suspensions.ts'
import { EMPTY_TASK_RECORD, expectedTimes } from '../../core/task/task-record.ts'
import { type Instant, STATUSES, type Status } from '../../core/types.ts'
import { ofRow, otherScheduleOf } from '../../format/steps/step.ts'
import type { TaskQuery } from '../views/frame/links.ts'
import { rejectedText } from '../views/frame/marks.ts'
import type { SlotModel } from '../views/slot/slot.tsx'
import type { CalendarModel, Tally } from '../views/task/calendar.tsx'
import type { SlotWithStatus } from '../views/task/history-table.tsx'
import type { TaskPage } from '../views/task/task.tsx'
import {
  askOptions,
  clockOf,
  faultOf,
  type Reading,
  type ReadTask,
  readKnown,
  readSlotsWithStatus,
  storeAnywhere,
  wordsOf,
} from './reading.ts'

/** How many slots one page of the history shows. */
const SLOTS_PER_PAGE = 100
/** How many slots one view looks at. A year of an hourly task fits, and takes about a second to read from a file. */
const MAX_SCANNED = 10_000

/** Reads a task from its task record, or else from its newest row. Returns null when the ledger has neither. */
export async function readTask(task: string, reading: Reading): Promise<ReadTask | null> {
  for await (const known of reading.ledger.tasks({ task, ...askOptions(reading) })) return readKnown(known, reading.now)
  for await (const row of reading.ledger.history({ task, limit: 1, ...askOptions(reading) })) {
    const spec = readableRow(row)?.schedule
    const current = spec === undefined ? null : { spec, words: wordsOf(spec) }
    const more = { schedules: [], next: null, suspensions: EMPTY_TASK_RECORD, suspended: null }
    const head = { task, clock: clockOf(spec), current, ...more }
    return { head, known: null, inForce: [], current: null, problem: null }
  }
  return null
}

/**
 * Reads a page of the history. A page deep in the history costs the same as the first one, because it begins where the
 * page before it ended. Throws a usage error for a wrong filter.
 */
export async function readTaskPage(read: ReadTask, query: TaskQuery, reading: Reading): Promise<TaskPage> {
  const wanted = parseStatus(query.status)
  const range = parseTimeRange(
    { since: query.since || undefined, until: query.until || undefined },
    read.head.clock.zone,
    reading.now,
  )
  const before = query.before ? parseInstant(query.before, 'before') : Number.POSITIVE_INFINITY
  const until = Math.min(range.until ?? Number.POSITIVE_INFINITY, before)
  const isWanted = ({ status, row }: SlotWithStatus) =>
    (wanted === null || status === wanted) && (!query.duplicates || rejectedText(row) !== '')
  const isFiltered = wanted !== null || Boolean(query.duplicates)

  const slots: SlotWithStatus[] = []
  let scanned = 0
  let last: Instant | null = null
  const source = readSlotsWithStatus(
    read,
    {
      ...range,
      ...(Number.isFinite(until) && { until }),
      // One more slot shows whether there is another page.
      ...(!isFiltered && { limit: SLOTS_PER_PAGE + 1 }),
    },
    reading,
  )
  const page = { query, slots, before: null, scanned: null, problem: null }
  try {
    for await (const record of source) {
      if (last !== null && (slots.length === SLOTS_PER_PAGE || scanned === MAX_SCANNED)) {
        return { ...page, before: last, scanned: slots.length === SLOTS_PER_PAGE ? null : scanned }
      }
      scanned += 1
      last = record.slot
      if (isWanted(record)) slots.push(record)
    }
  } catch (error) {
    return { ...page, problem: faultOf(error) }
  }
  return page
}

function parseStatus(text: string | undefined): Status | null {
  if (!text) return null
  const status = STATUSES.find((name) => name === text.toLowerCase())
  if (status !== undefined) return status
  throw usageError(`status ${quote(text)} is not allowed. Use one of ${STATUSES.join(', ')}.`)
}

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

/** Counts the slots of each day of the range by their status. The slots must come newest first. */
export async function tallyDays(
  slots: AsyncIterable<SlotWithStatus> | Iterable<SlotWithStatus>,
  { head: { clock } }: ReadTask,
  { from, to, most = MAX_SCANNED }: CalendarRange,
): Promise<CalendarModel> {
  const days = new Map<string, Record<string, number>>()
  let scanned = 0
  for await (const { slot, status } of slots) {
    const day = clock.day(slot)
    if (scanned === most) {
      // This day may have more slots, so it is not counted. Only whole days are counted.
      const whole = [...days].filter(([name]) => name > day)
      const readSince = utcDate(Date.parse(day) + DAY_MS)
      return { from, to, days: new Map<string, Tally>(whole), readSince }
    }
    scanned += 1
    const tally = days.get(day) ?? {}
    tally[status] = (tally[status] ?? 0) + 1
    days.set(day, tally)
  }
  return { from, to, days, readSince: null }
}

/**
 * Returns the year of the calendar, and the years to choose from, newest first. They begin with the first schedule or
 * with the `oldest` slot that is known. Throws a usage error when `asked` is not a year.
 */
export function yearsOf(
  { head }: ReadTask,
  { asked, oldest }: { readonly asked: string | undefined; readonly oldest: Instant | undefined },
  { now }: Reading,
): { readonly year: string; readonly years: readonly string[] } {
  if (asked && !/^(19[7-9]|20\d|21\d)\d$/.test(asked)) {
    throw usageError(`year ${quote(asked)} is not valid. Use a year from 1970 to 2199.`)
  }
  const yearAt = (instant: Instant) => Number(head.clock.day(instant).slice(0, 4))
  const current = yearAt(now)
  const year = asked || String(current)
  const first = Math.min(yearAt(Math.min(head.schedules[0]?.since ?? now, oldest ?? now)), current, Number(year))
  const last = Math.max(current, Number(year))
  return { year, years: Array.from({ length: last - first + 1 }, (_, index) => String(last - index)) }
}

/** Reads one slot. Returns null when it has no row, was never due, and is not a future slot of the schedule. */
export async function readSlot(
  read: ReadTask,
  slot: Instant,
  store: string,
  reading: Reading,
): Promise<SlotModel | null> {
  const { head, known, inForce, current } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  // A slot that was perhaps due counts as well. The history that shows it as missed has checked that it was due.
  const due = dueKeys(
    [{ task: head.task, schedules: inForce, gaps: gapsOf(known) }],
    slot,
    Math.min(slot, reading.now) + 1,
  )
  const wasDue = [...due].length > 0
  const isGap = suspensionOf(known, slot) !== null
  const isAhead = slot > reading.now && !isGap && current !== null && windowOf(current, slot)?.slot === slot
  if (row === null && !wasDue && !isAhead) return null
  const first = inForce[0]?.since ?? slot
  const settings = { ...reading, ...expectedTimes(known, reading) }
  const schedule = inForce.findLast(({ since }) => since <= slot)?.schedule ?? current
  return {
    ...slotModelOf(read, { slot, row, status: statusOf({ slot, row }, settings) }, store, reading),
    // Nothing was due before the first slot that was run.
    before: schedule === null || slot <= first ? null : expectedSlotBefore(schedule, slot),
    after: schedule === null ? null : expectedSlotAfter(schedule, slot),
  }
}

/** Returns the model of a slot that was read, without the slots before and after it. */
export function slotModelOf(
  { head, known, inForce }: ReadTask,
  record: SlotWithStatus,
  store: string,
  reading: Reading,
) {
  const { slot, row } = record
  const own = readableRow(row)?.schedule ?? null
  // `resolve` and `rerun` find the schedule in the task record, unless no schedule there has the slot. For example, the
  // schedule of a late delivery may never have been recorded. The command then needs the schedule of the row.
  const schedule = scheduleWith(inForce, slot) === null ? own : null
  const other = otherScheduleOf(own ?? scheduleWith(inForce, slot)?.spec ?? null, known)
  const target = { store: storeAnywhere(store), task: head.task, slot, schedule, ...other, ...ofRow(row, known?.ecs) }
  const found = suspensionOf(known, slot)
  const { now, skewMs } = reading
  const { lateAfterMs, doneByMs } = expectedTimes(known, reading)
  return { record, clock: head.clock, target, found, now, skewMs, lateAfterMs, doneByMs, owner: head.owner }
}
