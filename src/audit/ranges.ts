import { hasCompleted } from '../core/row/attempts.ts'
import { type Covering, collectRanges, LONGEST_RANGE_MS, lastWithRange, rangeStartOf } from '../core/row/range.ts'
import { readableRow } from '../core/row/status.ts'
import { dueKeys } from '../core/task/expected-slots.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import type { TaskFacts } from '../verdict/found.ts'
import type { JudgedSlot } from '../verdict/judge.ts'
import type { HistoryQuery } from './history.ts'

/** Yields rows of a task, the newest first. */
type ReadRows = (query: Required<HistoryQuery>) => AsyncIterable<StoredRow>

/** More rows than this leave it unknown what later runs did. */
export const MAX_LATER_ROWS = 1_000
const FIRST_SPAN_MS = 3_600_000

/**
 * Returns the ranges that rows at `from` or later have, and to which a reader adds the rows before. The first run that completed
 * with the last slot before `from` in its range ends the search. Without ranges in the task, nothing is read.
 */
export async function laterRanges(
  { task, now, times: { skewMs }, rangesUntil, inForce: schedules }: TaskFacts,
  from: Instant,
  read: ReadRows,
) {
  const { add, covering } = collectRanges({ now, skewMs, rangesUntil })
  const end = Math.min(from + LONGEST_RANGE_MS + 1, now + skewMs + 1, rangesUntil)
  const earliest = from - LONGEST_RANGE_MS
  const [last] = dueKeys([{ task, schedules }], earliest, from)
  let left = MAX_LATER_ROWS
  let isOver = from > now
  for (let [since, spanMs] = [from, FIRST_SPAN_MS]; !isOver && since < end && left > 0; since += spanMs, spanMs *= 4) {
    for await (const row of read({ task, since, until: Math.min(since + spanMs, end), limit: left })) {
      left -= 1
      add(row)
      isOver ||= endsSearch(row, last?.slot ?? earliest)
    }
  }
  return { add, covering: (slot: Instant, own: StoredRow | null) => covering(slot, own, left > 0) }
}

/**
 * Returns whether the run of a row has completed with the slot in its range: runs after it go on from there, and say nothing of
 * the slot. A run that began right after the slot decides nothing, because another one may have done that slot before.
 */
function endsSearch(found: StoredRow, slot: Instant): boolean {
  const row = readableRow(found)
  return row !== null && hasCompleted(row) && row.attempts.some((one) => (rangeStartOf(one) ?? slot) < slot)
}

interface DatedQuery extends Pick<HistoryQuery, 'limit'> {
  readonly task: string
  readonly since: Date
  readonly until: Date
}

/** Yields the rows of a task, the newest first, as `ledger.history` does. */
export type ReadDated = (query: DatedQuery) => AsyncIterable<StoredRow>

/** Returns what later runs say of one slot. */
export async function readCovering(
  slot: Instant,
  row: StoredRow | null,
  of: TaskFacts,
  history: ReadDated,
): Promise<Covering | null> {
  const read: ReadRows = ({ since, until, ...asked }) =>
    history({ ...asked, since: new Date(since), until: new Date(until) })
  return (await laterRanges(of, slot + 1, read)).covering(slot, row)
}

interface OpenRange {
  /** The place of its failed slot in the queue. */
  readonly at: number
  readonly by: JudgedSlot
  readonly since: Instant
}

/** Yields the same slots in the same order: each failed one with the failed and stale slots in the range of its run. */
export async function* withInRange(slots: AsyncIterable<JudgedSlot>): AsyncGenerator<JudgedSlot, void> {
  let queue: JudgedSlot[] = []
  let open: readonly OpenRange[] = []
  for await (const one of slots) {
    open = open.filter(({ since }) => one.slot > since)
    if (open.length === 0) {
      yield* queue
      queue = []
    }
    const isNamed = one.covering?.kind === 'failed' && (one.rowStatus === 'failed' || one.rowStatus === 'stale')
    for (const { at, by } of isNamed ? open : []) {
      if (one.task !== by.task || one.covering?.by?.slot !== by.slot) continue
      const failed = queue[at] ?? by
      queue[at] = { ...failed, inRange: [...(failed.inRange ?? []), one] }
    }
    const since = failedSince(one)
    if (since !== null) open = [...open, { at: queue.length, by: one, since }]
    queue.push(one)
  }
  yield* queue
}

/** Returns where the range of a failed run begins. Null: the slot did not fail, or its run had no range. */
export function failedSince({ own, range }: JudgedSlot): Instant | null {
  return (own !== null && range === 'failed' && rangeStartOf(lastWithRange(own))) || null
}
