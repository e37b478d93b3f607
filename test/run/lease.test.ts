// Covers src/run/lease.
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/process/clock.ts'
import type { LiveAttempt, WorkEnd } from '../../src/run/execute.ts'
import { readSettings } from '../../src/run/settings.ts'
import { HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, fates, isRenewal, recordVerbs, works, worksUntilLost, world } from '../support/simulated/world.ts'

const RETRYING = { maxAttempts: 2 }
const { leaseMs, heartbeatMs, skewMs, killAfterMs, finishTimeoutMs } = readSettings(RETRYING)
const noRenewal = (call: Call): Fate => ({ kind: isRenewal(call) ? 'dropped' : 'answered' })

test('a renewal each heartbeat, and none after the end', async () => {
  const { time, trigger } = world()
  const renewedMs: number[] = []
  const startMs = time.now()
  const fateOf = (call: Call): Fate => {
    if (isRenewal(call)) renewedMs.push(time.now() - startMs)
    return { kind: 'answered' }
  }
  await time.run(trigger('a', works(3.5 * heartbeatMs), { fateOf }).result)
  await time.run(time.clock().wait(10 * MINUTE_MS))
  expect(renewedMs).toEqual([1, 2, 3].map((count) => count * heartbeatMs))
})

test('the child goes on record with the next renewal', async () => {
  const { time, trigger, row } = world()
  const mark = { pid: 7, startTicks: 8, boot: 'b' }
  const run = trigger('a', (attempt, clock) => {
    attempt.record(mark)
    return works(2 * MINUTE_MS)(attempt, clock)
  })
  await time.run(time.clock().wait(30_000))
  expect((await row()).attempts[0]).not.toHaveProperty('process')
  await time.run(time.clock().wait(MINUTE_MS))
  expect((await row()).attempts[0]).toMatchObject({ process: mark })
  await time.run(run.result)
  expect((await row()).attempts[0]).not.toHaveProperty('process')
})

/** Returns work that counts its seconds, saves the count, and ends as `end` says. It begins at what the attempt before saved. */
function counts(ms: number, end: WorkEnd<string> = FAILED) {
  const began: (string | null)[] = []
  const work = async (attempt: LiveAttempt, clock: Clock): Promise<WorkEnd<string>> => {
    const startMs = clock.monotonicMs() - 1_000 * Number(attempt.checkpoint ?? 0)
    began.push(attempt.checkpoint)
    let last: string | null = null
    const count = () => String(Math.round((clock.monotonicMs() - startMs) / 1_000))
    attempt.keepCheckpoint(() => last ?? count())
    await clock.wait(ms, attempt.lost)
    last = count()
    return attempt.lost.aborted ? { outcome: 'leaseLost' } : end
  }
  return { work, began }
}
const FAILED: WorkEnd<string> = { outcome: 'failed', exitCode: 3 }

test('the checkpoint goes on record with each heartbeat and with the end, in no write of its own, and the next attempt gets it', async () => {
  const { time, trigger, row } = world()
  const { verbs, fateOf } = recordVerbs()
  const { work, began } = counts(150_000)
  const first = trigger('a', work, { settings: RETRYING, fateOf })
  await time.run(time.clock().wait(90_000))
  expect(await row()).toMatchObject({ state: 'PENDING', checkpoint: '60' })
  await time.run(first.result)
  expect(await row()).toMatchObject({ state: 'FAILED', checkpoint: '150' })
  expect(verbs.filter((verb) => verb === 'put')).toHaveLength(4)
  await time.run(trigger('b', counts(1_000, { outcome: 'succeeded', value: '' }).work, { settings: RETRYING }).result)
  expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{}, {}] })
  expect(await row()).not.toHaveProperty('checkpoint')
  expect(began).toEqual([null])
})

test('the checkpoint of a run that retries goes from attempt to attempt', async () => {
  const { time, trigger, row } = world()
  const { work, began } = counts(10_000)
  await time.run(trigger('a', work, { settings: { maxAttempts: 3, retryDelayMs: 90_000 } }).result)
  expect(began).toEqual([null, '10', '20'])
  expect(await row()).toMatchObject({ checkpoint: '30' })
})

// promise: checkpoint-kept
test('the checkpoint of a run that is killed at any moment is at most a heartbeat old', async () => {
  for (let crashMs = 30_000; crashMs <= 300_000; crashMs += 27_500) {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const { work } = counts(HOUR_MS)
    const killed = { crashMs: () => startMs + crashMs }
    void trigger('a', work, { settings: RETRYING, time: killed })
    await time.run(time.clock().wait(30 * MINUTE_MS))
    const { checkpoint = '0' } = await row()
    expect(crashMs - 1_000 * Number(checkpoint)).toBeLessThanOrEqual(MINUTE_MS + 1_000)
    const next = counts(1_000)
    await time.run(trigger('b', next.work, { settings: RETRYING }).result)
    expect(next.began).toEqual([checkpoint === '0' ? null : checkpoint])
  }
})

