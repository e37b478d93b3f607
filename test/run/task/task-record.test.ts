import { describe, expect, test } from 'vitest'
import { checkTask } from '../../../src/audit/check.ts'
import { withPause, withRetirement } from '../../../src/core/task/task-changes.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import { futureRun, futureSlotIn, withoutFuture } from '../../../src/core/task/wrong-clock.ts'
import type { TriggerOptions } from '../../../src/run/run-trigger.ts'
import { DAY_MS, HOUR_MS, PAUSE, recordWith, rowWith, SUCCEEDED } from '../../support/rows.ts'
import { slotOf, triggers } from '../../support/simulated/triggers.ts'
import { TASK, works } from '../../support/simulated/world.ts'

const DAILY = { expression: '0 3 * * *', zone: 'UTC' }
const NOON = { expression: '0 12 * * *', zone: 'UTC' }

const CATCH_UP = { catchUpMs: 31 * DAY_MS }
const forceOf = (day: number) => ({ force: { slot: new Date(slotOf(day)), reason: 'the ledger was down', by: 'ops' } })

function ledgerOf() {
  const { time, ledger, record, changeRecord, trigger } = triggers()
  async function play(options: Partial<TriggerOptions> = {}, offsetMs = 0) {
    const run = trigger(options, works(1_000), { time: { offsetMs } })
    const result = await time.run(run.result)
    const warnings = run.events.flatMap(({ event }) => (event.event === 'warning' ? [event.message] : []))
    return { ...run, result, warnings }
  }
  async function check() {
    const clock = time.clock()
    const now = clock.now()
    const settings = { now, since: slotOf(-30), until: now, progress: () => {} }
    const deps = { store: ledger, clock, pageTimeoutMs: 1_000, signals: [] }
    const found: unknown[] = []
    for await (const one of checkTask({ task: TASK, ...(await record()) }, settings, deps))
      found.push([one.kind, one.slot, ...('doubt' in one && one.doubt ? [one.doubt] : [])])
    return found
  }
  const sleep = (ms: number) => time.run(time.clock().wait(ms))
  return { play, record, changeRecord, check, sleep }
}

describe.each([
  ['a day', DAY_MS],
  ['9 hours', 9 * HOUR_MS],
  ['four years', 1461 * DAY_MS],
])('a clock that was %s ahead', (_, ahead) => {
  const hourly = { schedule: '0 * * * *' }

  // promise: clock-ahead
  test('for the first run: check does not say that nothing is missing, and the next run corrects the record', async () => {
    const { play, record, check, sleep } = ledgerOf()
    await play(hourly, ahead)
    await expect(check()).rejects.toThrow('clock of its host was ahead')
    await sleep(HOUR_MS)
    const next = await play({ ...hourly, catchUpMs: 31 * DAY_MS })
    expect(next.started).toEqual([slotOf(0) + HOUR_MS])
    expect(next.warnings).toEqual([expect.stringContaining('This run has corrected the record')])
    const spec = { expression: '0 * * * *', zone: 'UTC' }
    expect((await record()).schedules).toEqual([{ since: slotOf(0) + HOUR_MS, spec }])
    await sleep(2 * HOUR_MS)
    expect((await play({ ...hourly, catchUpMs: 31 * DAY_MS })).started).toEqual(
      [2, 3].map((hours) => slotOf(0) + hours * HOUR_MS),
    )
    // The row of the future stays, and its trigger will be a duplicate.
    if (ahead > 3 * HOUR_MS) await expect(check()).rejects.toMatchObject({ kind: 'shape' })
  })

  // promise: clock-ahead
  test('for one run: a later change of the schedule is recorded, and nothing starts that was not due', async () => {
    const { play, record, sleep } = ledgerOf()
    await play(hourly)
    await play(hourly, ahead)
    await sleep(6 * HOUR_MS)
    const noon = { schedule: '30 8 * * *', catchUpMs: DAY_MS }
    expect((await play(noon)).started).toEqual([slotOf(0) + 5.5 * HOUR_MS])
    await sleep(DAY_MS)
    expect((await play(noon)).started).toEqual([slotOf(1) + 5.5 * HOUR_MS])
    expect((await record()).schedules.map(({ spec }) => spec.expression)).toEqual(['0 * * * *', '30 8 * * *'])
  })
})

test('a clock that was years behind states no schedule, and says so', async () => {
  const { play, record } = ledgerOf()
  const { warnings } = await play({ schedule: '0 * * * *' }, Date.UTC(2020, 0, 1) - slotOf(0))
  expect(warnings).toEqual([expect.stringContaining('the clock of this host is years behind')])
  expect((await record()).schedules).toEqual([])
  expect((await play({ schedule: '0 * * * *', catchUpMs: DAY_MS })).started).toEqual([slotOf(0)])
})

