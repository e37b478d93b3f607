import { setTimeout as delay } from 'node:timers/promises'
import { spread } from '../../core/duration.ts'
import { LedgerError, option, quote, said } from '../../core/errors.ts'
import type { CallOptions } from '../store.ts'
import { isBusy } from './errors.ts'

/** The waits double up to `longestMs`. With shorter ones, hundreds of processes take the CPU from the one with the lock. */
const CLAIM = { firstMs: 25, longestMs: 250 }
/** For writes that have minutes, such as a finish. Claims have only seconds, so they must get the lock more often. */
export const PATIENT = { firstMs: 50, longestMs: 1_000 }

/** A patient write steps back for at most this long before its first try. */
const LONGEST_STEP_BACK_MS = 2_000
/** A wait shows how busy the lock is, but only for this long. */
const BUSY_FOR_MS = 60_000

/** A process that has just got the lock would also get it for its next write, so a patient write steps back. */
export function openLockWait(path: string) {
  let last = { waitedMs: 0, atMs: 0 }
  return async <T>(call: CallOptions, work: () => T, waits = CLAIM): Promise<T> => {
    const startMs = performance.now()
    if (waits === PATIENT && last.waitedMs > CLAIM.longestMs && startMs - last.atMs < BUSY_FOR_MS) {
      const stepMs = Math.min(last.waitedMs, LONGEST_STEP_BACK_MS)
      await delay(spread(stepMs, Math.random()), undefined, call).catch(() => undefined)
    }
    try {
      return await untilUnlocked(path, call, work, waits)
    } finally {
      const atMs = performance.now()
      if (waits !== PATIENT) last = { waitedMs: atMs - startMs, atMs }
    }
  }
}

/** The event loop runs between the tries. Throws `unreachable` if the signal aborts first. Then nothing was written. */
export async function untilUnlocked<T>(
  path: string,
  { signal }: CallOptions,
  work: () => T,
  { firstMs, longestMs } = CLAIM,
): Promise<T> {
  // A patient write is tried at least once. Its step back may have taken the whole time that a stop leaves.
  let mustTry = longestMs === PATIENT.longestMs
  let wasBusy = false
  for (let waitMs = firstMs; mustTry || !signal.aborted; waitMs = Math.min(2 * waitMs, longestMs)) {
    mustTry = false
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      wasBusy = true
      // An abort ends the wait and the loop.
      await delay(spread(waitMs, Math.random()), undefined, { signal }).catch(() => undefined)
    }
  }
  const why = wasBusy
    ? 'is busy, because other processes held its lock for the whole time. Start fewer runs at once'
    : 'was not asked, because the time was over before its turn. Try again when this machine has less to do'
  throw new LedgerError(
    'unreachable',
    said`file ledger ${quote(path)} ${why}, or raise ${option('ledgerTimeoutMs')}.`,
    {
      isBusy: true,
    },
  )
}
