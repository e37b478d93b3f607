import { DAY_MS } from '../duration.ts'
import { type LedgerError, usageError } from '../errors.ts'
import { formatInstant } from '../instant.ts'
import { defined } from '../objects.ts'
import { type KnownPlace, lastingPlace } from '../place.ts'
import { placeJson } from '../row/stored-place.ts'
import type { Instant, Place, ScheduleSpec } from '../types.ts'
import { bytesOf } from '../user-text.ts'
import { endsAfter, retirementAt } from './suspensions.ts'
import {
  type Decided,
  EMPTY_TASK_RECORD,
  EXPECTATIONS,
  type Expectations,
  inForceAt,
  isSameSpec,
  isUnconfirmed,
  type ScheduleSince,
  type Schedules,
  type StatedExpectations,
  SUSPENSION,
  type Suspension,
  type TaskRecord,
} from './task-record.ts'

/** Enough for one change a month over four years. The record stays far below the size limit of one write. */
const MAX_SCHEDULES = 50

/** Older slots may have expired, and only an auditor asks for them. */
const LONGEST_AUDIT_MS = 31 * DAY_MS

/** About 1,000 pauses with short reasons, as JSON. This leaves room in the 400 KB of an item: a pause grows when it ends. */
const MAX_SUSPENSION_BYTES = 200_000
const MAX_OPEN_PAUSES = 100

/** Returns the record of a task without one, after a forced run. No catch-up starts slots of its schedule. */
export function forcedRecord(spec: ScheduleSpec, slot: Instant): TaskRecord {
  return { ...EMPTY_TASK_RECORD, schedules: [{ since: slot, spec, declared: 'forced' }] }
}

export interface StatedByRun {
  readonly slot: Instant
  readonly spec: ScheduleSpec
  /** The newest slot before `slot` that ran under the schedule in force. Null or left out: none is known. */
  readonly lastSlot?: Instant | null
  readonly expectations: Expectations
  /** Unknown: the run states nothing about its place, so the record keeps what it has. */
  readonly place: KnownPlace
  /** The run starts nothing, because the task is paused. So it ends no retirement. */
  readonly isPaused?: boolean
}

/**
 * Returns the record after a scheduled run: its schedule, its expectations and its place are in force from
 * its slot on, and a retirement that covers its slot ends there. Returns null if nothing changes. A run of an older slot
 * than the one that changed the record last changes nothing that a later run stated.
 */
export function withRun(record: TaskRecord, stated: StatedByRun, ended: Decided): TaskRecord | null {
  const { slot, spec, lastSlot } = stated
  const schedules = withSchedule(record.schedules, spec, slot, lastSlot)
  const before = record.expectations
  const isOld = isSameExpectations(before ?? {}, stated.expectations) || (before !== null && before.since >= slot)
  const expectations = isOld ? null : statedFrom(slot, stated.expectations, before)
  const place = withPlace(record, stated)
  const retired = stated.isPaused ? null : retirementAt(record, slot)
  const retirements = record.retirements.map((one) => (one === retired ? { ...one, until: slot, ended } : one))
  if (schedules === null && expectations === null && place === null && retired === null) return null
  return {
    ...record,
    schedules: schedules ?? record.schedules,
    expectations: expectations ?? record.expectations,
    retirements,
    ...place,
  }
}

/**
 * Returns the schedules with `spec` from `slot` on, up to the next declared one. `lastSlot` is the newest slot that ran under
 * the schedule before. Null: it is in force already, or a run stated another one for this slot or a later one.
 */
export function withSchedule(
  schedules: Schedules,
  spec: ScheduleSpec,
  slot: Instant,
  lastSlot: Instant | null = null,
): Schedules | null {
  const forcedAt = schedules.find(isForced)?.since
  // It is unknown which slots were due between the forced run and this one.
  if (forcedAt !== undefined) return [{ since: slot, ...(forcedAt < slot && { after: forcedAt }), spec }]
  const { before, inForce, later } = splitAt(schedules, slot)
  if (!later.every(isUnconfirmed)) return null
  if (inForce !== undefined && isSameSpec(inForce.spec, spec)) {
    return isUnconfirmed(inForce) ? [...before, { ...inForce, declared: 'confirmed' }, ...later] : null
  }
  if (inForce?.since === slot && !isUnconfirmed(inForce)) return null
  const after = inForce && Math.max(inForce.since, lastSlot ?? inForce.since)
  return withEntry(schedules, { since: slot, ...(after !== undefined && { after }), spec })
}

function isForced({ declared }: ScheduleSince): boolean {
  return declared === 'forced'
}

