import { beforeAll, expect, test } from 'vitest'
import { cronledger, type Loose, scratch } from '../support/cli.ts'

// A task in Tokyo, whose slots of 9 to 11 January at 03:00 failed. In UTC, each belongs to the day before.
const store = `file:${scratch()}/ledger.db`
const NIGHTLY = ['--store', store, '--task', 'nightly']
const SLOTS = ['2026-01-08T18:00:00Z', '2026-01-09T18:00:00Z', '2026-01-10T18:00:00Z']

beforeAll(async () => {
  const run = ['run', ...NIGHTLY, '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
  for (const slot of SLOTS) await cronledger([...run, '--event-time', slot, '--', 'false'])
})

const json = async (args: readonly string[]): Promise<Loose> =>
  JSON.parse((await cronledger([...args, '--json'])).stdout)

const slotsOf = (found: Loose) => found['map'](({ slot }: { slot: string }) => slot).sort()

const local = '2026-01-10 03:00'

test('a local time begins and ends the range of history and check, in the zone of the task', async () => {
  expect(slotsOf(await json(['history', ...NIGHTLY, '--status', 'recorded', '--since', local]))).toEqual(SLOTS.slice(1))
  expect(slotsOf(await json(['history', ...NIGHTLY, '--status', 'recorded', '--until', local]))).toEqual(
    SLOTS.slice(0, 1),
  )
  const range = ['--since', local, '--until', '2026-01-11']
  expect(slotsOf(await json(['check', 'nightly', '--store', store, ...range]))).toEqual(SLOTS.slice(1))
})

test('a local time begins the range of rerun', async () => {
  const plan = await json(['rerun', ...NIGHTLY, '--from', local, '--until', '2026-01-10', '--dry-run'])
  expect(slotsOf(plan)).toEqual(SLOTS.slice(1, 2))
})

test('a local time is a slot for show and resolve', async () => {
  expect(await json(['show', ...NIGHTLY, '--slot', local])).toMatchObject({ slot: SLOTS[1] })
  const resolve = ['resolve', ...NIGHTLY, '--state', 'failed', '--reason', 'x', '--slot', local]
  expect(await json(resolve)).toMatchObject({ slot: SLOTS[1] })
})

test('a local time is a time for explain, in the zone of the schedule', async () => {
  const schedule = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
  expect(await json(['explain', ...schedule, '--at', local])).toMatchObject({ slot: SLOTS[1] })
})

test('of all tasks, a local time is in UTC', async () => {
  const range = ['--since', '2026-01-09T18:00', '--until', '2026-01-31']
  const found = await json(['history', '--store', store, '--status', 'recorded', ...range])
  expect(slotsOf(found)).toEqual(SLOTS.slice(1))
})

test('a date of check with a task is in the zone of the task', async () => {
  const day = ['--since', '2026-01-10', '--until', '2026-01-10']
  expect(slotsOf(await json(['check', ...NIGHTLY, ...day]))).toEqual(SLOTS.slice(1, 2))
  expect(slotsOf(await json(['check', '--store', store, ...day]))).toEqual(SLOTS.slice(2))
})

test('an event time needs an offset, since it comes from a program', async () => {
  const run = ['run', ...NIGHTLY, '--schedule', '0 3 * * *', '--event-time', '2026-01-12 03:00', '--', 'true']
  const { code, stderr } = await cronledger(run)
  expect({ code, stderr }).toEqual({
    code: 64,
    stderr: expect.stringMatching(/event time "2026-01-12 03:00" has no offset/),
  })
})
