import { option, said, usageError } from '../errors.ts'
import { hasStarted, isOverlapSkip } from '../row/attempts.ts'
import type { Later } from '../row/range.ts'
import { isUnreadable } from '../row/status.ts'
import { expectedSlotBefore, type Schedule } from '../schedule/slot.ts'
import type { Instant, Key, StoredRow } from '../types.ts'
import { type DueKey, dueKeys } from './expected-slots.ts'
import { parseSchedules } from './schedules-in-force.ts'
import { suspensionOf } from './suspensions.ts'
import type { TaskRecord } from './task-record.ts'

/** A task that waits for itself: for its previous slot. No other task can be waited for by this name. */
export const SELF = 'self'

/** The slots of a day of a task that is due each minute. Clocks go back by up to two hours. Each is a read before the start. */
const MAX_SLOTS = 26 * 60

/** A slot that another one waits for, with what is known of it. */
export interface UpstreamSlot extends Key {
  readonly row: StoredRow | null
  /** What a later run of its task says of it. Left out: nothing. */
  readonly later?: Later
  readonly record: TaskRecord
}

export type DueUpstream = DueKey & UpstreamSlot

/** Why a run cannot start: a task of `--after` is not recorded yet, or no task (null) has its prefix. */
export interface UnknownUpstream {
  readonly task: string | null
  readonly problem: string
}

/** Returns whether the ledger has a row of the slot. An optional slot, which need not be triggered, counts only if it has one. */
type HasRow = (key: Key) => Promise<boolean>

/** Returns the slot before `slot` that was certainly due, by the record, or else by the schedule of the run. Null: none. */
export async function previousSlot(
  task: string,
  record: TaskRecord,
  schedule: Schedule,
  slot: Instant,
  hasRow: HasRow,
): Promise<Instant | null> {
  for await (const key of dueBefore(task, record, slot, hasRow)) if (key.doubt === undefined) return key.slot
  return expectedSlotBefore(schedule, slot)
}

/**
 * Returns the slots of the task that were due after `after` and before `until`, or the latest one before, the oldest first.
 * It is empty if the task had no slot before `until`. Slots in a pause are part of it. Throws a usage error for too many.
 */
export async function upstreamSlots(
  task: string,
  record: TaskRecord,
  { after, until }: { readonly after: Instant; readonly until: Instant },
  hasRow: HasRow,
): Promise<readonly DueKey[]> {
  const slots: DueKey[] = []
  for await (const key of dueBefore(task, record, until, hasRow)) {
    const isCertain = key.doubt === undefined
    if (key.slot <= after) {
      if (slots.some(({ doubt }) => doubt === undefined)) break
      if (!isCertain) continue
      slots.push(key)
      break
    }
    slots.push(key)
    if (slots.length > MAX_SLOTS) {
      throw usageError(
        said`${option('after')} ${task} would wait for more than ${MAX_SLOTS} slots. If this task does all work since its last success, first run its missed and failed slots one by one, the oldest first. Otherwise, use a task with fewer slots.`,
      )
    }
  }
  return slots.reverse()
}

async function* dueBefore(task: string, record: TaskRecord, until: Instant, hasRow: HasRow) {
  for (const key of dueKeys(
    [{ task, schedules: parseSchedules(record), withOptional: true }],
    Number.NEGATIVE_INFINITY,
    until,
  ))
    if (!key.isOptional || (await hasRow(key))) yield key
}

/** Whether a slot has what another one waits for. `excused`: it need not complete, and `why` follows the name of the slot. */
export type Need = { readonly kind: 'met' | 'open' } | { readonly kind: 'excused'; readonly why: string }

/** Only the row counts, and not its lease. A slot that completed and runs again is open: its work may be half done now. */
export function needOf({ doubt, slot, row, record, later }: DueUpstream): Need {
  if (row !== null && isUnreadable(row)) return { kind: 'open' }
  const covering = later?.covering?.kind ?? 'unknown'
  if (covering !== 'unknown') return { kind: covering === 'done' ? 'met' : 'open' }
  if (row?.state === 'COMPLETED') return { kind: 'met' }
  const off = suspensionOf(record, slot)
  if (off !== null && !row?.attempts.some(hasStarted)) {
    const { by, reason } = off.suspension
    return { kind: 'excused', why: `is in a ${off.kind} by ${by}: ${reason}` }
  }
  if (row === null && doubt !== undefined)
    return { kind: 'excused', why: 'may not have been due, since its schedule changed' }
  const skip = row?.state === 'SKIPPED' ? row.resolutions.at(-1) : undefined
  if (skip !== undefined && row !== null && !isOverlapSkip(row))
    return { kind: 'excused', why: `was skipped by ${skip.by}: ${skip.reason}` }
  return { kind: 'open' }
}
