import { type Clock, openDeadline } from './clock.ts'

/** What an orchestrator's stop leaves: SIGTERM, so many seconds, SIGKILL. */
export interface StopSettings {
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

/** Of what a stop leaves, for the finish: a slow answer and a second try at the ledger. */
const FINISH_RESERVE_MS = 5_000
/** Of a stop timeout too short for that, the share that the finish gets: the work must have time to stop as well. */
const FINISH_SHARE = 1 / 3
/** Of the finish's time, what leaving takes: closing connections, the last log line, the exit itself. */
const EXIT_SHARE = 1 / 5

/** How long before the end of the stop timeout the work must be over, so that its end can be recorded. */
export function finishReserveMs(stopTimeoutMs: number): number {
  return Math.min(FINISH_RESERVE_MS, stopTimeoutMs * FINISH_SHARE)
}

/** Runs `job` under a signal that aborts after `ms`, or when what a stop leaves is used up, also if it comes meanwhile. */
export async function withinStop<T>(
  ms: number,
  settings: StopSettings,
  io: StopIo,
  job: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = openDeadline(io.clock, ms, [])
  const countDown = () => {
    const { atMs } = io.stop.reason as StopReason
    const exitMs = finishReserveMs(settings.stopTimeoutMs) * EXIT_SHARE
    deadline.endIn(atMs + settings.stopTimeoutMs - exitMs - io.clock.monotonicMs())
  }
  if (io.stop.aborted) countDown()
  else io.stop.addEventListener('abort', countDown, { once: true })
  try {
    return await job(deadline.signal)
  } finally {
    deadline.close()
    io.stop.removeEventListener('abort', countDown)
  }
}
