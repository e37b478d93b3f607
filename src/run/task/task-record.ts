import { setWithin } from '../../core/objects.ts'
import { decodeTaskRecord, EMPTY_TASK_RECORD, encodeTaskRecord, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, NewerSchema } from '../../core/types.ts'
import type { Clock } from '../../process/clock.ts'
import type { CallOptions, Store } from '../../store/store.ts'

/** The task records that a program has read. Its next runs of the same task need not read them again. */
export interface KnownRecords {
  get(task: string): TaskRecord | null
  add(task: string, record: TaskRecord): void
}

/** For a program that runs a task once: it must see a pause that was set a second ago. */
export const NO_KNOWN_RECORDS: KnownRecords = { get: () => null, add() {} }

/** A pause takes effect after at most this time in a program that keeps a ledger open. */
const KNOWN_FOR_MS = 60_000

/** One program rarely runs more tasks. Beyond it, the task that was added first is read again. */
const MAX_KNOWN = 1_000

export function knownRecords(clock: Clock): KnownRecords {
  const known = new Map<string, { readonly record: TaskRecord; readonly atMs: number; readonly at: Instant }>()
  return {
    get(task) {
      const found = known.get(task)
      if (found === undefined) return null
      // The monotonic clock may stop while the machine is suspended, and the wall clock may be set. The larger age counts.
      const ageMs = Math.max(clock.monotonicMs() - found.atMs, Math.abs(clock.now() - found.at))
      return ageMs < KNOWN_FOR_MS ? found.record : null
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
