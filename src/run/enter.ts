import type { PendingRow } from '../core/types.ts'
import type { ClaimedSlot } from './claimed-slot.ts'
import { type GaveWay, giveWayToPause, refuseClaimed } from './give-way.ts'
import { enterWithLock } from './overlap/overlap.ts'
import { admissionRequest, admit } from './task/admission.ts'

export type EnterResult =
  /** The attempt of the slot has begun. */
  { readonly kind: 'begun'; readonly row: PendingRow } | NotEntered

type NotEntered =
  /** A stop came, or the lease was lost. The attempt must still be ended. */
  | { readonly kind: 'halted' }
  /** The slot was given up, and its attempt has ended. */
  | { readonly kind: 'gaveWay'; readonly result: GaveWay }

/**
 * Brings a claimed slot to its first attempt, unless the task is paused or another slot of it is running. Calls `onLock`
 * when the slot holds the overlap lock. Throws `LedgerError` if the ledger does not answer.
 */
export async function enter(row: PendingRow, claimedSlot: ClaimedSlot, onLock: () => void): Promise<EnterResult> {
  const refused = await unlessAdmitted(claimedSlot)
  if (refused !== null) return refused
  if (claimedSlot.request.phase !== 'waiting') return { kind: 'begun', row }
  const { hasWaited, ...entered } = await enterWithLock(row, claimedSlot, onLock)
  // A pause may have been set while this run waited for another slot.
  const mustAskAgain = hasWaited && entered.kind === 'begun'
  return (mustAskAgain ? await unlessAdmitted(claimedSlot) : null) ?? entered
}

/** Returns null if the run may start, otherwise how it gave its slot up. */
async function unlessAdmitted(claimedSlot: ClaimedSlot): Promise<NotEntered | null> {
  const { settings, io, halt } = claimedSlot
  const admission = await admit(admissionRequest(claimedSlot.request, settings), settings, io, halt)
  switch (admission.kind) {
    case 'admitted':
      return null
    case 'halted':
      return admission
    case 'paused':
      return { kind: 'gaveWay', result: await giveWayToPause(admission.pause, claimedSlot) }
    case 'newerRecord':
      return { kind: 'gaveWay', result: await refuseClaimed({ cause: 'newerTaskRecord' }, claimedSlot) }
    case 'scheduleChanged': {
      const { inForce } = admission
      return { kind: 'gaveWay', result: await refuseClaimed({ cause: 'scheduleChanged', inForce }, claimedSlot) }
    }
    case 'unanswered':
      // We must not start: a pause might be in force.
      throw admission.cause
  }
}
