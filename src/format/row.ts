import { formatInstant } from '../core/instant.ts'
import { isNewerSchema, isStale } from '../core/row/decide.ts'
import { isMissed, type MissedSlot } from '../core/row/expected-slots.ts'
import { encodeRejection, encodeRow } from '../core/row/stored-row.ts'
import type { Instant, Row, StoredRow } from '../core/types.ts'
import { safeJson } from './text.ts'

/** What a history has a line for. */
export type HistoryItem = StoredRow | MissedSlot

/** The state as a person sees it: the stored one, or what follows from it and the time. */
export function stateOf(row: HistoryItem, now: Instant, skewMs: number): string {
  if (isMissed(row)) return 'MISSED'
  if (isNewerSchema(row)) return `schema ${row.schemaVersion}`
  return isStale(row, now, skewMs) ? 'STALE' : row.state
}

/**
 * A row for programs, as `schema/row.schema.json` describes it: the names and texts of the stored form, apart from what
 * only the stores need. A change that would break a reader needs a new schema version.
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

/** A row, or a slot that has none, as text on one line. */
export function itemLine(item: HistoryItem, now: Instant, skewMs: number): string {
  return safeJson(isMissed(item) ? missedJson(item) : rowJson(item, now, skewMs))
}

/** No row, and so without a schema version; apart from that, its names are those of a row. */
function missedJson({ task, slot, end, schedule }: MissedSlot): Record<string, unknown> {
  return {
    state: 'MISSED',
    task,
    slot: formatInstant(slot),
    windowEnd: instantOrNull(end),
    schedule: schedule.expression,
    zone: schedule.zone,
    anchor: instantOrNull(schedule.anchor ?? null),
  }
}

/**
 * How long the last attempt took, or has been running at `runsAt`, which is null where nothing runs: a stale or abandoned
 * one has no end that anybody knows. Null also for one that started nothing: it took no time.
 */
export function durationMsOf({ attempts }: Row, runsAt: Instant | null): number | null {
  const attempt = attempts.at(-1)
  if (attempt === undefined || attempt.phase === 'waiting' || attempt.outcome === 'notStarted') return null
  const end = attempt.endedAt ?? runsAt
  // The clock of a host may have been set back meanwhile.
  return end === null ? null : Math.max(0, end - attempt.startedAt)
}

function instantOrNull(instant: Instant | null): string | null {
  return instant === null ? null : formatInstant(instant)
}
