import { hasOnlyGivenWay, isOverlapSkip, measuredAttempt } from '../core/row/attempts.ts'
import { type Later, NOTHING_LATER } from '../core/row/range.ts'
import { readableRow, statusOfRow } from '../core/row/status.ts'
import { slotAfter } from '../core/schedule/slot.ts'
import { type Doubt, dueKeys } from '../core/task/expected-slots.ts'
import type { CountSlots, Rules } from '../core/task/rules.ts'
import { type InForce, parseSchedules, scheduleWith } from '../core/task/schedules-in-force.ts'
import { type Gap, gapsOf, suspensionOf } from '../core/task/suspensions.ts'
import {
  EMPTY_TASK_RECORD,
  type ExpectedTimes,
  expectedTimes,
  isOnlyDeclared,
  rangesUntil,
  rulesOf,
  type TaskRecord,
} from '../core/task/task-record.ts'
import type { Instant, Key, Row, ScheduleSpec, Status, StoredRow } from '../core/types.ts'

/** The facts about the task of a slot that a judgement needs. It is made once for all of its slots. */
export interface TaskFacts {
  readonly task: string
  readonly now: Instant
  /** Null: the task has no record. Undefined: it cannot be read, or was not. */
  readonly record: TaskRecord | null | undefined
  readonly inForce: readonly InForce[]
  readonly gaps: readonly Gap[]
  readonly times: ExpectedTimes
  /** The end of the slots whose runs may have ranges. */
  readonly rangesUntil: Instant
  readonly rules: Rules | null
  readonly isOnlyDeclared: boolean
  /** How many attempts scheduled triggers may start. Left out: only a run knows. */
  readonly maxAttempts?: number | undefined
}

/** Throws a usage error if a schedule of the record cannot be read. `inForce` has those that a caller could read. */
export function factsOf(
  task: string,
  record: TaskRecord | null | undefined,
  now: Instant,
  inForce: readonly InForce[] = record ? parseSchedules(record) : [],
): TaskFacts {
  const known = record ?? null
  // A listing of 10,000 tasks holds all of these. With a spread here, each would be four times as large.
  return {
    task,
    now,
    record,
    inForce,
    gaps: gapsOf(known),
    times: expectedTimes(known),
    rules: rulesOf(known),
    rangesUntil: rangesUntil(known ?? EMPTY_TASK_RECORD),
    isOnlyDeclared: known !== null && isOnlyDeclared(known),
  }
}

export interface SlotRecord {
  readonly slot: Instant
  readonly row: StoredRow | null
  readonly isExpected?: boolean
  /** Why a slot without a row may not have been due. Left out: it was certainly due. */
  readonly doubt?: Doubt | undefined
  /** What later runs say of it. Left out: nothing. */
  readonly later?: Later
  /** The rows before it, the newest first, which say what is usual. Left out: that is not known. */
  readonly older?: readonly Row[]
}

export interface SlotInTask extends SlotRecord, Key {
  readonly of: TaskFacts
  readonly later: Later
  /** It has no row, or nothing but claims that gave way to other slots, so that no run has its work. */
  readonly isAbsent: boolean
  /** The row, if there is one that this version can read. */
  readonly own: Row | null
  /** The status of the row alone, without the times of the task. Null: there is no row. */
  readonly rowStatus: Status | null
}

export function slotInTask(record: SlotRecord, of: TaskFacts): SlotInTask {
  const { row } = record
  const rowStatus = row && statusOfRow(row, { now: of.now, skewMs: of.times.skewMs })
  const own = readableRow(row)
  const later = record.later ?? NOTHING_LATER
  const hasGivenWay = own !== null && (hasOnlyGivenWay(own) || (later.isPassed && isOverlapSkip(own)))
  const isOff = hasGivenWay && suspensionOf(of.record ?? null, record.slot) !== null
  const isAbsent = row === null || hasGivenWay
  return { ...record, ...(isOff && { isExpected: false }), task: of.task, of, own, later, isAbsent, rowStatus }
}

/** Returns a function that counts the slots in the range of a run. Infinity: it found no success, so it does all that there is. */
export function countSlotsIn({ task, inForce: schedules }: Pick<TaskFacts, 'task' | 'inForce'>): CountSlots {
  return (row, most = Number.POSITIVE_INFINITY) => {
    const { since, searched } = measuredAttempt(row) ?? {}
    if (since === undefined) return searched === undefined ? 1 : most
    let count = 1
    for (const _ of dueKeys([{ task, schedules }], since + 1, row.slot)) if (++count >= most) break
    return count
  }
}

/** Returns a slot that was looked up, so that it may never have been due. */
export function namedSlot(
  slot: Instant,
  row: StoredRow | null,
  of: TaskFacts,
  { older, later }: Pick<SlotRecord, 'older' | 'later'> = {},
): SlotRecord {
  const { task, inForce: schedules, gaps } = of
  const due = { task, schedules, gaps, withPlain: true } as const
  const [key] = row === null ? dueKeys([due], slot, slot + 1) : []
  return {
    slot,
    row,
    isExpected: row !== null || (key !== undefined && !key.doubt?.isPlain),
    doubt: key?.doubt,
    ...(later && { later }),
    ...(older && { older }),
  }
}

/** Returns the end of the window of a slot. Null: it is not known, or the schedule has no later slot. */
export function windowEndOf({ of, row, own, slot }: SlotInTask): Instant | null {
  if (row !== null) return own?.windowEnd ?? null
  const schedule = scheduleWith(of.inForce, slot)
  return schedule === null ? null : slotAfter(schedule, slot)
}

/** Returns the schedule of a slot: that of its row or of the record. Null: no known schedule has the slot. */
export function scheduleOf({ of, own, slot }: Pick<SlotInTask, 'of' | 'own' | 'slot'>): ScheduleSpec | null {
  return own?.schedule ?? scheduleWith(of.inForce, slot)?.spec ?? null
}
