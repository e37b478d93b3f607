import { LedgerError } from '../core/errors.ts'
import type { Clock } from '../process/clock.ts'

/** What asking again needs of the world. */
export interface RetryIo {
  readonly clock: Clock
  /** Uniform in [0, 1): spreads the retries of many hosts. */
  random(): number
}

export interface RetryOptions {
  /** Ends the asking. */
  readonly signal: AbortSignal
  /**
   * `any` asks again whatever the ledger's error is: for an owner whose work is done or under way, giving up is the
   * worst, and credentials that have just expired come back. What is no `LedgerError` is a bug, and always thrown.
   */
  readonly retry: 'unreachable' | 'any'
}

export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /**
   * None until the signal aborted or asking again was no use. What was asked may have been done, or may still be, unless
   * `changedNothing`.
   */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly changedNothing: boolean }

/** First wait between two tries; it doubles up to the longest one. */
const FIRST_WAIT_MS = 100
/** A ledger that comes back is met within two seconds, and a fleet that waits does not hammer it. */
const LONGEST_WAIT_MS = 2_000

/**
 * Asks the ledger until it answers. An error that asking again cannot mend is thrown, unless the question had been sent
 * before without an answer: what was asked then may have been done.
 */
export async function untilAnswered<T>(ask: () => Promise<T>, io: RetryIo, options: RetryOptions): Promise<Reply<T>> {
  let changedNothing = true
  for (let tries = 1, waitMs = FIRST_WAIT_MS; ; tries += 1, waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const reply = await once(ask)
    if (reply.kind === 'answer') return reply
    changedNothing &&= reply.changedNothing
    const again = options.retry === 'any' || reply.cause.kind === 'unreachable'
    if (!again && tries === 1) throw reply.cause
    if (again && !options.signal.aborted) await io.clock.wait(waitMs * (0.5 + io.random() / 2), options.signal)
    if (!again || options.signal.aborted) return { ...reply, changedNothing }
  }
}

async function once<T>(ask: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { kind: 'answer', value: await ask() }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { kind: 'unanswered', cause: error, changedNothing: error.changedNothing }
  }
}
