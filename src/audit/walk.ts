import { LedgerError } from '../core/errors.ts'
import { measuredAttempt } from '../core/row/attempts.ts'
import { collectRanges, NO_RANGES, type Ranges } from '../core/row/range.ts'
import { readableRow } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { dueKeys, withMissed } from '../core/task/expected-slots.ts'
import type { Instant, Row, StoredRow } from '../core/types.ts'
import { factsOf, namedSlot, type TaskFacts } from '../verdict/found.ts'
import { type JudgedSlot, judge } from '../verdict/judge.ts'
import { type HistoryDeps, type HistoryQuery, rangeOf, readHistory, yieldingOften } from './history.ts'
import { laterRanges, type ReadDated, readLaterOf } from './ranges.ts'
import type { KnownTask } from './tasks.ts'

/** The usual values of a slot come from the completed rows among up to this many before it. */
export const LOOKED_AT = 40

export interface SlotQuery extends TimeRange {
  /** Left out: all tasks. */
  readonly task?: string
  /** The most slots that the caller takes. Left out: all. */
  readonly limit?: number
  /** Leave out the missed slots that are older than the first row of the range: older rows may have expired. */
  readonly fromFirstRow?: boolean
  /** Yield only these rows, and no missed slots. */
  readonly onlyRows?: ((row: StoredRow) => boolean) | undefined
}

/**
 * The one walk over the slots of a task, or of all tasks: yields the rows, and the slots that were due and have none, newest
 * first and judged. Memory holds one page of rows, and for a task with rules the rows that say what is usual.
 */
export async function* judgedSlots(
  tasks: readonly TaskFacts[],
  { limit = Number.POSITIVE_INFINITY, fromFirstRow = false, onlyRows, ...query }: SlotQuery,
  now: Instant,
  deps: HistoryDeps,
): AsyncGenerator<JudgedSlot, void> {
  const rows = openRows({ ...query, limit }, deps)
  const aside = new Map<string, ReturnType<typeof openRows>>()
  const olderThan = ({ task, slot }: StoredRow): Promise<readonly Row[]> => {
    if (query.task !== undefined) return rows.olderThan(slot)
    // The rows of all tasks are listed by day, so those before a row of one task are read apart.
    const own = aside.get(task) ?? openRows({ task, until: slot, limit: Number.POSITIVE_INFINITY }, deps)
    aside.set(task, own)
    return own.olderThan(slot)
  }
  const { since, until } = rangeOf(query, now)
  const range = { since, until: Math.min(until, now + 1) }
  let left = limit
  const later = new Map<string, Ranges>()
  // The other tasks have no ranges, and 10,000 of them would take more memory.
  for (const of of tasks.filter(({ rangesUntil }) => rangesUntil !== NO_RANGES))
    later.set(of.task, await laterRanges(of, range.until - 1, (asked) => readHistory(asked, deps)))
  for await (const one of judgedRows(rows.taken(), tasks, range, now, { olderThan, fromFirstRow, onlyRows, later })) {
    if (left <= 0) return
    yield one
    left -= 1
  }
}

interface RowsOptions extends Pick<SlotQuery, 'fromFirstRow' | 'onlyRows'> {
  olderThan?(row: StoredRow): Promise<readonly Row[]>
  /** By task, the ranges of rows that are later than those read. Left out: there are none. */
  readonly later?: Map<string, Ranges>
}

/** Does the same for rows that were read before, the newest first. */
export async function* judgedRows(
  rows: AsyncIterable<StoredRow>,
  tasks: readonly TaskFacts[],
  range: Required<TimeRange>,
  now: Instant,
  { olderThan = async () => [], fromFirstRow = false, onlyRows, later = new Map() }: RowsOptions = {},
): AsyncGenerator<JudgedSlot, void> {
  const byName = new Map(tasks.map((of) => [of.task, of]))
  const inForce = tasks.map(({ task, inForce: schedules, gaps }) => ({ task, schedules, gaps }))
  const due = onlyRows ? [] : yieldingOften(dueKeys(inForce, range.since, range.until))
  for await (const { row, missed } of withMissed(due, rows, !fromFirstRow)) {
    const { task, slot } = row ?? missed
    const of = byName.get(task) ?? factsOf(task, undefined, now)
    const ranges = later.get(task) ?? collectRanges({ now, skewMs: of.times.skewMs, rangesUntil: of.rangesUntil })
    later.set(task, ranges)
    const said = ranges.of(slot, row)
    if (row !== null) ranges.add(row)
    if (row !== null && onlyRows?.(row) === false) continue
    if (row === null) yield judge({ slot, row, later: said, doubt: missed.doubt }, of)
    else yield judge({ slot, row, later: said, ...(isMeasured(row, of) && { older: await olderThan(row) }) }, of)
  }
}

/**
 * Judges a slot that was looked up, as the walk over all slots does. `older` has the rows before it, if they are needed, and
 * `history` is that of the library.
 */
export async function judgeNamed(
  slot: Instant,
  row: StoredRow | null,
  of: TaskFacts,
  history: ReadDated,
  older?: readonly Row[],
): Promise<JudgedSlot> {
  const later = await readLaterOf(slot, row, of, history)
  return judge(namedSlot(slot, row, of, { later, ...(older && { older }) }), of)
}

function isMeasured(row: StoredRow, { rules }: TaskFacts): boolean {
  const own = readableRow(row)
  return rules !== null && row.slot >= rules.since && own !== null && measuredAttempt(own) !== undefined
}

/** Rows newest first. For one task, a reader may look ahead, also at rows before the range. */
function openRows(query: HistoryQuery, deps: HistoryDeps) {
  const { task, since = Number.NEGATIVE_INFINITY, limit } = query
  const inRange = readHistory(query, deps)
  const ahead: StoredRow[] = []
  let hasEnded = false
  let hasAll = query.since === undefined && limit === Number.POSITIVE_INFINITY
  const fill = async (count: number) => {
    while (ahead.length < count && !hasEnded) {
      const next = await inRange.next()
      if (next.done) hasEnded = true
      else ahead.push(next.value)
    }
  }
  return {
    async *taken(): AsyncGenerator<StoredRow, void> {
      for (;;) {
        await fill(1)
        const row = ahead[0]
        if (row === undefined || row.slot < since) return
        ahead.shift()
        yield row
      }
    },
    async olderThan(slot: Instant): Promise<readonly Row[]> {
      while (ahead[0] !== undefined && ahead[0].slot >= slot) ahead.shift()
      await fill(LOOKED_AT)
      if (ahead.length < LOOKED_AT && !hasAll && task !== undefined) {
        hasAll = true
        const until = ahead.at(-1)?.slot ?? slot
        for await (const row of readHistory({ task, until, limit: LOOKED_AT }, deps)) ahead.push(row)
      }
      return ahead.slice(0, LOOKED_AT).flatMap((row) => readableRow(row) ?? [])
    },
  }
}

/** Returns the facts of tasks. One whose schedule cannot be read has none, and `emitProblem` says so. Without it, this throws. */
export function readFacts(known: KnownTask, now: Instant, emitProblem?: (problem: string) => void): TaskFacts {
  try {
    return factsOf(known.task, known, now)
  } catch (error) {
    if (emitProblem === undefined || !(error instanceof LedgerError)) throw error
    emitProblem(`task ${known.task}: ${error.message}`)
    return factsOf(known.task, known, now, [])
  }
}
