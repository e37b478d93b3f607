import { describe, expect, test } from 'vitest'
import type { KnownPlace } from '../../../src/core/place.ts'
import { withPause, withResumption, withRetirement } from '../../../src/core/task/task-changes.ts'
import { EMPTY_TASK_RECORD, type Suspension, type TaskRecord } from '../../../src/core/task/task-record.ts'
import { knownRecords, readRecord, unlessStarting } from '../../../src/run/task/task-record.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { CALL, DAY_MS, FORCE, PAUSE, SLOT } from '../../support/rows.ts'
import type { Call, Fate } from '../../support/simulated/faulty-store.ts'
import { virtualTime } from '../../support/simulated/virtual-clock.ts'
import { failsAfter, fates, type HostOptions, TASK, works, world } from '../../support/simulated/world.ts'

const SECOND_MS = 1_000
const NOT_UPDATED = { event: 'warning', message: expect.stringMatching(/record of the task could not be updated/) }
const OTHER = { schedule: { expression: '30 3 * * *', zone: 'UTC' } }

function ledgerOf(firstDay = 0) {
  const at = world('daily', firstDay)
  const changeLater: typeof at.changeRecord = (change) =>
    at.time.run(
      at.time
        .clock()
        .wait(60_000)
        .then(() => at.changeRecord(change)),
    )
  return { ...at, change: at.changeRecord, changeLater }
}

/** The reads of the record meet this fate, from the one of this number on. */
const onRead = (fate: Fate, from = 1) => {
  let reads = 0
  return ({ verb }: Call): Fate => (verb === 'readEntry' && ++reads >= from ? fate : { kind: 'answered' })
}
const pausing = (pause: Suspension) => (record: TaskRecord) => withPause(record, pause)
const NOW_PAUSED = { ...PAUSE, from: SLOT }

