import { isCatchUpTrigger } from '../../core/row/attempts.ts'
import { pauseFor } from '../../core/task/suspensions.ts'
import { otherScheduleAt } from '../../core/task/task-changes.ts'
import { isNewerRecord, type Suspension, type TaskRecord } from '../../core/task/task-record.ts'
import { withoutFuture } from '../../core/task/wrong-clock.ts'
import type { ScheduleSpec } from '../../core/types.ts'
import { askWithin } from '../ask.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { latestDueSlot, listTask, statesNothing, writeStatement } from './statement.ts'
import { readRecord } from './task-record.ts'

export type Obstacle =
  /** The task is paused, so a scheduled trigger starts nothing. */
  | { readonly cause: 'paused'; readonly pause: Suspension }
  /** A newer cronledger wrote the record, so it is unknown whether the task is paused. */
  | { readonly cause: 'newerTaskRecord' }
  /** Only if the run is strict. */
  | { readonly cause: 'scheduleChanged'; readonly inForce: ScheduleSpec }

/**
 * Returns why a scheduled run may not start, or null. Records what the run states about its task, if that is new, also in a
 * pause. A forced run may always start, and states its schedule only if the task has no record yet.
 *
 * We must read the record again after each conflict. Otherwise this run would write over a pause that was set after the
 * read, or start in it. Each read may take `ms` milliseconds. `asksAgain`: the run asks again before it starts. Throws
 * `Halted`, and `LedgerError` if the record cannot be read.
 */
export async function admit(claimedSlot: ClaimedSlot, ms: number, asksAgain = false): Promise<Obstacle | null> {
  const { request, settings, io, halt } = claimedSlot
  const { task, trigger, window, schedule } = request
  if (trigger.kind === 'forced') {
    await listTask(claimedSlot)
    return null
  }
  const pauseIn = (record: TaskRecord) => pauseFor(record, window.slot, io.clock.now(), settings.skewMs)
  // A known record may be a minute old, so it must not decide whether the schedule changed.
  const known = asksAgain ? io.known.recent(task) : settings.strict ? null : io.known.get(task)
  claimedSlot.record = known
  if (known !== null && pauseIn(known) === null && statesNothing(known, claimedSlot)) return null
  for (;;) {
    const { record: stored, version } = await askWithin({ ms, halt }, io, (call) => readRecord(task, io.store, call))
    if (isNewerRecord(stored)) return { cause: 'newerTaskRecord' }
    const record = withoutFuture(stored, latestDueSlot(claimedSlot))
    // The slot of a catch-up comes from the record itself.
    const isCompared = settings.strict && !isCatchUpTrigger(trigger)
    const inForce = isCompared ? otherScheduleAt(record.schedules, schedule, window.slot) : null
    if (inForce !== null) return { cause: 'scheduleChanged', inForce }
    const pause = pauseIn(record)
    claimedSlot.record = record
    // A trigger in a pause states its schedule, too: it may have been deployed during the pause.
    const written = await writeStatement(record, { record: stored, version, isPaused: pause !== null }, claimedSlot)
    if (written !== 'conflict') return pause && { cause: 'paused', pause }
  }
}
