import { expectedSlotAfter, expectedSlotBefore, type Schedule, slotAfter } from '../schedule/slot.ts'
import type { Instant, Key, Row, ScheduleSpec, Status, StoredRow, Window } from '../types.ts'
import { attemptCount, hasStarted } from './attempts.ts'
import { isNewerSchema, type StatusSettings, statusOfAbsent, statusOfRow } from './status.ts'
import type { Gap } from './suspensions.ts'
import { type ExpectedTimes, isSameSpec } from './task-record.ts'

/** The kinds of problems, each without a finding. */
export const NO_FINDINGS: Readonly<Record<SlotFinding['kind'], number>> = {
  missed: 0,
  failed: 0,
  stale: 0,
  overdue: 0,
  late: 0,
}

/** A problem with a slot that an operator should look at. */
export type SlotFinding =
  /** The slot was due and has no row: no trigger asked to run it, or no run reached the ledger. */
  | { readonly kind: 'missed'; readonly status: 'missed'; readonly slot: Instant }
  /** The slot has not completed in time. It runs, waits, or has no row yet. */
  | { readonly kind: 'overdue'; readonly status: 'overdue'; readonly slot: Instant; readonly row: Row | null }
  /** A late slot has any status, because it may have completed. */
  | { readonly kind: 'failed' | 'stale' | 'late'; readonly status: Status; readonly slot: Instant; readonly row: Row }

export type TaskFinding = SlotFinding & {
  readonly task: string
  /** The schedule that is in force now. Operators read times in its zone. */
  readonly schedule: ScheduleSpec
  /** The owner that the runs of the task state: a name, URL or runbook. Left out: they state none. */
  readonly owner?: string
}

/** The condition of a task, in a few numbers. */
export interface TaskHealth {
  readonly task: string
  /** The status of the newest slot that was due. Null if the range has none. */
  readonly status: Status | null
  /** When the newest attempt that succeeded ended. Null if the range has none. */
  readonly lastSuccessAt: Instant | null
  /** How many slots need attention, by kind. */
  readonly findings: Readonly<Record<SlotFinding['kind'], number>>
}

export interface AuditSettings extends ExpectedTimes {
  readonly now: Instant
  readonly skewMs: number
}

/** A schedule and the first slot that ran under it. */
export interface InForce {
  readonly since: Instant
  readonly schedule: Schedule
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
 * schedule are in doubt.
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
  for (const { since: first, schedule } of schedules.toReversed()) {
    const [from, end] = [Math.max(since, first), Math.min(until, replaced, dueUntil)]
    const doubt = { schedule: schedule.spec, until: replaced }
    for (let slot = expectedSlotBefore(schedule, end); slot !== null && slot >= from; ) {
      const gap = gapAt(gaps, slot)
      if (gap === null) yield slot < certainUntil ? { task, slot } : { task, slot, doubt }
      // A task may be retired for years, so we must not visit each slot of the gap.
      slot = expectedSlotBefore(schedule, gap?.from ?? slot)
    }
    const before = expectedSlotBefore(schedule, first)
    replaced = first
    certainUntil = before === null ? Number.NEGATIVE_INFINITY : before + 1
  }
}

/** Returns the first slot after `at` that is expected, or null if there is none. */
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

/** Returns the problem in the record of a slot, or null if there is none. */
export function findingOf({ row, missed }: AuditedSlot, settings: AuditSettings): SlotFinding | null {
  if (row === null) return findingOfAbsent(missed.slot, settings)
  if (isNewerSchema(row)) return null
  const { slot } = row
  const status = statusOfRow(row, settings)
  if (status === 'overdue') return { kind: status, status, slot, row }
  const kind = status === 'stale' || status === 'failed' ? status : isLate(row, settings) ? 'late' : null
  return kind === null ? null : { kind, status, slot, row }
}

function findingOfAbsent(slot: Instant, settings: AuditSettings): SlotFinding | null {
  const status = statusOfAbsent(slot, settings)
  switch (status) {
    case 'missed':
      return { kind: status, status, slot }
    case 'overdue':
      return { kind: status, status, slot, row: null }
    case 'scheduled':
      return null
  }
}

/**
 * Returns the instant at which the finding arose. A check at that instant finds it, and a check before it does not, so
 * checks at regular times that look at the time since the check before them report each finding once.
 */
export function aroseAt(found: SlotFinding, { graceMs, doneByMs, skewMs }: AuditSettings): Instant {
  switch (found.kind) {
    case 'missed':
      return found.slot + graceMs
    case 'overdue':
      return found.slot + (doneByMs ?? 0)
    case 'late':
      return found.row.attempts.find(hasStarted)?.startedAt ?? found.slot
    case 'stale':
      // At the end of the lease itself, the attempt still counts as running.
      return (found.row.leaseUntil ?? found.slot) + skewMs + 1
    case 'failed':
      return failedAt(found.row)
  }
}

/** Returns when the row became FAILED: at the end of its last attempt, or by the resolution after it. */
function failedAt(row: Row): Instant {
  const attempt = row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  const resolvedAt = resolution !== undefined && resolution.afterAttempt >= attemptCount(row) ? resolution.at : row.slot
  const endedAt = attempt?.phase === 'ended' ? (attempt.endedAt ?? row.slot) : row.slot
  return Math.max(resolvedAt, endedAt)
}

function isLate({ slot, attempts }: Row, { lateAfterMs }: AuditSettings): boolean {
  const first = attempts.find(hasStarted)
  return lateAfterMs !== null && first?.trigger.kind === 'scheduled' && first.startedAt - slot > lateAfterMs
}
