import { firstLine } from '../core/errors.ts'
import { openAttempt } from '../core/row/attempts.ts'
import { beginAttempt } from '../core/row/transition.ts'
import type { Ending, PendingRow } from '../core/types.ts'
import { Halted } from './ask.ts'
import type { ClaimRequest } from './claim.ts'
import type { Lease } from './lease.ts'
import { startableMs } from './lease.ts'
import type { Settings } from './settings.ts'
import { finishAttempt, type RunIo } from './write.ts'

/** A slot that this run has claimed, and everything that is needed to run it. */
export interface ClaimedSlot {
  readonly request: ClaimRequest
  readonly lease: Lease
  /** Aborts on a stop or when the lease is lost. Nothing may start after that. */
  readonly halt: AbortSignal
  readonly settings: Settings
  readonly io: RunIo
}

/**
 * Waits until the work may start at this moment. Since the lease was written, this process may have been paused or blocked by
 * a log. A lease that is a heartbeat old is renewed first. Throws `Halted` if nothing may start, and `LedgerError` if the
 * lease is too old and its renewal is not answered.
 */
export async function openGate({ lease, halt, settings }: ClaimedSlot): Promise<void> {
  let oldestMs = settings.heartbeatMs
  while (!halt.aborted && lease.ageMs() >= oldestMs) {
    await lease.renew({ ms: settings.ledgerTimeoutMs, halt })
    oldestMs = startableMs(settings)
  }
  if (halt.aborted) throw new Halted()
}

/**
 * Writes that the waiting attempt begins. Its work may start only after this write, so that a waiting run that dies has
 * started nothing. The write may take `ms` milliseconds. Throws `Halted` if nothing may start, and `LedgerError` if the ledger
 * does not answer.
 */
export async function beginWaiting({ lease, halt, settings }: ClaimedSlot, ms: number): Promise<PendingRow> {
  const written = await lease.write((row, stamp) => beginAttempt(row, stamp, settings.leaseMs), { ms, halt })
  if (written.kind === 'lost') throw new Halted()
  return written.row
}

/** Returns `emit` without its errors: a log that fails must not stop the batch or the record of it. */
export function unfailing<E>(emit: (event: E) => void): (event: E) => void {
  return (event) => {
    try {
      emit(event)
    } catch {
      // The log is what failed, so this error cannot be logged.
    }
  }
}

/** The result of a claimed attempt that ended without a start. */
export interface Unstarted {
  readonly status: 'failed'
  readonly attempt: number
  readonly recorded: boolean
  readonly outcome: 'notStarted'
}

/**
 * Ends the claimed attempt of a slot whose work did not start, and the renewals of its lease. `detail` says why in one
 * line, unless the reason is a stop or a lost lease.
 */
export async function endUnstarted({ lease, settings, io }: ClaimedSlot, detail?: string): Promise<Unstarted> {
  const row = await lease.release()
  const attempt = openAttempt(row)
  const ending = { outcome: 'notStarted' } as const
  const finish = await finishAttempt(row, ending, settings, io)
  const why = detail === undefined ? {} : { detail }
  io.emit({ event: 'ended', attempt, ending, durationMs: 0, ...why, ...finish })
  return { status: 'failed', attempt: attempt.number, recorded: finish.finish === 'recorded', ...ending }
}

/** How far a claimed slot has come, for an error that ends the run. */
export interface RunProgress {
  /** How the attempt in progress ended: `notStarted` until its work has ended. */
  ending: Ending
  /** The number of attempts whose work was started. */
  started: number
}

/**
 * Leaves a claimed slot after an error: ends the renewals, records how the attempt ended, and logs what happened to the
 * claim. The caller throws the error. Never throws, because the error of the run must reach the caller.
 */
export async function giveUp(
  error: unknown,
  { ending, started }: RunProgress,
  { lease, settings, io }: ClaimedSlot,
): Promise<void> {
  const detail = firstLine(error)
  const row = await lease.release()
  const finish = await finishAttempt(row, ending, settings, io)
  if (started === 0) {
    io.emit({ event: 'withdrawn', certain: finish.finish !== 'unanswered', detail })
  } else {
    io.emit({ event: 'ended', attempt: openAttempt(row), ending, durationMs: 0, detail, ...finish })
  }
}
