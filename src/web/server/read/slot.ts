import { expectedSlotAfter, windowOf } from '../../../core/schedule/slot.ts'
import { type DueKey, dueKeys, nextExpectedSlot, nextSlotDue } from '../../../core/task/expected-slots.ts'
import type { InForce } from '../../../core/task/schedules-in-force.ts'
import { gapsOf, suspensionOf } from '../../../core/task/suspensions.ts'
import { inForceAt } from '../../../core/task/task-record.ts'
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
  const { head } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  if (row === null && dueKeyOf(read, slot, reading) === null) return null
  return {
    ...slotModelOf(read, withMark({ slot, row }, settingsOf(read, reading)), store, reading),
    before: await pageBefore(read, slot, reading),
    after: await pageAfter(read, slot, reading),
  }
}

/** Returns the key of a slot without a row that was due, or will be. Returns null if it is not expected. */
function dueKeyOf(
  { head: { task }, known, inForce, current }: ReadTask,
  slot: Instant,
  reading: Reading,
): DueKey | null {
  if (slot > reading.now) {
    const isAhead = suspensionOf(known, slot) === null && current !== null && isSlotOf(inForceAt(inForce, slot), slot)
    return isAhead ? { task, slot } : null
  }
  const [key = null] = dueKeys([{ task, schedules: inForce, gaps: gapsOf(known) }], slot, slot + 1)
  return key
}

function isSlotOf(one: InForce | undefined, slot: Instant): boolean {
  return one !== undefined && windowOf(one.schedule, slot)?.slot === slot
}

/** Returns the newest slot before this one that was due or has a row, or null if there is none. */
async function pageBefore(read: ReadTask, slot: Instant, reading: Reading): Promise<Instant | null> {
  const { head, known, inForce } = read
  const ahead = dueKeys([{ task: head.task, schedules: inForce, gaps: gapsOf(known) }], reading.now + 1, slot)
  for (const key of ahead) return key.slot
  return newestOf(readSlotsWithStatus(read, { until: slot, limit: 1 }, reading))
}

/** Returns the next slot, also across a change of the schedule, or null if there is none. */
async function pageAfter(read: ReadTask, slot: Instant, reading: Reading): Promise<Instant | null> {
  const { known, inForce, current } = read
  const index = inForce.findLastIndex(({ since }) => since <= slot)
  const [own, replaced] = [inForce[index]?.schedule ?? current, inForce[index + 1]]
  const replacedAt = replaced?.since ?? null
  // The first slot of a schedule that a run stated has a row, but a declared one may begin between two slots.
  const first = replaced?.declared === undefined ? replacedAt : nextSlotDue(inForce, gapsOf(known), replaced.since - 1)
  if (own === null) return first
  // Before a change, slots of the new schedule may be in doubt.
  const schedules = replaced === undefined ? [own] : [own, replaced.schedule]
  const next = schedules
    .flatMap((one) => [expectedSlotAfter(one, slot), nextExpectedSlot(one, gapsOf(known), slot)])
    .filter((at): at is Instant => at !== null && (replacedAt === null || at < replacedAt))
  for (const at of next.sort((one, other) => one - other)) {
    // A slot in a pause may have a row.
    if (dueKeyOf(read, at, reading) !== null || (await hasRecord(read, at, reading))) return at
  }
  return first
}

async function hasRecord({ head: { task } }: ReadTask, slot: Instant, reading: Reading): Promise<boolean> {
  return (await reading.ledger.get({ task, slot: new Date(slot), ...askOptions(reading) })) !== null
}

async function newestOf(slots: AsyncIterable<SlotWithStatus>): Promise<Instant | null> {
  for await (const { slot } of slots) return slot
  return null
}

/** Returns the model of a slot that was read, without the slots before and after it. */
export function slotModelOf(read: ReadTask, { slot, row, mark }: SlotWithStatus, store: string, reading: Reading) {
  const { head, known, inForce } = read
  const task = { store, task: head.task, record: known, inForce }
  const shown = shownSlot(slot, row, task, settingsOf(read, reading))
  return { ...shown, mark, clock: head.clock, now: reading.now }
}
