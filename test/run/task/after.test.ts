import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { readableRow } from '../../../src/core/row/status.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotAfter } from '../../../src/core/schedule/slot.ts'
import { withDeclaration, withPause, withRetirement } from '../../../src/core/task/task-changes.ts'
import { EMPTY_TASK_RECORD, type TaskRecord } from '../../../src/core/task/task-record.ts'
import { needOf, upstreamSlots } from '../../../src/core/task/upstream.ts'
import type { Row, StoredRow } from '../../../src/core/types.ts'
import type { TriggerOptions } from '../../../src/run/run-trigger.ts'
import { readRecord, writeRecord } from '../../../src/run/task/task-record.ts'
import { closed, FAILED, lastWaiting, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'
import type { Call, Fate } from '../../support/simulated/faulty-store.ts'
import { slotOf, type TriggerHost, triggers } from '../../support/simulated/triggers.ts'
import { failsAfter, isRenewal, recordVerbs, works } from '../../support/simulated/world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const CALL = { signal: new AbortController().signal }
const FORCE = { by: 'ada', reason: 'repaired' }
/** The slot of `extract` on a day is an hour before that of `nightly`. */
const extractOf = (day: number) => slotOf(day) - HOUR_MS
const EXTRACT = { task: 'extract', schedule: '0 2 * * *' } as const
const AFTER = { after: ['extract'] } as const

async function chain() {
  const at = triggers()
  const { time, ledger } = at
  const declared = declaration('extract', '0 2 * * *', extractOf(-3))
  await writeRecord('extract', declared, 'absent', ledger, CALL)
  const extract = (day: number, options: Partial<TriggerOptions> = {}, work = works(MINUTE_MS)) =>
    at.trigger({ ...EXTRACT, eventTime: new Date(extractOf(day)), ...options }, work)
  const nightly = (day: number, options: Partial<TriggerOptions> = {}, host: TriggerHost = {}, work = works(1)) =>
    at.trigger({ eventTime: new Date(slotOf(day)), ...AFTER, ...options }, work, host)
  const rowOf = async (task: string, slot: number) => readableRow(await ledger.get({ task, slot }, CALL)) as Row
  return { ...at, extract, nightly, rowOf, wait: (ms: number) => time.run(time.clock().wait(ms)) }
}

function declaration(task: string, expression: string, from: number, zone = 'UTC'): TaskRecord {
  const spec = { expression, zone }
  const record = withDeclaration(EMPTY_TASK_RECORD, { spec, from, now: from, expectations: {} })
  if (record === null) throw new Error(`${task} is not declared`)
  return record
}

const names = ({ events }: { readonly events: readonly { readonly event: { readonly event: string } }[] }) =>
  events.map(({ event }) => event.event)

describe('the slots that a slot comes after', () => {
  const spec = { expression: '0 * * * *', zone: 'UTC' }
  const hourly: TaskRecord = { ...EMPTY_TASK_RECORD, schedules: [{ since: slotOf(-7), spec }] }
  const hours = async (record: TaskRecord, after: number, until: number) => {
    const slots = await upstreamSlots('feed', record, { after, until }, async () => true)
    return slots.map(({ slot }) => (slot - slotOf(0)) / HOUR_MS)
  }

  test.each([
    ['all that were due since its own previous slot', hourly, -3, 0, [-2, -1, 0]],
    [
      'the latest one before, if none was due since',
      { ...hourly, schedules: [{ since: slotOf(-7), spec: { expression: '0 3 * * *', zone: 'UTC' } }] },
      -3,
      -1,
      [-24],
    ],
    ['none before the first slot of the other task', { ...hourly, schedules: [{ since: slotOf(7), spec }] }, -3, 0, []],
    [
      'also those of a pause, which is looked at later',
      withPause(hourly, { ...PAUSE, from: slotOf(0) - 2 * HOUR_MS, until: null }),
      -3,
      0,
      [-2, -1, 0],
    ],
  ])('%s', async (_, record, after, until, expected) => {
    expect(await hours(record, slotOf(0) + after * HOUR_MS, slotOf(0) + until * HOUR_MS + 1)).toEqual(expected)
  })

  test('more than the minutes of the longest day are refused', async () => {
    const minutes = { ...hourly, schedules: [{ since: slotOf(-7), spec: { expression: '* * * * *', zone: 'UTC' } }] }
    const until = slotOf(0) + 1
    await expect(hours(minutes, until - 26 * HOUR_MS, until)).resolves.toHaveLength(1_560)
    await expect(hours(minutes, slotOf(-2), until)).rejects.toThrow('more than 1560 slots')
  })

  const marked = (state: 'SKIPPED' | 'COMPLETED', by: string): StoredRow => ({
    ...closed(rowWith({ ending: FAILED })),
    state,
    resolutions: [{ state, at: 0, by, reason: 'r', afterAttempt: 1 }],
  })
  test.each([
    ['completed', rowWith({ ending: SUCCEEDED }), 'met'],
    ['marked as completed by an operator', marked('COMPLETED', 'ada'), 'met'],
    ['completed, and forced again', rowWith({ ending: SUCCEEDED }, {}), 'open'],
    ['completed, and its force waits', lastWaiting(rowWith({ ending: SUCCEEDED }, {})), 'open'],
    ['completed, and its force failed', rowWith({ ending: SUCCEEDED }, { ending: FAILED }), 'open'],
    ['failed', rowWith({ ending: FAILED }), 'open'],
    ['without a row', null, 'open'],
    ['of a newer version', { task: 't', slot: 0, schemaVersion: 99, newerSchema: true } as const, 'open'],
    ['skipped by an operator', marked('SKIPPED', 'ada'), 'excused'],
    ['skipped by a run, because another slot ran', marked('SKIPPED', 'cronledger'), 'open'],
  ])('a slot %s', (_, row, kind) => {
    const key = { task: 'feed', slot: slotOf(0) }
    expect(needOf({ ...key, row, record: hourly }).kind).toBe(kind)
    const paused = withPause(hourly, { ...PAUSE, from: slotOf(0), until: null })
    // In a pause, an attempt that has started still counts.
    expect(needOf({ ...key, row, record: paused }).kind).toBe(row === null ? 'excused' : kind)
  })
})

// Each zone on the day on which its clocks go back, with a slot in the first pass and the same local time in the second: by an hour,
// over midnight, by half an hour, and by two hours.
describe.each([
  ['Europe/Berlin', '0 * * * *', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'],
  ['America/Santiago', '0 * * * *', '2026-04-05T02:00:00Z', '2026-04-05T03:00:00Z'],
  ['Australia/Lord_Howe', '*/30 * * * *', '2026-04-04T14:30:00Z', '2026-04-04T15:00:00Z'],
  ['Antarctica/Troll', '0 * * * *', '2026-10-25T00:00:00Z', '2026-10-25T02:00:00Z'],
])('--after when the clocks go back in %s', (timezone, schedule, firstPass, secondPass) => {
  const [first, second] = [Date.parse(firstPass), Date.parse(secondPass)]
  const after = slotAfter(parseSchedule({ expression: schedule, zone: timezone }), second) ?? 0

  async function blockedBy(waiting: string, name: string, rows: readonly (readonly [number, Row])[]) {
    const { time, ledger, trigger, rowOf } = await chain()
    const spec = { expression: schedule, zone: timezone }
    await writeRecord('feed', declaration('feed', schedule, first, timezone), 'absent', ledger, CALL)
    const put = (task: string, slot: number, row: Row) =>
      ledger.put({ ...row, task, slot, windowEnd: null, schedule: spec }, 'absent', CALL)
    for (const [slot, row] of rows) await put('feed', slot, row)
    if (name !== 'self') await put('feed', after, rowWith({ ending: SUCCEEDED }))
    const options = { task: waiting, schedule, timezone, eventTime: new Date(after), afterTimeoutMs: 0 }
    const { status } = await time.run(trigger({ ...options, after: [name] }, works(1)).result)
    const attempt = (await rowOf(waiting, after)).attempts.at(-1)
    return status === 'completed' || attempt?.phase !== 'ended' ? null : attempt.blockedBy?.slot
  }

  test.each([
    ['failed', rowWith({ ending: FAILED }), second],
    ['completed', rowWith({ ending: SUCCEEDED }), null],
    ['without a row', null, null],
  ])('a second pass that is %s', async (_, row, blocker) => {
    const rows = [[first, rowWith({ ending: SUCCEEDED })] as const, ...(row === null ? [] : [[second, row] as const])]
    expect(await blockedBy('report', 'feed', rows)).toBe(blocker)
    expect(await blockedBy('feed', 'self', rows)).toBe(blocker)
  })

  test('a first pass that failed, with a second one that completed, holds up no later slot', async () => {
    const rows = [[first, rowWith({ ending: FAILED })] as const, [second, rowWith({ ending: SUCCEEDED })] as const]
    expect(await blockedBy('feed', 'self', rows)).toBeNull()
    expect(await blockedBy('feed', 'self', rows.slice(0, 1))).toBe(first)
  })
})

// promise: after
test('the run waits in the phase waiting until the other task has completed, and says for what', async () => {
  const { time, extract, nightly, rowOf, wait } = await chain()
  const before = extract(0, {}, works(30 * MINUTE_MS))
  await wait(MINUTE_MS)
  const run = nightly(0)
  await wait(5 * MINUTE_MS)
  expect(await rowOf('nightly', slotOf(0))).toMatchObject({
    state: 'PENDING',
    attempts: [{ phase: 'waiting', blockedBy: { task: 'extract', slot: extractOf(0) } }],
  })
  expect(await time.run(run.result)).toMatchObject({ status: 'completed', attempt: 1 })
  expect(await time.run(before.result)).toMatchObject({ status: 'completed' })
  expect(names(run)).toEqual(['waiting', 'claimed', 'ended'])
  const [attempt] = (await rowOf('nightly', slotOf(0))).attempts
  const upstream = (await rowOf('extract', extractOf(0))).attempts[0]
  expect(attempt).not.toHaveProperty('blockedBy')
  expect(attempt?.startedAt).toBeGreaterThan(upstream?.phase === 'ended' ? (upstream.endedAt ?? 0) : Number.NaN)
})

test('nothing is asked for again where all has completed, and one row is read every ten seconds otherwise', async () => {
  const { time, extract, nightly } = await chain()
  await time.run(extract(-1).result)
  const quick = recordVerbs()
  await time.run(nightly(-1, {}, { fateOf: quick.fateOf }).result)
  // The records of both tasks before the claim, the row of the slot after it, and the own record again before the start.
  const stating = 'readEntry readEntry put readEntry writeEntry list put readEntry put'
  expect(quick.verbs.join(' ')).toBe(stating)
  const slow = recordVerbs()
  const run = nightly(0, { afterTimeoutMs: 10 * MINUTE_MS, heartbeatMs: 2 * MINUTE_MS }, { fateOf: slow.fateOf })
  expect(await time.run(run.result)).toMatchObject({ status: 'refused', cause: 'blocked' })
  expect(slow.verbs.filter((verb) => verb === 'list').length).toBeLessThan(75)
})

// promise: after-timeout
test.each([0, 20 * MINUTE_MS])(
  '--after-timeout %i: nothing starts, the claim says why, and the slot stays open',
  async (afterTimeoutMs) => {
    const { time, extract, nightly, rowOf } = await chain()
    await time.run(extract(0, {}, failsAfter(MINUTE_MS)).result)
    const startMs = time.now()
    const run = nightly(0, { afterTimeoutMs })
    expect(await time.run(run.result)).toMatchObject({ status: 'refused', cause: 'blocked', row: null })
    expect(time.now() - startMs).toBeLessThan(afterTimeoutMs + SECOND_MS)
    expect(time.now() - startMs).toBeGreaterThanOrEqual(afterTimeoutMs)
    expect(run.started).toEqual([])
    expect(run.events.at(-1)?.event).toMatchObject({
      event: 'refused',
      missing: { task: 'extract', slot: extractOf(0), row: { state: 'FAILED' } },
      noted: true,
    })
    expect(await rowOf('nightly', slotOf(0))).toMatchObject({
      state: 'FAILED',
      attempts: [{ outcome: 'notStarted', blockedBy: { task: 'extract', slot: extractOf(0) } }],
      rejections: { latest: { cause: 'blocked' } },
    })
    await time.run(extract(0, { eventTime: undefined, force: { slot: new Date(extractOf(0)), ...FORCE } }).result)
    expect(await time.run(nightly(0).result)).toMatchObject({ status: 'completed', attempt: 2 })
  },
)

// promise: after
test('an upstream that is forced again while the run waits for another one: it waits for its end', async () => {
  const { time, ledger, trigger, extract, nightly, rowOf, wait } = await chain()
  await writeRecord('load', declaration('load', '30 2 * * *', extractOf(-3)), 'absent', ledger, CALL)
  const load = () => trigger({ task: 'load', schedule: '30 2 * * *', eventTime: new Date(slotOf(0)) }, works(MINUTE_MS))
  await time.run(extract(0).result)
  const run = nightly(0, { after: ['extract', 'load'] })
  await wait(MINUTE_MS)
  const again = { slot: new Date(extractOf(0)), ...FORCE, status: ['completed'] } as const
  const forced = extract(0, { eventTime: undefined, force: again }, works(30 * MINUTE_MS))
  await wait(MINUTE_MS)
  await time.run(load().result)
  await wait(5 * MINUTE_MS)
  expect(run.started).toEqual([])
  expect(await time.run(forced.result)).toMatchObject({ status: 'completed' })
  const endMs = time.now()
  expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
  expect((await rowOf('nightly', slotOf(0))).attempts[0]?.startedAt).toBeGreaterThanOrEqual(endMs)
})

test('a slot that an operator skipped, one in a pause and one after a retirement hold nothing up, and the log says so', async () => {
  const { time, ledger, nightly } = await chain()
  const change = async (record: TaskRecord | null) => {
    const { version } = (await ledger.readEntry({ task: 'extract', kind: '#task' }, CALL)) ?? { version: 0 }
    if (record !== null) await writeRecord('extract', record, version, ledger, CALL)
  }
  const record = declaration('extract', '0 2 * * *', extractOf(-3))
  const whole = { ...PAUSE, from: extractOf(-2), until: null }
  await change(withPause(record, whole))
  const paused = nightly(-1)
  expect(await time.run(paused.result)).toMatchObject({ status: 'completed' })
  expect(paused.events[0]?.event).toMatchObject({
    event: 'warning',
    message: expect.stringContaining('2026-11-23T02:00:00Z of extract is in a pause by ada: maintenance'),
  })
  await change(withRetirement(record, whole))
  expect(await time.run(nightly(0).result)).toMatchObject({ status: 'completed' })
})

const SINCE = { sinceLastSuccess: true } as const

// promise: after
test('a run that does the work since the last success waits for what all of that work needs', async () => {
  const { time, extract, nightly, rowOf } = await chain()
  await time.run(extract(-3).result)
  await time.run(nightly(-3, SINCE).result)
  // The nights -2 and -1 are lost, for both tasks.
  await time.run(extract(0).result)
  const blocked = await time.run(nightly(0, { ...SINCE, afterTimeoutMs: 0 }).result)
  expect(blocked).toMatchObject({ status: 'refused', cause: 'blocked' })
  const by = { task: 'extract', slot: extractOf(-2) }
  expect((await rowOf('nightly', slotOf(0))).attempts).toMatchObject([{ outcome: 'notStarted', blockedBy: by }])
  for (const day of [-2, -1]) await time.run(extract(day).result)
  expect(await time.run(nightly(0, { ...SINCE, afterTimeoutMs: 0 }).result)).toMatchObject({ status: 'completed' })
})

test('a slot of another task in the range of a failed run of it is not done', async () => {
  const { time, extract, nightly } = await chain()
  await time.run(extract(-3, SINCE).result)
  await time.run(nightly(-3, SINCE).result)
  // The nights -2 and -1 are lost, for both tasks.
  await time.run(extract(0, SINCE, failsAfter(1)).result)
  const blocked = nightly(0, { ...SINCE, afterTimeoutMs: 0 })
  expect(await time.run(blocked.result)).toMatchObject({ status: 'refused', cause: 'blocked' })
  const later = { covering: null, failed: { by: { slot: extractOf(0) } } }
  expect(blocked.events.at(-1)?.event).toMatchObject({ event: 'refused', missing: { slot: extractOf(-2), later } })
})

// promise: covered-slot
test('a slot of another task is done by a later run with a range, also 200 slots later, and if its runs have none any more', async () => {
  const { time, nightly, trigger } = await chain()
  const feed = (day: number, more = {}) =>
    time.run(
      trigger({ task: 'feed', schedule: '0 * * * *', eventTime: new Date(slotOf(day)), ...more }, works(1)).result,
    )
  for (const day of [-10, -1]) await feed(day, SINCE)
  await feed(0)
  const options = { after: ['feed'], afterTimeoutMs: 0 }
  for (const day of [-9, -1])
    expect(await time.run(nightly(day, options).result)).toMatchObject({ status: 'completed' })
})

test('a run with a range does not wait for its previous slot if that was missed, but if it failed', async () => {
  const { time, nightly } = await chain()
  const self = (day: number, work = works(1)) =>
    nightly(day, { ...SINCE, after: ['self'], afterTimeoutMs: 0 }, {}, work)
  await time.run(self(-3).result)
  expect(await time.run(self(-1, failsAfter(1)).result)).toMatchObject({ status: 'failed' })
  expect(await time.run(self(0).result)).toMatchObject({ status: 'refused', cause: 'blocked' })
})

test('a pause that is set while the run looks at the slots of other tasks: it starts nothing', async () => {
  const { time, extract, nightly, changeRecord } = await chain()
  await time.run(extract(0).result)
  const pause = (record: TaskRecord) => withPause(record, { ...PAUSE, from: slotOf(0), until: null })
  const fateOf = ({ verb }: Call): Fate => {
    if (verb === 'list') void changeRecord(pause)
    return { kind: 'answered', afterMs: 5 }
  }
  const run = nightly(0, {}, { fateOf })
  expect(await time.run(run.result)).toMatchObject({ status: 'paused', recorded: true })
  expect(run.started).toEqual([])
})

test('a later run has done its work while the run waited, under an option that is new: it is a duplicate', async () => {
  const { time, extract, nightly, wait } = await chain()
  await time.run(nightly(-2, { after: undefined }).result)
  const waits = nightly(-1)
  await wait(MINUTE_MS)
  await time.run(nightly(0, { ...SINCE, after: undefined }).result)
  await time.run(extract(-1).result)
  expect(await time.run(waits.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })
  expect(waits.started).toEqual([])
})

test('--after self waits for the previous slot of the task, and the first slot of a new ledger for none', async () => {
  const { time, trigger, rowOf } = await chain()
  const self = (day: number, work = works(1)) =>
    trigger({ eventTime: new Date(slotOf(day)), after: ['self'], afterTimeoutMs: 0 }, work)
  expect(await time.run(self(-2, failsAfter(1)).result)).toMatchObject({ status: 'failed' })
  expect(await time.run(self(-1).result)).toMatchObject({ status: 'refused', cause: 'blocked' })
  const blockedBy = { task: 'nightly', slot: slotOf(-2) }
  expect(await rowOf('nightly', slotOf(-1))).toMatchObject({ attempts: [{ blockedBy }] })
})

test('with --after self, a run that does the work since the last success waits for its previous slot only', async () => {
  const { time, trigger, changeRecord } = await chain()
  const options = { after: ['self'], afterTimeoutMs: 0, sinceLastSuccess: true }
  const self = (day: number, work = works(1)) => trigger({ eventTime: new Date(slotOf(day)), ...options }, work)
  await time.run(self(-3).result)
  await time.run(self(-2, failsAfter(1)).result)
  await changeRecord((record) => withPause(record, { ...PAUSE, from: slotOf(-1), until: slotOf(0) }))
  expect(await time.run(self(0).result)).toMatchObject({ status: 'completed' })
})

// promise: after-unknown
describe('what cannot be waited for is a usage error, and nothing is written', () => {
  test.each([
    ['the task itself', ['nightly'], 'Use --after self'],
    ['a task that comes after this one', ['load'], 'nightly after load after nightly'],
    ['one that comes after a task after this one', ['report'], 'nightly after report after load after nightly'],
    ['a task that comes after all with the prefix of this one', ['all'], 'nightly after all after nightly'],
    ['a prefix of such a task', ['al*'], 'nightly after all after nightly'],
    ['prefixes of three tasks', ['b/*'], 'nightly after b/1 after c/1 after nightly'],
  ])('%s', async (_, after, message) => {
    const { time, ledger, nightly } = await chain()
    for (const [task, need] of [
      ['load', 'nightly'],
      ['report', 'load'],
      ['all', 'night*'],
      ['b/1', 'c/*'],
      ['c/1', 'night*'],
    ] as const) {
      const record = declaration(task, '0 2 * * *', extractOf(-3))
      const expectations = { since: 0, after: [need] }
      await writeRecord(task, { ...record, expectations }, 'absent', ledger, CALL)
    }
    const { verbs, fateOf } = recordVerbs()
    const run = nightly(0, { after }, { fateOf })
    await expect(time.run(run.result)).rejects.toThrow(message)
    const reads = after[0]?.endsWith('*') ? ['listTasks', 'readEntry'] : ['readEntry']
    expect(new Set(verbs)).toEqual(new Set(reads))
  })

  test('a timeout without a task to wait for', async () => {
    const { time, nightly } = await chain()
    const run = nightly(0, { after: undefined, afterTimeoutMs: 0 })
    await expect(time.run(run.result)).rejects.toThrow('requires --after')
  })
})

describe('a scheduled run that comes after what is not recorded yet is a usage error, and on record as refused', () => {
  test.each([
    ['an unknown task', 'extrct', 'task extrct of --after is unknown', 'extrct'],
    ['a task without a schedule', 'paused', 'task paused of --after has no recorded schedule', 'paused'],
    ['a prefix that no task has', 'imp/*', 'no task of this ledger has the prefix imp/* of --after', undefined],
    ['a prefix of retired tasks', 'old/*', 'no task of this ledger has the prefix old/* of --after', undefined],
    ['a prefix that only the task itself has', 'night*', 'has the prefix night* of --after', undefined],
  ])('%s', async (_, name, message, blocker) => {
    const { time, ledger, nightly, extract, rowOf } = await chain()
    await writeRecord('paused', withPause(EMPTY_TASK_RECORD, PAUSE), 'absent', ledger, CALL)
    const old = declaration('old/1', '0 2 * * *', extractOf(-3))
    const retired = withRetirement(old, { ...PAUSE, from: extractOf(-2), until: null }) as TaskRecord
    await writeRecord('old/1', retired, 'absent', ledger, CALL)
    await time.run(extract(0).result)
    const run = nightly(0, { after: ['extract', name], catchUpMs: DAY_MS })
    await expect(time.run(run.result)).rejects.toThrow(message)
    expect(run.started).toEqual([])
    const { attempts, rejections } = await rowOf('nightly', slotOf(0))
    expect(attempts).toMatchObject([{ outcome: 'notStarted', ...(blocker && { blockedBy: { task: blocker } }) }])
    expect(rejections).toMatchObject({ count: 1, refused: 1, latest: { cause: 'blocked' } })
    // The slot is open for the next trigger, once the task is there.
    await expect(time.run(nightly(0).result)).resolves.toMatchObject({ status: 'completed' })
  })
})

describe('--after with a prefix', () => {
  const EACH = { after: ['imp/*'], afterTimeoutMs: 10 * MINUTE_MS }
  const NAMES = ['imp/a', 'imp/b', 'imp/c'] as const

  async function tenants() {
    const at = await chain()
    const { time, trigger, ledger } = at
    const declare = (task: string, change: (record: TaskRecord) => TaskRecord | null = (record) => record) =>
      writeRecord(task, change(declaration(task, '0 2 * * *', extractOf(-3))) as TaskRecord, 'absent', ledger, CALL)
    for (const name of NAMES) await declare(name)
    const run = (day: number, ...names: readonly string[]) => {
      const one = (task: string) => trigger({ ...EXTRACT, task, eventTime: new Date(extractOf(day)) }, works(1)).result
      return time.run(Promise.all(names.map(one)))
    }
    return { ...at, run, declare }
  }

  test('the run waits for each task that the ledger lists, without retired ones and itself, and the record keeps the prefix', async () => {
    const { nightly, run, wait, time, declare, ledger, rowOf } = await tenants()
    await declare('imp/gone', (record) => withRetirement(record, { ...PAUSE, from: extractOf(-2), until: null }))
    await run(0, 'imp/a', 'imp/b')
    const total = nightly(0, { ...EACH, task: 'imp/total' })
    await wait(MINUTE_MS)
    expect((await rowOf('imp/total', slotOf(0))).attempts).toMatchObject([{ blockedBy: { task: 'imp/c' } }])
    await run(0, 'imp/c')
    await expect(time.run(total.result)).resolves.toMatchObject({ status: 'completed' })
    const { record } = await readRecord('imp/total', ledger, CALL)
    expect(record).toMatchObject({ expectations: { after: ['imp/*'] } })
  })

  test('a retired task is no part of a circle, as it is due no more', async () => {
    const { nightly, run, time, declare } = await tenants()
    const needs = (...names: readonly string[]) => ({ expectations: { since: 0, after: names } })
    await declare('imp/d', (record) => ({ ...record, ...needs('old/*') }))
    await declare('old/1', (record) =>
      withRetirement({ ...record, ...needs('nightly') }, { ...PAUSE, from: extractOf(-2), until: null }),
    )
    await run(0, ...NAMES)
    const last = time.run(nightly(0, EACH).result)
    await expect(last).resolves.toMatchObject({ status: 'refused', cause: 'blocked' })
  })

  test('a force comes after the tasks of the recorded prefix', async () => {
    const { nightly, run, time } = await tenants()
    await run(-1, ...NAMES)
    await expect(time.run(nightly(-1, EACH).result)).resolves.toMatchObject({ status: 'completed' })
    await run(0, 'imp/a')
    const force = { ...FORCE, slot: new Date(slotOf(0)) }
    const forced = nightly(0, { after: undefined, eventTime: undefined, force })
    await expect(time.run(forced.result)).resolves.toMatchObject({ status: 'refused', cause: 'blocked' })
    expect(forced.events.at(-1)?.event).toMatchObject({ missing: { task: 'imp/b' } })
  })

  test.each([
    ['of a newer version', { schemaVersion: 99 }, /newer version .* imp\/new/],
    ['that is damaged', { schemaVersion: 1, schedules: 7 }, /imp\/new/],
  ])('a record %s is an error that names the task, and never left out', async (_, document, message) => {
    const { nightly, ledger, time } = await tenants()
    await ledger.writeEntry({ task: 'imp/new', kind: '#task' }, { version: 1, document }, 'absent', CALL)
    const run = nightly(0, EACH)
    await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'shape', message: expect.stringMatching(message) })
    expect(run.started).toEqual([])
  })

  test('the records of many tasks are read a few at a time, so that Node warns of nothing', async () => {
    const { nightly, run, time, declare } = await tenants()
    const many = Array.from({ length: 20 }, (_, index) => `imp/${index}`)
    for (const name of many) await declare(name)
    await run(0, ...NAMES, ...many)
    const warned = vi.spyOn(process, 'emitWarning')
    onTestFinished(() => warned.mockRestore())
    await expect(time.run(nightly(0, EACH).result)).resolves.toMatchObject({ status: 'completed' })
    expect(warned).not.toHaveBeenCalled()
  })
})

