import { blockedBy, coveringSlot, hasStarted, latenessMsOf } from '../row/attempts.ts'
import type { ReportedFacts } from '../row/report.ts'
import { isUnreadable, statusOfAbsent, statusOfRow } from '../row/status.ts'
import type { EcsFacts, Instant, Key, Row, ScheduleSpec, Status, UnreadableRow } from '../types.ts'
import type { AuditedSlot, Doubt, DueKey } from './expected-slots.ts'
import type { Unmet } from './rules.ts'
import type { ExpectedTimes } from './task-record.ts'

export const FINDING_KINDS = ['missed', 'failed', 'stale', 'unknown', 'overdue', 'unusual', 'late'] as const
type FindingKind = (typeof FINDING_KINDS)[number]

export const NO_FINDINGS = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as Readonly<
  Record<FindingKind, number>
>

export type SlotFinding =
  /** No trigger asked to run it, or no run reached the ledger. `doubt`: why it may not have been due. */
  | { readonly kind: 'missed'; readonly status: 'missed'; readonly slot: Instant; readonly doubt?: Doubt }
  /** The slot has not completed in time. It runs, waits, or has no row yet. */
  | {
      readonly kind: 'overdue'
      readonly status: 'overdue'
      readonly slot: Instant
      readonly row: Row | null
      readonly doubt?: Doubt
      readonly blockedBy?: Key
    }
  /** The row cannot be read: a newer cronledger wrote it, or it is damaged. */
  | { readonly kind: 'unknown'; readonly status: 'unknown'; readonly slot: Instant; readonly row: UnreadableRow }
  /** A late slot has any status, because it may have completed. `blockedBy`: nothing started, because of that slot. */
  | {
      readonly kind: 'failed' | 'stale' | 'late'
      readonly status: Status
      readonly slot: Instant
      readonly row: Row
      readonly blockedBy?: Key
    }

  /** The slot completed, and does not meet the rules of its task (`--expect`). */
  | {
      readonly kind: 'unusual'
      readonly status: Status
      readonly slot: Instant
      readonly row: Row
      readonly unmet: readonly Unmet[]
    }

/** Why no schedule on record has a slot: the task has none, or only others. */
export type OffSchedule = 'none' | 'other'

export type TaskFinding = SlotFinding & {
  readonly task: string
  readonly times: AuditSettings
  /** The schedule that is in force now, or that of the slot if none is recorded. Operators read times in its zone. */
  readonly schedule: ScheduleSpec
  readonly otherSchedule?: ScheduleSpec
  /** No schedule on record has the slot, because an operator forced it. A range does not run it. Left out: one has it. */
  readonly offSchedule?: OffSchedule
  readonly owner?: string
  /** The task is only declared: no scheduled run has stated its schedule. Left out: one has. */
  readonly isOnlyDeclared?: true
  /** Where the latest scheduled run of the task ran. Left out: not on ECS, or no run has said. */
  readonly ecs?: EcsFacts
}

export interface TaskHealth {
  readonly task: string
  /** The status of the newest slot that was due. Null if the range has none. */
  readonly status: Status | null
  readonly lastSuccessAt: Instant | null
  /** How long the attempt took that succeeded last, in milliseconds. Null if the range has none. */
  readonly lastDurationMs: number | null
  readonly next: Instant | null
  readonly duplicates: number
  readonly owner: string | undefined
  /** The facts that the batch of the newest completed slot reported. Empty: it reported nothing, or a text. */
  readonly facts: ReportedFacts
  readonly findings: Readonly<Record<SlotFinding['kind'], number>>
}

export interface AuditSettings extends ExpectedTimes {
  readonly now: Instant
}

export function findingOf(
  { row, missed }: AuditedSlot,
  settings: AuditSettings,
  unmet: readonly Unmet[] = [],
): SlotFinding | null {
  if (row === null) return findingOfAbsent(missed, settings)
  const { slot } = row
  if (isUnreadable(row)) return { kind: 'unknown', status: 'unknown', slot, row }
  // A covered slot is a part of the finding of its covering slot. If that row is gone, the covered slot is a finding itself.
  if (coveringSlot(row) !== null) return row.covering === null ? { kind: 'failed', status: 'missed', slot, row } : null
  const status = statusOfRow(row, settings)
  const blocker = blockedBy(row)
  const isBlocked = blocker !== null && { blockedBy: blocker }
  if (status === 'overdue') return { kind: status, status, slot, row, ...isBlocked }
  if (unmet.length > 0) return { kind: 'unusual', status, slot, row, unmet }
  const kind = status === 'stale' || status === 'failed' ? status : isLate(row, settings) ? 'late' : null
  return kind === null ? null : { kind, status, slot, row, ...(kind === 'failed' && isBlocked) }
}

function findingOfAbsent({ slot, doubt }: DueKey, settings: AuditSettings): SlotFinding | null {
  const status = statusOfAbsent(slot, settings)
  const inDoubt = doubt !== undefined && { doubt }
  if (status === 'missed') return { kind: status, status, slot, ...inDoubt }
  return status === 'overdue' ? { kind: status, status, slot, row: null, ...inDoubt } : null
}

/** Lets checks at regular times report each finding once: a check reports the findings that arose since the check before it. */
export function aroseAt(found: SlotFinding, { now, graceMs, doneByMs, skewMs }: AuditSettings): Instant {
  switch (found.kind) {
    case 'unknown':
      // The time is not known, so each check reports it.
      return now
    case 'missed':
      return found.slot + graceMs
    case 'overdue':
      return found.slot + (doneByMs ?? 0)
    case 'late':
      return found.row.attempts.find(hasStarted)?.startedAt ?? found.slot
    case 'stale':
      // At the end of the lease itself, the attempt still counts as running.
      return found.row.leaseUntil === null ? closedAt(found.row) : found.row.leaseUntil + skewMs + 1
    case 'failed':
    case 'unusual':
      return closedAt(found.row)
  }
}

/** The end of an attempt that never started counts too, because a check finds nothing while it is open. */
function closedAt({ slot, attempts, resolutions }: Row): Instant {
  const ends = attempts.flatMap((attempt) => (attempt.phase === 'ended' ? (attempt.endedAt ?? []) : []))
  return Math.max(slot, ...ends, resolutions.at(-1)?.at ?? slot)
}

export function isLate(row: Row, { lateAfterMs }: Pick<AuditSettings, 'lateAfterMs'>): boolean {
  const latenessMs = latenessMsOf(row)
  return lateAfterMs !== null && latenessMs !== null && latenessMs > lateAfterMs
}
