import { formatInstant, parseInstant } from '../instant.ts'
import type {
  Attempt,
  Host,
  Instant,
  Key,
  ProcessMark,
  Rejection,
  Resolution,
  Row,
  ScheduleSpec,
  StoredRow,
  Trigger,
} from '../types.ts'
import { SCHEMA_VERSION } from '../types.ts'
import { startedAttempts } from './decide.ts'
import { MAX_ATTEMPTS, MAX_UNSTARTED } from './policy.ts'
import { type Notes, refusalsIn } from './rejections.ts'
import {
  defined,
  type Fields,
  fieldsOf,
  instant,
  integer,
  list,
  malformed,
  object,
  oneOf,
  optional,
  text,
} from './stored-fields.ts'

// Other programs read the stored form too: `schema/row.schema.json` describes it. Instants are text, because operators
// read the table. A change that this version cannot read needs a new `SCHEMA_VERSION`.

/** A value that a store holds. Every store supports JSON without null and booleans. */
export type StoredValue = string | number | readonly StoredValue[] | StoredDocument
export interface StoredDocument {
  readonly [name: string]: StoredValue
}

/** Formats a slot as `2026-11-24T03:00:00Z`. All have one length, so their order as text is their order in time. */
export function formatSlot(slot: Instant): string {
  if (slot % 1000 !== 0) throw new Error(`slot ${slot} is no whole second`)
  return encodeInstant(slot)
}

/** Returns the UTC date of a slot, `2026-11-24`. */
export function dayOf(slot: Instant): string {
  return formatSlot(slot).slice(0, 10)
}

/**
 * The names of the owner's part of a row, without its key. A write sets those that the row has, and removes the others.
 */
export const OWNER_FIELDS = [
  'day',
  'schemaVersion',
  'windowEnd',
  'state',
  'version',
  'writeId',
  'owner',
  'schedule',
  'zone',
  'anchor',
  'zoneData',
  'attempts',
  'unlistedAttempts',
  'leaseUntil',
  'settlements',
  'expiresAt',
] as const

/**
 * Encodes the owner's part of a row, without its rejections. Throws if the row is impossible, because that is a bug and
 * must not reach the ledger.
 */
export function encodeRow(row: Row): StoredDocument {
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw new Error(`impossible row ${nameOf(row)}: ${objection}`)
  return {
    task: row.task,
    slot: formatSlot(row.slot),
    day: dayOf(row.slot),
    schemaVersion: row.schemaVersion,
    state: row.state,
    version: row.version,
    writeId: row.writeId,
    owner: row.owner,
    ...encodeSchedule(row.schedule),
    zoneData: row.zoneData,
    attempts: row.attempts.map(encodeAttempt),
    ...defined({
      unlistedAttempts: row.unlistedAttempts === 0 ? null : row.unlistedAttempts,
      windowEnd: encodeOptional(row.windowEnd),
      leaseUntil: encodeOptional(row.leaseUntil),
      settlements: row.resolutions.length === 0 ? null : row.resolutions.map(encodeResolution),
      // DynamoDB's TTL is a number of seconds. We must round up, otherwise the row could expire too early.
      expiresAt: row.expiresAt === null ? null : Math.ceil(row.expiresAt / 1000),
    }),
  }
}

/**
 * Reads a stored row with its notes, and ignores unknown fields. A row of another schema version is returned unread, as
 * a `NewerSchemaRow`. Throws `shape` if a row of this version is malformed.
 */
export function decodeRow(stored: unknown): StoredRow {
  const unnamed = fieldsOf(stored, 'a row of the ledger')
  const key: Key = { task: text(unnamed, 'task'), slot: instant(unnamed, 'slot') }
  const fields = fieldsOf(stored, `row ${nameOf(key)}`)
  if (key.slot % 1000 !== 0) throw malformed(fields.what, 'slot', formatInstant(key.slot), 'a whole second')
  const schemaVersion = integer(fields, 'schemaVersion')
  if (schemaVersion !== SCHEMA_VERSION) return { ...key, schemaVersion, newerSchema: true }
  const { count, refused, first, latest } = decodeNotes(fields)
  const expiresAt = optional(fields, 'expiresAt', integer)
  const row: Row = {
    // We must not spread `key` here, otherwise V8 makes a hidden class for each further property of each object, and a
    // listing of 100,000 rows fills memory with them.
    task: key.task,
    slot: key.slot,
    schemaVersion,
    windowEnd: optional(fields, 'windowEnd', instant) ?? null,
    state: oneOf(fields, 'state', ['PENDING', 'COMPLETED', 'FAILED', 'SKIPPED']),
    version: integer(fields, 'version'),
    writeId: text(fields, 'writeId'),
    owner: text(fields, 'owner'),
    schedule: decodeSchedule(fields),
    zoneData: text(fields, 'zoneData'),
    attempts: list(fields, 'attempts', decodeAttempt),
    unlistedAttempts: optional(fields, 'unlistedAttempts', integer) ?? 0,
    leaseUntil: optional(fields, 'leaseUntil', instant) ?? null,
    resolutions: list(fields, 'settlements', decodeResolution),
    expiresAt: expiresAt === undefined ? null : expiresAt * 1000,
    rejections: { count, refused, first, latest },
  }
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw malformed(fields.what, 'it', objection, 'what cronledger writes')
  return row
}

