import { readableRow, statusOf } from '../../../core/row/status.ts'
import { expectedSlotAfter, expectedSlotBefore, windowOf } from '../../../core/schedule/slot.ts'
import { dueKeys } from '../../../core/task/expected-slots.ts'
import { scheduleWith } from '../../../core/task/schedules-in-force.ts'
import { gapsOf, suspensionOf } from '../../../core/task/suspensions.ts'
import { expectedTimes } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { ofRow, otherScheduleOf } from '../../../format/steps/step.ts'
import type { SlotWithStatus } from '../../views/frame/slot-facts.ts'
import type { SlotModel } from '../../views/slot/slot.tsx'
import { askOptions, type Reading, type ReadTask, storeAnywhere } from './reading.ts'

/** Reads one slot. Returns null when it has no row, was never due, and is not a future slot of the schedule. */
export async function readSlot(
  read: ReadTask,
  slot: Instant,
  store: string,
  reading: Reading,
): Promise<SlotModel | null> {
  const { head, known, inForce, current } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  // A slot that was perhaps due counts as well. The history that shows it as missed has checked that it was due.
  const due = dueKeys(
    [{ task: head.task, schedules: inForce, gaps: gapsOf(known) }],
    slot,
    Math.min(slot, reading.now) + 1,
  )
  const wasDue = [...due].length > 0
  const isGap = suspensionOf(known, slot) !== null
  const isAhead = slot > reading.now && !isGap && current !== null && windowOf(current, slot)?.slot === slot
  if (row === null && !wasDue && !isAhead) return null
  const first = inForce[0]?.since ?? slot
  const settings = { ...reading, ...expectedTimes(known, reading) }
  const schedule = inForce.findLast(({ since }) => since <= slot)?.schedule ?? current
  return {
    ...slotModelOf(read, { slot, row, status: statusOf({ slot, row }, settings) }, store, reading),
    // Nothing was due before the first slot that was run.
    before: schedule === null || slot <= first ? null : expectedSlotBefore(schedule, slot),
    after: schedule === null ? null : expectedSlotAfter(schedule, slot),
  }
}

/** Returns the model of a slot that was read, without the slots before and after it. */
export function slotModelOf(
  { head, known, inForce }: ReadTask,
  record: SlotWithStatus,
  store: string,
  reading: Reading,
) {
  const { slot, row } = record
  const own = readableRow(row)?.schedule ?? null
  // `resolve` and `rerun` find the schedule in the task record, unless no schedule there has the slot. For example, the
  // schedule of a late delivery may never have been recorded. The command then needs the schedule of the row.
  const schedule = scheduleWith(inForce, slot) === null ? own : null
  const other = otherScheduleOf(own ?? scheduleWith(inForce, slot)?.spec ?? null, known)
  const target = { store: storeAnywhere(store), task: head.task, slot, schedule, ...other, ...ofRow(row, known?.ecs) }
  const found = suspensionOf(known, slot)
  const { now, skewMs } = reading
  const { lateAfterMs, doneByMs } = expectedTimes(known, reading)
  return { record, clock: head.clock, target, found, now, skewMs, lateAfterMs, doneByMs, owner: head.owner }
}