test('a run asks three times: claim, read, finish; four times if it states something new; and for the last slot if it changes the schedule', async () => {
  const { time, play } = ledgerOf()
  const known = unlessStarting(knownRecords(time.clock()))
  expect((await play('a', { known })).verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  expect((await play('b', { known, day: 1 })).verbs).toEqual(['put', 'readEntry', 'put'])
  const changed = await play('c', { known, day: 2, settings: { doneByMs: 7_200_000, owner: 'data team' } })
  expect(changed.verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  const { verbs } = await play('d', { known, day: 3, ...OTHER })
  expect(verbs).toEqual(['put', 'readEntry', 'list', 'writeEntry', 'put'])
})

// promise: on-ecs
test('a run on ECS asks as often: its container is part of what it states', async () => {
  const { time, play, record, row } = ledgerOf()
  const known = unlessStarting(knownRecords(time.clock()))
  const verbs = async (runId: string, day: number, place: KnownPlace) =>
    (await play(runId, { known, day, place })).verbs
  const usual = ['put', 'readEntry', 'put']
  const stating = ['put', 'readEntry', 'writeEntry', 'put']
  expect(await verbs('a', 0, FARGATE.place)).toEqual(stating)
  expect(await verbs('b', 1, { ...FARGATE.place, logStream: 'cronledger/batch/b' })).toEqual(usual)
  expect(await verbs('c', 2, 'unknown')).toEqual(usual)
  expect(await verbs('d', 3, { ...FARGATE.place, taskDefinition: 'nightly:8' })).toEqual(stating)
  const network = '{"awsvpcConfiguration":{"subnets":["subnet-1"],"assignPublicIp":"DISABLED"}}'
  const withNetwork = { ...FARGATE.place, taskDefinition: 'nightly:8', network }
  expect(await verbs('e', 4, withNetwork)).toEqual(stating)
  expect(await verbs('f', 5, withNetwork)).toEqual(usual)
  expect((await record()).place).toMatchObject({ network })
  expect(JSON.stringify(await row())).not.toContain('subnet')
  expect(await verbs('g', 6, null)).toEqual(stating)
  expect(await verbs('h', 7, null)).toEqual(usual)
})

test('a duplicate reads nothing more. A forced run lists its task', async () => {
  const { play } = ledgerOf()
  await play('a')
  expect((await play('b')).verbs).toEqual(['put', 'note'])
  const again = { ...FORCE, only: ['completed'] as const }
  expect((await play('c', { force: again })).verbs).toEqual(['get', 'put', 'writeEntry', 'put'])
})

test('a paused trigger asks three times: claim, read, skip; and once more if it states something new', async () => {
  const { play, change } = ledgerOf()
  await change(pausing(NOW_PAUSED))
  expect((await play('a')).verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  expect((await play('b')).verbs).toEqual(['put', 'note'])
  expect((await play('c', { day: 1 })).verbs).toEqual(['put', 'readEntry', 'put'])
})

test('a program that keeps a ledger open reads the record of a task again only after a minute, or if it states something new', async () => {
  const { time, play } = ledgerOf(7)
  const known = knownRecords(time.clock())
  const reads = async (day: number, options: HostOptions = {}) =>
    (await play(`run-${day}`, { day, known, ...options })).verbs.filter((verb) => verb.endsWith('Entry'))
  expect(await reads(1)).toEqual(['readEntry', 'writeEntry'])
  expect(await reads(2)).toEqual([])
  // The slot of an earlier schedule, run late: the schedule that is in force stays so, which the run says.
  expect(await reads(0, OTHER)).toEqual(['readEntry'])
  expect(await reads(3, OTHER)).toEqual(['readEntry', 'writeEntry'])
  expect(await reads(4, OTHER)).toEqual([])
  expect(await reads(5)).toEqual(['readEntry', 'writeEntry'])
  await time.run(time.clock().wait(60_000))
  expect(await reads(6)).toEqual(['readEntry'])
  expect(await reads(7)).toEqual([])
})

test.each([
  ['the machine was suspended, which stops the monotonic clock', 3_600_000],
  ['its wall clock was set back', -3_600_000],
])('a program that keeps a ledger open sees a pause at once after %s', async (_, jumpMs) => {
  const { time, play, change } = ledgerOf()
  const clock = time.clock()
  let jumpedMs = 0
  const known = knownRecords({ ...clock, now: () => clock.now() + jumpedMs })
  await play('a', { known })
  await change(pausing({ ...PAUSE, from: SLOT + DAY_MS }))
  jumpedMs = jumpMs
  expect((await play('b', { known, day: 1 })).result.status).toBe('paused')
})

test('a program that keeps a ledger open asks the ledger whether a pause that it knows has ended', async () => {
  const { time, play, change } = ledgerOf()
  const known = knownRecords(time.clock())
  await change(pausing(NOW_PAUSED))
  expect((await play('a', { known })).result.status).toBe('paused')
  await change((record) => withResumption(record, time.now(), { ...FORCE, at: time.now() }))
  expect((await play('b', { known, day: 1 })).result.status).toBe('completed')
})

test('a record counts as known only when the ledger has answered', async () => {
  const { time, play } = ledgerOf()
  const known = knownRecords(time.clock())
  const lost = fates(({ verb }) => verb === 'writeEntry', ...Array(9).fill({ kind: 'dropped' }))
  expect((await play('a', { known, fateOf: lost })).result.status).toBe('completed')
  expect((await play('b', { known, day: 1 })).verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
})

test('a program that keeps a ledger open keeps the records of a thousand tasks', () => {
  const known = knownRecords(virtualTime().clock())
  const record = EMPTY_TASK_RECORD
  for (let index = 0; index <= 1_000; index++) known.add(`task-${index}`, record)
  expect([0, 1, 1_000].map((index) => known.get(`task-${index}`))).toEqual([null, record, record])
})

describe('a retry that falls due', () => {
  const settings = { maxAttempts: 2, retryDelayMs: 3_600_000 }

  test.each([
    ['cannot read the record', { kind: 'dropped' }, /no answer/],
    ['may not read the record', { kind: 'denied' }, /the token has expired/],
  ] as const)(
    'a retry that falls due and %s: the next attempt does not begin, and the slot stays failed',
    async (_, fate, why) => {
      const { time, row, trigger } = ledgerOf()
      const run = trigger('a', failsAfter(2), { settings, fateOf: onRead(fate, 2) })
      const end = { attempt: 1, outcome: 'failed', recorded: true }
      expect(await time.run(run.result)).toMatchObject({ status: 'failed', ...end })
      expect(run.starts()).toBe(1)
      expect(run.events.at(-1)).toMatchObject({ ending: { outcome: 'notStarted' }, detail: expect.stringMatching(why) })
      expect(await row()).toMatchObject({ state: 'FAILED' })
    },
  )

  test('a retry that falls due and cannot read the record for two minutes: the next attempt begins after that', async () => {
    const { time, trigger } = ledgerOf()
    const beginMs = time.now()
    const isOut = () => time.now() > beginMs + 3_600_000 && time.now() < beginMs + 3_720_000
    const fateOf = ({ verb }: Call) => ({ kind: verb === 'readEntry' && isOut() ? 'dropped' : 'answered' }) as const
    const run = trigger('a', failsAfter(2), { settings, fateOf })
    await time.run(run.result)
    expect(run.starts()).toBe(2)
  })

  test('a retry that falls due and finds a record of a newer cronledger: the next attempt does not begin', async () => {
    const { time, trigger, ledger } = ledgerOf()
    const run = trigger('a', failsAfter(2), { settings })
    await time.run(time.clock().wait(60_000))
    const { version } = await readRecord(TASK, ledger, CALL)
    const newer = { version: 9, document: { schemaVersion: 3 } }
    await ledger.writeEntry({ kind: '#task', task: TASK }, newer, version, CALL)
    await time.run(run.result)
    expect(run.starts()).toBe(1)
    expect(run.events.at(-1)).toMatchObject({ detail: expect.stringMatching(/^a newer version of cronledger/) })
  })

  test('a retry that falls due after the schedule changed begins, because the slot has begun under its own', async () => {
    const { time, trigger, changeLater } = ledgerOf()
    const run = trigger('a', failsAfter(2), { settings: { ...settings, strict: true } })
    const later = { since: SLOT - DAY_MS, spec: OTHER.schedule }
    await changeLater((it) => ({ ...it, schedules: [later] }))
    await time.run(run.result)
    expect(run.starts()).toBe(2)
  })

  test('a retry that falls due and is forced: the next attempt begins also in a pause, because an operator wants it', async () => {
    const { time, trigger, change } = ledgerOf()
    await change(pausing(NOW_PAUSED))
    const run = trigger('a', failsAfter(2), { settings, force: FORCE })
    await time.run(run.result)
    expect(run.starts()).toBe(2)
  })

  test('a retry that falls due and is stopped while it asks: the next attempt does not begin', async () => {
    const { time, trigger } = ledgerOf()
    const run = trigger('a', failsAfter(2), { settings, fateOf: onRead({ kind: 'stalled' }, 2) })
    await time.run(time.clock().wait(3_600_000 + 2_000))
    run.stop()
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 2, outcome: 'notStarted' })
    expect(run.starts()).toBe(1)
  })
})

// promise: pause-and-retry
test('a pause that is set while a run waits for its retry: the next attempt does not start, and the slot stays failed', async () => {
  const { time, changeLater, row, trigger } = ledgerOf()
  const settings = { maxAttempts: 2, retryDelayMs: 3_600_000 }
  const run = trigger('a', failsAfter(2), { settings })
  await changeLater(pausing(NOW_PAUSED))
  const end = { attempt: 1, outcome: 'failed', recorded: true }
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', ...end })
  expect(run.starts()).toBe(1)
  const detail = 'ada paused the task: maintenance of the database'
  expect(run.events.at(-1)).toMatchObject({ event: 'ended', ending: { outcome: 'notStarted' }, detail })
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
})

test('a scheduled trigger in a pause starts nothing, and its slot is skipped with the reason', async () => {
  const { play, change, row } = ledgerOf()
  await change(pausing(NOW_PAUSED))
  const { result, names, starts } = await play('a')
  expect(result).toEqual({ status: 'paused', attempt: 1, pause: NOW_PAUSED, recorded: true })
  expect(names).toEqual(['paused'])
  expect(starts).toBe(0)
  expect(await row()).toMatchObject({
    state: 'SKIPPED',
    attempts: [{ number: 1, outcome: 'notStarted' }],
    resolutions: [{ state: 'SKIPPED', by: 'ada', reason: 'paused: maintenance of the database', afterAttempt: 1 }],
  })
  expect((await play('b')).result).toMatchObject({ status: 'duplicate', cause: 'skipped' })
})

test('a slot in which an attempt failed stays failed, since an operator has to decide about it', async () => {
  const { play, change, row } = ledgerOf()
  const settings = { maxAttempts: 3 }
  await play('a', { settings }, failsAfter(SECOND_MS))
  await change(pausing(NOW_PAUSED))
  const { result, events } = await play('b', { settings })
  expect(result).toMatchObject({ status: 'paused', recorded: true })
  expect(events).toMatchObject([{ event: 'paused', isKept: true }])
  expect(await row()).toMatchObject({ state: 'FAILED', resolutions: [], attempts: [{}, { outcome: 'notStarted' }] })
})

test.each(['skip', 'wait'] as const)('a pause also with --overlap %s: the lock is not asked for', async (overlap) => {
  const { play, change, row } = ledgerOf()
  await change(pausing(NOW_PAUSED))
  const { result, verbs } = await play('a', { settings: { overlap } })
  expect(result.status).toBe('paused')
  expect(verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  expect((await row()).state).toBe('SKIPPED')
})

test('a skip that cannot be recorded says so', async () => {
  const { play, change } = ledgerOf()
  await change(pausing(NOW_PAUSED))
  let puts = 0
  const { result, events } = await play('a', {
    fateOf: ({ verb }) => ({ kind: verb === 'put' && ++puts > 1 ? 'dropped' : 'answered' }),
  })
  expect(result).toMatchObject({ status: 'paused', recorded: false })
  expect(events).toMatchObject([{ event: 'paused', finish: 'unanswered' }])
})

test.each([
  ['no answer', 'unreachable', { kind: 'stalled' }],
  ['a denial', 'denied', { kind: 'denied' }],
] as const)(
  'a record that cannot be read withdraws the claim, since a pause might be in force: %s',
  async (_, kind, fate) => {
    const { time, trigger, row } = ledgerOf()
    const run = trigger('a', works(1), { fateOf: onRead(fate) })
    await expect(time.run(run.result)).rejects.toMatchObject({ kind })
    expect(run.starts()).toBe(0)
    expect(run.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'notStarted' }] })
    expect(time.now() - SLOT).toBeLessThan(60_000)
  },
)

