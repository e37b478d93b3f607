import Libsql from 'libsql'
import { expect, test } from 'vitest'
import { openFileStore } from '../../src/store/file/file-store.ts'
import { putFailed } from '../store/contract.ts'
import { cronledger, scratch } from '../support/cli.ts'
import { startOfToday } from '../support/today.ts'

const DAY_MS = 86_400_000
/** The only slot of each task. */
const SLOT = startOfToday() - DAY_MS
const folder = scratch()

/** Makes a ledger with one failed slot of each of `a` to `g`, and changes it with `sql`. Returns its `--store`. */
async function ledgerWith(name: string, ...sql: readonly string[]): Promise<string> {
  const path = `${folder}/${name}.db`
  const store = openFileStore(path)
  await putFailed(store, 'abcdefg', SLOT)
  store.close()
  const database = new Libsql(path)
  for (const one of sql) expect(database.prepare(one).run().changes).toBeGreaterThan(0)
  database.close()
  return `file:${path}`
}

const check = (store: string, ...more: readonly string[]) =>
  cronledger(['check', '--store', store, '--since', '3d', ...more])
const failedTasks = (stdout: string) => /^failed.*\n {2}(.*)$/m.exec(stdout)?.[1]?.split(', ') ?? []

const DAMAGED_ROW = "UPDATE rows SET document = '{}' WHERE task = 'd'"
const DAMAGED_RECORD = `UPDATE entries SET document = '{"schedules":1}' WHERE task = 'b'`

// promise: many-tasks
test('a row that cannot be read is a finding, in check, history, show and JSON', async () => {
  const store = await ledgerWith('row', DAMAGED_ROW)
  const { code, stdout, stderr } = await check(store)
  expect(failedTasks(stdout)).toEqual(['a', 'b', 'c', 'e', 'f', 'g'])
  expect(stdout).toMatch(/^unknown · d · .*\n +row d .* is damaged: schemaVersion is missing, /m)
  expect(stdout).toMatch(/^7 slots need attention: 6 failed, 1 unknown$/m)
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  const [found] = JSON.parse((await check(store, '--task', 'd', '--json')).stdout)
  expect(found).toMatchObject({ kind: 'unknown', status: 'unknown', work: 'unknown', nextTrigger: 'refused' })
  const ofTask = ['--store', store, '--task', 'd']
  const shown = await cronledger(['show', ...ofTask, '--slot', new Date(SLOT).toISOString(), '--json'])
  const { happened, caution } = found
  expect(JSON.parse(shown.stdout)).toMatchObject({
    status: 'unknown',
    work: 'unknown',
    happened,
    caution,
    damage: `${happened}.`,
  })
  const history = await cronledger(['history', ...ofTask, '--format', 'ndjson'])
  expect(JSON.parse(history.stdout)).toMatchObject({ status: 'unknown', damage: `${happened}.` })
})

test('a trigger for a row that cannot be read starts nothing, and says what show says', async () => {
  const store = await ledgerWith('trigger', DAMAGED_ROW)
  const at = new Date(SLOT).toISOString()
  const schedule = ['--schedule', '@daily', '--event-time', at, '--log', 'text']
  const { code, stdout, stderr } = await cronledger([
    'run',
    'd',
    '--store',
    store,
    ...schedule,
    '--',
    'echo',
    'started',
  ])
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
  expect(stderr).toMatch(/not started: row d \S+ is damaged: schemaVersion is missing/)
  expect(stderr).toContain('Its batch may have run: look at its log and at the data before you run it.')
  expect(stderr).toMatch(/^ +see what is wrong: +cronledger show /m)
  expect(stderr).not.toMatch(/force-slot|setup --check/)
})

test('check names all tasks whose records cannot be read', async () => {
  const store = await ledgerWith('records', DAMAGED_RECORD, DAMAGED_RECORD.replace("'b'", "'d'"))
  const { code, stdout, stderr } = await check(store)
  expect(failedTasks(stdout)).toEqual(['a', 'c', 'e', 'f', 'g'])
  expect(stderr).toMatch(/^cronledger: task b could not be checked completely: .+\. Nor could 1 other task: d\.\n$/)
  expect(code).toBe(78)
  // The JSON is a whole array.
  const json = await check(store, '--json')
  expect(JSON.parse(json.stdout).map(({ task }: { task: string }) => task)).toEqual(['a', 'c', 'e', 'f', 'g'])
  expect(json).toMatchObject({ code, stderr })
})

test('check names the task whose record is not JSON, and shows a row that is not', async () => {
  const cut = [
    `UPDATE entries SET document = 'cut off' WHERE task = 'b'`,
    `UPDATE rows SET document = 'cut off' WHERE task = 'd'`,
  ]
  const { code, stdout, stderr } = await check(await ledgerWith('cut', ...cut))
  expect(failedTasks(stdout)).toEqual(['a', 'c', 'e', 'f', 'g'])
  expect(stdout).toMatch(/^unknown · d · .*\n.* is damaged: all of it is "cut off", but must be an object/m)
  expect(stderr).toBe(
    'cronledger: task b could not be checked completely: the record of task b is damaged: all of it is "cut off", but must be an object. Correct it in the ledger.\n',
  )
  expect(code).toBe(78)
})

// As after a run that died between its claim and the record of its task.
test('a task that has a row of yesterday and no record is in check, tasks and the repair of all', async () => {
  const store = await ledgerWith('unlisted', "DELETE FROM entries WHERE task = 'b'")
  expect(failedTasks((await check(store)).stdout)).toEqual([...'abcdefg'])
  const tasks = await cronledger(['tasks', '--store', store, '--json'])
  expect(JSON.parse(tasks.stdout)).toContainEqual(expect.objectContaining({ task: 'b', schedule: null }))
  const plan = await cronledger(['rerun', '--store', store, '--all', '--from', '3d', '--dry-run', '--json', '--', 'x'])
  expect(plan.stdout).toContain('"task":"b"')
})

test('check does not say that it found no problems if a task cannot be read', async () => {
  const store = await ledgerWith('quiet', DAMAGED_RECORD)
  for (const format of ['text', 'json']) {
    const { code, stdout } = await cronledger(['check', '--store', store, '--since', '1m', '--format', format])
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
  }
})
