import { firstLine, LedgerError } from '../core/errors.ts'
import type { LeaseLossCause, RunEvent } from '../core/event.ts'
import { attemptCount } from '../core/row/attempts.ts'
import { renewLease, type Stamp } from '../core/row/transition.ts'
import type { PendingRow, ProcessMark, Row, StoredRow } from '../core/types.ts'
import { withDeadline, withinDeadline } from '../process/clock.ts'
import type { AbortSignalWith } from '../process/signals.ts'
import { lossOf } from './finish.ts'
import type { LockResult } from './overlap/overlap-lock.ts'
import {
  ageMs,
  ensureFreshLease,
  type RetryOptions,
  startableMs,
  type TrustSettings,
  type WriteIo,
  type WriteResult,
  writeAsOwner,
} from './write.ts'

export interface LeaseSettings extends TrustSettings {
  /**
   * Says what happens to the work if its lease could not be renewed in time. If another run took the slot over, the
   * work is always stopped.
   */
  readonly onLeaseLost: 'stop' | 'continue'
}

export interface LeaseIo extends WriteIo {
  emit(event: RunEvent): void
}

/** A change of the row by its owner. */
type OwnerChange = (row: Row, stamp: Stamp) => PendingRow

/** Runs a job under a deadline that the caller sets. */
type Within = (job: (signal: AbortSignal) => Promise<WriteResult>) => Promise<WriteResult>

/**
 * Checks whether this slot still holds the overlap lock of its task, if it needs the lock. It is called after the
 * renewal of a lease that had run out.
 */
type CheckLock = (options: RetryOptions) => Promise<LockResult>

/** Why the work must end, and how many milliseconds it has until it is killed. */
export interface LeaseLoss {
  readonly cause: LeaseLossCause
  readonly killInMs: number
}

export interface Lease {
  /** Aborts when the work must end. */
  readonly lost: AbortSignalWith<LeaseLoss>
  /**
   * Puts the process that does the work into the row with the next renewal, so that other runs on this host can see
   * that it is alive.
   */
  record(process: ProcessMark): void
  /** Returns how long ago the current lease was computed, in milliseconds. */
  ageMs(): number
  /** Renews a lease that is a heartbeat old or older, before work starts under it. */
  renew(within: Within): Promise<WriteResult>
  /** Makes another write of this owner, which also renews the lease. The regular renewals pause during the write. */
  write(change: OwnerChange, within: Within): Promise<WriteResult>
  /**
   * Returns how often the lease had run out when it was renewed. Facts from before such a renewal may be out of date.
   */
  lapses(): number
  /** Ends the renewals, including one that is in flight, and returns the last known row. A finish builds on it. */
  release(): Promise<PendingRow>
}

/**
 * A pause (a stopped process or a frozen container) can outlast the lease. The next renewal gets this long before the
 * lease counts as lost. It is the time of one request, and short because another run may already have started.
 */
const RENEWAL_AFTER_PAUSE_MS = 5_000

/** Renews the lease of `row` until it is released. All deadlines count from before the last write was sent. */
export function keepLease(
  row: PendingRow,
  preparedAtMs: number,
  settings: LeaseSettings,
  io: LeaseIo,
  checkLock: CheckLock,
): Lease {
  const owned = ownRow(row, preparedAtMs, settings, io, checkLock)
  const lost = new AbortController()
  const heartbeats = sendHeartbeats(owned, lost, settings, io)

  /** Pauses the heartbeats, writes, and starts them again. If `job` throws, they stay stopped. */
  async function writeInstead(
    within: Within,
    job: (signal: AbortSignal) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await heartbeats.pause()
    const written = await within(job)
    const loss = owned.lossBy(written)
    if (loss === null) heartbeats.start()
    else lost.abort(loss)
    return written
  }

  heartbeats.start()
  return {
    lost: lost.signal,
    record: owned.record,
    ageMs: owned.ageMs,
    renew: (within) => writeInstead(within, owned.freshen),
    write: (change, within) => writeInstead(within, (signal) => owned.write(change, signal)),
    lapses: owned.lapses,
    async release() {
      await heartbeats.pause()
      return owned.row()
    },
  }
}

/** The row that this run owns, as it was last written, and the age of its lease. */
interface OwnedRow {
  row(): PendingRow
  record(process: ProcessMark): void
  ageMs(): number
  /** Returns the time until the work must be asked to stop, so that it has ended before another run may start. */
  stopInMs(): number
  /** Returns the time until another run may start. The work must have ended by then. */
  killInMs(): number
  lapses(): number
  /** Renews the lease, regardless of its age. */
  renew(signal: AbortSignal): Promise<WriteResult>
  /** Renews the lease if it is a heartbeat old or older. */
  freshen(signal: AbortSignal): Promise<WriteResult>
  /** Makes another write, and renews the lease again if the answer took too long. */
  write(change: OwnerChange, signal: AbortSignal): Promise<WriteResult>
  /** Returns why the lease is lost after this write, or null if the slot and the overlap lock are still its own. */
  lossBy(written: WriteResult): LeaseLoss | null
}

