import { setTimeout as delay } from 'node:timers/promises'
import { formatDuration } from '../core/duration.ts'
import { LedgerError } from '../core/errors.ts'
import { quote } from '../core/problem.ts'
import { isBusy } from './file-errors.ts'
import type { CallOptions } from './store.ts'

/** The waits between two tries for the lock: the first one, and the longest one, to which it doubles. */
interface Waits {
  readonly firstMs: number
  readonly longestMs: number
}

/**
 * Hundreds of processes that try every few ms take the CPU from the one that holds the lock. With these waits, 400 of them
 * use a part of one core, and each still tries about a hundred times within the ledger timeout.
 */
const CLAIM: Waits = { firstMs: 25, longestMs: 250 }
/**
 * For writes that have minutes, as a finish has. Where hundreds of runs are due at once, most of them still wait for their
 * claim, which has seconds, so claims get the lock more often.
 */
export const PATIENT: Waits = { firstMs: 50, longestMs: 1_000 }

/**
 * Calls `work` until no other process is in its way. The event loop runs between the tries, so heartbeats and signals go
 * on. Throws `unreachable` when the signal aborts first: then nothing was written.
 */
export async function untilUnlocked<T>(
  path: string,
  { signal }: CallOptions,
  work: () => T,
  { firstMs, longestMs }: Waits = CLAIM,
): Promise<T> {
  const startMs = performance.now()
  for (let waitMs = firstMs; !signal.aborted; waitMs = Math.min(2 * waitMs, longestMs)) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      // Spread, so that processes that were started together do not try together. An abort ends the wait and the loop.
      await delay(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }
  const waited = formatDuration(Math.ceil((performance.now() - startMs) / 100) * 100)
  throw new LedgerError(
    'unreachable',
    `file ledger ${quote(path)} is busy: other processes held its lock for ${waited}. Start fewer runs at once, or raise --ledger-timeout`,
  )
}
