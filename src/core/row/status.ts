import type { Instant, Row, Status, StoredRow, UnreadableRow } from '../types.ts'
import { hasCompleted, hasStarted, openAttempt } from './attempts.ts'

export interface SlotRecord {
  readonly slot: Instant
  readonly row: StoredRow | null
}

export interface StatusSettings {
  readonly now: Instant
  readonly skewMs: number
  readonly graceMs: number
  readonly doneByMs?: number | null | undefined
}

export function statusOf({ slot, row }: SlotRecord, settings: StatusSettings): Status {
  return row === null ? statusOfAbsent(slot, settings) : statusOfRow(row, settings)
}

export function statusOfAbsent(
  slot: Instant,
  settings: Omit<StatusSettings, 'skewMs'>,
): 'missed' | 'overdue' | 'due' | 'scheduled' {
  if (slot < missedUntil(settings)) return 'missed'
  if (isPastDoneBy(slot, settings)) return 'overdue'
  return slot <= settings.now ? 'due' : 'scheduled'
}

export function statusOfRow(row: StoredRow, settings: Omit<StatusSettings, 'graceMs'>): Status {
  if (isUnreadable(row)) return 'unknown'
  switch (row.state) {
    case 'PENDING':
      if (!isRunning(row, settings.now, settings.skewMs)) return 'stale'
      // The slot has completed once, so a force that runs its work again does not make it overdue.
      if (isPastDoneBy(row.slot, settings) && !hasCompleted(row)) return 'overdue'
      return openAttempt(row).phase
    case 'COMPLETED':
      return 'completed'
    case 'FAILED':
      // An earlier version covered the slot by a later one, and no trigger has come.
      if (row.attempts.length === 0 && row.resolutions.length === 0) return 'missed'
      return isEndUnknown(row) ? 'stale' : 'failed'
    case 'SKIPPED':
      return 'skipped'
  }
}

/** Returns the end of the time in which an expected slot without a row is missed. The end itself is not part of it. */
export function missedUntil({ now, graceMs }: Omit<StatusSettings, 'skewMs'>): Instant {
  // A slot that has been due for exactly the grace period is missed, so the end is a millisecond later.
  return now - graceMs + 1
}

/** Returns the end of the time in which an expected slot without a row is missed or overdue, not included. */
export function unmetUntil(settings: Omit<StatusSettings, 'skewMs'>): Instant {
  const { now, doneByMs } = settings
  const overdueUntil = doneByMs == null ? Number.NEGATIVE_INFINITY : now - doneByMs + 1
  return Math.max(missedUntil(settings), overdueUntil)
}

function isPastDoneBy(slot: Instant, { now, doneByMs }: Pick<StatusSettings, 'now' | 'doneByMs'>): boolean {
  return doneByMs != null && now >= slot + doneByMs
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
