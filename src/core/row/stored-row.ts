import { formatInstant } from '../instant.ts'
import { defined } from '../objects.ts'
import {
  type Instant,
  type Key,
  type Row,
  SCHEMA_VERSION,
  STATES,
  type StoredRow,
  type UncheckedRow,
} from '../types.ts'
import { isOpen, startedAttempts } from './attempts.ts'
import { MAX_ATTEMPTS, MAX_UNSTARTED } from './policy.ts'
import {
  encodeInstant,
  encodeOptional,
  fieldsOf,
  instant,
  integer,
  list,
  malformed,
  oneOfField,
  optional,
  type StoredDocument,
  text,
} from './stored-fields.ts'
import {
  decodeAttempt,
  decodeResolution,
  decodeSchedule,
  encodeAttempt,
  encodeResolution,
  encodeSchedule,
} from './stored-parts.ts'
import { decodeNotes } from './stored-rejections.ts'

// Other programs read the stored form too: `schema/row.schema.json` describes it. Instants are text, because operators
// read the table. A change that this version cannot read needs a new `SCHEMA_VERSION`.

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
  const row: UncheckedRow = {
    // We must not spread `key` here, otherwise V8 makes a hidden class for each further property of each object, and a
    // listing of 100,000 rows fills memory with them.
    task: key.task,
    slot: key.slot,
    schemaVersion,
    windowEnd: optional(fields, 'windowEnd', instant) ?? null,
    state: oneOfField(fields, 'state', STATES),
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
  if (isPossible(row)) return row
  throw malformed(fields.what, 'it', rowInvariantViolation(row) ?? '', 'what cronledger writes')
}

function nameOf({ task, slot }: Key): string {
  return `${task} ${formatInstant(slot)}`
}

/** The last instant that a `Date` can hold. */
const LAST_INSTANT = 8.64e15

function isPossible(row: UncheckedRow): row is Row {
  return rowInvariantViolation(row) === null
}

/** Returns why a row is impossible, or null. Every rule relies on this check before each write and after each read. */
function rowInvariantViolation(row: UncheckedRow): string | null {
  const { attempts, leaseUntil, state } = row
  const open = attempts.filter(isOpen)
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
  if (state !== 'PENDING') return open.length > 0 || leaseUntil !== null ? `${state}, but still running` : null
  if (leaseUntil === null) return 'PENDING without a lease'
  return open.length === 1 && open[0] === last && last?.runId === row.owner
    ? null
    : 'PENDING without its own open attempt'
}
