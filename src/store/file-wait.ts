import { setTimeout as delay } from 'node:timers/promises'
import { formatDuration } from '../core/duration.ts'
import { LedgerError } from '../core/errors.ts'
import { quote } from '../core/problem.ts'
import { isBusy } from './file-errors.ts'
import type { CallOptions } from './store.ts'

/** First wait for the lock: a write takes some ms on a disk. It doubles up to the longest one. */
const FIRST_WAIT_MS = 25
/**
 * Hundreds of processes that try every few ms take the CPU from the one that holds the lock. With a second between tries,
 * 400 of them cost a few percent of a core, and each still tries tens of times within the ledger timeout.
 */
const LONGEST_WAIT_MS = 1_000

/**
 * Calls `work` until no other process is in its way. The event loop runs between the tries, so heartbeats and signals go
 * on. Throws `unreachable` when the signal aborts first: then nothing was written.
 */
export async function untilUnlocked<T>(path: string, { signal }: CallOptions, work: () => T): Promise<T> {
  const startMs = performance.now()
  for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
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