// promise: checkpoint-kept
test('the checkpoint of the end is recorded also if a late renewal is applied before it', async () => {
  const { time, trigger, row } = world()
  const fateOf = fates(isRenewal, { kind: 'answerLost' }, { kind: 'stalled' })
  await time.run(trigger('a', counts(MINUTE_MS + 5_000).work, { fateOf }).result)
  expect(await row()).toMatchObject({ state: 'FAILED', version: 3, checkpoint: '65' })
})

// promise: checkpoint-kept
test('the checkpoint of a run that lost its lease is never applied', async () => {
  const { time, trigger, row } = world()
  const backMs = time.now() + 20 * MINUTE_MS
  const lost = trigger('a', counts(HOUR_MS).work, {
    fateOf: (call) => (time.now() < backMs ? noRenewal(call) : { kind: 'answered' }),
  })
  await time.run(time.clock().wait(15 * MINUTE_MS))
  const next = counts(30 * MINUTE_MS)
  const forced = trigger('b', next.work, { force: { by: 'ada', reason: 'stuck' } })
  expect(await time.run(lost.result)).toMatchObject({ outcome: 'leaseLost' })
  await time.run(forced.result)
  expect(next.began).toEqual([null])
  expect(await row()).toMatchObject({ ownerRunId: 'b', checkpoint: '1800' })
})

test('the checkpoint that was saved is kept if an attempt says nothing, and removed if it removes it', async () => {
  const { time, trigger, row } = world()
  const settings = { maxAttempts: 5 }
  await time.run(trigger('a', counts(10_000).work, { settings }).result)
  await time.run(trigger('b', failsAfter(10_000), { settings }).result)
  expect(await row()).toMatchObject({ attempts: [{}, {}], checkpoint: '10' })
  const removes = (attempt: LiveAttempt, clock: Clock) => {
    attempt.keepCheckpoint(() => null)
    return failsAfter(10_000)(attempt, clock)
  }
  await time.run(trigger('c', removes, { settings }).result)
  expect(await row()).not.toHaveProperty('checkpoint')
})

test('a lease that was taken gives the work its kill-after, and no more', async () => {
  const { time, trigger } = world()
  // Its renewals are lost until an operator has forced the slot.
  const backMs = time.now() + 20 * MINUTE_MS
  const { work, heard } = worksUntilLost()
  const run = trigger('a', work, { fateOf: (call) => (time.now() < backMs ? noRenewal(call) : { kind: 'answered' }) })
  await time.run(time.clock().wait(15 * MINUTE_MS))
  const forced = trigger('b', works(HOUR_MS), { force: { by: 'ada', reason: 'stuck' } })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
  expect(heard).toMatchObject([{ cause: 'taken', killInMs: killAfterMs }])
  await time.run(forced.result)
})

// promise: down-during-run
test('a renewal that fails at once does not delay the stop of the work until the next heartbeat', async () => {
  const { time, trigger, ledger } = world()
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    if (expected !== 'absent' && row.state === 'PENDING') throw new TypeError('a bug')
    return put(row, expected, call)
  }
  const startMs = time.now()
  const { work, heard } = worksUntilLost()
  const times = { leaseMs: 10 * MINUTE_MS, skewMs: 30_000, killAfterMs: MINUTE_MS, heartbeatMs: 2 * MINUTE_MS }
  const settings = { ...RETRYING, ...times }
  await time.run(trigger('a', work, { settings, fateOf: () => ({ kind: 'answered' }) }).result)
  // The last heartbeat before the stop is at 8 minutes, and the next one would be at 10 minutes.
  expect(heard).toMatchObject([{ atMs: startMs + 8.5 * MINUTE_MS }])
})

test('forced work is stopped in an outage before a scheduled trigger that allows more attempts may start', async () => {
  const { time, trigger } = world()
  const downMs = time.now() + MINUTE_MS
  const force = { by: 'ada', reason: 'bad input' }
  const fateOf = (): Fate => ({ kind: time.now() > downMs ? 'dropped' : 'answered' })
  const forced = trigger('a', works(3 * HOUR_MS), { force, fateOf, settings: { onLeaseLost: 'continue' } })
  expect(await time.run(forced.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
  // The finish is tried for some minutes after the work has ended.
  expect(time.now() - downMs).toBeLessThan(leaseMs - skewMs + finishTimeoutMs)
  expect(forced.events).toContainEqual({ event: 'lease-lost', cause: 'expired' })
})

// promise: down-during-run
describe('ledger down in mid-run', () => {
  const outage = (fromMs: number, toMs: number, now: () => number) => () =>
    now() >= fromMs && now() < toMs ? ({ kind: 'stalled' } as const) : ({ kind: 'answered', afterMs: 5 } as const)

  test('the batch goes on (one attempt)', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const fateOf = outage(startMs + 30_000, startMs + HOUR_MS, time.now)
    const run = trigger('a', works(2 * HOUR_MS), { fateOf })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{ outcome: 'succeeded' }] })
  })

  test('ledger down in mid-run: the batch is stopped in time (more attempts)', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const fateOf = outage(startMs + 1.5 * heartbeatMs, startMs + HOUR_MS, time.now)
    const { work, heard } = worksUntilLost()
    const run = trigger('a', work, { fateOf, settings: RETRYING })
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    const [{ cause, atMs, killInMs } = { cause: '', atMs: 0, killInMs: 0 }] = heard
    // The last renewal that was answered left a heartbeat after the claim.
    const endMs = startMs + heartbeatMs + leaseMs - skewMs
    expect(cause).toBe('expired')
    expect(atMs + killInMs).toBeLessThanOrEqual(endMs + 10)
    expect(atMs + killInMs).toBeGreaterThan(endMs - 100)
    expect(killInMs).toBeGreaterThan(killAfterMs - 100)
  })

  test('a short outage costs nothing, and is reported once, and its end too', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const fateOf = outage(startMs + 30_000, startMs + 8 * MINUTE_MS, time.now)
    const run = trigger('a', works(HOUR_MS), { fateOf, settings: RETRYING })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(run.events.map(({ event }) => event)).toEqual(['claimed', 'renewal-failed', 'renewal-recovered', 'ended'])
    expect((await row()).attempts).toHaveLength(1)
  })
})

