import { expect, test } from 'vitest'
import { waitMsOf } from '../../src/core/row/attempts.ts'
import { delayBeforeRetryMs } from '../../src/core/row/policy.ts'
import type { Row } from '../../src/core/types.ts'
import type { RunSettings } from '../../src/run/settings.ts'
import { closed, FORCE, MINUTE_MS } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, fates, isRenewal, works, world } from '../support/simulated/world.ts'

const WORK = works(1_000)
const RETRIES: RunSettings = { maxAttempts: 3, retryDelayMs: 10 * MINUTE_MS }

const worksAt =
  (number: number): typeof WORK =>
  (attempt, clock) =>
    (attempt.number < number ? failsAfter(1_000) : WORK)(attempt, clock)

const writesAttempt = (number: number) => (call: Call) =>
  call.verb === 'put' && call.row.attempts.length === number && call.row.attempts.at(-1)?.phase === 'waiting'
const begins = (number: number) => (call: Call) => {
  const attempt = call.verb === 'put' ? call.row.attempts.at(-1) : undefined
  return attempt?.number === number && waitMsOf(attempt) !== null
}

test('a trigger with retries tries again as the next attempt, each on record', async () => {
  const { time, trigger, row } = world()
  const startMs = time.now()
  const run = trigger('a', worksAt(3), { settings: RETRIES })
  expect(await time.run(run.result)).toEqual({ status: 'completed', attempt: 3, value: 'done' })
  expect(time.now() - startMs).toBeGreaterThanOrEqual(20 * MINUTE_MS)
  const { state, attempts } = closed(await row())
  expect(state).toBe('COMPLETED')
  expect(attempts.map(({ number, runId, outcome, exitCode }) => [number, runId, outcome, exitCode])).toEqual([
    [1, 'a', 'failed', 3],
    [2, 'a', 'failed', 3],
    [3, 'a', 'succeeded', undefined],
  ])
  // The wait is not a part of the attempt.
  expect(attempts.map(({ startedAt, endedAt }) => Math.round(((endedAt ?? 0) - startedAt) / 1_000))).toEqual([1, 1, 1])
  const events = run.events.map(({ event }) => event).join(' ')
  expect(events).toBe('claimed ended retry claimed ended retry claimed ended')
})

test('each delay is longer by the backoff, and never longer than a day', () => {
  const policy = { retryDelayMs: 10 * MINUTE_MS, retryBackoff: 3 }
  expect([1, 2, 3, 9].map((retry) => delayBeforeRetryMs(policy, retry) / MINUTE_MS)).toEqual([10, 30, 90, 1440])
})

test('a forced trigger has its own, and no more than these', async () => {
  const { time, trigger, row } = world()
  await time.run(trigger('a', failsAfter(1)).result)
  const forced = trigger('b', failsAfter(1), { settings: RETRIES, force: FORCE })
  expect(await time.run(forced.result)).toMatchObject({ status: 'failed', attempt: 4, recorded: true })
  const kinds = (await row()).attempts.map(({ trigger: { kind } }) => kind)
  expect(kinds).toEqual(['scheduled', 'forced', 'forced', 'forced'])
})

test('an attempt that fails after a stop is the last one: nothing waits behind it', async () => {
  const { time, trigger, row } = world()
  const stop = new AbortController()
  const work = async () => {
    stop.abort({ atMs: 0 })
    return { outcome: 'failed', exitCode: 3 } as const
  }
  const run = trigger('a', work, { settings: RETRIES, stop })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 1, exitCode: 3, recorded: true })
  expect((await row()).attempts).toHaveLength(1)
})

// promise: retry-in-one-write
test('no other trigger slips in between: the row is running all the time', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', worksAt(2), { settings: RETRIES })
  const others = Array.from({ length: 40 }, async (_, index) => {
    await time.clock().wait(index * 20_000)
    const other = trigger(`other-${index}`, works(1), { settings: RETRIES })
    return other.result
  })
  const results = await time.run(Promise.all([run.result, ...others]))
  expect(new Set(results.slice(1).map(({ status }) => status))).toEqual(new Set(['duplicate']))
  expect((await row()).attempts.map(({ runId }) => runId)).toEqual(['a', 'a'])
})

