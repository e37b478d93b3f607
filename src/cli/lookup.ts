import type { HistoryOptions, Ledger, ReadOptions } from '../api.ts'
import type { Schedules } from '../core/row/task-record.ts'
import type { StoredRow } from '../core/types.ts'

/** Returns the newest row that matches `options`, or null if there is none. */
export async function newestRow(ledger: Ledger, options: HistoryOptions): Promise<StoredRow | null> {
  for await (const row of ledger.history({ ...options, limit: 1 })) return row
  return null
}

/** Returns the schedules of the task record, oldest first, or null if the task has no record. */
export async function recordedSchedules(
  ledger: Ledger,
  options: ReadOptions & { readonly task: string },
): Promise<Schedules | null> {
  for await (const { schedules } of ledger.tasks(options)) return schedules
  return null
}
