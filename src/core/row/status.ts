import type { Instant, Row, Status, StoredRow, UnreadableRow } from '../types.ts'
import { hasOnlyGivenWay, hasStarted, openAttempt, waitReasonOf } from './attempts.ts'

export interface StatusSettings {
  readonly now: Instant
  readonly skewMs: number
  readonly graceMs: number
}

export function statusOfRow(row: StoredRow, settings: Pick<StatusSettings, 'now' | 'skewMs'>): Status {
  if (isUnreadable(row)) return 'unknown'
  switch (row.state) {
    case 'PENDING':
      if (isRunning(row, settings.now, settings.skewMs)) return openAttempt(row).phase
      // The attempt before reported its end, and the run died before the next one began.
      return waitReasonOf(row) === 'retry' ? 'failed' : 'stale'
    case 'COMPLETED':
      return 'completed'
    case 'FAILED':
      if (hasOnlyGivenWay(row)) return 'missed'
      return isEndUnknown(row) ? 'stale' : 'failed'
    case 'SKIPPED':
      return 'skipped'
  }
}

/** Returns the end of the time in which an expected slot without a row is missed. The end itself is not part of it. */
export function missedUntil({ now, graceMs }: Pick<StatusSettings, 'now' | 'graceMs'>): Instant {
  // A slot that has been due for exactly the grace period is missed, so the end is a millisecond later.
  return now - graceMs + 1
}

export function isUnreadable(row: StoredRow): row is UnreadableRow {
  return 'newerSchema' in row || 'damage' in row
}

export function readableRow(row: StoredRow | null): Row | null {
  return row === null || isUnreadable(row) ? null : row
}

/** Returns whether the row is PENDING and its lease may still hold on a clock that runs `skewMs` behind this one. */
export function isRunning(row: Row, now: Instant, skewMs: number): boolean {
  return row.state === 'PENDING' && now <= row.leaseUntil + skewMs
}

/** Returns whether the last attempt that started has no known end, and no operator has decided since. */
export function isEndUnknown({ attempts, resolutions }: Row): boolean {
  const last = attempts.findLast(hasStarted)
  if (last === undefined) return false
  const resolution = resolutions.at(-1)
  const isDecided = resolution !== undefined && resolution.afterAttempt >= last.number
  return (last.phase === 'running' || last.outcome === 'abandoned') && !isDecided
}
