import { resolve } from 'node:path'
import { addRejection, isNoted, NO_NOTES } from '../../core/row/rejections.ts'
import { damaged, shownTask } from '../../core/row/stored-fields.ts'
import { dayOf, encodeNotes, encodeRow, OWNER_FIELDS } from '../../core/row/stored-row.ts'
import { type Rejection, type Row, SCHEMA_VERSION, type StoredRow } from '../../core/types.ts'
import { AFTER_ALL, after, slotBounds, storedKey, TASK_ENTRY } from '../page.ts'
import { columnReader, SLOTS_PER_PAGE, slotsPage } from '../sql-rows.ts'
import type { CallOptions, Expected, ListQuery, PutResult, Store, StoredKey } from '../store.ts'
import { openFileDatabase, type Transaction } from './database.ts'
import { openLockWait, PATIENT } from './lock-wait.ts'

const INSERT = `INSERT INTO rows (day, version, schema_version, document, notes, task, slot)
  VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
// The write is a patch (RFC 7396, where null removes a field), because fields that a later minor version wrote must
// stay.
const UPDATE = `UPDATE rows SET day = ?, version = ?, schema_version = ?, document = json_patch(document, ?)
  WHERE task = ? AND slot = ? AND version = ? AND document ->> 'ownerRunId' = ? AND schema_version = ?`
const SELECT = 'SELECT document, notes FROM rows WHERE task = ? AND slot = ?'
const SELECT_NOTES = 'SELECT notes FROM rows WHERE task = ? AND slot = ? AND schema_version = ?'
// We must remove the latest rejection first, otherwise the patch would keep the fields that only the earlier one has.
const UPDATE_NOTES = `UPDATE rows SET notes = json_patch(json_remove(notes, '$.latestRejection'), ?)
  WHERE task = ? AND slot = ?`
// It has only one upper bound. With two, SQLite searches by the first one, and for every page it reads from the newest row on.
const SELECT_TASK = `SELECT task, slot, document, notes FROM rows
  WHERE task = ? AND slot >= ? AND slot < ? ORDER BY slot DESC LIMIT ?`
// A document may be damaged. Its slot has a row all the same.
const SELECT_SLOTS = `SELECT slot, document ->> 'state' AS state, document ->> '$.attempts[0].outcome' AS outcome
  FROM (SELECT slot, iif(json_valid(document), document, '{}') AS document FROM rows
    WHERE task = ? AND slot >= ? AND slot <= ? ORDER BY slot DESC LIMIT ?)
  ORDER BY slot DESC`
const SELECT_DAY = `SELECT task, slot, document, notes FROM rows
  WHERE day = ? AND (slot, task) < (?, ?) ORDER BY slot DESC, task DESC LIMIT ?`

const INSERT_ENTRY = 'INSERT INTO entries (version, document, kind, task) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'
const UPDATE_ENTRY = 'UPDATE entries SET version = ?, document = ? WHERE kind = ? AND task = ? AND version = ?'
const SELECT_ENTRY = 'SELECT task, version, document FROM entries WHERE kind = ? AND task = ?'
const SELECT_TASKS = `SELECT task FROM entries WHERE kind = ?
  UNION SELECT task FROM rows WHERE day IN (SELECT value FROM json_each(?)) ORDER BY task`
const SELECT_ENTRIES = `SELECT task, version, document FROM entries
  WHERE kind = ? AND task IN (SELECT value FROM json_each(?))`

/** It is safe between the processes of one host. The first claim makes the file, and calls `onCreated` with its path. */
export function openFileStore(path: string, onCreated: (path: string) => void = () => {}) {
  const database = openFileDatabase(path)
  const soon = openLockWait(path)
  const patiently = <T>(call: CallOptions, work: () => T) => soon(call, work, PATIENT)
  const absolute = resolve(path)
  return {
    close: database.close,

    async get(key, call) {
      return soon(call, () => database.transact('read', ({ all }) => find(all, storedKey(key))))
    },

    async put(row, expected, call) {
      let isCreated = false
      const write = (transaction: Transaction) => {
        isCreated = transaction.isNew
        return putRow(transaction, row, expected)
      }
      const mode = expected === 'absent' ? 'create' : 'write'
      const wait = row.state === 'PENDING' ? soon : patiently
      const answer: PutResult = await wait(
        call,
        () => database.transact(mode, write) ?? { kind: 'conflict', found: null },
      )
      if (isCreated) onCreated(absolute)
      return answer
    },

    async note(key, rejection, call) {
      const write = (transaction: Transaction) => noteRejection(transaction, storedKey(key), rejection)
      return patiently(call, () => database.transact('write', write) ?? false)
    },

    async list(query, call) {
      const read = (transaction: Transaction) => selectRows(transaction, query)
      return soon(call, () => columns.readPage(database.transact('read', read) ?? [], query.limit))
    },

    async listSlots({ task, ...range }, call) {
      const { first, last } = slotBounds(range)
      const read = ({ all }: Transaction) => all(SELECT_SLOTS, task, first, last, SLOTS_PER_PAGE + 1)
      return slotsPage(task, await soon(call, () => database.transact('read', read) ?? []))
    },

    async readEntry({ kind, task }, call) {
      const read = ({ all }: Transaction) => all(SELECT_ENTRY, kind, task).map(columns.readEntry)[0] ?? null
      return soon(call, () => database.transact('read', read))
    },

    async writeEntry({ kind, task }, { version, document }, expected, call) {
      // SQLite keeps any value in the column. A write could not expect it, and would meet a conflict again and again.
      if (Number.isNaN(expected)) throw damaged(`the record of task ${shownTask(task)}`, 'its version is not a number')
      const text = JSON.stringify(document)
      const write = ({ run }: Transaction) =>
        expected === 'absent'
          ? run(INSERT_ENTRY, version, text, kind, task)
          : run(UPDATE_ENTRY, version, text, kind, task, expected)
      return soon(call, () => (database.transact('write', write) === 1 ? 'ok' : 'conflict'))
    },

    async listTasks(call, days = []) {
      const read = ({ all }: Transaction) =>
        all(SELECT_TASKS, TASK_ENTRY, JSON.stringify(days)).map(({ task }) => String(task))
      return soon(call, () => database.transact('read', read) ?? [])
    },

    async readTaskEntries(tasks, call) {
      const read = ({ all }: Transaction) => all(SELECT_ENTRIES, TASK_ENTRY, JSON.stringify(tasks))
      const found = await soon(call, () => database.transact('read', read) ?? [])
      return new Map(found.map((entry) => [String(entry['task']), columns.readEntry(entry)]))
    },

    async create(call) {
      return soon(call, () => database.transact('create', ({ isNew }) => (isNew ? absolute : null)))
    },
  } satisfies Store
}

function putRow({ run, all }: Transaction, row: Row, expected: Expected): PutResult {
  const key = storedKey(row)
  const document = encodeRow(row)
  const owned = [dayOf(row.slot), row.version, row.schemaVersion]
  const changed =
    expected === 'absent'
      ? run(INSERT, ...owned, JSON.stringify(document), EMPTY_NOTES, key.task, key.slot)
      : run(
          UPDATE,
          ...owned,
          JSON.stringify({ ...NO_FIELDS, ...document }),
          key.task,
          key.slot,
          expected.version,
          expected.ownerRunId,
          SCHEMA_VERSION,
        )
  return changed === 1 ? { kind: 'ok' } : { kind: 'conflict', found: find(all, key) }
}

function noteRejection({ run, all }: Transaction, { task, slot }: StoredKey, rejection: Rejection): boolean {
  const [stored] = all(SELECT_NOTES, task, slot, SCHEMA_VERSION)
  if (stored === undefined) return false
  const notes = columns.readNotes({ ...stored, task, slot })
  if (isNoted(notes, rejection.runId)) return true
  return run(UPDATE_NOTES, JSON.stringify(encodeNotes(addRejection(notes, rejection))), task, slot) === 1
}

/** Selects one more than the limit, which shows that another page follows. */
function selectRows({ all }: Transaction, query: ListQuery) {
  const { limit, cursor } = query
  if (query.kind === 'day') return all(SELECT_DAY, query.day, cursor?.slot ?? AFTER_ALL, cursor?.task ?? '', limit + 1)
  const { first, last } = slotBounds(query)
  return all(SELECT_TASK, query.task, first, cursor?.slot ?? after(last), limit + 1)
}

/** Returns the value of a column, or its text if that is not JSON. The decoder then says whose record is damaged. */
function jsonOrText(column: unknown): unknown {
  const text = String(column)
  // Nearly all notes are empty, and a listing reads many.
  if (text === EMPTY_NOTES) return {}
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const columns = columnReader(jsonOrText)

const NO_FIELDS = Object.fromEntries(OWNER_FIELDS.map((name) => [name, null]))

const EMPTY_NOTES = JSON.stringify(encodeNotes(NO_NOTES))

function find(all: Transaction['all'], { task, slot }: StoredKey): StoredRow | null {
  const [found] = all(SELECT, task, slot)
  return found === undefined ? null : columns.readRow({ ...found, task, slot })
}

export async function setUpFile(path: string, call: CallOptions): Promise<'created' | 'found'> {
  const store = openFileStore(path)
  try {
    return (await store.create(call)) === null ? 'found' : 'created'
  } finally {
    store.close()
  }
}
