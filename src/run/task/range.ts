import { hasCompleted, hasStarted } from '../../core/row/attempts.ts'
import type { Policy } from '../../core/row/policy.ts'
import { collectRanges, firstSpanMs, type Later, MOST_ROWS, type RangeStart, readLater } from '../../core/row/range.ts'
import { isEndUnknown, isRunning, readableRow } from '../../core/row/status.ts'
import { type Claim, finishRow } from '../../core/row/transition.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { expectedSlotBefore } from '../../core/schedule/slot.ts'
import type { AttemptRecord, Instant, Row, StoredRow, Trigger } from '../../core/types.ts'
import type { ListQuery, Page } from '../../store/store.ts'
import type { Ask } from '../ask.ts'
import type { RunIo } from '../write.ts'

// A run with a range (`--since-last-success`) does the work after the newest slot that is done, up to its own slot. Such runs
// of a task never overlap: all that decides about a range is read and written under the overlap lock.

/** DynamoDB charges for each row that it reads, and the slot before usually completed. */
const FIRST_ROWS = 10
const MORE_ROWS = 100

export interface Around {
  readonly later: Later
  /** The own row of the slot, without the attempt that asks. Null: there is none, or it does not count for that attempt. */
  readonly own: Row | null
  readonly start: RangeStart
  /** The run of an earlier slot that has started and has not ended. */
  readonly running: Row | null
  readonly rows: ReadonlyMap<Instant, StoredRow>
  readonly askedAt: Instant
}

interface AskedAround {
  readonly request: Pick<Claim, 'task' | 'window' | 'schedule' | 'trigger'>
  readonly settings: { readonly skewMs: number }
  readonly io: Pick<RunIo, 'store' | 'clock'>
}

/**
 * Reads the rows around a slot: the later ones that may have it in their range, and the earlier ones down to the newest that is
 * done. `row` is that of the slot: an attempt that is open
 * in it is the one that asks.
 */
export async function readAround(
  { request, settings: { skewMs }, io: { store, clock } }: AskedAround,
  row: Row | null,
  ask: Ask,
): Promise<Around> {
  const { task, window, schedule, trigger } = request
  const { slot } = window
  const askedAt = clock.now()
  const ranges = collectRanges({ now: askedAt, skewMs, rangesUntil: Number.POSITIVE_INFINITY })
  const rows = new Map<Instant, StoredRow>()
  const list = (query: ListQuery) => ask((call) => store.list(query, call))
  const end = Math.max(askedAt + skewMs, slot) + 1
  // Usually, one query has all of them.
  let earlier = newestRows({ task, until: end }, list)
  let next = await earlier.next()
  let later: readonly StoredRow[] = []
  for (; !next.done && next.value.slot >= slot && later.length < FIRST_ROWS; next = await earlier.next())
    later = [...later, next.value]
  if (!next.done && next.value.slot >= slot) {
    const readSpan = (since: Instant, until: Instant, limit: number) =>
      taken(newestRows({ task, since, until }, list, MORE_ROWS), limit)
    later = await readLater(slot + 1, { end, spanMs: firstSpanMs(slot, window.end), skewMs }, readSpan)
    earlier = newestRows({ task, until: slot }, list)
    next = await earlier.next()
  }
  for (const one of later) {
    rows.set(one.slot, one)
    if (one.slot !== slot) ranges.add(one)
  }
  const own = withoutOpen(row, trigger, askedAt)
  const seen = (start: RangeStart, running: Row | null): Around => {
    return { later: ranges.of(slot, own), own, start, running, rows, askedAt }
  }
  const isDone = (at: Instant, found: StoredRow | null) => ranges.of(at, found).covering?.kind === 'done'
  // A later run may have done slots that have no row. If it has not done the newest of them, it has done none.
  const doneBetween = (earlier: Instant, later: Instant) => {
    const before = isDone(later - 1_000, null) ? expectedSlotBefore(parseSchedule(schedule), later) : null
    return before !== null && before > earlier && isDone(before, null) ? before : null
  }
  let running: Row | null = null
  let reached = slot
  for (let count = 1; !next.done; count++, next = await earlier.next()) {
    const one = next.value
    const between = doneBetween(one.slot, reached)
    if (between !== null) return seen({ since: between }, running)
    rows.set(one.slot, one)
    const found = readableRow(one)
    if ((found !== null && hasCompleted(found)) || isDone(one.slot, one)) return seen({ since: one.slot }, running)
    if (found !== null && isRunning(found, askedAt, skewMs) && found.attempts.some(hasStartedBy(found.ownerRunId)))
      running ??= found
    if (count === MOST_ROWS) return seen({ searched: one.slot }, running)
    reached = one.slot
  }
  const before = doneBetween(Number.NEGATIVE_INFINITY, reached)
  return seen(before === null ? { searched: 0 } : { since: before }, running)
}

