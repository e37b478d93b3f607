import { spread } from '../core/duration.ts'
import { LedgerError } from '../core/errors.ts'
import { type Clock, type StopIo, withDeadline, withinStop } from '../process/clock.ts'
import type { CallOptions } from '../store/store.ts'

export interface AskIo {
  readonly clock: Clock
  /** Returns a random number, uniform in [0, 1). It spreads the retries of many hosts. */
  random(): number
}

export interface Limit {
  readonly ms: number
  /** The time in milliseconds if the requests so far only waited for the lock of a file. Left out: `ms`. */
  readonly busyMs?: number
  readonly signals?: readonly AbortSignal[]
  /** Ends the requests early, and nothing may follow them, whatever they answered: `Halted` is thrown. */
  readonly halt?: AbortSignal
  /** For requests that must be sent even after a stop. `signals` and `halt` then end only those of `busyMs`. */
  readonly stopTimeoutMs?: number
  /** The time in milliseconds of requests that begin after the end of the stop timeout. Left out: none. */
  readonly lateMs?: number
  /** The errors after which it is sent again. `denied`: a denial, too. `any`: all, for an owner whose work is under way. */
  readonly retry?: Retry
}

type Retry = 'unreachable' | 'denied' | 'any'

/** Sends a request until an answer comes. Throws `Unanswered`, or the error of a first try that no other can fix. */
export type Ask = <T>(request: (call: CallOptions) => Promise<T>) => Promise<T>

/** Thrown if a stop came or the lease is lost: nothing may be started any more. */
export class Halted extends Error {}

/** Returns a handler that turns `Halted` into a value, and throws every other error again. */
export function ifHalted<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Halted) return value
    throw error
  }
}

/** No answer came, or no new try helps. Unless `changedNothing`, requests may have been, or may yet be, applied. */
export class Unanswered extends LedgerError {
  constructor({ kind, message, cause, isBusy }: LedgerError, changedNothing: boolean) {
    super(kind, message, { cause, isBusy, changedNothing })
  }
}

/** Waits for a request that follows one which was applied. So whatever its error is, the caller has changed something. */
export async function afterWrite<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply
  } catch (error) {
    throw error instanceof LedgerError ? new Unanswered(error, false) : error
  }
}

export function askWithin<T>(
  limit: Limit,
  io: AskIo & Partial<StopIo>,
  request: (call: CallOptions) => Promise<T>,
): Promise<T> {
  return within(limit, io, (ask) => ask(request))
}

/** Runs `job`, whose requests have one limit together. Its signal aborts at the end of the limit. */
export async function within<T>(
  { ms, busyMs = ms, signals = [], halt, stopTimeoutMs, lateMs, retry = 'unreachable' }: Limit,
  io: AskIo & Partial<StopIo>,
  job: (ask: Ask, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (halt?.aborted) throw new Halted()
  const { clock, stop } = io
  const firstMs = Math.min(ms, busyMs)
  const parents = halt === undefined ? signals : [...signals, halt]
  const run = (signal: AbortSignal) => job((request) => untilAnswered(request, io, signal, retry), signal)
  const first =
    stop === undefined || stopTimeoutMs === undefined
      ? withDeadline(clock, firstMs, parents, run)
      : withinStop(firstMs, { stopTimeoutMs }, { clock, stop }, run, lateMs)
  const again = (error: unknown) => {
    const hasOnlyWaited = error instanceof Unanswered && error.isBusy && error.changedNothing
    if (!hasOnlyWaited || firstMs === busyMs || parents.some(({ aborted }) => aborted)) throw error
    return withDeadline(clock, busyMs - firstMs, parents, run)
  }
  const answer = await first.catch(again).catch((error: unknown) => {
    throw halt?.aborted && error instanceof Unanswered ? new Halted() : error
  })
  if (halt?.aborted) throw new Halted()
  return answer
}

const FIRST_WAIT_MS = 100
/** A run notices within two seconds that the ledger is back, and a fleet that waits does not overload it. */
const LONGEST_WAIT_MS = 2_000

async function untilAnswered<T>(
  request: (call: CallOptions) => Promise<T>,
  { clock, random }: AskIo,
  signal: AbortSignal,
  retry: Retry,
): Promise<T> {
  let changedNothing = true
  let before: LedgerError | null = null
  for (let tries = 1, waitMs = FIRST_WAIT_MS; ; tries += 1, waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await request({ signal })
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      changedNothing &&= error.changedNothing
      // The deadline ended this try. The answer to the try before it, such as a denial, says more.
      const wasCut = signal.aborted && error.kind === 'unreachable'
      before = wasCut ? (before ?? error) : error
      const again = retry === 'any' || ['unreachable', retry].includes(error.kind)
      // An earlier try that got no answer may have been applied.
      if (!again && tries === 1) throw error
      if (again && !signal.aborted) await clock.wait(spread(waitMs, random()), signal)
      if (!again || signal.aborted) throw new Unanswered(before, changedNothing)
    }
  }
}
