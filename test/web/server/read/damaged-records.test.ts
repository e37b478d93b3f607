import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFileDatabase } from '../../../../src/store/file/database.ts'
import { scratch } from '../../../support/cli.ts'
import { fillFile } from '../../../support/pages/ledger.ts'
import { type Served, serve, WHOLE } from '../../../support/pages/serve.ts'

const path = join(scratch(), 'ledger.db')
const store = `file:${path}`
/** Each of these tasks has one slot that failed. */
const TASKS = ['alpha', 'beta', 'delta', 'gamma']
const NEWER = /task beta: a newer version of cronledger wrote the record of task beta/
let served: Served

// A newer version on one host has already written the record of `beta`, and that of `delta` is damaged.
beforeAll(async () => {
  const spec = { expression: '0 * * * *', zone: 'UTC' }
  await fillFile(
    path,
    TASKS.map((task) => ({ task, spec, count: 1, fateOf: () => 'failed' })),
    Date.now(),
  )
  const database = openFileDatabase(path)
  database.transact('write', ({ run }) => {
    run(`UPDATE entries SET document = json_set(document, '$.schemaVersion', 99) WHERE task = 'beta'`)
    run(`UPDATE entries SET document = json_set(document, '$.schedules', 1) WHERE task = 'delta'`)
  })
  database.close()
  served = await serve(store)
})
afterAll(() => served.stop())

const page = async (address: string) => {
  const answer = await fetch(new URL(address, served.url), WHOLE)
  return { status: answer.status, text: await answer.text() }
}

test('a record that cannot be read hides no other task, and is named', async () => {
  const { status, text } = await page('/')
  expect(status).toBe(200)
  expect([...text.matchAll(/data-task="(\w+)"/g)].map(([, task]) => task)).toEqual(['alpha', 'gamma'])
  expect(text).toContain('>At least 2 slots need attention<')
  expect(text).toMatch(NEWER)
  expect(text).toContain('and 1 more task')
  expect((await page('/needs')).text).toMatch(/task delta: .* is damaged/)
})

test('the page of another task, and of one that does not exist, are as usual', async () => {
  expect((await page('/task?task=alpha')).status).toBe(200)
  expect((await page('/task?task=alpa')).status).toBe(404)
  expect((await page('/task?task=beta')).text).toContain('a newer version of cronledger wrote the record of task beta')
})
