import {
  expectedSlotAfter,
  expectedSlotBefore,
  isFireTimeNear,
  isOptional,
  type Schedule,
  slotAfter,
  slotBefore,
} from '../schedule/slot.ts'
import type { Instant, Key, ScheduleSpec, StoredRow, Window } from '../types.ts'
import { isPlainSwitch } from './schedule-switch.ts'
import { type InForce, scheduleWith } from './schedules-in-force.ts'
import type { Gap } from './suspensions.ts'

/** It is unknown whether a slot was due: the schedule of its task changed after the slot `after`, and before `until`. */
export interface Doubt {
  readonly after: Instant
  readonly until: Instant
  /** The task had no schedule before: `after` is the slot of a forced run, and `until` that of the first scheduled one. */
  readonly isFirst?: true
  /** Nothing is missing: the schedule changed at one moment between two runs. It is not a finding. */
  readonly isPlain?: true
}

/** A slot that was due and has no row. `schedule` is the one that was in force then. */
export interface MissedSlot extends Key, Window {
  readonly schedule: ScheduleSpec
}

export interface TaskInForce {
  readonly task: string
  readonly schedules: readonly InForce[]
  /** The ranges in which no slot was due, because the task was paused or retired. Left out: none. */
  readonly gaps?: readonly Gap[]
  /** Also the optional slots. They count only if they have a row. */
  readonly withOptional?: true
  /** Also the slots that one of two schedules has between them, if nothing is missing. */
  readonly withPlain?: true
}

export interface DueKey extends Key {
  readonly doubt?: Doubt
  /** If it has no row, it is not missed. */
  readonly isOptional?: true
}

/**
 * Yields the slots of several tasks that were due in `[since, until)`, the newest first, each under the schedule that was in
 * force then, without those in a gap, and usually without optional slots. Memory holds one slot of each task.
 *
 * The old schedule was certainly in force up to the last slot that ran under it (`after`), and the new one from the first slot
 * that ran under it (`since`). Each slot between them that one of the two has is in doubt, because triggers around the change
 * may have been lost. It is not, if an operator declared the change, or if a switch at one moment explains that nothing ran.
 */
export function* dueKeys(tasks: readonly TaskInForce[], since: Instant, until: Instant): Generator<DueKey, void> {
  let open = tasks.map((task) => {
    const keys = dueKeysOf(task, since, until)
    return { keys, next: keys.next() }
  })
  for (;;) {
    open = open.filter(({ next }) => !next.done)
    const slot = open.reduce(
      (newest, { next }) => Math.max(newest, next.value?.slot ?? newest),
      Number.NEGATIVE_INFINITY,
    )
    if (open.length === 0) return
    for (const one of open) {
      if (one.next.value?.slot !== slot) continue
      yield one.next.value
      one.next = one.keys.next()
    }
  }
}

function* dueKeysOf(
  { task, schedules, gaps = [], withOptional, withPlain }: TaskInForce,
  since: Instant,
  until: Instant,
): Generator<DueKey, void> {
  let end = until
  const previous = withOptional ? slotBefore : expectedSlotBefore
  const keyOf = (slot: Instant, all: readonly Schedule[]): DueKey => {
    const isDue = (one: Schedule) => isFireTimeNear(one, slot, 0) && !isOptional(one, slot)
    return withOptional && !all.some(isDue) ? { task, slot, isOptional: true } : { task, slot }
  }
  // With 10,000 tasks, 10,000 of these generators wait here, so each must hold little memory.
  for (const [newer, { since: first, schedule, declared, after: known }] of schedules.toReversed().entries()) {
    for (const slot of slotsOutsideGaps([schedule], Math.max(since, first), end, gaps, previous))
      yield keyOf(slot, [schedule])
    end = Math.min(end, first)
    const before = schedules.at(-2 - newer)
    if (declared !== undefined) continue
    const after = known ?? before?.since
    if (after === undefined) return
    const either = before === undefined ? [schedule] : [schedule, before.schedule]
    const from = Math.max(since, after + 1)
    const isPlain = from < end && before !== undefined && isPlainSwitch(before.schedule, schedule, after, first)
    const doubt = {
      after,
      until: first,
      ...(before === undefined && { isFirst: true as const }),
      ...(isPlain && { isPlain }),
    }
    if (!isPlain || withPlain)
      for (const slot of slotsOutsideGaps(either, from, end, gaps, previous)) yield { ...keyOf(slot, either), doubt }
    end = Math.min(end, after + 1)
  }
}

