import { type Clock, systemClock } from '../../src/process/clock.ts'

/**
 * A clock for real servers that stands still, so that no limit depends on the speed of the machine. The waits between two
 * tries and a short heartbeat pass as they do, and all others end with `endLimits`.
 */
export function standingClock() {
  const limits = new Set<() => void>()
  let nowMs = Date.now()
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    wait: (ms, signal) =>
      ms <= 2_000
        ? systemClock.wait(ms, signal)
        : new Promise((resolve) => {
            limits.add(resolve)
            signal?.addEventListener('abort', () => resolve())
          }),
  }
  const pass = (ms: number) => {
    nowMs += ms
  }
  const endLimits = () => {
    for (const end of limits) end()
    limits.clear()
  }
  return { clock, pass, endLimits }
}
