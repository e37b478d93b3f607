import type { Finish } from '../core/event.ts'
import { attemptCount, endedAttempts, hasStarted } from '../core/row/attempts.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import { type Stamp, skipRow } from '../core/row/transition.ts'
import type { Suspension } from '../core/task/task-record.ts'
import type { PendingRow, Resolution, Row, ScheduleSpec } from '../core/types.ts'
import { within } from './ask.ts'
import { noteRejection } from './claim.ts'
import type { ClaimedSlot } from './claimed-slot.ts'
import { finishAttempt, finishBy, writeAsOwner } from './write.ts'

// How a claimed slot is given up before its work starts, because the run may not start it now.

/** The result of a run that gave its claimed slot up. */
export type GaveWay =
  /** Another slot of the task was running, and `--overlap skip` marked this one as skipped. */
  | { readonly status: 'skipped'; readonly attempt: number; readonly holder: OverlapLock; readonly recorded: boolean }
  /** The task is paused. The slot is marked as skipped, unless an attempt had already started in it. */
  | { readonly status: 'paused'; readonly attempt: number; readonly pause: Suspension; readonly recorded: boolean }
  | { readonly status: 'refused'; readonly cause: RefusedClaim['cause']; readonly row: null }

/** Why a run whose slot is claimed may not start, and the facts for the log. */
type RefusedClaim =
  | { readonly cause: 'overlap'; readonly holder: OverlapLock }
  | { readonly cause: 'newerTaskRecord' }
  | { readonly cause: 'scheduleChanged'; readonly inForce: ScheduleSpec }

/** Marks the slot as skipped, because another slot of the task is running. */
export async function skipForOverlap(holder: OverlapLock, reason: string, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const row = await claimedSlot.lease.release()
  const finish = await writeSkip(row, { by: 'cronledger', reason }, claimedSlot)
  claimedSlot.io.emit({ event: 'skipped', holder, ...finish, row: finish.row ?? row })
  return { status: 'skipped', attempt: attemptCount(row), holder, recorded: finish.finish === 'recorded' }
}

/**
 * Gives the slot up because the task is paused, and marks it as skipped. If an attempt of an earlier trigger had started
 * in it, its state stays as that attempt left it: an operator still has to decide about that.
 */
export async function giveWayToPause(pause: Suspension, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { lease, settings, io } = claimedSlot
  const row = await lease.release()
  const isKept = endedAttempts(row).some(hasStarted)
  const finish = isKept
    ? await finishAttempt(row, { outcome: 'notStarted' }, settings, io)
    : await writeSkip(row, { by: pause.by, reason: `paused: ${pause.reason}` }, claimedSlot)
  io.emit({ event: 'paused', pause, isKept, ...finish, row: finish.row ?? row })
  return { status: 'paused', attempt: attemptCount(row), pause, recorded: finish.finish === 'recorded' }
}

/** Ends the claim without a start, and records the refusal. */
export async function refuseClaimed(
  refused: RefusedClaim,
  { request, lease, settings, io }: ClaimedSlot,
): Promise<GaveWay> {
  const { cause } = refused
  const row = await lease.release()
  const finish = await finishAttempt(row, { outcome: 'notStarted' }, settings, io)
  const noted =
    finish.finish === 'unanswered'
      ? {
          noted: false,
          detail: `${finish.finishCause}, so the slot may show this run as running until its lease ends`,
        }
      : await noteRejection({ kind: 'refused', cause }, request, settings, io)
  io.emit({ event: 'refused', ...refused, row: finish.row ?? row, survivor: null, ...noted })
  return { status: 'refused', cause, row: null }
}

function writeSkip(
  row: PendingRow,
  resolution: Pick<Resolution, 'by' | 'reason'>,
  { settings: { finishTimeoutMs, stopTimeoutMs }, io }: ClaimedSlot,
): Promise<Finish> {
  const change = (baseRow: Row, stamp: Stamp) => skipRow(baseRow, resolution, stamp)
  const limit = { ms: finishTimeoutMs, stopTimeoutMs, retry: 'any' } as const
  return finishBy(
    within(limit, io, (ask) => writeAsOwner(row, change, io, ask)),
    attemptCount(row),
  )
}
