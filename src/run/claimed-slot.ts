import { firstLine, type LedgerError } from '../core/errors.ts'
import type { FinishWord, RunEvent } from '../core/event.ts'
import { beginAttempt } from '../core/row/transition.ts'
import type { Attempt, Ending } from '../core/types.ts'
import { withDeadline } from '../process/clock.ts'
import type { ClaimIo, ClaimRequest } from './claim.ts'
import { type Finish, finishAttempt } from './finish.ts'
import type { Lease } from './lease.ts'
import type { Settings } from './settings.ts'
import type { SeenSchedules } from './task-record.ts'
import { startableMs, type WriteResult } from './write.ts'

export interface RunIo extends ClaimIo {
  readonly seen: SeenSchedules
  emit(event: RunEvent): void
}

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
 * The start gate: returns `open` if the work may start at this moment. It checks the age of the lease right before the
 * start. This process may have been paused, or a log may have blocked it, since the lease was written.
 *
 * A lease that is a heartbeat old is renewed first. Returns the error of the ledger if the renewal is not answered and
 * the lease is too old to start under it. Returns `halted` after a stop or the loss of the lease.
 */
export async function openGate({ lease, halt, settings, io }: ClaimedSlot): Promise<'open' | 'halted' | LedgerError> {
  let oldestMs = settings.heartbeatMs
  while (!halt.aborted) {
    if (lease.ageMs() < oldestMs) return 'open'
    const renewed = await lease.renew((job) => withDeadline(io.clock, settings.ledgerTimeoutMs, [halt], job))
    if (renewed.kind === 'lost') return 'halted'
    if (renewed.kind === 'unanswered' && !halt.aborted) return renewed.cause
    oldestMs = startableMs(settings)
  }
  return 'halted'
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

/**
 * Writes that the waiting attempt begins. Its work may start only after this write, so that a waiting run that dies has
 * started nothing. The write may take `timeoutMs` milliseconds.
 */
export function begin({ lease, halt, settings, io }: ClaimedSlot, timeoutMs: number): Promise<WriteResult> {
  return lease.write(
    (row, stamp) => beginAttempt(row, stamp, settings.leaseMs),
    (job) => withDeadline(io.clock, timeoutMs, [halt], job),
  )
}

/** The result of writing the end of an attempt, as the log shows it. */
export interface EndWritten {
  readonly finish: FinishWord
  /** The last error of the ledger. */
  readonly finishCause?: string
}

export function endWritten(written: Finish | WriteResult): EndWritten {
  switch (written.kind) {
    case 'unanswered':
      return { finish: 'unanswered', finishCause: written.cause.message }
    case 'lost':
      return { finish: 'found' in written && written.found === null ? 'deleted' : 'lost' }
    case 'deleted':
      return { finish: 'deleted' }
    case 'ok':
    case 'recorded':
      return { finish: 'recorded' }
  }
}

/** How far a claimed slot has come, for an error that ends the run. */
export interface Progress {
  /** How the attempt in progress ended: `notStarted` until its work has ended. */
  ending: Ending
  /** The number of attempts whose work was started. */
  started: number
}

/**
 * The one exit of a claimed slot after an error. Ends the renewals, records how the attempt ended, and logs what happened
 * to the claim. The caller throws the error. Never throws, because the error of the run must reach the caller.
 */
export async function giveUp(
  error: unknown,
  { ending, started }: Progress,
  { lease, settings, io }: ClaimedSlot,
): Promise<void> {
  const detail = firstLine(error)
  const row = await lease.release()
  const finish = await finishAttempt(row, ending, settings, io)
  if (started === 0) {
    io.emit({ event: 'withdrawn', certain: finish.kind !== 'unanswered', detail })
  } else {
    const attempt = row.attempts.at(-1) as Attempt
    io.emit({ event: 'ended', attempt, ending, durationMs: 0, detail, ...endWritten(finish) })
  }
}
