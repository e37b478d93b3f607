import { DEFAULT_SKEW_MS } from '../row/policy.ts'
import { NO_RANGES } from '../row/range.ts'
import {
  beside,
  fieldsOf,
  flag,
  formOf,
  INSTANT,
  INTEGER,
  listOf,
  listOrNone,
  maybe,
  nested,
  newerSchemaOf,
  oneOf,
  orNull,
  type StoredDocument,
  shownTask,
  TEXT,
  textsOf,
} from '../row/stored-fields.ts'
import { PLACE, placeJson } from '../row/stored-place.ts'
import { SCHEDULE } from '../row/stored-row.ts'
import { type Instant, type NewerSchema, type Place, SCHEMA_VERSION, type ScheduleSpec } from '../types.ts'
import { isUpstream } from '../user-text.ts'
import { parseRules, type Rules } from './rules.ts'

// The stored form is for other programs too: `schema/task.schema.json` describes it.

/** `forced`: only a forced run has stated the schedule. The record then has no other, until the first scheduled run. */
const DECLARATIONS = ['unconfirmed', 'confirmed', 'forced'] as const
type Declared = (typeof DECLARATIONS)[number]

export interface ScheduleSince {
  /** The first slot that ran under the schedule, or the instant from which an operator declared it. */
  readonly since: Instant
  /**
   * The schedule changed between this slot and `since`: the last slot that ran under the schedule before or, for the first
   * schedule, a slot that was forced earlier. Left out: the `since` of the schedule before.
   */
  readonly after?: Instant
  readonly spec: ScheduleSpec
  /** Left out: a run stated the schedule, and its scheduler may have had it since some time after the slot before. */
  readonly declared?: Declared
}

/** The schedules of a task, the oldest first. Those that begin in the future are declared. */
export type Schedules = readonly ScheduleSince[]

/** The facts that the runs of a task state for its audits. A member that is left out has its default. */
export interface Expectations {
  /** A slot without a row is missed this long after it was due, in milliseconds. */
  readonly graceMs?: number
  /** A slot is late if its first attempt started more than this many milliseconds after the slot. */
  readonly lateAfterMs?: number
  /** A slot that has not completed this many milliseconds after it was due is overdue. */
  readonly doneByMs?: number
  /** The tasks whose slots must have completed before a run starts, by name. `self`: its own previous slot. */
  readonly after?: readonly string[]
  /** How long a run waits for them, in milliseconds. Left out: the default. A forced run waits as long. */
  readonly afterTimeoutMs?: number
  /** The rules of a completed slot: `rows>=1, duration<=3x`. Only slots since they were stated are measured. */
  readonly expect?: string
  /** A name, URL or runbook. It is shown where the task needs attention. */
  readonly owner?: string
  /** The behaviour of the runs while another slot of the task runs. Left out: they start. */
  readonly overlap?: (typeof OVERLAP_RULES)[number]
  /** The largest difference between the clocks of two hosts, in milliseconds. A lease is trusted this long after its end. */
  readonly skewMs?: number
  /** Each run processes what has arrived since the last success. A forced run must do so, too, even if its options do not say so. */
  readonly sinceLastSuccess?: true
}

const OVERLAP_RULES = ['skip', 'wait'] as const

/** Deliveries usually arrive within a minute or two, and a slow start should not raise an alarm. */
export const USUAL_GRACE_MS = 900_000

/** The times that decide which slots of a task need attention, in milliseconds. Null: never. */
export interface ExpectedTimes {
  readonly graceMs: number
  readonly lateAfterMs: number | null
  readonly doneByMs: number | null
  readonly skewMs: number
  /** The runs go on from the last success, so a later one may have done the work of a slot that did not complete. */
  readonly sinceLastSuccess?: true
}

/** Returns the times that the runs of a task state, otherwise the defaults. */
export function expectedTimes(record: Pick<TaskRecord, 'expectations'> | null): ExpectedTimes {
  const stated: Expectations = record?.expectations ?? {}
  const { graceMs = USUAL_GRACE_MS, lateAfterMs = null, doneByMs = null, skewMs = DEFAULT_SKEW_MS } = stated
  return { graceMs, lateAfterMs, doneByMs, skewMs, ...(stated.sinceLastSuccess && { sinceLastSuccess: true }) }
}

/**
 * Returns the end of the slots whose runs may have ranges. Infinity: the runs have them. Otherwise a run stated that it has none:
 * it may have come late, so runs of later slots may have had ranges until then.
 */
export function rangesUntil({ expectations, changes = [] }: Pick<TaskRecord, 'expectations' | 'changes'>): Instant {
  if (expectations?.sinceLastSuccess) return Number.POSITIVE_INFINITY
  const { from = NO_RANGES, at = from } = endOfRanges(changes) ?? {}
  return Math.max(from, at)
}

export function endOfRanges(changes: readonly RecordChange[]): RecordChange | undefined {
  return changes.findLast(({ before }) => before['sinceLastSuccess'] !== undefined)
}

/** Returns the rules that the runs of a task state for its completed slots. Null: none that this version can read. */
export function rulesOf(record: Pick<TaskRecord, 'expectations'> | null): Rules | null {
  const { since = 0, expectSince = since, expect } = record?.expectations ?? {}
  if (expect === undefined) return null
  try {
    return { since: expectSince, rules: parseRules(expect) }
  } catch {
    // A newer version may have other rules.
    return null
  }
}

