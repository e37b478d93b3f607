// What `explain` says of a change from one schedule to another. The rules are in test/core/task/schedule-switch.test.ts.
import { expect, test } from 'vitest'
import { cronledger, type Loose, newStore, scratch } from '../../../support/cli.ts'

const folder = scratch()

const OLD = '0 3 * * *'
const NEW = '30 4 * * *'
const AT = ['--at', '2026-11-25T03:30']
const CHANGE = ['--from-schedule', OLD, '--to-schedule', NEW, '--count', '1']

async function explain(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const ended = await cronledger(['explain', ...args], { env })
  expect({ args, code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 })
  return ended.stdout
}

const jsonOf = async (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Loose> =>
  JSON.parse(await explain([...args, '--json'], env))

const message = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { code, stderr } = await cronledger(['explain', ...args], { env })
  expect(code).toBe(64)
  return stderr
}

/** Returns a ledger in which the task has run on two days, with the second schedule from the second day on. */
async function ledger(first: string, second = first) {
  const env = { CRONLEDGER_STORE: newStore(folder), CRONLEDGER_LOG: 'quiet' }
  const zone = ['--timezone', 'Asia/Tokyo']
  for (const [schedule, time] of [
    [first, '2026-01-05T20:00:00Z'],
    [second, '2026-01-07T20:00:00Z'],
  ] as const) {
    const run = ['run', '--task', 'nightly', '--schedule', schedule, ...zone, '--event-time', time, '--', 'true']
    expect((await cronledger(run, { env })).code).toBe(0)
  }
  return env
}

test('the text has both, the slots around the switch, what is affected, and when a switch is safe', async () => {
  const text = await explain([...CHANGE, '--timezone', 'Asia/Tokyo', ...AT])
  expect(text.replace(/zone data .*/, 'zone data')).toBe(`\
from       0 3 * * * (Asia/Tokyo)
           At 03:00
to         30 4 * * * (Asia/Tokyo)
           At 04:30
zone data

switch     2026-11-24T18:30:00Z  Wed 2026-11-25 03:30:00 +09:00
result     2026-11-25 runs twice: it has 1 slot under the old schedule, and 1
           slot under the new one

before     2026-11-24T18:00:00Z  Wed 2026-11-25 03:00:00 +09:00
after      2026-11-24T19:30:00Z  Wed 2026-11-25 04:30:00 +09:00

safe       after   2026-11-24T19:30:00Z  Wed 2026-11-25 04:30:00 +09:00
           before  2026-11-25T18:00:00Z  Thu 2026-11-26 03:00:00 +09:00
           after   2026-11-25T19:30:00Z  Thu 2026-11-26 04:30:00 +09:00
           before  2026-11-26T18:00:00Z  Fri 2026-11-27 03:00:00 +09:00
           after   2026-11-26T19:30:00Z  Fri 2026-11-27 04:30:00 +09:00
           before  2026-11-27T18:00:00Z  Sat 2026-11-28 03:00:00 +09:00
`)
})

test('a safe switch says so', async () => {
  const text = await explain([...CHANGE, '--at', '2026-11-25T12:00:00Z'])
  expect(text).toMatch(/^result {5}safe: no day runs more often, or less often, than under one/m)
  expect(text).toMatch(/^safe {7}from {4}2026-11-25T12:00:00Z {2}Wed 2026-11-25 12:00:00 \+00:00$/m)
})

test('a comparison of two schedules as JSON', async () => {
  const at = { utc: '2026-11-24T18:30:00Z', local: '2026-11-25T03:30:00+09:00' }
  expect(await jsonOf([...CHANGE, '--timezone', 'Asia/Tokyo', ...AT])).toEqual({
    from: { expression: OLD, zone: 'Asia/Tokyo', words: 'At 03:00' },
    to: { expression: NEW, zone: 'Asia/Tokyo', words: 'At 04:30' },
    zoneData: expect.any(String),
    at,
    units: ['day'],
    affected: [{ unit: 'day', name: '2026-11-25', runs: 2, withFrom: 1, withTo: 1 }],
    before: [{ utc: '2026-11-24T18:00:00Z', local: '2026-11-25T03:00:00+09:00' }],
    after: [{ utc: '2026-11-24T19:30:00Z', local: '2026-11-25T04:30:00+09:00' }],
    safe: expect.any(Array),
    searchedUntil: '2026-11-28T18:30:00Z',
  })
})

