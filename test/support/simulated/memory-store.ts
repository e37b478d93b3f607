import { LedgerError } from '../../../src/core/errors.ts'
import { addRejection, isNoted, NO_NOTES } from '../../../src/core/row/rejections.ts'
import { fieldsOf, type StoredDocument } from '../../../src/core/row/stored-fields.ts'
import {
  decodeNotes,
  decodeRow,
  encodeNotes,
  encodeRow,
  OWNER_FIELDS,
  readableOrDamaged,
} from '../../../src/core/row/stored-row.ts'
import { type Key, SCHEMA_VERSION } from '../../../src/core/types.ts'
import { listedSlot, slotBounds, storedKey, TASK_ENTRY } from '../../../src/store/page.ts'
import type { CallOptions, Entry, Expected, Store, StoredKey } from '../../../src/store/store.ts'

function isSame(owned: StoredDocument, expected: Expected): boolean {
  return expected !== 'absent' && owned['version'] === expected.version && owned['ownerRunId'] === expected.ownerRunId
}

function inTime({ signal }: CallOptions): void {
  if (signal.aborted) throw new LedgerError('unreachable', 'no answer from memory: not in time')
}

const OWNED: ReadonlySet<string> = new Set(OWNER_FIELDS)

interface Stored {
  readonly key: StoredKey
  readonly owned: StoredDocument
  readonly notes: StoredDocument
}

/** Has the rules of the real stores, keeps the stored form, and shares no value with a caller. */
export function memoryStore(): Store & {
  writeRaw(document: StoredDocument): void
  readRaw(key: StoredKey): object
  remove(key: Key): void
} {
  const entries = new Map<string, Stored>()
  const beside = new Map<string, Entry>()
  const nameOf = ({ task, slot }: StoredKey) => `${slot} ${task}`
  const read = (entry: Stored | undefined) =>
    entry === undefined ? null : decodeRow({ ...entry.owned, ...entry.notes })
  const notesOf = (entry: Stored) => decodeNotes(fieldsOf(entry.notes, 'notes'))

  return {
    async get(key, call) {
      inTime(call)
      return read(entries.get(nameOf(storedKey(key))))
    },
    async put(row, expected, call) {
      inTime(call)
      const key = storedKey(row)
      const entry = entries.get(nameOf(key))
      const known = entry?.owned['schemaVersion'] === SCHEMA_VERSION
      const holds = entry === undefined ? expected === 'absent' : known && isSame(entry.owned, expected)
      if (!holds) return { kind: 'conflict', found: read(entry) }
      const unknown = Object.entries(entry?.owned ?? {}).filter(([name]) => !OWNED.has(name))
      const owned = { ...Object.fromEntries(unknown), ...encodeRow(row) }
      entries.set(nameOf(key), { key, owned, notes: entry?.notes ?? encodeNotes(NO_NOTES) })
      return { kind: 'ok' }
    },
    async note(key, rejection, call) {
      inTime(call)
      const name = nameOf(storedKey(key))
      const entry = entries.get(name)
      if (entry === undefined || entry.owned['schemaVersion'] !== SCHEMA_VERSION) return false
      if (isNoted(notesOf(entry), rejection.runId)) return true
      entries.set(name, { ...entry, notes: encodeNotes(addRejection(notesOf(entry), rejection)) })
      return true
    },
    async list(query, call) {
      inTime(call)
      const { first, last: upTo } = slotBounds(query.kind === 'task' ? query : {})
      const newestFirst = [...entries.entries()].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, entry]) => entry)
      const matching = newestFirst.filter(({ key, owned }) =>
        query.kind === 'task'
          ? key.task === query.task && key.slot >= first && key.slot <= upTo
          : owned['day'] === query.day,
      )
      const { cursor, limit } = query
      const rest = matching.filter(({ key }) => cursor === undefined || nameOf(key) < nameOf(cursor))
      const shown = rest.slice(0, limit)
      const last = shown.at(-1)
      return {
        rows: shown.map(({ owned, notes }) => {
          const { task, slot } = owned
          return readableOrDamaged({ task, slot }, () => decodeRow({ ...owned, ...notes }))
        }),
        ...(last !== undefined && rest.length > shown.length ? { next: last.key } : {}),
      }
    },
    async listSlots({ task, ...range }, call) {
      inTime(call)
      const { first, last } = slotBounds(range)
      const found = [...entries.values()].filter(
        ({ key }) => key.task === task && key.slot >= first && key.slot <= last,
      )
      const newestFirst = found.sort((one, other) => (one.key.slot < other.key.slot ? 1 : -1))
      const slots = newestFirst.map(({ key, owned }) => {
        const [attempt] = Array.isArray(owned['attempts']) ? owned['attempts'] : []
        const { outcome, trigger } = attempt ?? {}
        return listedSlot(task, { slot: key.slot, state: owned['state'], outcome, source: trigger?.source })
      })
      // Small pages, so that tests go over several of them.
      const shown = slots.slice(0, 20)
      const next = slots.length > shown.length ? shown.at(-1)?.slot : undefined
      return { slots: shown, ...(next !== undefined && { next }) }
    },
    async readEntry({ kind, task }) {
      return beside.get(`${kind} ${task}`) ?? null
    },
    async writeEntry({ kind, task }, entry, expected) {
      const name = `${kind} ${task}`
      if ((beside.get(name)?.version ?? 'absent') !== expected) return 'conflict'
      beside.set(name, structuredClone(entry))
      return 'ok'
    },
    async listTasks(_, days = []) {
      const prefix = `${TASK_ENTRY} `
      const names = [...beside.keys()].flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []))
      const ofDays = [...entries.values()].flatMap(({ key, owned }) =>
        days.includes(String(owned['day'])) ? key.task : [],
      )
      return [...new Set([...names, ...ofDays])].sort()
    },
    async readTaskEntries(tasks) {
      const found = tasks.map((task) => [task, beside.get(`${TASK_ENTRY} ${task}`)] as const)
      return new Map(found.flatMap(([task, entry]) => (entry === undefined ? [] : [[task, entry] as const])))
    },
    close() {},
    writeRaw(document) {
      const key = { task: String(document['task']), slot: String(document['slot']) }
      entries.set(nameOf(key), { key, owned: document, notes: encodeNotes(NO_NOTES) })
    },
    remove: (key) => void entries.delete(nameOf(storedKey(key))),
    readRaw(key) {
      const entry = entries.get(nameOf(key))
      return { ...entry?.owned, ...entry?.notes }
    },
  }
}
