import { firstLine, type LedgerError } from '../core/errors.ts'
import type { FinishResult, RunEvent } from '../core/event.ts'
import { openAttempt } from '../core/row/attempts.ts'
import { beginAttempt } from '../core/row/transition.ts'
import type { Ending, PendingRow } from '../core/types.ts'
import { withDeadline } from '../process/clock.ts'
import type { ClaimIo, ClaimRequest } from './claim.ts'
import { type Finish, finishAttempt } from './finish.ts'
import type { Lease } from './lease.ts'
import type { Settings } from './settings.ts'
import type { KnownRecords } from './task/task-record.ts'
import { startableMs } from './write.ts'

export interface RunIo extends ClaimIo {
  readonly known: KnownRecords
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

export type GateResult =
  /** The work may start at this moment. */
  | { readonly kind: 'open' }
  /** A stop came, or the lease is lost. Nothing may start. */
  | { readonly kind: 'halted' }
  /** The lease is too old to start under it, and its renewal was not answered. */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/**
 * Checks the age of the lease right before the start of the work. Since the lease was written, this process may have
 * been paused or blocked by a log. A lease that is a heartbeat old is renewed first.
 */
export async function openGate({ lease, halt, settings, io }: ClaimedSlot): Promise<GateResult> {
  let oldestMs = settings.heartbeatMs
  while (!halt.aborted) {
    if (lease.ageMs() < oldestMs) return { kind: 'open' }
    const renewed = await lease.renew((job) => withDeadline(io.clock, settings.ledgerTimeoutMs, [halt], job))
    if (renewed.kind === 'lost') return { kind: 'halted' }
    if (renewed.kind === 'unanswered' && !halt.aborted) return { kind: 'unanswered', cause: renewed.cause }
    oldestMs = startableMs(settings)
  }
  return { kind: 'halted' }
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

export type BeginResult =
  | { readonly kind: 'begun'; readonly row: PendingRow }
  /** A stop came, or the lease is lost. Nothing may start. */
  | { readonly kind: 'halted' }
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/**
 * Writes that the waiting attempt begins. Its work may start only after this write, so that a waiting run that dies has
 * started nothing. The write may take `timeoutMs` milliseconds.
 */
export async function beginWaiting(
  { lease, halt, settings, io }: ClaimedSlot,
  timeoutMs: number,
): Promise<BeginResult> {
  const written = await lease.write(
    (row, stamp) => beginAttempt(row, stamp, settings.leaseMs),
    (job) => withDeadline(io.clock, timeoutMs, [halt], job),
  )
  switch (written.kind) {
    case 'ok':
      return { kind: 'begun', row: written.row }
    case 'lost':
      return { kind: 'halted' }
    case 'unanswered':
      return halt.aborted ? { kind: 'halted' } : { kind: 'unanswered', cause: written.cause }
  }
}

/** The result of writing the end of an attempt, as the log shows it. */
export interface EndWritten {
  readonly finish: FinishResult
  /** The last error of the ledger. */
  readonly finishCause?: string
}

export function endWritten(finish: Finish): EndWritten {
  switch (finish.kind) {
    case 'recorded':
    case 'lost':
    case 'resolved':
    case 'deleted':
      return { finish: finish.kind }
    case 'unanswered':
      return { finish: finish.kind, finishCause: finish.cause.message }
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
  io.emit({ event: 'ended', attempt, ending, durationMs: 0, ...why, ...endWritten(finish) })
  return { status: 'failed', attempt: attempt.number, recorded: finish.kind === 'recorded', ...ending }
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
    io.emit({ event: 'withdrawn', certain: finish.kind !== 'unanswered', detail })
  } else {
    io.emit({ event: 'ended', attempt: openAttempt(row), ending, durationMs: 0, detail, ...endWritten(finish) })
  }
}
