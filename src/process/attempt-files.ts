import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  opendirSync,
  openSync,
  readSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { errorCode, firstLine } from '../core/errors.ts'
import { MAX_REPORT_BYTES, readReport } from '../core/row/report.ts'
import type { Environment } from '../core/types.ts'

// The files in which the batch of an attempt says what it did. Only the user that runs cronledger can open their folder.

/** The variables of these files. Those of an outer run must not reach the batch. */
export const FILE_VARIABLES = ['CRONLEDGER_RUN_REPORT']

/** A batch may leave the temporary files from which it replaced one. More stay, with the folder. */
const MOST_REMOVED = 100

export interface AttemptFiles {
  /** The variables that name the files. */
  readonly variables: Environment
  /** Reads the report, once, after the end of the batch. Null: there is none. */
  readReport(): string | null
  remove(): void
}

/** Makes the files in `TMPDIR`. Without a folder that can be written, returns null after a warning. */
export function makeAttemptFiles(env: Environment, warn: (message: string) => void): AttemptFiles | null {
  const parent = env['TMPDIR'] || '/tmp'
  try {
    return filesIn(mkdtempSync(join(resolve(parent), 'cronledger-')), warn)
  } catch (error) {
    warn(`the batch has no file for a report, because none can be made: ${firstLine(error)}. Set TMPDIR to a folder.`)
    return null
  }
}

function filesIn(folder: string, warn: (message: string) => void): AttemptFiles {
  const report = join(folder, 'report')
  const made = openSync(report, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
  // On some network file systems, a file belongs to another user than the one who made it.
  const { uid } = fstatSync(made)
  closeSync(made)
  return {
    variables: { CRONLEDGER_RUN_REPORT: report },
    readReport() {
      try {
        const bytes = readOwn(report, uid, MAX_REPORT_BYTES + 1)
        return bytes === null ? null : readReport(bytes)
      } catch (error) {
        warn(`the report of the batch was not read: ${firstLine(error)}`)
        return null
      }
    },
    remove: () => removeFolder(folder),
  }
}

/**
 * Returns the first bytes of a regular file of `uid`, or null if there is none. Never waits, and follows no link: the batch
 * may have put anything there. Throws if it is something else, or cannot be read.
 */
function readOwn(path: string, uid: number, most: number): Uint8Array | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
  let file: number
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw errorCode(error) === 'ELOOP' ? new Error(`${path} is a symbolic link`) : error
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error(`${path} is not a regular file`)
    if (found.uid !== uid) throw new Error(`${path} belongs to another user`)
    const bytes = new Uint8Array(most)
    return bytes.subarray(0, readSync(file, bytes, 0, most, 0))
  } finally {
    closeSync(file)
  }
}

/** Removes the files of the folder, and the folder unless something else is in it. */
function removeFolder(folder: string): void {
  try {
    const entries = opendirSync(folder)
    const names: string[] = []
    for (let entry = entries.readSync(); entry !== null && names.length < MOST_REMOVED; entry = entries.readSync())
      names.push(entry.name)
    entries.closeSync()
    for (const name of names) unlinkSync(join(folder, name))
    rmdirSync(folder)
  } catch {
    // The batch may have removed it, or left a folder in it. What is left is small, and only this user can open it.
  }
}
