import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import Libsql from 'libsql'
import { firstLine, LedgerError } from '../core/errors.ts'
import { quote } from '../core/problem.ts'

/** `CRLG`: SQLite keeps it in the file's header, where `file` and other programs can tell whose database it is. */
const APPLICATION_ID = 0x43524c47
const LAYOUT_VERSION = 1

/**
 * How long SQLite itself may wait for a lock. It waits without the event loop, on which heartbeats and signals depend;
 * the real waiting is the caller's, between tries. Not 0, so that a commit outlasts a reader.
 */
const BUSY_TIMEOUT_MS = 20

/** SQLite's header holds both numbers in its first 100 bytes. */
const HEADER_BYTES = 100
const APPLICATION_ID_OFFSET = 68

const LAYOUT = `
  CREATE TABLE rows (
    task TEXT NOT NULL,
    slot TEXT NOT NULL,
    day TEXT NOT NULL,
    version INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    document TEXT NOT NULL,
    notes TEXT NOT NULL,
    PRIMARY KEY (task, slot)
  ) WITHOUT ROWID;
  CREATE TABLE entries (
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, task)
  ) WITHOUT ROWID;
  CREATE INDEX rows_by_day ON rows (day, slot, task);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${LAYOUT_VERSION};
`

type Values = readonly (string | number)[]

/** `read` and `write` find nothing in a file that is still empty, and fail where there is none; `create` makes both. */
type Mode = 'read' | 'write' | 'create'

export interface Transaction {
  /** This very transaction made the tables. */
  readonly isNew: boolean
  /** Number of rows that the statement changed. */
  run(sql: string, ...values: Values): number
  all(sql: string, ...values: Values): readonly Record<string, unknown>[]
}

export interface FileDatabase {
  /** Runs `work` in one transaction, which commits or leaves nothing; null where the file is empty. */
  transact<T>(mode: Mode, work: (transaction: Transaction) => T): T | null
  close(): void
}

interface Connection {
  readonly database: Libsql.Database
  readonly file: string
  readonly statements: Map<string, Libsql.Statement>
}

function absolute(name: string): string {
  try {
    return resolve(name)
  } catch (error) {
    // Of a process whose working directory was deleted.
    throw new LedgerError('shape', `file ledger ${quote(name)}: there is no folder that it is in (${firstLine(error)})`)
  }
}

