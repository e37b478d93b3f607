import { type AuditTerms, audit, dueKeys, type Finding, type InForce } from '../core/missed.ts'
import { parseSchedule } from '../core/schedule.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import { type HistoryDeps, readHistory } from './history.ts'
import type { KnownTask } from './tasks.ts'

export interface CheckTerms extends Omit<AuditTerms, 'now'> {
  readonly since: Instant
  readonly until: Instant
  /** A slot is missed only when it has been due for so long. */
  readonly graceMs: number
}

export type TaskFinding = Finding & {
  readonly task: string
  /** The schedule that is in force now: its zone is the one that people think in. */
  readonly schedule: ScheduleSpec
}

/**
 * What is wrong with the slots of one task in `[since, until)`, newest first: missed, failed, stale and late. Slots and
 * rows are compared as they come: memory holds a page of rows.
 *
 * Throws a usage error where the registry holds a schedule that this version or its zone data cannot read.
 */
export async function* checkTask(
  known: KnownTask,
  { since, until, graceMs, ...terms }: CheckTerms,
  deps: HistoryDeps,
): AsyncGenerator<TaskFinding, void> {
  const { task, schedules } = known
  const now = deps.clock.now()
  const schedule = schedules.at(-1)?.spec
  if (schedule === undefined) return
  // A slot that is due for exactly the grace is missed, so the end is a millisecond later.
  const due = dueKeys([{ task, schedules: inForceOf(known) }], since, Math.min(until, now - graceMs + 1))
  const rows = readHistory({ task, since, until, limit: Number.POSITIVE_INFINITY }, deps)
  for await (const finding of audit(due, rows, { ...terms, now })) yield { ...finding, task, schedule }
}

/** The schedules of a task, read. Throws a usage error for one that this version or its zone data cannot read. */
export function inForceOf({ schedules }: KnownTask): readonly InForce[] {
  return schedules.map(({ since, spec }) => ({ since, schedule: parseSchedule(spec) }))
}
