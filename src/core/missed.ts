import { isForeign, isStale } from './decide.ts'
import type { Schedule } from './slot.ts'
import { slotAfter, slotBefore } from './slot.ts'
import type { Instant, Key, Row, ScheduleSpec, StoredRow, Window } from './types.ts'

/** Something about a slot that a person should look at. */
export type Finding =
  /** Due, and no row: nothing has asked to run it, or nothing reached the ledger. */
  | { readonly kind: 'missed'; readonly slot: Instant }
  | { readonly kind: 'failed' | 'stale' | 'late'; readonly slot: Instant; readonly row: Row }

export interface AuditTerms {
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

/**
 * The slots that were due in `[since, until)`, newest first, each by the schedule that was in force then; `schedules`
 * stand oldest first.
 *
 * When a schedule was changed is known to a window only: some time before its first slot, and after the fire time before
 * that. Within it nobody knows whether the old one still held, so its slots there are not expected.
 */
export function* dueSlots(schedules: readonly InForce[], since: Instant, until: Instant): Generator<Instant, void> {
  let end = until
  for (const { since: first, schedule } of schedules.toReversed()) {
    const from = Math.max(since, first)
    for (let slot = slotBefore(schedule, end); slot !== null && slot >= from; slot = slotBefore(schedule, slot))
      yield slot
    const known = slotBefore(schedule, first)
    end = Math.min(end, known === null ? first : known + 1)
  }
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

/** The slots of several tasks that were due in `[since, until)`, newest first. Memory holds one of each task. */
export function* dueKeys(tasks: readonly TaskInForce[], since: Instant, until: Instant): Generator<Key, void> {
  let open = tasks.map(({ task, schedules }) => {
    const slots = dueSlots(schedules, since, until)
    return { task, slots, next: slots.next() }
  })
  for (;;) {
    open = open.filter(({ next }) => !next.done)
    const slot = open.reduce((newest, { next }) => Math.max(newest, next.value ?? newest), Number.NEGATIVE_INFINITY)
    if (open.length === 0) return
    for (const one of open) {
      if (one.next.value !== slot) continue
      yield { task: one.task, slot }
      one.next = one.slots.next()
    }
  }
}

/** What is on record of a slot: a row, or nothing though it was due. */
export type OnRecord = { readonly row: StoredRow; readonly missed: null } | { readonly row: null; readonly missed: Key }

/**
 * The rows, and the keys of `due` that have none, in their places: all of them newest first; of one slot the rows come
 * first. `withOlder`: also the keys before the last row. Memory holds the tasks of one slot.
 */
export async function* withMissed(
  due: Iterable<Key>,
  rows: AsyncIterable<StoredRow>,
  withOlder: boolean,
): AsyncGenerator<OnRecord, void> {
  const keys = due[Symbol.iterator]()
  let next = keys.next()
  let slot = Number.POSITIVE_INFINITY
  const onRecord = new Set<string>()
  function* missedAfter(earlier: Instant): Generator<OnRecord, void> {
    for (; !next.done && next.value.slot > earlier; next = keys.next()) {
      const key = next.value
      if (key.slot !== slot || !onRecord.has(key.task)) yield { row: null, missed: key }
    }
  }
  for await (const row of rows) {
    if (row.slot !== slot) {
      yield* missedAfter(row.slot)
      slot = row.slot
      onRecord.clear()
    }
    onRecord.add(row.task)
    yield { row, missed: null }
  }
  if (withOlder) yield* missedAfter(Number.NEGATIVE_INFINITY)
}

/** What a key of `dueKeys` was due by. */
export function missedSlot({ task, slot }: Key, schedules: readonly InForce[]): MissedSlot {
  const inForce = schedules.findLast(({ since }) => since <= slot)
  if (inForce === undefined) throw new Error(`${task} had no schedule at ${slot}`)
  return { task, slot, end: slotAfter(inForce.schedule, slot), schedule: inForce.schedule.spec, missed: true }
}

/** What is wrong with what is on record of a slot; null: nothing. */
export function findingOf({ row, missed }: OnRecord, terms: AuditTerms): Finding | null {
  if (row === null) return { kind: 'missed', slot: missed.slot }
  if (isForeign(row)) return null
  const kind = faultOf(row, terms)
  return kind === null ? null : { kind, slot: row.slot, row }
}

function faultOf(row: Row, { now, skewMs, lateAfterMs }: AuditTerms): 'failed' | 'stale' | 'late' | null {
  if (isStale(row, now, skewMs)) return 'stale'
  if (row.state === 'FAILED') return 'failed'
  const first = row.attempts.find(({ outcome }) => outcome !== 'notStarted')
  const late = lateAfterMs !== null && first?.trigger.kind === 'scheduled' && first.startedAt - row.slot > lateAfterMs
  return late ? 'late' : null
}
