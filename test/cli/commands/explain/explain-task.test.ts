// What `explain` says of a task that the ledger knows. What it says of a schedule is in explain.test.ts.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EMPTY_TASK_RECORD } from '../../../../src/core/task/task-record.ts'
import { writeRecord } from '../../../../src/run/task/task-record.ts'
import { openFileStore } from '../../../../src/store/file/file-store.ts'
import { cronledger, type Loose, scratch } from '../../../support/cli.ts'

const folder = scratch()
let count = 0

const TOKYO = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
const MOVED = ['--schedule', '30 4 * * *', '--timezone', 'Asia/Tokyo']
const FORCE = ['--force-slot', '2026-01-06', '--reason', 'by hand', '--', 'true']

function ledger() {
  const path = join(folder, `ledger-${++count}.db`)
  const env: Readonly<Record<string, string>> = {
    CRONLEDGER_STORE: `file:${path}`,
    CRONLEDGER_LOG: 'json',
  }
  const call = async (...args: string[]) => {
    const ended = await cronledger(args, { env })
    expect({ args, code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 })
    return ended
  }
  return {
    path,
    env,
    call,
    run: (eventTime: string, schedule: readonly string[] = TOKYO) =>
      call('run', '--task', 'nightly', ...schedule, '--event-time', eventTime, '--', 'true'),
    fails: (...args: string[]) => cronledger(['explain', ...args], { env }),
    json: async (...args: string[]): Promise<Loose> =>
      JSON.parse((await call('explain', 'nightly', '--json', ...args)).stdout),
  }
}

test('the schedule of a task is the recorded one that was in force at the slot of --at', async () => {
  const { run, json } = ledger()
  await run('2026-01-05T18:00:05Z')
  await run('2026-01-07T19:30:05Z', MOVED)
  const expressionAt = async (...at: string[]) => (await json(...at))['schedule'].expression
  expect(await expressionAt()).toBe('30 4 * * *')
  expect(await expressionAt('--at', '2026-01-08T04:30')).toBe('30 4 * * *')
  // The new schedule has a slot a day before, but it was not yet in force there.
  expect(await expressionAt('--at', '2026-01-08T04:29')).toBe('0 3 * * *')
  // By the tolerance, this time belongs to the first slot of the new schedule.
  expect(await expressionAt('--at', '2026-01-07T19:29:50Z')).toBe('30 4 * * *')
  expect(await expressionAt('--at', '2025-01-01')).toBe('0 3 * * *')
})

test('the schedule of a task is that of a forced run, if it was the first one of the task', async () => {
  const { call, json } = ledger()
  await call('run', '--task', 'nightly', ...TOKYO, ...FORCE)
  expect(await json('--at', '2026-01-08')).toMatchObject({ schedule: { zone: 'Asia/Tokyo' } })
})

test('the schedule of a task is that of the newest row, if none is on record', async () => {
  const { path, call, json, fails } = ledger()
  await call('setup')
  // As after a forced run of an earlier version, which recorded only the name of the task.
  const store = openFileStore(path)
  await writeRecord('nightly', EMPTY_TASK_RECORD, 'absent', store, { signal: new AbortController().signal })
  store.close()
  await call('run', '--task', 'nightly', ...TOKYO, ...FORCE)
  expect(await json('--at', '2026-01-08')).toMatchObject({ schedule: { zone: 'Asia/Tokyo' } })
  expect(await fails('nigthly')).toMatchObject({ code: 64, stdout: '' })
})

test('the ledger is not read for a task that only the environment names', async () => {
  const env = {
    CRONLEDGER_STORE: 'file:/nonexistent/ledger.db',
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_SCHEDULE: '0 3 * * *',
  }
  const { code, stdout, stderr } = await cronledger(['explain', '--at', '2026-01-08'], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^key {8}task nightly, slot /m)
})

test('the ledger is read for a task of a flag, or of an argument, also beside another task of the environment', async () => {
  const { run, env } = ledger()
  await run('2026-01-05T18:00:05Z')
  const other = { ...env, CRONLEDGER_TASK: 'other', CRONLEDGER_SCHEDULE: '@hourly' }
  for (const args of [['nightly'], ['--task', 'nightly']]) {
    const { stdout } = await cronledger(['explain', ...args, '--json'], { env: other })
    expect(JSON.parse(stdout)).toMatchObject({ schedule: { expression: '0 3 * * *' }, key: { task: 'nightly' } })
  }
})

test.each([
  [['nigthly'], 'unknown task: nigthly. Did you mean nightly?'],
  [['nightly', '--timezone', 'UTC'], '--timezone and a task cannot be used together, '],
  [['nightly', '--at', 'soon'], '--at "soon" is not a valid time'],
  [['0 3 * * *'], 'unexpected argument "0 3 * * *". It is not a task name. Put a schedule in quotes after --schedule.'],
  [[...TOKYO, '--store', 'file:x'], '--store requires --task on the command line.'],
  [[...TOKYO, '--ledger-timeout', '1s'], '--ledger-timeout requires --task on the command line.'],
])('explain with %j is one line and 64', async (args, message) => {
  const { run, fails } = ledger()
  await run('2026-01-05T18:00:05Z')
  const { code, stdout, stderr } = await fails(...args)
  expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringContaining(message) })
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

test('the ledger is required for a task on the command line', async () => {
  for (const args of [['nightly'], ['--task', 'nightly']]) {
    const { code, stderr } = await cronledger(['explain', ...args])
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining('--store is missing.') })
  }
})
