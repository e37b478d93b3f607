import type { Finish, NoteResult } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { attemptCount, endedAttempts, hasStarted, isCatchUpTrigger, openAttempt } from '../core/row/attempts.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import { skipRow } from '../core/row/transition.ts'
import type { Suspension } from '../core/task/task-record.ts'
import type { UnknownUpstream, UpstreamSlot } from '../core/task/upstream.ts'
import type { DuplicateCause, Ending, PendingRow, RefusalCause, Rejection, Resolution, Row } from '../core/types.ts'
import { within } from './ask.ts'
import { noteRejection } from './claim.ts'
import { beginWaiting, type ClaimedSlot, endClaim, hasRanges } from './claimed-slot.ts'
import { acquireOverlapLock } from './overlap.ts'
import { admit, type Obstacle, stateRange } from './task/admission.ts'
import type { RangeAnswer } from './task/range.ts'
import { waitForUpstream } from './task/upstream.ts'
import { finishBy, type RunIo, writeAsOwner } from './write.ts'

export type GaveWay =
  /** Another slot of the task was running, and `--overlap skip` marked this one as skipped. */
  | { readonly status: 'skipped'; readonly attempt: number; readonly holder: OverlapLock; readonly recorded: boolean }
  /** The task is paused. The slot is marked as skipped, unless an attempt had already started in it. */
  | { readonly status: 'paused'; readonly attempt: number; readonly pause: Suspension; readonly recorded: boolean }
  /** A later run of the task has this slot in its range. */
  | { readonly status: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row }
  | { readonly status: 'refused'; readonly cause: RefusalCause; readonly row: null }
  | Taken

/** Another run has the slot that this one wanted to catch up. */
export interface Taken {
  readonly status: 'taken'
}

type RefusedClaim =
  | { readonly cause: 'overlap'; readonly holder: OverlapLock }
  | { readonly cause: 'blocked'; readonly missing: UpstreamSlot }
  | { readonly cause: 'blocked'; readonly unknown: UnknownUpstream }
  | Exclude<Obstacle, { cause: 'paused' }>

/** Calls `onLock` when it holds the overlap lock. Throws `Halted` and `LedgerError`: then the attempt must still be ended. */
export async function enter(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  onLock: () => void,
): Promise<PendingRow | GaveWay> {
  const { request, settings } = claimedSlot
  const { unknownUpstream } = request
  const refused = await unlessAdmitted(row, claimedSlot, settings.after !== null)
  if (refused !== null) return refused
  if (unknownUpstream) return refuseClaimed({ cause: 'blocked', unknown: unknownUpstream }, claimedSlot)
  // The overlap lock comes last, so that a run that waits for another task does not keep the slots of its own from running.
  const missing = settings.after === null ? null : await waitForUpstream(row, claimedSlot)
  if (missing !== null) return refuseClaimed({ cause: 'blocked', missing }, claimedSlot)
  if (settings.overlap !== 'allow' || hasRanges(claimedSlot))
    return beginInTurn(row, claimedSlot, settings.ledgerTimeoutMs, onLock)
  if (request.phase !== 'waiting') return row
  const begun = await beginWaiting(claimedSlot, settings.ledgerTimeoutMs)
  // A pause may have been set while this run waited for another slot, or read the rows of others. Or a run with a range may have
  // begun, which did not see this one.
  const refusedSince = await unlessAdmitted(begun, claimedSlot)
  return (
    refusedSince ?? (hasRanges(claimedSlot) ? beginInTurn(begun, claimedSlot, settings.ledgerTimeoutMs, onLock) : begun)
  )
}

/**
 * Takes the overlap lock and begins the attempt, with its range on record. If the lease ran out after the lock was taken, other
 * runs may have had it, and what was read before is out of date.
 */
export async function beginInTurn(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  ms: number,
  onLock: () => void = () => {},
): Promise<PendingRow | GaveWay> {
  const { lease, settings } = claimedSlot
  const isWaiting = openAttempt(row).phase === 'waiting'
  for (let hasWaited = settings.after !== null; ; ) {
    const acquired = await acquireOverlapLock(row, claimedSlot, ms)
    if (acquired.kind === 'busy') return giveWayToHolder(row, acquired.holder, claimedSlot)
    if (acquired.kind !== 'held') return giveWayToLater(acquired, claimedSlot)
    onLock()
    hasWaited ||= acquired.hasWaited
    const { around, lapses } = acquired
    const start = settings.sinceLastSuccess && around !== null ? around.start : null
    if (start !== null && (await stateRange(claimedSlot, ms))) hasWaited = true
    const begun = isWaiting || start !== null ? await beginWaiting(claimedSlot, ms, start) : row
    if (around !== null && lease.lapses !== lapses) continue
    claimedSlot.rangeLapses = around && lapses
    const refused = hasWaited ? await unlessAdmitted(begun, claimedSlot) : null
    if (refused === null && start !== null && 'searched' in start)
      claimedSlot.io.emit({ event: 'warning', message: NOT_FOUND })
    return refused ?? begun
  }
}

