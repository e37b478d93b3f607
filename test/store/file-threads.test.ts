import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import Libsql from 'libsql'
import { expect, test } from 'vitest'
import { openFileStore } from '../../src/store/file/file-store.ts'
import { scratch } from '../support/cli.ts'

const THREADS = new URL('../support/processes/threads.mjs', import.meta.url)
const folder = scratch()

async function writers(path: string, name: string, threads: number, calls: number) {
  const child = fork(THREADS, [path, name, threads, calls].map(String), { execArgv: [] })
  await once(child, 'message')
  return async () => {
    const answered = once(child, 'message')
    child.send('go')
    const [errors] = await answered
    return errors as (string | null)[]
  }
}

// promise: file-threads
test('worker threads that open one file ledger for each call, beside another process, leave it whole', async () => {
  const path = join(folder, 'ledger.db')
  const calls = 80
  const starts = await Promise.all([writers(path, 'a', 3, calls), writers(path, 'b', 1, calls)])
  const errors = (await Promise.all(starts.map((start) => start()))).flat()
  expect(errors).toEqual([null, null, null, null])

  const database = new Libsql(path)
  expect(database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  expect(database.prepare('SELECT count(*) AS entries FROM entries').get()).toMatchObject({ entries: 4 * calls })
  database.close()
  const store = openFileStore(path)
  const key = { kind: '#task', task: `b-0-${calls - 1}` } as const
  expect(await store.readEntry(key, { signal: AbortSignal.timeout(120_000) })).toMatchObject({ version: 1 })
  store.close()
})
