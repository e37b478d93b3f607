import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { errorCode, firstLine } from '../core/errors.ts'
import { checkpointReader, MAX_CHECKPOINT_BYTES } from '../core/row/checkpoint.ts'
import { keptReport, MAX_REPORT_BYTES } from '../core/row/report.ts'
import type { Environment } from '../core/types.ts'

// The files in which the batch of an attempt says what it did, and where the next attempt of its slot can go on. Only the
// user that runs cronledger can open their folder.

/** The variables of these files. Those of an outer run must not reach the batch. */
export const FILE_VARIABLES = ['CRONLEDGER_RUN_REPORT', 'CRONLEDGER_RUN_CHECKPOINT']

const REPORT = 'report'
const CHECKPOINT = 'checkpoint'
/** A batch may leave the temporary files from which it replaced one. More stay, with the folder. */
const MOST_REMOVED = 100

export interface AttemptFiles {
  readonly variables: Environment
  /** Reads the checkpoint. Null: there is none. Undefined: it cannot be kept, and the first time there is a warning. */
  readCheckpoint(): string | null | undefined
  /** Removes the files after the end of the batch, and returns its report. Null: there is none. */
  end(): string | null
}

interface FilesOf {
  readonly checkpoint: string | null
  warn(message: string): void
}

/** Makes the files in `TMPDIR`. Without a folder that can be written, returns null after a warning. */
export function makeAttemptFiles(env: Environment, attempt: FilesOf): AttemptFiles | null {
  const parent = env['TMPDIR'] || '/tmp'
  try {
    return filesIn(mkdtempSync(join(resolve(parent), 'cronledger-run-')), attempt)
  } catch (error) {
    const why = firstLine(error)
    attempt.warn(
      `the batch has no files for a report and a checkpoint, because they cannot be made: ${why}. Set TMPDIR to a folder that this user can write to.`,
    )
    return null
  }
}

function filesIn(path: string, { checkpoint: left, warn }: FilesOf): AttemptFiles {
  const folder = openFolder(path)
  const [report, checkpoint] = [folder.fileAt(REPORT), folder.fileAt(CHECKPOINT)]
  const uid = makeFile(report, '')
  if (left !== null) makeFile(checkpoint, left)
  const read = checkpointReader(warn)
  let readLast = () => read(() => readOwn(checkpoint, uid, MAX_CHECKPOINT_BYTES + 1))
  return {
    variables: { CRONLEDGER_RUN_REPORT: join(path, REPORT), CRONLEDGER_RUN_CHECKPOINT: join(path, CHECKPOINT) },
    readCheckpoint: () => readLast(),
    end() {
      const last = readLast()
      readLast = () => last
      try {
        const bytes = readOwn(report, uid, MAX_REPORT_BYTES + 1)
        return bytes === null ? null : keptReport(bytes)
      } catch (error) {
        warn(`the report of the batch was not read: ${firstLine(error)}`)
        return null
      } finally {
        if (!folder.remove()) {
          warn(
            `${path} is not the folder that was made for the report of the batch any more, so nothing in it was removed`,
          )
        }
      }
    },
  }
}

/**
 * Opens the folder that was just made. While the batch runs, a user who may write to its parent can replace it
 * by a link to another folder, so its files are reached through the open folder.
 */
function openFolder(path: string) {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants
  const file = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  // Node has no `openat` and no `unlinkat`. Without /proc, as on macOS, a path is all that there is.
  const opened = `/proc/self/fd/${file}`
  const inside = existsSync(opened) ? opened : path
  return {
    fileAt: (name: string) => join(inside, name),
    /** Removes its files and the folder, which stays if there is more in it. Returns false if another one is in its place. */
    remove(): boolean {
      try {
        if (!isSame(lstatSync(path), fstatSync(file))) return false
        const names = inside === path ? [REPORT, CHECKPOINT] : readdirSync(inside).slice(0, MOST_REMOVED)
        for (const name of names) unlinkSync(join(inside, name))
        rmdirSync(path)
      } catch {
        // The batch may have removed it, or left something in it. What is left is small, and only this user can open it.
      } finally {
        closeSync(file)
      }
      return true
    },
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino
}

/** Returns the owner of the new file. On some network file systems, that is not the user who made it. */
function makeFile(path: string, content: string): number {
  const file = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  try {
    writeFileSync(file, content)
    return fstatSync(file).uid
  } finally {
    closeSync(file)
  }
}

/** Never waits, and follows no link: the batch may have put anything there. */
function readOwn(path: string, uid: number, most: number): Uint8Array | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
  let file: number
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw errorCode(error) === 'ELOOP' ? new Error('it is a symbolic link') : error
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.uid !== uid) throw new Error('it belongs to another user')
    const bytes = new Uint8Array(most)
    return bytes.subarray(0, readSync(file, bytes, 0, most, 0))
  } finally {
    closeSync(file)
  }
}
