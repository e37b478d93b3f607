// Also covers resume and retire.
import { expect, test } from 'vitest'
import { createLedger } from '../../../src/index.ts'
import { cronledger, type Loose, NIGHTLY, newStore, scratch } from '../../support/cli.ts'
import { eventsOf } from '../../support/processes/crowd.ts'
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
    force: (date: string) => call('run', ...NIGHTLY, '--force-slot', date, '--reason', 'by hand', '--', 'echo', 'ran'),
    check: (...more: string[]) => call('check', ...(more.includes('--since') ? [] : ['--since', '10d']), ...more),
    async task(): Promise<Loose> {
      return JSON.parse((await call('tasks', '--json')).stdout)[0]
    },
    async statuses(): Promise<Readonly<Record<string, string>>> {
      const { stdout } = await call('history', 'nightly', '--json')
      return Object.fromEntries(JSON.parse(stdout).map(({ slot, status }: Loose) => [slot.slice(0, 10), status]))
    },
  }
}

test('a trigger in a pause is skipped and exits with 0, a force runs, and check is silent', async () => {
  const { call, run, force, check, statuses } = ledger()
  await run(day(-4))
  const paused = await call('pause', 'nightly', ...WHY, '--from', day(-3))
  expect(paused).toMatchObject({ code: 0, stderr: '' })
  const skipped = await run(day(-2))
  expect(skipped).toMatchObject({ code: 0, stdout: '' })
  expect(eventsOf(skipped)).toMatchObject([{ event: 'paused', pause: { by: 'ada', reason: 'database upgrade' } }])
  expect(await force(day(-1))).toMatchObject({ code: 0, stdout: 'ran\n' })
  expect(await check()).toMatchObject({ code: 0 })
  expect(await statuses()).toEqual({ [day(-4)]: 'completed', [day(-2)]: 'skipped', [day(-1)]: 'completed' })
})

test('resume: the next slot runs again, and the slots of the pause are not reported', async () => {
  const { call, run, check, task } = ledger()
  await run(day(-4))
  await call('pause', 'nightly', ...WHY, '--from', day(-3))
  expect(await task()).toMatchObject({ paused: true, next: null, pauses: [{ by: 'ada', until: null }] })
  const resumed = await call('resume', 'nightly', '--by', 'bob', '--from', day(-1))
  expect(resumed.stdout).toMatch(
    /^nightly: resumed: triggers from .* on start the batch again\n {2}ended the pause from .* by ada: /,
  )
  expect(await task()).toMatchObject({ paused: false, pauses: [], next: expect.any(String) })
  expect(await run(day(-1))).toMatchObject({ code: 0, stdout: 'ran\n' })
  expect(await check('--until', day(-1))).toMatchObject({ code: 0 })
})

// promise: paused-is-not-missed
test('retire: check is silent at once, and a scheduled trigger revives the task', async () => {
  const { call, run, check, task } = ledger()
  await run(day(-4))
  expect((await check()).code).toBe(1)
  const retired = await call('retire', 'nightly', ...WHY)
  expect(retired.stdout).toMatch(
    new RegExp(
      `^nightly: retired from ${day(-3)} 03:00 UTC .*\\n {2}No slot is expected from then on\\. That includes the \\d`,
    ),
  )
  expect(await check()).toMatchObject({ code: 0 })
  expect(await task()).toMatchObject({ retired: true, next: null, retirement: { by: 'ada' } })
  const revived = await run(day(-1))
  expect(revived).toMatchObject({ code: 0, stdout: 'ran\n' })
  expect(eventsOf(revived).map(({ event }) => event)).toContain('revived')
  expect(await task()).toMatchObject({ retired: false, retirement: null })
})

test('the output of pause --all and resume --all names each task, and what could not be changed', async () => {
  const { call, run, env } = ledger()
  await run(day(-1))
  await call(...WEEKLY)
  await call('pause', 'weekly', '--reason', 'moved', '--by', 'bob')
  const inContainer = (...args: string[]) => cronledger(args, { env: { ...env, CRONLEDGER_TASK: 'nightly' } })
  // A pause that is ended in the second in which it begins is cancelled.
  const paused = await inContainer('pause', '--all', ...WHY, '--from', '1h')
  expect(paused).toMatchObject({ code: 0, stderr: '' })
  expect(paused.stdout.split('\n')).toEqual([
    expect.stringMatching(/^nightly: paused from .* on, by ada: database upgrade$/),
    expect.stringMatching(/^weekly: paused from .* on, by ada: database upgrade$/),
    '2 tasks paused. A task that this ledger does not know yet is not among them, so its first trigger starts the batch.',
    '  A batch that runs now goes on. A run that read the task record just before this pause still starts its batch.',
    `  end these pauses:  cronledger resume --all --store ${env['CRONLEDGER_STORE']}`,
    '',
  ])
  const resumed = await inContainer('resume', '--all')
  expect(resumed.stdout.split('\n')).toEqual([
    expect.stringMatching(/^nightly: resumed: triggers from .* on start the batch again$/),
    expect.stringMatching(/^weekly: not resumed: still paused from .* on, by bob: moved$/),
    expect.stringMatching(/^The pause of 2 tasks ended\. Slots of it/),
    expect.stringMatching(/^ {2}see all tasks: {2}cronledger tasks /),
    '',
  ])
  const again = await inContainer('resume', '--all')
  expect(again.stdout).toContain('No task had a pause of pause --all to end.')
  const over = await call('pause', '--all', ...WHY, '--from', '3d', '--until', '1d', '--json')
  expect(JSON.parse(over.stdout)).toMatchObject([{ changes: [{ scope: 'all' }] }, { task: 'weekly', changed: true }])
})

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

