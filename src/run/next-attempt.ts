import type { RunEvent } from '../core/event.ts'
import { delayBeforeRetryMs } from '../core/row/policy.ts'
import { retryAttempt } from '../core/row/transition.ts'
import type { Attempt, Row } from '../core/types.ts'
import { withinStop } from '../process/stop.ts'
import { beginWaiting, type ClaimedSlot, type EndWritten, endWritten } from './claimed-slot.ts'
import { finishAttempt } from './finish.ts'

type Ended = Omit<Extract<RunEvent, { event: 'ended' }>, keyof EndWritten>

export type Retry =
  /** The next attempt has begun, or a stop came while it waited and it has not. */
  | { readonly kind: 'next'; readonly row: Row }
  /**
   * No attempt follows, because the ledger did not accept or answer a write. `recorded` says whether the end of the
   * attempt before is recorded.
   */
  | { readonly kind: 'none'; readonly recorded: boolean }

/**
 * Records the end of one attempt together with the next attempt of the same trigger, and waits until that is due.
 * `retry` counts the retries of the trigger from 1.
 */
export async function waitForRetry(ended: Ended, retry: number, claimedSlot: ClaimedSlot): Promise<Retry> {
  const { lease, halt, settings, io } = claimedSlot
  const written = await lease.write(
    (row, stamp) => retryAttempt(row, ended.ending, stamp, settings.leaseMs),
    (job) => withinStop(settings.finishTimeoutMs, settings, io, job),
  )
  io.emit({ ...ended, ...endWritten(written) })
  if (written.kind !== 'ok') {
    await lease.release()
    return { kind: 'none', recorded: false }
  }
  const delayMs = delayBeforeRetryMs(settings, retry)
  if (!halt.aborted) io.emit({ event: 'retry', attempt: (written.row.attempts.at(-1) as Attempt).number, delayMs })
  await io.clock.wait(delayMs, halt)
  if (halt.aborted) return { kind: 'next', row: written.row }
  const begun = await beginWaiting(claimedSlot, settings.finishTimeoutMs)
  if (begun.kind === 'ok') return { kind: 'next', row: begun.row }
  if (halt.aborted) return { kind: 'next', row: written.row }
  // The next attempt did not begin. We must log its end, otherwise a reader of the log waits for it.
  const detail = begun.kind === 'unanswered' ? { detail: begun.cause.message } : {}
  const attempt = written.row.attempts.at(-1) as Attempt
  const ending = { outcome: 'notStarted' } as const
  const finish = await finishAttempt(await lease.release(), ending, settings, io)
  io.emit({ event: 'ended', attempt, ending, durationMs: 0, ...detail, ...endWritten(finish) })
  return { kind: 'none', recorded: true }
}