function* slotsOutsideGaps(
  schedules: readonly Schedule[],
  from: Instant,
  end: Instant,
  gaps: readonly Gap[],
  previous: typeof slotBefore,
) {
  const before = (at: Instant) =>
    schedules.reduce((newest, one) => Math.max(newest, previous(one, at) ?? newest), Number.NEGATIVE_INFINITY)
  for (let slot = before(end); slot >= from; ) {
    const gap = gapAt(gaps, slot)
    if (gap === null) yield slot
    // A task may be retired for years, so we must not visit each slot of the gap.
    slot = before(gap?.from ?? slot)
  }
}

export function nextSlotDue(schedules: readonly InForce[], gaps: readonly Gap[], at: Instant): Instant | null {
  for (const [index, { since, schedule }] of schedules.entries()) {
    const until = schedules[index + 1]?.since ?? Number.POSITIVE_INFINITY
    const slot = until <= at ? null : nextExpectedSlot(schedule, gaps, Math.max(at, since - 1))
    if (slot !== null && slot < until) return slot
  }
  return null
}

export function nextExpectedSlot(schedule: Schedule, gaps: readonly Gap[], at: Instant): Instant | null {
  let slot = expectedSlotAfter(schedule, at)
  for (;;) {
    const gap = slot === null ? null : gapAt(gaps, slot)
    if (slot === null || gap === null) return slot
    // The slots of a gap may be many, so we must not visit each of them.
    slot = Number.isFinite(gap.until) ? expectedSlotAfter(schedule, gap.until - 1) : null
  }
}

function gapAt(gaps: readonly Gap[], slot: Instant): Gap | null {
  return gaps.find(({ from, until }) => from <= slot && slot < until) ?? null
}

export type AuditedSlot<Found = StoredRow> =
  | { readonly row: Found; readonly missed: null }
  | { readonly row: null; readonly missed: DueKey }

/**
 * Merges the rows with the keys of `due` that have no row, the newest slot first, rows before keys. `withOlder`: also the
 * keys that are older than the last row. Memory holds the tasks of one slot.
 */
export async function* withMissed<Found extends Key>(
  due: Iterable<DueKey> | AsyncIterable<DueKey>,
  rows: AsyncIterable<Found>,
  withOlder: boolean,
): AsyncGenerator<AuditedSlot<Found>, void> {
  const keys = Symbol.asyncIterator in due ? due[Symbol.asyncIterator]() : due[Symbol.iterator]()
  let next = await keys.next()
  let slot = Number.POSITIVE_INFINITY
  const withRow = new Set<string>()
  async function* missedAfter(earlier: Instant): AsyncGenerator<AuditedSlot<Found>, void> {
    for (; !next.done && next.value.slot > earlier; next = await keys.next()) {
      const key = next.value
      if (key.slot !== slot || !withRow.has(key.task)) yield { row: null, missed: key }
    }
  }
  for await (const row of rows) {
    if (row.slot !== slot) {
      yield* missedAfter(row.slot)
      slot = row.slot
      withRow.clear()
    }
    withRow.add(row.task)
    yield { row, missed: null }
  }
  if (withOlder) yield* missedAfter(Number.NEGATIVE_INFINITY)
}

export function missedSlot({ task, slot }: Key, schedules: readonly InForce[]): MissedSlot {
  const schedule = scheduleWith(schedules, slot)
  if (schedule === null) throw new Error(`${task} had no schedule with the slot ${slot}`)
  return { task, slot, end: slotAfter(schedule, slot), schedule: schedule.spec }
}
