import { formatInstant } from '../instant.ts'
import type { Instant, ScheduleSpec } from '../types.ts'
import { type Fields, fieldsOf, instant, list, type StoredDocument } from './stored-fields.ts'
import { decodeSchedule, encodeSchedule } from './stored-parts.ts'

/** A schedule of a task, and the first slot that ran under it. */
interface ScheduleSince {
  readonly since: Instant
  readonly spec: ScheduleSpec
}

/** The schedules that a task had, the oldest first. The last one is in force. */
export type Schedules = readonly ScheduleSince[]

/** Enough for one change a month over four years. The record stays far below the size limit of one write. */
const MAX_SCHEDULES = 50

/**
 * Returns the schedules with `spec` in force from `slot` on. Returns null if `spec` is already in force, or if another
 * schedule came into force at `slot` or later.
 */
export function withSchedule(schedules: Schedules, spec: ScheduleSpec, slot: Instant): Schedules | null {
  const last = schedules.at(-1)
  if (last !== undefined && (isSameSpec(last.spec, spec) || last.since >= slot)) return null
  return [...schedules, { since: slot, spec }].slice(-MAX_SCHEDULES)
}

export function isSameSpec(one: ScheduleSpec, other: ScheduleSpec): boolean {
  return one.expression === other.expression && one.zone === other.zone && one.anchor === other.anchor
}

export function encodeSchedules(schedules: Schedules): StoredDocument {
  return {
    schedules: schedules.map(({ since, spec }) => ({ since: formatInstant(since), ...encodeSchedule(spec) })),
  }
}

/** Reads a stored task record. Throws `shape` if the entry is malformed. */
export function decodeSchedules(document: unknown, task: string): Schedules {
  return list(fieldsOf(document, `the registry's entry of ${task}`), 'schedules', decodeSince)
}

function decodeSince(fields: Fields): ScheduleSince {
  return { since: instant(fields, 'since'), spec: decodeSchedule(fields) }
}
