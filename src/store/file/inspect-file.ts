import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { quote } from '../../core/errors.ts'
import { look, notOk, ok, type SetupFinding, wrong } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { type FileDatabase, openFileDatabase } from './database.ts'
import { checkPlace, placeKind } from './file-system.ts'
import { untilUnlocked } from './lock-wait.ts'

const OTHERS = 0o077

export async function* inspectFile(given: string, call: CallOptions): AsyncGenerator<SetupFinding> {
  // As a run does. The system itself would not follow `missing/../ledger.db`.
  const path = resolve(given)
  const place = await look('disk', () => checkPlace(path)[0] ?? `not a shared file system (type ${placeKind(path)})`)
  yield place
  // We must not open a file where it must not be used.
  if (place.wrong !== null) return

  const database = openFileDatabase(path)
  let what = 'file'
  try {
    const isEmpty = (await untilUnlocked(path, call, () => database.transact('read', () => true))) === null
    const empty = `${quote(path)} is empty. Make it a ledger: cronledger setup --store file:${path}`
    yield isEmpty ? notOk('file', 'shape', empty) : ok('file', 'a ledger of this version')
    const mode = statSync(path).mode & 0o777
    const shown = mode.toString(8)
    const open = `other users have access to ${quote(path)} (${shown}). Remove it: chmod 600 ${quote(path)}`
    // Reasons and hosts are private.
    const isPrivate = (mode & OTHERS) === 0
    yield isPrivate ? ok('permissions', `only its owner has access (${shown})`) : notOk('permissions', 'usage', open)
    what = 'writing'
    await untilUnlocked(path, call, () => tryToWrite(database))
    yield ok('writing', 'a page was written and rolled back')
  } catch (error) {
    yield wrong(what, error)
  } finally {
    database.close()
  }
}

const ROLL_BACK = new Error('rolled back')

/** Writes a page into the journal and rolls it back. On a full disk, the lock alone would still be free. */
function tryToWrite(database: FileDatabase): void {
  try {
    database.transact('write', ({ run }) => {
      run('PRAGMA user_version = 0')
      throw ROLL_BACK
    })
  } catch (error) {
    if (error !== ROLL_BACK) throw error
  }
}
