import { forceableAs } from '../core/row/decide.ts'
import type { Forceable } from '../core/row/rerunnable.ts'
import { scheduleWith } from '../core/row/schedules-in-force.ts'
import type { Instant, ScheduleSpec } from '../core/types.ts'
import { inForceOf, type RecordTerms, slotsOnRecord } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

export interface ForceableTerms extends RecordTerms {
  readonly skewMs: number
  readonly only: readonly Forceable[]
}

export interface ForceableSlot {
  readonly slot: Instant
  readonly why: Forceable
  /** The one that was in force at the slot, or else the latest of the task's that has it. */
  readonly schedule: ScheduleSpec
}

/**
 * The due slots of a task of which became what `only` says, newest first. A row whose slot none of the task's schedules
 * has is left out: nobody could say where its window ends. Memory holds a page of rows.
 */
export async function* forceableSlots(
  known: KnownTask,
  { skewMs, only, ...terms }: ForceableTerms,
  deps: HistoryDeps,
): AsyncGenerator<ForceableSlot, void> {
  const now = deps.clock.now()
  const inForce = inForceOf(known)
  // A slot to come can have a row too: a person has settled it.
  const due = { ...terms, until: Math.min(terms.until, now + 1) }
  for await (const { row, missed } of slotsOnRecord(known.task, inForce, due, now, deps)) {
    const { slot } = row ?? missed
    const why = forceableAs(row, now, skewMs)
    if (why === null || !only.includes(why)) continue
    const schedule = scheduleWith(inForce, slot)
    if (schedule !== null) yield { slot, why, schedule: schedule.spec }
  }
}
