import { LedgerError } from '../errors.ts'
import { formatInstant } from '../instant.ts'
import {
  type AttemptRecord,
  type BackgroundProcess,
  type EndedAttempt,
  EVENT_TIME_SOURCES,
  type Instant,
  type Key,
  OUTCOMES,
  type Outcome,
  type ProcessMark,
  REJECTION_CAUSES,
  REJECTION_KINDS,
  RESOLVED_STATES,
  type Rejection,
  type Resolution,
  type Row,
  SCHEMA_VERSION,
  type ScheduleSpec,
  STATES,
  type StoredRow,
  TRIGGER_KINDS,
  type Trigger,
  type UncheckedRow,
  WAIT_REASONS,
  type WaitReason,
} from '../types.ts'
import { isId } from '../user-text.ts'
import { isOpen, startedAttempts } from './attempts.ts'
import { MAX_ATTEMPTS, MAX_UNSTARTED } from './policy.ts'
import { rangeStartOf } from './range.ts'
import { type Notes, refusalsIn } from './rejections.ts'
import {
  beside,
  damaged,
  encodeInstant,
  type Fields,
  fieldsOf,
  flag,
  formOf,
  ID,
  INSTANT,
  INTEGER,
  instant,
  integer,
  LINE,
  list,
  listOf,
  listOrNone,
  type Member,
  malformed,
  maybe,
  nested,
  newerSchemaOf,
  object,
  oneOf,
  oneOfField,
  optional,
  orNull,
  PLACE_NAME,
  rowName,
  type StoredDocument,
  type StoredForm,
  TASK,
  TEXT,
  text,
  ZONE,
} from './stored-fields.ts'
import { PLACE_OF_ATTEMPT } from './stored-place.ts'

// Other programs read the stored form too: `schema/row.schema.json` describes it. Instants are text, because operators
// read the table. A change that this version cannot read needs a new `SCHEMA_VERSION`.

const HOST = { host: LINE, ecsTask: maybe(PLACE_NAME) }
export const KEY = formOf<Key>({ task: TASK, slot: INSTANT })
const PROCESS = formOf<ProcessMark>({ pid: INTEGER, startTicks: maybe(INTEGER), boot: LINE })
const BACKGROUND = formOf<BackgroundProcess>({ pid: INTEGER, command: TEXT })

type TriggerOf<Kind> = Extract<Trigger, { kind: Kind }>
const FORCED = formOf<TriggerOf<'forced'>>({
  kind: oneOf(['forced']),
  by: TEXT,
  reason: TEXT,
  ignoresAfter: flag('after', 'ignored'),
  isFresh: flag('checkpoint', 'dropped'),
  plan: maybe(ID),
})
const SCHEDULED = formOf<TriggerOf<'scheduled'>>({
  kind: oneOf(['scheduled']),
  eventTime: INSTANT,
  source: oneOf(EVENT_TIME_SOURCES),
})
const TRIGGER = {
  encode: (trigger: Trigger) => (trigger.kind === 'forced' ? FORCED.encode(trigger) : SCHEDULED.encode(trigger)),
  decode: (fields: Fields): Trigger =>
    (oneOfField(fields, 'kind', TRIGGER_KINDS) === 'forced' ? FORCED : SCHEDULED).decode(fields),
}

export const SCHEDULE = formOf<ScheduleSpec>({
  expression: { ...LINE, name: 'schedule' },
  zone: ZONE,
  anchor: maybe(INSTANT),
})

const RESOLUTION = formOf<Resolution>({
  state: oneOf(RESOLVED_STATES),
  at: INSTANT,
  by: TEXT,
  reason: TEXT,
  afterAttempt: INTEGER,
})

interface AnyAttempt extends Omit<EndedAttempt, 'phase' | 'outcome'> {
  readonly waitReason?: WaitReason
  readonly phase: AttemptRecord['phase']
  readonly outcome?: Outcome
}

