import { formatInstant } from '../core/instant.ts'
import { hasStarted } from '../core/row/attempts.ts'
import { isNewerSchema, isStale } from '../core/row/decide.ts'
import { isMissed, type MissedSlot } from '../core/row/expected-slots.ts'
import { encodeRejection } from '../core/row/stored-rejections.ts'
import { encodeRow } from '../core/row/stored-row.ts'
import type { Instant, Row, State, StoredRow } from '../core/types.ts'
import { safeJson } from './text.ts'

/** An entry of a history: a row, or a missed slot, which has no row. */
export type HistoryItem = StoredRow | MissedSlot

/** A stored state, or one that follows from the row and the time. */
export type ShownState = State | 'STALE' | 'MISSED'

/** Returns the state to show. A row of a newer schema has none, so its schema is shown. */
export function shownState(row: HistoryItem, now: Instant, skewMs: number): ShownState | `schema ${number}` {
  if (isMissed(row)) return 'MISSED'
  if (isNewerSchema(row)) return `schema ${row.schemaVersion}`
  return isStale(row, now, skewMs) ? 'STALE' : row.state
}

/**
 * Returns a row as a JSON object for programs, as `schema/row.schema.json` describes it. It has the names and texts of
 * the stored form, without the fields that only the stores need. A change that would break a reader needs a new schema
 * version.
 */
export function rowJson(row: StoredRow, now: Instant, skewMs: number): Record<string, unknown> {
  if (isNewerSchema(row)) return { schemaVersion: row.schemaVersion, task: row.task, slot: formatInstant(row.slot) }
  const {
    task,
    slot,
    windowEnd,
    state,
    version,
    owner,
    schedule,
    zone,
    anchor,
    zoneData,
    attempts,
    unlistedAttempts,
    settlements,
  } = encodeRow(row)
  const { count, refused, first, latest } = row.rejections
  return {
    schemaVersion: row.schemaVersion,
    task,
    slot,
    windowEnd: windowEnd ?? null,
    state,
    stale: isStale(row, now, skewMs),
    schedule,
    zone,
    anchor: anchor ?? null,
    zoneData,
    attempts,
    unlistedAttempts: unlistedAttempts ?? 0,
    rejections: {
      count,
      refused,
      first: first.map(encodeRejection),
      latest: latest === null ? null : encodeRejection(latest),
    },
    settlements: settlements ?? [],
    owner,
    version,
    leaseUntil: instantOrNull(row.leaseUntil),
    expiresAt: instantOrNull(row.expiresAt),
  }
}

/** Returns a row or a missed slot as JSON on one line. */
export function itemLine(item: HistoryItem, now: Instant, skewMs: number): string {
  return safeJson(isMissed(item) ? missedJson(item) : rowJson(item, now, skewMs))
}

/** A missed slot has no row and therefore no schema version. Its fields have the same names as those of a row. */
function missedJson({ task, slot, end, schedule }: MissedSlot): Record<string, unknown> {
  return {
    state: 'MISSED',
    task,
    slot: formatInstant(slot),
    windowEnd: instantOrNull(end),
    schedule: schedule.expression,
    zone: schedule.zone,
    anchor: instantOrNull(schedule.anchor),
  }
}

/**
 * Returns how long the last attempt took, in milliseconds. An attempt that is running is measured until `runsAt`, which
 * must be null when none is running. Returns null for a stale or abandoned attempt, whose end is not known, and for an
 * attempt that did not start the batch.
 */
export function durationMsOf({ attempts }: Row, runsAt: Instant | null): number | null {
  const attempt = attempts.at(-1)
  if (attempt === undefined || !hasStarted(attempt)) return null
  const end = (attempt.phase === 'ended' ? attempt.endedAt : undefined) ?? runsAt
  // The clock of the host may have been set back during the attempt.
  return end === null ? null : Math.max(0, end - attempt.startedAt)
}

export function instantOrNull(instant: Instant | null | undefined): string | null {
  return instant === null || instant === undefined ? null : formatInstant(instant)
}