test('a record that cannot be read is asked for again until the ledger timeout', async () => {
  const { play } = ledgerOf()
  const dropped = { kind: 'dropped' } as const
  const fateOf = fates(({ verb }) => verb === 'readEntry', dropped, dropped, dropped)
  expect((await play('a', { fateOf })).result.status).toBe('completed')
})

test('a stop while the record is read starts nothing', async () => {
  const { time, trigger, row } = ledgerOf()
  const run = trigger('a', works(1), { fateOf: onRead({ kind: 'stalled' }) })
  await time.run(time.clock().wait(SECOND_MS))
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
  expect(run.starts()).toBe(0)
  expect(await row()).toMatchObject({ attempts: [{ outcome: 'notStarted' }] })
})

// promise: newer-task-record
test('a record of a newer cronledger is refused, and stays as it is', async () => {
  const { play, ledger, row } = ledgerOf()
  const entry = { version: 7, document: { schemaVersion: 3, pauses: 'in another form' } }
  await ledger.writeEntry({ kind: '#task', task: TASK }, entry, 'absent', CALL)
  const { result, starts } = await play('a')
  expect(result).toEqual({ status: 'refused', cause: 'newerTaskRecord', row: null })
  expect(starts).toBe(0)
  expect(await ledger.readEntry({ kind: '#task', task: TASK }, CALL)).toEqual(entry)
  expect(await row()).toMatchObject({ state: 'FAILED', rejections: { first: [{ cause: 'newerTaskRecord' }] } })
  expect((await play('b', { force: FORCE })).result.status).toBe('completed')
})

