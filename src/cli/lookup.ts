import type { HistoryOptions, Ledger, ReadOptions } from '../api.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import type { Schedules } from '../core/row/task-record.ts'
import type { ScheduleSpec, StoredRow } from '../core/types.ts'

/** The newest of the rows that `options` name; null where there is none. */
export async function newestRow(ledger: Ledger, options: HistoryOptions): Promise<StoredRow | null> {
  for await (const row of ledger.history({ ...options, limit: 1 })) return row
  return null
}

/** The schedule that the row was made by; null where a newer cronledger wrote it. */
export function specOf(row: StoredRow): ScheduleSpec | null {
  return isNewerSchema(row) ? null : row.schedule
}

/** The schedules of a task as the registry has them, oldest first; null where it does not know the task. */
export async function registeredSchedules(
  ledger: Ledger,
  options: ReadOptions & { readonly task: string },
): Promise<Schedules | null> {
  for await (const { schedules } of ledger.tasks(options)) return schedules
  return null
}