export interface Decided {
  readonly at: Instant
  readonly by: string
  readonly reason: string
}

/** A time in which a task does not run: a pause, or a retirement. Its slots are not missed. */
export interface Suspension extends Decided {
  /** The first instant whose slots are part of it. */
  readonly from: Instant
  /** The end, which is not part of it. Null: until it is ended. */
  readonly until: Instant | null
  /** It is a pause of all tasks. Only such a pause ends when all tasks are resumed. */
  readonly scope?: 'all'
  readonly ended?: Decided
}

/** A change of the schedule or of the expectations, which an operator declared or a run stated. */
export interface RecordChange extends Decided {
  readonly from: Instant
  /** The stored members that differ. A member is missing where the record had none. */
  readonly before: StoredDocument
  readonly after: StoredDocument
}

export interface StatedExpectations extends Expectations {
  /** The slot of the run that stated them. */
  readonly since: Instant
  /** Since when `expect` is the same. Left out: `since`. */
  readonly expectSince?: Instant
}

export interface TaskRecord {
  readonly schedules: Schedules
  /** Those of the latest run that changed them. Null: no run stated any. */
  readonly expectations: StatedExpectations | null
  readonly pauses: readonly Suspension[]
  readonly retirements: readonly Suspension[]
  /** Where the latest scheduled run ran, without what only its container had. Null: it had no place, or no run has said. */
  readonly place: Place | null
  /** The slot of the run that stated `place`. Null: no run has had one. */
  readonly placeSince: Instant | null
  /** Oldest first. Left out: none is known. The statements of the first run are not a change. */
  readonly changes?: readonly RecordChange[]
}

export const EMPTY_TASK_RECORD: TaskRecord = {
  schedules: [],
  expectations: null,
  pauses: [],
  retirements: [],
  place: null,
  placeSince: null,
}

/** Returns the schedule that is in force at `at`, or the oldest one if that is before all of them. */
export function inForceAt<One extends { readonly since: Instant }>(schedules: readonly One[], at: Instant) {
  return schedules.findLast(({ since }) => since <= at) ?? schedules.at(0)
}

/** Returns whether no scheduled run has run under this schedule: an operator declared it, or forced a run. */
export function isUnconfirmed({ declared }: Pick<ScheduleSince, 'declared'>): boolean {
  return declared === 'unconfirmed' || declared === 'forced'
}

export function isOnlyDeclared({ schedules }: { readonly schedules: readonly Pick<ScheduleSince, 'declared'>[] }) {
  return schedules.length > 0 && schedules.every(({ declared }) => declared === 'unconfirmed')
}

export function isNewerRecord(record: TaskRecord | NewerSchema): record is NewerSchema {
  return 'newerSchema' in record
}

export function isSameSpec(one: ScheduleSpec, other: ScheduleSpec): boolean {
  return one.expression === other.expression && one.zone === other.zone && one.anchor === other.anchor
}

const NAMES = textsOf(isUpstream, 'a list of tasks')

export const EXPECTATIONS = formOf<StatedExpectations>({
  since: INSTANT,
  graceMs: maybe(INTEGER),
  lateAfterMs: maybe(INTEGER),
  doneByMs: maybe(INTEGER),
  after: maybe(NAMES),
  afterTimeoutMs: maybe(INTEGER),
  expect: maybe(TEXT),
  expectSince: maybe(INSTANT),
  owner: maybe(TEXT),
  overlap: maybe(oneOf(OVERLAP_RULES)),
  skewMs: maybe(INTEGER),
  sinceLastSuccess: flag('sinceLastSuccess', 'on'),
})

const DECIDED = { at: INSTANT, by: TEXT, reason: TEXT }

export const SUSPENSION = formOf<Suspension>({
  from: INSTANT,
  until: orNull(INSTANT),
  scope: maybe(oneOf(['all'])),
  ...DECIDED,
  ended: maybe(nested(formOf<Decided>(DECIDED))),
})

const MEMBERS = nested<StoredDocument>({
  encode: (members) => members,
  decode: ({ values }) => values as StoredDocument,
})

export const RECORD_CHANGE = formOf<RecordChange>({ from: INSTANT, before: MEMBERS, after: MEMBERS, ...DECIDED })

const RECORD = formOf<TaskRecord>({
  schedules: listOf(
    formOf<ScheduleSince>({
      since: INSTANT,
      after: maybe(INSTANT),
      spec: beside(SCHEDULE),
      declared: maybe(oneOf(DECLARATIONS)),
    }),
  ),
  expectations: orNull(nested(EXPECTATIONS)),
  pauses: listOrNone(SUSPENSION),
  retirements: listOrNone(SUSPENSION),
  place: {
    ...PLACE,
    encode: (place) => placeJson(place),
    decode: (fields, name) => PLACE.decode(fields, name) ?? null,
  },
  placeSince: orNull(INSTANT),
  changes: maybe(listOf(RECORD_CHANGE)),
})

export function encodeTaskRecord(record: TaskRecord): StoredDocument {
  return { schemaVersion: SCHEMA_VERSION, ...RECORD.encode(record) }
}

/** Reads a task record, unread if its schema version is newer. Throws `shape` if it is malformed. */
export function decodeTaskRecord(document: unknown, task: string): TaskRecord | NewerSchema {
  const fields = fieldsOf(document, `the record of task ${shownTask(task)}`)
  return newerSchemaOf(fields) ?? RECORD.decode(fields)
}
