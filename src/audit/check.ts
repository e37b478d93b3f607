import { usageError } from '../core/errors.ts'
import { type AuditSettings, findingOf, type TaskFinding } from '../core/row/expected-slots.ts'
import type { Instant } from '../core/types.ts'
import { concurrently } from './concurrently.ts'
import { auditedSlots, type ExpectedSettings, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import { type KnownTask, readTaskRecords } from './tasks.ts'

export interface CheckSettings extends Omit<AuditSettings, 'now'>, ExpectedSettings {
  /** Called with each slot when it is checked. */
  readonly progress: (task: string, slot: Instant) => void
}

/**
 * Yields the slots of one task in `[since, until)` that need attention, newest first: missed, failed, stale and late.
 * Holds one page of rows in memory.
 *
 * Throws a usage error if the task record holds a schedule that this version or its time zone data cannot read.
 */
export async function* checkTask(
  known: KnownTask,
  { progress, ...settings }: CheckSettings,
  deps: HistoryDeps,
): AsyncGenerator<TaskFinding, void> {
  const { task, schedules } = known
  const now = deps.clock.now()
  const schedule = schedules.at(-1)?.spec
  if (schedule === undefined) return
  for await (const found of auditedSlots(taskInForce(known), settings, now, deps)) {
    progress(task, (found.row ?? found.missed).slot)
    const finding = findingOf(found, { ...settings, now })
    if (finding !== null) yield { ...finding, task, schedule }
  }
}

/**
 * Yields the slots of all tasks that need attention, ordered by task, as `checkTask` does. It reads several tasks at a
 * time. Throws a usage error if the ledger has no task record.
 */
export async function* checkTasks(settings: CheckSettings, deps: HistoryDeps): AsyncGenerator<TaskFinding, void> {
  let known = 0
  async function* recorded(signal: AbortSignal) {
    for await (const task of readTaskRecords({ ...deps, signals: [signal] })) {
      known += 1
      yield task
    }
  }
  const check = (task: KnownTask, signal: AbortSignal) => checkTask(task, settings, { ...deps, signals: [signal] })
  yield* concurrently(recorded, check, deps.signals)
  // We must fail here, otherwise a dead man's switch on the wrong ledger would report success forever.
  if (known === 0) {
    throw usageError(
      'no task has run yet in this ledger, so there is nothing to check. Is this the right --store? To check a task that has not run yet, give --task and --schedule.',
    )
  }
}
