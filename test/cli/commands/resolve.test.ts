import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, type Loose, NIGHTLY, newStore, scratch, start } from '../../support/cli.ts'

const folder = scratch()

function ledger(more: Readonly<Record<string, string>> = {}) {
  const env = { CRONLEDGER_STORE: newStore(folder), CRONLEDGER_LOG: 'quiet', ...more }
  const run = (eventTime: string, ...command: string[]) => [
    ...['run', ...NIGHTLY, '--event-time', eventTime, '--', ...command],
  ]
  const word = ['--reason', 'looked', '--by', 'ada']
  return {
    env,
    run: (eventTime: string, ...command: string[]) => cronledger(run(eventTime, ...command), { env }),
    start: (eventTime: string, ...command: string[]) => start(run(eventTime, ...command), { env }),
    resolve: (slot: string, state: string, ...more: string[]) =>
      cronledger(['resolve', '--task', 'nightly', '--slot', slot, '--state', state, ...word, ...more], { env }),
    async row(): Promise<Loose> {
      const history = ['history', '--task', 'nightly', '--status', 'recorded', '--json']
      return JSON.parse((await cronledger(history, { env })).stdout)[0]
    },
  }
}
const NIGHT = '2026-11-23T03:00:00Z'

test('a failed slot that is resolved as completed: scheduled triggers are duplicates from then on', async () => {
  const { run, resolve, row } = ledger()
  await run(NIGHT, 'false')
  const resolved = await resolve('2026-11-23', 'completed')
  expect(resolved).toMatchObject({ code: 0, stdout: 'nightly 2026-11-23 03:00 UTC: recorded as completed: looked\n' })
  expect(await row()).toMatchObject({
    state: 'COMPLETED',
    attempts: [{ outcome: 'failed' }],
    resolutions: [{ state: 'COMPLETED', by: 'ada', reason: 'looked', afterAttempt: 1 }],
  })
  expect(await run(NIGHT, 'echo', 'no')).toMatchObject({ code: 0, stdout: '' })
})

test('a coming slot is skipped by a resolution, and its trigger is a duplicate', async () => {
  const { run, resolve, row } = ledger()
  await run(NIGHT, 'true')
  expect((await resolve('2199-11-24T03:00:00Z', 'skipped')).code).toBe(0)
  expect(await row()).toMatchObject({ state: 'SKIPPED', attempts: [], slot: '2199-11-24T03:00:00Z' })
  expect((await resolve('2026-11-24T03:00:00Z', 'skipped')).code).toBe(0)
  expect(await run('2026-11-24T03:00:00Z', 'echo', 'no')).toMatchObject({ code: 0, stdout: '' })
})

test('the resolution of a range: its missed, failed and stale slots, or those with other statuses, each with the reason', async () => {
  const { env, run, resolve } = ledger()
  for (const [day, command] of [
    [23, 'false'],
    [25, 'true'],
    [27, 'false'],
  ] as const)
    await run(`2026-11-${day}T03:00:00Z`, command)
  await resolve('2026-11-26', 'skipped')
  const range = (...args: string[]) =>
    cronledger(['resolve', 'nightly', '--from', '2026-11-23', '--to', '2026-11-27', '--reason', 'no data', ...args], {
      env,
    })
  const planned = await range('--state', 'skipped', '--dry-run')
  expect(planned.stdout.split('\n').map((line) => line.replace(/^.* {2}(\w+).*/, '$1'))).toEqual([
    ...['failed', 'missed', 'failed', '1 missed, 2 failed', ''],
  ])
  const { code, stdout } = await range('--state', 'skipped', '--status', 'missed,failed')
  expect([code, stdout.match(/2026-11-\d\d 03:00 UTC: recorded as skipped: no data$/gm)?.length]).toEqual([0, 3])
  expect((await range('--state', 'skipped')).stdout).toMatch(/^Nothing to resolve: /)
  const again = JSON.parse((await range('--state', 'completed', '--status', 'skipped', '--json')).stdout)
  expect(again.map(({ slot, status }: Loose) => [slot, status])).toEqual(
    [23, 24, 26, 27].map((day) => [`2026-11-${day}T03:00:00Z`, 'completed']),
  )
})

test.each([
  [[], '--slot or --from is required'],
  [['--slot', NIGHT, '--from', '7d'], '--slot and --from cannot be used together'],
  [
    ['--slot', 'latest', '--status', 'failed'],
    '--slot and --status cannot be used together, because --status is for a range',
  ],
  [['--from', '7d', '--status', 'completed'], '--status "completed" is not allowed'],
  [['--slot', NIGHT, '--state', 'COMPLETED'], '--state "COMPLETED" is not allowed. Did you mean completed?'],
])('the resolution of a slot: %s is refused', async (args, message) => {
  const { env } = ledger()
  const state = (args as string[]).includes('--state') ? [] : ['--state', 'skipped']
  const asked = ['resolve', 'nightly', ...state, '--reason', 'x', ...args]
  expect(await cronledger(asked, { env })).toMatchObject({ code: 64, stderr: expect.stringContaining(message) })
})

