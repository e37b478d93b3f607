import { spread } from '../core/duration.ts'
import { LedgerError } from '../core/errors.ts'
import { isNewerSchema } from '../core/row/status.ts'
import type { Stamp } from '../core/row/transition.ts'
import type { PendingRow, Row, StoredRow } from '../core/types.ts'
import { type Clock, withDeadline } from '../process/clock.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import type { Expected, Store } from '../store/store.ts'
import type { Settings } from './settings.ts'

/** The store, clock and ids that the write of an owner needs. */
export interface WriteIo extends RetryIo {
  readonly store: Store
  /** Returns a new random id. */
  newId(): string
}

/** The result of a write of an owner. `R` is the kind of row that was written. */
export type WriteResult<R extends Row = PendingRow> =
  /** The row is in the ledger. `preparedAtMs` is the monotonic time from before its lease was computed. */
  | { readonly kind: 'ok'; readonly row: R; readonly preparedAtMs: number }
  /** Another process owns the slot, or the row was deleted. No write that was sent can be applied any more. */
  | { readonly kind: 'lost'; readonly found: StoredRow | null }
  /**
   * Unless `changedNothing`, the writes that were sent (`row` is the last one) may have been applied, or may still be.
   */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly changedNothing: boolean; readonly row: R }

/**
 * Sends a write of an owner until it is answered. A run writes its row in no other way (see
 * docs/explanation/how-it-works.md). After a lost answer, the same write is sent again, with the same id and
 * expectation. A conflict returns the row found:
 *
 * - It carries the id of this write: the write had been applied.
 * - It is another write of this run, for example a late renewal: the change is made again on top of it.
 * - It is anything else: the slot is lost.
 *
 * `change` makes the row to write from the row to build on. It is called again for each new expectation. It must leave
 * a row unchanged that has the change already, because the withdrawal of another run may have been applied on top of a
 * write whose answer was lost.
 *
 * `runId` is the run that writes. Left out: the owner of the row that is written. Throws `LedgerError` if the first
 * answer is an error that a new try cannot fix.
 */
export async function writeAsOwner<Base extends Row | null, R extends Row>(
  base: Base,
  change: (base: Base | Row, stamp: Stamp) => R,
  io: WriteIo,
  { runId, ...options }: RetryOptions & { readonly runId?: string },
): Promise<WriteResult<R>> {
  const writeId = io.newId()
  let baseRow: Base | Row = base
  for (;;) {
    const preparedAtMs = io.clock.monotonicMs()
    const expected: Expected = baseRow ?? 'absent'
    const row = change(baseRow, { writeId, now: io.clock.now() })
    const isFirst = baseRow === base
    const reply = await untilAnswered(() => io.store.put(row, expected, options), io, options).catch(
      (error: unknown) => {
        if (isFirst || !(error instanceof LedgerError)) throw error
        return { kind: 'unanswered', cause: error, changedNothing: false } as const
      },
    )
    // On top of an own row, an earlier write of this run is in the ledger. We must not throw then, otherwise the caller
    // would not withdraw it.
    if (reply.kind === 'unanswered') return { ...reply, changedNothing: reply.changedNothing && isFirst, row }
    if (reply.value.kind === 'ok') return { kind: 'ok', row, preparedAtMs }
    const { found } = reply.value
    if (found === null || isNewerSchema(found)) return { kind: 'lost', found }
    if (found.writeId === writeId) return { kind: 'ok', row, preparedAtMs }
    if (found.owner !== (runId ?? row.owner)) return { kind: 'lost', found }
    baseRow = found
  }
}

/** The settings that limit how long a write of this owner can be trusted. */
export type TrustSettings = Pick<Settings, 'leaseMs' | 'heartbeatMs' | 'skewMs' | 'killAfterMs'>

/**
 * Returns the oldest lease, in milliseconds, under which work may start. Running work gets SIGTERM at this age, so that
 * it has ended before another host may take the slot over.
 */
export function startableMs({ leaseMs, skewMs, killAfterMs }: TrustSettings): number {
  return leaseMs - skewMs - killAfterMs
}

/**
 * Returns how long ago the lease of a write was computed, in milliseconds. The monotonic clock stops while the machine
 * is suspended, so the wall clock counts if it is ahead by more than the skew. A smaller difference only means that the
 * wall clock was set.
 */
export function ageMs(
  { row, preparedAtMs }: { readonly row: PendingRow; readonly preparedAtMs: number },
  { leaseMs, skewMs }: Pick<TrustSettings, 'leaseMs' | 'skewMs'>,
  clock: Clock,
): number {
  const byMonotonicMs = clock.monotonicMs() - preparedAtMs
  const byWallMs = clock.now() - (row.leaseUntil - leaseMs)
  return byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs
}

