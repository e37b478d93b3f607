import type { HistoryOptions, Ledger, ReadOptions } from '../api.ts'
import { UnknownTaskError, unknownTask } from '../audit/tasks.ts'
import { readableRow } from '../core/row/status.ts'
import type { Schedules } from '../core/row/task-record.ts'
import { readSchedule } from '../core/schedule/schedule-options.ts'
import type { StoredRow } from '../core/types.ts'
import { nearest } from './options/nearest.ts'

/** A task by name, and how to read the ledger. */
export type TaskReading = ReadOptions & { readonly task: string }

/** Returns the newest row that matches `options`, or null if there is none. */
export async function newestRow(ledger: Ledger, options: HistoryOptions): Promise<StoredRow | null> {
  for await (const row of ledger.history({ ...options, limit: 1 })) return row
  return null
}

/** Returns the schedules of the task record, oldest first, or null if the task has no record. */
export async function recordedSchedules(ledger: Ledger, options: TaskReading): Promise<Schedules | null> {
  for await (const { schedules } of ledger.tasks(options)) return schedules
  return null
}

/** Throws an error that names the nearest task if the ledger has nothing about the task. */
export async function checkTaskIsKnown(ledger: Ledger, reading: TaskReading): Promise<void> {
  if ((await recordedSchedules(ledger, reading)) !== null) return
  if ((await newestRow(ledger, reading)) === null) throw await unknownTaskOf(ledger, reading)
}

/** Returns the error about a task without a record and without a row. */
export function unknownTaskOf(ledger: Ledger, { task, ...reading }: TaskReading): Promise<Error> {
  return unknownTask(task, ledger.tasks(reading))
}

/** Returns what a user can do about an error, to be put after its message. Returns an empty text if nothing is known. */
export function hintAbout(error: Error): string {
  if (!(error instanceof UnknownTaskError) || error.names.length === 0) return ''
  const near = nearest(error.task, error.names)
  return near === null ? ' To list the tasks of this ledger, run: cronledger tasks' : ` Did you mean ${near}?`
}

/**
 * Returns the time zone of a task: that of the given schedule, otherwise of the schedule in force, otherwise of the newest
 * row, otherwise UTC.
 */
export async function zoneOfTask(
  ledger: Ledger,
  options: TaskReading,
  { schedule, timezone, anchor }: Record<'schedule' | 'timezone' | 'anchor', string | undefined>,
): Promise<string> {
  if (schedule !== undefined) return readSchedule({ schedule, timezone, anchor }).spec.zone
  const schedules = await recordedSchedules(ledger, options)
  const spec = schedules?.at(-1)?.spec ?? readableRow(await newestRow(ledger, options))?.schedule
  return spec?.zone ?? 'UTC'
}
