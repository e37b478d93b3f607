import { type LedgerError, usageError } from '../../core/errors.ts'
import { formatInstant } from '../../core/instant.ts'
import { endedAttempts, hasStarted, isCatchUpTrigger } from '../../core/row/attempts.ts'
import type { OverlapLock } from '../../core/row/overlap-lock.ts'
import type { PendingRow, Trigger } from '../../core/types.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { type GaveWay, refuseClaimed, skipForOverlap } from '../give-way.ts'
import type { Settings } from '../settings.ts'
import { type Busy, waitForOverlapLock } from './overlap-lock.ts'

/**
 * Takes the overlap lock of the task, and waits for it if the settings say so. It does so again if the lease ran out during
 * the wait: another slot may have taken the lock then, after the answer that gave it to this slot. Returns the holder if
 * another slot keeps the lock. Throws `Halted` on a stop, `LedgerError` if the ledger does not answer, and a usage error if it
 * would wait for the run that this process is a part of.
 */
export async function acquireOverlapLock(
  row: PendingRow,
  { request, lease, halt, settings, io }: ClaimedSlot,
): Promise<{ readonly holder: OverlapLock | null; readonly hasWaited: boolean }> {
  const startMs = io.clock.monotonicMs()
  const deadlineMs = ({ isCatchUp }: Busy) => startMs + patienceMs(request.trigger, isCatchUp, settings)
  let hasWaited = false
  const onWait = (holder: OverlapLock) => {
    if (request.insideOf?.includes(holder.runId)) throw waitsForItself(holder)
    hasWaited = true
    io.emit({ event: 'waiting', holder })
  }
  for (;;) {
    const lapses = lease.lapses
    const busy = await waitForOverlapLock(row, deadlineMs, settings, io, halt, onWait)
    if (busy !== null || lease.lapses === lapses) return { holder: busy?.holder ?? null, hasWaited }
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
 * Gives the slot up to the one that holds the lock. A slot in which nothing ran is skipped, if the settings say so. We must not skip one in which an attempt has started:
 * its failure would no longer be shown, and an operator has to decide about it.
 */
export async function giveWayToHolder(
  row: PendingRow,
  holder: OverlapLock,
  claimedSlot: ClaimedSlot,
): Promise<GaveWay> {
  const { request, settings } = claimedSlot
  const hasRun = endedAttempts(row).some(hasStarted)
  const maySkip = settings.overlap === 'skip' && request.trigger.kind === 'scheduled' && !hasRun
  if (!maySkip) return refuseClaimed({ cause: 'overlap', holder }, claimedSlot)
  const reason = `slot ${formatInstant(holder.slot)} was still running (run ${holder.runId})`
  return skipForOverlap(holder, reason, claimedSlot)
}
