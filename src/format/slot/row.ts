import { formatInstant } from '../../core/instant.ts'
import { keysOf } from '../../core/objects.ts'
import { batchReport, hasStarted, latenessMsOf } from '../../core/row/attempts.ts'
import { reportMembers } from '../../core/row/report.ts'
import { isUnreadable } from '../../core/row/status.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import { ATTEMPT, encodeRow, REJECTION } from '../../core/row/stored-row.ts'
import type { Doubt } from '../../core/task/expected-slots.ts'
import { spanIdOf } from '../../core/trace.ts'
import type { AttemptRecord, Instant, Status, StoredRow } from '../../core/types.ts'
import { scheduleOf, windowEndOf } from '../../verdict/found.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { isSettled } from '../../verdict/remarks.ts'
import { safeJson } from '../text.ts'

/** Returns what `schema/row.schema.json` describes. A change that would break a reader needs a new schema version. */
export function rowJson(row: StoredRow, status: Status | null): Record<string, unknown> {
  if (isUnreadable(row)) {
    const { task, slot, ...more } = row
    return {
      ...('damage' in more ? more : { schemaVersion: more.schemaVersion }),
      task,
      slot: formatInstant(slot),
      status,
    }
  }
  const { windowEnd = null, anchor = null, unlistedAttempts = 0, resolutions = [], ...stored } = encodeRow(row)
  const { count, refused, otherCommands, first, latest } = row.rejections
  return {
    schemaVersion: row.schemaVersion,
    task: stored['task'],
    slot: stored['slot'],
    windowEnd,
    status,
    latenessMs: latenessMsOf(row),
    state: stored['state'],
    schedule: stored['schedule'],
    zone: stored['zone'],
    anchor,
    zoneData: stored['zoneData'],
    attempts: row.attempts.map(attemptJson),
    unlistedAttempts,
    rejections: {
      count,
      refused,
      otherCommands,
      first: first.map(REJECTION.encode),
      latest: latest === null ? null : REJECTION.encode(latest),
    },
    resolutions,
    ...(row.checkpoint !== undefined && { checkpoint: row.checkpoint }),
    ownerRunId: stored['ownerRunId'],
    version: stored['version'],
    leaseUntil: instantOrNull(row.leaseUntil),
    expiresAt: instantOrNull(row.expiresAt),
  }
}

/** The stored form leaves out the facts of ECS that the ARN of the task has. A program gets all of them. */
function attemptJson(attempt: AttemptRecord): Record<string, unknown> {
  const { report: _, ...stored } = ATTEMPT.encode(attempt)
  const spanId = attempt.traceId === undefined ? undefined : spanIdOf(attempt)
  return {
    ...stored,
    ...(spanId && { spanId }),
    ...placeJson(attempt.place),
    ...reportMembers(batchReport(attempt)),
  }
}

export function remarkWords({ remarks, own }: Pick<JudgedSlot, 'remarks' | 'own'>): readonly string[] {
  const names = keysOf(remarks)
  return names.length > 0 && isSettled(own) ? [...names, 'settled'] : names
}

/** Returns what a history has of a slot, with or without a row: their fields have the same names. */
export function slotJson(one: JudgedSlot) {
  const { row, status, owner, work } = one
  const coveredBy = coveredByOf(one)
  const remarks = remarkWords(one)
  return {
    ...(row === null ? absentJson(one) : rowJson(row, status)),
    ...(owner !== undefined && { owner }),
    work,
    ...(coveredBy !== undefined && { coveredBy }),
    ...(remarks.length > 0 && { remarks }),
  }
}

export function coveredByOf({ later: { covering } }: Pick<JudgedSlot, 'later'>): string | undefined {
  return covering?.by ? formatInstant(covering.by.slot) : undefined
}

export function slotLine(one: JudgedSlot): string {
  return safeJson(slotJson(one))
}

export function doubtJson({ after, until }: Doubt) {
  return { after: formatInstant(after), until: formatInstant(until) }
}

export function absentJson(one: JudgedSlot): Record<string, unknown> {
  const { status, task, slot, doubt } = one
  const schedule = scheduleOf(one)
  return {
    status,
    state: null,
    task,
    slot: formatInstant(slot),
    windowEnd: instantOrNull(windowEndOf(one)),
    schedule: schedule?.expression ?? null,
    zone: schedule?.zone ?? null,
    anchor: instantOrNull(schedule?.anchor),
    ...(doubt !== undefined && { doubt: doubtJson(doubt) }),
  }
}

/** A last attempt that runs is measured until now. Null: its end is not known, or it did not start the batch. */
export function durationMsOf({ own, status, of: { now } }: JudgedSlot): number | null {
  const runsAt = status === 'running' || status === 'overdue' ? now : null
  const attempt = own?.attempts.at(-1)
  if (attempt === undefined || !hasStarted(attempt)) return null
  const end = (attempt.phase === 'ended' ? attempt.endedAt : undefined) ?? runsAt
  // The clock of the host may have been set back during the attempt.
  return end === null ? null : Math.max(0, end - attempt.startedAt)
}

/** Returns what the batch said of the last attempt of a slot. Undefined: nothing, or the slot has none. */
export function lastReport({ own }: Pick<JudgedSlot, 'own'>): string | undefined {
  const last = own?.attempts.at(-1)
  return last && batchReport(last)
}

export function instantOrNull(instant: Instant | null | undefined): string | null {
  return instant === null || instant === undefined ? null : formatInstant(instant)
}