test('the resolution of a slot is refused while the slot runs, and after it has completed, which can only be settled', async () => {
  const { run, start: begin, resolve } = ledger()
  const running = begin(NIGHT, 'sh', '-c', 'echo ready; exec sleep 60')
  await running.printed('ready')
  const first = await resolve(NIGHT, 'failed')
  expect(first).toMatchObject({
    code: 65,
    stdout: '',
    stderr: expect.stringMatching(
      /not changed: attempt 1 on \S+ has been running since .*\. Stop it, .* until its lease ends at .*\n {2}see what is recorded: {2}cronledger show /,
    ),
  })
  running.child.kill('SIGTERM')
  await running.ended
  await run('2026-11-24T03:00:00Z', 'true')
  const second = await resolve('2026-11-24', 'skipped')
  expect(second).toMatchObject({
    code: 65,
    stderr: expect.stringMatching(
      /not changed: the slot is already completed\n {2}if it must run again: {2}cronledger rerun /,
    ),
  })
  // A person who has looked at it may say so, once.
  expect(await resolve('2026-11-24', 'completed')).toMatchObject({ code: 0 })
  const third = await resolve('2026-11-24', 'completed')
  expect(third).toMatchObject({ code: 65, stderr: expect.stringContaining('so there is nothing to do') })
  expect(third.stderr).not.toContain('rerun')
})

// promise: resolve-wrong-run
test('a slot with a lease that holds is resolved only if --run names its run, and never while its process lives here', async () => {
  const { run, start: begin, resolve, row } = ledger()
  const pidFile = join(folder, 'pid')
  const running = begin(NIGHT, 'sh', '-c', `echo $$ > ${pidFile}; echo ready; exec sleep 60`)
  await running.printed('ready')
  const { runId, host } = (await row())['attempts'][0]
  const other = await resolve(NIGHT, 'completed', '--run', 'another')
  expect(other).toMatchObject({
    code: 65,
    stderr: expect.stringContaining(
      `not changed: attempt 1 is running, and it is of run ${runId} (host ${host}), not of run another\n`,
    ),
  })
  expect(await resolve(NIGHT, 'completed', '--run', runId)).toMatchObject({
    code: 65,
    stderr: expect.stringMatching(/not changed: process \d+ \(.*\) of run .* still runs on this host\./),
  })

  running.child.kill('SIGKILL')
  await running.exited
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
  await running.ended
  expect((await resolve(NIGHT, 'failed')).code).toBe(65)
  expect((await resolve(NIGHT, 'failed', '--run', runId)).code).toBe(0)
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'abandoned' }] })
  expect((await run(NIGHT, 'true')).code).toBe(65)
})

const RANGES = { CRONLEDGER_SINCE_LAST_SUCCESS: 'true' }

test('a resolution is about its slot alone, and names the slots of its range that stay open', async () => {
  const { run, resolve } = ledger(RANGES)
  await run(NIGHT, 'true')
  await run('2026-11-26T03:00:00Z', 'false')
  expect((await resolve('2026-11-26', 'failed')).stdout).toBe(
    'nightly 2026-11-26 03:00 UTC: recorded as failed: looked\n  2026-11-24 03:00 and 2026-11-25 03:00 stay missed.\n',
  )
  expect(
    (await resolve('2026-11-26', 'completed')).stdout,
  ).toBe(`nightly 2026-11-26 03:00 UTC: recorded as completed: looked
  2026-11-24 03:00 and 2026-11-25 03:00 stay missed.
  The range of a later run begins after this slot.
`)
})

test('the resolution of a range with --run: the slot of that run first, and then those that were running in it', async () => {
  const { env, run, start: begin, row } = ledger(RANGES)
  await run(NIGHT, 'true')
  const pidFile = join(folder, 'range-pid')
  const running = begin('2026-11-26T03:00:00Z', 'sh', '-c', `echo $$ > ${pidFile}; echo ready; exec sleep 60`)
  await running.printed('ready')
  const { runId } = (await row())['attempts'][0]
  running.child.kill('SIGKILL')
  await running.exited
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
  await running.ended
  const args = ['--task', 'nightly', '--from', '2026-11-24', '--to', '2026-11-26', '--reason', 'its log says so']
  const range = (...more: string[]) =>
    cronledger(['resolve', ...args, '--state', 'completed', '--by', 'ada', ...more], { env })
  expect((await range()).stdout).not.toContain('recorded')
  expect((await range('--run', 'another')).stdout).not.toContain('recorded')
  expect((await range('--run', runId, '--dry-run')).stdout).toContain('2 missed, 1 stale')
  const { code, stdout } = await range('--run', runId)
  expect(code).toBe(0)
  expect(stdout.split('\n').map((line) => line.slice(0, 18))).toEqual([
    ...[26, 24, 25].map((day) => `nightly 2026-11-${day}`),
    '',
  ])
  expect((await run('2026-11-25T03:00:00Z', 'echo', 'no')).stdout).toBe('')
})

test('the resolution of a range with the id of a run that has no open slot in it is refused, and nothing is recorded', async () => {
  const { env, run } = ledger()
  await run(NIGHT, 'false')
  const args = [
    '--task',
    'nightly',
    '--from',
    '2026-11-23',
    '--to',
    '2026-11-23',
    '--reason',
    'x',
    '--state',
    'completed',
  ]
  const { code, stdout, stderr } = await cronledger(['resolve', ...args, '--run', 'another'], { env })
  expect([code, stdout, stderr]).toEqual([
    65,
    '',
    'cronledger: nightly: nothing was recorded, because run another has no open slot in this range. If its slot is resolved already, leave --run out.\n',
  ])
})