test('the process of one attempt is not put down to the next one, which waits', async () => {
  const { time, trigger } = world()
  const mark = { pid: 7, startTicks: 8, boot: 'b' }
  const marks: [attempt: number | undefined, process: unknown][] = []
  const work: typeof WORK = (attempt, clock) => {
    if (attempt.number === 1) attempt.record(mark)
    return (attempt.number === 1 ? failsAfter(2 * MINUTE_MS) : works(2 * MINUTE_MS))(attempt, clock)
  }
  const fateOf = (call: Call): Fate => {
    const open = call.verb === 'put' && isRenewal(call) ? call.row.attempts.at(-1) : undefined
    if (open?.phase === 'running') marks.push([open.number, open.process])
    return { kind: 'answered', afterMs: 5 }
  }
  await time.run(trigger('a', work, { settings: RETRIES, fateOf }).result)
  expect(marks).toContainEqual([1, mark])
  expect(marks).toContainEqual([2, undefined])
  expect(marks).not.toContainEqual([2, mark])
})

for (const [what, how, end] of [
  ['paused', 'pause', { attempt: 1, exitCode: 3 }],
  // Its deadlines have stood still too: the answer comes in time for them, and only a renewal tells.
  ['suspended with its machine', 'suspend', { attempt: 2, outcome: 'notStarted', recorded: false }],
] as const) {
  test(`${what} while it begins: starts nothing, and another run may have taken over`, async () => {
    const { time, trigger, row } = world()
    const away = { fromMs: time.now() + 601_050, toMs: time.now() + 60 * MINUTE_MS }
    const late = { kind: 'answeredLate', afterMs: 100 } as const
    const run = trigger('a', worksAt(2), { settings: RETRIES, time: { [how]: away }, fateOf: fates(begins(2), late) })
    await time.run(time.clock().wait(30 * MINUTE_MS))
    const other = trigger('b', works(60 * MINUTE_MS), { settings: RETRIES })
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', ...end })
    expect(run.starts()).toBe(1)
    expect(await time.run(other.result)).toMatchObject({ status: 'completed', attempt: 3 })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'abandoned', 'succeeded'])
  })
}

test('a stop while it waits ends it: nothing more starts, and the slot says what failed', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', worksAt(2), { settings: RETRIES })
  await time.run(time.clock().wait(5 * MINUTE_MS))
  expect(await row()).toMatchObject({ state: 'PENDING', attempts: [{ outcome: 'failed' }, { phase: 'waiting' }] })
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
  expect(run.starts()).toBe(1)
  // The attempt that never started counts for nothing.
  const later = trigger('b', works(1), { settings: { maxAttempts: 2 } })
  expect(await time.run(later.result)).toMatchObject({ status: 'completed', attempt: 3 })
})

// promise: died-waiting
test('a run that was killed while it waited for its retry had started nothing', async () => {
  const { time, trigger, row } = world()
  trigger('a', worksAt(2), { settings: RETRIES, time: { crashMs: time.now() + 5 * MINUTE_MS } })
  await time.run(time.clock().wait(60 * MINUTE_MS))
  expect(await row()).toMatchObject({ state: 'PENDING', attempts: [{ outcome: 'failed' }, { phase: 'waiting' }] })
  const later = trigger('b', works(1), { settings: { maxAttempts: 2 } })
  expect(await time.run(later.result)).toMatchObject({ status: 'completed', attempt: 3 })
  expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'notStarted', 'succeeded'])
})

