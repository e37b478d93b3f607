import { chmodSync, lstatSync, type Stats, statSync } from 'node:fs'
import Libsql from 'libsql'
import { LedgerError, quote } from '../../core/errors.ts'
import { isNotDatabase } from './errors.ts'

// When this process closes any descriptor of a file, it drops all POSIX locks that it holds on that file, including
// those of a transaction in another thread. SQLite knows this and closes its own descriptors at the right time. So only
// SQLite may open the ledger file. We must never open it with `openSync`, `readFileSync` or the like.

/** The bytes `CRLG` in the header, where `file` and other programs can see whose database it is. */
export const APPLICATION_ID = 0x43524c47

/**
 * Throws if the file is neither empty nor a ledger. An ordinary connection would recover or convert another program's
 * database. With `immutable`, it takes no lock, looks for no journal, and reads only page 1.
 */
export function checkHeader(path: string, { size }: Stats): void {
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

export function foreign(path: string): LedgerError {
  return new LedgerError('shape', `${quote(path)} is not a cronledger file, and it was not changed. Use another path.`)
}

export function findFile(path: string, make: boolean): Stats {
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
export function checkLinks(path: string, { nlink }: Stats): void {
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
