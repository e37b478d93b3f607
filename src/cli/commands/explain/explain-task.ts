import { noScheduleText } from '../../../audit/tasks.ts'
import { usageError } from '../../../core/errors.ts'
import { readableRow } from '../../../core/row/status.ts'
import { parseSchedule, type Schedule } from '../../../core/schedule/schedule.ts'
import { scheduleInForce } from '../../../core/task/schedules-in-force.ts'
import type { TaskRecord } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import type { ExplainedTask } from '../../../format/task/explain-task.ts'
import { createLedger } from '../../../ledger.ts'
import { findNewestRow, recordOf, type TaskReading, unknownTaskOf } from '../../lookup.ts'
import { readWaits } from './explain-waits.ts'

// The part of `explain` that reads the ledger. It has a file of its own, because the ledger takes longer to load than
// all the rest of the command.

/**
 * Reads what the ledger knows about a task. The schedule is the recorded one that was in force at the slot of `slotIn`, or
 * that of the newest row. Throws a usage error if the ledger does not know the task, or knows no schedule of it.
 */
export async function explainTask(
  { store, ...reading }: TaskReading & { readonly store: string },
  slotIn: (schedule: Schedule) => Instant | null,
  now: Instant,
) {
  const ledger = createLedger({ store })
  const ofTask = (record: TaskRecord | null, inForce: ExplainedTask['inForce']): ExplainedTask => ({
    record,
    inForce,
    now,
  })
  const record = await recordOf(ledger, reading)
  const inForce = record === null ? null : scheduleInForce(record.schedules, slotIn)
  if (record !== null && inForce !== null) {
    const { schedule } = inForce
    const slot = slotIn(schedule)
    const waits = slot === null ? null : await readWaits(ledger, reading, { record, schedule, slot }, now)
    return { schedule, ofTask: { ...ofTask(record, inForce), waits } }
  }
  const row = await findNewestRow(ledger, reading)
  if (record === null && row === null) throw await unknownTaskOf(ledger, reading)
  const spec = readableRow(row)?.schedule
  if (spec === undefined) throw usageError(noScheduleText(reading.task))
  return { schedule: parseSchedule(spec), ofTask: ofTask(record, null) }
}
