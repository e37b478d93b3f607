import { readableRow, statusOf } from '../core/row/status.ts'
import { findingOf, NO_FINDINGS, type TaskHealth } from '../core/task/findings.ts'
import { isRetired } from '../core/task/suspensions.ts'
import { expectedTimes } from '../core/task/task-record.ts'
import { futureSlotIn, latestSlot, wrongClock } from '../core/task/wrong-clock.ts'
import type { Instant, Row, Status } from '../core/types.ts'
import { type CheckSettings, ofAllTasks } from './check.ts'
import { auditedSlots, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the condition of one task, from its slots in `[since, until)`. Yields nothing for a task that is retired. Holds
 * one page of rows in memory, and throws as `checkTask` does.
 */
export async function* taskHealth(
  known: KnownTask,
  settings: CheckSettings,
  deps: HistoryDeps,
): AsyncGenerator<TaskHealth, void> {
  const { task } = known
  const { now } = settings
  if (known.schedules.length === 0 || isRetired(known, now)) return
  // What is missing cannot be counted then.
  const future = futureSlotIn(known, latestSlot(settings))
  if (future !== null) throw wrongClock(future)
  const audit = { now, skewMs: settings.skewMs, ...expectedTimes(known, settings.times) }
  const findings = { ...NO_FINDINGS }
  let status: Status | null = null
  let lastSuccess = Number.NEGATIVE_INFINITY
  // A slot that is due later can have a row, because an operator may resolve it in advance.
  const due = { since: settings.since, until: Math.min(settings.until, now + 1) }
  for await (const found of auditedSlots(taskInForce(known, due.until), due, deps)) {
    const { row } = found
    const slot = (row ?? found.missed).slot
    settings.progress(task, slot)
    status ??= statusOf({ slot, row }, audit)
    const finding = findingOf(found, audit)
    if (finding !== null) findings[finding.kind] += 1
    const own = readableRow(row)
    if (own !== null) lastSuccess = Math.max(lastSuccess, successAt(own))
  }
  yield { task, status, lastSuccessAt: Number.isFinite(lastSuccess) ? lastSuccess : null, findings }
}

/** Returns when the last attempt of the row that succeeded ended, or minus infinity if none succeeded. */
function successAt({ attempts }: Row): Instant {
  const ends = attempts.flatMap((one) => (one.outcome === 'succeeded' ? [one.endedAt ?? one.startedAt] : []))
  return Math.max(...ends, Number.NEGATIVE_INFINITY)
}

/** Yields the condition of each task that is not retired, ordered by task. Throws as `checkTasks` does. */
export function tasksHealth(settings: CheckSettings, deps: HistoryDeps): AsyncGenerator<TaskHealth, void> {
  return ofAllTasks((task, own) => taskHealth(task, settings, own), deps)
}
