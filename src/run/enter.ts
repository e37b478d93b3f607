import type { Finish } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { attemptCount, endedAttempts, hasStarted } from '../core/row/attempts.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import { skipRow } from '../core/row/transition.ts'
import type { Suspension } from '../core/task/task-record.ts'
import type { UpstreamSlot } from '../core/task/upstream.ts'
import type { PendingRow, Resolution, Row } from '../core/types.ts'
import { within } from './ask.ts'
import { noteRejection } from './claim.ts'
import { beginWaiting, type ClaimedSlot, endClaim } from './claimed-slot.ts'
import { acquireOverlapLock } from './overlap.ts'
import { admit, type Obstacle } from './task/admission.ts'
import { waitForUpstream } from './task/after.ts'
import { finishBy, writeAsOwner } from './write.ts'

export type GaveWay =
  /** Another slot of the task was running, and `--overlap skip` marked this one as skipped. */
  | { readonly status: 'skipped'; readonly attempt: number; readonly holder: OverlapLock; readonly recorded: boolean }
  /** The task is paused. The slot is marked as skipped, unless an attempt had already started in it. */
  | { readonly status: 'paused'; readonly attempt: number; readonly pause: Suspension; readonly recorded: boolean }
  | { readonly status: 'refused'; readonly cause: RefusedClaim['cause']; readonly row: null }

type RefusedClaim =
  | { readonly cause: 'overlap'; readonly holder: OverlapLock }
  | { readonly cause: 'blocked'; readonly missing: UpstreamSlot }
  | Exclude<Obstacle, { cause: 'paused' }>

const NO_LOCK = { holder: null, hasWaited: false } as const

/** Calls `onLock` when it holds the overlap lock. Throws `Halted` and `LedgerError`: then the attempt must still be ended. */
export async function enter(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  onLock: () => void,
): Promise<PendingRow | GaveWay> {
  const { request, settings } = claimedSlot
  const refused = await unlessAdmitted(row, claimedSlot)
  if (refused !== null) return refused
  if (request.phase !== 'waiting') return row
  // The overlap lock comes last, so that a run that waits for another task does not keep the slots of its own from running.
  const missing = settings.after === null ? null : await waitForUpstream(row, claimedSlot)
  if (missing !== null) return refuseClaimed({ cause: 'blocked', missing }, claimedSlot)
  const { holder, ...lock } = settings.overlap === 'allow' ? NO_LOCK : await acquireOverlapLock(row, claimedSlot)
  if (holder !== null) return giveWayToHolder(row, holder, claimedSlot)
  if (settings.overlap !== 'allow') onLock()
  const begun = await beginWaiting(claimedSlot, settings.ledgerTimeoutMs)
  // A pause may have been set while this run waited for another slot, or read the rows of others.
  const hasWaited = settings.after !== null || lock.hasWaited
  return (hasWaited ? await unlessAdmitted(begun, claimedSlot) : null) ?? begun
}

/** Returns null if the run may start, otherwise how it gave its slot up. */
async function unlessAdmitted(row: PendingRow, claimedSlot: ClaimedSlot): Promise<GaveWay | null> {
  const obstacle = await admit(claimedSlot, claimedSlot.settings.ledgerTimeoutMs)
  if (obstacle === null) return null
  return obstacle.cause === 'paused'
    ? giveWayToPause(row, obstacle.pause, claimedSlot)
    : refuseClaimed(obstacle, claimedSlot)
}

/** We must not skip a slot in which an attempt has started: an operator has to decide about its failure. */
async function giveWayToHolder(row: PendingRow, holder: OverlapLock, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { request, settings, io } = claimedSlot
  const hasRun = endedAttempts(row).some(hasStarted)
  const maySkip = settings.overlap === 'skip' && request.trigger.kind === 'scheduled' && !hasRun
  if (!maySkip) return refuseClaimed({ cause: 'overlap', holder }, claimedSlot)
  const reason = `slot ${formatInstant(holder.slot)} was still running (run ${holder.runId})`
  const { held, finish } = await skipClaim({ by: 'cronledger', reason }, claimedSlot)
  io.emit({ event: 'skipped', holder, ...finish, row: finish.row ?? held })
  return { status: 'skipped', attempt: attemptCount(held), holder, recorded: finish.finish === 'recorded' }
}

/** A paused slot is skipped, unless an earlier attempt had started in it: an operator has to decide about that one. */
async function giveWayToPause(row: PendingRow, pause: Suspension, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const isKept = endedAttempts(row).some(hasStarted)
  const { held, finish } = isKept
    ? await endClaim({ outcome: 'notStarted' }, claimedSlot)
    : await skipClaim({ by: pause.by, reason: `paused: ${pause.reason}` }, claimedSlot)
  claimedSlot.io.emit({ event: 'paused', pause, isKept, ...finish, row: finish.row ?? held })
  return { status: 'paused', attempt: attemptCount(held), pause, recorded: finish.finish === 'recorded' }
}

async function refuseClaimed(refused: RefusedClaim, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { request, settings, io } = claimedSlot
  const { cause } = refused
  const { held, finish } = await endClaim({ outcome: 'notStarted' }, claimedSlot)
  const detail = `${finish.finishCause}, so the slot may show this run as running until its lease ends`
  const noted =
    finish.finish === 'unanswered'
      ? { noted: false, detail }
      : await noteRejection({ kind: 'refused', cause }, request, settings, io)
  io.emit({ event: 'refused', ...refused, row: finish.row ?? held, survivor: null, ...noted })
  return { status: 'refused', cause, row: null }
}

async function skipClaim(
  resolution: Pick<Resolution, 'by' | 'reason'>,
  { lease, settings: { finishTimeoutMs, stopTimeoutMs }, io }: ClaimedSlot,
): Promise<{ readonly held: PendingRow; readonly finish: Finish }> {
  const held = await lease.release()
  const limit = { ms: finishTimeoutMs, stopTimeoutMs, retry: 'any' } as const
  const write = within(limit, io, (ask) =>
    writeAsOwner<PendingRow, Row>(held, (row, stamp) => skipRow(row, resolution, stamp), io, ask),
  )
  return { held, finish: await finishBy(write, attemptCount(held)) }
}
