import { instantWithoutSchedule } from '../../../core/schedule/slot-reference.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../../core/task/suspensions.ts'
import type { Instant } from '../../../core/types.ts'
import { shownSlot } from '../../../format/show.ts'
import type { SlotWithStatus } from '../../views/frame/slot-facts.ts'
import type { SlotModel } from '../../views/slot/slot.tsx'
import { askOptions, type Reading, type ReadTask, readSlotsWithStatus, settingsOf, withMark } from './reading.ts'

/** Reads one slot. Returns null when it has no row, was never due, and is not a future slot of the schedule. */
export async function readSlot(
  read: ReadTask,
  slot: Instant,
  store: string,
  reading: Reading,
): Promise<SlotModel | null> {
  const { head, known, inForce } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  const model = slotModelOf(read, withMark({ slot, row }, settingsOf(read, reading)), store, reading)
  if (model.verdict.status === null) return null
  let before: Instant | null = null
  for await (const older of readSlotsWithStatus(read, { until: slot, limit: 1 }, reading)) {
    before = older.slot
    break
  }
  return { ...model, before, after: nextSlotDue(inForce, gapsOf(known), slot) }
}

/**
 * Returns the slot that an address names, as the command line takes it: an instant, a local time, a date with one slot, or
 * `latest`. Throws a usage error if it is none of them.
 */
export function parseSlot({ head, known }: ReadTask, text: string, now: Instant): Instant {
  const instant = instantWithoutSchedule(text)
  if (instant !== null) return instant
  const ofRow = head.current === null ? [] : [{ since: 0, spec: head.current.spec }]
  const schedules = known === null || known.schedules.length === 0 ? ofRow : known.schedules
  return parseSlotBySchedules(schedules, text, now).window.slot
}

export function slotModelOf(read: ReadTask, { slot, row, mark }: SlotWithStatus, store: string, reading: Reading) {
  const { head, known, inForce } = read
  const task = { store, task: head.task, record: known, inForce }
  const shown = shownSlot(slot, row, task, settingsOf(read, reading))
  return { ...shown, mark, clock: head.clock, now: reading.now }
}
