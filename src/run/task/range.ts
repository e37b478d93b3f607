import { hasCompleted, hasStarted } from '../../core/row/attempts.ts'
import type { Policy } from '../../core/row/policy.ts'
import { type Covering, collectRanges, LONGEST_RANGE_MS, type RangeStart } from '../../core/row/range.ts'
import { isRunning, readableRow } from '../../core/row/status.ts'
import { finishRow } from '../../core/row/transition.ts'
import { parseSchedule } from '../../core/schedule/schedule.ts'
import { expectedSlotBefore } from '../../core/schedule/slot.ts'
import { rangesUntil } from '../../core/task/task-record.ts'
import type { AttemptRecord, Instant, Row, StoredRow, Trigger } from '../../core/types.ts'
import type { ListQuery, Page } from '../../store/store.ts'
import type { Ask } from '../ask.ts'
import type { AskedSlot } from '../claim.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'

// A run with a range (`--since-last-success`) does the work after the newest slot that is done, up to its own slot. Such runs
// of a task never overlap: all that decides about a range is read and written under the overlap lock.

/** On each side of a slot. */
const MAX_ROWS = 1_000
/** DynamoDB charges for each row that it reads, and the slot before usually completed. */
const FIRST_ROWS = 10
const MORE_ROWS = 100

/** What the rows around a slot say. */
export interface Around {
  /** What a later run says of the slot. */
  readonly covering: Covering | null
  readonly start: RangeStart
  /** The run of an earlier slot that has started and has not ended. */
  readonly running: Row | null
  /** The rows that were read. */
  readonly rows: ReadonlyMap<Instant, StoredRow>
  /** The time from before they were read. */
  readonly askedAt: Instant
}

/** Returns whether the slot has a range, or may lie in one: by the option of this run, or by what the runs of the task stated. */
export function hasRanges({ settings, record, request }: ClaimedSlot): boolean {
  return settings.sinceLastSuccess || (record !== null && request.window.slot < rangesUntil(record))
}

/**
 * Reads the rows around a slot, the newest first, down to the newest earlier slot that is done. Rows that are further away
 * than the longest range do not matter. `row` is that of the slot: an attempt that is open in it is the one that asks.
 */
export async function readAround(
  { request, settings: { skewMs }, io: { store, clock } }: AskedSlot,
  row: Row,
  ask: Ask,
): Promise<Around> {
  const { task, window, schedule, trigger } = request
  const { slot } = window
  const askedAt = clock.now()
  const ranges = collectRanges({ now: askedAt, skewMs, rangesUntil: Number.POSITIVE_INFINITY })
  const rows = new Map<Instant, StoredRow>()
  const range = { task, since: slot - LONGEST_RANGE_MS, until: slot }
  const list = (query: ListQuery) => ask((call) => store.list(query, call))
  const newest = newestRows({ ...range, until: slot + LONGEST_RANGE_MS }, list)
  let next = await newest.next()
  for (; !next.done && next.value.slot >= slot && rows.size < MAX_ROWS; next = await newest.next()) {
    const row = next.value
    rows.set(row.slot, row)
    if (row.slot !== slot) ranges.add(row)
  }
  const isWhole = next.done || next.value.slot < slot
  const covering = ranges.covering(slot, withoutOpen(row, trigger, askedAt), isWhole)
  const earlier = isWhole ? newest : newestRows(range, list)
  if (!isWhole) next = await earlier.next()
  // The run of a later slot may have done the slot before this one, which then needs no row.
  const previous = expectedSlotBefore(parseSchedule(schedule), slot) ?? slot
  const isDone = (at: Instant, row: StoredRow | null) => ranges.covering(at, row)?.kind === 'done'
  let running: Row | null = null
  const seen = (start: RangeStart): Around => ({ covering, start, running, rows, askedAt })
  for (let count = 0; !next.done; next = await earlier.next()) {
    const row = next.value
    if (row.slot < previous && previous < slot && isDone(previous, null)) return seen({ since: previous })
    rows.set(row.slot, row)
    const found = readableRow(row)
    if ((found !== null && hasCompleted(found)) || isDone(row.slot, row)) return seen({ since: row.slot })
    if (found !== null && isRunning(found, askedAt, skewMs) && found.attempts.some(hasStartedBy(found.ownerRunId)))
      running ??= found
    count += 1
    if (count === MAX_ROWS) return seen({ searched: row.slot })
  }
  return seen(previous < slot && isDone(previous, null) ? { since: previous } : { searched: range.since })
}

function hasStartedBy(owner: string): (attempt: AttemptRecord) => boolean {
  return (attempt) => attempt.runId === owner && hasStarted(attempt)
}

/** Yields the rows of a task in a range, the newest first. `first`: the rows of the first page. */
export async function* newestRows(
  range: { readonly task: string; readonly since: Instant; readonly until: Instant },
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

/** The answer to a trigger of a slot that lies in the range of a later run. */
export type RangeAnswer =
  | { readonly kind: 'duplicate'; readonly cause: 'completed' | 'running'; readonly by: Row }
  | {
      readonly kind: 'refused'
      readonly cause: 'completed' | 'running' | 'failed' | 'stale' | 'rangeUnknown'
      readonly by: Row | null
    }

/** Returns null if the trigger may start. `isHeld`: another slot has the lock, and may do the work of this one. */
export function answerOf(
  covering: Covering | null,
  { kind }: Trigger,
  { forceOnly, forceOfRange }: Policy,
  isHeld: boolean,
): RangeAnswer | null {
  const isForced = kind === 'forced'
  switch (covering?.kind) {
    case undefined:
      return null
    case 'done': {
      const { by } = covering
      if (isForced && forceOnly?.includes('completed')) return null
      const answer = isForced && !forceOfRange ? 'refused' : 'duplicate'
      return { kind: answer, cause: 'completed', by }
    }
    case 'running':
      return { kind: isForced ? 'refused' : 'duplicate', cause: 'running', by: covering.by }
    case 'failed':
    case 'stale':
    case 'unknown': {
      const cause = covering.kind === 'unknown' ? 'rangeUnknown' : covering.kind
      return isForced || isHeld ? null : { kind: 'refused', cause, by: covering.by }
    }
  }
}

/** Returns the row of a slot as it is without an open attempt. A force may repeat what an operator has skipped. */
function withoutOpen(row: Row, { kind }: Trigger, now: Instant): Row | null {
  if (row.state !== 'PENDING') return row
  const before = finishRow(row, { outcome: 'notStarted' }, { writeId: row.writeId, now })
  return kind === 'forced' && before.state === 'SKIPPED' ? null : before
}
