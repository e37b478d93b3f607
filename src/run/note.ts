import { LedgerError } from '../core/errors.ts'
import type { NoteResult } from '../core/event.ts'
import type { Rejection } from '../core/types.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import type { ClaimRequest } from './claim.ts'
import { untilAnswered } from './retry.ts'
import type { WriteIo } from './write.ts'

/** The ledger has just answered the claim. If two tries are not enough, there is an outage. */
const NOTE_TIMEOUT_MS = 10_000

/**
 * Records the rejection in the row, within a short time of its own. The row protects the slot and the note does not, so
 * a rejection that could not be noted is still a rejection. Returns whether it was noted. Never throws `LedgerError`.
 */
export async function noteRejection(
  rejection: Pick<Rejection, 'kind' | 'cause'>,
  { task, window, runId, trigger, host }: ClaimRequest,
  settings: StopSettings & { readonly ledgerTimeoutMs: number },
  io: WriteIo & StopIo,
): Promise<NoteResult> {
  const full: Rejection = { ...rejection, runId, trigger, ...host, at: io.clock.now() }
  try {
    const reply = await withinStop(Math.min(NOTE_TIMEOUT_MS, settings.ledgerTimeoutMs), settings, io, (signal) => {
      const options = { signal, retry: 'unreachable' } as const
      return untilAnswered(() => io.store.note({ task, slot: window.slot }, full, options), io, options)
    })
    return reply.kind === 'answer' ? { noted: reply.value } : { noted: false, detail: reply.cause.message }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { noted: false, detail: error.message }
  }
}
