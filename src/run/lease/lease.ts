import type { LeaseLossCause } from '../../core/event.ts'
import type { PendingRow, ProcessMark } from '../../core/types.ts'
import type { AbortSignalWith } from '../../process/signals.ts'
import { type Ask, type Limit, within } from '../ask.ts'
import type { Settings } from '../settings.ts'
import type { RunIo, WriteResult } from '../write.ts'
import { sendHeartbeats } from './heartbeats.ts'
import { type HasLostLock, type Lose, type OwnerChange, ownRow } from './owned-row.ts'

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
  renew(limit: Limit): Promise<WriteResult>
  /** Makes another write of this owner, which also renews the lease. The regular renewals pause during the write. */
  write(change: OwnerChange, limit: Limit): Promise<WriteResult>
  /**
   * Returns how often the lease had run out when it was renewed. Facts from before such a renewal may be out of date.
   */
  lapses(): number
  /** Ends the renewals, including one that is in flight, and returns the last known row. A finish builds on it. */
  release(): Promise<PendingRow>
}

/** Renews the lease of `row` until it is released. All deadlines count from before the last write was sent. */
export function keepLease(
  row: PendingRow,
  preparedAtMs: number,
  settings: Settings,
  io: RunIo,
  hasLostLock: HasLostLock,
): Lease {
  const lost = new AbortController()
  const lose: Lose = (cause, killInMs) => lost.abort({ cause, killInMs } satisfies LeaseLoss)
  const owned = ownRow({ row, preparedAtMs }, settings, io, hasLostLock, lose)
  const heartbeats = sendHeartbeats(owned, lost.signal, settings, io, lose)

  /** Pauses the heartbeats for a write. If it throws, they stay stopped, and the run ends. */
  async function writeInstead(
    limit: Limit,
    job: (ask: Ask, signal: AbortSignal) => Promise<WriteResult>,
  ): Promise<WriteResult> {
    await heartbeats.pause()
    const written = await within({ ...limit, retry: 'any' }, io, job)
    if (!lost.signal.aborted) heartbeats.start()
    return written
  }

  heartbeats.start()
  return {
    lost: lost.signal,
    record: owned.record,
    ageMs: owned.ageMs,
    renew: (limit) => writeInstead(limit, owned.freshen),
    write: (change, limit) => writeInstead(limit, (ask, signal) => owned.write(change, ask, signal)),
    lapses: owned.lapses,
    async release() {
      await heartbeats.pause()
      return owned.row()
    },
  }
}