/** Only the phase `waiting` is stored. The outcome tells an attempt that runs from one that has ended. */
const PHASE: Member<AttemptRecord['phase']> = {
  encode: (phase) => (phase === 'waiting' ? phase : null),
  decode(fields, name) {
    const { outcome, endedAt } = fields.values
    const waiting = optional(fields, name, (own) => oneOfField(own, name, ['waiting']))
    if (outcome === undefined && endedAt !== undefined)
      throw damaged(fields.what, 'an attempt has an end, but no outcome')
    if (outcome !== undefined && waiting !== undefined)
      throw damaged(fields.what, 'an attempt has an outcome, but it was still waiting')
    if (waiting !== undefined && fields.values['waitReason'] === undefined)
      throw damaged(fields.what, 'an attempt waits, but has no "waitReason"')
    return waiting ?? (outcome === undefined ? 'running' : 'ended')
  },
}

export const ATTEMPT = formOf<AnyAttempt>({
  number: INTEGER,
  runId: ID,
  trigger: nested(TRIGGER),
  ...HOST,
  place: PLACE_OF_ATTEMPT,
  traceId: maybe(ID),
  commandHash: maybe(ID),
  since: maybe(INSTANT),
  searched: maybe(INSTANT),
  startedAt: INSTANT,
  phase: PHASE,
  waitReason: maybe(oneOf(WAIT_REASONS)),
  claimedAt: maybe(INSTANT),
  endedAt: maybe(INSTANT),
  outcome: maybe(oneOf(OUTCOMES)),
  exitCode: maybe(INTEGER),
  signal: maybe(ID),
  process: maybe(nested(PROCESS)),
  background: maybe(nested(BACKGROUND)),
  blockedBy: maybe(nested(KEY)),
  gaveWayTo: maybe(INSTANT),
  report: maybe(TEXT),
}) as StoredForm<AttemptRecord>

export const REJECTION = formOf<Rejection>({
  runId: ID,
  kind: oneOf(REJECTION_KINDS),
  cause: oneOf(REJECTION_CAUSES),
  at: INSTANT,
  trigger: nested(TRIGGER),
  ...HOST,
  family: maybe(PLACE_NAME),
  clusterId: maybe(PLACE_NAME),
  namespace: maybe(PLACE_NAME),
  cronJob: maybe(PLACE_NAME),
  commandHash: maybe(ID),
})

/** Encodes the notes. Until the list of the first rejections is full, its last item is the latest rejection. */
export function encodeNotes({ count, refused, otherCommands, first, latest, rejectedBy }: Notes): StoredDocument {
  return {
    rejectionCount: count,
    // A usual row has only duplicates, and must stay small.
    ...(refused > 0 && { refusalCount: refused }),
    ...(otherCommands > 0 && { otherCommandCount: otherCommands }),
    rejections: first.map(REJECTION.encode),
    rejectedBy,
    ...(latest !== null && count !== first.length && { latestRejection: REJECTION.encode(latest) }),
  }
}

export function decodeNotes(fields: Fields): Notes {
  const first = list(fields, 'rejections', REJECTION.decode)
  const latest = optional(fields, 'latestRejection', (own, name) => REJECTION.decode(object(own, name)))
  const rejectedBy = fields.values['rejectedBy'] ?? []
  const isIds = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((id) => typeof id === 'string' && isId(id))
  if (!isIds(rejectedBy)) throw malformed(fields.what, `${fields.path}rejectedBy`, rejectedBy, 'a list of run ids')
  const kept = latest === undefined ? first : [...first, latest]
  return {
    count: optional(fields, 'rejectionCount', integer) ?? 0,
    // Notes from before the counter existed know only the rejections that are kept.
    refused: Math.max(optional(fields, 'refusalCount', integer) ?? 0, refusalsIn(kept)),
    otherCommands: optional(fields, 'otherCommandCount', integer) ?? 0,
    first,
    latest: kept.at(-1) ?? null,
    rejectedBy,
  }
}

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