test('a malformed record is named', async () => {
  const { time, trigger, ledger } = ledgerOf()
  await ledger.writeEntry({ kind: '#task', task: TASK }, { version: 1, document: { pauses: 7 } }, 'absent', CALL)
  const run = trigger('a', works(1))
  await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'shape' })
  expect(run.starts()).toBe(0)
})

function changeBeforeWrite({ ledger, change }: ReturnType<typeof ledgerOf>, what: (record: TaskRecord) => TaskRecord) {
  const { writeEntry } = ledger
  ledger.writeEntry = async (...args) => {
    ledger.writeEntry = writeEntry
    await change(what)
    return writeEntry(...args)
  }
}

// promise: pause-and-triggers
test('a pause that is set between the read and the write is kept, and seen', async () => {
  const at = ledgerOf()
  changeBeforeWrite(at, pausing(NOW_PAUSED))
  const { result, verbs } = await at.play('a')
  expect(result.status).toBe('paused')
  expect(verbs).toEqual(['put', 'readEntry', 'writeEntry', 'readEntry', 'writeEntry', 'put'])
  expect((await at.record()).pauses).toEqual([NOW_PAUSED])
})

// promise: late-run-keeps-record
test('the container of a later run is not written over by an older one', async () => {
  const at = ledgerOf(1)
  const { logStream: _, ...place } = FARGATE.place
  const later = { place, placeSince: SLOT + DAY_MS }
  changeBeforeWrite(at, (record) => ({ ...record, ...later }))
  const older = { ...FARGATE.place, taskDefinition: 'nightly:6' }
  expect((await at.play('a', { place: older })).result.status).toBe('completed')
  expect(await at.record()).toMatchObject(later)
  expect((await at.row()).attempts).toMatchObject([{ place: older }])
})

