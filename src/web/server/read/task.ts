import type { ReadDated } from '../../../audit/ranges.ts'
import { judgeNamed, LOOKED_AT } from '../../../audit/walk.ts'
import { parseInstant } from '../../../core/instant.ts'
import { readableRow } from '../../../core/row/status.ts'
import { instantWithoutSchedule } from '../../../core/schedule/slot-reference.ts'
import { parseTimeRange } from '../../../core/schedule/time-range.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../../core/task/suspensions.ts'
import { EMPTY_TASK_RECORD } from '../../../core/task/task-record.ts'
import { type Instant, STATUSES } from '../../../core/types.ts'
import { shownSlot } from '../../../format/slot/show.ts'
import { factsOf } from '../../../verdict/found.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { isFiltered, type TaskQuery } from '../../views/frame/links.ts'
import { rejectedText } from '../../views/frame/marks.ts'
import type { SlotModel } from '../../views/slot/slot.tsx'
import { RECENT, type RecentSlots } from '../../views/task/recent.tsx'
import type { TaskPage } from '../../views/task/task.tsx'
import {
  askOptions,
  choiceOf,
  clockOf,
  faultOf,
  MAX_SCANNED,
  paceIn,
  type Reading,
  type ReadTask,
  readJudged,
  readKnown,
  readPaceRows,
  wordsOf,
} from './reading.ts'

/** A month of a daily task, which then is printed as a whole. */
const SLOTS_PER_TABLE = 31

/** A range that has a begin is searched as a whole: a month of a task that runs each minute. */
const MAX_IN_RANGE = 31 * 24 * 60

/** Reads a task from its task record, or else from its newest row. Returns null when the ledger has neither. */
export async function readTask(task: string, reading: Reading): Promise<ReadTask | null> {
  let read: ReadTask | null = null
  for await (const known of reading.ledger.tasks({ task, ...askOptions(reading) })) read = readKnown(known, reading)
  if (read !== null && read.head.schedules.length > 0) return read
  for await (const row of reading.ledger.history({ task, limit: 1, ...askOptions(reading) })) {
    const spec = readableRow(row)?.schedule
    const current = spec === undefined ? null : { spec, words: wordsOf(spec) }
    const none = { schedules: [], next: null, suspensions: EMPTY_TASK_RECORD, suspended: null, expectations: null }
    const head = { ...none, ...read?.head, task, clock: clockOf(spec, reading), current }
    return { head, known: read?.known ?? null, inForce: [], current: null, problem: null }
  }
  return read
}

/** A page begins where the one before it ended, so each costs the same. Throws a usage error for a wrong filter. */
export async function readTaskPage(read: ReadTask, query: TaskQuery, reading: Reading): Promise<TaskPage> {
  const wanted = choiceOf('status', query.status, [...STATUSES, 'rejected'])
  const range = parseTimeRange(
    { since: query.since || undefined, until: query.until || undefined },
    read.head.clock.zone,
    reading.now,
  )
  const before = query.before ? parseInstant(query.before, 'before') : Number.POSITIVE_INFINITY
  const until = Math.min(range.until ?? Number.POSITIVE_INFINITY, before)
  const isWanted = ({ status, row }: JudgedSlot) =>
    wanted === null || status === wanted || (wanted === 'rejected' && rejectedText(row) !== '')
  const needsScan = wanted !== null

  // Only the first page has a total.
  const most = range.since === undefined ? MAX_SCANNED : MAX_IN_RANGE
  const isCounted = isFiltered(query) && !query.before
  const slots: JudgedSlot[] = []
  const counts: Partial<Record<SlotMark, number>> = {}
  let scanned = 0
  let last: Instant | null = null
  let next: Instant | null = null
  const source = readJudged(
    read,
    {
      ...range,
      ...(Number.isFinite(until) && { until }),
      // One more slot shows whether there is another page.
      ...(!needsScan && !isCounted && { limit: SLOTS_PER_TABLE + 1 }),
    },
    reading,
  )
  const pageOf = (more: Partial<TaskPage>): TaskPage => ({
    query,
    slots,
    before: next,
    scanned: null,
    problem: null,
    total: isCounted ? { counts, isWhole: scanned < most } : null,
    ...more,
  })
  try {
    for await (const record of source) {
      const isFull = slots.length === SLOTS_PER_TABLE
      if (isFull) next ??= last
      if (isFull && !isCounted) return pageOf({})
      if (scanned === most) return pageOf(isFull ? {} : { before: last, scanned })
      scanned += 1
      last = record.slot
      if (!isWanted(record)) continue
      counts[record.mark] = (counts[record.mark] ?? 0) + 1
      if (!isFull) slots.push(record)
    }
  } catch (error) {
    return pageOf({ problem: faultOf(error) })
  }
  return pageOf({})
}

/** Reads the newest slots that were due. A page that begins with all of them saves the reading. */
export async function readRecent(read: ReadTask, page: TaskPage, reading: Reading): Promise<RecentSlots> {
  const due = page.slots.filter(({ slot }) => slot <= reading.now).slice(0, RECENT)
  const isWhole = page.before === null || due.length === RECENT
  let slots: JudgedSlot[] = []
  try {
    if (isWhole && !isFiltered(page.query)) slots = due
    else for await (const one of readJudged(read, { until: reading.now + 1, limit: RECENT }, reading)) slots.push(one)
    const rows = slots.length === 0 ? [] : await readPaceRows(read.head.task, reading.now + 1, reading)
    return { slots, usualMs: paceIn(read, rows).usualMs, problem: page.problem }
  } catch (error) {
    return { slots, usualMs: null, problem: faultOf(error) }
  }
}

/** Reads one slot. Returns null when it has no row, was never due, and is not a future slot of the schedule. */
export async function readSlot(
  read: ReadTask,
  slot: Instant,
  store: string,
  reading: Reading,
): Promise<SlotModel | null> {
  const { head, known, inForce } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  const of = factsOf(head.task, known, reading.now, inForce)
  const before: JudgedSlot[] = []
  for await (const one of readJudged(read, { until: slot, limit: of.rules === null ? 1 : LOOKED_AT }, reading))
    before.push(one)
  const asking = askOptions(reading)
  const history: ReadDated = (asked) => reading.ledger.history({ ...asked, ...asking })
  const older = before.flatMap(({ own }) => own ?? [])
  const shown = shownSlot(await judgeNamed(slot, row, of, history, older), store)
  if (shown.status === null) return null
  const after = nextSlotDue(inForce, gapsOf(known), slot)
  return { ...shown, clock: clockOf(shown.schedule, reading), before: before[0]?.slot ?? null, after }
}

/** Reads an instant, a local time, a date with one slot, or `latest`. Throws a usage error for anything else. */
export function parseSlot({ head, known }: ReadTask, text: string, now: Instant): Instant {
  const instant = instantWithoutSchedule(text)
  if (instant !== null) return instant
  const ofRow = head.current === null ? [] : [{ since: 0, spec: head.current.spec }]
  const schedules = known === null || known.schedules.length === 0 ? ofRow : known.schedules
  return parseSlotBySchedules(schedules, text, now).window.slot
}
