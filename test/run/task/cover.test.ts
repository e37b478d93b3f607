import { describe, expect, test } from 'vitest'
import { slotsToCatchUp } from '../../../src/audit/slots-to-catch-up.ts'
import { withPause } from '../../../src/core/task/task-changes.ts'
import { EMPTY_TASK_RECORD } from '../../../src/core/task/task-record.ts'
import { needOf } from '../../../src/core/task/upstream.ts'
import type { Row, StoredRow } from '../../../src/core/types.ts'
import type { Store } from '../../../src/store/store.ts'
import { verdictOf } from '../../../src/verdict/verdict.ts'
import { coveredRow, FAILED, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'
import type { Call, Fate } from '../../support/simulated/faulty-store.ts'
import { failsAfter, type HostOptions, TASK, works, world } from '../../support/simulated/world.ts'

const DAY_MS = 24 * 3_600_000
const ONCE = { settings: { catchUpMs: 10 * DAY_MS, catchUpMode: 'once' } } as const
const FORCE = { by: 'ada', reason: 'bad input file' } as const

/** Returns a world at 03:00 of day 5, in which day 0 completed, and the days 1 to 4 were missed if nothing else is done. */
async function afterOutage() {
  const at = world('daily', 5)
  const { time, trigger, slotOfDay, find } = at
  await time.run(trigger('before', works(1), { day: 0 }).result)
  const dayOf = (slot: number | undefined) => (slot === undefined ? null : (slot - slotOfDay(0)) / DAY_MS)
  let since: number | null | undefined
  async function run(day: number, options: HostOptions = ONCE, work = works(1), runId = `run-${day}`) {
    since = undefined
    const run = trigger(
      runId,
      (live, clock) => {
        since = dayOf(live.since ?? undefined)
        return work(live, clock)
      },
      { day, ...options },
    )
    return { ...run, result: await time.run(run.result) }
  }
  /** Returns what covers each day, as a text: the day, or the state of a slot that has a row of its own. */
  async function map(last = 5) {
    const days: (string | number | undefined)[] = []
    for (let day = 1; day < last; day++) {
      const row = (await find(day)) as Row | null
      days.push(row === null ? 'missed' : row.coveredBy === undefined ? row.state : (dayOf(row.coveredBy) ?? ''))
    }
    return days
  }
  return { ...at, run, map, since: () => since }
}

/** The host of the run is cut off from the ledger before it covers the slot. */
function diesAt(slot: number) {
  let isDead = false
  return (call: Call): Fate => {
    isDead ||= call.verb === 'put' && call.row.coveredBy !== undefined && call.row.slot === slot
    return isDead ? { kind: 'dropped' } : { kind: 'answered' }
  }
}

describe('catch up once', () => {
  test('one run covers each missed slot after the last success, and goes on from there', async () => {
    const { run, map, since, row, slotOfDay } = await afterOutage()
    const { result, events } = await run(5)
    expect(result).toMatchObject({ status: 'completed' })
    expect([await map(), since()]).toEqual([[5, 5, 5, 5], 0])
    expect(events).toContainEqual({
      event: 'catch-up',
      mode: 'once',
      count: 4,
      oldest: slotOfDay(1),
      newest: slotOfDay(4),
      left: 0,
    })
    expect(await row(5)).toMatchObject({ state: 'COMPLETED', covers: { slots: 4, since: slotOfDay(0) } })
    expect(await row(2)).toMatchObject({
      state: 'SKIPPED',
      attempts: [],
      resolutions: [{ by: 'cronledger', reason: 'covered by slot 2026-11-29T03:00:00Z' }],
    })
    // The next run covers nothing and goes on from this one.
    await run(6)
    expect([await map(7), since()]).toEqual([[5, 5, 5, 5, 'COMPLETED', 'COMPLETED'], 5])
  })

  test('a late trigger for a covered slot is a duplicate, and says by what', async () => {
    const { run, row, slotOfDay } = await afterOutage()
    await run(5)
    const { result, starts } = await run(2, ONCE, works(1), 'late')
    expect(result).toMatchObject({
      status: 'duplicate',
      cause: 'skipped',
      row: { coveredBy: slotOfDay(5), covering: { state: 'COMPLETED' } },
    })
    expect(starts()).toBe(0)
    expect((await row(2)).rejections.count).toBe(1)
  })

  test('never a slot that runs, failed, is stale, was skipped or paused, or may still get its trigger', async () => {
    const { run, map, trigger, time, ledger, resolve, changeRecord, slotOfDay } = await afterOutage()
    await time.run(time.clock().wait(DAY_MS))
    trigger('long', works(40 * DAY_MS), { day: 1 })
    await run(2, {}, failsAfter(1))
    await time.run(resolve('skip', 'SKIPPED', { day: 3 }))
    await changeRecord((record) => withPause(record, { ...PAUSE, from: slotOfDay(4), until: slotOfDay(4) + 1 }))
    const stale = { ...rowWith({}), slot: slotOfDay(5), windowEnd: slotOfDay(6) }
    await ledger.put(stale, 'absent', { signal: new AbortController().signal })
    await run(6)
    expect(await map(6)).toEqual(['PENDING', 'FAILED', 'SKIPPED', 'missed', 'PENDING'])
    const hourly = world('hourly', 3)
    await hourly.time.run(hourly.trigger('before', works(1), { day: 0 }).result)
    const settings = { ...ONCE.settings, graceMs: 3_600_000 + 60_000 }
    await hourly.time.run(hourly.trigger('own', works(1), { day: 3, settings }).result)
    expect(await hourly.find(1)).toMatchObject({ coveredBy: hourly.slotOfDay(3) })
    expect(await hourly.find(2)).toBeNull()
  })

  test('a trigger that is first keeps its slot, and what the run covers is corrected', async () => {
    const { run, map, row, trigger, slotOfDay } = await afterOutage()
    const isCover = (call: Call) => call.verb === 'put' && call.row.coveredBy !== undefined
    const fateOf = (call: Call): Fate => {
      if (isCover(call) && call.verb === 'put' && call.row.slot === slotOfDay(1)) trigger('first', works(1), { day: 2 })
      return { kind: 'answered', afterMs: 50 }
    }
    await run(5, { ...ONCE, fateOf })
    expect(await map()).toEqual([5, 'COMPLETED', 5, 5])
    expect(await row(5)).toMatchObject({ covers: { slots: 3 } })
  })

  test('an answer that is lost, or a request that is sent again, covers a slot once', async () => {
    const { run, map, row } = await afterOutage()
    let lost = 0
    const fateOf = (call: Call): Fate =>
      call.verb === 'put' && call.row.coveredBy !== undefined && ++lost % 2 === 1
        ? { kind: 'answerLost' }
        : { kind: 'answered' }
    await run(5, { ...ONCE, fateOf })
    expect(await map()).toEqual([5, 5, 5, 5])
    expect(await row(5)).toMatchObject({ covers: { slots: 4 } })
    expect((await row(1)).resolutions).toHaveLength(1)
  })

  test('the range of the run begins at the last success, so its slots are covered also if they are older than the span', async () => {
    const { run, map, since } = await afterOutage()
    const late = { catchUpMs: DAY_MS, catchUpMode: 'once', maxLatenessMs: DAY_MS } as const
    await run(5, { settings: late })
    expect([await map(), since()]).toEqual([[5, 5, 5, 5], 0])
  })

  test('without a success, only the slots of the span are covered', async () => {
    const { time, trigger, find, slotOfDay } = world('daily', 5)
    await time.run(trigger('before', failsAfter(1), { day: 0 }).result)
    await time.run(
      trigger('own', works(1), { day: 5, settings: { catchUpMs: 2 * DAY_MS, catchUpMode: 'once' } }).result,
    )
    expect([await find(3), await find(4)]).toMatchObject([null, { coveredBy: slotOfDay(5) }])
  })

  test('a missed slot before a completed one is not part of the work, so it stays missed', async () => {
    const { run, map, since } = await afterOutage()
    await run(2, {})
    await run(5)
    expect([await map(), since()]).toEqual([['missed', 'COMPLETED', 5, 5], 2])
  })

  test('at most 100 slots, the oldest; the next run records the others as covered by this one', async () => {
    const hourly = world('hourly', 150)
    const { time, trigger, find, row, slotOfDay } = hourly
    await time.run(trigger('before', works(1), { day: 0 }).result)
    const own = trigger('own', works(1), { day: 150, ...ONCE })
    await time.run(own.result)
    expect(own.events).toContainEqual(expect.objectContaining({ count: 100, left: 49 }))
    expect(await find(100)).toMatchObject({ coveredBy: slotOfDay(150) })
    expect(await find(101)).toBeNull()
    await time.run(trigger('next', works(1), { day: 151, ...ONCE }).result)
    // That run has done their work.
    expect(await find(101)).toMatchObject({ coveredBy: slotOfDay(150) })
    expect((await row(151)).covers).toBeUndefined()
  })

  test('a run that dies between the rows and its start leaves them to a force of its slot, which covers them again', async () => {
    const { run, map, since, trigger, time, row, slotOfDay } = await afterOutage()
    const dead = trigger('dead', works(1), { day: 5, ...ONCE, fateOf: diesAt(slotOfDay(4)) })
    await expect(time.run(dead.result)).rejects.toMatchObject({ kind: 'unreachable' })
    await time.run(time.clock().wait(3_600_000))
    expect([await map(), dead.starts()]).toEqual([[5, 5, 5, 'missed'], 0])
    // The run of another slot does not take them.
    await run(6)
    expect([await map(), since()]).toEqual([[5, 5, 5, 6], 0])
    // One of them runs alone. The force goes on from before all of them, also without the options of the run.
    await run(3, { force: FORCE }, works(1), 'alone')
    expect(await map()).toEqual([5, 5, 5, 6])
    expect(await row(3)).toMatchObject({ state: 'COMPLETED' })
    await run(5, { force: { ...FORCE, only: ['stale', 'failed'] } }, works(1), 'forced')
    expect([since(), (await row(5)).state]).toEqual([0, 'COMPLETED'])
  })

  test('a repetition goes on from the same success and counts each slot once, also if the record of that success is gone', async () => {
    const { run, map, since, trigger, time, row, slotOfDay } = await afterOutage()
    const dead = trigger('dead', works(1), { day: 5, ...ONCE, fateOf: diesAt(slotOfDay(3)) })
    await expect(time.run(dead.result)).rejects.toThrow()
    await time.run(time.clock().wait(3_600_000))
    const twice = { settings: { ...ONCE.settings, maxAttempts: 2 } }
    await run(5, twice, failsAfter(1), 'again')
    expect([await map(), since(), (await row(5)).covers]).toEqual([[5, 5, 5, 5], 0, { slots: 4, since: slotOfDay(0) }])
    const isKept = ({ slot }: StoredRow) => slot !== slotOfDay(0)
    const watch = {
      asked: (store: Store) => store,
      applied: (store: Store): Store => ({
        ...store,
        list: async (query, how) => {
          const page = await store.list(query, how)
          return { ...page, rows: page.rows.filter(isKept) }
        },
      }),
    }
    await run(5, { force: FORCE, watch }, works(1), 'forced')
    expect(since()).toBe(0)
  })

  test('a later attempt that covers more says how many slots it covers with those of the attempt before', async () => {
    const { run, row, changeRecord, slotOfDay } = await afterOutage()
    await changeRecord((record) => withPause(record, { ...PAUSE, from: slotOfDay(3), until: slotOfDay(4) }))
    await run(5, ONCE, failsAfter(1))
    expect((await row(5)).covers).toMatchObject({ slots: 3 })
    await changeRecord((record) => ({ ...record, pauses: [] }))
    await run(5, { settings: { ...ONCE.settings, maxAttempts: 2 } }, works(1), 'again')
    expect((await row(5)).covers).toMatchObject({ slots: 4 })
  })

  test('a repetition goes on from a slot that was repaired since, if that is before all that it covers', async () => {
    const { run, map, since } = await afterOutage()
    await run(3, ONCE, failsAfter(1))
    await run(5, ONCE, failsAfter(1))
    expect(await map()).toEqual([3, 3, 'FAILED', 5])
    await run(3, { force: FORCE }, works(1), 'first')
    await run(5, { force: FORCE }, works(1), 'second')
    expect(since()).toBe(3)
  })

  test('two runs that cover at once: each missed slot is covered by one of them', async () => {
    const { map, trigger, time, row } = await afterOutage()
    const runs = [trigger('a', works(1), { day: 5, ...ONCE }), trigger('b', works(1), { day: 6, ...ONCE })]
    await time.run(Promise.all(runs.map(({ result }) => result)))
    const covered = (await map()) as number[]
    for (const by of [5, 6]) expect((await row(by)).covers?.slots ?? 0).toBe(covered.filter((one) => one === by).length)
  })

  test('a slot of which an earlier catch-up started nothing is covered, too', async () => {
    const { run, map, trigger, time } = await afterOutage()
    const left = trigger('left', works(1), {
      day: 2,
      source: 'catch-up',
      fateOf: ({ verb }) => ({ kind: verb === 'readEntry' ? 'denied' : 'answered' }),
    })
    await expect(time.run(left.result)).rejects.toMatchObject({ kind: 'denied' })
    expect(await map()).toEqual(['missed', 'FAILED', 'missed', 'missed'])
    await run(5)
    expect(await map()).toEqual([5, 5, 5, 5])
  })

  test('no other run catches up a slot that is covered', async () => {
    const { run, record, ledger, time, slotOfDay } = await afterOutage()
    await run(5, ONCE, failsAfter(1))
    const range = { since: slotOfDay(0), until: slotOfDay(6), graceMs: 0 }
    const deps = { store: ledger, clock: time.clock(), pageTimeoutMs: 9_000, signals: [] }
    const found: unknown[] = []
    for await (const one of slotsToCatchUp({ task: TASK, ...(await record()) }, range, deps)) found.push(one)
    expect(found).toEqual([])
  })
})

describe('what comes after a covered slot', () => {
  test.each([
    ['completed', coveredRow(rowWith({ ending: SUCCEEDED })), 'met'],
    ['failed', coveredRow(rowWith({ ending: FAILED })), 'open'],
    ['been deleted', coveredRow(null), 'open'],
  ])('starts only if the covering slot has completed: it has %s', (_, row, kind) => {
    expect(needOf({ task: TASK, slot: row.slot }, row, EMPTY_TASK_RECORD)).toMatchObject({ kind })
  })

  test('is not the run that covers it: with --after self, it does not wait for a slot whose work is its own', async () => {
    const { run, map, trigger, time } = await afterOutage()
    const afterSelf = { ...ONCE, settings: { ...ONCE.settings, after: ['self'], afterTimeoutMs: 0 } }
    expect((await run(5, afterSelf, failsAfter(1))).result).toMatchObject({ status: 'failed' })
    expect(await map()).toEqual([5, 5, 5, 5])
    // Nor does it wait where it is repeated. A slot that failed holds up the next one.
    expect(
      (await run(5, { ...afterSelf, settings: { ...afterSelf.settings, maxAttempts: 2 } }, failsAfter(1), 'again'))
        .result,
    ).toMatchObject({ status: 'failed', attempt: 2 })
    expect(await time.run(trigger('next', works(1), { day: 6, ...afterSelf }).result)).toMatchObject({
      status: 'refused',
    })
    // Once that is repaired, the blocked slot is covered as a missed one.
    await run(5, { force: FORCE }, works(1), 'repair')
    await time.run(time.clock().wait(2 * DAY_MS))
    expect((await run(7, afterSelf)).result).toMatchObject({ status: 'completed' })
  })
})

/** Returns a world in which day 5 failed and covers others, and is repaired while the force of one of them sends its claim. */
async function repairedDuringClaim() {
  const at = await afterOutage()
  await at.run(5, ONCE, failsAfter(1))
  const fateOf = (call: Call): Fate => {
    const isClaim = call.verb === 'put' && call.row.state === 'PENDING' && call.row.coveredBy !== undefined
    if (isClaim) at.trigger('repair', works(1), { day: 5, force: FORCE })
    return { kind: 'answered', afterMs: isClaim ? 90 : 1 }
  }
  return { ...at, fateOf }
}

describe('a force of a covered slot', () => {
  const COVERED = expect.stringMatching(/^it was covered by slot .*, which completed$/)
  test.each([
    ['completed', works(1), 'refused'],
    ['failed', failsAfter(1), 'completed'],
  ] as const)('whose covering slot has %s', async (_, work, status) => {
    const { run, since } = await afterOutage()
    await run(5, ONCE, work)
    const { result } = await run(3, { force: FORCE, settings: { sinceLastSuccess: true } }, works(1), 'alone')
    expect(result).toMatchObject({ status, ...(status === 'refused' && { cause: 'completed' }) })
    // It is meant, and goes on from the covered slot before it if the work of that one was done.
    const named = { force: { ...FORCE, only: ['completed', 'failed'] }, settings: { sinceLastSuccess: true } } as const
    if (status === 'refused') await run(3, named, works(1), 'named')
    expect(since()).toBe(status === 'refused' ? 2 : 0)
  })

  test.each([
    ['completed', works(1), { situation: 'repeated', work: 'done', happened: [COVERED, expect.anything()] }],
    ['failed', failsAfter(1), { situation: 'failed', work: 'unknown' }],
  ] as const)('that fails says whether its work was done before: its covering slot has %s', async (_, work, said) => {
    const { run, row, slotOfDay, time } = await afterOutage()
    await run(5, ONCE, work)
    await run(3, { force: { ...FORCE, only: ['completed', 'failed'] } }, failsAfter(1), 'alone')
    const target = { store: '', task: TASK, slot: slotOfDay(3), ecs: null }
    const verdict = verdictOf({ target, row: await row(3) }, { now: time.now(), skewMs: 0, graceMs: 0 })
    expect(verdict).toMatchObject({ ...said, nextTrigger: 'duplicate' })
    const { result } = await run(3, { force: FORCE }, works(1), 'again')
    const again = { repeated: { status: 'refused', cause: 'completed' }, failed: { status: 'completed' } }
    expect(result).toMatchObject(again[said.situation])
  })

  test('is refused if its covering slot completes between the read of that and the claim', async () => {
    const { run, row, fateOf } = await repairedDuringClaim()
    const { result, starts } = await run(3, { force: FORCE, fateOf }, works(1), 'alone')
    expect([result, starts()]).toMatchObject([{ status: 'refused', cause: 'completed' }, 0])
    expect(await row(3)).toMatchObject({ state: 'SKIPPED', attempts: [{ outcome: 'notStarted' }] })
  })

  test('that is meant, and fails, says that its work was done, also if that was after the read before the claim', async () => {
    const { run, row, fateOf } = await repairedDuringClaim()
    const meant = { force: { ...FORCE, only: ['completed', 'failed'] }, fateOf } as const
    expect((await run(3, meant, failsAfter(1), 'alone')).result).toMatchObject({ status: 'failed' })
    expect((await row(3)).resolutions.map(({ state }) => state)).toEqual(['SKIPPED', 'COMPLETED'])
  })

  test('is refused while its covering slot runs', async () => {
    const { run, trigger, time } = await afterOutage()
    const long = trigger('long', works(60_000), { day: 5, ...ONCE })
    await time.run(time.clock().wait(5_000))
    expect((await run(3, { force: FORCE }, works(1), 'alone')).result).toMatchObject({
      status: 'refused',
      cause: 'running',
    })
    await time.run(long.result)
  })
})
