import type { Schedule } from '../schedule/slot.ts'
import { slotAfter, slotBefore } from '../schedule/slot.ts'
import type { Instant, Key, Row, ScheduleSpec, StoredRow, Window } from '../types.ts'
import { isNewerSchema, isStale } from './decide.ts'
import { isSameSpec } from './task-record.ts'

/** Something about a slot that a person should look at. */
export type Finding =
  /** Due, and no row: nothing has asked to run it, or nothing reached the ledger. */
  | { readonly kind: 'missed'; readonly slot: Instant }
  | { readonly kind: 'failed' | 'stale' | 'late'; readonly slot: Instant; readonly row: Row }

export type TaskFinding = Finding & {
  readonly task: string
  /** The schedule that is in force now: its zone is the one that people think in. */
  readonly schedule: ScheduleSpec
}

export interface AuditSettings {
  readonly now: Instant
  readonly skewMs: number
  /** A first attempt that started later than this after its slot is late; null: never. */
  readonly lateAfterMs: number | null
}

/** A schedule and the first slot that was run under it. */
export interface InForce {
  readonly since: Instant
  readonly schedule: Schedule
}

/** A slot that has no row though it was due: by `schedule`, which was in force then. */
export interface MissedSlot extends Key, Window {
  readonly schedule: ScheduleSpec
  readonly missed: true
}

export function isMissed(item: StoredRow | MissedSlot): item is MissedSlot {
  return 'missed' in item
}

/** A task, and the schedules that it had, oldest first. */
export interface TaskInForce {
  readonly task: string
  readonly schedules: readonly InForce[]
}

/** A slot that was due. */
export interface DueKey extends Key {
  /**
   * Its schedule was replaced, and nobody knows whether before it: it was due only if a later slot was still run by that
   * schedule, before `until`. Left out: it was due for certain.
   */
  readonly doubt?: { readonly schedule: ScheduleSpec; readonly until: Instant }
}

/**
 * The slots of several tasks that were due in `[since, until)`, newest first, each by the schedule that was in force
 * then. Memory holds one of each task.
 *
 * The registry knows the first slot that was run by a schedule. The one before it held for certain up to the new one's
 * fire time before that, since the new one would have run there; from there on it is in doubt. A new one that fires for
 * the first time, as `at(…)` does, leaves all of the time before it in doubt.
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

function* dueKeysOf({ task, schedules }: TaskInForce, since: Instant, until: Instant): Generator<DueKey, void> {
  let replaced = Number.POSITIVE_INFINITY
  let certainUntil = Number.POSITIVE_INFINITY
  for (const { since: first, schedule } of schedules.toReversed()) {
    const [from, end] = [Math.max(since, first), Math.min(until, replaced)]
    const doubt = { schedule: schedule.spec, until: replaced }
    for (let slot = slotBefore(schedule, end); slot !== null && slot >= from; slot = slotBefore(schedule, slot))
      yield slot < certainUntil ? { task, slot } : { task, slot, doubt }
    const before = slotBefore(schedule, first)
    replaced = first
    certainUntil = before === null ? Number.NEGATIVE_INFINITY : before + 1
  }
}

/** What is on record of a slot: a row, or nothing though it was due. */
export type OnRecord = { readonly row: StoredRow; readonly missed: null } | { readonly row: null; readonly missed: Key }

/** The rows of a task in `[since, until)`, newest first. */
export type RowsOf = (task: string, since: Instant, until: Instant) => AsyncIterable<StoredRow>

/**
 * The rows, and the keys of `due` that have none, in their places: all of them newest first; of one slot the rows come
 * first. `withOlder`: also the keys before the last row. `later` is asked where a key is in doubt and `rows` begin too
 * early to tell. Memory holds the tasks of one slot, and one run of each task.
 */
export async function* withMissed(
  due: Iterable<DueKey> | AsyncIterable<DueKey>,
  rows: AsyncIterable<StoredRow>,
  withOlder: boolean,
  later: RowsOf,
): AsyncGenerator<OnRecord, void> {
  const keys = Symbol.asyncIterator in due ? due[Symbol.asyncIterator]() : due[Symbol.iterator]()
  let next = await keys.next()
  let slot = Number.POSITIVE_INFINITY
  const onRecord = new Set<string>()
  const lastRuns = new Map<string, Run | null>()
  async function wasDue({ task, slot, doubt }: DueKey): Promise<boolean> {
    if (doubt === undefined) return true
    if (!lastRuns.has(task)) lastRuns.set(task, await runThatProves(doubt, later(task, slot + 1, doubt.until)))
    return isProvedBy(lastRuns.get(task) ?? null, doubt)
  }
  async function* missedAfter(earlier: Instant): AsyncGenerator<OnRecord, void> {
    for (; !next.done && next.value.slot > earlier; next = await keys.next()) {
      const key = next.value
      const isMissing = key.slot !== slot || !onRecord.has(key.task)
      if (isMissing && (await wasDue(key))) yield { row: null, missed: { task: key.task, slot: key.slot } }
    }
  }
  for await (const row of rows) {
    if (row.slot !== slot) {
      yield* missedAfter(row.slot)
      slot = row.slot
      onRecord.clear()
    }
    onRecord.add(row.task)
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

/** Whether the slots before `run` were due. */
function isProvedBy(run: Run | null, { schedule, until }: Doubt): boolean {
  return run !== null && run.slot < until && isSameSpec(run.schedule, schedule)
}

/** Any one will do, and the newest comes first. */
async function runThatProves(doubt: Doubt, rows: AsyncIterable<StoredRow>): Promise<Run | null> {
  for await (const row of rows) {
    const run = runOf(row)
    if (isProvedBy(run, doubt)) return run
  }
  return null
}

/** With the schedule that the scheduler had. Null where no scheduler started anything: a person may force by an old one. */
function runOf(row: StoredRow): Run | null {
  if (isNewerSchema(row)) return null
  const { slot, schedule, attempts } = row
  return attempts.some(({ trigger }) => trigger.kind === 'scheduled') ? { slot, schedule } : null
}

/** What a key of `dueKeys` was due by. */
export function missedSlot({ task, slot }: Key, schedules: readonly InForce[]): MissedSlot {
  const inForce = schedules.findLast(({ since }) => since <= slot)
  if (inForce === undefined) throw new Error(`${task} had no schedule at ${slot}`)
  return { task, slot, end: slotAfter(inForce.schedule, slot), schedule: inForce.schedule.spec, missed: true }
}

/** What is wrong with what is on record of a slot; null: nothing. */
export function findingOf({ row, missed }: OnRecord, settings: AuditSettings): Finding | null {
  if (row === null) return { kind: 'missed', slot: missed.slot }
  if (isNewerSchema(row)) return null
  const kind = faultOf(row, settings)
  return kind === null ? null : { kind, slot: row.slot, row }
}

function faultOf(row: Row, { now, skewMs, lateAfterMs }: AuditSettings): 'failed' | 'stale' | 'late' | null {
  if (isStale(row, now, skewMs)) return 'stale'
  if (row.state === 'FAILED') return 'failed'
  const first = row.attempts.find(({ outcome }) => outcome !== 'notStarted')
  const late = lateAfterMs !== null && first?.trigger.kind === 'scheduled' && first.startedAt - row.slot > lateAfterMs
  return late ? 'late' : null
}
