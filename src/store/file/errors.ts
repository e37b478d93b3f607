import { randomUUID } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { constants as system } from 'node:os'
import { dirname } from 'node:path'
import { errorCode, firstLine, LedgerError, quote } from '../../core/errors.ts'
import { noDescriptors } from '../descriptors.ts'

// The numbers below are primary result codes of sqlite3.h. These two are BUSY and LOCKED.
const BUSY: ReadonlySet<number> = new Set([5, 6])
const DENIED_CODES: ReadonlySet<number> = new Set([3, 8, 23])
/** The file or its journal could not be opened. SQLite does not say why. */
const CANTOPEN = 14
/** ERROR (of a statement), CORRUPT and NOTADB. SQLite says the last two also if the disk fails to read a page (EIO). */
const DAMAGED: ReadonlySet<number> = new Set([1, 11, 26])
const NOTADB = 26
const FULL = 13
const IOERR = 10
/** SQLite says only in general what is wrong. A trial of the same call may say why. */
const VAGUE: ReadonlySet<number> = new Set([8, IOERR, CANTOPEN])

export function isBusy(error: unknown): boolean {
  return BUSY.has(sqliteCode(error))
}

export function isNotDatabase(error: unknown): boolean {
  return sqliteCode(error) === NOTADB
}

/** An error that is not of SQLite or of the file system is a bug, and is returned unchanged. */
export function explainFileError(error: unknown, path: string): unknown {
  if (error instanceof LedgerError) return error
  // SQLite says FULL before the end of a transaction, which is then rolled back.
  const changedNothing = sqliteCode(error) === FULL
  const make = (kind: LedgerError['kind'], text: string) =>
    new LedgerError(kind, text, { cause: error, changedNothing })
  const name = `file ledger ${quote(path)}`
  // The user never made the file of a trial.
  const why = firstLine(error).replace(/, \w+ '.*-trial-.*/, '')
  const code = sqliteCode(error)
  const short = noDescriptors(error)
  if (short !== null) return short
  if (VAGUE.has(code)) {
    const reason = whyNotWritten(path)
    if (reason !== null) return explainFileError(reason, path)
  }
  if (code === 0 && !(error instanceof Error && 'syscall' in error)) return error
  if (hasCode(error, 'ENOENT')) return whatIsMissing(name, path, error)
  if (hasCode(error, 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'))
    return make('shape', `${name} is not a valid path (${why}). Use another path.`)
  if (hasCode(error, 'EROFS')) {
    return make(
      'denied',
      `${name} cannot be written, because its file system is read-only. Mount it for writing, or use another path.`,
    )
  }
  if (hasCode(error, 'EACCES', 'EPERM') || code === CANTOPEN || DENIED_CODES.has(code)) {
    const owner = otherOwnerOf(path)
    return make(
      'denied',
      owner === null
        ? `${name} cannot be opened or written (${why}). This user must be able to write the file and its folder.`
        : `${name} belongs to ${owner}, and this user has no access to it. Run the command as ${owner}, for example: sudo -u ${owner} cronledger check --store file:${path}`,
    )
  }
  if (DAMAGED.has(code)) {
    return make(
      'shape',
      `${name} is damaged or cannot be read (${why}). Check its disk. If the file is damaged, restore a backup: slots that it does not have would run again.`,
    )
  }
  if (isOverQuota(error)) {
    return make(
      'unreachable',
      `${name} cannot be written, because the disk quota is used up. Raise the quota, or remove files of its user or project.`,
    )
  }
  if (code === FULL || hasCode(error, 'ENOSPC')) {
    return make('unreachable', `${name} cannot be written (${why}). Free some space, or inodes (df -i), on its disk.`)
  }
  return make('unreachable', `${name} cannot be read or written (${why}). Check its disk.`)
}

function whatIsMissing(name: string, path: string, cause: unknown): LedgerError {
  const make = (text: string) => new LedgerError('shape', text, { cause })
  const folder = dirname(path)
  if (!existsSync(folder)) return make(`the folder of ${name} does not exist. Create it: mkdir -p ${quote(folder)}`)
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    const target = quote(readlinkSync(path))
    return make(
      `${name} is a symbolic link to ${target}, which does not exist. Correct the link, or use the path of the file itself.`,
    )
  }
  return make(
    `${name} does not exist. If it existed before, restore it, because a new ledger does not know what has run. Otherwise create it: cronledger setup --store file:${path}`,
  )
}

/** Returns the name of the user to whom the file belongs, or null if that is this user, or if there is no file. */
function otherOwnerOf(path: string): string | null {
  try {
    const { uid } = statSync(path)
    if (uid === process.getuid?.()) return null
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    return lines.map((line) => line.split(':')).find(([, , id]) => id === String(uid))?.[0] ?? `'#${uid}'`
  } catch (error) {
    // A folder of another user may hide the file.
    return hasCode(error, 'EACCES') && path !== '/' ? otherOwnerOf(dirname(path)) : null
  }
}

function isOverQuota(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === -system.errno.EDQUOT
}

/** SQLite's smallest write is a page, and the limit of a disk may let less pass. */
const PAGE = Buffer.alloc(4_096)

/** Returns null if no reason is found. We must not open the ledger itself: closing it would drop locks of this process. */
function whyNotWritten(path: string): unknown {
  const folder = dirname(path)
  // In containers, another process may have the same pid.
  const trial = `${path}-trial-${randomUUID()}`
  try {
    closeSync(openSync('/dev/null', 'r'))
    accessSync(folder, constants.W_OK | constants.X_OK)
    const isMissing = !existsSync(path)
    if (!isMissing) accessSync(path, constants.R_OK | constants.W_OK)
    const descriptor = openTrial(trial)
    try {
      writeSync(descriptor, PAGE, 0, PAGE.length, 0)
    } finally {
      closeSync(descriptor)
      rmSync(trial)
    }
    if (isMissing) accessSync(path)
    return null
  } catch (error) {
    return error
  }
}

function openTrial(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    // The folder is that of a system, such as /proc.
    throw new LedgerError('shape', `no file can be made in ${quote(dirname(path))}. Use another folder.`)
  }
}

function sqliteCode(error: unknown): number {
  if (!(error instanceof Error)) return 0
  if ('rawCode' in error && typeof error.rawCode === 'number') return error.rawCode & 0xff
  // If a connection fails to open, the text of its error is the only place that has the code.
  const opening = /^ConnectionFailed\(.*: (\d+)"\)$/.exec(error.message)
  return opening === null ? 0 : Number(opening[1]) & 0xff
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorCode(error) ?? '')
}