/** Splits the schedules at the one in force, which is undefined if the instant is before all of them. */
function splitAt(schedules: Schedules, at: Instant) {
  const index = schedules.findLastIndex(({ since }) => since <= at)
  return {
    before: schedules.slice(0, Math.max(0, index)),
    inForce: schedules[index],
    later: schedules.slice(index + 1),
  }
}

/** Returns the schedules with one more. It replaces a declared one that no run has confirmed and that begins with it. */
function withEntry(schedules: Schedules, entry: ScheduleSince): Schedules {
  const { before, inForce, later } = splitAt(schedules, entry.since)
  const isReplaced = inForce === undefined || (inForce.since === entry.since && isUnconfirmed(inForce))
  const all = [...before, ...(isReplaced ? [] : [inForce]), entry, ...later]
  return atMost(MAX_SCHEDULES, all.reduce<Schedules>(withoutRepeat, []), entry.since)
}

/**
 * Returns the schedules without those that are too many. Two hosts that state different schedules in turn must not push out one that
 * an audit can reach: of those, the oldest one goes that has come back since, and the schedule before it goes on.
 */
function atMost(most: number, schedules: Schedules, now: Instant): Schedules {
  if (schedules.length <= most) return schedules
  const [, second] = schedules
  const isReached = second !== undefined && second.since > now - LONGEST_AUDIT_MS
  const repeated = schedules.findIndex(
    ({ spec }, index) => index > 0 && schedules.slice(index + 1).some((one) => isSameSpec(one.spec, spec)),
  )
  const dropped = isReached && repeated > 0 ? repeated : 0
  return atMost(most, schedules.toSpliced(dropped, 1).reduce<Schedules>(withoutRepeat, []), now)
}

function withoutRepeat(schedules: Schedules, next: ScheduleSince): Schedules {
  const last = schedules.at(-1)
  if (last === undefined || !isSameSpec(last.spec, next.spec)) return [...schedules, next]
  const isConfirmed = isUnconfirmed(last) && !isUnconfirmed(next)
  return isConfirmed ? [...schedules.slice(0, -1), { ...last, declared: 'confirmed' }] : schedules
}

export interface Declaration {
  readonly spec: ScheduleSpec
  readonly from: Instant
  readonly now: Instant
  /** An expectation that is left out stays as it is, and one that is null is removed. */
  readonly expectations: { readonly [Name in keyof Expectations]: Expectations[Name] | null }
}

/**
 * Returns the record with a declared schedule, in force from `from` until the next one. Null: nothing changes. Throws a usage
 * error if it changes the past of a task that has run. It may say that the oldest one was in force before its first run.
 */
export function withDeclaration(record: TaskRecord, declaration: Declaration): TaskRecord | null {
  const schedules = withDeclaredSchedule(record.schedules, declaration)
  const { since = declaration.from, expectSince: _, ...stated } = record.expectations ?? {}
  const expectations: Expectations = defined({ ...stated, ...declaration.expectations })
  const hasSame = isSameExpectations(stated, expectations)
  if (schedules === null && hasSame) return null
  return {
    ...record,
    schedules: schedules ?? record.schedules,
    // A run of an earlier slot does not state these expectations yet.
    ...(!hasSame && { expectations: statedFrom(Math.max(since, declaration.from), expectations, record.expectations) }),
  }
}

function withDeclaredSchedule(recorded: Schedules, { spec, from, now }: Declaration): Schedules | null {
  // The operator knows the schedule better than the command of a forced run does.
  const schedules = recorded.filter((one) => !isForced(one))
  const { inForce } = splitAt(schedules, from)
  if (inForce !== undefined && isSameSpec(inForce.spec, spec)) return null
  const [first] = schedules
  const isBeforeFirst = first !== undefined && inForce === undefined && isSameSpec(first.spec, spec)
  if (from < now && !isBeforeFirst && !schedules.every(isUnconfirmed)) {
    throw usageError(
      `from ${formatInstant(from)} is in the past, and the schedule of that time is known from the runs of the task. Use a later time, or leave it out.`,
    )
  }
  return withEntry(schedules, { since: from, spec, declared: 'unconfirmed' })
}

/**
 * Returns the schedule in force at `slot`, or the oldest, if it is another one than `spec`. Null: it is the same, is only
 * declared for later, or is that of a forced run, because an operator may force an old slot under an old schedule.
 */
export function otherScheduleAt(schedules: Schedules, spec: ScheduleSpec, slot: Instant): ScheduleSpec | null {
  const inForce = inForceAt(schedules, slot)
  const isLater = inForce !== undefined && inForce.since > slot && isUnconfirmed(inForce)
  return inForce === undefined || isLater || isForced(inForce) || isSameSpec(inForce.spec, spec) ? null : inForce.spec
}

