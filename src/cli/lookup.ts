import type { HistoryOptions, Ledger, ReadOptions } from '../api.ts'
import { readableRow } from '../core/row/decide.ts'
import type { Schedules } from '../core/row/task-record.ts'
import { readSchedule } from '../core/schedule/schedule-options.ts'
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

/**
 * Returns the time zone of a task: that of the given schedule, otherwise of the schedule in force, otherwise of the newest
 * row, otherwise UTC.
 */
export async function zoneOfTask(
  ledger: Ledger,
  options: ReadOptions & { readonly task: string },
  { schedule, timezone, anchor }: Record<'schedule' | 'timezone' | 'anchor', string | undefined>,
): Promise<string> {
  if (schedule !== undefined) return readSchedule({ schedule, timezone, anchor }).spec.zone
  const schedules = await recordedSchedules(ledger, options)
  const spec = schedules?.at(-1)?.spec ?? readableRow(await newestRow(ledger, options))?.schedule
  return spec?.zone ?? 'UTC'
}
