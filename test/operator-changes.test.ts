import { describe, expect, onTestFinished, test } from 'vitest'
import { createLedger, type KnownTask, type Ledger, type PauseOptions } from '../src/index.ts'
import { newStore, scratch } from './support/cli.ts'

const folder = scratch()
function newLedger() {
  const ledger = createLedger({ store: newStore(folder) })
  onTestFinished(() => ledger.close())
  return ledger
}

const DAY_MS = 86_400_000
const TASK = { task: 'nightly', schedule: '0 3 * * *', timezone: 'Asia/Tokyo' }
const PAUSE: PauseOptions = { task: 'nightly', reason: 'maintenance', by: 'ada' }
const day = (offset: number) => new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10)
/** The slot of a date: 03:00 in Tokyo is 18:00 UTC of the day before. */
const slotOf = (date: string) => Date.parse(`${date}T03:00:00+09:00`)
const run = (ledger: Ledger, date: string, more = {}) =>
  ledger.run({ ...TASK, eventTime: `${date}T03:00:05+09:00`, ...more }, () => 'done')

async function tasksOf(ledger: Ledger): Promise<readonly KnownTask[]> {
  const all: KnownTask[] = []
  for await (const known of ledger.tasks()) all.push(known)
  return all
}

async function check(ledger: Ledger): Promise<readonly number[]> {
  const since = new Date(Date.now() - 30 * DAY_MS)
  const found: number[] = []
  for await (const { slot } of ledger.check({ task: 'nightly', since, until: new Date() })) found.push(slot)
  return found
}

async function ledgerWithMissed() {
  const ledger = newLedger()
  await run(ledger, day(-3))
  expect((await check(ledger)).length).toBeGreaterThan(0)
  return ledger
}

test('declare records a schedule before the first run, for the same program, too', async () => {
  const ledger = await newLedger()
  await run(ledger, day(-9))
  const declared = { task: 'monthly', schedule: '0 0 1 * *', graceMs: 60_000, owner: 'ada' }
  const change = await ledger.declare({ ...declared, from: '2026-01-01' })
  const since = Date.parse('2026-01-01T00:00:00Z')
  const spec = { expression: '0 0 1 * *', zone: 'UTC' }
  expect(change).toMatchObject({ task: 'monthly', changed: true })
  expect(change.record).toMatchObject({
    schedules: [{ since, spec, declared: 'unconfirmed' }],
    expectations: { since, graceMs: 60_000, owner: 'ada' },
  })
  await ledger.run({ task: 'monthly', schedule: '0 0 1 * *', graceMs: 60_000, owner: 'ada' }, () => 'done')
  const [known] = await tasksOf(ledger)
  expect(known?.schedules).toEqual([{ since, spec, declared: 'confirmed' }])
  await expect(ledger.declare({ ...declared, graceMs: -1 })).rejects.toThrow(/graceMs -1 is not allowed/)
})

test('pause records who, when and why', async () => {
  const ledger = newLedger()
  await run(ledger, day(-1))
  const before = Date.now()
  const change = await ledger.pause({ ...PAUSE, from: `${day(-1)}T12:00` })
  const [pause] = change.suspensions
  expect(change).toMatchObject({
    task: 'nightly',
    changed: true,
    timezone: 'Asia/Tokyo',
    record: { pauses: [pause] },
  })
  expect(pause).toMatchObject({ from: Date.parse(`${day(-1)}T12:00+09:00`), until: null, by: 'ada' })
  expect(pause?.at).toBeGreaterThanOrEqual(before)
})

test('a pause is from now on by default: slots that are missed already stay missed', async () => {
  const ledger = await ledgerWithMissed()
  const missed = await check(ledger)
  await ledger.pause(PAUSE)
  expect(await check(ledger)).toEqual(missed)
  await ledger.pause({ ...PAUSE, from: day(-4) })
  expect(await check(ledger)).toEqual([])
})

// promise: restored
test('a pause of a span that is over: its slots are not missed, and a late trigger starts nothing', async () => {
  const ledger = await ledgerWithMissed()
  const { suspensions, changed } = await ledger.pause({ ...PAUSE, from: day(-4), until: '1s' })
  expect(changed).toBe(true)
  expect(suspensions).toMatchObject([{ until: expect.any(Number) }])
  expect(await check(ledger)).toEqual([])
  expect(await run(ledger, day(-2), { catchUpMs: 9 * DAY_MS })).toMatchObject({ status: 'paused', caughtUp: [] })
})

