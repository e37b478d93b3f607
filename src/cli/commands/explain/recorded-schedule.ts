import { noScheduleText } from '../../../audit/tasks.ts'
import { usageError } from '../../../core/errors.ts'
import { readableRow } from '../../../core/row/status.ts'
import { parseSchedule, type Schedule } from '../../../core/schedule/schedule.ts'
import { scheduleInForce } from '../../../core/task/schedules-in-force.ts'
import type { Instant } from '../../../core/types.ts'
import { createLedger } from '../../../ledger.ts'
import { findNewestRow, recordOf, type TaskReading, unknownTaskOf } from '../../lookup.ts'

// The part of `explain` that reads the ledger. It has a file of its own, because the ledger takes longer to load than
// all the rest of the command.

/** Returns the recorded schedule at the slot of `slotIn`, or that of the newest row. Throws a usage error without one. */
export async function recordedSchedule(
  { store, ...reading }: TaskReading & { readonly store: string },
  slotIn: (schedule: Schedule) => Instant | null,
): Promise<Schedule> {
  const ledger = createLedger({ store })
  const record = await recordOf(ledger, reading)
  const inForce = record === null ? null : scheduleInForce(record.schedules, slotIn)
  if (inForce !== null) return inForce.schedule
  const row = await findNewestRow(ledger, reading)
  if (record === null && row === null) throw await unknownTaskOf(ledger, reading)
  const spec = readableRow(row)?.schedule
  if (spec === undefined) throw usageError(noScheduleText(reading.task))
  return parseSchedule(spec)
}
