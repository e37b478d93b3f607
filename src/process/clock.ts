import type { Instant } from '../core/types.ts'
import { monotonicMs } from './signals.ts'

/** Time as an argument: the wall clock goes into records, the monotonic one measures and decides what is due. */
export interface Clock {
  /** Wall clock. It may jump, and differs from other hosts' by up to the stated skew. */
  now(): Instant
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

/** Node's timers end here, and a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs,
  async wait(ms, signal) {
    const untilMs = monotonicMs() + ms
    for (let leftMs = ms; leftMs > 0 && !signal?.aborted; leftMs = untilMs - monotonicMs()) {
      await pause(Math.min(leftMs, LONGEST_TIMER_MS), signal)
    }
  },
}

/** Not by `timers/promises`: it ends an aborted wait with an error, which costs more than all else of a deadline that is met. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
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
 * Runs `job` under a signal that aborts after `ms`, or as soon as one of `parents` does. The job must end by itself
 * when its signal aborts.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  parents: readonly AbortSignal[],
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = openDeadline(clock, ms, parents)
  try {
    return await job(deadline.signal)
  } finally {
    deadline.close()
  }
}

/** Runs `job` as `withDeadline` does. It has no deadline of its own where `ms` is null. */
export function withinDeadline<T>(
  clock: Clock,
  ms: number | null,
  parent: AbortSignal,
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return ms === null ? job(parent) : withDeadline(clock, ms, [parent], job)
}

interface Deadline {
  readonly signal: AbortSignal
  /** Another end, this much later: whichever comes first counts. */
  endIn(ms: number): void
  /** Lets go of the clock and of the parents; the signal aborts no more. */
  close(): void
}

export function openDeadline(clock: Clock, ms: number, parents: readonly AbortSignal[]): Deadline {
  const over = new AbortController()
  const closed = new AbortController()
  const unlink = link(parents, over)
  const endIn = (ms: number) => {
    void clock.wait(ms, closed.signal).then(() => {
      if (!closed.signal.aborted) over.abort()
    })
  }
  endIn(ms)
  return {
    signal: over.signal,
    endIn,
    close() {
      // With a reason: without one, an error is made for it.
      closed.abort(null)
      unlink()
    },
  }
}

/**
 * Aborts `controller` with the first of `parents`, and with its reason. Gives the way to end that. Not by
 * `AbortSignal.any`: on Node 20 the garbage collector takes a parent that nobody else holds, and the abort never comes.
 */
export function link(parents: readonly AbortSignal[], controller: AbortController): () => void {
  const links = parents.map((parent) => {
    const abort = () => controller.abort(parent.reason)
    if (parent.aborted) abort()
    else parent.addEventListener('abort', abort, { once: true })
    return () => parent.removeEventListener('abort', abort)
  })
  return () => {
    for (const unlink of links) unlink()
  }
}
