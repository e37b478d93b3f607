import { resolve } from 'node:path'
import Libsql from 'libsql'
import { firstLine, LedgerError, quote } from '../../core/errors.ts'
import { checkDescriptors } from '../descriptors.ts'
import { explainFileError, isBusy } from './errors.ts'
import { APPLICATION_ID, checkHeader, checkLinks, findFile, foreign } from './header.ts'

/** In layout 1, which no release wrote, the entries had other kinds. */
const LAYOUT_VERSION = 2

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
