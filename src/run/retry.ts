import { LedgerError } from '../core/errors.ts'
import type { Clock } from '../process/clock.ts'

/** The clock and the random numbers that a retry of a request needs. */
export interface RetryIo {
  readonly clock: Clock
  /** A random number, uniform in [0, 1). It spreads the retries of many hosts. */
  random(): number
}

export interface RetryOptions {
  /** Ends the retries. */
  readonly signal: AbortSignal
  /**
   * `any` tries again after every error of the ledger. It is for an owner whose work is done or under way: giving up
   * would be worse, and expired credentials may be renewed. An error that is not a `LedgerError` is a bug and always
   * thrown.
   */
  readonly retry: 'unreachable' | 'any'
}

export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /**
   * No answer came before the signal aborted, or trying again was pointless. Unless `changedNothing`, the request may
   * have been applied, or may still be applied.
   */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly changedNothing: boolean }

/** The first wait between two tries. It doubles up to the longest wait. */
const FIRST_WAIT_MS = 100
/**
 * With this limit, a run notices within two seconds that the ledger is back, and a fleet that waits does not overload
 * it.
 */
const LONGEST_WAIT_MS = 2_000

/**
 * Calls `ask` until the ledger answers. Throws an error that a new try cannot fix, unless an earlier try got no answer:
 * that request may have been applied.
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
