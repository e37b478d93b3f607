import { firstLine, LedgerError } from '../../core/errors.ts'
import { setWithin } from '../../core/objects.ts'
import type { StoredDocument } from '../../core/row/stored-fields.ts'
import {
  decodeTaskRecord,
  EMPTY_TASK_RECORD,
  encodeTaskRecord,
  isNewerRecord,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import type { Instant, NewerSchema } from '../../core/types.ts'
import type { Clock } from '../../process/clock.ts'
import type { CallOptions, EntryKey, Store, StoredEntry } from '../../store/store.ts'
import { type AskIo, askWithin, Unanswered, within } from '../ask.ts'

export interface KnownRecords {
  /** Returns a record by which a run may start. */
  get(task: string): TaskRecord | null
  /** Returns a record with a schedule that was read a moment ago. A run that goes by its own one must read it again later. */
  recent(task: string): TaskRecord | null
  add(task: string, record: TaskRecord): void
}

/** For a program that runs a task once: it must see a pause that was set a second ago. */
export function unlessStarting(known: KnownRecords): KnownRecords {
  return { ...known, get: () => null }
}

/** A pause takes effect after at most this time in a program that keeps a ledger open. */
const KNOWN_FOR_MS = 60_000
/** Less than a run waits between two looks at the slots that it comes after, so that each look reads the records again. */
const RECENT_FOR_MS = 5_000

/** One program rarely runs more tasks. Beyond it, the task that was added first is read again. */
const MAX_KNOWN = 1_000

export function knownRecords(clock: Clock): KnownRecords {
  const known = new Map<string, { readonly record: TaskRecord; readonly atMs: number; readonly at: Instant }>()
  const youngerThan = (ms: number) => (task: string) => {
    const found = known.get(task)
    if (found === undefined) return null
    // The monotonic clock may stop while the machine is suspended, and the wall clock may be set. The larger age counts.
    const ageMs = Math.max(clock.monotonicMs() - found.atMs, Math.abs(clock.now() - found.at))
    return ageMs < ms ? found.record : null
  }
  return {
    get: youngerThan(KNOWN_FOR_MS),
    recent(task) {
      const found = youngerThan(RECENT_FOR_MS)(task)
      return found !== null && found.schedules.length > 0 ? found : null
    },
    add(task, record) {
      setWithin(known, MAX_KNOWN, task, { record, atMs: clock.monotonicMs(), at: clock.now() })
    },
  }
}

export interface ReadRecord {
  readonly record: TaskRecord | NewerSchema
  readonly version: number | 'absent'
}

/** Reads the task record. A task without one has an empty record. Throws `LedgerError`. */
export async function readRecord(task: string, store: Store, call: CallOptions): Promise<ReadRecord> {
  const entry = await store.readEntry({ task, kind: '#task' }, call)
  if (entry === null) return { record: EMPTY_TASK_RECORD, version: 'absent' }
  return { record: decodeTaskRecord(entry.document, task), version: entry.version }
}

export function writeRecord(
  task: string,
  record: TaskRecord,
  version: ReadRecord['version'],
  store: Store,
  call: CallOptions,
): Promise<'ok' | 'conflict'> {
  const entry = { version: version === 'absent' ? 1 : version + 1, document: encodeTaskRecord(record) }
  return store.writeEntry({ task, kind: '#task' }, entry, version, call)
}

export interface TaskChangeRequest {
  readonly task: string
  readonly what: string
  /** Returns the changed record, or null if the record already is as it should be. It may be called several times. */
  change(record: TaskRecord): TaskRecord | null
  /** Returns whether a record contains this change: the one of this call, and not an equal one of another operator. */
  isIn(record: TaskRecord): boolean
}

export interface ChangeIo extends AskIo {
  readonly store: Store
  readonly pageTimeoutMs: number
  readonly signals: readonly AbortSignal[]
}

export interface ChangeableRecord extends ReadRecord {
  readonly record: TaskRecord
}

export async function readChangeable(task: string, io: ChangeIo): Promise<ChangeableRecord> {
  const limit = { ms: io.pageTimeoutMs, signals: io.signals }
  return changeable(task, await askWithin(limit, io, (call) => readRecord(task, io.store, call)))
}

/**
 * Writes a change by compare-and-set. After a conflict, makes the change again on top of the record that was found. The
 * conflict may come from our own write, if its answer was lost: we must look for the change in the record, otherwise it would
 * be made twice.
 *
 * Throws `unreachable` if it is unknown whether the change is recorded, and `shape` if a newer cronledger wrote the record.
 */
export function changeTask(request: TaskChangeRequest, found: ChangeableRecord, io: ChangeIo) {
  const { task } = request
  return within({ ms: io.pageTimeoutMs, signals: io.signals }, io, async (ask) => {
    let { record, version } = found
    for (let hasSent = false; ; hasSent = true) {
      if (hasSent && request.isIn(record)) return { changed: true, record }
      const changed = request.change(record)
      if (changed === null && version === 'absent') return { changed: false, record }
      // Also what was there already is written: on PostgreSQL, a write without its standby can be visible, and be lost later.
      const next = changed ?? record
      const written = await ask((call) => writeRecord(task, next, version, io.store, call)).catch((error: unknown) => {
        const isSafe = error instanceof Unanswered ? error.changedNothing : true
        throw isSafe && !hasSent ? error : uncertain(request, error)
      })
      if (written === 'ok') return { changed: changed !== null, record: next }
      const read = await ask((call) => readRecord(task, io.store, call)).catch((error: unknown) => {
        throw uncertain(request, error)
      })
      ;({ record, version } = changeable(task, read))
    }
  })
}

/** Returns the error of a change that may be in the ledger, because a write of it was sent. */
function uncertain({ task, what }: TaskChangeRequest, error: unknown): unknown {
  if (!(error instanceof LedgerError)) return error
  return new LedgerError(
    'unreachable',
    `${what} of task ${task} may or may not be recorded, because the ledger did not answer: ${firstLine(error).replace(/\.$/, '')}. To see what is in force, run: cronledger tasks. To make sure, run the same command again.`,
    { cause: error },
  )
}

/** Throws `shape` for a record of a newer cronledger, which must not be overwritten. */
function changeable(task: string, { record, version }: ReadRecord): ChangeableRecord {
  if (!isNewerRecord(record)) return { record, version }
  throw new LedgerError(
    'shape',
    `a newer version of cronledger wrote the record of task ${task} (schema ${record.schemaVersion}), so it was not changed. Update cronledger on this host or in this image.`,
  )
}

/** What was told to a receiver. No task has such a name, so nothing that lists tasks or rows sees it. */
function keyOf(name: string): EntryKey {
  return { task: `#told/${name}`, kind: '#told' }
}

/** Reads strongly consistent. */
export function readTold(name: string, io: ChangeIo): Promise<StoredEntry | null> {
  return askWithin({ ms: io.pageTimeoutMs, signals: io.signals }, io, (call) => io.store.readEntry(keyOf(name), call))
}

/** Writes the document if the entry still has this version. An unanswered write is sent again until the timeout. */
export function writeTold(
  name: string,
  document: StoredDocument,
  expected: number | 'absent',
  io: ChangeIo,
): Promise<'ok' | 'conflict'> {
  const { store, pageTimeoutMs: ms, signals } = io
  const entry = { version: expected === 'absent' ? 1 : expected + 1, document }
  return askWithin({ ms, signals }, io, (call) => store.writeEntry(keyOf(name), entry, expected, call))
}