/** A ledger file, opened by the first call. Every call is synchronous. Throws `LedgerError`, or what `isBusy` knows. */
export function openFileDatabase(name: string): FileDatabase {
  // Absolute, since libsql takes `http:…` and the like for the address of a server.
  const path = absolute(name)
  let connection: Connection | null = null

  /** The connection to the file that is there now: a deleted or replaced one would take writes that nobody reads. */
  function connected(mode: Mode): Connection {
    const file = identify(path, mode)
    if (connection?.file === file) return connection
    close()
    checkHeader(path)
    const database = new Libsql(path, { timeout: BUSY_TIMEOUT_MS })
    // Both are SQLite's defaults, but a build may have others, and a person may have switched this very file to WAL.
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL')
    connection = { database, file, statements: new Map() }
    return connection
  }

  function transact<T>(mode: Mode, work: (transaction: Transaction) => T): T | null {
    const { database, statements } = connected(mode)
    // Prepared once each: a statement keeps its file open until it is garbage collected.
    const prepared = (sql: string) => {
      const statement = statements.get(sql) ?? database.prepare(sql)
      statements.set(sql, statement)
      return statement
    }
    const run = (sql: string, ...values: Values) => prepared(sql).run(...values).changes
    const all = (sql: string, ...values: Values) => prepared(sql).all(...values) as Record<string, unknown>[]

    database.exec(mode === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
    try {
      const isNew = isEmpty(all, path)
      // Not committed: that would write a header without our mark.
      if (isNew && mode !== 'create') return null
      if (isNew) database.exec(LAYOUT)
      const result = work({ isNew, run, all })
      database.exec('COMMIT')
      return result
    } finally {
      // Also where the commit failed: it leaves the transaction open if a reader was in its way.
      if (database.inTransaction) database.exec('ROLLBACK')
    }
  }

  function close(): void {
    connection?.database.close()
    connection = null
  }

  return {
    transact(mode, work) {
      try {
        return transact(mode, work)
      } catch (error) {
        throw isBusy(error) ? error : explain(error, path)
      }
    },
    close,
  }
}

/** Another process is in the way: the same call may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  return BUSY.has(sqliteCode(error))
}

/** True for a database without anything in it, as a file is between its making and its first commit. */
function isEmpty(all: Transaction['all'], path: string): boolean {
  const number = (sql: string) => Number(Object.values(all(sql)[0] ?? {})[0])
  const application = number('PRAGMA application_id')
  const layout = number('PRAGMA user_version')
  if (application === APPLICATION_ID && layout === LAYOUT_VERSION) return false
  if (application === 0 && number('SELECT count(*) FROM sqlite_master') === 0) return true
  throw application === APPLICATION_ID
    ? new LedgerError(
        'shape',
        `file ledger ${quote(path)} has layout ${layout} of a newer cronledger: use that version`,
      )
    : foreign(path)
}

/** Looks at the file before SQLite does, which would recover or convert another program's database. */
function checkHeader(path: string): void {
  const header = Buffer.alloc(HEADER_BYTES)
  // Closing a file drops all locks that this process holds on it: safe only while no transaction is open.
  const file = openSync(path, 'r')
  try {
    const length = readSync(file, header, 0, HEADER_BYTES, 0)
    const ours = header.toString('latin1', 0, 16) === 'SQLite format 3\0' && applicationOf(header) === APPLICATION_ID
    if (length > 0 && !(length === HEADER_BYTES && ours)) throw foreign(path)
  } finally {
    closeSync(file)
  }
}

function applicationOf(header: Buffer): number {
  return header.readUInt32BE(APPLICATION_ID_OFFSET)
}

function foreign(path: string): LedgerError {
  return new LedgerError('shape', `${quote(path)} is no cronledger file and was left as it is: name another path`)
}

/** Tells the file at `path` from every other one, also from an earlier one of that name. */
function identify(path: string, mode: Mode): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined && mode === 'create') makeFile(path)
  const stats = found ?? statSync(path)
  // A pipe would block whoever opens it.
  if (!stats.isFile()) throw new LedgerError('shape', `${quote(path)} is no file: name another path`)
  return `${stats.dev}:${stats.ino}`
}

/** For its owner only: reasons and hosts are nobody else's. SQLite gives its journal the same mode. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    // Another process was first.
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

/** An error of SQLite or of the file system in words; anything else is a bug, and stays what it is. */
function explain(error: unknown, path: string): unknown {
  const code = sqliteCode(error)
  if (error instanceof LedgerError || (code === 0 && !isSystemError(error))) return error
  const make = (kind: LedgerError['kind'], text: string) => new LedgerError(kind, text, { cause: error })
  const name = `file ledger ${quote(path)}`
  const why = firstLine(error)
  if (hasCode(error, 'ENOENT')) {
    const folder = dirname(path)
    if (!existsSync(folder)) return make('shape', `${name}: its folder does not exist, run: mkdir -p ${quote(folder)}`)
    return make('shape', `${name} does not exist: the first run makes it, or: cronledger setup --store file:${path}`)
  }
  if (hasCode(error, 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return make('shape', `${name} is no path of a file: ${why}`)
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS') || DENIED.has(code)) {
    return make('denied', `${name} is not accessible (${why}): this user must be able to write it and its folder`)
  }
  if (DAMAGED.has(code)) {
    return make('shape', `${name} is damaged (${why}): restore it, or move it away to start a new one`)
  }
  if (code === FULL) return make('unreachable', `${name} cannot be written (${why}): make room on its disk`)
  return make('unreachable', `${name} did not answer: ${why}`)
}

// Primary result codes of sqlite3.h.
const BUSY: ReadonlySet<number> = new Set([5, 6])
/** PERM, READONLY, CANTOPEN (the file or its journal), AUTH. */
const DENIED: ReadonlySet<number> = new Set([3, 8, 14, 23])
/** ERROR (of a statement: a table is missing), CORRUPT, NOTADB. */
const DAMAGED: ReadonlySet<number> = new Set([1, 11, 26])

const FULL = 13

function sqliteCode(error: unknown): number {
  if (!(error instanceof Error)) return 0
  if ('rawCode' in error && typeof error.rawCode === 'number') return error.rawCode & 0xff
  // A connection that fails to open says its code in words only.
  const opening = /^ConnectionFailed\(.*: (\d+)"\)$/.exec(error.message)
  return opening === null ? 0 : Number(opening[1]) & 0xff
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