// promise: paused-past-lease
describe('paused past its lease, then woken', () => {
  test('paused past its lease, then woken: it renews, and goes on', async () => {
    const { time, trigger, row } = world()
    const pause = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
    const run = trigger('a', works(2 * HOUR_MS), { time: { pause }, settings: RETRYING })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect((await row()).attempts).toHaveLength(1)
  })

  test('paused past its lease, then woken: it stops its child, and cannot overwrite the new owner', async () => {
    const { time, trigger, row } = world()
    const pause = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
    const paused = trigger('a', works(2 * HOUR_MS), { time: { pause }, settings: RETRYING })
    await time.run(time.clock().wait(30 * MINUTE_MS))
    const second = trigger('b', works(2 * HOUR_MS), { settings: RETRYING })
    expect(await time.run(paused.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    expect(time.now()).toBeLessThan(pause.toMs + 1_000)
    expect(paused.events).toContainEqual({ event: 'lease-lost', cause: 'taken' })
    expect(await time.run(second.result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })

  test('paused in the answer of that renewal too: renews again', async () => {
    const { time, trigger, row } = world()
    const settings = { maxAttempts: 2, leaseMs: 4_000, heartbeatMs: 1_000, skewMs: 0, killAfterMs: 1_000 }
    const pause = { fromMs: time.now() + 1_100, toMs: time.now() + 10_000 }
    // The claim takes longer than a heartbeat, and the pause begins while its renewal is under way.
    const late = { kind: 'answeredLate', afterMs: 1_050 } as const
    const fateOf = fates(({ verb }) => verb === 'put', late, { ...late, afterMs: 100 })
    const paused = trigger('a', works(1), { time: { pause }, settings, fateOf })
    await time.run(time.clock().wait(6_000))
    const second = trigger('b', works(MINUTE_MS), { settings })
    expect(await time.run(paused.result)).toMatchObject({ status: 'duplicate', cause: 'running' })
    expect(paused.starts()).toBe(0)
    await time.run(second.result)
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })
})

// promise: machine-suspended
test('a machine that is suspended and wakes without a ledger: its lease ran out, and its work ends', async () => {
  const { time, trigger } = world()
  const suspend = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
  let stoppedMs = 0
  const { work, heard } = worksUntilLost()
  const timed: typeof work = (...args) =>
    work(...args).finally(() => {
      stoppedMs = time.now()
    })
  const fateOf = (): Fate => ({ kind: time.now() < suspend.toMs ? 'answered' : 'stalled' })
  const run = trigger('a', timed, { time: { suspend }, settings: RETRYING, fateOf })
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
  // The rest of the heartbeat interval, and one try of a renewal.
  expect(stoppedMs).toBeLessThan(suspend.toMs + MINUTE_MS + 6_000)
  // It has had its time: another run may be at work.
  expect(heard).toMatchObject([{ cause: 'expired', killInMs: 0 }])
})

// promise: clock-skew
test.each([30_000, -30_000])(
  'clocks of two hosts 30 s apart: still one at a time, the contender is %i ms ahead',
  async (offsetMs) => {
    const { time, trigger } = world()
    const { work, heard } = worksUntilLost()
    let endedMs = Number.POSITIVE_INFINITY
    // Renewals stop being answered at once; the owner must have stopped before the contender may start.
    const killed: typeof work = async (attempt, clock) => {
      const end = await work(attempt, clock)
      await clock.wait(heard[0]?.killInMs ?? 0)
      endedMs = clock.monotonicMs()
      return end
    }
    const owner = trigger('a', killed, { settings: RETRYING, fateOf: noRenewal })
    for (let waitMs = leaseMs / 2; ; waitMs = 1_000) {
      await time.run(time.clock().wait(waitMs))
      const run = trigger('b', works(1), { settings: RETRYING, time: { offsetMs } })
      const result = await time.run(run.result)
      if (run.starts() === 0) continue
      expect(result).toMatchObject({ status: 'completed', attempt: 2 })
      expect(time.now()).toBeGreaterThan(endedMs)
      break
    }
    await time.run(owner.result)
  },
)