/** Rules that stay as they are go on. Otherwise a new owner would hide the unusual slots before. */
function statedFrom(
  since: Instant,
  expectations: Expectations,
  before: TaskRecord['expectations'],
): StatedExpectations {
  const goesOn = before !== null && before.expect !== undefined && before.expect === expectations.expect
  return { ...expectations, since, ...(goesOn && { expectSince: before.expectSince ?? before.since }) }
}

function isSameExpectations(...both: readonly [Partial<StatedExpectations>, Expectations]): boolean {
  const [known, stated] = both.map(({ expectSince: _, ...own }: Partial<StatedExpectations>) =>
    JSON.stringify(EXPECTATIONS.encode({ ...own, since: 0 })),
  )
  return known === stated
}

function withPlace(record: TaskRecord, { slot, place }: StatedByRun): Pick<TaskRecord, 'place' | 'placeSince'> | null {
  if (place === 'unknown' || isSamePlace(record.place, place)) return null
  if (record.placeSince !== null && record.placeSince >= slot) return null
  // A later run that had no place may have left only its schedule.
  const lastOfRun = record.schedules.findLast(({ declared }) => declared === undefined)
  if ((lastOfRun?.since ?? slot) > slot) return null
  return { place: place && lastingPlace(place), placeSince: slot }
}

function isSamePlace(...both: readonly [Place | null, Place | null]): boolean {
  const [known, stated] = both.map((place) => place && JSON.stringify(placeJson(lastingPlace(place))))
  return known === stated
}

/** Throws a usage error if the record has no room. A pause that is over stays: its slots would be missed. */
export function withPause(record: TaskRecord, pause: Suspension): TaskRecord {
  const isOpen = (one: Suspension) => endsAfter(one, pause.at)
  if (isOpen(pause) && record.pauses.filter(isOpen).length >= MAX_OPEN_PAUSES) {
    throw usageError(`the task has ${MAX_OPEN_PAUSES} pauses that are not over. End them first: cronledger resume`)
  }
  const all = [...record.pauses, pause]
  if (hasRoom(all, record.retirements)) return { ...record, pauses: all }
  // An operator makes room with one pause over the time of several that are over. One that goes on makes none, because a
  // resumption of it may be dated back.
  const needed = isOpen(pause) ? all : all.filter((one) => one === pause || isOpen(one) || !isWithin(one, pause))
  if (!hasRoom(needed, record.retirements)) throw noRoom(record)
  return { ...record, pauses: needed }
}

function isWithin(one: Suspension, { from, until }: Suspension): boolean {
  return from <= one.from && (one.until ?? one.from) <= (until ?? from)
}

function hasRoom(pauses: readonly Suspension[], retirements: readonly Suspension[]): boolean {
  return bytesOf(JSON.stringify([...pauses, ...retirements].map(SUSPENSION.encode))) <= MAX_SUSPENSION_BYTES
}

function noRoom({ pauses, retirements }: TaskRecord): LedgerError {
  return usageError(
    `the record of the task is full: it has ${pauses.length} pauses and ${retirements.length} retirements. None is dropped, because its slots would be missed. To make room, record one pause over the time of many that are over: cronledger pause --from TIME --until TIME`,
  )
}

/**
 * Ends every pause and retirement that goes on after `from`, or with `onlyOfAll` the pauses of all tasks. Null: none does.
 * A pause that was over by then stays, otherwise its slots would look missed and be caught up.
 */
export function withResumption(
  record: TaskRecord,
  from: Instant,
  ended: Decided,
  { onlyOfAll = false } = {},
): TaskRecord | null {
  const goesOn = (one: Suspension) => endsAfter(one, Math.max(from, ended.at)) && (!onlyOfAll || one.scope === 'all')
  const end = (one: Suspension): Suspension => (goesOn(one) ? { ...one, until: Math.max(one.from, from), ended } : one)
  if (![...record.pauses, ...record.retirements].some(goesOn)) return null
  return { ...record, pauses: record.pauses.map(end), retirements: record.retirements.map(end) }
}

/** Returns the record of a task that is retired, or null if it is retired already. Throws as `withPause` does. */
export function withRetirement(record: TaskRecord, retirement: Suspension): TaskRecord | null {
  if (record.retirements.some(({ until }) => until === null)) return null
  const retirements = [...record.retirements, retirement]
  if (!hasRoom(record.pauses, retirements)) throw noRoom(record)
  return { ...record, retirements }
}
