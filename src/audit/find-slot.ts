import { parseSlotBySchedules } from '../core/row/schedules-in-force.ts'
import { type ScheduleOptions, timeText } from '../core/schedule/schedule-options.ts'
import type { OrUndefined, ScheduleSpec, Window } from '../core/types.ts'
import type { HistoryDeps } from './history.ts'
import { knownTask } from './tasks.ts'

/** A slot as an operator refers to it. */
export interface SlotReference extends OrUndefined<ScheduleOptions> {
  readonly task: string
  /** An instant, a local time, a date that has one slot, or `latest`. */
  readonly slot: string | Date
}

/**
 * Finds the slot by the schedule that is given, or else by the schedules of the task record. Returns its window and the
 * schedule that has it. Throws a usage error where no schedule is known, and where none has the slot.
 */
export async function findSlot(
  { task, slot, ...given }: SlotReference,
  deps: HistoryDeps,
): Promise<{ readonly window: Window; readonly spec: ScheduleSpec }> {
  const { schedules } = await knownTask(task, given, 0, deps)
  return parseSlotBySchedules(schedules, timeText(slot, 'slot'), deps.clock.now())
}
