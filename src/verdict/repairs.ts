import { claimedAtOf, endedAttempts, successOf } from '../core/row/attempts.ts'
import { deriveState } from '../core/row/transition.ts'
import type { ClosedRow, Instant, Row } from '../core/types.ts'
import { namedSlot } from './found.ts'
import { isFinding, type JudgedSlot, judge, type TaskFinding } from './judge.ts'

export interface Repair {
  /** The finding of a check, before the slot was run again or an operator decided. */
  readonly found: TaskFinding
  /** When that was over. Null: it is not, because the slot runs. */
  readonly endedAt: Instant | null
}

/** Returns the earlier finding of a slot that needs no attention any more. Null: it has never been one. */
export function repairOf(one: JudgedSlot): Repair | null {
  const by = one.later.covering?.by ?? null
  const row = by ?? one.own
  if (isFinding(one) || row === null) return null
  const found = by === null ? lastFound(one, row) : foundAt(one, one.own, claimOf(by))
  return found && { found, endedAt: endOf(row) }
}

/** Looks at the slot as it was just before each event in it, the newest first. */
function lastFound(one: JudgedSlot, row: Row): TaskFinding | null {
  const { attempts, resolutions } = row
  const events = [
    // Between an attempt and its retry in the same run, nothing is found.
    ...attempts.flatMap((attempt, index) =>
      attempts[index - 1]?.runId === attempt.runId
        ? []
        : [{ at: claimedAtOf(attempt), afterAttempt: attempt.number - 1 }],
    ),
    ...resolutions,
  ].sort((one, other) => other.at - one.at)
  for (const { at, afterAttempt } of events) {
    const found = foundAt(one, rowAsOf(row, afterAttempt, at), at)
    if (found !== null) return found
  }
  const { doneByMs } = one.of.times
  const isOverdue = doneByMs !== null && (endOf(row) ?? one.of.now) > one.slot + doneByMs
  return isOverdue && resolutions.length === 0 ? { ...one, kind: 'overdue', status: 'overdue' } : null
}

function foundAt({ slot, older, of }: JudgedSlot, row: Row | null, now: Instant): TaskFinding | null {
  // Most slots are claimed in time.
  const { graceMs, doneByMs } = of.times
  if (row === null && now < slot + Math.min(graceMs, doneByMs ?? graceMs)) return null
  const then = judge(namedSlot(slot, row, of, older && { older }), { ...of, now })
  return isFinding(then) ? then : null
}

/** Returns the row as it was before `at`, when the attempt of this number had ended. Null: there was none. */
function rowAsOf(row: Row, number: number, at: Instant): ClosedRow | null {
  const attempts = endedAttempts(row).filter((one) => one.number <= number)
  const resolutions = row.resolutions.filter((one) => one.at < at && one.afterAttempt <= number)
  if (attempts.length === 0 && resolutions.length === 0) return null
  return { ...row, attempts, resolutions, leaseUntil: null, state: deriveState(attempts, resolutions) }
}

function claimOf({ slot, attempts }: Row): Instant {
  return attempts[0] === undefined ? slot : claimedAtOf(attempts[0])
}

/** Null: the slot runs, or its run has failed. */
function endOf(row: Row): Instant | null {
  if (row.state !== 'COMPLETED' && row.state !== 'SKIPPED') return null
  const success = row.state === 'COMPLETED' ? successOf(row) : undefined
  const doneAt = success?.endedAt ?? success?.startedAt ?? Number.NEGATIVE_INFINITY
  return Math.max(doneAt, row.resolutions.at(-1)?.at ?? doneAt)
}
