import { expect, test } from 'vitest'
import { isUnreadable } from '../../../src/core/row/status.ts'
import { withPause, withRetirement } from '../../../src/core/task/task-changes.ts'
import type { Suspension, TaskRecord } from '../../../src/core/task/task-record.ts'
import { systemClock } from '../../../src/process/clock.ts'
import type { TriggerOptions } from '../../../src/run/run-trigger.ts'
import { inProcess } from '../../support/in-process.ts'
import { CALL, DAY_MS, HOUR_MS, PAUSE } from '../../support/rows.ts'
import type { Call, Fate } from '../../support/simulated/faulty-store.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'
import { slotOf, type TriggerHost, triggers } from '../../support/simulated/triggers.ts'
import { failsAfter, fates, isRenewal, recordVerbs, TASK, works } from '../../support/simulated/world.ts'

const CATCH_UP = { catchUpMs: 31 * DAY_MS }

function ledgerOf() {
  const at = triggers()
  const { time, ledger, trigger } = at
  const start = (day: number, options: Partial<TriggerOptions> = {}, work = works(1_000), host: TriggerHost = {}) =>
    trigger({ eventTime: new Date(slotOf(day)), ...options }, work, host)
  async function play(...args: Parameters<typeof start>) {
    const run = start(...args)
    const result = await time.run(run.result)
    const names = run.events.map(({ event }) => event.event)
    const caughtUp = result.caughtUp.map(({ status }) => status)
    return { ...run, result, names, days: run.started.map(dayOf), caughtUp }
  }
  const rowOf = (day: number) => ledger.get({ task: TASK, slot: slotOf(day) }, CALL)
  return { ...at, start, play, change: at.changeRecord, rowOf }
}

const dayOf = (slot: number) => (slot - slotOf(0)) / DAY_MS
const pausing = (pause: Suspension) => (record: TaskRecord) => withPause(record, pause)
const between = (from: number, until: number | null): Suspension => ({
  ...PAUSE,
  from: slotOf(from),
  until: until === null ? null : slotOf(until),
})

test('a run catches up the missed slots before its own slot, the oldest first, each as an attempt of its own', async () => {
  const { play, rowOf } = ledgerOf()
  await play(-4)
  await play(-2)
  const { result, days, names, caughtUp } = await play(0, CATCH_UP)
  expect(days).toEqual([-3, -1, 0])
  expect(names).toEqual(['catch-up', 'claimed', 'ended', 'claimed', 'ended', 'claimed', 'ended'])
  expect(caughtUp).toEqual(['completed', 'completed'])
  expect(result).toMatchObject({ status: 'completed', slot: new Date(slotOf(0)) })
  expect(result.caughtUp.map(({ slot, windowEnd }) => [slot, windowEnd])).toEqual([
    [new Date(slotOf(-3)), new Date(slotOf(-2))],
    [new Date(slotOf(-1)), new Date(slotOf(0))],
  ])
  const trigger = { kind: 'scheduled', eventTime: slotOf(-3), source: 'catch-up' }
  expect(await rowOf(-3)).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1, trigger }] })
  expect(new Set([result, ...result.caughtUp].map(({ runId }) => runId)).size).toBe(3)
})

test('nothing is caught up without the setting, and nothing in a forced run, which refuses it', async () => {
  const { time, play, start } = ledgerOf()
  await play(-2)
  expect((await play(0)).days).toEqual([0])
  const forced = start(0, { ...CATCH_UP, eventTime: undefined, force: { slot: 'latest', reason: 'again', by: 'ada' } })
  await expect(time.run(forced.result)).rejects.toThrow('--catch-up cannot be used with a forced slot')
})