const OWNED = formOf<Omit<UncheckedRow, keyof Key | 'rejections'>>({
  schemaVersion: { ...INTEGER, decode: () => SCHEMA_VERSION },
  windowEnd: orNull(INSTANT),
  state: oneOf(STATES),
  version: INTEGER,
  writeId: ID,
  ownerRunId: ID,
  schedule: beside(SCHEDULE),
  zoneData: LINE,
  attempts: listOf(ATTEMPT),
  unlistedAttempts: NONE_IF_ZERO,
  leaseUntil: orNull(INSTANT),
  resolutions: listOrNone(RESOLUTION),
  expiresAt: orNull(SECONDS),
  checkpoint: maybe(TEXT),
})

/** The owner's part of a row without its key. A write sets those that the row has, and removes the others. */
export const OWNER_FIELDS: readonly string[] = ['day', ...SCHEDULE.names, ...OWNED.names]

/** Throws if the row is impossible: that is a bug and must not be written. */
export function encodeRow(row: Row): StoredDocument {
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw new Error(`impossible row ${nameOf(row)}: ${objection}`)
  return { ...KEY.encode(row), day: dayOf(row.slot), ...OWNED.encode(row) }
}

/** Reads a stored row with its notes, unread if its schema version is newer. Throws `shape` if it is malformed. */
export function decodeRow(stored: unknown): StoredRow {
  const unnamed = fieldsOf(stored, 'a row of the ledger')
  const key: Key = { task: TASK.decode(unnamed, 'task'), slot: instant(unnamed, 'slot') }
  const fields = fieldsOf(stored, rowName(key.task, unnamed.values['slot']))
  if (key.slot % 1000 !== 0) throw malformed(fields.what, 'slot', formatInstant(key.slot), 'a whole second')
  const newer = newerSchemaOf(fields)
  if (newer !== null) return { ...key, ...newer }
  const { rejectedBy: _, ...rejections } = decodeNotes(fields)
  const row: UncheckedRow = Object.assign(key, OWNED.decode(fields), { rejections })
  const objection = rowInvariantViolation(row)
  if (objection !== null) throw damaged(fields.what, objection)
  return row as Row
}

/** Returns what `read` returns, or what is wrong with the row, so that a damaged row of a listing does not hide the others. */
export function readableOrDamaged(stored: { readonly task: unknown; readonly slot: unknown }, read: () => StoredRow) {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    const fields = fieldsOf(stored, 'a row of the ledger')
    // The name is not checked here: a row under any name is shown as damaged.
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
  if (row.windowEnd !== null && row.windowEnd <= row.slot) return 'its window ends before it starts'
  if (attempts.some((one) => (rangeStartOf(one) ?? Number.NEGATIVE_INFINITY) >= row.slot))
    return 'the range of an attempt begins at its own slot, or later'
  if (row.expiresAt !== null && Math.abs(row.expiresAt) > LAST_INSTANT) return 'its expiry is not a valid time'
  if (startedAttempts(row) > MAX_ATTEMPTS) return `it has ${startedAttempts(row)} attempts that started`
  if (attempts.length > MAX_ATTEMPTS + MAX_UNSTARTED) return `it lists ${attempts.length} attempts`
  if (attempts.some(({ number }, index) => number <= (attempts[index - 1]?.number ?? 0)))
    return 'its attempts are not in order'
  // Each number was given once: to an attempt that is listed, or to an attempt that is only counted.
  if (row.unlistedAttempts < 0 || (last?.number ?? 0) !== attempts.length + row.unlistedAttempts)
    return `its last attempt is ${last?.number ?? 0}, but it lists ${attempts.length} attempts and counts ${row.unlistedAttempts} more`
  if (state !== 'PENDING')
    return open.length > 0 || leaseUntil !== null ? `it is ${state}, but still has a lease or an open attempt` : null
  if (leaseUntil === null) return 'it is PENDING, but has no lease'
  return open.length === 1 && open[0] === last && last?.runId === row.ownerRunId
    ? null
    : 'it is PENDING, but its owner has no open attempt'
}
