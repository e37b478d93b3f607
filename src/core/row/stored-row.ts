import { LedgerError } from '../errors.ts'
import { formatInstant } from '../instant.ts'
import {
  type Covers,
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
  beforeRelease,
  beside,
  damaged,
  encodeInstant,
  fieldsOf,
  formOf,
  INSTANT,
  INTEGER,
  instant,
  integer,
  listOf,
  listOrNone,
  type Member,
  malformed,
  maybe,
  nested,
  oneOf,
  optional,
  orNull,
  type StoredDocument,
  TEXT,
  text,
} from './stored-fields.ts'
import { ATTEMPT, decodeNotes, RESOLUTION, SCHEDULE } from './stored-parts.ts'

// Other programs read the stored form too: `schema/row.schema.json` describes it. Instants are text, because operators
// read the table. A change that this version cannot read needs a new `SCHEMA_VERSION`.

/** Formats a slot as `2026-11-24T03:00:00Z`. All have one length, so their order as text is their order in time. */
export function formatSlot(slot: Instant): string {
  if (slot % 1000 !== 0) throw new Error(`slot ${slot} is not a whole second`)
  return encodeInstant(slot)
}

export function dayOf(slot: Instant): string {
  return formatSlot(slot).slice(0, 10)
}

/** DynamoDB's TTL is a number of seconds. We must round up, otherwise the row could expire too early. */
const SECONDS: Member<Instant> = {
  encode: (at) => Math.ceil(at / 1000),
  decode: (fields, name) => integer(fields, name) * 1000,
}
const NONE_IF_ZERO: Member<number> = {
  encode: (count) => (count === 0 ? null : count),
  decode: (fields, name) => optional(fields, name, integer) ?? 0,
}

const OWNED = formOf<Omit<UncheckedRow, keyof Key | 'rejections' | 'covering'>>({
  schemaVersion: { ...INTEGER, decode: () => SCHEMA_VERSION },
  windowEnd: orNull(INSTANT),
  state: oneOf(STATES),
  version: INTEGER,
  writeId: TEXT,
  owner: TEXT,
  schedule: beside(SCHEDULE),
  zoneData: TEXT,
  attempts: listOf(ATTEMPT),
  unlistedAttempts: NONE_IF_ZERO,
  leaseUntil: orNull(INSTANT),
  resolutions: listOrNone(RESOLUTION),
  expiresAt: orNull(SECONDS),
  coveredBy: maybe(INSTANT),
  covers: maybe(nested(formOf<Covers>({ slots: INTEGER, since: maybe(INSTANT) }))),
  checkpoint: maybe(TEXT),
})

/** The owner's part of a row without its key. A write sets those that the row has, and removes the others. */
export const OWNER_FIELDS: readonly string[] = ['day', ...SCHEDULE.names, ...OWNED.names]

/** Encodes the owner's part of a row. Throws if it is impossible: that is a bug and must not be written. */
export function encodeRow(row: Row): StoredDocument {
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw new Error(`impossible row ${nameOf(row)}: ${objection}`)
  return { task: row.task, slot: formatSlot(row.slot), day: dayOf(row.slot), ...OWNED.encode(row) }
}

/** Reads a stored row with its notes, unread if its schema version is newer. Throws `shape` if it is malformed. */
export function decodeRow(stored: unknown): StoredRow {
  const unnamed = fieldsOf(stored, 'a row of the ledger')
  const key: Key = { task: text(unnamed, 'task'), slot: instant(unnamed, 'slot') }
  const fields = fieldsOf(stored, `row ${nameOf(key)}`)
  if (key.slot % 1000 !== 0) throw malformed(fields.what, 'slot', formatInstant(key.slot), 'a whole second')
  const schemaVersion = integer(fields, 'schemaVersion')
  if (schemaVersion < SCHEMA_VERSION) throw beforeRelease(fields.what, schemaVersion)
  if (schemaVersion !== SCHEMA_VERSION) return { ...key, schemaVersion, newerSchema: true }
  const { count, refused, first, latest } = decodeNotes(fields)
  const row: UncheckedRow = Object.assign(key, OWNED.decode(fields), { rejections: { count, refused, first, latest } })
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw damaged(fields.what, objection)
  return row as Row
}

/** Returns what `read` returns, or what is wrong with the row, so that a damaged row of a listing hides no other one. */
export function readableOrDamaged(
  stored: { readonly task: unknown; readonly slot: unknown },
  read: () => StoredRow,
): StoredRow {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    const fields = fieldsOf(stored, 'a row of the ledger')
    return { task: text(fields, 'task'), slot: instant(fields, 'slot'), damage: error.message }
  }
}

function nameOf({ task, slot }: Key): string {
  return `${task} ${formatInstant(slot)}`
}

const LAST_INSTANT = 8.64e15

/** Returns why a row is impossible, or null. Every rule relies on this check before each write and after each read. */
function rowInvariantViolation(row: UncheckedRow): string | null {
  const { attempts, leaseUntil, state } = row
  const open = attempts.filter(isOpen)
  const last = attempts.at(-1)
  if (row.version < 1 || !Number.isSafeInteger(row.version)) return `its version is ${row.version}`
  if ([row.task, row.writeId, row.owner].includes('')) return 'its task, write id or owner is empty'
  if (row.windowEnd !== null && row.windowEnd <= row.slot) return 'its window ends before it starts'
  if (row.expiresAt !== null && Math.abs(row.expiresAt) > LAST_INSTANT) return 'its expiry is not a valid time'
  if (startedAttempts(row) > MAX_ATTEMPTS) return `it has ${startedAttempts(row)} attempts that started`
  if (attempts.length > MAX_ATTEMPTS + MAX_UNSTARTED) return `it lists ${attempts.length} attempts`
  if (attempts.some(({ number }, index) => number <= (attempts[index - 1]?.number ?? 0)))
    return 'its attempts are not in order'
  // Each number was given once: to an attempt that is listed, or to an attempt that is only counted.
  if (row.unlistedAttempts < 0 || (last?.number ?? 0) !== attempts.length + row.unlistedAttempts)
    return `its last attempt is ${last?.number ?? 0}, but it lists ${attempts.length} attempts and counts ${row.unlistedAttempts} more`
  if (row.coveredBy !== undefined && row.coveredBy <= row.slot) return 'it is covered by a slot that is not later'
  if (state !== 'PENDING')
    return open.length > 0 || leaseUntil !== null ? `it is ${state}, but still has a lease or an open attempt` : null
  if (leaseUntil === null) return 'it is PENDING, but has no lease'
  return open.length === 1 && open[0] === last && last?.runId === row.owner
    ? null
    : 'it is PENDING, but its owner has no open attempt'
}
