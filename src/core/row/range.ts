import { MAX_EARLY_TOLERANCE_MS } from '../schedule/slot.ts'
import type { AttemptRecord, EndedAttempt, Instant, Row, StoredRow } from '../types.ts'
import {
  hasCompleted,
  hasStarted,
  hasSucceeded,
  isEnded,
  isOverlapSkip,
  openAttempt,
  waitReasonOf,
} from './attempts.ts'
import { isRunning, isUnreadable, type StatusSettings, statusOfRow } from './status.ts'

// A slot is covered if a later run of its task that succeeded has it in its range. While such a run goes on, it is running.
// Nothing else covers.

/** The most rows that are read on each side of a slot. */
export const MOST_ROWS = 1_000

/**
 * What decides the status of a slot instead of its own row. `unknown`: a later row cannot be read, or too many of them have no
 * success, so it cannot be told whether a run did the work.
 */
type Covering =
  | { readonly kind: 'done' | 'running'; readonly by: Row }
  | { readonly kind: 'unknown'; readonly by: null }

/** An attempt of a later slot that started with the slot in its range. */
interface Tried {
  readonly by: Row
  readonly attempt: AttemptRecord
}

export interface Later {
  /** Null: its own row decides. */
  readonly covering: Covering | null
  /** The nearest run that succeeded with the slot in its range, whatever its own row says. */
  readonly done: Row | null
  /** An attempt that may have done a part of its work, and ended otherwise. */
  readonly failed: Tried | null
  /** One that never reported its end. `isStale`: no operator has decided about it. */
  readonly lost: (Tried & { readonly isStale: boolean }) | null
  /** A later slot is done, so the range of the next run begins after this slot. */
  readonly isPassed: boolean
}

export const NOTHING_LATER: Later = { covering: null, done: null, failed: null, lost: null, isPassed: false }

/** The end of the slots whose runs may have ranges, where none has. */
export const NO_RANGES = Number.NEGATIVE_INFINITY

interface RangeSettings extends Pick<StatusSettings, 'now' | 'skewMs'> {
  /** Only rows of slots before it may have ranges. Left out: none, so later rows say nothing of earlier slots. */
  readonly rangesUntil?: Instant
}

/** Where the range of a run begins. `searched`: no slot that is done was found after this time. */
export type RangeStart = { readonly since: Instant } | { readonly searched: Instant }

/** Returns the slot after which the work of the attempt began. Undefined: the attempt had no range. */
export function rangeStartOf(attempt: Pick<AttemptRecord, 'since' | 'searched'> | undefined): Instant | undefined {
  return attempt?.since ?? attempt?.searched
}

function hasInRange(attempt: AttemptRecord, slot: Instant): boolean {
  const after = rangeStartOf(attempt)
  return after !== undefined && after < slot && hasStarted(attempt)
}

/** Returns the attempt that goes on, the delay before its own retry included. A claim that waits has no range yet. */
function attemptGoingOn(row: Row, { now, skewMs }: RangeSettings): AttemptRecord | undefined {
  if (row.state !== 'PENDING' || !isRunning(row, now, skewMs)) return undefined
  const open = openAttempt(row)
  if (open.phase === 'running') return open
  const before = row.attempts.at(-2)
  return waitReasonOf(row) === 'retry' && before?.runId === open.runId ? before : undefined
}

/** Returns when a slot was done. Runs that begin after it do not go back before that slot. Null: it was never done. */
function doneAt({ attempts, resolutions }: Row): Instant | null {
  const success = attempts.filter(isEnded).find(hasSucceeded)
  const decision = resolutions.findLast(({ state }) => state === 'COMPLETED')
  return success === undefined ? (decision?.at ?? null) : endOf(success)
}

function endOf({ endedAt, startedAt }: EndedAttempt): Instant {
  return endedAt ?? startedAt
}

/**
 * Returns the last slot whose run may have one before the slot of `row` in its range: it began before that was done. Infinity: it
 * was never done.
 */
function lastCoveringSlot(row: StoredRow, skewMs: number): Instant {
  const at = isUnreadable(row) ? null : doneAt(row)
  return at === null ? Number.POSITIVE_INFINITY : at + skewMs + MAX_EARLY_TOLERANCE_MS
}

/** Returns whether a slot failed after the run that has done its work: an operator has forced it, or decided. */
function isReopened({ attempts, resolutions }: Row, success: EndedAttempt): boolean {
  const decision = resolutions.at(-1)
  const last = attempts.findLast(hasStarted)
  return (
    (decision?.state === 'FAILED' && decision.at >= endOf(success)) ||
    (last !== undefined && last.startedAt > success.startedAt)
  )
}

/** Returns whether the own row of a slot decides its status, also in the range of a run that succeeded. */
function decides(own: StoredRow | null, { now, skewMs }: RangeSettings): boolean {
  if (own === null) return false
  if (isUnreadable(own) || hasCompleted(own) || isRunning(own, now, skewMs)) return true
  // A run that gave way to another slot has not decided that the work is not needed.
  return own.state === 'SKIPPED' && !isOverlapSkip(own)
}

