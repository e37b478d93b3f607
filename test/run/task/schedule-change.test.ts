import { expect, test } from 'vitest'
import { withPause } from '../../../src/core/task/task-changes.ts'
import { EMPTY_TASK_RECORD } from '../../../src/core/task/task-record.ts'
import { knownRecords, writeRecord } from '../../../src/run/task/task-record.ts'
import { CALL, DAY_MS, FORCE, PAUSE, SLOT } from '../../support/rows.ts'
import type { Call, Fate } from '../../support/simulated/faulty-store.ts'
import { fates, TASK, works, world } from '../../support/simulated/world.ts'

const OLD = { expression: '0 3 * * *', zone: 'UTC' }
const NEW = { expression: '0 3 * * 1-6', zone: 'UTC' }
const REFUSE = { settings: { strict: true } } as const
const CHANGED = { ...REFUSE, schedule: NEW }

/** Returns a world in which day 0 has run with the old schedule. */
async function changedAfterDay0() {
  const at = world()
  await at.play('day-0', REFUSE)
  return { ...at, change: at.changeRecord }
}

// promise: strict-schedule
test.each([
  ['another expression', NEW],
  ['another zone', { ...OLD, zone: 'Etc/UTC' }],
  ['an anchor', { expression: 'rate(1 day)', zone: 'UTC', anchor: SLOT }],
])('a run with %s starts nothing, and the record stays as it is', async (_, schedule) => {
  const { play, record, row } = await changedAfterDay0()
  const before = await record()
  const { result, events, starts } = await play('changed', { ...REFUSE, schedule, day: 1 })
  expect(result).toEqual({ status: 'refused', cause: 'scheduleChanged', row: null })
  expect(starts).toBe(0)
  expect(events).toMatchObject([{ event: 'refused', cause: 'scheduleChanged', inForce: OLD, noted: true }])
  expect(await record()).toEqual(before)
  expect(await row(1)).toMatchObject({
    attempts: [{ outcome: 'notStarted' }],
    rejections: { refused: 1, first: [{ cause: 'scheduleChanged' }] },
  })
})

// promise: strict-schedule
test('the slot of a refused run stays free for the old schedule, and for a run that accepts the new one', async () => {
  const { play, record } = await changedAfterDay0()
  await play('changed-1', { ...CHANGED, day: 1 })
  expect((await play('old', { ...REFUSE, day: 1 })).result).toMatchObject({ status: 'completed', attempt: 2 })
  await play('changed-2', { ...CHANGED, day: 2 })
  expect((await play('accepts', { schedule: NEW, day: 2 })).names).toEqual(['schedule-changed', 'claimed', 'ended'])
  expect((await play('after', { ...CHANGED, day: 3 })).result.status).toBe('completed')
  // The refused run of day 2 says nothing about the schedule before. That of day 1 ran under the old one.
  expect((await record()).schedules).toEqual([
    { since: SLOT, spec: OLD },
    { since: SLOT + 2 * DAY_MS, after: SLOT + DAY_MS, spec: NEW },
  ])
})

test('a run that accepts the new schedule for an older slot accepts it for later slots that were refused', async () => {
  const { time, play, record } = await changedAfterDay0()
  await time.run(time.clock().wait(2 * DAY_MS))
  for (const day of [1, 2]) await play(`changed-${day}`, { ...CHANGED, day })
  expect((await play('accepts', { schedule: NEW, day: 1 })).names).toEqual(['schedule-changed', 'claimed', 'ended'])
  expect((await record()).schedules).toEqual([
    { since: SLOT, spec: OLD },
    { since: SLOT + DAY_MS, after: SLOT, spec: NEW },
  ])
  expect((await play('after', { ...CHANGED, day: 3 })).result.status).toBe('completed')
})

test('a forced run and a slot of a catch-up start, and state nothing', async () => {
  const { play, record } = await changedAfterDay0()
  expect((await play('forced', { ...CHANGED, day: 1, force: FORCE })).result.status).toBe('completed')
  expect((await play('caught-up', { ...CHANGED, day: 2, source: 'catch-up' })).result.status).toBe('completed')
  expect((await record()).schedules).toHaveLength(1)
})

test('a program that keeps the ledger open sees a change that another one made a second ago', async () => {
  const { time, play } = await changedAfterDay0()
  const known = knownRecords(time.clock())
  expect((await play('day-1', { ...REFUSE, known, day: 1 })).result.status).toBe('completed')
  await play('accepts', { schedule: NEW, day: 2 })
  expect((await play('day-3', { ...REFUSE, known, day: 3 })).result).toMatchObject({ cause: 'scheduleChanged' })
})

test('a run asks for the record each time, and no more often than without the option', async () => {
  const { time, play } = await changedAfterDay0()
  const known = knownRecords(time.clock())
  for (const day of [1, 2]) {
    expect((await play(`day-${day}`, { ...REFUSE, known, day })).verbs).toEqual(['put', 'readEntry', 'put'])
  }
  expect((await play('changed', { ...CHANGED, known, day: 3 })).verbs).toEqual(['put', 'readEntry', 'put', 'note'])
})

// promise: strict-schedule
test('a change that another run makes between the read and the write is seen', async () => {
  const { time, trigger, ledger } = world()
  const { writeEntry } = ledger
  const other = { ...EMPTY_TASK_RECORD, schedules: [{ since: SLOT - DAY_MS, spec: NEW }] }
  ledger.writeEntry = async (...args) => {
    ledger.writeEntry = writeEntry
    await writeRecord(TASK, other, 'absent', ledger, CALL)
    return writeEntry(...args)
  }
  const run = trigger('first', works(1), REFUSE)
  expect(await time.run(run.result)).toMatchObject({ status: 'refused', cause: 'scheduleChanged' })
  expect(run.starts()).toBe(0)
})

test('a run with another schedule is refused in a pause, too, and one with the recorded schedule is skipped', async () => {
  const { play, change } = await changedAfterDay0()
  await change((record) => withPause(record, { ...PAUSE, from: SLOT + DAY_MS }))
  expect((await play('changed', { ...CHANGED, day: 1 })).result).toMatchObject({ cause: 'scheduleChanged' })
  expect((await play('same', { ...REFUSE, day: 2 })).result.status).toBe('paused')
})

test('a refusal that cannot be recorded says so', async () => {
  const { play } = await changedAfterDay0()
  const fateOf = fates(({ verb }) => verb === 'note', { kind: 'denied' })
  const { events } = await play('changed', { ...CHANGED, day: 1, fateOf })
  expect(events).toMatchObject([{ event: 'refused', noted: false, detail: expect.not.stringContaining('claim') }])
})

test('a refusal whose claim could not be given back says that the slot may show the run as running', async () => {
  const { play, row } = await changedAfterDay0()
  const isEnd = (call: Call) => call.verb === 'put' && call.row.state !== 'PENDING'
  const fateOf = (call: Call): Fate => ({ kind: isEnd(call) ? 'dropped' : 'answered' })
  const { events } = await play('changed', { ...CHANGED, day: 1, fateOf })
  expect(await row(1)).toMatchObject({ state: 'PENDING', ownerRunId: 'changed' })
  const detail = expect.stringMatching(/, so the slot may show this run as running until its lease/)
  expect(events).toMatchObject([{ event: 'refused', noted: false, detail }])
})
