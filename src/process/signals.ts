// This file is loaded before everything else, so it imports nothing. Until the handlers are installed, a stop signal
// kills cronledger, or is lost if cronledger is PID 1.

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/** By default, SIGUSR1 would open Node's debugger, and SIGUSR2 would end cronledger and leave the child running. */
const USER_SIGNALS = ['SIGUSR1', 'SIGUSR2'] as const

export type PassedSignal = StopSignal | (typeof USER_SIGNALS)[number]

export type StopSignal = (typeof STOP_SIGNALS)[number]

interface StopRequest {
  readonly signal: StopSignal
  readonly atMs: number
}

/** A signal that is only ever aborted with such a reason. */
export interface AbortSignalWith<Reason> extends AbortSignal {
  readonly reason: Reason
}

export interface Stops {
  /** Returns the first stop signal of this process, even if it came before any listener was added. */
  first(): StopRequest | null
  /** Calls `listener` with every later signal that is to be passed on. Returns a function that removes the listener. */
  onSignal(listener: (signal: PassedSignal) => void): () => void
  /** Calls `suspend` before Ctrl-Z stops this process, and `resume` after it. Only for one caller. */
  onSuspend(suspend: () => void, resume: () => void): () => void
  /** Aborts with the first stop signal, before the listeners are called. */
  readonly aborted: AbortSignalWith<StopRequest>
}

/** Returns the milliseconds since an arbitrary start. `performance` would take most of a millisecond to load. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** A signal that was ignored when the process began (`nohup`) is a stop, too: Node resets all dispositions at its start. */
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
      const stopHere = () => {
        suspend()
        // We must use the default action, because the kernel makes exceptions: PID 1 and an orphaned process group do
        // not stop.
        process.off('SIGTSTP', stopHere)
        process.kill(process.pid, 'SIGTSTP')
        process.on('SIGTSTP', stopHere)
        // The timers that became due during the stop must run first: a lease that ran out must be seen before the work
        // goes on.
        setTimeout(resume, 0)
      }
      process.on('SIGTSTP', stopHere)
      return () => void process.off('SIGTSTP', stopHere)
    },
    aborted: controller.signal,
  }
}
