import { type Clock, onAbort, withDeadline } from './clock.ts'
import type { AbortSignalWith } from './signals.ts'

export interface StopIo {
  readonly clock: Clock
  readonly stop: AbortSignalWith<StopReason>
}

export interface StopReason {
  /** The monotonic time at which the stop arrived. */
  readonly atMs: number
}

/** The part of the stop timeout that is reserved for the finish: one slow answer of the ledger and a second try. */
const FINISH_RESERVE_MS = 5_000
/** The largest share of the stop timeout that is reserved for the finish. The work needs time to stop as well. */
const FINISH_SHARE = 1 / 3
/** The share of this reserve that is kept for the exit. */
const EXIT_SHARE = 1 / 5

/** Returns how long before the end of the stop timeout the work must be over, in milliseconds. */
export function finishReserveMs(stopTimeoutMs: number): number {
  return Math.min(FINISH_RESERVE_MS, stopTimeoutMs * FINISH_SHARE)
}

/**
 * Runs `job` under a signal that aborts after `ms` milliseconds, or at the end of the stop timeout, less the time of the exit.
 * `lateMs` is for a job that begins after that: then this process was evidently not killed. Left out: no time.
 */
export function withinStop<T>(
  ms: number,
  { stopTimeoutMs }: { readonly stopTimeoutMs: number },
  { clock, stop }: StopIo,
  job: (signal: AbortSignal) => Promise<T>,
  lateMs?: number,
): Promise<T> {
  return withDeadline(clock, ms, [], async (signal, endIn) => {
    const unlink = onAbort(stop, () => {
      const exitMs = finishReserveMs(stopTimeoutMs) * EXIT_SHARE
      const leftMs = stop.reason.atMs + stopTimeoutMs - exitMs - clock.monotonicMs()
      endIn(leftMs > 0 ? leftMs : (lateMs ?? leftMs))
    })
    return await job(signal).finally(unlink)
  })
}
