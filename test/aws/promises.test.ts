import { expect, test, vi } from 'vitest'
import { cronledger, type Ended, type Loose, start } from '../support/cli.ts'
import { expectOneRan } from '../support/processes/crowd.ts'
import { AWS_ENV, LAG_MS, RUN, TABLE } from './account.ts'

const STORE = ['--store', `dynamodb:${TABLE}`]
const SLOT = '2026-11-23T03:00:00Z'
const NEXT = '2026-11-24T03:00:00Z'
const taskOf = (name: string) => `${name}-${RUN}`

function run(name: string, batch: readonly string[], ...options: readonly string[]): Promise<Ended> {
  return cronledger(runArguments(name, batch, options), { env: AWS_ENV })
}

function runArguments(name: string, batch: readonly string[], options: readonly string[] = []): string[] {
  const slot = ['--task', taskOf(name), '--schedule', '0 3 * * *']
  const time = options.includes('--event-time') ? [] : ['--event-time', SLOT]
  return ['run', ...STORE, ...slot, ...time, '--ledger-timeout', '5m', '--log', 'json', ...options, '--', ...batch]
}

/** Reads the row of the slot, again and again until it is as expected: `history` is eventually consistent. */
async function expectRow(name: string, expected: object): Promise<Loose> {
  return vi.waitFor(
    async () => {
      const range = ['--since', '2026-11-23', '--until', '2026-11-25', '--status', 'recorded']
      const { stdout } = await cronledger(['history', taskOf(name), ...STORE, ...range, '--json'], { env: AWS_ENV })
      const [row] = JSON.parse(stdout)
      expect(row).toMatchObject(expected)
      return row
    },
    { timeout: LAG_MS, interval: 500 },
  )
}

test('setup finds the table, and everything that an operator needs is in place', async () => {
  const setup = await cronledger(['setup', ...STORE], { env: AWS_ENV })
  expect({ code: setup.code, stderr: setup.stderr }).toEqual({ code: 0, stderr: '' })
  expect(setup.stdout).toContain('table already exists, nothing to change')
  const check = await cronledger(['setup', ...STORE, '--check', '--task', taskOf('checked')], { env: AWS_ENV })
  // A table that only tests use needs no recovery.
  expect(check.stdout.match(/^wrong {2}(?!point-in-time recovery ).*/gm)).toBeNull()
})

test('20 processes at once: one runs the batch, 19 are recorded as duplicates', async () => {
  const ended = await Promise.all(Array.from({ length: 20 }, () => run('crowd', ['echo', 'paid'])))
  expectOneRan(ended, await expectRow('crowd', { state: 'COMPLETED', rejections: { count: 19 } }))
})

test('a second trigger after the first one completed is a duplicate', async () => {
  expect(await run('late', ['echo', 'paid'])).toMatchObject({ code: 0, stdout: 'paid\n' })
  expect(await run('late', ['echo', 'paid'])).toMatchObject({ code: 0, stdout: '' })
  await expectRow('late', { state: 'COMPLETED', rejections: { count: 1 } })
})

test('a failed slot is refused, and an operator may force it', async () => {
  expect(await run('failing', ['sh', '-c', 'exit 3'])).toMatchObject({ code: 3 })
  expect(await run('failing', ['echo', 'paid'])).toMatchObject({ code: 65, stdout: '' })
  const force = ['--slot', SLOT, '--reason', 'test', '--by', 'test:aws', '--log', 'quiet']
  const task = ['--task', taskOf('failing')]
  const forced = await cronledger(['rerun', ...STORE, ...task, ...force, '--', 'echo', 'paid'], { env: AWS_ENV })
  expect(forced).toMatchObject({ code: 0, stdout: 'paid\n' })
  await expectRow('failing', { state: 'COMPLETED', attempts: [{ outcome: 'failed' }, { outcome: 'succeeded' }] })
})

test('two attempts are started where --max-attempts allows them, and no third one', async () => {
  const attempt = () => run('retried', ['sh', '-c', 'exit 3'], '--max-attempts', '2')
  expect([(await attempt()).code, (await attempt()).code, (await attempt()).code]).toEqual([3, 3, 65])
})

test('kill -9 in mid-run leaves a row that is never completed', async () => {
  const running = start(runArguments('killed', ['sh', '-c', 'echo started; exec sleep 60']), { env: AWS_ENV })
  await running.printed('started')
  running.child.kill('SIGKILL')
  await running.exited
  await expectRow('killed', { state: 'PENDING', attempts: [{ number: 1 }] })
  expect(await run('killed', ['echo', 'paid'])).toMatchObject({ code: 0, stdout: '' })
})

test('SIGTERM ends the batch, and its outcome is recorded', async () => {
  const running = start(runArguments('stopped', ['sh', '-c', 'echo started; exec sleep 60']), { env: AWS_ENV })
  await running.printed('started')
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(143)
  await expectRow('stopped', { state: 'FAILED', attempts: [{ outcome: 'interrupted' }] })
})

test('in a pause nothing starts, and the slot is recorded as skipped', async () => {
  expect(await run('paused', ['true'])).toMatchObject({ code: 0 })
  const why = ['--reason', 'test', '--by', 'test:aws', '--from', NEXT]
  const paused = await cronledger(['pause', taskOf('paused'), ...STORE, ...why], { env: AWS_ENV })
  expect(paused).toMatchObject({ code: 0 })
  const next = runArguments('paused', ['echo', 'paid'], ['--event-time', NEXT])
  expect(await cronledger(next, { env: AWS_ENV })).toMatchObject({ code: 0, stdout: '' })
  await expectRow('paused', { state: 'SKIPPED', slot: NEXT })
})