/** Encodes the notes. Until the list of the first rejections is full, its last item is the latest rejection. */
export function encodeNotes({ count, refused, first, latest, rejectedBy }: Notes): StoredDocument {
  return {
    rejectionCount: count,
    refusalCount: refused,
    rejections: first.map(encodeRejection),
    rejectedBy,
    ...defined({ latestRejection: latest === null || count === first.length ? null : encodeRejection(latest) }),
  }
}

export function decodeNotes(fields: Fields): Notes {
  const first = list(fields, 'rejections', decodeRejection)
  const latest = optional(fields, 'latestRejection', (own, name) => decodeRejection(object(own, name)))
  const rejectedBy = fields.values['rejectedBy'] ?? []
  const isIds = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((id) => typeof id === 'string')
  if (!isIds(rejectedBy)) throw malformed(fields.what, `${fields.path}rejectedBy`, rejectedBy, 'a list of run ids')
  const kept = latest === undefined ? first : [...first, latest]
  return {
    count: optional(fields, 'rejectionCount', integer) ?? 0,
    // Notes from before the counter existed know only the rejections that are kept.
    refused: Math.max(optional(fields, 'refusalCount', integer) ?? 0, refusalsIn(kept)),
    first,
    latest: kept.at(-1) ?? null,
    rejectedBy,
  }
}

export function encodeRejection(rejection: Rejection): StoredDocument {
  const { runId, kind, cause, at, trigger } = rejection
  return { runId, kind, cause, at: encodeInstant(at), trigger: encodeTrigger(trigger), ...encodeHost(rejection) }
}

function decodeRejection(fields: Fields): Rejection {
  return {
    runId: text(fields, 'runId'),
    kind: oneOf(fields, 'kind', ['duplicate', 'refused']),
    cause: oneOf(fields, 'cause', [
      'completed',
      'skipped',
      'running',
      'stale',
      'failed',
      'tooManyAttempts',
      'tooLate',
      'scheduleMismatch',
      'survivor',
      'newerRow',
      'overlap',
      'noRow',
      'newerAttempt',
    ]),
    at: instant(fields, 'at'),
    trigger: decodeTrigger(object(fields, 'trigger')),
    ...decodeHost(fields),
  }
}

function encodeAttempt(attempt: Attempt): StoredDocument {
  const { number, runId, trigger, phase, startedAt, claimedAt, endedAt, outcome, exitCode, signal, process } = attempt
  return {
    number,
    runId,
    trigger: encodeTrigger(trigger),
    ...encodeHost(attempt),
    startedAt: encodeInstant(startedAt),
    ...defined({
      phase,
      claimedAt: encodeOptional(claimedAt),
      endedAt: encodeOptional(endedAt),
      outcome,
      exitCode,
      signal,
      process: process && { pid: process.pid, startTicks: process.startTicks, boot: process.boot },
    }),
  }
}

function decodeAttempt(fields: Fields): Attempt {
  return {
    number: integer(fields, 'number'),
    runId: text(fields, 'runId'),
    trigger: decodeTrigger(object(fields, 'trigger')),
    ...decodeHost(fields),
    startedAt: instant(fields, 'startedAt'),
    ...defined({
      phase: optional(fields, 'phase', (own, name) => oneOf(own, name, ['waiting'])),
      claimedAt: optional(fields, 'claimedAt', instant),
      endedAt: optional(fields, 'endedAt', instant),
      outcome: optional(fields, 'outcome', (own, name) =>
        oneOf(own, name, ['succeeded', 'failed', 'timedOut', 'interrupted', 'leaseLost', 'abandoned', 'notStarted']),
      ),
      exitCode: optional(fields, 'exitCode', integer),
      signal: optional(fields, 'signal', text),
      process: optional(fields, 'process', (own, name) => decodeProcess(object(own, name))),
    }),
  }
}

