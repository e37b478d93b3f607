import { LedgerError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { openAttempt } from '../core/row/attempts.ts'
import { delayBeforeRetryMs } from '../core/row/policy.ts'
import { retryAttempt } from '../core/row/transition.ts'
import type { PendingRow } from '../core/types.ts'
import { withinStop } from '../process/stop.ts'
import { beginWaiting, type ClaimedSlot, type EndWritten, endUnstarted, endWritten } from './claimed-slot.ts'
import { finishOf } from './finish.ts'
import { admissionRequest, admit } from './task/admission.ts'

interface Forbidden {
  readonly kind: 'forbidden'
  /** The reason, in one line. */
  readonly why: string
}

/** The end of an attempt, before it is known whether it could be recorded. */
type EndToWrite = Omit<Extract<RunEvent, { event: 'ended' }>, keyof EndWritten>

export type Retry =
  /** The next attempt has begun. */
  | { readonly kind: 'begun'; readonly row: PendingRow }
  /** A stop came, or the lease was lost, while the next attempt waited. It has not begun, and must still be ended. */
  | { readonly kind: 'halted' }
  /**
   * No attempt follows, because the ledger did not accept or answer a request, or because the task is paused. `recorded`
   * says whether the end of the attempt before is recorded.
   */
  | { readonly kind: 'none'; readonly recorded: boolean }

/**
 * Records the end of one attempt together with the next attempt of the same trigger, and waits until that is due.
 * `retry` counts the retries of the trigger from 1.
 */
export async function waitForRetry(ended: EndToWrite, retry: number, claimedSlot: ClaimedSlot): Promise<Retry> {
  const { lease, halt, settings, io } = claimedSlot
  const written = await lease.write(
    (row, stamp) => retryAttempt(row, ended.ending, stamp, settings.leaseMs),
    (job) => withinStop(settings.finishTimeoutMs, settings, io, job),
  )
  const retries = written.kind === 'ok' && !halt.aborted
  io.emit({ ...ended, ...endWritten(finishOf(written, ended.attempt.number)), ...(retries && { retries }) })
  if (written.kind !== 'ok') {
    await lease.release()
    return { kind: 'none', recorded: false }
  }
  if (halt.aborted) return { kind: 'halted' }
  const delayMs = delayBeforeRetryMs(settings, retry)
  io.emit({ event: 'retry', attempt: openAttempt(written.row).number, delayMs })
  await io.clock.wait(delayMs, halt)
  if (halt.aborted) return { kind: 'halted' }
  const forbidden = await whyNotNow(claimedSlot)
  const begun = forbidden ?? (await beginWaiting(claimedSlot, settings.finishTimeoutMs))
  if (begun.kind !== 'unanswered' && begun.kind !== 'forbidden') return begun
  // The next attempt did not begin. We must log its end, otherwise a reader of the log waits for it.
  await endUnstarted(claimedSlot, begun.kind === 'forbidden' ? begun.why : begun.cause.message)
  return { kind: 'none', recorded: true }
}

/**
 * Returns why the next attempt must not begin, or null. The delay may take a day, and an operator who pauses the task in
 * that time expects that nothing starts. A change of the schedule does not matter: the slot has begun under its own.
 */
async function whyNotNow({ request, halt, settings, io }: ClaimedSlot): Promise<Forbidden | null> {
  const because = (why: string) => ({ kind: 'forbidden', why }) as const
  try {
    // As the writes around it, the read may last through an outage.
    const asked = { ...settings, ledgerTimeoutMs: settings.finishTimeoutMs }
    const admission = await admit(admissionRequest(request, settings), asked, io, halt)
    switch (admission.kind) {
      case 'paused':
        return because(`${admission.pause.by} paused the task: ${admission.pause.reason}`)
      case 'newerRecord':
        return because('a newer version of cronledger wrote the record of the task, so it may be paused')
      case 'unanswered':
        return because(admission.cause.message)
      default:
        return null
    }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return because(error.message)
  }
}