test.each([
  [{ until: `${day(-1)}T03:00:00Z` }, /^until ".*" is not later than now: it is /],
  [{ until: '2h' }, /^until "2h" is not later than now: it is /],
  [{ from: day(3), until: day(2) }, /^from ".*" is not earlier than until ".*" \(the end of that day\): /],
  [{ from: 'soon' }, /^from "soon" is not a valid time/],
  [{ reason: ' ' }, /^the reason is empty/],
  [{ reason: 'YOUR REASON' }, /^the reason is still the placeholder/],
  [{ by: '' }, /^the name \(by\) is empty/],
  [{ task: '#task' }, /^task "#task" is not a valid name/],
])('pause refuses %j', async (more, message) => {
  const ledger = newLedger()
  await run(ledger, day(-1))
  const error = await ledger.pause({ ...PAUSE, ...more }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) })
  for await (const { pauses } of ledger.tasks()) expect(pauses).toEqual([])
})

// promise: operators-at-once
test('20 pauses at once: none is lost', async () => {
  const ledger = newLedger()
  await run(ledger, day(-1))
  const reasons = Array.from({ length: 20 }, (_, index) => `reason ${index}`)
  await Promise.all(reasons.map((reason) => ledger.pause({ ...PAUSE, reason })))
  const [known] = await tasksOf(ledger)
  expect(known?.pauses.map(({ reason }) => reason).toSorted()).toEqual(reasons.toSorted())
})

describe('all tasks', () => {
  async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
    const all: T[] = []
    for await (const one of items) all.push(one)
    return all
  }
  const { task: _, ...ALL } = PAUSE

  // promise: pause-all
  test('all tasks are paused and resumed, and a pause of one task and a retirement stay in force', async () => {
    const ledger = newLedger()
    for (const task of ['nightly', 'paused', 'retired']) await run(ledger, day(-1), { task })
    await ledger.pause({ ...PAUSE, task: 'paused', reason: 'its own' })
    await ledger.retire({ ...PAUSE, task: 'retired' })
    const paused = await collect(ledger.pauseAll(ALL))
    expect(paused.map(({ task }) => task)).toEqual(['nightly', 'paused', 'retired'])
    expect(paused).toMatchObject(paused.map(() => ({ changed: true, suspensions: [{ scope: 'all', until: null }] })))
    expect(await run(ledger, day(0))).toMatchObject({ status: 'paused' })
    const resumed = await collect(ledger.resumeAll({ by: 'bob' }))
    const left = resumed.map((one) => ('error' in one ? one.error : [...one.record.pauses, ...one.record.retirements]))
    const ended = { scope: 'all', ended: { by: 'bob' } }
    expect(left).toMatchObject([[ended], [{ reason: 'its own', until: null }, ended], [ended, { until: null }]])
  })

  test('for a wrong reason or an empty ledger, pause --all has one error', async () => {
    const ledger = newLedger()
    const usage = { kind: 'usage' }
    await expect(collect(ledger.pauseAll(ALL))).rejects.toMatchObject({ kind: 'shape' })
    await run(ledger, day(-1))
    await expect(collect(ledger.pauseAll({ ...ALL, reason: 'WHY' }))).rejects.toMatchObject(usage)
  })
})

test('a task that the ledger does not know is an error, and gets no record', async () => {
  const ledger = await ledgerWithMissed()
  for (const change of [ledger.pause, ledger.resume, ledger.retire]) {
    const error = await change({ ...PAUSE, task: 'nigthly' }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: 'usage', message: 'unknown task: nigthly.', names: ['nightly'] })
  }
  expect(await tasksOf(ledger)).toHaveLength(1)
})

test('a task of which only a force has run can be paused and retired', async () => {
  const ledger = newLedger()
  const force = { slot: `${day(-2)}T03:00`, reason: 'by hand' }
  await ledger.run({ ...TASK, force }, () => 'done')
  const paused = await ledger.pause({ ...PAUSE, until: day(1) })
  expect(paused).toMatchObject({ changed: true, timezone: 'Asia/Tokyo', record: { pauses: [{}] } })
  expect(paused.suspensions[0]?.until).toBe(Date.parse(`${day(2)}T00:00+09:00`))
  expect((await ledger.retire(PAUSE)).suspensions).toMatchObject([{ from: slotOf(day(-1)), until: null }])
  expect(await tasksOf(ledger)).toMatchObject([{ task: 'nightly', schedules: [{ declared: 'forced' }] }])
})

test('retire never begins in the future by itself, also if an operator has resolved a later slot', async () => {
  const ledger = newLedger()
  await run(ledger, day(-1))
  await ledger.resolve({ task: 'nightly', slot: `${day(9)}T03:00`, state: 'skipped', reason: 'holiday' })
  const { suspensions } = await ledger.retire(PAUSE)
  expect(suspensions[0]?.from).toBeLessThanOrEqual(Date.now())
})

test('a task that is retired twice: the first retirement stays, and is the answer', async () => {
  const ledger = await ledgerWithMissed()
  const { suspensions } = await ledger.retire({ ...PAUSE, reason: 'removed' })
  const again = await ledger.retire({ ...PAUSE, by: 'bob', from: day(-1) })
  expect(again).toMatchObject({ changed: false, suspensions })
})
