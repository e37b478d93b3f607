import { firstLine, LedgerError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { renewLease, type Stamp } from '../core/row/transition.ts'
import type { ProcessMark, Row } from '../core/types.ts'
import { withDeadline, withinDeadline } from '../process/clock.ts'
import type { LockResult } from './overlap-lock.ts'
import type { RetryOptions } from './retry.ts'
import {
  ageMs,
  ensureFreshLease,
  startableMs,
  type TrustSettings,
  type WriteIo,
  type WriteResult,
  writeAsOwner,
} from './write.ts'

export interface LeaseSettings extends TrustSettings {
  /** What a lease that could not be renewed in time does to the work. One that another run took over always stops it. */
  readonly onLeaseLost: 'stop' | 'continue'
}

export interface LeaseIo extends WriteIo {
  emit(event: RunEvent): void
}

/** A change of the row by its owner. */
type Change = (row: Row, stamp: Stamp) => Row

/** Runs a job under a deadline of the caller's. */
type Within = (job: (signal: AbortSignal) => Promise<WriteResult>) => Promise<WriteResult>

/** Asked after a lease that had run out was renewed: is the task's turn this slot's still, where that matters? */
type CheckLock = (options: RetryOptions) => Promise<LockResult>

/** Why the work must end, and how long it may take to. */
export interface LeaseLoss {
  readonly cause:
    | 'taken'
    /** The row of the slot was deleted: any trigger may start in the slot. */
    | 'deleted'
    | 'expired'
    /** The slot is this run's, but the task's turn is another slot's by now. */
    | 'turn'
  readonly killInMs: number
}

export interface Lease {
  /** Aborts when the work must end; its reason is a `LeaseLoss`. */
  readonly lost: AbortSignal
  /** Puts the child into the row with the next renewal, so that others on this host see that it lives. */
  record(process: ProcessMark): void
  /** How long ago the lease was computed that is in force, in milliseconds. */
  ageMs(): number
  /** Renews a lease that is a heartbeat old or older, before work starts under it. */
  renew(within: Within): Promise<WriteResult>
  /** Makes another write of this owner's, which renews the lease too, in place of the renewals. */
  write(change: Change, within: Within): Promise<WriteResult>
  /** How often the lease had run out when it was renewed: what was known from before may be known no more. */
  lapses(): number
  /** Ends the renewals, one in flight included, and gives the row as it is known: a finish builds on it. */
  release(): Promise<Row>
}

/**
 * A renewal after a pause (a stopped process, a frozen container) gets this long before the lease that ran out
 * meanwhile is taken for lost: one request's time, and short, since another run may be under way.
 */
const RENEWAL_AFTER_PAUSE_MS = 5_000

/** Renews the lease of `row` until released. All its deadlines count from before the last write was sent. */
export function keepLease(
  row: Row,
  preparedAtMs: number,
  settings: LeaseSettings,
  io: LeaseIo,
  checkLock: CheckLock = async () => ({ kind: 'mine' }),
): Lease {
  const { clock } = io
  const lost = new AbortController()
  let released = new AbortController()
  let current = row
  let trustedFromMs = preparedAtMs
  let process: ProcessMark | null = null
  let failing = false
  let lapses = 0
  let hasLostLock = false

  const age = () => ageMs({ row: current, preparedAtMs: trustedFromMs }, settings, clock)
  /** Until the work must be told to stop, so that it is gone before a contender may start. */
  const stopInMs = () =>
    settings.onLeaseLost === 'continue' ? Number.POSITIVE_INFINITY : startableMs(settings) - age()
  const killInMs = () => settings.leaseMs - settings.skewMs - age()
  const nextBeatMs = () => clock.monotonicMs() + settings.heartbeatMs - age()

  async function beat(): Promise<LeaseLoss | null> {
    // A lease that is old already, as after a start that was not preceded by an answer, is renewed at once.
    let nextMs = nextBeatMs()
    for (;;) {
      await clock.wait(nextMs - clock.monotonicMs(), released.signal)
      if (released.signal.aborted) return null
      const startedMs = clock.monotonicMs()
      nextMs = startedMs + settings.heartbeatMs
      const leftMs = Math.min(settings.heartbeatMs, stopInMs())
      const budgetMs = leftMs > 0 ? leftMs : RENEWAL_AFTER_PAUSE_MS
      const written = await renew(budgetMs)
      const loss = lossBy(written)
      if (loss !== null) return loss
      if (written.kind === 'ok') {
        nextMs = nextBeatMs()
        if (failing) io.emit({ event: 'renewal-recovered' })
        failing = false
      } else if (written.kind === 'unanswered' && !released.signal.aborted) {
        if (!failing) io.emit({ event: 'renewal-failed', detail: written.cause.message })
        failing = true
        if (stopInMs() <= 0) return { cause: 'expired', killInMs: Math.max(0, killInMs()) }
      }
    }
  }

  /** A bug in a renewal is no reason to lose a healthy batch: it is told of, and the lease runs out as in an outage. */
  function renew(budgetMs: number): Promise<WriteResult> {
    return withDeadline(clock, budgetMs, [released.signal], (signal) => send(renewal, signal)).catch(
      (error: unknown) => ({
        kind: 'unanswered',
        cause: new LedgerError('unreachable', firstLine(error), { cause: error }),
        changedNothing: false,
        row: current,
      }),
    )
  }

  const renewal: Change = (base, stamp) => renewLease(base, stamp, settings.leaseMs, process)

  async function send(change: Change, signal: AbortSignal): Promise<WriteResult> {
    const options = { signal, retry: 'any' } as const
    const written = await writeAsOwner(current, change, io, options)
    if (written.kind !== 'ok') return written
    if (killInMs() <= 0) {
      const lockResult = await checkLock(options)
      // Not trusted yet: the next write asks again.
      if (lockResult.kind === 'unanswered') return { ...lockResult, changedNothing: false, row: written.row }
      hasLostLock = lockResult.kind === 'busy'
      lapses += 1
    }
    current = written.row
    trustedFromMs = written.preparedAtMs
    return written
  }

  function goOn(): Promise<void> {
    released = new AbortController()
    return beat().then((loss) => {
      if (loss !== null) lost.abort(loss)
    })
  }

  async function pause(): Promise<void> {
    // With a reason: without one, an error is made for it.
    released.abort(null)
    await beating
  }

  /** Returns why the lease is lost after a write of this owner, and null where the slot and the turn are still its own. */
  function lossBy(written: WriteResult): LeaseLoss | null {
    const killInMs = settings.killAfterMs
    if (written.kind === 'lost') return { cause: written.found === null ? 'deleted' : 'taken', killInMs }
    return hasLostLock ? { cause: 'turn', killInMs } : null
  }

  function fresh(first: WriteResult, signal: AbortSignal): Promise<WriteResult> {
    const renew = (_: Row, withinMs: number | null) =>
      withinDeadline(clock, withinMs, signal, (inTime) => send(renewal, inTime))
    return ensureFreshLease(first, renew, settings, clock)
  }

  /** Writes in place of the renewals, which go on after it. Where it throws, they have ended. */
  async function writeInstead(
    within: Within,
    job: (signal: AbortSignal) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await pause()
    const written = await within(job)
    const loss = lossBy(written)
    if (loss === null) beating = goOn()
    else lost.abort(loss)
    return written
  }

  let beating = goOn()

  return {
    lost: lost.signal,
    record(mark) {
      process = mark
    },
    ageMs: age,
    renew: (within) =>
      writeInstead(within, (signal) => fresh({ kind: 'ok', row: current, preparedAtMs: trustedFromMs }, signal)),
    write: (change, within) =>
      writeInstead(within, async (signal) => {
        process = null
        return fresh(await send(change, signal), signal)
      }),
    lapses: () => lapses,
    async release() {
      await pause()
      return current
    },
  }
}
