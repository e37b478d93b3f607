import { randomUUID } from 'node:crypto'
import { closeSync, linkSync, openSync, rmSync, type Stats, statSync } from 'node:fs'
import Libsql from 'libsql'
import { LedgerError } from '../../core/errors.ts'
import { quote } from '../../core/problem.ts'
import { hasCode, isNotDatabase } from './errors.ts'

// Every descriptor of a file that this process closes drops all POSIX locks that the process holds on it, those of a
// transaction in another thread included. SQLite knows this and closes its own descriptors at the right time. So the
// ledger file is opened by SQLite only: never by `openSync`, `readFileSync` or the like.

/** `CRLG`: SQLite keeps it in the file's header, where `file` and other programs can tell whose database it is. */
export const APPLICATION_ID = 0x43524c47

/**
 * Throws where the file is neither empty nor a ledger, and leaves it as it is. An ordinary connection would recover or
 * convert another program's database. This one takes the file as one that never changes (`immutable`): it takes no lock,
 * looks for no journal, and reads page 1 only.
 */
export function checkHeader(path: string, { size }: Stats): void {
  const application = readApplicationId(path)
  const isEmpty = size === 0 && application === 0
  if (!isEmpty && application !== APPLICATION_ID) throw foreign(path)
}

/** Returns 0 for an empty file and for a database without that number, null for a file that is not a database. */
function readApplicationId(path: string): number | null {
  const probe = new Libsql(`file:${encodePath(path)}?mode=ro&immutable=1`)
  try {
    // Without it, SQLite compares the size in page 1 with the file's, which differ while another process commits.
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

/** The characters that have a meaning in SQLite's file names of the form `file:…`. */
function encodePath(path: string): string {
  return path.replace(/[%?#]/g, encodeURIComponent)
}

export function foreign(path: string): LedgerError {
  return new LedgerError('shape', `${quote(path)} is not a cronledger file and was left as it is. Name another path`)
}

/** Returns the stats of the file, which is made first where it is missing and `make` is set. */
export function findFile(path: string, make: boolean): Stats {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined && make) makeFile(path)
  const stats = found ?? statSync(path)
  // Opening a pipe would wait for its other end.
  if (!stats.isFile()) throw new LedgerError('shape', `${quote(path)} is not a file. Name another path`)
  return stats
}

/**
 * Makes an empty file for its owner only, since reasons and hosts are not for others. SQLite gives its journal the same
 * mode. The file gets its name after it was closed, otherwise another thread could hold a lock on it by then.
 */
function makeFile(path: string): void {
  const draft = `${path}-draft-${randomUUID()}`
  closeSync(openSync(draft, 'wx', 0o600))
  try {
    linkSync(draft, path)
  } catch (error) {
    if (hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) {
      // A file system without hard links, such as FAT, which has no modes either: SQLite may make the file.
      new Libsql(path).close()
      return
    }
    // Another process was first.
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    rmSync(draft, { force: true })
  }
}