test('nothing is caught up that a run with a range has done, also if the runs have none any more', async () => {
  // In virtual time, the rows of ranges cannot be read, because that yields to the event loop.
  const { run } = inProcess(memoryStore(), { ...systemClock, now: () => slotOf(0) + 5_000 })
  const play = async (day: number, options: Partial<TriggerOptions> = {}) => {
    const days: number[] = []
    const eventTime = new Date(slotOf(day))
    await run({ task: TASK, schedule: '0 3 * * *', eventTime, ...options }, ({ slot }) => days.push(dayOf(+slot)))
    return days
  }
  await play(-5, { sinceLastSuccess: true })
  await play(-3, { sinceLastSuccess: true })
  await play(-2)
  expect(await play(0, CATCH_UP)).toEqual([-1, 0])
})

test('a run catches up only slots of the span, past the grace, and before its own slot', async () => {
  const { time, play } = ledgerOf()
  await play(-9)
  // The span ends 5 s after the slot of three days ago.
  expect((await play(-1, { catchUpMs: 3 * DAY_MS })).days).toEqual([-2, -1])
  await time.run(time.clock().wait(2 * DAY_MS))
  expect((await play(2, { ...CATCH_UP, graceMs: 3 * DAY_MS })).days).toEqual([-8, -7, -6, -5, -4, -3, 2])
})

test('a run catches up no slot that is later than --max-lateness allows', async () => {
  const { play } = ledgerOf()
  await play(-9)
  const { days, events } = await play(0, { ...CATCH_UP, maxLatenessMs: 2 * DAY_MS + 10_000 })
  expect(days).toEqual([-2, -1, 0])
  expect(events[0]?.event).toMatchObject({ event: 'catch-up', count: 2 })
})

test('a slot that becomes too late while the slots before it run is left out, and has no row', async () => {
  const { play, rowOf } = ledgerOf()
  await play(-3)
  const rarely = { heartbeatMs: HOUR_MS, leaseMs: 9 * HOUR_MS }
  const options = { ...CATCH_UP, ...rarely, maxLatenessMs: 3 * DAY_MS }
  const { days, names, caughtUp } = await play(0, options, works(60 * HOUR_MS))
  expect(days).toEqual([-2, 0])
  expect(caughtUp).toEqual(['completed'])
  expect(names).not.toContain('refused')
  expect(await rowOf(-1)).toBe(null)
})

// promise: catch-up-at-once
test('a run never catches up a slot that failed, is stale, is running or was skipped', async () => {
  const { time, ledger, play, start, rowOf } = ledgerOf()
  await play(-6)
  await play(-5, {}, failsAfter(1))
  const failed = await rowOf(-5)
  if (failed === null || isUnreadable(failed) || failed.state === 'PENDING') throw new Error('not failed')
  const resolution = { state: 'SKIPPED', at: slotOf(0), by: 'ada', reason: 'not needed', afterAttempt: 1 } as const
  const skipped = { ...failed, slot: slotOf(-2), windowEnd: slotOf(-1), state: 'SKIPPED' } as const
  await ledger.put({ ...skipped, resolutions: [resolution] }, 'absent', CALL)
  const silent = start(-4, {}, works(100 * HOUR_MS), {
    fateOf: (call) => ({ kind: isRenewal(call) ? 'dropped' : 'answered' }),
  })
  await time.run(time.clock().wait(HOUR_MS))
  const running = start(-3, {}, works(100 * HOUR_MS))
  await time.run(time.clock().wait(10_000))
  const { days, result } = await play(0, { ...CATCH_UP, maxAttempts: 5 })
  expect(days).toEqual([-1, 0])
  expect(result.caughtUp).toHaveLength(1)
  expect(await rowOf(-4)).toMatchObject({ state: 'PENDING', attempts: [{}], rejections: { count: 0 } })
  for (const { stop } of [silent, running]) stop()
})

test('a task without a record has nothing to catch up', async () => {
  const { play } = ledgerOf()
  const { verbs, fateOf } = recordVerbs()
  expect((await play(0, CATCH_UP, works(1), { fateOf })).days).toEqual([0])
  expect(verbs).toEqual(['readEntry', 'put', 'readEntry', 'writeEntry', 'put'])
})

