import { LedgerError } from '../../src/core/errors.ts'
import { readableRow } from '../../src/core/row/status.ts'
import { beginAttempt, claimRow, finishRow } from '../../src/core/row/transition.ts'
import { EMPTY_TASK_RECORD, isNewerRecord, type TaskRecord } from '../../src/core/task/task-record.ts'
import type { Key, Row } from '../../src/core/types.ts'
import { readRecord, writeRecord } from '../../src/run/task/task-record.ts'
import type { EntryKey, PutResult, Store } from '../../src/store/store.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'
import type { Request } from './network.ts'
import { DAY_MS, type Past, START_MS, slotOf, TASK } from './scenario.ts'

/** The stored row of one slot. Its rejections are those of the stored form. */
export interface Stored {
  readonly row: Row
  readonly rejectionCount: number
  readonly rejectedRuns: readonly string[]
}

export interface WatchedLedger {
  readonly store: Store & { remove(key: Key): void }
  readonly slots: ReadonlyMap<number, Stored>
  record(): TaskRecord
  apply(request: Request): Promise<unknown>
  /** Returns whether the request can change nothing any more. Versions only grow, and a rejection counts once. */
  isSpent(request: Request): boolean
  text(): string
}

interface StoredRecord {
  readonly version: number
  readonly task: TaskRecord
}

async function readTaskRecord(store: Store): Promise<TaskRecord> {
  const { record } = await readRecord(TASK, store, { signal: new AbortController().signal })
  if (isNewerRecord(record)) throw new Error('a record that this version cannot write')
  return record
}

/** `known` is the record that it begins with, and `past` the slots. */
export function watchedLedger(
  onWrite: (request: Request, before: Row | undefined, row: Row) => void,
  onRemove: (row: Row) => void,
  onError: (error: Error) => void,
  known: TaskRecord | null,
  past: readonly Past[] = [],
): WatchedLedger {
  const store = memoryStore()
  if (known !== null) void writeRecord(TASK, known, 'absent', store, { signal: new AbortController().signal })
  const slots = new Map<number, Stored>()
  let lockVersion = 0
  let record: StoredRecord = { version: 0, task: EMPTY_TASK_RECORD }
  let text = ''
  let isFresh = false

  const rawOf = (slot: number) =>
    store.readRaw({ task: TASK, slot: `${new Date(slot).toISOString().slice(0, 19)}Z` }) as {
      readonly rejectionCount?: number
      readonly rejections?: readonly { readonly runId: string }[]
    }

  function note(slot: number, row: Row): void {
    const { rejectionCount = 0, rejections = [] } = rawOf(slot)
    slots.set(slot, { row, rejectionCount, rejectedRuns: rejections.map(({ runId }) => runId) })
  }

  for (const row of past.map(pastRow)) {
    void store.put(row, 'absent', { signal: new AbortController().signal })
    note(row.slot, row)
  }

  return {
    store,
    slots,
    record: () => record.task,
    async apply(request) {
      const { verb, slot, row } = request
      const answer = await request.apply().catch((error: Error) => error)
      if (answer instanceof Error) {
        if (!(answer instanceof LedgerError)) onError(answer)
        return answer
      }
      const before = slot === null ? undefined : slots.get(slot)?.row
      if (verb === 'put' && row !== null && (answer as PutResult).kind === 'ok') {
        note(row.slot, row)
        onWrite(request, before, row)
      } else if (verb === 'remove' && slot !== null && before !== undefined) {
        slots.delete(slot)
        onRemove(before)
      } else if (verb === 'note' && slot !== null && before !== undefined) {
        note(slot, before)
      } else if (verb === 'writeEntry' && answer === 'ok' && request.entry === '#task') {
        record = { version: record.version + 1, task: await readTaskRecord(store) }
      } else if (verb === 'writeEntry' && answer === 'ok') {
        lockVersion += 1
      } else {
        return answer
      }
      isFresh = false
      return answer
    },
    isSpent({ verb, slot, host, entry, expects }) {
      const stored = slot === null ? undefined : slots.get(slot)
      if (verb === 'put') return (stored?.row.version ?? 0) > expects
      if (verb === 'writeEntry') return (entry === '#task' ? record.version : lockVersion) > expects
      return verb === 'note' && stored?.rejectedRuns.includes(host) === true
    },
    text() {
      if (!isFresh) text = [...slots.keys()].map((slot) => JSON.stringify(rawOf(slot))).join()
      isFresh = true
      return `${text}${lockVersion}${record.version === 0 ? '' : JSON.stringify(record)}`
    },
  }
}

export const PAST_RUN = 'past'

function pastRow({ day, outcome, since }: Past): Row {
  const slot = slotOf({ day })
  const now = START_MS - DAY_MS
  const claim = {
    task: TASK,
    window: { slot, end: slot + DAY_MS },
    schedule: { expression: '0 3 * * *', zone: 'UTC' },
    zoneData: '2026a',
    runId: PAST_RUN,
    trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
    host: { host: PAST_RUN },
  } as const
  const leaseMs = 2 * DAY_MS
  const begun = beginAttempt(
    claimRow(null, claim, { writeId: 'claim', now }, leaseMs),
    { writeId: 'begin', now },
    leaseMs,
  )
  const [attempt] = begun.attempts
  if (since !== undefined) Object.assign(attempt, { since: slotOf({ day: since }) })
  return outcome === 'runs' ? begun : finishRow(begun, { outcome }, { writeId: 'finish', now })
}

/** What a host knows of the record of the task, as an observer sees it who looks at the ledger when a request is sent. */
export interface RecordKnowledge {
  isRead: boolean
  /** Whether the pause was in the ledger when it sent its latest request about the record. */
  askedInPause: boolean
  /** The same for its latest request that was answered: it must know the pause. */
  isPaused: boolean
}

const isRecord = ({ kind }: EntryKey) => kind === '#task'

const MOST_AROUND = 100

export function watchSlotBefore<Watched extends Store>(
  store: Watched,
  host: () => { readonly slot: number; before: Row['state'] | null },
): Watched {
  return {
    ...store,
    async get(key, options) {
      const row = readableRow(await store.get(key, options))
      if (key.slot < host().slot) host().before = row?.state ?? null
      return row
    },
    async list(query, options) {
      const page = await store.list(query, options)
      // A run reads smaller pages of the rows around its own slot.
      if (query.limit > MOST_AROUND) {
        const row = page.rows.find(({ slot }) => slot < host().slot)
        host().before = readableRow(row ?? null)?.state ?? null
      }
      return page
    },
  }
}

export function watchRecord<Watched extends Store>(
  store: Watched,
  knows: () => RecordKnowledge,
  isPausedNow: () => boolean,
): Watched {
  async function ask<T>(send: () => Promise<T>): Promise<T> {
    const isPaused = isPausedNow()
    knows().askedInPause = isPaused
    const answer = await send()
    knows().isPaused = isPaused
    return answer
  }
  return {
    ...store,
    async readEntry(key, options) {
      const send = () => store.readEntry(key, options)
      if (!isRecord(key)) return send()
      knows().isRead = false
      const answer = await ask(send)
      knows().isRead = true
      return answer
    },
    writeEntry(key, entry, expected, options) {
      const send = () => store.writeEntry(key, entry, expected, options)
      return isRecord(key) ? ask(send) : send()
    },
  }
}
