import { firstLine } from '../core/errors.ts'
import type { Attempt, Ending } from '../core/types.ts'
import { type ClaimedSlot, endWritten } from './claimed-slot.ts'
import { finishAttempt } from './finish.ts'

/** How far a claimed slot has come, for an error that ends the run. */
export interface Progress {
  /** How the attempt in progress ended: `notStarted` until its work has ended. */
  ending: Ending
  /** The number of attempts whose work was started. */
  started: number
}

/**
 * Ends a claimed slot after an error: ends the renewals, records how the attempt ended, and logs what happened to the
 * claim. The caller then throws the error. Never throws, because the error of the run must reach the caller.
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