test('the output of resume from a time after the pause, and of retire before a planned retirement, says what is in force', async () => {
  const { call, run } = ledger()
  await run(day(-1))
  await call('pause', 'nightly', ...WHY, '--until', day(5))
  const late = await call('resume', 'nightly', '--from', day(9))
  expect(late.code).toBe(0)
  expect(late.stdout).toMatch(
    /^nightly: not changed: no pause and no retirement goes on at the time that you gave\n {2}in force from .* until /,
  )
  await call('resume', 'nightly')
  await call('retire', 'nightly', ...WHY, '--from', day(30))
  const now = await call('retire', 'nightly', ...WHY)
  expect(now.code).toBe(0)
  expect(now.stdout).toMatch(
    /^nightly: not changed: its retirement is planned already, from .*\n {2}cancel it, then retire the task again: /,
  )
})

test('pause, retire and resume as JSON have what was changed, and what is in force and planned', async () => {
  const { call, run } = ledger()
  await run(day(-1))
  const json = async (...args: string[]) => JSON.parse((await call(...args, '--json')).stdout)
  const planned = await json('pause', 'nightly', ...WHY, '--from', day(7), '--until', day(7))
  const pause = {
    from: `${day(7)}T00:00:00Z`,
    until: `${day(8)}T00:00:00Z`,
    at: expect.any(String),
    by: 'ada',
    reason: 'database upgrade',
  }
  expect(planned).toEqual({
    ...{ task: 'nightly', changed: true, changes: [pause] },
    ...{ paused: false, pauses: [pause], retired: false, retirement: null },
  })
  const retired = await json('retire', 'nightly', ...WHY)
  expect(retired).toMatchObject({ changed: true, retired: true, notExpectedSlots: expect.any(Number) })
  const resumed = await json('resume', 'nightly', '--by', 'bob')
  expect(resumed).toMatchObject({ changed: true, paused: false, pauses: [], retired: false, retirement: null })
  expect(resumed.changes.map(({ ended }: Loose) => ended.by)).toEqual(['bob', 'bob'])
})

test.each([
  [['pause', 'nightly'], '--reason is missing'],
  [['pause', '--all', 'nightly', ...WHY], '--all and task nightly are both given'],
  [['pause', ...WHY], '--task is missing. Give --task NAME, or set CRONLEDGER_TASK. For all tasks, give --all.'],
  [['unpause', 'nightly'], 'unknown command "unpause". See cronledger --help.'],
])('a wrong command line of pause is refused, and nothing is changed: %j', async (args, message) => {
  const { call, run, task } = ledger()
  await run(day(-1))
  const { code, stderr } = await call(...args)
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringContaining(message) })
  expect(await task()).toMatchObject({ pauses: [], retirement: null })
})

test('tasks lists what is in force and planned, and retired tasks apart at the end', async () => {
  const { call, run } = ledger()
  await run(day(-1))
  await call('run', '--task', 'zebra', '--schedule', '@daily', '--', 'true')
  await call('retire', 'nightly', ...WHY)
  const names = async (...flags: string[]) =>
    JSON.parse((await call('tasks', '--json', ...flags)).stdout).map(({ task }: { task: string }) => task)
  expect(await names()).toEqual(['nightly', 'zebra'])
  expect(await names('--sort', 'next')).toEqual(['zebra', 'nightly'])
  expect(await names('--next', '366d')).toEqual(['zebra'])
  await call('pause', 'zebra', ...WHY)
  await call('pause', 'zebra', ...WHY, '--from', day(5), '--until', day(6))
  const { stdout: list } = await call('tasks')
  expect(list.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
    'TASK STATUS OPEN LAST (UTC) NEXT (UTC) TOOK USUALLY OWNER',
    expect.stringMatching(/^zebra completed 0 \S+ \S+ paused \S+s$/),
    expect.stringMatching(/^nightly \S+ 0 .* retired \S+s$/),
    '',
    '2 tasks, 0 with open slots: 0',
    '',
  ])
  const [zebra, nightly] = [(await call('tasks', 'zebra')).stdout, (await call('tasks', 'nightly')).stdout]
  expect(zebra).toMatch(/^zebra\n/)
  expect(zebra).toMatch(/^ {2}paused {5}from .* on, by ada: database upgrade$/m)
  expect(zebra).toMatch(/^ {2}planned {4}pause from .* until .*, by ada: database upgrade$/m)
  expect(nightly).toMatch(/^nightly\n/)
  expect(nightly).toMatch(/^ {2}next slot {2}none$/m)
  expect(nightly).toMatch(/^ {2}retired {4}from .* on, by ada: database upgrade$/m)
})

test('show names who paused or retired the task, for a slot with a row and without', async () => {
  const { call, run } = ledger()
  await run(day(-4))
  await call('pause', 'nightly', ...WHY, '--from', day(-3))
  await run(day(-2))
  const withRow = await call('show', 'nightly', '--slot', day(-2))
  expect(withRow.stdout).toMatch(/^ {2}not expected +because of the pause from .* on, by ada: database upgrade$/m)
  const without = await call('show', 'nightly', '--slot', day(-1))
  expect(without).toMatchObject({ code: 1, stderr: '' })
  expect(without.stdout).toMatch(/^ {2}happened +ada paused the task: database upgrade$/m)
  expect(without.stdout).toMatch(/^ {2}not expected +because of the pause from .*, by ada: database upgrade$/m)
  await call('resume', 'nightly', '--by', 'bob')
  await call('retire', 'nightly', '--reason', 'removed', '--by', 'eve')
  const after = await call('show', 'nightly', '--slot', day(3))
  expect(after.stdout).toMatch(/^ {2}not expected +because of the retirement from .* on, by eve: removed$/m)
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
