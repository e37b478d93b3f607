import type { AttemptRecord, Instant, Row, Status, StoredRow } from '../types.ts'
import { endedAttempts, hasCompleted, hasStarted, hasSucceeded } from './attempts.ts'
import { isRunning, isUnreadable, type StatusSettings, statusOfRow } from './status.ts'

/** The longest range of a run: the longest month, and the hour by which clocks may be set back in it. */
export const LONGEST_RANGE_MS = (31 * 24 + 1) * 3_600_000

/**
 * What a later run of the task says of a slot in its range. `unknown`: a later row cannot be read, or was not read, so it
 * cannot be told whether its run did the work.
 */
export type Covering =
  | { readonly kind: 'done' | 'running' | 'failed' | 'stale'; readonly by: Row }
  | { readonly kind: 'unknown'; readonly by: null }

/** The run of `by` does the work of the slots after `after` and before its own. `at`: when that became known. */
interface WorkRange {
  readonly kind: Exclude<Covering['kind'], 'unknown'>
  readonly after: Instant
  readonly by: Row
  readonly at: Instant
}

/** The end of the slots whose runs may have ranges, where none has. */
export const NO_RANGES = Number.NEGATIVE_INFINITY

interface RangeSettings extends Pick<StatusSettings, 'now' | 'skewMs'> {
  /** Only rows of slots before it may have ranges. Left out: none, so a row that cannot be read says nothing of earlier slots. */
  readonly rangesUntil?: Instant
}

/** Where the range of a run begins. `searched`: no slot that is done was found after this time. */
export type RangeStart = { readonly since: Instant } | { readonly searched: Instant }

/** Returns the slot after which the work of the attempt began. Undefined: the attempt had no range. */
export function rangeStartOf(attempt: Pick<AttemptRecord, 'since' | 'searched'> | undefined): Instant | undefined {
  return attempt?.since ?? attempt?.searched
}

/** Returns the last attempt of a slot that started with a range. Undefined: none did. */
export function lastWithRange({ attempts }: Pick<Row, 'attempts'>): AttemptRecord | undefined {
  return attempts.findLast((one) => hasStarted(one) && rangeStartOf(one) !== undefined)
}

/**
 * Returns the ranges of the runs of a slot. What is done stays done, also if a later attempt of the slot fails. Otherwise the
 * last attempt that started with a range counts, while the slot needs attention or runs.
 */
function rangesOf(row: Row, settings: RangeSettings): readonly WorkRange[] {
  const rangeOf = (kind: WorkRange['kind'], attempt: AttemptRecord | undefined, at: Instant): readonly WorkRange[] => {
    const after = rangeStartOf(attempt)
    return after === undefined ? [] : [{ kind, after, by: row, at }]
  }
  const succeeded = endedAttempts(row)
    .filter(hasSucceeded)
    .flatMap((one) => rangeOf('done', one, one.endedAt ?? one.startedAt))
  const resolved = row.resolutions.flatMap(({ state, at, afterAttempt }) =>
    state === 'COMPLETED' ? rangeOf('done', row.attempts.findLast(hasStartedBy(afterAttempt)), at) : [],
  )
  const last = lastWithRange(row)
  const kind = OPEN_KINDS[statusOfRow(row, settings)]
  const open = kind === undefined || last === undefined ? [] : rangeOf(kind, last, last.startedAt)
  return [...succeeded, ...resolved, ...open]
}

/** A slot that waits begins again, for example after the delay before its retry. */
const OPEN_KINDS: Readonly<Partial<Record<Status, 'running' | 'failed' | 'stale'>>> = {
  running: 'running',
  waiting: 'running',
  failed: 'failed',
  stale: 'stale',
}

function hasStartedBy(number: number): (attempt: AttemptRecord) => boolean {
  return (attempt) => hasStarted(attempt) && attempt.number <= number
}

/** What the row of a slot says of itself. `decidedAt`: an operator has decided then that it failed. */
interface OwnDecision {
  readonly kind: 'decides' | 'skipped' | 'open'
  readonly decidedAt: Instant
}

function ownDecision(own: StoredRow | null, { now, skewMs }: RangeSettings): OwnDecision {
  const undecided = { kind: 'open', decidedAt: Number.NEGATIVE_INFINITY } as const
  if (own === null) return undecided
  if (isUnreadable(own) || hasCompleted(own) || isRunning(own, now, skewMs)) return { ...undecided, kind: 'decides' }
  const decision = own.resolutions.at(-1)
  // A run that gave way to another slot has not decided that the work is not needed.
  if (own.state === 'SKIPPED') return { ...undecided, kind: decision?.by === 'cronledger' ? 'skipped' : 'decides' }
  return own.state === 'FAILED' && decision?.state === 'FAILED' ? { kind: 'open', decidedAt: decision.at } : undecided
}

/**
 * Leaves out a failed or stale run whose own slot is in the range of a later run: that slot is no finding, so a slot that only the
 * earlier run has in its range must be one.
 */
function withoutCovered(ranges: readonly WorkRange[], settings: RangeSettings): readonly WorkRange[] {
  const kept: WorkRange[] = []
  for (const one of [...ranges].sort((a, b) => b.by.slot - a.by.slot)) {
    const { slot } = one.by
    const own = ownDecision(one.by, settings)
    const isIn = ({ kind, after, at }: WorkRange) => after < slot && (kind !== 'done' || at > own.decidedAt)
    if (own.kind === 'decides' || !kept.some(isIn)) kept.push(one)
  }
  return kept
}

export interface Ranges {
  add(row: StoredRow): void
  /**
   * Returns what a later run says of a slot whose own row is `own`. Null: no later run has it in its range, or its own row
   * decides. `isWhole`: all rows were added that may have it in their range. Left out: they were.
   */
  covering(slot: Instant, own: StoredRow | null, isWhole?: boolean): Covering | null
}

/**
 * Collects the ranges of rows, and says of a slot what the rows later than it say. The rows that are later than a slot must be
 * added before it is asked for, and slots must be asked for from the newest to the oldest.
 */
export function collectRanges(settings: RangeSettings): Ranges {
  const { now, skewMs, rangesUntil = NO_RANGES } = settings
  let ranges: readonly WorkRange[] = []
  let unread: readonly Instant[] = []
  return {
    add(row) {
      // A host whose clock was ahead has made the row, so it says nothing of the slots of today.
      if (row.slot > now + skewMs) return
      if (!isUnreadable(row)) ranges = [...ranges, ...rangesOf(row, settings)]
      else if (row.slot < rangesUntil) unread = [...unread, row.slot]
    },
    covering(slot, own, isWhole = true) {
      ranges = withoutCovered(ranges, settings).filter(({ after }) => after < slot)
      unread = unread.filter((one) => one - LONGEST_RANGE_MS <= slot)
      const decision = ownDecision(own, settings)
      if (decision.kind === 'decides') return null
      const later = ranges.filter(({ by }) => by.slot > slot)
      const done = later.findLast(({ kind, at }) => kind === 'done' && at > decision.decidedAt)
      if (done !== undefined) return { kind: 'done', by: done.by }
      if (decision.kind === 'skipped') return null
      const open = later.findLast(({ kind }) => kind === 'running') ?? later.find(({ kind }) => kind !== 'done')
      if (open !== undefined) return { kind: open.kind, by: open.by }
      const isUnknown = slot < rangesUntil && (!isWhole || unread.some((one) => one > slot))
      return isUnknown ? { kind: 'unknown', by: null } : null
    },
  }
}
