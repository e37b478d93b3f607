import { hasStarted } from '../core/row/attempts.ts'
import { type Covering, collectRanges, endsSearch, LONGEST_RANGE_MS, rangeStartOf } from '../core/row/range.ts'
import { dueKeys } from '../core/task/expected-slots.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import type { TaskFacts } from '../verdict/found.ts'
import type { JudgedSlot } from '../verdict/judge.ts'
import type { HistoryQuery } from './history.ts'

/** Yields rows of a task, the newest first. */
type ReadRows = (query: Required<HistoryQuery>) => AsyncIterable<StoredRow>

/** More rows than this leave it unknown what later runs did. */
const MAX_LATER = 1_000
const FIRST_SPAN_MS = 3_600_000

export interface LaterRanges extends Pick<ReturnType<typeof collectRanges>, 'add'> {
  /** Returns what later runs say of a slot whose own row is `own`. Slots must be asked for from the newest to the oldest. */
  covering(slot: Instant, own: StoredRow | null): Covering | null
}

/**
 * Returns the ranges that rows at `from` or later have, and to which a reader adds the rows before. The first run that completed
 * with the last slot before `from` in its range ends the search. Without ranges in the task, nothing is read.
 */
export async function laterRanges(
  { task, now, times, inForce: schedules }: TaskFacts,
  from: Instant,
  read: ReadRows,
): Promise<LaterRanges> {
  const { skewMs, sinceLastSuccess: hasRanges } = times
  const { add, covering } = collectRanges({ now, skewMs, hasRanges })
  const end = Math.min(from + LONGEST_RANGE_MS, now + skewMs) + 1
  const earliest = from - LONGEST_RANGE_MS
  const [last] = dueKeys([{ task, schedules }], earliest, from)
  let left = MAX_LATER
  let isOver = hasRanges !== true || from > now
  for (let [since, spanMs] = [from, FIRST_SPAN_MS]; !isOver && since < end && left > 0; since += spanMs, spanMs *= 4) {
    for await (const row of read({ task, since, until: Math.min(since + spanMs, end), limit: left })) {
      left -= 1
      add(row)
      isOver ||= endsSearch(row, last?.slot ?? earliest)
    }
  }
  return { add, covering: (slot, own) => covering(slot, own, left > 0) }
}

interface DatedQuery extends Pick<HistoryQuery, 'limit'> {
  readonly task: string
  readonly since: Date
  readonly until: Date
}

/** Returns what later runs say of one slot. `history` is that of the library. */
export async function readCovering(
  slot: Instant,
  row: StoredRow | null,
  of: TaskFacts,
  history: (query: DatedQuery) => AsyncIterable<StoredRow>,
): Promise<Covering | null> {
  const read: ReadRows = ({ since, until, ...asked }) =>
    history({ ...asked, since: new Date(since), until: new Date(until) })
  return (await laterRanges(of, slot + 1, read)).covering(slot, row)
}

interface HeldFailure {
  readonly failed: JudgedSlot
  readonly since: Instant
  readonly others: readonly JudgedSlot[]
}

/**
 * Yields slots, the newest first: a failed one when its range is read, with a stale slot that lies in it. Leaves out the slots
 * that are a part of its finding.
 */
export async function* withStaleInRange(slots: AsyncIterable<JudgedSlot>): AsyncGenerator<JudgedSlot, void> {
  let held: HeldFailure | null = null
  for await (const one of slots) {
    if (held !== null && one.slot > held.since) {
      const { failed, others, since }: HeldFailure = held
      const isPart = one.covering?.by?.slot === failed.slot
      if (!isPart) held = { failed, since, others: [...others, one] }
      else if (one.rowStatus === 'stale') held = { failed: { ...failed, staleInRange: one.slot }, since, others }
      continue
    }
    if (held !== null) yield* [held.failed, ...held.others]
    const last = one.own?.attempts.findLast((attempt) => hasStarted(attempt) && rangeStartOf(attempt) !== undefined)
    const since = one.range === 'failed' ? rangeStartOf(last) : undefined
    held = since === undefined ? null : { failed: one, since, others: [] }
    if (held === null) yield one
  }
  if (held !== null) yield* [held.failed, ...held.others]
}
