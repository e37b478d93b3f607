import { describe, expect, test } from 'vitest'
import { endedAttempts } from '../../../src/core/row/attempts.ts'
import { withRangeOf } from '../../../src/core/task/record-changes.ts'
import { withPause } from '../../../src/core/task/task-changes.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import type { Instant } from '../../../src/core/types.ts'
import type { Attempt } from '../../../src/function-work.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { attemptVariables } from '../../../src/run/command.ts'
import type { LiveAttempt } from '../../../src/run/execute.ts'
import type { TriggerOptions } from '../../../src/run/run-trigger.ts'
import { inProcess } from '../../support/in-process.ts'
import { DAY_MS, FAILED, HOUR_MS, MINUTE_MS, PAUSE, rowWith } from '../../support/rows.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'
import { failsAfter, type HostOptions, TASK, works, world } from '../../support/simulated/world.ts'

const november = (day: number) => new Date(`2026-11-${day}T03:00:00Z`)
/** Returns what runs a trigger of a daily task at this time, without a process. */
function dailyRuns(time: string) {
  const { run } = inProcess(memoryStore(), { ...systemClock, now: () => Date.parse(time) })
  return (options: Partial<TriggerOptions>, batch?: (attempt: Attempt) => unknown) =>
    run({ task: TASK, schedule: '0 3 * * *', ...options }, batch)
}

const SINCE = { sinceLastSuccess: true, overlapTimeoutMs: 6 * HOUR_MS } as const
const FORCE = { by: 'ada', reason: 'bad input file', only: ['missed', 'failed', 'stale'] } as const
const call = () => ({ signal: new AbortController().signal })

/** `done` counts how often the work of each hour was done: a run does the hours after `since`, up to its own. */
function rangeWorld(hour = 12) {
  const at = world('hourly', hour)
  const hourOf = (slot: Instant | null | undefined) => (slot == null ? null : (slot - at.slotOfDay(0)) / HOUR_MS)
  const done = new Map<number, number>()
  const seen: LiveAttempt[] = []
  const counted =
    (work: ReturnType<typeof works>): typeof work =>
    async (live, clock) => {
      seen.push(live)
      const end = await work(live, clock)
      if (end.outcome === 'succeeded')
        for (let one = (hourOf(live.since) ?? 0) + 1; one <= (hourOf(live.slot) ?? 0); one++)
          done.set(one, (done.get(one) ?? 0) + 1)
      return end
    }
  const start = (runId: string, day: number, work = works(MINUTE_MS), options: HostOptions = {}) =>
    at.trigger(runId, counted(work), { day, settings: SINCE, ...options })
  async function run(day: number, work = works(1), options: HostOptions = {}) {
    const one = start(`run-${day}-${seen.length}`, day, work, options)
    const result = await at.time.run(one.result)
    return { ...one, result }
  }
  const rangesOf = async (day: number) => (await at.row(day)).attempts.map(({ since }) => hourOf(since))
  const wait = (ms: number) => at.time.run(at.time.clock().wait(ms))
  const force = (day: number, work = works(1), only: readonly string[] = FORCE.only) =>
    run(day, work, { force: { ...FORCE, only } as NonNullable<HostOptions['force']> })
  return { ...at, start, run, force, rangesOf, wait, hourOf, done, seen }
}

