import { rerunnableAs } from '../core/row/decide.ts'
import type { Rerunnable } from '../core/row/rerunnable.ts'
import { scheduleWith } from '../core/row/schedules-in-force.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import { type ExpectedSettings, parseSchedules, slotsOnRecord } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

export interface RerunnableSettings extends ExpectedSettings {
  readonly skewMs: number
  readonly only: readonly Rerunnable[]
}

export interface RerunnableSlot {
  readonly slot: Instant
  readonly why: Rerunnable
  /** The schedule that was in force at the slot, or else the latest schedule of the task that has the slot. */
  readonly schedule: ScheduleSpec
}

/**
 * Yields the due slots of a task whose state is one of `only`, newest first. It leaves out a row whose slot none of the
 * task's schedules has, because the end of its window is unknown. Holds one page of rows in memory. Throws as
 * `parseSchedules` does.
 */
export async function* rerunnableSlots(
  known: KnownTask,
  { skewMs, only, ...settings }: RerunnableSettings,
  deps: HistoryDeps,
): AsyncGenerator<RerunnableSlot, void> {
  const now = deps.clock.now()
  const inForce = parseSchedules(known)
  // A slot that is not due yet can also have a row, because an operator may resolve it in advance.
  const due = { ...settings, until: Math.min(settings.until, now + 1) }
  for await (const { row, missed } of slotsOnRecord(known.task, inForce, due, now, deps)) {
    const { slot } = row ?? missed
    const why = rerunnableAs(row, now, skewMs)
    if (why === null || !only.includes(why)) continue
    const schedule = scheduleWith(inForce, slot)
    if (schedule !== null) yield { slot, why, schedule: schedule.spec }
  }
}
