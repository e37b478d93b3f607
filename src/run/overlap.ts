import { type LedgerError, usageError } from '../core/errors.ts'
import { formatInstant } from '../core/instant.ts'
import { attemptCount } from '../core/row/attempts.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import { skipRow } from '../core/row/transition.ts'
import type { PendingRow } from '../core/types.ts'
import { withinStop } from '../process/stop.ts'
import { noteRejection } from './claim.ts'
import { beginWaiting, type ClaimedSlot, endWritten } from './claimed-slot.ts'
import { finishAttempt, finishOf } from './finish.ts'
import { type LockResult, waitForOverlapLock } from './overlap-lock.ts'
import { writeAsOwner } from './write.ts'

export type EnterResult =
  /** This slot holds the overlap lock, and its attempt has begun. */
  | { readonly kind: 'begun'; readonly row: PendingRow }
  /** A stop came, or the lease was lost, before the attempt began. It must still be ended. */
  | { readonly kind: 'halted' }
  /** Another slot holds the overlap lock. */
  | { readonly kind: 'gaveWay'; readonly result: GaveWay }

type GaveWay =
  | { readonly status: 'skipped'; readonly attempt: number; readonly holder: OverlapLock; readonly recorded: boolean }
  | { readonly status: 'refused'; readonly cause: 'overlap'; readonly row: null }

/**
 * Brings a claimed slot that waits to its first attempt, if slots of the task must not overlap. Calls `onLock` when the
 * slot holds the overlap lock. Throws `LedgerError` if the ledger does not answer, and a usage error if it would wait
 * for the run that this process is a part of.
 */
export async function enter(row: PendingRow, claimedSlot: ClaimedSlot, onLock: () => void): Promise<EnterResult> {
  const { halt, settings } = claimedSlot
  const lockResult = await acquireOverlapLock(row, claimedSlot)
  if (lockResult.kind === 'mine') onLock()
  if (halt.aborted) return { kind: 'halted' }
  if (lockResult.kind === 'busy') return giveWay(lockResult.holder, claimedSlot)
  if (lockResult.kind === 'unanswered') throw lockResult.cause
  const begun = await beginWaiting(claimedSlot, settings.ledgerTimeoutMs)
  if (begun.kind === 'unanswered') throw begun.cause
  return begun
}

/**
 * Waits for the overlap lock, and does so again if the lease ran out during the wait. Another slot may have taken the
 * lock then, after the answer that gave it to this slot.
 */
async function acquireOverlapLock(
  row: PendingRow,
  { request, lease, halt, settings, io }: ClaimedSlot,
): Promise<LockResult> {
  const waits = settings.overlap === 'wait' && request.trigger.kind === 'scheduled'
  const deadlineMs = io.clock.monotonicMs() + (waits ? settings.overlapTimeoutMs : 0)
  for (;;) {
    const lapses = lease.lapses()
    const lockResult = await waitForOverlapLock(row, deadlineMs, settings, io, halt, (holder) => {
      if (request.insideOf?.includes(holder.runId)) throw waitsForItself(holder)
      io.emit({ event: 'waiting', holder })
    })
    if (lockResult.kind !== 'mine' || lease.lapses() === lapses || halt.aborted) return lockResult
  }
}

function waitsForItself({ slot, runId }: OverlapLock): LedgerError {
  return usageError(
    `cronledger was called inside run ${runId} of slot ${formatInstant(slot)} of the same task, and would wait for it to end. Call the batch itself instead of cronledger, or use another task name.`,
  )
}

async function giveWay(holder: OverlapLock, claimedSlot: ClaimedSlot): Promise<EnterResult> {
  const { request, lease, settings, io } = claimedSlot
  const row = await lease.release()
  const attempt = attemptCount(row)
  if (settings.overlap === 'skip' && request.trigger.kind === 'scheduled') {
    const reason = `slot ${formatInstant(holder.slot)} was still running (run ${holder.runId})`
    const written = await withinStop(settings.finishTimeoutMs, settings, io, (signal) =>
      writeAsOwner(row, (baseRow, stamp) => skipRow(baseRow, reason, stamp), io, { signal, retry: 'any' }),
    )
    const finish = finishOf(written)
    io.emit({ event: 'skipped', holder, ...endWritten(finish) })
    return { kind: 'gaveWay', result: { status: 'skipped', attempt, holder, recorded: finish.kind === 'recorded' } }
  }
  const finish = await finishAttempt(row, { outcome: 'notStarted' }, settings, io)
  const refusal = { kind: 'refused', cause: 'overlap' } as const
  const noted =
    finish.kind === 'unanswered'
      ? { noted: false, detail: finish.cause.message }
      : await noteRejection(refusal, request, settings, io)
  io.emit({ event: 'refused', cause: refusal.cause, row: null, survivor: null, holder, ...noted })
  return { kind: 'gaveWay', result: { status: 'refused', cause: refusal.cause, row: null } }
}