describe('runs with a range', () => {
  // promise: since-last-success
  test('the plain overrun: the next slot waits, and goes on from the one that ran', async () => {
    const { start, run, rangesOf, wait, time, done } = rangeWorld()
    await run(1)
    const [two, three] = [start('two', 2, works(15 * MINUTE_MS)), start('three', 3)]
    await wait(10 * MINUTE_MS)
    await time.run(Promise.all([two.result, three.result]))
    expect([await rangesOf(2), await rangesOf(3)]).toEqual([[1], [2]])
    expect(done.get(3)).toBe(1)
  })

  // promise: since-last-success
  test.each([[[4, 3, 2]], [[3, 4, 2]]])(
    'three that wait at once, in the order %j: each hour is done once',
    async (order) => {
      const { start, run, wait, time, done } = rangeWorld()
      const first = start('one', 1, works(5 * MINUTE_MS))
      const others = []
      for (const day of order) {
        await wait(1_000)
        others.push(start(`waits-${day}`, day))
      }
      await time.run(Promise.all([first.result, ...others.map(({ result }) => result)]))
      await run(5)
      expect([...done].sort()).toEqual([1, 2, 3, 4, 5].map((hour) => [hour, 1]))
    },
  )

  // promise: since-last-success
  test('a late trigger is a duplicate while the later run runs and after it, and its row says of which slot', async () => {
    const { start, run, row, wait, time, slotOfDay } = rangeWorld()
    await run(1)
    const later = start('later', 4, works(HOUR_MS))
    await wait(MINUTE_MS)
    expect((await run(3)).result).toMatchObject({ status: 'duplicate', cause: 'running' })
    await time.run(later.result)
    const late = await run(2)
    expect(late).toMatchObject({ result: { status: 'duplicate', cause: 'completed' } })
    expect(late.starts()).toBe(0)
    expect(await row(2)).toMatchObject({
      state: 'FAILED',
      attempts: [{ outcome: 'notStarted', gaveWayTo: slotOfDay(4) }],
      rejections: { count: 1, refused: 0 },
    })
    expect(late.events).toMatchObject([{ event: 'duplicate', by: { slot: slotOfDay(4) } }])
  })

  test('a late trigger starts if the record of the run that did its work is deleted, also if it was a duplicate before', async () => {
    const { run, rangesOf, ledger, slotOfDay } = rangeWorld()
    await run(1)
    await run(4)
    expect((await run(3)).result).toMatchObject({ status: 'duplicate' })
    ledger.remove({ task: TASK, slot: slotOfDay(4) })
    expect((await run(3)).result).toMatchObject({ status: 'completed' })
    expect(await rangesOf(3)).toEqual([null, 1])
  })

  // promise: since-last-success
  test('a late trigger in the range of a failed run starts from the newest success before it', async () => {
    const { run, force, rangesOf, resolve, time } = rangeWorld()
    await run(1)
    await run(5, failsAfter(1))
    expect((await run(3)).result).toMatchObject({ status: 'completed' })
    expect(await rangesOf(3)).toEqual([1])
    // The repetition does not do what that run has done.
    await force(5)
    expect(await rangesOf(5)).toEqual([1, 3])
    expect(await time.run(resolve('looked', 'SKIPPED', { day: 2 }))).toMatchObject({ kind: 'resolved' })
  })

  test.each([[[2, 3, 4]], [[3, 2, 4]], [[4, 3, 2]], [[3, 4, 2]]])(
    'slots in the range of a failed run and that one, forced at once and then in the order %j: each hour is done once',
    async (order) => {
      const { start, run, force, time, done } = rangeWorld()
      await run(1)
      await run(4, failsAfter(1))
      const atOnce = order.map((day) => start(`at-once-${day}`, day, works(MINUTE_MS), { force: { ...FORCE } }))
      await time.run(Promise.all(atOnce.map(({ result }) => result)))
      for (const day of order) await force(day)
      expect([...done].sort()).toEqual([1, 2, 3, 4].map((hour) => [hour, 1]))
    },
  )

  test('a force is refused in a range that is done, and where it repeats completed work it does only its own slot', async () => {
    const { run, force, rangesOf, start, wait, time } = rangeWorld()
    await run(1)
    const later = start('later', 5, works(HOUR_MS))
    await wait(MINUTE_MS)
    expect((await force(3)).result).toMatchObject({ status: 'refused', cause: 'running' })
    await time.run(later.result)
    expect((await force(3)).result).toMatchObject({ status: 'refused', cause: 'completed' })
    expect((await force(3, works(1), ['missed', 'failed', 'completed'])).result).toMatchObject({ status: 'completed' })
    expect((await rangesOf(3)).at(-1)).toBe(2)
  })

  test('a failed slot whose attempts are used up is done by a later run: its trigger is a duplicate', async () => {
    const { run } = rangeWorld()
    await run(1)
    await run(2, failsAfter(1))
    expect((await run(2)).result).toMatchObject({ status: 'refused', cause: 'failed' })
    await run(3)
    expect((await run(2)).result).toMatchObject({ status: 'duplicate', cause: 'completed' })
  })

  // promise: range-repeated
  test('the range is on record before the batch starts, so a killed run still says it', async () => {
    const { run, start, rangesOf, row, wait } = rangeWorld()
    await run(1)
    let recorded: unknown
    const batch: ReturnType<typeof works> = async (live, clock) => {
      recorded = (await row(3)).attempts
      return works(HOUR_MS)(live, clock)
    }
    start('killed', 3, batch, { overrides: { heartbeatMs: DAY_MS } })
    await wait(1_000)
    expect(recorded).toMatchObject([{ since: expect.any(Number) }])
    expect(await rangesOf(3)).toEqual([1])
  })

  // promise: range-repeated
  test('a retry goes on from what was done during its delay, without the checkpoint of another range', async () => {
    const { run, start, rangesOf, wait, time, resolve, seen } = rangeWorld()
    await run(1)
    const settings = { ...SINCE, maxAttempts: 2, retryDelayMs: HOUR_MS }
    const failsOnce: ReturnType<typeof works> = (live, clock) => {
      live.keepCheckpoint(() => `page ${live.number}`)
      return (live.number === 1 ? failsAfter(1) : works(1))(live, clock)
    }
    const retried = start('retried', 4, failsOnce, { settings })
    await wait(MINUTE_MS)
    await time.run(resolve('by-hand', 'COMPLETED', { day: 3 }))
    expect(await time.run(retried.result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect(await rangesOf(4)).toEqual([1, 3])
    expect(seen.at(-1)?.checkpoint).toBeNull()
  })

  test('a run without the option, of a task whose runs have ranges, looks and does only its own slot', async () => {
    const { run } = rangeWorld()
    await run(4)
    expect((await run(3, works(1), { settings: {} })).result).toMatchObject({ status: 'duplicate', cause: 'completed' })
    const later = await run(5, works(1), { settings: {} })
    expect(later.result).toMatchObject({ status: 'completed' })
    // The record does not say any more that its runs have ranges.
    expect((await run(2, works(1), { settings: {} })).result).toMatchObject({ status: 'duplicate', cause: 'completed' })
    // The record has room for 50 changes, and keeps that one.
    for (let day = 6; day < 60; day += 1) await run(day, works(1), { settings: { graceMs: day * MINUTE_MS } })
    expect((await run(1, works(1), { settings: {} })).result).toMatchObject({ status: 'duplicate', cause: 'completed' })
  })

  test('a run with a range and without a success: the row says how far back it was searched, and what came after that is done', async () => {
    const { run, row } = rangeWorld()
    const first = await run(4)
    expect((await row(4)).attempts).toMatchObject([{ searched: 0 }])
    expect(first.events.some((event) => event.event === 'warning' && event.message.includes('is not set'))).toBe(true)
    expect((await run(3)).result).toMatchObject({ status: 'duplicate', cause: 'completed' })
    expect(await row(5).catch(() => null)).toBeNull()
  })

  test('1,000 rows without a success end the search, and 1,000 later rows leave it unknown', async () => {
    const { run, force, ledger, slotOfDay, row } = rangeWorld(1_600)
    const failed = rowWith({ ending: FAILED })
    // Half of the rows are slots that a force ran between two hours.
    for (let half = 3; half < 1_010; half++)
      await ledger.put({ ...failed, slot: slotOfDay(half / 2), windowEnd: null, version: 1 }, 'absent', call())
    await run(505)
    const [attempt] = endedAttempts(await row(505))
    expect(attempt).toMatchObject({ searched: expect.any(Number) })
    expect(attempt).not.toHaveProperty('since')
    for (let half = 1_012; half < 2_020; half++)
      await ledger.put({ ...failed, slot: slotOfDay(half / 2), windowEnd: null, version: 1 }, 'absent', call())
    expect((await run(1)).result).toMatchObject({ status: 'refused', cause: 'rangeUnknown' })
    expect((await force(1, works(1), ['failed'])).result).toMatchObject({ status: 'completed' })
  })

  test('a run with a range starts nothing if the ledger does not answer the query', async () => {
    const { run, row, start, time } = rangeWorld()
    const fateOf = ({ verb }: { verb: string }) => ({ kind: verb === 'list' ? 'denied' : 'answered' }) as const
    await run(1)
    const denied = start('denied', 3, works(1), { fateOf })
    await expect(time.run(denied.result)).rejects.toMatchObject({ kind: 'denied' })
    expect(denied.starts()).toBe(0)
    expect(await row(3)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'notStarted' }] })
  })

  // promise: range-start
  test('a forced run gets its range by the record, also after a first run that found no success, and is refused if a run did its work', async () => {
    const run = dailyRuns('2026-11-26T04:00:00Z')
    const given: unknown[] = []
    const batch = ({ since }: Attempt) => given.push(since)
    await run({ eventTime: november(24), sinceLastSuccess: true }, batch)
    await run({ force: { slot: november(25), reason: 'missed' } }, batch)
    expect(given).toEqual([null, november(24)])
    // The runs have no range any more.
    await run({ eventTime: november(26) }, batch)
    const before = await run({ force: { slot: november(23), reason: 'missed' } }, batch)
    expect(before).toMatchObject({ code: 65, started: 0 })
  })

  test.each([
    ['a forced run', { force: { slot: november(26), reason: 'missed' } }],
    ['a late trigger', { eventTime: november(26) }],
  ])('the range of %s counts, although the other runs of the task state none', async (_, trigger) => {
    const run = dailyRuns('2026-11-28T04:00:00Z')
    for (const day of [24, 27]) await run({ eventTime: november(day) })
    expect(await run({ ...trigger, sinceLastSuccess: true })).toMatchObject({ code: 0, started: 1 })
    const inRange = await run({ eventTime: november(25) })
    expect(inRange).toMatchObject({ code: 0, started: 0, events: [{ event: 'duplicate' }] })
    expect(await run({ eventTime: november(28) })).toMatchObject({ code: 0, started: 1 })
  })

  test.each<[string, string, (one: TaskRecord, slot: Instant) => TaskRecord]>([
    ['a pause of later slots comes', 'completed', (one, slot) => withPause(one, { ...PAUSE, from: slot + DAY_MS })],
    ['a pause of its slot comes', 'paused', (one, from) => withPause(one, { ...PAUSE, from })],
    ['another run states the same', 'completed', (one, at) => withRangeOf(one, at, { ...PAUSE, at })],
  ])('the range of a late trigger is stated once, also if %s before the write: %s', async (_, status, change) => {
    const { run, record, ledger, changeRecord, slotOfDay } = rangeWorld()
    for (const day of [1, 4]) await run(day, works(1), { settings: {} })
    const { writeEntry } = ledger
    ledger.writeEntry = async (key, ...entry) => {
      if (key.kind === '#task') {
        ledger.writeEntry = writeEntry
        await changeRecord((one) => change(one, slotOfDay(3)))
      }
      return writeEntry(key, ...entry)
    }
    expect((await run(3)).result).toMatchObject({ status })
    expect((await record()).changes).toMatchObject([{ from: slotOfDay(3) + 1_000 }])
  })

  test('a slot stays done by a later run, also if a late run of a slot between them states no range', async () => {
    const run = dailyRuns('2026-11-28T02:00:00Z')
    await run({ eventTime: november(24), sinceLastSuccess: true })
    await run({ force: { slot: november(27), reason: 'missed' } })
    expect(await run({ eventTime: november(26) })).toMatchObject({ code: 0, started: 0 })
    const report = { task: 'report', schedule: '0 4 * * *', after: [TASK], afterTimeoutMs: 0 }
    const ran = await run({ ...report, eventTime: new Date('2026-11-25T04:00:00Z') })
    expect(ran).toMatchObject({ code: 0, started: 1 })
  })

  test('a run with a range gives the batch a variable, which is not set if there is no success', async () => {
    const { run, seen, slotOfDay } = rangeWorld()
    await run(2)
    await run(3)
    const [first, second] = seen.map(attemptVariables)
    expect(first).not.toHaveProperty('CRONLEDGER_RUN_SINCE')
    expect(second).toMatchObject({ CRONLEDGER_RUN_SINCE: new Date(slotOfDay(2)).toISOString().replace('.000', '') })
  })
})
