import { firstLine } from '../core/errors.ts'
import type { LeaseLossCause } from '../core/event.ts'
import { attemptCount, openAttempt } from '../core/row/attempts.ts'
import { renewLease, type Stamp, withCheckpoint, withWorkStart } from '../core/row/transition.ts'
import type { Instant, PendingRow, ProcessMark, Row } from '../core/types.ts'
import type { Clock } from '../process/clock.ts'
import type { AbortSignalWith } from '../process/signals.ts'
import { type Ask, type Limit, Unanswered, within } from './ask.ts'
import type { Settings } from './settings.ts'
import { lossOf, type RunIo, type WriteResult, writeAsOwner } from './write.ts'

export interface LeaseLoss {
  readonly cause: LeaseLossCause
  readonly killInMs: number
}

type OwnerChange = (row: Row, stamp: Stamp) => PendingRow

/** A pause of the process can outlast the lease. Then the next renewal gets the time of one request before it is lost. */
const RENEWAL_AFTER_PAUSE_MS = 5_000

/** The row that this run owns. Its lease is renewed each heartbeat. All deadlines count from before the last write was sent. */
export class Lease {
  readonly #settings: Settings
  readonly #io: RunIo
  readonly #hasLostLock: (ask: Ask) => Promise<boolean>
  readonly #lost = new AbortController()
  #held: Leased
  #workStart: { readonly attempt: number; readonly at: Instant } | null = null
  #process: ProcessMark | null = null
  #readCheckpoint: () => string | null | undefined = () => undefined
  #lapses = 0
  #isFailing = false
  #released = new AbortController()
  #beating = Promise.resolve()

  /** `hasLostLock` is asked, after the renewal of a lease that had run out, for a slot that needs the overlap lock. */
  constructor(held: Leased, settings: Settings, io: RunIo, hasLostLock: (ask: Ask) => Promise<boolean>) {
    this.#held = held
    this.#settings = settings
    this.#io = io
    this.#hasLostLock = hasLostLock
    this.#startHeartbeats()
  }

  get lost(): AbortSignalWith<LeaseLoss> {
    return this.#lost.signal
  }

  /** The number of times that the lease had run out when it was renewed. Facts from before that may be out of date. */
  get lapses(): number {
    return this.#lapses
  }

  /** Puts the start of the work of the attempt into each row that is written from now on. Returns the row that it is in. */
  began(at: Instant): PendingRow {
    this.#workStart = { attempt: openAttempt(this.#held.row).number, at }
    return this.noted(this.#held.row)
  }

  /** Puts the process that does the work into the row with the next renewal, so that other runs on this host see it. */
  record(process: ProcessMark): void {
    this.#process = process
  }

  /** Puts what `read` returns into the row with each write. Undefined: the row keeps what it has. Must not throw. */
  keepCheckpoint(read: () => string | null | undefined): void {
    this.#readCheckpoint = read
  }

  ageMs(): number {
    return ageMs(this.#held, this.#settings, this.#io.clock)
  }

  /** Renews a lease that is a heartbeat old or older, before work starts under it. */
  renew(limit: Limit): Promise<WriteResult> {
    return this.#insteadOfHeartbeats(limit, (_, signal) => this.#freshen({ kind: 'ok', ...this.#held }, signal))
  }

  /** Makes another write of this owner, which renews the lease. If the answer took too long, renews it again. */
  write(change: OwnerChange, limit: Limit): Promise<WriteResult> {
    return this.#insteadOfHeartbeats(limit, async (ask, signal) => {
      this.#process = null
      return this.#freshen(await this.#send(change, ask), signal)
    })
  }

  /** Ends the renewals, including one that is in flight, and returns the last known row. A finish builds on it. */
  async release(): Promise<PendingRow> {
    await this.#stopHeartbeats()
    return this.noted(this.#held.row)
  }

  /** Returns the row with what the run knows of the attempt since it was claimed. */
  noted(row: PendingRow): PendingRow {
    const start = this.#workStart
    const started = start?.attempt === openAttempt(row).number ? withWorkStart(row, start.at) : row
    const checkpoint = this.#readCheckpoint()
    return checkpoint === undefined ? started : withCheckpoint(started, checkpoint)
  }

  /** Stops the heartbeats for a write. If it throws, they stay stopped, and the run ends. */
  async #insteadOfHeartbeats(
    limit: Limit,
    job: (ask: Ask, signal: AbortSignal) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await this.#stopHeartbeats()
    const written = await within({ ...limit, retry: 'any' }, this.#io, job)
    if (!this.#lost.signal.aborted) this.#startHeartbeats()
    return written
  }

  #startHeartbeats(): void {
    this.#released = new AbortController()
    this.#beating = this.#beat(this.#released.signal)
  }

  async #stopHeartbeats(): Promise<void> {
    // Without a reason, `abort` would create an error object.
    this.#released.abort(null)
    await this.#beating
  }

