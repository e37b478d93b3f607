import { chmodSync, lstatSync, type Stats, statSync } from 'node:fs'
import { resolve } from 'node:path'
import Libsql from 'libsql'
import { firstLine, LedgerError, quote } from '../../core/errors.ts'
import { checkDescriptors } from '../descriptors.ts'
import { explainFileError, isBusy, isNotDatabase } from './errors.ts'

/** In layout 1, which no release wrote, the entries had other kinds. */
const LAYOUT_VERSION = 2

/** The bytes `CRLG` in the header, where `file` and other programs can see whose database it is. */
const APPLICATION_ID = 0x43524c47

/** In milliseconds. This wait blocks the event loop, so the caller waits longer. With 0, a reader could stop a commit. */
const BUSY_TIMEOUT_MS = 20

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

type SqlValues = readonly (string | number)[]

/** `read` and `write` find nothing in an empty file, and fail without one. `create` makes the file and its tables. */
type Mode = 'read' | 'write' | 'create'

export interface Transaction {
  readonly isNew: boolean
  run(sql: string, ...values: SqlValues): number
  all(sql: string, ...values: SqlValues): readonly Record<string, unknown>[]
}

export interface FileDatabase {
  /** Runs `work` in one transaction, which commits completely or changes nothing. Returns null if the file is empty. */
  transact<T>(mode: Mode, work: (transaction: Transaction) => T): T | null
  close(): void
}

interface FileConnection {
  readonly database: Libsql.Database
  readonly file: string
  readonly statements: Map<string, Libsql.Statement>
  isSetUp: boolean
}

function absolute(name: string): string {
  try {
    return resolve(name)
  } catch (error) {
    // The working directory of this process was deleted.
    throw new LedgerError(
      'shape',
      `the folder of file ledger ${quote(name)} does not exist (${firstLine(error)}). Use an absolute path.`,
    )
  }
}

/** The first call opens the file, and every call is synchronous. Throws `LedgerError`, or what `isBusy` recognises. */
export function openFileDatabase(name: string): FileDatabase {
  // The path must be absolute, otherwise libsql could take `http:…` and the like for the address of a server.
  const path = absolute(name)
  let connection: FileConnection | null = null

  /** Returns the connection to the file that has the path now. Writes to a deleted or replaced file would be lost. */
  function connected(mode: Mode): FileConnection {
    const stats = findFile(path, mode === 'create')
    // Distinguishes this file from every other file, even from an earlier file of that name.
    const file = `${stats.dev}:${stats.ino}`
    if (connection?.file !== file) {
      close()
      checkDescriptors()
      checkLinks(path, stats)
      checkHeader(path, stats)
      const database = new Libsql(path, { timeout: BUSY_TIMEOUT_MS })
      connection = { database, file, statements: new Map(), isSetUp: false }
    }
    if (!connection.isSetUp) {
      // An operator may have switched this file to WAL. SQLite commits by removing its journal. Only EXTRA also syncs the
      // folder after that, otherwise a power loss could bring the journal back, and with it the state before the commit.
      // Source: https://www.sqlite.org/pragma.html#pragma_synchronous
      // The lock can be busy here already. The next try must use the same connection, otherwise each try would leave a
      // descriptor open.
      connection.database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA')
      connection.isSetUp = true
    }
    return connection
  }

  function transact<T>(mode: Mode, work: (transaction: Transaction) => T): T | null {
    const { database, statements } = connected(mode)
    // Each statement is prepared only once, because SQLite keeps it in memory until it is garbage collected.
    const prepared = (sql: string) => {
      const statement = statements.get(sql) ?? database.prepare(sql)
      statements.set(sql, statement)
      return statement
    }
    const run = (sql: string, ...values: SqlValues) => prepared(sql).run(...values).changes
    const all = (sql: string, ...values: SqlValues) => prepared(sql).all(...values) as Record<string, unknown>[]

    database.exec(mode === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
    try {
      const isNew = isEmptyFile(all, path)
      // We must not commit here, otherwise SQLite would write a header without our application id.
      if (isNew && mode !== 'create') return null
      if (isNew) database.exec(LAYOUT)
      const result = work({ isNew, run, all })
      database.exec('COMMIT')
      return result
    } finally {
      // We must also roll back after a failed commit: it leaves the transaction open if a reader was in its way.
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
        throw isBusy(error) ? error : explainFileError(error, path)
      }
    },
    close,
  }
}