test.each<[string, Partial<TriggerOptions>, string]>([
  ['its event time does not match', { eventTime: new Date(slotOf(-1) + HOUR_MS) }, 'scheduleMismatch'],
  ['its schedule changed', { schedule: '0 3 * * 1-6' }, 'scheduleChanged'],
])('a run that is refused because %s catches nothing up', async (_, options, cause) => {
  const { play } = ledgerOf()
  await play(-3)
  const { started, result } = await play(0, { ...CATCH_UP, ...options, strict: true })
  expect(result).toMatchObject({ status: 'refused', cause, caughtUp: [] })
  expect(started).toEqual([])
  expect((await play(0, { ...CATCH_UP, strict: true })).days).toEqual([-2, -1, 0])
})

test('a run catches up at most 100 slots, the oldest first, and the next run goes on', async () => {
  const { play } = ledgerOf()
  const hourly = { schedule: '0 * * * *' }
  await play(-5, hourly)
  const first = await play(0, { ...hourly, ...CATCH_UP })
  expect(first.events[0]?.event).toMatchObject({
    event: 'catch-up',
    count: 100,
    oldest: slotOf(-5) + HOUR_MS,
    newest: slotOf(-5) + 100 * HOUR_MS,
    left: 19,
  })
  expect(first.started).toHaveLength(101)
  const next = await play(0, { ...hourly, ...CATCH_UP })
  expect(next.events[0]?.event).toMatchObject({ event: 'catch-up', count: 19, left: 0 })
  expect(next.started).toHaveLength(19)
  expect(next.result.status).toBe('duplicate')
})

const NOON = { schedule: '0 12 * * *' }

test('each caught-up slot runs under the schedule that was in force', async () => {
  const { time, play, rowOf } = ledgerOf()
  await play(-6)
  await play(-4)
  await time.run(time.clock().wait(DAY_MS))
  const noon = slotOf(-3) + 9 * HOUR_MS
  await play(-3, { ...NOON, eventTime: new Date(noon) })
  const { started, result } = await play(0, { ...NOON, ...CATCH_UP, eventTime: new Date(noon + 3 * DAY_MS) })
  expect(started).toEqual([slotOf(-5), noon + DAY_MS, noon + 2 * DAY_MS, noon + 3 * DAY_MS])
  expect(result.caughtUp[0]).toMatchObject({ windowEnd: new Date(slotOf(-4)) })
  expect(await rowOf(-5)).toMatchObject({ schedule: { expression: '0 3 * * *' } })
})

test('the first run of a new schedule does not catch up slots that the earlier one had after the change', async () => {
  const { time, play } = ledgerOf()
  await play(-3)
  await time.run(time.clock().wait(DAY_MS))
  // The change may have come before the slot of the earlier schedule at 03:00 of that day.
  const { started } = await play(0, { ...NOON, ...CATCH_UP, eventTime: new Date(slotOf(-2) + 9 * HOUR_MS) })
  expect(started).toEqual([slotOf(-2) + 9 * HOUR_MS])
})

test('a slot that may not have been due is left to an operator', async () => {
  const { play, ledger } = ledgerOf()
  await play(-6, CATCH_UP)
  const noon = (day: number) => slotOf(day) + 9 * HOUR_MS
  const runs = []
  for (const day of [-3, -2]) runs.push(await play(0, { ...CATCH_UP, ...NOON, eventTime: new Date(noon(day)) }))
  expect(runs.map(({ started, names }) => [started, names.includes('catch-up')])).toEqual([
    [[noon(-3)], false],
    [[noon(-2)], false],
  ])
  const { rows } = await ledger.list({ kind: 'task', task: TASK, limit: 100 }, CALL)
  expect(rows.map(({ slot }) => slot)).toEqual([noon(-2), noon(-3), slotOf(-6)])
})

