import type { Instant } from '../core/types.ts'
import type { AbortSignalWith } from './signals.ts'
import { monotonicMs } from './signals.ts'

/** The version of Node's time zone data, which decides the slots. A Node without ICU has none. */
export const ZONE_DATA = process.versions['tz'] ?? 'unknown'

/** The wall clock is for records. The monotonic clock measures, and decides what is due. */
export interface Clock {
  /** Returns the time of the wall clock. It may jump, and differs from the clocks of other hosts by up to the skew. */
  now(): Instant
  /** Returns the milliseconds since an arbitrary start. Never goes back. */
  monotonicMs(): number
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

/** A longer delay of a timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs,
  async wait(ms, signal) {
    const untilMs = monotonicMs() + ms
    for (let leftMs = ms; leftMs > 0 && !signal?.aborted; leftMs = untilMs - monotonicMs()) {
      await wait(Math.min(leftMs, LONGEST_TIMER_MS), signal)
    }
  },
}

/** Waits without `timers/promises`, whose error for an aborted wait costs more than the whole deadline. */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/**
 * Runs `job` under a signal that aborts after `ms` milliseconds, or with one of `parents`. The job must end then. `endIn` adds
 * another deadline, in milliseconds from now. The earlier one counts.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  parents: readonly AbortSignal[],
  job: (signal: AbortSignal, endIn: (ms: number) => void) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const closed = new AbortController()
  const unlink = link(parents, over)
  const endIn = (ms: number) => {
    void clock.wait(ms, closed.signal).then(() => {
      if (!closed.signal.aborted) over.abort()
    })
  }
  endIn(ms)
  try {
    return await job(over.signal, endIn)
  } finally {
    // Without a reason, `abort` would create an error object.
    closed.abort(null)
    unlink()
  }
}

/** Passes on the reason of a parent. On Node 20, `AbortSignal.any` loses a parent to the garbage collector. */
export function link(parents: readonly AbortSignal[], controller: AbortController): () => void {
  const links = parents.map((parent) => onAbort(parent, () => controller.abort(parent.reason)))
  return () => {
    for (const unlink of links) unlink()
  }
}

/** Calls `then` once when the signal aborts, or now if it has. Returns a function that prevents the call. */
export function onAbort(signal: AbortSignal, then: () => void): () => void {
  if (signal.aborted) then()
  else signal.addEventListener('abort', then, { once: true })
  return () => signal.removeEventListener('abort', then)
}

export interface StopIo {
  readonly clock: Clock
  readonly stop: AbortSignalWith<StopReason>
}

export interface StopReason {
  readonly atMs: number
}

/** The part of the stop timeout that is reserved for the finish: one slow answer of the ledger and a second try. */
const FINISH_RESERVE_MS = 5_000
/** The largest share of the stop timeout that is reserved for the finish. The work needs time to stop as well. */
const FINISH_SHARE = 1 / 3
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