export interface Ranges {
  add(row: StoredRow): void
  /** Returns what the rows that were added say of an earlier slot, whose own row is `own`. */
  of(slot: Instant, own: StoredRow | null): Later
}

/** Collects rows of a task, the newest first, and says of a slot before all of them what they say. */
export function collectRanges(settings: RangeSettings): Ranges {
  const { now, skewMs, rangesUntil = NO_RANGES } = settings
  let rows: StoredRow[] = []
  let hasRange = false

  function look(slot: Instant) {
    const successes: { readonly by: Row; readonly attempt: EndedAttempt }[] = []
    let running: Row | null = null
    let failed: Later['failed'] = null
    let lost: Later['lost'] = null
    let isUnknown = false
    let isPassed = false
    let last = Number.POSITIVE_INFINITY
    for (let at = rows.length - 1; at >= 0; at--) {
      const by = rows[at]
      if (by === undefined || by.slot > last) break
      if (rows.length - at > MOST_ROWS) break
      last = Math.min(last, lastCoveringSlot(by, skewMs))
      if (isUnreadable(by)) {
        isUnknown ||= by.slot < rangesUntil
        continue
      }
      isPassed ||= hasCompleted(by)
      const open = attemptGoingOn(by, settings)
      if (open !== undefined && hasInRange(open, slot)) running ??= by
      for (const attempt of by.attempts) {
        if (attempt === open || !hasInRange(attempt, slot)) continue
        if (hasSucceeded(attempt)) successes.push({ by, attempt })
        else if (attempt.phase === 'ended' && attempt.outcome !== 'abandoned') failed ??= { by, attempt }
        else if (!lost?.isStale) {
          const isStale = statusOfRow(by, settings) === 'stale'
          if (lost === null || isStale) lost = { by, attempt, isStale }
        }
      }
    }
    isUnknown ||= rows.length >= MOST_ROWS && last === Number.POSITIVE_INFINITY
    return { successes, running, failed, lost, isUnknown, isPassed }
  }

  return {
    add(row) {
      // A host whose clock was ahead has made a later row, so that says nothing of the slots of today.
      if (row.slot > now + skewMs) return
      // The runs after the last covering slot say nothing of an earlier slot. To keep them would take memory for all rows of a task.
      const last = lastCoveringSlot(row, skewMs)
      if (last < Number.POSITIVE_INFINITY) rows = rows.filter(({ slot }) => slot <= last)
      rows.push(row)
      hasRange ||= !isUnreadable(row) && row.attempts.some((one) => rangeStartOf(one) !== undefined)
      if (rows.length > 2 * MOST_ROWS) rows = rows.slice(-MOST_ROWS)
    },
    of(slot, own) {
      // A record that is older than the rows may not say yet that they have ranges.
      const mayHaveRanges = slot < rangesUntil
      if (rows.length === 0 || !(mayHaveRanges || hasRange)) return NOTHING_LATER
      const { successes, running, failed, lost, isPassed, ...seen } = look(slot)
      const isUnknown = mayHaveRanges && seen.isUnknown
      const said = { done: successes[0]?.by ?? null, failed, lost, isPassed: mayHaveRanges && isPassed }
      if (decides(own, settings)) return { ...said, covering: null }
      const isOpen = own === null || isUnreadable(own) ? () => true : (one: EndedAttempt) => !isReopened(own, one)
      const by = successes.find(({ attempt }) => isOpen(attempt))?.by
      if (by !== undefined) return { ...said, covering: { kind: 'done', by } }
      if (running !== null) return { ...said, covering: { kind: 'running', by: running } }
      return { ...said, covering: isUnknown ? { kind: 'unknown', by: null } : null }
    },
  }
}

type ReadRows = (since: Instant, until: Instant, limit: number) => Promise<readonly StoredRow[]>

/**
 * Returns the rows in `[from, end)` that say whether a later run has a slot before `from` in its range, the newest first. Reads in
 * spans that grow, because the next slots are usually done, and rows after that say nothing of the slot.
 */
export async function readLater(
  from: Instant,
  { end, spanMs: firstMs, skewMs }: { readonly end: Instant; readonly spanMs: number; readonly skewMs: number },
  read: ReadRows,
): Promise<readonly StoredRow[]> {
  const rows: StoredRow[] = []
  let last = Number.POSITIVE_INFINITY
  for (let [since, spanMs] = [from, firstMs]; since < end && since <= last && rows.length < MOST_ROWS; ) {
    const until = Math.min(since + spanMs, end)
    const found = await read(since, until, MOST_ROWS + 1)
    if (found.length > MOST_ROWS) {
      spanMs = Math.ceil(spanMs / 4_000) * 1_000
      continue
    }
    rows.push(...found.toReversed())
    last = Math.min(last, ...found.map((row) => lastCoveringSlot(row, skewMs)))
    since = until
    spanMs *= 4
  }
  return rows.slice(0, MOST_ROWS).reverse()
}

/** A slot is usually done by the next one or two. */
const FIRST_SLOTS = 3

/** Returns how long the first span after a slot is, whose window ends at `end`. */
export function firstSpanMs(slot: Instant, end: Instant | null): number {
  return FIRST_SLOTS * Math.max(60_000, (end ?? slot) - slot)
}
