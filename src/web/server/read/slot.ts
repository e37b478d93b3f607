import type { ReadDated } from '../../../audit/ranges.ts'
import { judgeNamed, LOOKED_AT } from '../../../audit/walk.ts'
import { instantWithoutSchedule } from '../../../core/schedule/slot-reference.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { parseSlotBySchedules } from '../../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../../core/task/suspensions.ts'
import type { Instant } from '../../../core/types.ts'
import { shownSlot } from '../../../format/slot/show.ts'
import { factsOf } from '../../../verdict/found.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import type { SlotModel } from '../../views/slot/slot.tsx'
import { askOptions, clockOf, type Reading, type ReadTask, readJudged } from './reading.ts'

/** Reads one slot. Returns null when it has no row, was never due, and is not a future slot of the schedule. */
export async function readSlot(
  read: ReadTask,
  slot: Instant,
  store: string,
  reading: Reading,
): Promise<SlotModel | null> {
  const { head, known, inForce } = read
  const row = await reading.ledger.get({ task: head.task, slot: new Date(slot), ...askOptions(reading) })
  const of = factsOf(head.task, known, reading.now, inForce)
  const before: JudgedSlot[] = []
  for await (const one of readJudged(read, { until: slot, limit: of.rules === null ? 1 : LOOKED_AT }, reading))
    before.push(one)
  const asking = askOptions(reading)
  const history: ReadDated = (asked) => reading.ledger.history({ ...asked, ...asking })
  const older = before.flatMap(({ own }) => own ?? [])
  const shown = shownSlot(await judgeNamed(slot, row, of, history, older), store)
  if (shown.status === null) return null
  const after = nextSlotDue(inForce, gapsOf(known), slot)
  return { ...shown, clock: clockOf(shown.schedule, reading), before: before[0]?.slot ?? null, after }
}

/** Reads an instant, a local time, a date with one slot, or `latest`. Throws a usage error for anything else. */
export function parseSlot({ head, known }: ReadTask, text: string, now: Instant): Instant {
  const instant = instantWithoutSchedule(text)
  if (instant !== null) return instant
  const ofRow = head.current === null ? [] : [{ since: 0, spec: head.current.spec }]
  const schedules = known === null || known.schedules.length === 0 ? ofRow : known.schedules
  return parseSlotBySchedules(schedules, text, now).window.slot
}
