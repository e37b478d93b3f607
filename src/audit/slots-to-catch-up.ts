import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { isLeftOpen, isOverlapSkip } from '../core/row/attempts.ts'
import { missedUntil, readableRow } from '../core/row/status.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { dueKeys, type MissedSlot, missedSlot, withMissed } from '../core/task/expected-slots.ts'
import { parseSchedules, scheduleWith } from '../core/task/schedules-in-force.ts'
import { gapsOf } from '../core/task/suspensions.ts'
import type { Instant, Key, StoredRow } from '../core/types.ts'
import type { ListedSlot, SlotsPage } from '../store/store.ts'
import { factsOf } from '../verdict/found.ts'
import { ask, type HistoryDeps, readHistory, yieldingOften } from './history.ts'
import { laterRanges } from './ranges.ts'
import type { KnownTask } from './tasks.ts'

/**
 * Yields the newest first: those that had certainly been due for the grace period and have no row, or only one that an earlier
 * catch-up left without a start, and are not in the range of a later run. Reads only the slots of the rows, if there are no ranges. `pause` lets a stop signal through.
 */
export async function* slotsToCatchUp(
  known: KnownTask,
  { since, until, graceMs }: Required<TimeRange> & { readonly graceMs: number },
  deps: HistoryDeps,
  pause: () => Promise<unknown> = yieldToEventLoop,
): AsyncGenerator<MissedSlot, void> {
  const now = deps.clock.now()
  const end = missedUntil({ now, graceMs })
  const schedules = parseSchedules(known)
  const due = dueKeys([{ task: known.task, schedules, gaps: gapsOf(known) }], since, Math.min(until, end))
  // The whole rows are needed to see what a later run did.
  const of = factsOf(known.task, known, now)
  const ranges = since < of.rangesUntil ? await laterRanges(of, until - 1, (query) => readHistory(query, deps)) : null
  const range = { since, until }
  const listed = ranges === null ? listedSlots(known.task, range, deps, pause) : listedRows(known.task, range, deps)
  for await (const { row, missed } of withMissed(yieldingOften(due, pause), listed, true)) {
    const stored = row?.stored ?? null
    const later = ranges?.of((row ?? missed).slot, stored)
    if (stored !== null) ranges?.add(stored)
    if (later?.covering) continue
    if (missed !== null) {
      // It is unknown whether a slot in doubt was due, so an operator decides.
      if (missed.doubt === undefined) yield missedSlot(missed, schedules)
      continue
    }
    if (!row.mayBeLeft) continue
    // The run that left it may have had a shorter grace, or an earlier schedule.
    if (row.slot >= end || scheduleWith(schedules, row.slot) === null) continue
    const own = readableRow(row.stored ?? (await ask(deps, (call) => deps.store.get(row, call))))
    if (own !== null && (isLeftOpen(own) || (later?.isPassed && isOverlapSkip(own)))) yield missedSlot(own, schedules)
  }
}

type Listed = ListedSlot & Key & { readonly stored?: StoredRow }

async function* listedRows(task: string, range: Required<TimeRange>, deps: HistoryDeps): AsyncGenerator<Listed, void> {
  for await (const stored of readHistory({ task, ...range, limit: Number.POSITIVE_INFINITY }, deps))
    yield { task, slot: stored.slot, mayBeLeft: true, stored }
}

async function* listedSlots(
  task: string,
  { since, until }: Required<TimeRange>,
  deps: HistoryDeps,
  pause: () => Promise<unknown>,
): AsyncGenerator<Listed, void> {
  for (let end: Instant | undefined = until; end !== undefined; ) {
    const range = { task, since, until: end }
    const page: SlotsPage = await ask(deps, (call) => deps.store.listSlots(range, call))
    // A file ledger answers without yielding to the event loop.
    await pause()
    for (const one of page.slots) yield { task, ...one }
    end = page.next
  }
}
