// Loaded before everything else: until the handlers are there, a stop kills cronledger (or, as PID 1, is lost).
// So this file imports nothing.

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/**
 * Passed on, and no reason to stop. By default the one would open Node's debugger, and the other end cronledger and leave
 * the child alone.
 */
const USER_SIGNALS = ['SIGUSR1', 'SIGUSR2'] as const

export type PassedSignal = StopSignal | (typeof USER_SIGNALS)[number]

/** The signals by which an operator or an orchestrator asks for an end. */
export type StopSignal = (typeof STOP_SIGNALS)[number]

export interface StopRequest {
  readonly signal: StopSignal
  /** When the signal was seen, as `monotonicMs` has it. */
  readonly atMs: number
}

export interface Stops {
  /** The first stop signal of this process, also one that came before anybody listened. */
  first(): StopRequest | null
  /** Calls `listener` with every signal to be passed on from now on. Returns the way to end that. */
  onSignal(listener: (signal: PassedSignal) => void): () => void
  /**
   * Calls `suspend`, which must not reject, before Ctrl-Z (SIGTSTP) stops this process, and `resume` when it goes on. One
   * caller at a time. Returns the way to end that.
   */
  onSuspend(suspend: () => Promise<void>, resume: () => void): () => void
  /** Aborts with the first signal, before the listeners hear of it; its reason is the `StopRequest`. */
  readonly aborted: AbortSignal
}

/** Milliseconds from an arbitrary start; never goes back. Not by `performance`, which takes most of a millisecond to load. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/**
 * Takes the stop signals from their default action, for good.
 *
 * A signal that was ignored when the process began (`nohup`, `&` in a script) is a stop like any other: Node resets all
 * dispositions before the first line of JavaScript, so that nobody can tell.
 */
export function installStops(): Stops {
  const controller = new AbortController()
  const listeners = new Set<(signal: PassedSignal) => void>()
  let first: StopRequest | null = null
  const pass = (signal: PassedSignal) => {
    for (const listener of listeners) listener(signal)
  }
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      first ??= { signal, atMs: monotonicMs() }
      controller.abort(first)
      pass(signal)
    })
  }
  for (const signal of USER_SIGNALS) process.on(signal, () => pass(signal))
  return {
    first: () => first,
    onSignal(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onSuspend(suspend, resume) {
      let isStopping = false
      const stopHere = async () => {
        if (isStopping) return
        isStopping = true
        await suspend()
        // The default action, and with it the kernel's exceptions: PID 1 and a group without a shell do not stop.
        process.off('SIGTSTP', stopHere)
        process.kill(process.pid, 'SIGTSTP')
        isStopping = false
        process.on('SIGTSTP', stopHere)
        // The timers that were due while it stood still go first: a lease that ran out must be seen before the work goes on.
        setTimeout(resume, 0)
      }
      process.on('SIGTSTP', stopHere)
      return () => process.off('SIGTSTP', stopHere)
    },
    aborted: controller.signal,
  }
}
