import { isNewerSchema, type StatusSettings, statusOfAbsent } from '../row/status.ts'
import { parseSchedule } from '../schedule/schedule.ts'
import { expectedSlotAfter, expectedSlotBefore, type Schedule, slotAfter } from '../schedule/slot.ts'
import type { Instant, Key, ScheduleSpec, StoredRow, Window } from '../types.ts'
import type { Gap } from './suspensions.ts'
import { isSameSpec, type ScheduleSince } from './task-record.ts'

/** A schedule of a task record, parsed. */
export interface InForce extends Omit<ScheduleSince, 'spec'> {
  readonly schedule: Schedule
}

/** Throws a usage error if this version or its time zone data cannot read the schedule. */
export function parseSince({ spec, ...rest }: ScheduleSince): InForce {
  return { ...rest, schedule: parseSchedule(spec) }
}

/** A slot that was due and has no row. `schedule` is the one that was in force then. */
export interface MissedSlot extends Key, Window {
  readonly schedule: ScheduleSpec
  readonly missed: true
  /** `overdue` if the grace period is not over, and the slot should have completed. */
  readonly status: 'missed' | 'overdue'
}

export function isMissed(item: StoredRow | MissedSlot): item is MissedSlot {
  return 'missed' in item
}

/** A task and the schedules that it had, the oldest first. */
export interface TaskInForce {
  readonly task: string
  readonly schedules: readonly InForce[]
  /** The ranges in which no slot was due, because the task was paused or retired. Left out: none. */
  readonly gaps?: readonly Gap[]
  /** A later slot is not yet counted as due, because it may still come in time. Left out: all count. */
  readonly dueUntil?: Instant
}

/** A slot that was due, or that may have been due (`doubt`). */
export interface DueKey extends Key {
  /**
   * The schedule of the slot was replaced at `until`, and it is unknown whether the change came before this slot. The
   * slot was due only if a later slot before `until` still ran under `schedule`. If `doubt` is left out, the slot was
   * certainly due.
   */
  readonly doubt?: { readonly schedule: ScheduleSpec; readonly until: Instant }
}

/**
 * Yields the slots of several tasks that were due in `[since, until)`, the newest first, each under the schedule that
 * was in force then. Optional slots (see `isOptional`) and slots in a gap are left out. Memory holds one slot of each
 * task.
 *
 * The task record names the first slot that ran under a schedule. The schedule before it was certainly in force up to
 * the latest earlier fire time of the new schedule, because the new schedule would have run there. Later slots of the
 * old schedule are in doubt. If the new schedule has no earlier fire time, as with `at(…)`, all slots of the old
 * schedule are in doubt. Nothing is in doubt where an operator declared the change.
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
  { task, schedules, gaps = [], dueUntil = Number.POSITIVE_INFINITY }: TaskInForce,
  since: Instant,
  until: Instant,
): Generator<DueKey, void> {
  let replaced = Number.POSITIVE_INFINITY
  let certainUntil = Number.POSITIVE_INFINITY
  for (const { since: first, schedule, declared } of schedules.toReversed()) {
    const [from, end] = [Math.max(since, first), Math.min(until, replaced, dueUntil)]
    const doubt = { schedule: schedule.spec, until: replaced }
    for (let slot = expectedSlotBefore(schedule, end); slot !== null && slot >= from; ) {
      const gap = gapAt(gaps, slot)
      if (gap === null) yield slot < certainUntil ? { task, slot } : { task, slot, doubt }
      // A task may be retired for years, so we must not visit each slot of the gap.
      slot = expectedSlotBefore(schedule, gap?.from ?? slot)
    }
    const before = declared === undefined ? expectedSlotBefore(schedule, first) : first
    replaced = first
    certainUntil = before === null ? Number.NEGATIVE_INFINITY : before + 1
  }
}

/** Returns the first slot after `at` that the schedules of a task expect, or null if there is none. */
export function nextSlotDue(schedules: readonly InForce[], gaps: readonly Gap[], at: Instant): Instant | null {
  for (const [index, { since, schedule }] of schedules.entries()) {
    const until = schedules[index + 1]?.since ?? Number.POSITIVE_INFINITY
    const slot = until <= at ? null : nextExpectedSlot(schedule, gaps, Math.max(at, since - 1))
    if (slot !== null && slot < until) return slot
  }
  return null
}

