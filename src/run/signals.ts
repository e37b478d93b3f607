// Loaded before everything else: until the handlers are there, a stop kills cronledger (or, as PID 1, is lost).
// So this file imports nothing.

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/** The signals by which an operator or an orchestrator asks for an end. */
export type StopSignal = (typeof STOP_SIGNALS)[number]

export interface StopRequest {
  readonly signal: StopSignal
  /** When the signal was seen, on the monotonic clock (`performance.now()`). */
  readonly atMs: number
}

export interface Stops {
  /** The first stop signal of this process, also one that came before anybody listened. */
  first(): StopRequest | null
  /** Calls `listener` with every stop signal from now on, be it the first or not. Returns the way to end that. */
  onSignal(listener: (signal: StopSignal) => void): () => void
  /** Aborts with the first signal, before the listeners hear of it; its reason is the `StopRequest`. */
  readonly aborted: AbortSignal
}

/**
 * Takes the stop signals from their default action, for good.
 *
 * A signal that was ignored when the process began (`nohup`, `&` in a script) is a stop like any other: Node resets all
 * dispositions before the first line of JavaScript, so that nobody can tell.
 */
export function installStops(): Stops {
  const controller = new AbortController()
  const listeners = new Set<(signal: StopSignal) => void>()
  let first: StopRequest | null = null
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      first ??= { signal, atMs: performance.now() }
      controller.abort(first)
      for (const listener of listeners) listener(signal)
    })
  }
  return {
    first: () => first,
    onSignal(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    aborted: controller.signal,
  }
}
