import { type Clock, withDeadline } from './clock.ts'

/** What an orchestrator's stop leaves: SIGTERM, so many seconds, SIGKILL. */
export interface StopTerms {
  /** From a stop to the end of this process, as the orchestrator grants it. */
  readonly stopTimeoutMs: number
}

export interface StopIo {
  readonly clock: Clock
  /** Aborts when the run is told to stop; its reason is a `StopReason`. */
  readonly stop: AbortSignal
}

export interface StopReason {
  /** Monotonic time at which the stop arrived. */
  readonly atMs: number
}

/** Of what a stop leaves, kept for leaving: closing connections, the last log line, the exit itself. */
const EXIT_MARGIN_MS = 1_000

/** Runs `job` under a signal that aborts after `ms`, or when what a stop leaves is used up, also if it comes meanwhile. */
export async function withinStop<T>(
  ms: number,
  terms: StopTerms,
  io: StopIo,
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const finished = new AbortController()
  const countDown = () => {
    const { atMs } = io.stop.reason as StopReason
    const leftMs = atMs + terms.stopTimeoutMs - EXIT_MARGIN_MS - io.clock.monotonicMs()
    void io.clock.wait(leftMs, finished.signal).then(() => over.abort())
  }
  if (io.stop.aborted) countDown()
  else io.stop.addEventListener('abort', countDown, { once: true })
  try {
    return await withDeadline(io.clock, ms, [over.signal], job)
  } finally {
    finished.abort()
    io.stop.removeEventListener('abort', countDown)
  }
}