test('a late run of an old slot states no schedule if a later slot ran on schedule, also if that was forced since', async () => {
  const { play, record } = ledgerOf()
  await play(-4)
  await play(-2, {}, failsAfter(1))
  for (const day of [-2, -1])
    await play(0, { eventTime: undefined, force: { slot: new Date(slotOf(day)), reason: 'again', by: 'ada' } })
  await play(0, { ...NOON, eventTime: new Date(slotOf(-3) + 9 * HOUR_MS) })
  expect((await record()).schedules).toEqual([{ since: slotOf(-4), spec: { expression: '0 3 * * *', zone: 'UTC' } }])
})

test('a schedule of the record that cannot be read is only a warning', async () => {
  const { play, change } = ledgerOf()
  await play(-3)
  const unknown = { since: slotOf(-9), spec: { expression: '0 3 * * *', zone: 'Atlantis/Capital' } }
  await change((record) => ({ ...record, schedules: [unknown, ...record.schedules] }))
  const { events, days } = await play(0, CATCH_UP)
  expect(days).toEqual([0])
  const message = expect.stringMatching(/^catch-up cannot find the missed slots: .*Atlantis/)
  expect(events[0]?.event).toMatchObject({ event: 'warning', message })
})

// promise: catch-up-at-once
test('a slot in a pause or a retirement is not caught up', async () => {
  const { play, change } = ledgerOf()
  await play(-9)
  await change(pausing(between(-8, -6)))
  await change((record) => withRetirement(record, between(-4, -2)))
  expect((await play(0, CATCH_UP)).days).toEqual([-6, -5, -2, -1, 0])
})

test('a paused run catches nothing up, and asks for one record more', async () => {
  const { play, change } = ledgerOf()
  await play(-3)
  await change(pausing(between(0, null)))
  const { verbs, fateOf } = recordVerbs()
  const { result, names } = await play(0, CATCH_UP, works(1), { fateOf })
  expect(result).toMatchObject({ status: 'paused', caughtUp: [] })
  expect(names).toEqual(['paused'])
  expect(verbs).toEqual(['readEntry', 'put', 'readEntry', 'put'])
})

// promise: catch-up-interrupted
test('a pause that is set in the middle ends the catch-up, and the slots that are left have no row', async () => {
  const { time, start, play, change, rowOf } = ledgerOf()
  await play(-4)
  const run = start(0, CATCH_UP, works(10_000))
  await time.run(time.clock().wait(15_000))
  await change(pausing({ ...PAUSE, from: time.now() }))
  const { status, caughtUp } = await time.run(run.result)
  expect([status, ...caughtUp.map((one) => one.status)]).toEqual(['paused', 'completed', 'completed'])
  expect(run.started.map(dayOf)).toEqual([-3, -2])
  expect(await rowOf(-1)).toBe(null)
})

test('a record of a newer cronledger: nothing is caught up, and the run is refused', async () => {
  const { play, ledger } = ledgerOf()
  await play(-3)
  const entry = { version: 2, document: { schemaVersion: 3 } }
  await ledger.writeEntry({ task: TASK, kind: '#task' }, entry, 1, CALL)
  const { result, started } = await play(0, CATCH_UP)
  expect(result).toMatchObject({ status: 'refused', cause: 'newerTaskRecord', caughtUp: [] })
  expect(started).toEqual([])
})

test('a caught-up slot that fails does not stop the rest', async () => {
  const { play } = ledgerOf()
  await play(-4)
  const work: ReturnType<typeof works> = (attempt, clock) =>
    (dayOf(attempt.slot) === -3 ? failsAfter(1) : works(1))(attempt, clock)
  const { caughtUp, result, days } = await play(0, CATCH_UP, work)
  expect(days).toEqual([-3, -2, -1, 0])
  expect(caughtUp).toEqual(['failed', 'completed', 'completed'])
  expect(result.status).toBe('completed')
})

