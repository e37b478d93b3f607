import { type AuditTerms, findingOf, type TaskFinding } from '../core/missed.ts'
import type { Instant } from '../core/types.ts'
import type { HistoryDeps } from './history.ts'
import { inForceOf, type RecordTerms, slotsOnRecord } from './on-record.ts'
import type { KnownTask } from './tasks.ts'

export interface CheckTerms extends Omit<AuditTerms, 'now'>, RecordTerms {
  /** Told of each slot as it is looked at. */
  readonly progress: (task: string, slot: Instant) => void
}

/**
 * What is wrong with the slots of one task in `[since, until)`, newest first: missed, failed, stale and late. Memory
 * holds a page of rows.
 *
 * Throws a usage error where the registry holds a schedule that this version or its zone data cannot read.
 */
export async function* checkTask(
  known: KnownTask,
  { progress, ...terms }: CheckTerms,
  deps: HistoryDeps,
): AsyncGenerator<TaskFinding, void> {
  const { task, schedules } = known
  const now = deps.clock.now()
  const schedule = schedules.at(-1)?.spec
  if (schedule === undefined) return
  for await (const found of slotsOnRecord(task, inForceOf(known), terms, now, deps)) {
    progress(task, (found.row ?? found.missed).slot)
    const finding = findingOf(found, { ...terms, now })
    if (finding !== null) yield { ...finding, task, schedule }
  }
}