test('a write that is not answered does not prevent the start', async () => {
  const { time, play, row } = ledgerOf()
  const { result, events } = await play('a', {
    fateOf: ({ verb }) => ({ kind: verb === 'writeEntry' ? 'stalled' : 'answered' }),
  })
  expect(result.status).toBe('completed')
  expect(events[0]).toMatchObject(NOT_UPDATED)
  expect(time.now() - (await row()).slot).toBeLessThan(15_000)
})

test('a write that waits for the lock of a busy file gets the time of the ledger timeout', async () => {
  const { play, record } = ledgerOf()
  const busy = () => fates(({ verb }) => verb === 'writeEntry', { kind: 'busy' })
  const { result, events } = await play('a', { fateOf: busy(), settings: { doneByMs: 7_200_000 } })
  expect(result.status).toBe('completed')
  expect(events.filter(({ event }) => event === 'warning')).toEqual([])
  expect(await record()).toMatchObject({ expectations: { doneByMs: 7_200_000 } })
  const short = { doneByMs: 3_600_000, ledgerTimeoutMs: 5_000 }
  expect((await play('b', { day: 1, fateOf: busy(), settings: short })).events[0]).toMatchObject({ event: 'warning' })
})

// The first 5 s of the write are over at the second moment.
test.each([1, 7])(
  'a write that waits for the lock of a busy file does not hold up a stop after %i s',
  async (seconds) => {
    const { time, trigger, row } = ledgerOf()
    const stop = new AbortController()
    const busy = ({ verb }: Call) => ({ kind: verb === 'writeEntry' ? 'busy' : 'answered' }) as const
    const run = trigger('a', works(SECOND_MS), { fateOf: busy, stop, settings: { doneByMs: 7_200_000 } })
    const stopped = time.clock().wait(seconds * SECOND_MS)
    const startMs = time.now()
    void stopped.then(() => run.stop())
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted' })
    expect(time.now() - startMs).toBeLessThan(9_000)
    expect(await row()).toMatchObject({ state: 'FAILED' })
  },
)

