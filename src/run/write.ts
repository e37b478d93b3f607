import type { LedgerError } from '../core/errors.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import type { Stamp } from '../core/row/transition.ts'
import type { Row, StoredRow } from '../core/types.ts'
import type { Clock } from '../process/clock.ts'
import type { Expected, Store } from '../store/store.ts'
import { type RetryIo, type RetryOptions, untilAnswered } from './retry.ts'

/** What an owner's write needs of the world. */
export interface WriteIo extends RetryIo {
  readonly store: Store
  /** A fresh random id. */
  newId(): string
}

export type WriteResult =
  /** The row is in the ledger. `preparedAtMs` is monotonic, from before the lease in it was computed. */
  | { readonly kind: 'ok'; readonly row: Row; readonly preparedAtMs: number }
  /** Another process owns the slot; nothing that was sent can land any more. */
  | { readonly kind: 'lost'; readonly found: StoredRow | null }
  /** What was sent, `row` last, may have been applied, or may still be on its way, unless `changedNothing`. */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly changedNothing: boolean; readonly row: Row }

/**
 * Sends one owner's write until it is answered: the only way in which a run writes its row (design part 5, "ambiguous
 * writes"). The same write, with the same id and expectation, is sent again after a lost answer, and a conflict is read:
 *
 * - the write found is this very one: it had landed;
 * - it is another one of this run (a renewal that landed late): the change is made again on top of it;
 * - anything else: lost.
 *
 * `change` makes the row to write from the row to build on; it is called again for each new expectation. It must leave a
 * row as it is that has the change already: another run's withdrawal may stand on top of a write whose answer was lost.
 *
 * `runId` is the run that writes. Without it, that is the owner of the row that is written.
 */
export async function writeAsOwner<Base extends Row | null>(
  base: Base,
  change: (base: Base | Row, stamp: Stamp) => Row,
  io: WriteIo,
  { runId, ...options }: RetryOptions & { readonly runId?: string },
): Promise<WriteResult> {
  const writeId = io.newId()
  let baseRow: Base | Row = base
  for (;;) {
    const preparedAtMs = io.clock.monotonicMs()
    const expected: Expected = baseRow ?? 'absent'
    const row = change(baseRow, { writeId, now: io.clock.now() })
    const reply = await untilAnswered(() => io.store.put(row, expected, options), io, options)
    if (reply.kind === 'unanswered') return { ...reply, row }
    if (reply.value.kind === 'ok') return { kind: 'ok', row, preparedAtMs }
    const { found } = reply.value
    if (found === null || isNewerSchema(found)) return { kind: 'lost', found }
    if (found.writeId === writeId) return { kind: 'ok', row, preparedAtMs }
    if (found.owner !== (runId ?? row.owner)) return { kind: 'lost', found }
    baseRow = found
  }
}

/** The times that say how long a write of this owner can be trusted. */
export interface TrustSettings {
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly skewMs: number
  /** Between SIGTERM and SIGKILL. */
  readonly killAfterMs: number
}

/**
 * The oldest lease, in milliseconds, under which work may start. Work that runs gets SIGTERM at this age, so that it has
 * ended before another host may take the slot over.
 */
export function startableMs({ leaseMs, skewMs, killAfterMs }: TrustSettings): number {
  return leaseMs - skewMs - killAfterMs
}

/**
 * How long ago the lease of a write was computed. The monotonic clock stands still while the machine is suspended, and the
 * wall clock does not; one that differs by no more than the skew was set.
 */
export function ageMs(
  { row, preparedAtMs }: { readonly row: Row; readonly preparedAtMs: number },
  { leaseMs, skewMs }: Pick<TrustSettings, 'leaseMs' | 'skewMs'>,
  clock: Clock,
): number {
  const byMonotonicMs = clock.monotonicMs() - preparedAtMs
  const byWallMs = clock.now() - ((row.leaseUntil ?? 0) - leaseMs)
  return byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs
}

/**
 * Renews a lease that is a heartbeat old or older, before work starts under it. The answer took long, or this process was
 * paused, and a lease counts from before its write was sent.
 *
 * A renewal that is not answered does not prevent a start that is safe without it. `renew` gets the time that it may take:
 * a heartbeat at most, and half of the time in which a start is still safe. It gets null where a start is not safe.
 */
export async function ensureFreshLease(
  first: WriteResult,
  renew: (row: Row, withinMs: number | null) => Promise<WriteResult>,
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
    // A ledger that takes longer than a short heartbeat for each answer must not prevent the start.
    mostMs = startableMs(settings)
  }
  return written
}
