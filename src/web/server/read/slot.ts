import { LOOKED_AT } from '../../../audit/older.ts'
import { readableRow } from '../../../core/row/status.ts'
import { instantWithoutSchedule } from '../../../core/schedule/slot-reference.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../../core/task/suspensions.ts'
import { rulesOf } from '../../../core/task/task-record.ts'
import type { Instant, Row } from '../../../core/types.ts'
import { shownSlot } from '../../../format/slot/show.ts'
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
  let before: Instant | null = null
  const older: Row[] = []
  let left = rulesOf(read.known) === null ? 1 : LOOKED_AT
  for await (const one of readSlotsWithStatus(read, { until: slot, limit: left }, reading)) {
    before ??= one.slot
    const own = readableRow(one.row)
    if (own !== null) older.push(own)
    left -= 1
    if (left === 0) break
  }
  const model = slotModelOf(read, withMark({ slot, row }, settingsOf(read, reading)), store, reading, older)
  if (model.verdict.status === null) return null
  return { ...model, before, after: nextSlotDue(inForce, gapsOf(known), slot) }
}

/** Reads an instant, a local time, a date with one slot, or `latest`. Throws a usage error for anything else. */
export function parseSlot({ head, known }: ReadTask, text: string, now: Instant): Instant {
  const instant = instantWithoutSchedule(text)
  if (instant !== null) return instant
  const ofRow = head.current === null ? [] : [{ since: 0, spec: head.current.spec }]
  const schedules = known === null || known.schedules.length === 0 ? ofRow : known.schedules
  return parseSlotBySchedules(schedules, text, now).window.slot
}

export function slotModelOf(
  read: ReadTask,
  { slot, row, mark }: SlotWithStatus,
  store: string,
  reading: Reading,
  older: readonly Row[] = [],
): Omit<SlotModel, 'before' | 'after'> {
  const { head, known, inForce } = read
  const task = { store, task: head.task, record: known, inForce, older }
  const shown = shownSlot(slot, row, task, settingsOf(read, reading))
  // The mark of a row alone does not say what is usual.
  const seen = shown.verdict.situation === 'unusual' ? 'unusual' : mark
  return { ...shown, mark: seen, clock: head.clock, now: reading.now }
}