function decodeProcess(fields: Fields): ProcessMark {
  return { pid: integer(fields, 'pid'), startTicks: integer(fields, 'startTicks'), boot: text(fields, 'boot') }
}

function encodeTrigger(trigger: Trigger): StoredDocument {
  if (trigger.kind === 'forced') return { kind: 'forced', by: trigger.by, reason: trigger.reason }
  return { kind: 'scheduled', eventTime: encodeInstant(trigger.eventTime), source: trigger.source }
}

function decodeTrigger(fields: Fields): Trigger {
  const kind = oneOf(fields, 'kind', ['scheduled', 'forced'])
  if (kind === 'forced') return { kind, by: text(fields, 'by'), reason: text(fields, 'reason') }
  const source = oneOf(fields, 'source', ['event-time', 'event', 'clock'])
  return { kind, eventTime: instant(fields, 'eventTime'), source }
}

function encodeHost({ host, ecsTask }: Host): StoredDocument {
  return { host, ...defined({ ecsTask }) }
}

function decodeHost(fields: Fields): Host {
  return { host: text(fields, 'host'), ...defined({ ecsTask: optional(fields, 'ecsTask', text) }) }
}

export function encodeSchedule({ expression, zone, anchor }: ScheduleSpec): StoredDocument {
  return { schedule: expression, zone, ...defined({ anchor: encodeOptional(anchor) }) }
}

export function decodeSchedule(fields: Fields): ScheduleSpec {
  const anchor = optional(fields, 'anchor', instant)
  return { expression: text(fields, 'schedule'), zone: text(fields, 'zone'), ...defined({ anchor }) }
}

function encodeResolution({ state, at, by, reason, afterAttempt }: Resolution): StoredDocument {
  return { state, at: encodeInstant(at), by, reason, afterAttempt }
}

function decodeResolution(fields: Fields): Resolution {
  return {
    state: oneOf(fields, 'state', ['COMPLETED', 'FAILED', 'SKIPPED']),
    at: instant(fields, 'at'),
    by: text(fields, 'by'),
    reason: text(fields, 'reason'),
    afterAttempt: integer(fields, 'afterAttempt'),
  }
}

function encodeInstant(value: Instant): string {
  const stored = formatInstant(value)
  // A value that cannot be read back must not be written.
  if (parseInstant(stored) !== value) throw new Error(`instant ${value} is no whole millisecond`)
  return stored
}

function encodeOptional(value: Instant | null | undefined): string | null {
  return (value ?? null) === null ? null : encodeInstant(value as Instant)
}

function nameOf({ task, slot }: Key): string {
  return `${task} ${formatInstant(slot)}`
}

/** The last instant that a `Date` can hold. */
const LAST_INSTANT = 8.64e15

/** Returns why a row is impossible, or null. Every rule relies on this check before each write and after each read. */
function rowInvariantViolation(row: Row): string | null {
  const { attempts, leaseUntil, state } = row
  const open = attempts.filter(({ outcome }) => outcome === undefined)
  const last = attempts.at(-1)
  if (row.version < 1 || !Number.isSafeInteger(row.version)) return `version ${row.version}`
  if ([row.task, row.writeId, row.owner].includes('')) return 'no task, write id or owner'
  if (row.windowEnd !== null && row.windowEnd <= row.slot) return 'its window ends before it starts'
  if (row.expiresAt !== null && Math.abs(row.expiresAt) > LAST_INSTANT) return 'an expiry that is no date'
  if (startedAttempts(row) > MAX_ATTEMPTS) return `${startedAttempts(row)} attempts that started`
  if (attempts.length > MAX_ATTEMPTS + MAX_UNSTARTED) return `${attempts.length} attempts`
  if (attempts.some(({ number }, index) => number <= (attempts[index - 1]?.number ?? 0))) return 'attempts out of order'
  // Each number was given once: to an attempt that is listed, or to an attempt that is only counted.
  if (row.unlistedAttempts < 0 || (last?.number ?? 0) !== attempts.length + row.unlistedAttempts)
    return `attempt ${last?.number}, with ${attempts.length} attempts listed and ${row.unlistedAttempts} not`
  if (attempts.some(({ outcome, endedAt }) => outcome === undefined && endedAt !== undefined))
    return 'an end, no outcome'
  if (attempts.some(({ outcome, phase }) => outcome !== undefined && phase !== undefined)) return 'an outcome of a wait'
  if (state !== 'PENDING') return open.length > 0 || leaseUntil !== null ? `${state}, but still running` : null
  if (leaseUntil === null) return 'PENDING without a lease'
  return open.length === 1 && open[0] === last && last?.runId === row.owner
    ? null
    : 'PENDING without its own open attempt'
}
