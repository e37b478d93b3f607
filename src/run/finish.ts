import { firstLine, LedgerError } from '../core/errors.ts'
import type { FinishResult } from '../core/event.ts'
import { attemptCount, openAttempt } from '../core/row/attempts.ts'
import { isNewerSchema, readableRow } from '../core/row/status.ts'
import { finishRow } from '../core/row/transition.ts'
import type { Ending, PendingRow, Row, StoredRow } from '../core/types.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import { type WriteIo, type WriteResult, writeAsOwner } from './write.ts'

export interface FinishSettings extends StopSettings {
  /** How long the finish is tried, in milliseconds, before the outcome counts as unrecorded. */
  readonly finishTimeoutMs: number
}

/** The time of one slow answer, for work that could not be stopped in time, such as a function of `ledger.run`. */
const LATE_MS = 5_000

export type Finish =
  /** A row that was deleted is not created again, because any trigger may have started in the slot. */
  | { readonly kind: Exclude<FinishResult, 'unanswered'> }
  /** The outcome may be recorded, or may still be recorded later. `cause` is the last error of the ledger. */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/** Returns what the result of a write means for the end of the attempt with this number, which was in it. */
export function finishOf(written: WriteResult<Row>, number: number): Finish {
  switch (written.kind) {
    case 'ok':
      return { kind: 'recorded' }
    case 'lost':
      return { kind: lossOf(written.found, number) }
    case 'unanswered':
      return { kind: 'unanswered', cause: written.cause }
  }
}

/**
 * Returns how the run of the attempt with this number lost its slot: to another run, to an operator who resolved the slot
 * while the attempt was open, or because the row was deleted.
 */
export function lossOf(found: StoredRow | null, number: number): 'lost' | 'resolved' | 'deleted' {
  if (found === null) return 'deleted'
  const row = readableRow(found)
  // The last resolution took the slot from this attempt, and no other attempt came after it.
  const isResolved = row !== null && row.resolutions.at(-1)?.afterAttempt === number && attemptCount(row) === number
  return isResolved ? 'resolved' : 'lost'
}

/** Writes how the attempt ended, on top of `row` or of a late renewal of it. Never throws. */
export async function finishAttempt(
  row: PendingRow,
  ending: Ending,
  settings: FinishSettings,
  io: WriteIo & StopIo,
): Promise<Finish> {
  try {
    const write = (signal: AbortSignal) =>
      writeAsOwner(row, (baseRow, stamp) => finishRow(baseRow, ending, stamp), io, { signal, retry: 'any' })
    const written = await withinStop(settings.finishTimeoutMs, settings, io, write, LATE_MS)
    if (written.kind === 'lost' && showsEnding(written.found, row, ending)) return { kind: 'recorded' }
    return finishOf(written, openAttempt(row).number)
  } catch (error) {
    // A bug in a write must not hide how the work ended. The caller reports that the outcome may not be recorded.
    return { kind: 'unanswered', cause: new LedgerError('unreachable', firstLine(error), { cause: error }) }
  }
}

/**
 * Returns whether the finish was applied before another run took the slot over. Only this run can have written how its
 * attempt ended.
 */
function showsEnding(found: StoredRow | null, row: PendingRow, ending: Ending): boolean {
  if (found === null || isNewerSchema(found)) return false
  const own = openAttempt(row)
  const attempt = found.attempts.find(({ number }) => number === own.number)
  if (attempt?.phase !== 'ended') return false
  return attempt.runId === row.owner && attempt.outcome === ending.outcome && attempt.endedAt !== undefined
}