const stated = { doneByMs: 7_200_000 }

async function ledgerOnDay2() {
  const at = ledgerOf()
  await at.play('a', { settings: stated })
  await at.time.run(at.time.clock().wait(2 * DAY_MS))
  await at.play('b', { day: 2, settings: stated })
  return at
}

// promise: late-run-keeps-record
test('a slot that runs late states nothing if a later slot has run and stated nothing new', async () => {
  const { play, record } = await ledgerOnDay2()
  const before = await record()
  const { result, verbs } = await play('c', { day: 1, settings: { doneByMs: 1_000 }, ...OTHER })
  expect(result.status).toBe('completed')
  expect(verbs).toEqual(['put', 'readEntry', 'list', 'put'])
  expect(await record()).toEqual(before)
})

test('a slot that runs late does not ask for the later slots if it states nothing new', async () => {
  const { play } = await ledgerOnDay2()
  expect((await play('c', { day: 1, settings: stated })).verbs).toEqual(['put', 'readEntry', 'put'])
})

test('a slot that runs late states what is new if no scheduled run of a later slot is on record', async () => {
  const at = ledgerOf()
  await at.play('a', { settings: stated })
  await at.time.run(at.time.clock().wait(3 * DAY_MS))
  await at.play('b', { day: 2, force: FORCE })
  await at.play('c', { day: 1, settings: { doneByMs: 1_000 } })
  expect((await at.record()).expectations).toEqual({ since: SLOT + DAY_MS, doneByMs: 1_000 })
})

// promise: late-run-keeps-record
test.each(['stalled', 'denied'] as const)(
  'a slot that runs late states nothing if the later slots cannot be read, and starts: %s',
  async (kind) => {
    const { play, record } = await ledgerOnDay2()
    const before = await record()
    const { result, events } = await play('c', {
      day: 1,
      settings: { doneByMs: 1_000 },
      fateOf: ({ verb }) => ({ kind: verb === 'list' ? kind : 'answered' }),
    })
    expect(result.status).toBe('completed')
    expect(events[0]).toMatchObject(NOT_UPDATED)
    expect(await record()).toEqual(before)
  },
)

const retirement = { ...PAUSE, from: SLOT, reason: 'replaced by nightly-v2' }

test('a retired task is revived by a scheduled run, with a warning', async () => {
  const { play, change, record } = ledgerOf()
  await change((record) => withRetirement(record, retirement))
  const { result, events } = await play('a', { day: 1 })
  expect(result.status).toBe('completed')
  expect(events[0]).toEqual({ event: 'revived', retirement })
  expect((await record()).retirements).toMatchObject([
    { until: SLOT + DAY_MS, ended: { by: 'cronledger', reason: 'revived by run a of slot 2026-11-25T03:00:00Z' } },
  ])
})

test('a run without --overlap says that the runs before it had it, once', async () => {
  const { play } = ledgerOf()
  const said = async (runId: string, day: number, settings: HostOptions['settings']) =>
    (await play(runId, { day, ...(settings && { settings }) })).events.filter(({ event }) => event === 'warning')
  expect(await said('a', 0, undefined)).toEqual([])
  expect(await said('b', 1, { overlap: 'skip' })).toEqual([])
  expect(await said('c', 2, { overlap: 'wait' })).toEqual([])
  expect(await said('d', 3, undefined)).toEqual([
    { event: 'warning', message: expect.stringMatching(/states no --overlap, but .* stated --overlap wait\./) },
  ])
  expect(await said('e', 4, undefined)).toEqual([])
})
