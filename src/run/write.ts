import { isForeign } from '../core/decide.ts'
import type { LedgerError } from '../core/errors.ts'
import type { Stamp } from '../core/transition.ts'
import type { Row, StoredRow } from '../core/types.ts'
import type { Expected, Store } from '../store/store.ts'
import type { Clock } from './clock.ts'
import { type RetryIo, type RetryOptions, untilAnswered } from './retry.ts'

/** What an owner's write needs of the world. */
export interface WriteIo extends RetryIo {
  readonly store: Store
  /** A fresh random id. */
  newId(): string
}

export type Written =
  /** The row is in the ledger. `preparedAtMs` is monotonic, from before the lease in it was computed. */
  | { readonly kind: 'ok'; readonly row: Row; readonly preparedAtMs: number }
  /** Another process owns the slot; nothing that was sent can land any more. */
  | { readonly kind: 'lost'; readonly found: StoredRow | null }
  /** What was sent, `row` last, may have been applied, or may still be on its way. */
  | { readonly kind: 'unanswered'; readonly cause: LedgerError; readonly row: Row }

/**
 * Sends one owner's write until it is answered: the only way in which a run writes its row (design part 5, "ambiguous
 * writes"). The same write, with the same id and expectation, is sent again after a lost answer, and a conflict is read:
 *
 * - the write found is this very one: it had landed;
 * - it is another one of this run (a renewal that landed late): the change is made again on top of it;
 * - anything else: lost.
 *
 * `change` makes the row to write from the row to build on; it is called again for each new expectation.
 */
export async function writeAsOwner<Base extends Row | null>(
  base: Base,
  change: (base: Base | Row, stamp: Stamp) => Row,
  io: WriteIo,
  options: RetryOptions,
): Promise<Written> {
  const writeId = io.newId()
  let ground: Base | Row = base
  for (;;) {
    const preparedAtMs = io.clock.monotonicMs()
    const expected: Expected = ground ?? 'absent'
    const row = change(ground, { writeId, now: io.clock.now() })
    const reply = await untilAnswered(() => io.store.put(row, expected, options), io, options)
    if (reply.kind === 'unanswered') return { ...reply, row }
    if (reply.value.kind === 'ok') return { kind: 'ok', row, preparedAtMs }
    const { found } = reply.value
    if (found === null || isForeign(found)) return { kind: 'lost', found }
    if (found.writeId === writeId) return { kind: 'ok', row, preparedAtMs }
    if (found.owner !== row.owner) return { kind: 'lost', found }
    ground = found
  }
}

/** What tells how long a write of this owner's can be trusted. */
interface TrustTerms {
  readonly leaseMs: number
  readonly heartbeatMs: number
  readonly skewMs: number
}

/**
 * How long ago the lease of a write was computed. The monotonic clock stands still while the machine is suspended, and the
 * wall clock does not; one that differs by no more than the skew was set.
 */
export function ageMs(
  { row, preparedAtMs }: { readonly row: Row; readonly preparedAtMs: number },
  { leaseMs, skewMs }: TrustTerms,
  clock: Clock,
): number {
  const byMonotonicMs = clock.monotonicMs() - preparedAtMs
  const byWallMs = clock.now() - ((row.leaseUntil ?? 0) - leaseMs)
  return byWallMs - byMonotonicMs > skewMs ? byWallMs : byMonotonicMs
}

/**
 * Renews what was written before anything starts under it, where the answer was long in coming or this process was paused:
 * a lease is trusted from before it was asked for.
 */
export async function freshened(
  first: Written,
  renew: (row: Row) => Promise<Written>,
  terms: TrustTerms,
  clock: Clock,
): Promise<Written> {
  let written = first
  let mostMs = terms.heartbeatMs
  while (written.kind === 'ok' && ageMs(written, terms, clock) >= mostMs) {
    written = await renew(written.row)
    // A ledger that takes longer than a short heartbeat, each time, is no reason to start nothing.
    mostMs = terms.leaseMs - terms.skewMs
  }
  return written
}
