import type { KnownEcs } from '../ecs.ts'
import { usageError } from '../errors.ts'
import type { EcsFacts, Instant, ScheduleSpec } from '../types.ts'
import { endsAfter, retirementAt } from './suspensions.ts'
import {
  type Decided,
  type Expectations,
  isSameSpec,
  type Schedules,
  type Suspension,
  type TaskRecord,
} from './task-record.ts'

/** Enough for one change a month over four years. The record stays far below the size limit of one write. */
const MAX_SCHEDULES = 50

/** Enough for one pause a month over eight years. With the longest reasons, they take half of the 400 KB of an item. */
const MAX_PAUSES = 100

/** A task is rarely retired and revived more than once. */
const MAX_RETIREMENTS = 20

/** The facts that a scheduled run states about its task. */
export interface StatedByRun {
  readonly slot: Instant
  readonly spec: ScheduleSpec
  readonly expectations: Expectations
  /** Unknown: the run states nothing about ECS, so the record keeps what it has. */
  readonly ecs: KnownEcs
}

/**
 * Returns the record after a scheduled run: its schedule, its expectations and what it says about ECS are in force from
 * its slot on, and a retirement that covers its slot ends there. Returns null if nothing changes. A run of an older slot
 * than the one that changed the record last changes nothing that a later run stated.
 */
export function withRun(record: TaskRecord, stated: StatedByRun, ended: Decided): TaskRecord | null {
  const { slot, spec } = stated
  const schedules = withSchedule(record.schedules, spec, slot)
  const expectations = withExpectations(record.expectations, stated)
  const ecs = withEcs(record, stated)
  const retired = retirementAt(record, slot)
  const retirements = record.retirements.map((one) => (one === retired ? { ...one, until: slot, ended } : one))
  if (schedules === null && expectations === null && ecs === null && retired === null) return null
  return {
    ...record,
    schedules: schedules ?? record.schedules,
    expectations: expectations ?? record.expectations,
    retirements,
    ...ecs,
  }
}

/**
 * Returns the schedules with `spec` in force from `slot` on. Returns null if `spec` is already in force, or if another
 * schedule came into force at `slot` or later.
 */
export function withSchedule(schedules: Schedules, spec: ScheduleSpec, slot: Instant): Schedules | null {
  const last = schedules.at(-1)
  if (last !== undefined && (isSameSpec(last.spec, spec) || last.since >= slot)) return null
  return [...schedules, { since: slot, spec }].slice(-MAX_SCHEDULES)
}

/**
 * Returns the schedule that was in force at `slot`, if it is another one than `spec`. A slot before all schedules is
 * compared with the oldest one. Returns null if the schedules are the same, or if none is recorded.
 */
export function otherScheduleAt(schedules: Schedules, spec: ScheduleSpec, slot: Instant): ScheduleSpec | null {
  const inForce = schedules.findLast(({ since }) => since <= slot) ?? schedules.at(0)
  return inForce === undefined || isSameSpec(inForce.spec, spec) ? null : inForce.spec
}

function withExpectations(
  before: TaskRecord['expectations'],
  { slot, expectations }: StatedByRun,
): TaskRecord['expectations'] {
  if (isSameExpectations(before ?? {}, expectations) || (before !== null && before.since >= slot)) return null
  return { ...expectations, since: slot }
}

function isSameExpectations(one: Expectations, other: Expectations): boolean {
  return (
    one.graceMs === other.graceMs &&
    one.lateAfterMs === other.lateAfterMs &&
    one.doneByMs === other.doneByMs &&
    one.owner === other.owner
  )
}

type EcsOfRecord = Pick<TaskRecord, 'ecs' | 'ecsSince'>

/** Returns what the record says about ECS after a run, or null if nothing changes. */
function withEcs(record: TaskRecord, { slot, ecs }: StatedByRun): EcsOfRecord | null {
  if (ecs === 'unknown' || isSameEcs(record.ecs, ecs)) return null
  if (record.ecsSince !== null && record.ecsSince >= slot) return null
  // A later run that was not on ECS may have left only its schedule.
  if ((record.schedules.at(-1)?.since ?? slot) > slot) return null
  if (ecs === null) return { ecs, ecsSince: slot }
  // Each container has a log stream of its own. It would change the record with each run, and the log of a run that
  // did not start is empty anyway.
  const { logStream: _, ...lasting } = ecs
  return { ecs: lasting, ecsSince: slot }
}

const LASTING_FACTS = [
  'region',
  'cluster',
  'taskDefinition',
  'container',
  'launchType',
  'awsvpc',
  'logGroup',
] as const satisfies readonly (keyof EcsFacts)[]

function isSameEcs(one: EcsFacts | null, other: EcsFacts | null): boolean {
  return LASTING_FACTS.every((name) => one?.[name] === other?.[name])
}

/** Returns the record with one more pause. Throws a usage error if the record has no room for it. */
export function withPause(record: TaskRecord, pause: Suspension): TaskRecord {
  const { pauses } = record
  // The oldest pause that is over makes room. Its slots are far in the past by then.
  const over = pauses.findIndex((one) => !endsAfter(one, pause.at))
  if (pauses.length >= MAX_PAUSES && over === -1) {
    throw usageError(`the task has ${MAX_PAUSES} pauses that are not over. End them first: cronledger resume`)
  }
  const kept = pauses.length < MAX_PAUSES ? pauses : pauses.toSpliced(over, 1)
  return { ...record, pauses: [...kept, pause] }
}

/**
 * Returns the record of a task that runs again from `from` on: every pause and retirement that goes on after `from` ends
 * there. Returns null if there is none.
 *
 * An operator may date the resumption back. We must keep what was over by then, otherwise the slots of an old pause
 * would look missed and be caught up.
 */
export function withResumption(record: TaskRecord, from: Instant, ended: Decided): TaskRecord | null {
  const goesOn = (one: Suspension) => endsAfter(one, Math.max(from, ended.at))
  const end = (one: Suspension): Suspension => (goesOn(one) ? { ...one, until: Math.max(one.from, from), ended } : one)
  if (![...record.pauses, ...record.retirements].some(goesOn)) return null
  return { ...record, pauses: record.pauses.map(end), retirements: record.retirements.map(end) }
}

/** Returns the record of a task that is retired. Returns null if it is retired already. */
export function withRetirement(record: TaskRecord, retirement: Suspension): TaskRecord | null {
  if (record.retirements.some(({ until }) => until === null)) return null
  return { ...record, retirements: [...record.retirements, retirement].slice(-MAX_RETIREMENTS) }
}
