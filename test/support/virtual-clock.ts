import type { Clock } from '../../src/process/clock.ts'

/** Time that passes only when everybody waits: a test of hours takes milliseconds, and always goes the same way. */
export interface VirtualTime {
  /** The clock of one host: nothing of it moves while it is paused, nor ever again after its crash. */
  clock(host?: HostTime): Clock
  /** True time, milliseconds since the epoch. */
  now(): number
  /** Lets time pass until `job` settles. Throws when everybody waits for something that no time brings. */
  run<T>(job: Promise<T>): Promise<T>
}

export interface HostTime {
  /** How far its wall clock is off, at a true time where that changes. */
  readonly offsetMs?: number | ((nowMs: number) => number)
  /** True times between which it is stopped (SIGSTOP, a frozen container). */
  readonly pause?: { readonly fromMs: number; readonly toMs: number }
  /** True times between which its machine is suspended: as a pause, and its monotonic clock stands still too. */
  readonly suspend?: { readonly fromMs: number; readonly toMs: number }
  /** True time from which it is gone (`kill -9`, power loss); a crash at a step is known only when it comes. */
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
      // After the crash nothing of the host moves; until then an abort still ends the wait.
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
        // Everything that needs no time goes first: promises, and whatever they start.
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