  async #beat(released: AbortSignal): Promise<void> {
    const { clock, emit } = this.#io
    const heartbeatAfter = (ms: number) => clock.monotonicMs() + this.#settings.heartbeatMs - ms
    // A lease can be old already, for example if the answer to the claim took long. It is then renewed at once.
    let nextMs = heartbeatAfter(this.ageMs())
    for (;;) {
      await clock.wait(nextMs - clock.monotonicMs(), released)
      if (released.aborted) return
      nextMs = heartbeatAfter(0)
      const error = await this.#renewOnce(released)
      if (this.#lost.signal.aborted) return
      if (error === null) {
        nextMs = heartbeatAfter(this.ageMs())
        if (this.#isFailing) emit({ event: 'renewal-recovered' })
        this.#isFailing = false
      } else if (!released.aborted) {
        if (!this.#isFailing) emit({ event: 'renewal-failed', detail: firstLine(error) })
        this.#isFailing = true
        if (this.#stopInMs() <= 0) return this.#lose('expired', Math.max(0, this.#killInMs()))
        // A renewal that fails at once must not delay the stop until the next heartbeat.
        nextMs = Math.min(nextMs, clock.monotonicMs() + this.#stopInMs())
      }
    }
  }

  /** Returns the error if the lease is not renewed. A bug in a renewal must not stop a healthy batch at once. */
  async #renewOnce(released: AbortSignal): Promise<unknown> {
    const leftMs = Math.min(this.#settings.heartbeatMs, this.#stopInMs())
    const limit = { ms: leftMs > 0 ? leftMs : RENEWAL_AFTER_PAUSE_MS, signals: [released], retry: 'any' } as const
    try {
      await within(limit, this.#io, (ask) => this.#send(this.#renewal, ask))
      return null
    } catch (error) {
      return error
    }
  }

  readonly #renewal: OwnerChange = (row, stamp) => renewLease(row, stamp, this.#settings.leaseMs, this.#process)

  async #send(change: OwnerChange, ask: Ask): Promise<WriteResult> {
    const { killAfterMs } = this.#settings
    const noted: OwnerChange = (row, stamp) => change(row.state === 'PENDING' ? this.noted(row) : row, stamp)
    const written = await writeAsOwner(this.#held.row, noted, this.#io, ask)
    if (written.kind === 'lost') {
      const loss = lossOf(written.found, attemptCount(this.#held.row))
      this.#lose(loss === 'lost' ? 'taken' : loss, killAfterMs)
      return written
    }
    if (this.#killInMs() <= 0) {
      // If this throws, the new lease is not trusted yet, so the next write asks for the lock again.
      if (await this.#hasLostLock(ask)) this.#lose('overlap', killAfterMs)
      this.#lapses += 1
    }
    this.#held = written
    return written
  }

  #freshen(first: WriteResult, signal: AbortSignal): Promise<WriteResult> {
    const renew = (_: Row, ms: number) =>
      within({ ms, signals: [signal], retry: 'any' }, this.#io, (ask) => this.#send(this.#renewal, ask))
    return ensureFreshLease(first, renew, this.#settings, this.#io.clock)
  }

  /** Returns the time until the work must be asked to stop, so that it has ended before another run may start. */
  #stopInMs(): number {
    const goesOn = this.#settings.onLeaseLost === 'continue'
    return goesOn ? Number.POSITIVE_INFINITY : startableMs(this.#settings) - this.ageMs()
  }

  #killInMs(): number {
    return this.#settings.leaseMs - this.#settings.skewMs - this.ageMs()
  }

  #lose(cause: LeaseLossCause, killInMs: number): void {
    this.#lost.abort({ cause, killInMs } satisfies LeaseLoss)
  }
}

interface Leased {
  readonly row: PendingRow
  readonly preparedAtMs: number
}

/** The oldest lease, in milliseconds, under which work may start. Running work gets SIGTERM at this age. */
export function startableMs({ leaseMs, skewMs, killAfterMs }: Settings): number {
  return leaseMs - skewMs - killAfterMs
}

/** The monotonic clock stops while the machine is suspended, so the wall clock counts if it is ahead by more than the skew. */
function ageMs({ row, preparedAtMs }: Leased, { leaseMs, skewMs }: Settings, clock: Clock): number {
  const byMonotonicMs = clock.monotonicMs() - preparedAtMs
  const byWallMs = clock.now() - (row.leaseUntil - leaseMs)
  return byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs
}

/**
 * Renews a lease that is a heartbeat old. A renewal that is not answered does not prevent a start that is safe without it.
 * `renew` gets at most a heartbeat, and half of the time in which a start is still safe, or no limit if it is not safe.
 */
export async function ensureFreshLease(
  first: WriteResult,
  renew: (row: PendingRow, ms: number) => Promise<WriteResult>,
  settings: Settings,
  clock: Clock,
): Promise<WriteResult> {
  let written = first
  let mostMs = settings.heartbeatMs
  while (written.kind === 'ok' && ageMs(written, settings, clock) >= mostMs) {
    const held = written
    const leftMs = startableMs(settings) - ageMs(held, settings, clock)
    try {
      written = await renew(
        held.row,
        leftMs > 0 ? Math.min(settings.heartbeatMs, leftMs / 2) : Number.POSITIVE_INFINITY,
      )
      // We accept an older lease from here on, otherwise a ledger that takes longer than a short heartbeat to answer
      // would prevent the start.
      mostMs = startableMs(settings)
    } catch (error) {
      if (!(error instanceof Unanswered) || leftMs <= 0) throw error
      if (ageMs(held, settings, clock) < startableMs(settings)) break
    }
  }
  return written
}