test('a stop while it waits ends the claim, and the slot is open', async () => {
  const { time, nightly, rowOf, wait } = await chain()
  const run = nightly(0)
  await wait(MINUTE_MS)
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
  expect(await rowOf('nightly', slotOf(0))).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'notStarted' }] })
})

test('a ledger that is gone while it waits: the claim is withdrawn after the ledger timeout', async () => {
  const { time, nightly, rowOf } = await chain()
  const endMs = time.now() + 5 * MINUTE_MS
  const isDown = () => time.now() > endMs && time.now() < endMs + 10 * MINUTE_MS
  const run = nightly(0, {}, { fateOf: () => ({ kind: isDown() ? 'dropped' : 'answered' }) })
  await expect(time.run(run.result)).rejects.toThrow(/no answer/)
  expect(names(run).at(-1)).toBe('withdrawn')
  expect(run.started).toEqual([])
  expect(await rowOf('nightly', slotOf(0))).toMatchObject({ attempts: [{ phase: 'waiting' }] })
})

test('permissions that fail for a moment while it waits do not end the run', async () => {
  const { time, extract, nightly, wait } = await chain()
  let left = 0
  const isDenied = (verb: string) => verb === 'readEntry' && left-- > 0
  const run = nightly(0, {}, { fateOf: ({ verb }) => ({ kind: isDenied(verb) ? 'denied' : 'answered' }) })
  await wait(MINUTE_MS)
  left = 3
  await time.run(extract(0).result)
  expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
  expect(left).toBeLessThan(0)
})

