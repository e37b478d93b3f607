import { firstLine, LedgerError } from '../core/errors.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import { finishRow } from '../core/row/transition.ts'
import type { Ending, Row, StoredRow } from '../core/types.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import { type WriteIo, writeAsOwner } from './write.ts'

export interface FinishSettings extends StopSettings {
  /** How long the finish is tried before the outcome counts as unrecorded. */
  readonly finishTimeoutMs: number
}

export type Finish =
  | { readonly kind: 'recorded' }
  /** Another run owns the slot. */
  | { readonly kind: 'lost' }
  /** The row was deleted. It is not made again, because any trigger may have started in the slot. */
  | { readonly kind: 'deleted' }
  /** It may be recorded, or still land; `cause` is what the ledger said last. */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/** Writes how the attempt ended, on top of `row` or of a renewal of it that lands late. Never throws. */
export async function finishAttempt(
  row: Row,
  ending: Ending,
  settings: FinishSettings,
  io: WriteIo & StopIo,
): Promise<Finish> {
  try {
    const written = await withinStop(settings.finishTimeoutMs, settings, io, (signal) =>
      writeAsOwner(row, (baseRow, stamp) => finishRow(baseRow, ending, stamp), io, { signal, retry: 'any' }),
    )
    if (written.kind === 'unanswered') return written
    if (written.kind === 'ok' || tells(written.found, row, ending)) return { kind: 'recorded' }
    return { kind: written.found === null ? 'deleted' : 'lost' }
  } catch (error) {
    // A bug in a write must not hide how the work ended: the caller says that this may not be on record.
    return { kind: 'unanswered', cause: new LedgerError('unreachable', firstLine(error), { cause: error }) }
  }
}

/** The finish had landed before another run took the slot on: only this run can have written how its attempt ended. */
function tells(found: StoredRow | null, row: Row, ending: Ending): boolean {
  if (found === null || isNewerSchema(found)) return false
  const own = row.attempts.at(-1)
  const attempt = found.attempts.find(({ number }) => number === own?.number)
  return attempt?.runId === row.owner && attempt.outcome === ending.outcome && attempt.endedAt !== undefined
}