function ownRow(
  row: PendingRow,
  preparedAtMs: number,
  settings: LeaseSettings,
  io: LeaseIo,
  checkLock: CheckLock,
): OwnedRow {
  const { clock } = io
  let current = row
  let trustedFromMs = preparedAtMs
  let process: ProcessMark | null = null
  let lapses = 0
  let hasLostLock = false

  const age = () => ageMs({ row: current, preparedAtMs: trustedFromMs }, settings, clock)
  const killInMs = () => settings.leaseMs - settings.skewMs - age()
  const renewal: OwnerChange = (base, stamp) => renewLease(base, stamp, settings.leaseMs, process)

  async function send(change: OwnerChange, signal: AbortSignal): Promise<WriteResult> {
    const options = { signal, retry: 'any' } as const
    const written = await writeAsOwner(current, change, io, options)
    if (written.kind !== 'ok') return written
    if (killInMs() <= 0) {
      const lockResult = await checkLock(options)
      // The new lease is not trusted yet, so the next write checks the lock again.
      if (lockResult.kind === 'unanswered') return { ...lockResult, changedNothing: false, row: written.row }
      hasLostLock = lockResult.kind === 'busy'
      lapses += 1
    }
    current = written.row
    trustedFromMs = written.preparedAtMs
    return written
  }

  function fresh(first: WriteResult, signal: AbortSignal): Promise<WriteResult> {
    const renew = (_: Row, withinMs: number | null) =>
      withinDeadline(clock, withinMs, signal, (inTime) => send(renewal, inTime))
    return ensureFreshLease(first, renew, settings, clock)
  }

  return {
    row: () => current,
    record(mark) {
      process = mark
    },
    ageMs: age,
    stopInMs: () => (settings.onLeaseLost === 'continue' ? Number.POSITIVE_INFINITY : startableMs(settings) - age()),
    killInMs,
    lapses: () => lapses,
    renew: (signal) => send(renewal, signal),
    freshen: (signal) => fresh({ kind: 'ok', row: current, preparedAtMs: trustedFromMs }, signal),
    async write(change, signal) {
      process = null
      return fresh(await send(change, signal), signal)
    },
    lossBy(written) {
      const killInMs = settings.killAfterMs
      if (written.kind === 'lost') return { cause: causeOf(written.found, attemptCount(current)), killInMs }
      return hasLostLock ? { cause: 'overlap', killInMs } : null
    },
  }
}

function causeOf(found: StoredRow | null, number: number): LeaseLossCause {
  const loss = lossOf(found, number)
  return loss === 'lost' ? 'taken' : loss
}

/** Returns the regular renewals of a lease. They abort `lost` with a `LeaseLoss` when the lease is lost. */
function sendHeartbeats(
  owned: OwnedRow,
  lost: AbortController,
  settings: LeaseSettings,
  { clock, emit }: LeaseIo,
): { start(): void; pause(): Promise<void> } {
  let released = new AbortController()
  let beating = Promise.resolve()
  let failing = false

  const nextBeatMs = () => clock.monotonicMs() + settings.heartbeatMs - owned.ageMs()

  async function beat(): Promise<LeaseLoss | null> {
    // A lease can be old already, for example if the answer to the claim took long. It is then renewed at once.
    let nextMs = nextBeatMs()
    for (;;) {
      await clock.wait(nextMs - clock.monotonicMs(), released.signal)
      if (released.signal.aborted) return null
      nextMs = clock.monotonicMs() + settings.heartbeatMs
      const leftMs = Math.min(settings.heartbeatMs, owned.stopInMs())
      const written = await renewWithin(leftMs > 0 ? leftMs : RENEWAL_AFTER_PAUSE_MS)
      const loss = owned.lossBy(written)
      if (loss !== null) return loss
      if (written.kind === 'ok') {
        nextMs = nextBeatMs()
        if (failing) emit({ event: 'renewal-recovered' })
        failing = false
      } else if (written.kind === 'unanswered' && !released.signal.aborted) {
        if (!failing) emit({ event: 'renewal-failed', detail: written.cause.message })
        failing = true
        if (owned.stopInMs() <= 0) return { cause: 'expired', killInMs: Math.max(0, owned.killInMs()) }
        // A renewal that fails at once must not delay the stop until the next heartbeat.
        nextMs = Math.min(nextMs, clock.monotonicMs() + owned.stopInMs())
      }
    }
  }

  /**
   * A bug in a renewal is not a reason to stop a healthy batch. The error is logged, and the lease runs out as in an
   * outage.
   */
  function renewWithin(ms: number): Promise<WriteResult> {
    return withDeadline(clock, ms, [released.signal], owned.renew).catch((error: unknown) => ({
      kind: 'unanswered',
      cause: new LedgerError('unreachable', firstLine(error), { cause: error }),
      changedNothing: false,
      row: owned.row(),
    }))
  }

  return {
    start() {
      released = new AbortController()
      beating = beat().then((loss) => {
        if (loss !== null) lost.abort(loss)
      })
    },
    async pause() {
      // Without a reason, `abort` would create an error object.
      released.abort(null)
      await beating
    },
  }
}
