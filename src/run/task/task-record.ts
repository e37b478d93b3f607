import { setWithin } from '../../core/objects.ts'
import { decodeTaskRecord, EMPTY_TASK_RECORD, encodeTaskRecord, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, NewerSchema } from '../../core/types.ts'
import type { Clock } from '../../process/clock.ts'
import type { CallOptions, Store } from '../../store/store.ts'

/** The task records that a program has read. */
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