/**
 * Renews a lease that is a heartbeat old or older, before work starts under it. A lease counts from before its write
 * was sent, so it is old if the answer took long or this process was paused.
 *
 * A renewal that is not answered does not prevent a start that is safe without it. `renew` gets the time that it may
 * take: at most a heartbeat, and half of the time in which a start is still safe. It gets null if a start is not safe.
 */
export async function ensureFreshLease(
  first: WriteResult,
  renew: (row: PendingRow, withinMs: number | null) => Promise<WriteResult>,
  settings: TrustSettings,
  clock: Clock,
): Promise<WriteResult> {
  let written = first
  let mostMs = settings.heartbeatMs
  while (written.kind === 'ok' && ageMs(written, settings, clock) >= mostMs) {
    const leftMs = startableMs(settings) - ageMs(written, settings, clock)
    const next = await renew(written.row, leftMs > 0 ? Math.min(settings.heartbeatMs, leftMs / 2) : null)
    if (next.kind === 'unanswered' && leftMs > 0) {
      if (ageMs(written, settings, clock) < startableMs(settings)) break
      continue
    }
    written = next
    // We accept an older lease from here on, otherwise a ledger that takes longer than a short heartbeat to answer
    // would prevent the start.
    mostMs = startableMs(settings)
  }
  return written
}

/** The clock and the random numbers that a retry of a request needs. */
export interface RetryIo {
  readonly clock: Clock
  /** Returns a random number, uniform in [0, 1). It spreads the retries of many hosts. */
  random(): number
}

export interface RetryOptions {
  /** Ends the retries. */
  readonly signal: AbortSignal
  /**
   * `any` tries again after every error of the ledger. It is for an owner whose work is done or under way: giving up
   * would be worse, and expired credentials may be renewed. `denied` does not try again if the ledger is not usable, for
   * example because a row is damaged. An error that is not a `LedgerError` is a bug and always thrown.
   */
  readonly retry: 'unreachable' | 'denied' | 'any'
}

export type Reply<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /**
   * No answer came before the signal aborted, or trying again was pointless. Unless `changedNothing`, the request may
   * have been applied, or may still be applied.
   */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly changedNothing: boolean }

/** The first wait between two tries. It doubles up to the longest wait. */
const FIRST_WAIT_MS = 100
/**
 * With this limit, a run notices within two seconds that the ledger is back, and a fleet that waits does not overload
 * it.
 */
const LONGEST_WAIT_MS = 2_000

/**
 * Calls `ask` until the ledger answers. Throws an error that a new try cannot fix, unless an earlier try got no answer:
 * that request may have been applied.
 */
export async function untilAnswered<T>(ask: () => Promise<T>, io: RetryIo, options: RetryOptions): Promise<Reply<T>> {
  let changedNothing = true
  let before: LedgerError | null = null
  for (let tries = 1, waitMs = FIRST_WAIT_MS; ; tries += 1, waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const reply = await once(ask)
    if (reply.kind === 'answer') return reply
    changedNothing &&= reply.changedNothing
    // The deadline has cut this try short. That says less than an answer to the try before it, such as a denial.
    const wasCut = options.signal.aborted && reply.cause.kind === 'unreachable'
    const cause: LedgerError = wasCut ? (before ?? reply.cause) : reply.cause
    before = cause
    const again = options.retry === 'any' || ['unreachable', options.retry].includes(reply.cause.kind)
    if (!again && tries === 1) throw reply.cause
    if (again && !options.signal.aborted) await io.clock.wait(spread(waitMs, io.random()), options.signal)
    if (!again || options.signal.aborted) return { ...reply, cause, changedNothing }
  }
}

/**
 * Asks the ledger for up to `firstMs` milliseconds. If that has only waited for the lock of a file, asks for the rest of
 * `mostMs`: that ledger works, and other processes come first. The second time ends when `halt` aborts.
 */
export async function askPatiently<T>(
  ask: (options: RetryOptions) => Promise<T>,
  { firstMs, mostMs, ...settings }: StopSettings & { readonly firstMs: number; readonly mostMs: number },
  io: RetryIo & StopIo,
  halt: AbortSignal,
): Promise<Reply<T>> {
  const job = (signal: AbortSignal) => {
    const options = { signal, retry: 'unreachable' } as const
    return untilAnswered(() => ask(options), io, options)
  }
  const reply = await withinStop(Math.min(firstMs, mostMs), settings, io, job)
  const onlyWaited = reply.kind === 'unanswered' && reply.changedNothing && reply.cause.isBusy
  if (!onlyWaited || mostMs <= firstMs) return reply
  return withDeadline(io.clock, mostMs - firstMs, [halt], job)
}

async function once<T>(ask: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { kind: 'answer', value: await ask() }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { kind: 'unanswered', cause: error, changedNothing: error.changedNothing }
  }
}