test('a slot of a catch-up states nothing about the task', async () => {
  const { play, record } = ledgerOf()
  await play(-3)
  await play(0, { ...CATCH_UP, doneByMs: HOUR_MS })
  expect(await record()).toMatchObject({ expectations: { since: slotOf(0), doneByMs: HOUR_MS } })
})

// promise: catch-up-at-once
test('two triggers that catch up at once: each missed slot runs once, and no scheduler is told about the others', async () => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-6)
  const runs = [start(0, CATCH_UP, works(1_000)), start(0, CATCH_UP, works(1_000))]
  const outcomes = await time.run(Promise.all(runs.map(({ result }) => result)))
  expect(runs.flatMap(({ started }) => started.map(dayOf)).sort((a, b) => a - b)).toEqual([-5, -4, -3, -2, -1, 0])
  for (const { started } of runs) expect(started).toEqual([...started].sort())
  const statuses = outcomes.flatMap(({ caughtUp }) => caughtUp.map(({ status }) => status)).sort()
  expect(statuses).toEqual([...Array(5).fill('completed'), ...Array(5).fill('taken')])
  const rejected = await Promise.all([-5, -4, -3, -2, -1].map(rowOf))
  expect(rejected).toMatchObject(Array(5).fill({ rejections: { count: 0 } }))
  expect(runs.flatMap(({ events }) => events).filter(({ event }) => event.event === 'duplicate')).toHaveLength(1)
})

// promise: catch-up-interrupted
test('a stop ends a catch-up in order, and what is left is caught up next time', async () => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-4)
  const run = start(0, CATCH_UP, works(10_000))
  await time.run(time.clock().wait(15_000))
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', attempt: null })
  expect(run.started.map(dayOf)).toEqual([-3, -2])
  expect(run.events.at(-1)).toEqual({ slot: slotOf(0), event: { event: 'stopped' } })
  expect([await rowOf(-1), await rowOf(0)]).toEqual([null, null])
  expect((await play(0, CATCH_UP)).days).toEqual([-1, 0])
})

test.each([
  ['the record is read', 'readEntry'],
  ['the rows are read', 'listSlots'],
] as const)('a stop while %s starts nothing', async (_, verb) => {
  const { time, play, start } = ledgerOf()
  await play(-3)
  const fateOf = (call: Call): Fate => ({ kind: call.verb === verb ? 'stalled' : 'answered' })
  const run = start(0, CATCH_UP, works(1), { fateOf })
  await time.run(time.clock().wait(1_000))
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', caughtUp: [] })
  expect(run.started).toEqual([])
})

test.each([
  ['no answer', 'unreachable', 'stalled'],
  ['a denial', 'denied', 'denied'],
] as const)('a slot that a catch-up claimed and did not start is caught up next time: %s', async (_, kind, fate) => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-2)
  // The first read finds the missed slots, the second one comes before the claim, and the third one after it.
  let reads = 0
  const fateOf: TriggerHost['fateOf'] = ({ verb }) => ({
    kind: verb === 'readEntry' && ++reads >= 3 ? fate : 'answered',
  })
  const options = { ...CATCH_UP, ledgerTimeoutMs: 5_000 }
  await expect(time.run(start(0, options, works(1_000), { fateOf }).result)).rejects.toMatchObject({ kind })
  expect(await rowOf(-1)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'notStarted' }] })
  expect((await play(0, options)).days).toEqual([-1, 0])
  expect(await rowOf(-1)).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1 }, { number: 2 }] })
})

test('with --overlap skip, two runs at once skip no slot: they wait for missed slots, and missed slots wait', async () => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-5)
  const options = { ...CATCH_UP, overlap: 'skip' } as const
  const both = [start(0, options, works(HOUR_MS / 12)), start(0, options, works(HOUR_MS / 12))]
  await time.run(Promise.all(both.map(({ result }) => result)))
  const days = both.flatMap(({ started }) => started.map(dayOf))
  expect(days.toSorted((a, b) => a - b)).toEqual([-4, -3, -2, -1, 0])
  for (const day of [-4, -3, -2, -1, 0]) expect(await rowOf(day)).toMatchObject({ state: 'COMPLETED' })
})