function hasStartedBy(owner: string): (attempt: AttemptRecord) => boolean {
  return (attempt) => attempt.runId === owner && hasStarted(attempt)
}

/** Yields the rows of a task in a range, the newest first. `first`: the rows of the first page. */
export async function* newestRows(
  range: { readonly task: string; readonly since?: Instant; readonly until: Instant },
  list: (query: ListQuery) => Promise<Page>,
  first = FIRST_ROWS,
): AsyncGenerator<StoredRow, void> {
  let cursor: Page['next']
  for (let limit = first; ; limit = Math.max(first, MORE_ROWS)) {
    const page = await list({ kind: 'task', ...range, consistent: true, limit, ...(cursor && { cursor }) })
    yield* page.rows
    if (page.next === undefined) return
    cursor = page.next
  }
}

export async function taken(rows: AsyncIterable<StoredRow>, limit = Number.POSITIVE_INFINITY) {
  const found: StoredRow[] = []
  for await (const one of rows) if (found.push(one) >= limit) break
  return found
}

/** The answer to a trigger of a slot that a later run has in its range. */
export type RangeAnswer =
  | { readonly kind: 'duplicate'; readonly cause: 'completed' | 'running'; readonly by: Row }
  | { readonly kind: 'refused'; readonly cause: 'completed' | 'running' | 'failed' | 'stale'; readonly by: Row }
  | { readonly kind: 'refused'; readonly cause: 'rangeUnknown'; readonly by: null }

/** Returns null if the trigger may start. `isHeld`: another slot has the lock, and may do the work of this one. */
export function answerOf(
  { later: { covering, done }, own }: Pick<Around, 'later' | 'own'>,
  { kind }: Trigger,
  { forceStatus, forceOfRange }: Policy,
  isHeld: boolean,
): RangeAnswer | null {
  const isForced = kind === 'forced'
  switch (covering?.kind) {
    case undefined:
      // It failed after a later run had done its work.
      if (done === null || isForced || own === null) return null
      return { kind: 'refused', cause: isEndUnknown(own) ? 'stale' : 'failed', by: done }
    case 'done': {
      const { by } = covering
      if (isForced && forceStatus?.includes('completed')) return null
      const answer = isForced && !forceOfRange ? 'refused' : 'duplicate'
      return { kind: answer, cause: 'completed', by }
    }
    case 'running':
      return { kind: isForced ? 'refused' : 'duplicate', cause: 'running', by: covering.by }
    case 'unknown':
      return isForced || isHeld ? null : { kind: 'refused', cause: 'rangeUnknown', by: null }
  }
}

/** Returns the row of a slot as it is without an open attempt. A force may repeat what an operator has skipped. */
function withoutOpen(row: Row | null, { kind }: Trigger, now: Instant): Row | null {
  if (row?.state !== 'PENDING') return row
  const before = finishRow(row, { outcome: 'notStarted' }, { writeId: row.writeId, now })
  return kind === 'forced' && before.state === 'SKIPPED' ? null : before
}
