// The other promises of pause, resume and retire are in ../stories/pause.txt.
import { expect, test } from 'vitest'
import { createLedger } from '../../../src/index.ts'
import { cronledger, type Loose, NIGHTLY, newStore, scratch } from '../../support/cli.ts'
import { startOfToday } from '../../support/today.ts'

const DAY_MS = 86_400_000
const folder = scratch()

const day = (offset: number) => new Date(startOfToday() + offset * DAY_MS).toISOString().slice(0, 10)
const WEEKLY = ['run', '--task', 'weekly', '--schedule', '@daily', '--event-time', `${day(-1)}T00:00:05Z`, '--', 'true']
const WHY = ['--reason', 'database upgrade', '--by', 'ada']

function ledger() {
  const env: Readonly<Record<string, string>> = {
    CRONLEDGER_STORE: newStore(folder),
    CRONLEDGER_LOG: 'json',
    CRONLEDGER_GRACE: '0s',
  }
  const call = (...args: string[]) => cronledger(args, { env })
  const run = (date: string, ...more: string[]) =>
    cronledger(['run', ...NIGHTLY, '--event-time', `${date}T03:00:05Z`, ...more, '--', 'echo', 'ran'], { env })
  return {
    env,
    call,
    run,
  }
}

// promise: pause-all
test('pause --all with a task whose record is full: the others are paused, and the exit code is not 0', async () => {
  const { call, run, env } = ledger()
  await run(day(-1))
  await call(...WEEKLY)
  const open = createLedger({ store: env['CRONLEDGER_STORE'] ?? '' })
  for (let pauses = 0; pauses < 100; pauses += 1) await open.pause({ task: 'weekly', reason: 'r', by: 'ada' })
  await open.close()
  const paused = await call('pause', '--all', ...WHY)
  expect(paused.code).toBe(64)
  expect(paused.stderr).toMatch(/^cronledger: weekly: not changed: the task has 100 pauses that are not over/)
  expect(paused.stdout).toMatch(/^nightly: paused .*\n1 task paused\. /)
  expect(paused.stdout).toContain('\n  NOT paused: weekly. Run the same command again.')
})

// promise: pause-and-triggers
test('a pause set while 24 triggers arrive: each either ran before it was visible or is on record as skipped, and check is silent', async () => {
  const { env, call } = ledger()
  const date = (index: number) => day(index - 60)
  const run = (index: number) => {
    const slot = [...NIGHTLY, '--event-time', `${date(index)}T03:00:05Z`]
    return cronledger(['run', ...slot, '--ledger-timeout', '4m', '--', 'echo', 'ran'], { env })
  }
  await run(0)
  const half = 12
  const triggers = Array.from({ length: half }, (_, index) => run(index + 1))
  const paused = call('pause', 'nightly', ...WHY, '--from', date(0), '--ledger-timeout', '4m')
  triggers.push(...Array.from({ length: half }, (_, index) => run(half + index + 1)))
  const ended = await Promise.all(triggers)
  expect(await paused).toMatchObject({ code: 0 })

  const history = await call('history', 'nightly', '--limit', '0', '--json')
  const rows: readonly Loose[] = JSON.parse(history.stdout)
  const stateOf = (index: number) => rows.find(({ slot }) => slot.startsWith(date(index)))?.['state']
  expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0))
  expect(ended.map((_, index) => stateOf(index + 1))).toEqual(
    ended.map(({ stdout }) => (stdout === 'ran\n' ? 'COMPLETED' : 'SKIPPED')),
  )
  expect(await run(2 * half + 1)).toMatchObject({ code: 0, stdout: '' })
  expect(await call('check', '--since', '70d')).toMatchObject({ code: 0 })
})
