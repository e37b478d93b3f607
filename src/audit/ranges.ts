import { collectRanges, firstSpanMs, type Ranges, readLater } from '../core/row/range.ts'
import { slotAfter } from '../core/schedule/slot.ts'
import { scheduleWith } from '../core/task/schedules-in-force.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import type { TaskFacts } from '../verdict/found.ts'
import type { HistoryQuery } from './history.ts'

type ReadRows = (query: Required<HistoryQuery>) => AsyncIterable<StoredRow>

/** A page of this many rows costs as much as one row. */
const FEW_ROWS = 10

/**
 * Returns the ranges that rows after the slot `after` have, and to which a reader adds the rows before. Without ranges in the task,
 * nothing is read.
 */
export async function laterRanges(of: TaskFacts, after: Instant, read: ReadRows): Promise<Ranges> {
  const { task, now, times, rangesUntil, inForce } = of
  const { skewMs } = times
  const ranges = collectRanges({ now, skewMs, rangesUntil })
  const schedule = scheduleWith(inForce, after) ?? inForce.at(-1)?.schedule ?? null
  const spanMs = firstSpanMs(after, schedule && slotAfter(schedule, after))
  const readSpan = async (since: Instant, until: Instant, limit: number) => {
    const rows: StoredRow[] = []
    for await (const row of read({ task, since, until, limit })) rows.push(row)
    return rows
  }
  const end = after < rangesUntil ? now + skewMs + 1 : after
  // Usually, one query has all of them.
  const few = end <= after ? [] : await readSpan(after + 1, end, FEW_ROWS)
  const rows = few.length < FEW_ROWS ? few : await readLater(after + 1, { end, spanMs, skewMs }, readSpan)
  for (const row of rows) ranges.add(row)
  return ranges
}

interface DatedQuery extends Pick<HistoryQuery, 'limit'> {
  readonly task: string
  readonly since: Date
  readonly until: Date
}

/** Yields the rows of a task, the newest first, as `ledger.history` does. */
export type ReadDated = (query: DatedQuery) => AsyncIterable<StoredRow>

export async function readLaterOf(slot: Instant, row: StoredRow | null, of: TaskFacts, history: ReadDated) {
  const read: ReadRows = ({ since, until, ...asked }) =>
    history({ ...asked, since: new Date(since), until: new Date(until) })
  return (await laterRanges(of, slot, read)).of(slot, row)
}
