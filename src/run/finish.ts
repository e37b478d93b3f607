import { isForeign } from '../core/decide.ts'
import { finished } from '../core/transition.ts'
import type { Ending, Row, StoredRow } from '../core/types.ts'
import { type StopIo, type StopTerms, withinStop } from './stop.ts'
import { type WriteIo, writeAsOwner } from './write.ts'

export interface FinishTerms extends StopTerms {
  /** How long the finish is tried before the outcome counts as unrecorded. */
  readonly finishTimeoutMs: number
}

/** `lost`: another run owns the slot. `unanswered`: it may be recorded, or still land. */
export type Finish = 'recorded' | 'lost' | 'unanswered'

/** Writes how the attempt ended, on top of `row` or of a renewal of it that lands late. */
export async function finishAttempt(
  row: Row,
  ending: Ending,
  terms: FinishTerms,
  io: WriteIo & StopIo,
): Promise<Finish> {
  const written = await withinStop(terms.finishTimeoutMs, terms, io, (signal) =>
    writeAsOwner(row, (ground, stamp) => finished(ground, ending, stamp), io, { signal, retry: 'any' }),
  )
  if (written.kind === 'lost') return tells(written.found, row, ending) ? 'recorded' : 'lost'
  return written.kind === 'ok' ? 'recorded' : 'unanswered'
}

/** The finish had landed before another run took the slot on: only this run can have written how its attempt ended. */
function tells(found: StoredRow | null, row: Row, ending: Ending): boolean {
  if (found === null || isForeign(found)) return false
  const attempt = found.attempts.find(({ runId }) => runId === row.owner)
  return attempt?.outcome === ending.outcome && attempt.endedAt !== undefined
}