// promise: after-timeout
test('each caught-up slot has needs of its own: a blocked one does not stop the rest, and stays to be caught up', async () => {
  const { time, extract, nightly, rowOf } = await chain()
  await time.run(nightly(-4, { after: undefined }).result)
  for (const day of [-3, -2, -1]) await time.run(extract(day, {}, day === -3 ? failsAfter(1) : works(1)).result)
  const startMs = time.now()
  const run = nightly(-1, { catchUpMs: 4 * DAY_MS, afterTimeoutMs: 10 * MINUTE_MS })
  const { caughtUp, ...own } = await time.run(run.result)
  expect([...caughtUp, own].map(({ status }) => status)).toEqual(['refused', 'completed', 'completed'])
  expect(time.now() - startMs).toBeLessThan(11 * MINUTE_MS)
  await time.run(extract(-3, { eventTime: undefined, force: { slot: new Date(extractOf(-3)), ...FORCE } }).result)
  await time.run(extract(0).result)
  const next = await time.run(nightly(0, { catchUpMs: 5 * DAY_MS }).result)
  expect(next.caughtUp.map(({ slot, status }) => [slot.getTime(), status])).toEqual([[slotOf(-3), 'completed']])
  const attempts = [{ outcome: 'notStarted' }, { outcome: 'succeeded' }]
  expect(await rowOf('nightly', slotOf(-3))).toMatchObject({ attempts })
})

