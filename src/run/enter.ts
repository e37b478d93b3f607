import type { PendingRow } from '../core/types.ts'
import { beginWaiting, type ClaimedSlot } from './claimed-slot.ts'
import { type GaveWay, giveWayToPause, refuseClaimed } from './give-way.ts'
import { acquireOverlapLock, giveWayToHolder } from './overlap/overlap.ts'
import { admit } from './task/admission.ts'

/**
 * Brings a claimed slot to its first attempt, unless the task is paused or another slot of it is running. Calls `onLock`
 * when the slot holds the overlap lock. Returns the row of the attempt that has begun, or how the slot was given up. Throws
 * `Halted` on a stop and `LedgerError` if the ledger does not answer: then the attempt must still be ended.
 */
export async function enter(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  onLock: () => void,
): Promise<PendingRow | GaveWay> {
  const { request, settings } = claimedSlot
  const refused = await unlessAdmitted(claimedSlot)
  if (refused !== null) return refused
  if (request.phase !== 'waiting') return row
  const { holder, hasWaited } = await acquireOverlapLock(row, claimedSlot)
  if (holder !== null) return giveWayToHolder(row, holder, claimedSlot)
  onLock()
  const begun = await beginWaiting(claimedSlot, settings.ledgerTimeoutMs)
  // A pause may have been set while this run waited for another slot.
  return (hasWaited ? await unlessAdmitted(claimedSlot) : null) ?? begun
}

/** Returns null if the run may start, otherwise how it gave its slot up. */
async function unlessAdmitted(claimedSlot: ClaimedSlot): Promise<GaveWay | null> {
  const obstacle = await admit(claimedSlot, claimedSlot.settings.ledgerTimeoutMs)
  switch (obstacle?.kind) {
    case undefined:
      return null
    case 'paused':
      return giveWayToPause(obstacle.pause, claimedSlot)
    case 'newerRecord':
      return refuseClaimed({ cause: 'newerTaskRecord' }, claimedSlot)
    case 'scheduleChanged':
      return refuseClaimed({ cause: 'scheduleChanged', inForce: obstacle.inForce }, claimedSlot)
  }
}
