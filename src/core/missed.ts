import { isForeign, isStale } from './decide.ts'
import type { Schedule } from './slot.ts'
import { slotBefore } from './slot.ts'
import type { Instant, Row, StoredRow } from './types.ts'

/** Something about a slot that a person should look at. */
export type Finding =
  /** Due, and no row: nothing has asked to run it, or nothing reached the ledger. */
  | { readonly kind: 'missed'; readonly slot: Instant }
  | { readonly kind: 'failed' | 'stale' | 'late'; readonly slot: Instant; readonly row: Row }

export interface AuditTerms {
  readonly now: Instant
  readonly skewMs: number
  /** A first attempt that started later than this after its slot is late; null: never. */
  readonly lateAfterMs: number | null
}

/** A schedule and the first slot that was run under it. */
export interface InForce {
  readonly since: Instant
  readonly schedule: Schedule
}

/**
 * The slots that were due in `[since, until)`, newest first, each by the schedule that was in force then; `schedules`
 * stand oldest first.
 *
 * When a schedule was changed is known to a window only: some time before its first slot, and after the fire time before
 * that. Within it nobody knows whether the old one still held, so its slots there are not expected.
 */
export function* dueSlots(schedules: readonly InForce[], since: Instant, until: Instant): Generator<Instant, void> {
  let end = until
  for (const { since: first, schedule } of schedules.toReversed()) {
    const from = Math.max(since, first)
    for (let slot = slotBefore(schedule, end); slot !== null && slot >= from; slot = slotBefore(schedule, slot))
      yield slot
    const known = slotBefore(schedule, first)
    end = Math.min(end, known === null ? first : known + 1)
  }
}

/** What is wrong with the slots of one task: `due` and `rows` both newest first. Memory holds one row. */
export async function* audit(
  due: Iterable<Instant>,
  rows: AsyncIterable<StoredRow>,
  terms: AuditTerms,
): AsyncGenerator<Finding, void> {
  const slots = due[Symbol.iterator]()
  let next = slots.next()
  for await (const row of rows) {
    while (!next.done && next.value > row.slot) {
      yield { kind: 'missed', slot: next.value }
      next = slots.next()
    }
    if (!next.done && next.value === row.slot) next = slots.next()
    const kind = isForeign(row) ? null : faultOf(row, terms)
    if (kind !== null && !isForeign(row)) yield { kind, slot: row.slot, row }
  }
  for (; !next.done; next = slots.next()) yield { kind: 'missed', slot: next.value }
}

function faultOf(row: Row, { now, skewMs, lateAfterMs }: AuditTerms): 'failed' | 'stale' | 'late' | null {
  if (isStale(row, now, skewMs)) return 'stale'
  if (row.state === 'FAILED') return 'failed'
  const first = row.attempts.find(({ outcome }) => outcome !== 'notStarted')
  const late = lateAfterMs !== null && first?.trigger.kind === 'scheduled' && first.startedAt - row.slot > lateAfterMs
  return late ? 'late' : null
}