// promise: catch-up-unreadable
test.each([
  ['unreachable', { kind: 'stalled' }],
  ['denied', { kind: 'denied' }],
] as const)('a catch-up whose rows cannot be read: nothing starts (%s)', async (kind, fate) => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-3)
  const fateOf = ({ verb }: Call): Fate => (verb === 'listSlots' ? fate : { kind: 'answered' })
  const run = start(0, CATCH_UP, works(1), { fateOf })
  const message = expect.stringMatching(/^catch-up cannot find the missed slots: /)
  await expect(time.run(run.result)).rejects.toMatchObject({ kind, message })
  expect(run.started).toEqual([])
  expect(run.events.map(({ event }) => event.event)).toEqual(['unusable'])
  expect(await rowOf(0)).toBe(null)
})

test('the rows of a catch-up are asked for again until the ledger timeout', async () => {
  const { play } = ledgerOf()
  await play(-3)
  const dropped = { kind: 'dropped' } as const
  const fateOf = fates(({ verb }) => verb === 'listSlots', dropped, dropped, dropped)
  expect((await play(0, CATCH_UP, works(1), { fateOf })).days).toEqual([-2, -1, 0])
})

test('all pages of a catch-up together take no longer than the ledger timeout: then nothing starts', async () => {
  const { time, play, start } = ledgerOf()
  const hourly = { schedule: '0 * * * *' }
  // The ledger of the tests has 20 slots in a page, so these are three pages.
  for (let hour = -50; hour < -1; hour += 1) {
    await play(0, { ...hourly, eventTime: new Date(slotOf(0) + hour * HOUR_MS) })
  }
  const listed: string[] = []
  const slow = (call: Call): Fate => {
    if (call.verb === 'listSlots') listed.push(call.verb)
    return { kind: 'answered', afterMs: call.verb === 'listSlots' ? 12_000 : 5 }
  }
  const inTime = { ...hourly, ...CATCH_UP, ledgerTimeoutMs: 60_000 }
  expect((await play(0, inTime, works(1), { fateOf: slow })).days).toEqual([-1 / 24, 0])
  expect(listed).toHaveLength(3)
  await time.run(time.clock().wait(HOUR_MS))
  const eventTime = new Date(slotOf(0) + HOUR_MS)
  const late = { ...hourly, ...CATCH_UP, eventTime, ledgerTimeoutMs: 30_000 }
  const run = start(0, late, works(1), { fateOf: slow })
  await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
  expect(run.started).toEqual([])
})

test('a row that is damaged hides no missed slot', async () => {
  const { ledger, play } = ledgerOf()
  await play(-4)
  ledger.writeRaw({ task: TASK, slot: new Date(slotOf(-2)).toISOString().replace('.000', ''), state: 'odd' })
  expect((await play(0, CATCH_UP)).days).toEqual([-3, -1, 0])
})

test('a ledger that is lost in the middle: the slots that are left and the own slot do not start', async () => {
  const { time, play, start, rowOf } = ledgerOf()
  await play(-4)
  let lost = false
  const run = start(0, CATCH_UP, works(1), {
    fateOf: ({ verb }) => ({ kind: lost && verb === 'readEntry' ? 'stalled' : 'answered' }),
    onEvent: ({ event }) => {
      lost ||= event === 'ended'
    },
  })
  await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
  expect(run.started.map(dayOf)).toEqual([-3])
  expect(run.events.at(-1)).toMatchObject({ slot: slotOf(0), event: { event: 'unusable' } })
  expect([await rowOf(-2), await rowOf(0)]).toEqual([null, null])
})
