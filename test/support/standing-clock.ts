import { type Clock, systemClock } from '../../src/process/clock.ts'

/** Stands still: two tries and a short heartbeat wait as usual, and all other waits end with `endLimits`. */
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