test('a forced run waits as the runs of the task do, unless it ignores that, which is recorded', async () => {
  const { time, nightly, rowOf, record } = await chain()
  await time.run(nightly(0, { afterTimeoutMs: 0 }).result)
  expect((await record()).expectations).toMatchObject({ after: ['extract'] })
  const force = { slot: new Date(slotOf(0)), ...FORCE }
  const forced = { eventTime: undefined, after: undefined }
  const waits = nightly(0, { ...forced, afterTimeoutMs: 0, force })
  expect(await time.run(waits.result)).toMatchObject({ status: 'refused', cause: 'blocked' })
  const ignores = nightly(0, { ...forced, force: { ...force, ignoreAfter: true } })
  expect(await time.run(ignores.result)).toMatchObject({ status: 'completed' })
  const kinds = (await rowOf('nightly', slotOf(0))).attempts.map(({ trigger }) => trigger)
  expect(kinds).toMatchObject([{ kind: 'scheduled' }, { kind: 'forced' }, { kind: 'forced', ignoresAfter: true }])
})

test('a forced run waits as long as the latest run of the task, unless it says how long', async () => {
  const { time, nightly, record } = await chain()
  const waitedMs = async (options: Partial<TriggerOptions>) => {
    const startMs = time.now()
    expect(await time.run(nightly(0, options).result)).toMatchObject({ status: 'refused', cause: 'blocked' })
    return Math.round((time.now() - startMs) / SECOND_MS)
  }
  const forced = { eventTime: undefined, after: undefined, force: { slot: new Date(slotOf(0)), ...FORCE } }
  await waitedMs({ afterTimeoutMs: 20 * MINUTE_MS })
  expect((await record()).expectations).toMatchObject({ after: ['extract'], afterTimeoutMs: 20 * MINUTE_MS })
  expect(await waitedMs(forced)).toBe(20 * 60)
  expect(await waitedMs({ ...forced, afterTimeoutMs: 0 })).toBe(0)
})