/** Returns the first slot of a schedule after `at` that is expected, or null if there is none. */
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

/** The record of a slot: its row, or the key of a slot that was due and has no row. */
export type AuditedSlot =
  | { readonly row: StoredRow; readonly missed: null }
  | { readonly row: null; readonly missed: Key }

/** Reads the rows of a task in `[since, until)`, the newest first. */
export type RowsOf = (task: string, since: Instant, until: Instant) => AsyncIterable<StoredRow>

/**
 * Merges the rows with the keys of `due` that have no row, the newest slot first. The rows of one slot come before its
 * missed keys. With `withOlder`, the result includes the keys that are older than the last row. `later` is called for a
 * key in doubt if `rows` did not yet contain a scheduled run of its task. Memory holds the tasks of one slot, and one
 * run of each task.
 */
export async function* withMissed(
  due: Iterable<DueKey> | AsyncIterable<DueKey>,
  rows: AsyncIterable<StoredRow>,
  withOlder: boolean,
  later: RowsOf,
): AsyncGenerator<AuditedSlot, void> {
  const keys = Symbol.asyncIterator in due ? due[Symbol.asyncIterator]() : due[Symbol.iterator]()
  let next = await keys.next()
  let slot = Number.POSITIVE_INFINITY
  const withRow = new Set<string>()
  const lastRuns = new Map<string, Run | null>()
  async function wasDue({ task, slot, doubt }: DueKey): Promise<boolean> {
    if (doubt === undefined) return true
    if (!lastRuns.has(task)) lastRuns.set(task, await runThatProves(doubt, later(task, slot + 1, doubt.until)))
    return isProvedBy(lastRuns.get(task) ?? null, doubt)
  }
  async function* missedAfter(earlier: Instant): AsyncGenerator<AuditedSlot, void> {
    for (; !next.done && next.value.slot > earlier; next = await keys.next()) {
      const key = next.value
      const isMissing = key.slot !== slot || !withRow.has(key.task)
      if (isMissing && (await wasDue(key))) yield { row: null, missed: { task: key.task, slot: key.slot } }
    }
  }
  for await (const row of rows) {
    if (row.slot !== slot) {
      yield* missedAfter(row.slot)
      slot = row.slot
      withRow.clear()
    }
    withRow.add(row.task)
    const run = runOf(row)
    if (run !== null) lastRuns.set(row.task, run)
    yield { row, missed: null }
  }
  if (withOlder) yield* missedAfter(Number.NEGATIVE_INFINITY)
}

interface Run {
  readonly slot: Instant
  readonly schedule: ScheduleSpec
}

type Doubt = NonNullable<DueKey['doubt']>

/** Returns whether `run` proves that the slots in doubt before it were due. */
function isProvedBy(run: Run | null, { schedule, until }: Doubt): boolean {
  return run !== null && run.slot < until && isSameSpec(run.schedule, schedule)
}

/** Returns the first run that proves that the slots in doubt were due. Any such run is enough. */
async function runThatProves(doubt: Doubt, rows: AsyncIterable<StoredRow>): Promise<Run | null> {
  for await (const row of rows) {
    const run = runOf(row)
    if (isProvedBy(run, doubt)) return run
  }
  return null
}

/**
 * Returns the slot and the schedule that the scheduler had. Returns null if no scheduled trigger made an attempt,
 * because an operator may force a slot under an old schedule.
 */
function runOf(row: StoredRow): Run | null {
  if (isNewerSchema(row)) return null
  const { slot, schedule, attempts } = row
  return attempts.some(({ trigger }) => trigger.kind === 'scheduled') ? { slot, schedule } : null
}

/** Returns a key of `dueKeys` with its window, its status, and the schedule under which it was due. */
export function missedSlot(
  { task, slot }: Key,
  schedules: readonly InForce[],
  settings: Omit<StatusSettings, 'skewMs'>,
): MissedSlot {
  const inForce = schedules.findLast(({ since }) => since <= slot)
  if (inForce === undefined) throw new Error(`${task} had no schedule at ${slot}`)
  const status = statusOfAbsent(slot, settings) === 'overdue' ? 'overdue' : 'missed'
  return { task, slot, end: slotAfter(inForce.schedule, slot), schedule: inForce.schedule.spec, missed: true, status }
}
