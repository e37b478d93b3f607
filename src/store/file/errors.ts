import { randomUUID } from 'node:crypto'
import { accessSync, closeSync, constants, existsSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode, firstLine, LedgerError, quote } from '../../core/errors.ts'
import { noDescriptors } from '../descriptors.ts'

// The numbers below are primary result codes of sqlite3.h. These two are BUSY and LOCKED.
const BUSY: ReadonlySet<number> = new Set([5, 6])
/** PERM, READONLY and AUTH. */
const DENIED_CODES: ReadonlySet<number> = new Set([3, 8, 23])
/** The file or its journal could not be opened. SQLite does not say why. */
const CANTOPEN = 14
/**
 * ERROR (of a statement, for example because a table is missing), CORRUPT and NOTADB. SQLite says CORRUPT or NOTADB also if
 * the disk fails to read a page (EIO).
 */
const DAMAGED: ReadonlySet<number> = new Set([1, 11, 26])
const NOTADB = 26
const FULL = 13

/** Returns whether another process holds the lock. The same call may succeed a moment later. */
export function isBusy(error: unknown): boolean {
  return BUSY.has(sqliteCode(error))
}

/** Returns whether the file has content that SQLite does not read as a database. */
export function isNotDatabase(error: unknown): boolean {
  return sqliteCode(error) === NOTADB
}

/**
 * Turns an error of SQLite or of the file system into a `LedgerError`. Any other error is a bug and is returned
 * unchanged.
 */
export function explainFileError(error: unknown, path: string): unknown {
  if (error instanceof LedgerError) return error
  const make = (kind: LedgerError['kind'], text: string) => new LedgerError(kind, text, { cause: error })
  const name = `file ledger ${quote(path)}`
  const why = firstLine(error)
  const code = sqliteCode(error)
  const short = noDescriptors(error)
  if (short !== null) return short
  if (code === CANTOPEN) {
    const reason = whyNotOpened(path)
    if (reason !== null) return explainFileError(reason, path)
  }
  if (code === 0 && !isSystemError(error)) return error
  if (hasCode(error, 'ENOENT')) {
    const folder = dirname(path)
    if (!existsSync(folder))
      return make('shape', `the folder of ${name} does not exist. Create it: mkdir -p ${quote(folder)}`)
    return make(
      'shape',
      `${name} does not exist. The first run creates it, or create it now: cronledger setup --store file:${path}`,
    )
  }
  if (hasCode(error, 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'))
    return make('shape', `${name} is not a valid path (${why}). Use another path.`)
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS') || code === CANTOPEN || DENIED_CODES.has(code)) {
    return make(
      'denied',
      `${name} cannot be opened or written (${why}). This user must be able to write the file and its folder.`,
    )
  }
  if (DAMAGED.has(code)) {
    return make(
      'shape',
      `${name} is damaged or cannot be read (${why}). Check its disk. If the file is damaged, restore a backup: slots that it does not have would run again.`,
    )
  }
  if (code === FULL || hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return make('unreachable', `${name} cannot be written (${why}). Free some space on its disk.`)
  }
  return make('unreachable', `${name} cannot be read or written (${why}). Check its disk.`)
}

/**
 * Finds out why SQLite could not open the file or make its journal. Returns null if it finds no reason. We must not
 * open the ledger file itself here, otherwise closing it would drop the locks that this process holds on it.
 */
function whyNotOpened(path: string): unknown {
  const folder = dirname(path)
  // In containers, another process may have the same pid.
  const trial = `${path}-trial-${randomUUID()}`
  try {
    closeSync(openSync('/dev/null', 'r'))
    accessSync(path, constants.R_OK)
    accessSync(folder, constants.W_OK | constants.X_OK)
    closeSync(openSync(trial, 'wx', 0o600))
    rmSync(trial)
    return null
  } catch (error) {
    return error
  }
}

function sqliteCode(error: unknown): number {
  if (!(error instanceof Error)) return 0
  if ('rawCode' in error && typeof error.rawCode === 'number') return error.rawCode & 0xff
  // If a connection fails to open, the text of its error is the only place that has the code.
  const opening = /^ConnectionFailed\(.*: (\d+)"\)$/.exec(error.message)
  return opening === null ? 0 : Number(opening[1]) & 0xff
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorCode(error) ?? '')
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
