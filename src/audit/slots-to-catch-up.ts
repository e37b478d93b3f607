import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { isLeftOpen } from '../core/row/attempts.ts'
import { missedUntil, readableRow } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { dueKeys, type MissedSlot, missedSlot, withMissed } from '../core/task/expected-slots.ts'
import { scheduleWith } from '../core/task/schedules-in-force.ts'
import type { Instant, Key } from '../core/types.ts'
import type { ListedSlot, SlotsPage } from '../store/store.ts'
import { SLOTS_PER_YIELD, taskInForce } from './expected.ts'
import { ask, type HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the newest first: those that had certainly been due for the grace period and have no row, or only one that an earlier
 * catch-up left without a start. Reads only the slots of the rows. `pause` lets a stop signal through.
 */
export async function* slotsToCatchUp(
  known: KnownTask,
  { since, until, graceMs }: Required<TimeRange> & { readonly graceMs: number },
  deps: HistoryDeps,
  pause: () => Promise<unknown> = yieldToEventLoop,
): AsyncGenerator<MissedSlot, void> {
  const settings = { now: deps.clock.now(), graceMs }
  const inForce = taskInForce(known, missedUntil(settings))
  const listed = listedSlots(known.task, { since, until }, deps, pause)
  let count = 0
  for await (const { row, missed } of withMissed(dueKeys([inForce], since, until), listed, true)) {
    count += 1
    if (count % SLOTS_PER_YIELD === 0) await pause()
    if (missed !== null) {
      // It is unknown whether a slot in doubt was due, so an operator decides.
      if (missed.doubt === undefined) yield missedSlot(missed, inForce.schedules, settings)
      continue
    }
    if (!row.mayBeLeft) continue
    // The run that left it may have had a shorter grace, or an earlier schedule.
    if (row.slot >= missedUntil(settings) || scheduleWith(inForce.schedules, row.slot) === null) continue
    const own = readableRow(await ask(deps, (call) => deps.store.get(row, call)))
    if (own !== null && isLeftOpen(own)) yield missedSlot(own, inForce.schedules, settings)
  }
}

async function* listedSlots(
  task: string,
  { since, until }: Required<TimeRange>,
  deps: HistoryDeps,
  pause: () => Promise<unknown>,
): AsyncGenerator<ListedSlot & Key, void> {
  for (let end: Instant | undefined = until; end !== undefined; ) {
    const range = { task, since, until: end }
    const page: SlotsPage = await ask(deps, (call) => deps.store.listSlots(range, call))
    // A file ledger answers without yielding to the event loop.
    await pause()
    for (const one of page.slots) yield { task, ...one }
    end = page.next
  }
}