test('an end that cannot be written is the end of the run, and its lease is let go', async () => {
  const { time, trigger, row } = world()
  const backMs = time.now() + 7 * MINUTE_MS
  const run = trigger('a', worksAt(2), {
    settings: RETRIES,
    fateOf: (call) => ({ kind: writesAttempt(2)(call) && time.now() < backMs ? 'dropped' : 'answered' }),
  })
  const end = { outcome: 'failed', exitCode: 3 }
  expect(await time.run(run.result)).toEqual({ status: 'failed', attempt: 1, recorded: false, ...end })
  expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'unanswered' })
  await time.run(time.clock().wait(30 * MINUTE_MS))
  expect(run.starts()).toBe(1)
  const later = trigger('b', works(1), { settings: RETRIES })
  expect(await time.run(later.result)).toMatchObject({ status: 'completed', attempt: 2 })
  expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
})

test('a ledger that is away when the next one is due: the run ends as its last attempt did', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', worksAt(2), {
    settings: RETRIES,
    overrides: { onLeaseLost: 'continue' },
    fateOf: (call) => ({ kind: begins(2)(call) ? 'dropped' : 'answered' }),
  })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 1, exitCode: 3, recorded: true })
  expect(run.starts()).toBe(1)
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
  expect(run.events.at(-1)).toMatchObject({
    event: 'ended',
    attempt: { number: 2 },
    ending: { outcome: 'notStarted' },
    detail: expect.any(String),
    finish: 'recorded',
  })
})

test('a run that another one took over before its attempt failed starts nothing more, and its log says that the end is lost', async () => {
  const { time, trigger } = world()
  const run = trigger('a', failsAfter(20 * MINUTE_MS), {
    settings: RETRIES,
    overrides: { onLeaseLost: 'continue' },
    fateOf: (call) => ({ kind: isRenewal(call) ? 'dropped' : 'answered' }),
  })
  await time.run(time.clock().wait(15 * MINUTE_MS))
  const other = trigger('b', works(60 * MINUTE_MS), { settings: RETRIES })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 1, exitCode: 3, recorded: false })
  expect(run.starts()).toBe(1)
  expect(run.events.find(({ event }) => event === 'ended')).toMatchObject({ finish: 'lost' })
  expect(await time.run(other.result)).toMatchObject({ status: 'completed', attempt: 2 })
})

test('a run learns only from the write that begins its next attempt that another run took over: it starts nothing more', async () => {
  const { time, trigger } = world()
  const run = trigger('a', worksAt(2), {
    settings: { ...RETRIES, retryDelayMs: 30 * MINUTE_MS },
    overrides: { onLeaseLost: 'continue' },
    fateOf: (call) => ({ kind: isRenewal(call) ? 'dropped' : 'answered' }),
  })
  await time.run(time.clock().wait(15 * MINUTE_MS))
  const other = trigger('b', works(2 * 60 * MINUTE_MS), { settings: RETRIES })
  // No exit code of the attempt before: the command line makes 73 of that.
  expect(await time.run(run.result)).toEqual({ status: 'failed', attempt: 2, outcome: 'notStarted', recorded: false })
  expect(run.events).toContainEqual({ event: 'lease-lost', cause: 'taken' })
  expect(run.starts()).toBe(1)
  expect(await time.run(other.result)).toMatchObject({ status: 'completed', attempt: 3 })
})

test('what was not started, interrupted or lost is not tried again', async () => {
  for (const outcome of ['notStarted', 'interrupted', 'leaseLost'] as const) {
    const { time, trigger, row } = world()
    const run = trigger('a', async () => ({ outcome, exitCode: 127 }), { settings: RETRIES })
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 1, outcome })
    expect((await row()).attempts).toHaveLength(1)
  }
})

test('a row holds at most 100 attempts, retries included', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', failsAfter(1), { settings: { maxAttempts: 100, retryDelayMs: 0 } })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: 100 })
  const forced = trigger('b', failsAfter(1), { force: FORCE, settings: RETRIES })
  expect(await time.run(forced.result)).toMatchObject({ status: 'refused', cause: 'tooManyAttempts' })
  expect((await row()) as Row).toMatchObject({ state: 'FAILED', attempts: { length: 100 } })
})
