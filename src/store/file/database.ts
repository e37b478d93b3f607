import { resolve } from 'node:path'
import Libsql from 'libsql'
import { firstLine, LedgerError } from '../../core/errors.ts'
import { quote } from '../../core/problem.ts'
import { checkDescriptors } from '../descriptors.ts'
import { explainFileError, isBusy } from './errors.ts'
import { APPLICATION_ID, checkHeader, findFile, foreign } from './header.ts'

const LAYOUT_VERSION = 1

/**
 * How long SQLite itself may wait for a lock. It waits without the event loop, on which heartbeats and signals depend;
 * the real waiting is the caller's, between tries. Not 0, so that a commit outlasts a reader.
 */
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
    // The working directory of this process was deleted.
    throw new LedgerError('shape', `file ledger ${quote(name)}: its folder does not exist (${firstLine(error)})`)
  }
}

/** A ledger file, opened by the first call. Every call is synchronous. Throws `LedgerError`, or what `isBusy` knows. */
export function openFileDatabase(name: string): FileDatabase {
  // Absolute, since libsql takes `http:…` and the like for the address of a server.
  const path = absolute(name)
  let connection: Connection | null = null

  /** The connection to the file that has the path now: writes to a deleted or replaced one would be lost. */
  function connected(mode: Mode): Connection {
    const stats = findFile(path, mode === 'create')
    // Tells this file from every other one, also from an earlier one of that name.
    const file = `${stats.dev}:${stats.ino}`
    if (connection?.file === file) return connection
    close()
    checkDescriptors()
    checkHeader(path, stats)
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
        throw isBusy(error) ? error : explainFileError(error, path)
      }
    },
    close,
  }
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