const NOT_FOUND =
  'no completed slot was found before this slot (in at most 1,000 records), so CRONLEDGER_RUN_SINCE is not set.'

/** Returns null if the run may start, otherwise how it gave its slot up. */
async function unlessAdmitted(row: PendingRow, claimedSlot: ClaimedSlot, asksAgain?: boolean): Promise<GaveWay | null> {
  const obstacle = await admit(claimedSlot, claimedSlot.settings.ledgerTimeoutMs, asksAgain)
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
  const { held, finish } = await skipClaim({ by: 'cronledger', reason, gaveWayTo: holder.slot }, claimedSlot)
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

/** A later run has this slot in its range. The row says which, and stays open in case that the record of the other is deleted. */
async function giveWayToLater(answer: RangeAnswer, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { kind, cause, by } = answer
  const gaveWay = cause === 'completed' || cause === 'running'
  const ending = { outcome: 'notStarted', ...(gaveWay && { gaveWayTo: by.slot }) } as const
  const { held, finish } = await endClaim(ending, claimedSlot)
  // No scheduler asked for it, so nothing is recorded.
  if (isCatchUpTrigger(claimedSlot.request.trigger)) return { status: 'taken' }
  const noted = await noteEnded({ kind, cause }, finish, claimedSlot)
  return reportAnswer(answer, finish.row ?? held, noted, claimedSlot.io)
}

export function reportAnswer(
  answer: RangeAnswer,
  row: Row,
  noted: NoteResult,
  io: Pick<RunIo, 'emit'>,
): Extract<GaveWay, { status: 'duplicate' | 'refused' }> {
  if (answer.kind === 'duplicate') {
    const { kind, cause, by } = answer
    io.emit({ event: kind, cause, row, by, ...noted })
    return { status: kind, cause, row }
  }
  const { kind, cause, by } = answer
  io.emit({ event: kind, cause, row, survivor: null, ...(by && { by }), ...noted })
  return { status: kind, cause, row: null }
}

async function refuseClaimed(refused: RefusedClaim, claimedSlot: ClaimedSlot): Promise<GaveWay> {
  const { io } = claimedSlot
  const { cause } = refused
  const task = 'unknown' in refused ? refused.unknown.task : null
  const blockedBy = task === null ? {} : { blockedBy: { task, slot: claimedSlot.request.window.slot } }
  const { held, finish } = await endClaim({ outcome: 'notStarted', ...blockedBy }, claimedSlot)
  const noted = await noteEnded({ kind: 'refused', cause }, finish, claimedSlot)
  io.emit({ event: 'refused', ...refused, row: finish.row ?? held, survivor: null, ...noted })
  return { status: 'refused', cause, row: null }
}

async function noteEnded(
  rejection: Pick<Rejection, 'kind' | 'cause'>,
  { finish, finishCause }: Finish,
  claimedSlot: ClaimedSlot,
): Promise<NoteResult> {
  const detail = `${finishCause}, so the slot may show this run as running until its lease ends`
  return finish === 'unanswered' ? { noted: false, detail } : noteRejection(rejection, claimedSlot)
}

async function skipClaim(
  resolution: Pick<Resolution, 'by' | 'reason'> & Pick<Ending, 'gaveWayTo'>,
  { lease, settings: { finishTimeoutMs, stopTimeoutMs }, io }: ClaimedSlot,
): Promise<{ readonly held: PendingRow; readonly finish: Finish }> {
  const held = await lease.release()
  const limit = { ms: finishTimeoutMs, stopTimeoutMs, retry: 'any' } as const
  const write = within(limit, io, (ask) =>
    writeAsOwner<PendingRow, Row>(held, (row, stamp) => skipRow(row, resolution, stamp), io, ask),
  )
  return { held, finish: await finishBy(write, attemptCount(held)) }
}
