import type { PendingRow } from '../../core/types.ts'
import type { Clock } from '../../process/clock.ts'
import { Unanswered } from '../ask.ts'
import type { Settings } from '../settings.ts'
import type { WriteResult } from '../write.ts'

/** A row, and the monotonic time from before its lease was computed. */
export interface Leased {
  readonly row: PendingRow
  readonly preparedAtMs: number
}

/**
 * Returns the oldest lease, in milliseconds, under which work may start. Running work gets SIGTERM at this age, so that
 * it has ended before another host may take the slot over.
 */
export function startableMs({ leaseMs, skewMs, killAfterMs }: Settings): number {
  return leaseMs - skewMs - killAfterMs
}

/**
 * Returns how long ago the lease of a write was computed, in milliseconds. The monotonic clock stops while the machine
 * is suspended, so the wall clock counts if it is ahead by more than the skew. A smaller difference only means that the
 * wall clock was set.
 */
export function ageMs({ row, preparedAtMs }: Leased, { leaseMs, skewMs }: Settings, clock: Clock): number {
  const byMonotonicMs = clock.monotonicMs() - preparedAtMs
  const byWallMs = clock.now() - (row.leaseUntil - leaseMs)
  return byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs
}

/**
 * Renews a lease that is a heartbeat old or older, before work starts under it. A lease counts from before its write
 * was sent, so it is old if the answer took long or this process was paused.
 *
 * A renewal that is not answered does not prevent a start that is safe without it. `renew` gets the time that it may
 * take: at most a heartbeat, and half of the time in which a start is still safe. If a start is not safe, it has no limit.
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
