import type { Clock } from '../../../src/process/clock.ts'

/** Time that passes only when every process waits, in the same order of events each time. */
export interface VirtualTime {
  /** Returns the clock of one host. Its timers do not fire while the host is paused, nor after its crash. */
  clock(host?: HostTime): Clock
  now(): number
  run<T>(job: Promise<T>): Promise<T>
}

export interface HostTime {
  /** The difference of its wall clock from the true time, in milliseconds, or a function of the true time. */
  readonly offsetMs?: number | ((nowMs: number) => number)
  /** The true times between which the host is stopped (SIGSTOP, a frozen container). */
  readonly pause?: { readonly fromMs: number; readonly toMs: number }
  /** The machine is suspended, as in a pause, and its monotonic clock stops, too. */
  readonly suspend?: { readonly fromMs: number; readonly toMs: number }
  /** The true time of its crash, or a function that returns it for a crash at a step. */
  readonly crashMs?: number | (() => number)
}

interface Timer {
  readonly atMs: number
  readonly order: number
  fire(): void
}

export function virtualTime(startMs = Date.parse('2026-11-24T03:00:00Z')): VirtualTime {
  let nowMs = startMs
  let order = 0
  const timers: Timer[] = []

  function wait(ms: number, signal: AbortSignal | undefined, host: HostTime): Promise<void> {
    const { pause, suspend, crashMs = Infinity } = host
    const goneMs = () => (typeof crashMs === 'number' ? crashMs : crashMs())
    if (signal?.aborted) return Promise.resolve()
    const unbrokenMs = nowMs + Math.max(0, ms)
    const isBroken = suspend !== undefined && nowMs < suspend.toMs && unbrokenMs >= suspend.fromMs
    const dueMs = isBroken ? unbrokenMs + suspend.toMs - Math.max(nowMs, suspend.fromMs) : unbrokenMs
    const atMs = pause !== undefined && dueMs >= pause.fromMs && dueMs < pause.toMs ? pause.toMs : dueMs
    return new Promise((resolve) => {
      const timer: Timer = { atMs, order: order++, fire: settle }
      function settle() {
        signal?.removeEventListener('abort', settle)
        const index = timers.indexOf(timer)
        if (index !== -1) timers.splice(index, 1)
        if (nowMs < goneMs()) resolve()
      }
      signal?.addEventListener('abort', settle, { once: true })
      // After the crash no timer of the host fires. Until then, an abort can still end the wait.
      if (atMs < goneMs()) timers.push(timer)
    })
  }

  return {
    clock: (host = {}) => ({
      now: () => Math.round(nowMs + offsetOf(host, nowMs)),
      monotonicMs: () => nowMs - suspendedMs(host, nowMs),
      wait: (ms, signal) => wait(ms, signal, host),
    }),
    now: () => nowMs,
    async run(job) {
      let settled = false
      const end = () => {
        settled = true
      }
      job.then(end, end)
      for (;;) {
        // Everything that needs no time goes first: promises and the work that they start.
        await new Promise(setImmediate)
        if (settled) return job
        const next = timers.reduce<Timer | undefined>(
          (first, timer) =>
            first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)
              ? timer
              : first,
          undefined,
        )
        if (next === undefined) throw new Error('everybody waits, and nothing is to come')
        nowMs = Math.max(nowMs, next.atMs)
        next.fire()
      }
    },
  }
}

function offsetOf({ offsetMs = 0 }: HostTime, nowMs: number): number {
  return typeof offsetMs === 'number' ? offsetMs : offsetMs(nowMs)
}

function suspendedMs({ suspend }: HostTime, nowMs: number): number {
  return suspend === undefined ? 0 : Math.max(0, Math.min(nowMs, suspend.toMs) - suspend.fromMs)
}