test('a declared schedule may begin in the future, and a run of the future does not confirm it', () => {
  const [now, later] = [slotOf(0), slotOf(9)]
  const daily = { since: slotOf(-1), spec: DAILY }
  const noon = { since: later, spec: NOON }
  const record = recordWith([daily, { ...noon, declared: 'unconfirmed' }], { pauses: [PAUSE] })
  expect(futureSlotIn(record, now)).toBe(null)
  expect(withoutFuture(record, now)).toBe(record)
  const confirmed: TaskRecord = { ...record, schedules: [daily, { ...noon, declared: 'confirmed' }] }
  expect(futureSlotIn(confirmed, now)).toBe(later)
  expect(withoutFuture(confirmed, now)).toEqual(record)
})

// promise: clock-ahead
test('a run of the future is reported until an operator has resolved its slot', () => {
  const row = rowWith({ ending: SUCCEEDED })
  const resolution = { state: 'COMPLETED', at: 0, by: 'ada', reason: 'a wrong clock', afterAttempt: 1 } as const
  expect(futureRun(row, row.slot - 1)).toBe(row.slot)
  expect(futureRun({ ...row, resolutions: [resolution] }, row.slot - 1)).toBe(null)
})

test('a run under another schedule that is for an older slot than the recorded one warns, with both slots', async () => {
  const { play, record } = ledgerOf()
  await play({ schedule: '0 3 * * *', timezone: 'Asia/Tokyo', eventTime: new Date(slotOf(-1) + 15 * HOUR_MS) })
  const before = await record()
  const { result, warnings } = await play({ schedule: '0 3 * * *', eventTime: new Date(slotOf(-1)) })
  expect(result.status).toBe('completed')
  expect(warnings).toEqual([
    expect.stringMatching(
      /slot 2026-11-23T03:00:00Z of the schedule 0 3 \* \* \* \(UTC\), but the recorded schedule is 0 3 \* \* \* \(Asia\/Tokyo\), which ran the slot 2026-11-23T18:00:00Z/,
    ),
  ])
  expect(await record()).toEqual(before)
})

test('a schedule that is deployed during a pause is in force from its first trigger on, which starts nothing', async () => {
  const { play, record, changeRecord, check, sleep } = ledgerOf()
  const noon = (day: number) => slotOf(day) + 9 * HOUR_MS
  await play({ schedule: '0 * * * *' })
  const pause = { ...PAUSE, from: slotOf(0) + HOUR_MS / 2, until: noon(0) + HOUR_MS }
  await changeRecord((before) => withRetirement(withPause(before, pause), { ...pause, until: null }))
  const retired = (await record()).retirements
  await sleep(9 * HOUR_MS)
  expect((await play({ schedule: NOON.expression })).result.status).toBe('paused')
  expect((await record()).retirements).toEqual(retired)
  await changeRecord((before) => ({ ...before, retirements: [] }))
  // The trigger of the next day is lost.
  await sleep(1.5 * DAY_MS)
  expect(await check()).toEqual([['missed', noon(1)]])
  expect((await play({ schedule: NOON.expression, eventTime: new Date(noon(1)) })).started).toEqual([noon(1)])
})

test('a forced run of a task without a record states its schedule, so that its missed slots are found', async () => {
  const { play, record, check, sleep } = ledgerOf()
  await play(forceOf(0))
  expect((await record()).schedules).toEqual([{ since: slotOf(0), spec: DAILY, declared: 'forced' }])
  expect(await check()).toEqual([])
  await sleep(2.5 * DAY_MS)
  expect(await check()).toEqual([
    ['missed', slotOf(2)],
    ['missed', slotOf(1)],
  ])
  // Only the first one states it: an operator may force an old slot under an old schedule.
  await play({ ...forceOf(-3), schedule: '0 4 * * *', force: { ...forceOf(0).force, slot: '2026-11-20' } })
  expect((await record()).schedules).toHaveLength(1)
})

test('the first scheduled run confirms the schedule of a forced run, and catches up no slot that only the force stated', async () => {
  const { play, record, check, sleep } = ledgerOf()
  await play(forceOf(0))
  await sleep(3 * DAY_MS)
  expect((await play(CATCH_UP)).started).toEqual([slotOf(3)])
  expect((await record()).schedules).toEqual([{ since: slotOf(3), after: slotOf(0), spec: DAILY }])
  await sleep(2 * DAY_MS)
  expect((await play(CATCH_UP)).started).toEqual([slotOf(4), slotOf(5)])
  const doubt = { after: slotOf(0), until: slotOf(3), isFirst: true }
  expect(await check()).toEqual([
    ['missed', slotOf(2), doubt],
    ['missed', slotOf(1), doubt],
  ])
})

test('a scheduled run with another schedule than a forced one is neither refused nor a change', async () => {
  const { play, record, sleep } = ledgerOf()
  await play({ ...forceOf(0), schedule: '0 3 * * 2' })
  await sleep(DAY_MS)
  const strict = await play({ strict: true, eventTime: new Date(slotOf(1)), ...CATCH_UP })
  expect(strict.started).toEqual([slotOf(1)])
  expect((await record()).schedules).toEqual([{ since: slotOf(1), after: slotOf(0), spec: DAILY }])
})
