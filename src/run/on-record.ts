import { dueKeys, type InForce, type OnRecord, withMissed } from '../core/missed.ts'
import { parseSchedule } from '../core/schedule.ts'
import type { Instant } from '../core/types.ts'
import { type HistoryDeps, readHistory } from './history.ts'
import type { KnownTask } from './tasks.ts'

/** Fifteen minutes: deliveries come within a minute or two, and a retry or a slow start should not be an alarm. */
export const USUAL_GRACE_MS = 900_000

export interface RecordTerms {
  readonly since: Instant
  readonly until: Instant
  /** A slot is missed only when it has been due for so long. */
  readonly graceMs: number
}

/** Throws a usage error where the registry holds a schedule that this version or its zone data cannot read. */
export function inForceOf({ schedules }: KnownTask): readonly InForce[] {
  return schedules.map(({ since, spec }) => ({ since, schedule: parseSchedule(spec) }))
}

/**
 * The slots of one task in `[since, until)` that have a row, or were due for the grace at `now`, newest first. Slots and
 * rows are put together as they come: memory holds a page of rows.
 */
export function slotsOnRecord(
  task: string,
  inForce: readonly InForce[],
  { since, until, graceMs }: RecordTerms,
  now: Instant,
  deps: HistoryDeps,
): AsyncGenerator<OnRecord, void> {
  // A slot that is due for exactly the grace is missed, so the end is a millisecond later.
  const due = dueKeys([{ task, schedules: inForce }], since, Math.min(until, now - graceMs + 1))
  return withMissed(due, readHistory({ task, since, until, limit: Number.POSITIVE_INFINITY }, deps), true)
}
