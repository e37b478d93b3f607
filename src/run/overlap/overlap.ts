import { type LedgerError, usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { endedAttempts, hasStarted, isCatchUpTrigger } from '../../core/row/attempts.ts'
import { isUndecided } from '../../core/row/decide.ts'
import type { OverlapLock } from '../../core/row/overlap-lock.ts'
import type { PendingRow, Trigger } from '../../core/types.ts'
import { beginWaiting, type ClaimedSlot } from '../claimed-slot.ts'
import { type GaveWay, refuseClaimed, skipForOverlap } from '../give-way.ts'
import type { Settings } from '../settings.ts'
import { type LockResult, waitForOverlapLock } from './overlap-lock.ts'

export type LockedResult = { readonly hasWaited: boolean } & LockedEnd

type LockedEnd =
  /** A stop came, or the lease was lost, before the attempt began. It must still be ended. */
  | { readonly kind: 'halted' }
  /** This slot holds the overlap lock, and its attempt has begun. */
  | { readonly kind: 'begun'; readonly row: PendingRow }
  /** Another slot holds the overlap lock. */
  | { readonly kind: 'gaveWay'; readonly result: GaveWay }

/**
 * Brings a claimed slot that waits to its first attempt, if slots of the task must not overlap. Calls `onLock` when the
 * slot holds the overlap lock. Throws `LedgerError` if the ledger does not answer, and a usage error if it would wait
 * for the run that this process is a part of.
 */
export async function enterWithLock(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  onLock: () => void,
): Promise<LockedResult> {
  const { halt, settings } = claimedSlot
  let hasWaited = false
  const lockResult = await acquireOverlapLock(row, claimedSlot, () => {
    hasWaited = true
  })
  if (lockResult.kind === 'mine') onLock()
  if (halt.aborted) return { kind: 'halted', hasWaited }
  if (lockResult.kind === 'busy')
    return { kind: 'gaveWay', hasWaited, result: await giveWay(row, lockResult.holder, claimedSlot) }
  if (lockResult.kind === 'unanswered') throw lockResult.cause
  const begun = await beginWaiting(claimedSlot, settings.ledgerTimeoutMs)
  if (begun.kind === 'unanswered') throw begun.cause
  return { ...begun, hasWaited }
}

/**
 * Waits for the overlap lock, and does so again if the lease ran out during the wait. Another slot may have taken the
 * lock then, after the answer that gave it to this slot.
 */
async function acquireOverlapLock(
  row: PendingRow,
  { request, lease, halt, settings, io }: ClaimedSlot,
  onWait: () => void,
): Promise<LockResult> {
  const startMs = io.clock.monotonicMs()
  const deadlineMs = ({ isCatchUp }: { readonly isCatchUp: boolean }) =>
    startMs + patienceMs(request.trigger, isCatchUp, settings)
  for (;;) {
    const lapses = lease.lapses()
    const lockResult = await waitForOverlapLock(row, deadlineMs, settings, io, halt, (holder) => {
      if (request.insideOf?.includes(holder.runId)) throw waitsForItself(holder)
      onWait()
      io.emit({ event: 'waiting', holder })
    })
    if (lockResult.kind !== 'mine' || lease.lapses() === lapses || halt.aborted) return lockResult
  }
}

/**
 * Returns how long a trigger waits for the slot that holds the lock, in milliseconds.
 *
 * A slot that is skipped or refused never runs by itself. So a missed slot that a run catches up waits for any other slot,
 * and the slot of today waits for a missed slot, also with `skip`. Otherwise two runs that catch up at once would skip
 * slots of each other. They take turns in no fixed order, so they may wait for as long as the span of the catch-up.
 */
function patienceMs(
  trigger: Trigger,
  isCatchUp: boolean,
  { overlap, overlapTimeoutMs, catchUpMs }: Pick<Settings, 'overlap' | 'overlapTimeoutMs' | 'catchUpMs'>,
): number {
  if (trigger.kind === 'forced') return 0
  const isPatient = isCatchUpTrigger(trigger) || (isCatchUp && overlap === 'skip')
  if (isPatient) return Math.max(overlapTimeoutMs, catchUpMs ?? 0)
  return overlap === 'wait' ? overlapTimeoutMs : 0
}

function waitsForItself({ slot, runId }: OverlapLock): LedgerError {
  return usageError(
    `cronledger was called inside run ${runId} of slot ${formatInstant(slot)} of the same task, and would wait for it to end. Call the batch itself instead of cronledger, or use another task name.`,
  )
}

/**
 * A slot in which nothing ran is skipped, if the settings say so. We must not skip one in which an attempt has started:
 * its failure would no longer be shown, and an operator has to decide about it.
 */
async function giveWay(row: PendingRow, holder: OverlapLock, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { request, settings } = claimedSlot
  const hasRun = endedAttempts(row).some(hasStarted)
  const maySkip = settings.overlap === 'skip' && request.trigger.kind === 'scheduled' && !hasRun
  if (!maySkip)
    return refuseClaimed({ cause: 'overlap', holder, ...(isUndecided(row) && { claimed: row }) }, claimedSlot)
  const reason = `slot ${formatInstant(holder.slot)} was still running (run ${holder.runId})`
  return skipForOverlap(holder, reason, claimedSlot)
}
