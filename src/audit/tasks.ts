import { decodeSchedules, type Schedules } from '../core/row/task-record.ts'
import { withDeadline } from '../process/clock.ts'
import type { CallOptions } from '../store/store.ts'
import type { HistoryDeps } from './history.ts'

/** The record of a task. It always has at least one schedule. */
export interface KnownTask {
  readonly task: string
  readonly schedules: Schedules
}

/**
 * Yields the task records by name. Each page is read when the caller needs it. Throws `LedgerError` if a record is
 * malformed.
 */
export async function* readTasks(deps: HistoryDeps): AsyncGenerator<KnownTask> {
  let cursor: string | undefined
  do {
    const page = await ask(deps, (call) => deps.store.listEntries('#registry', cursor, call))
    for (const { task, document } of page.entries) yield* known(task, decodeSchedules(document, task))
    cursor = page.next
  } while (cursor !== undefined)
}

/** Returns the record of one task, or null if it has none. Throws `LedgerError` if the record is malformed. */
export async function readTask(task: string, deps: HistoryDeps): Promise<KnownTask | null> {
  const entry = await ask(deps, (call) => deps.store.readEntry({ kind: '#registry', task }, call))
  return (entry === null ? [] : known(task, decodeSchedules(entry.document, task)))[0] ?? null
}

function known(task: string, schedules: Schedules): KnownTask[] {
  return schedules.length === 0 ? [] : [{ task, schedules }]
}

function ask<T>({ clock, pageTimeoutMs, signals }: HistoryDeps, question: (call: CallOptions) => Promise<T>) {
  return withDeadline(clock, pageTimeoutMs, signals, (signal) => question({ signal }))
}
