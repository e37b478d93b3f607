import type { Finish } from '../core/event.ts'
import { defined } from '../core/objects.ts'
import { openAttempt } from '../core/row/attempts.ts'
import type { RangeStart } from '../core/row/range.ts'
import { beginAttempt, type Stamp, withRange } from '../core/row/transition.ts'
import { rangesUntil, type TaskRecord } from '../core/task/task-record.ts'
import type { Ending, PendingRow, Row } from '../core/types.ts'
import { Halted } from './ask.ts'
import type { AskedSlot } from './claim.ts'
import { type Lease, startableMs } from './lease.ts'
import { finishAttempt } from './write.ts'

export interface ClaimedSlot extends AskedSlot {
  readonly lease: Lease
  /** Aborts on a stop or when the lease is lost. Nothing may start after that. */
  readonly halt: AbortSignal
  /** The task record by which the run was admitted last. Null: it has not asked, or is forced and found none. */
  record: TaskRecord | null
  /** The lapses of the lease when the range of the attempt was found. Null: it has none. */
  rangeLapses: number | null
}

/** Returns whether the slot has a range, or may lie in one: by the option of this run, or by what the runs of the task stated. */
export function hasRanges({ settings, record, request }: ClaimedSlot): boolean {
  return settings.sinceLastSuccess || (record !== null && request.window.slot < rangesUntil(record))
}

/** Renews a lease that is a heartbeat old. Throws `Halted`, and `LedgerError` if one that is too old is not renewed. */
export async function openGate({ lease, halt, settings }: ClaimedSlot): Promise<void> {
  let oldestMs = settings.heartbeatMs
  while (!halt.aborted && lease.ageMs() >= oldestMs) {
    await lease.renew({ ms: settings.ledgerTimeoutMs, halt })
    oldestMs = startableMs(settings)
  }
  if (halt.aborted) throw new Halted()
}

/** The work may start only after this write, so that a waiting run that dies has started nothing. It may take `ms`. */
export function beginWaiting(
  claimedSlot: ClaimedSlot,
  ms: number,
  range: RangeStart | null = null,
): Promise<PendingRow> {
  const { leaseMs } = claimedSlot.settings
  const change = (row: Row, stamp: Stamp) => withRange(beginAttempt(row, stamp, leaseMs), range)
  return writeClaimed(change, claimedSlot, ms)
}

export async function writeClaimed(
  change: (row: Row, stamp: Stamp) => PendingRow,
  { lease, halt }: ClaimedSlot,
  ms: number,
): Promise<PendingRow> {
  const written = await lease.write(change, { ms, halt })
  if (written.kind === 'lost') throw new Halted()
  return written.row
}

/** Returns `emit` without its errors: a log that fails must not stop the batch or the record of it. */
export function unfailing<E extends unknown[]>(emit: (...event: E) => void): (...event: E) => void {
  return (...event) => {
    try {
      emit(...event)
    } catch {
      // The log is what failed, so this error cannot be logged.
    }
  }
}

/** Ends the renewals of the lease, and records how the open attempt ended. Returns also the row before that. Never throws. */
export async function endClaim(
  ending: Ending,
  { lease, settings, io }: ClaimedSlot,
): Promise<{ readonly held: PendingRow; readonly finish: Finish }> {
  const held = await lease.release()
  return { held, finish: await finishAttempt(held, ending, settings, io, (row) => lease.noted(row)) }
}

/** Ends an attempt whose work did not start. `detail`: why, unless it is a stop or a lost lease. */
export async function endUnstarted(claimedSlot: ClaimedSlot, detail?: string) {
  const ending = { outcome: 'notStarted' } as const
  const { held, finish } = await endClaim(ending, claimedSlot)
  const attempt = openAttempt(held)
  claimedSlot.io.emit({ event: 'ended', attempt, ending, durationMs: 0, ...defined({ detail }), ...finish })
  return { status: 'failed', attempt: attempt.number, recorded: finish.finish === 'recorded', ...ending } as const
}