/** A file is empty between its creation and its first commit. Throws `shape` if something else made the database. */
function isEmptyFile(all: Transaction['all'], path: string): boolean {
  const number = (sql: string) => Number(Object.values(all(sql)[0] ?? {})[0])
  const application = number('PRAGMA application_id')
  const layout = number('PRAGMA user_version')
  if (application === APPLICATION_ID && layout === LAYOUT_VERSION) return false
  if (application === 0 && number('SELECT count(*) FROM sqlite_master') === 0) return true
  if (application !== APPLICATION_ID) throw foreign(path)
  throw new LedgerError(
    'shape',
    layout < LAYOUT_VERSION
      ? `file ledger ${quote(path)} was made by an earlier cronledger, before its first release. Use another file.`
      : `a newer version of cronledger made file ledger ${quote(path)} (layout ${layout}). Update cronledger on this host or in this image.`,
  )
}

// When this process closes any descriptor of a file, it drops all POSIX locks that it holds on that file, including
// those of a transaction in another thread. SQLite knows this and closes its own descriptors at the right time. So only
// SQLite may open the ledger file. We must never open it with `openSync`, `readFileSync` or the like.

/**
 * Throws if the file is neither empty nor a ledger. An ordinary connection would recover or convert another program's
 * database. With `immutable`, it takes no lock, looks for no journal, and reads only page 1.
 */
function checkHeader(path: string, { size }: Stats): void {
  // SQLite also says that a file is not a database if its disk fails to read the first page. That may pass.
  const application = readApplicationId(path) ?? readApplicationId(path)
  const isEmpty = size === 0 && application === 0
  if (!isEmpty && application !== APPLICATION_ID) throw foreign(path)
}

/** Returns 0 for an empty file or a database without that number, and null for a file that is not a database. */
function readApplicationId(path: string): number | null {
  const probe = new Libsql(`file:${path.replace(/[%?#]/g, encodeURIComponent)}?mode=ro&immutable=1`)
  try {
    // Without this, SQLite compares the size in page 1 with the size of the file. The two differ while another process
    // commits.
    probe.exec('PRAGMA writable_schema = ON')
    const [row] = probe.prepare('PRAGMA application_id').all() as Record<string, number>[]
    return row?.['application_id'] ?? 0
  } catch (error) {
    if (isNotDatabase(error)) return null
    throw error
  } finally {
    probe.close()
  }
}

function foreign(path: string): LedgerError {
  return new LedgerError('shape', `${quote(path)} is not a cronledger file, and it was not changed. Use another path.`)
}

function findFile(path: string, make: boolean): Stats {
  const found = statSync(path, { throwIfNoEntry: false })
  // SQLite would make the target of a symbolic link, for example below a mount point where nothing is mounted.
  if (found === undefined && make && lstatSync(path, { throwIfNoEntry: false }) === undefined) makeFile(path)
  const stats = found ?? statSync(path)
  // Opening a pipe would wait for its other end.
  if (!stats.isFile()) throw new LedgerError('shape', `${quote(path)} is not a file. Use another path.`)
  return stats
}

/**
 * Throws if the file has more than one name. SQLite looks for the journal of a crash beside the name that it opens. A run
 * by another name would not find the journal and would write over it, and a later run by the first name would then roll
 * back slots that have completed since.
 */
function checkLinks(path: string, { nlink }: Stats): void {
  if (nlink <= 1) return
  throw new LedgerError(
    'shape',
    `file ledger ${quote(path)} has ${nlink} names (hard links). After a crash, its journal lies beside only one of them. If one name has a file with the ending -journal beside it, keep that name. Remove the others. To list them: find / -samefile ${quote(path)}`,
  )
}

/** Reasons and hosts are private. SQLite must make the file: closing a descriptor of ours could drop another's lock. */
function makeFile(path: string): void {
  new Libsql(path).close()
  try {
    chmodSync(path, 0o600)
  } catch {
    // A file system without modes, such as FAT, or a process of another user made the file first.
  }
}
