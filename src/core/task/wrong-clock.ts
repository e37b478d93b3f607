import { LedgerError } from '../errors.ts'
import { formatInstant } from '../instant.ts'
import { hasStarted } from '../row/attempts.ts'
import { readableRow } from '../row/status.ts'
import { MAX_EARLY_TOLERANCE_MS } from '../schedule/slot.ts'
import type { Instant, Row, StoredRow } from '../types.ts'
import type { TaskRecord } from './task-record.ts'

// A host whose clock is ahead runs a slot of the future, and records it. No other host could have run that slot yet.

/** cronledger is not older than this, so a clock that shows an earlier time is wrong. */
const EARLIEST_RUN = Date.UTC(2025, 0, 1)

/** Returns the latest slot that a host may run now, if its clock is right within the skew. */
export function latestSlot({ now, skewMs }: { readonly now: Instant; readonly skewMs: number }): Instant {
  return now + skewMs + MAX_EARLY_TOLERANCE_MS
}

/** Returns whether the clock of a host was far behind when it took this slot for the current one. */
export function isBeforeAnyRun(slot: Instant, now: Instant): boolean {
  return slot < EARLIEST_RUN && now < EARLIEST_RUN
}

/** Returns the latest slot after `latest` for which a run stated something: an operator may declare ahead. */
export function futureSlotIn({ schedules, placeSince }: TaskRecord, latest: Instant): Instant | null {
  const stated = schedules.flatMap(({ since, declared }) => (declared === 'unconfirmed' ? [] : [since]))
  const slot = Math.max(...stated, placeSince ?? latest)
  return slot > latest ? slot : null
}

/** Returns the record without what runs stated for slots after `latest`, or the record itself if there is nothing. */
export function withoutFuture<R extends TaskRecord>(record: R, latest: Instant): R {
  if (futureSlotIn(record, latest) === null) return record
  const { schedules, expectations, placeSince } = record
  return {
    ...record,
    schedules: schedules.flatMap((one) => {
      if (one.since <= latest || one.declared === 'unconfirmed') return [one]
      return one.declared === 'confirmed' ? [{ ...one, declared: 'unconfirmed' as const }] : []
    }),
    expectations: expectations !== null && expectations.since > latest ? null : expectations,
    ...((placeSince ?? 0) > latest && { place: null, placeSince: null }),
  }
}

/** Returns the slot of the row if it is later than `latest`, a run started in it, and no operator resolved it. */
export function futureRun(row: StoredRow | null, latest: Instant): Instant | null {
  const own = readableRow(row)
  if (own === null || own.slot <= latest || own.resolutions.length > 0) return null
  return own.attempts.some(hasStarted) ? own.slot : null
}

/** Returns the latest time of an attempt that is after `latest`, and its host. The clock of that host or of this one is wrong. */
export function futureTime({ attempts }: Row, latest: Instant): { readonly at: Instant; readonly host: string } | null {
  const times = attempts.map((one) => ({
    at: Math.max(one.startedAt, (one.phase === 'ended' && one.endedAt) || 0),
    host: one.host,
  }))
  return times.findLast(({ at }) => at > latest) ?? null
}

export function wrongClock(task: string, slot: Instant): LedgerError {
  const at = formatInstant(slot)
  return new LedgerError(
    'shape',
    `the slot ${at}, which is in the future, has already run: the clock of its host was ahead. Correct that clock. When the slot is due, its trigger will be a duplicate, and its batch will not run. If that is right, say so, and this error ends: cronledger resolve --task ${task} --slot ${at} --state completed --reason 'YOUR REASON'`,
  )
}