test('the zones: --to-timezone, else that of the old schedule; --from-timezone, else --timezone', async () => {
  const zones = async (...args: string[]) => {
    const { from, to } = await jsonOf([...CHANGE, ...args])
    return [from.zone, to.zone]
  }
  expect(await zones()).toEqual(['UTC', 'UTC'])
  expect(await zones('--timezone', 'Asia/Tokyo')).toEqual(['Asia/Tokyo', 'Asia/Tokyo'])
  expect(await zones('--from-timezone', 'Asia/Tokyo')).toEqual(['Asia/Tokyo', 'Asia/Tokyo'])
  expect(await zones('--from-timezone', 'UTC', '--to-timezone', 'Asia/Tokyo')).toEqual(['UTC', 'Asia/Tokyo'])
})

test('two rates that are compared have anchors of their own', async () => {
  const rates = ['--from-schedule', 'rate(1 day)', '--to-schedule', 'rate(12 hours)']
  const anchors = ['--from-anchor', '2026-11-01T03:00:00Z', '--to-anchor', '2026-11-01T04:00:00Z']
  const { from, to } = await jsonOf([...rates, ...anchors])
  expect([from.anchor, to.anchor]).toEqual(['2026-11-01T03:00:00Z', '2026-11-01T04:00:00Z'])
  expect(await message([...rates, ...anchors.slice(0, 2)])).toMatch(/^cronledger: --to-schedule: .*rate.* --to-anchor/)
})

test('the environment of a container needs no change: its task and schedule are not read', async () => {
  const env = { CRONLEDGER_STORE: 'dynamodb:none', CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '5 5 * * *' }
  expect((await jsonOf(CHANGE, env))['from'].expression).toBe(OLD)
})

test('a task is compared by the schedule that was in force at the switch', async () => {
  const env = await ledger(OLD, NEW)
  const expression = async (...args: string[]) =>
    (await jsonOf(['nightly', '--to-schedule', '0 9 * * *', ...args], env))['from'].expression
  expect(await expression()).toBe(NEW)
  expect(await expression('--at', '2026-01-06T12:00')).toBe(OLD)
  expect(await expression('--from-schedule', '0 1 * * *')).toBe('0 1 * * *')
})

test.each([
  [['--from-schedule', OLD], /^cronledger: --from-schedule requires --to-schedule\.$/m],
  [['--schedule', OLD, '--to-timezone', 'UTC'], /^cronledger: --to-timezone requires --to-schedule\.$/m],
  [['--to-schedule', NEW], /^cronledger: --from-schedule is missing\. Give --from-schedule EXPR, or --task NAME/m],
  [[...CHANGE, '--schedule', OLD], /^cronledger: --schedule cannot be used together with --to-schedule\./m],
  [
    ['nightly', '--to-schedule', NEW, '--timezone', 'UTC', '--store', 'file:x.db'],
    /--timezone requires --from-schedule/,
  ],
  [['nightly', '--to-schedule', NEW, '--from-timezone', 'UTC', '--store', 'file:x.db'], /--from-timezone requires/],
  [['--from-schedule', '0 3 * *', '--to-schedule', NEW], /^cronledger: --from-schedule: .*4 fields/m],
  [['--from-schedule', OLD, '--to-schedule', '0 25 * * *'], /^cronledger: --to-schedule: /m],
  [[...CHANGE, '--at', 'soon'], /^cronledger: --at "soon" is not a valid time/m],
] as const)('%j is refused, with what to do', async (args, text) => {
  expect(await message(args)).toMatch(text)
})