// promise: newer-task-record
test('a forced run whose task record cannot be read starts only if it ignores what it comes after', async () => {
  const { time, nightly, ledger } = await chain()
  const entry = { version: 7, document: { schemaVersion: 3 } }
  await ledger.writeEntry({ kind: '#task', task: 'nightly' }, entry, 'absent', CALL)
  const force = { slot: new Date(slotOf(0)), ...FORCE }
  const forced = { eventTime: undefined, after: undefined }
  const plain = nightly(0, { ...forced, force })
  await expect(time.run(plain.result)).rejects.toMatchObject({ kind: 'shape' })
  const ignores = nightly(0, { ...forced, force: { ...force, ignoreAfter: true } })
  expect(await time.run(ignores.result)).toMatchObject({ status: 'completed' })
})

test('a run that waits for another task does not hold the overlap lock', async () => {
  const { time, extract, nightly, wait } = await chain()
  const overlap = 'wait' as const
  await time.run(extract(-1).result)
  const blocked = nightly(0, { overlap, afterTimeoutMs: 2 * HOUR_MS })
  await wait(MINUTE_MS)
  expect(await time.run(nightly(-1, { overlap }).result)).toMatchObject({ status: 'completed' })
  expect(blocked.started).toEqual([])
  await time.run(extract(0).result)
  expect(await time.run(blocked.result)).toMatchObject({ status: 'completed' })
})

test('the lease is renewed while it waits', async () => {
  const { time, nightly, wait } = await chain()
  let renewals = 0
  const fateOf = (call: Call): Fate => {
    if (isRenewal(call)) renewals += 1
    return { kind: 'answered', afterMs: 5 }
  }
  const run = nightly(0, {}, { fateOf })
  await wait(5 * MINUTE_MS)
  expect(renewals).toBeGreaterThanOrEqual(5)
  run.stop()
  await time.run(run.result)
})
