// Covers src/run/lease where the lease is lost or cannot be renewed. lease.test.ts covers its renewals.
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../src/run/settings.ts'
import type { Fate } from '../support/simulated/faulty-store.ts'
import { fates, isRenewal, works, world } from '../support/simulated/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

describe('forced work in an outage of the ledger', () => {
  test('is stopped before a scheduled trigger of the slot may start, since it does not count as an attempt', async () => {
    const { time, trigger } = world()
    let down = false
    const fateOf = (): Fate => (down ? { kind: 'dropped' } : { kind: 'answered', afterMs: 5 })
    const force = { by: 'ada', reason: 'bad input' }
    const forced = trigger('a', works(3 * 3_600_000), { force, fateOf, settings: { onLeaseLost: 'continue' } })
    await time.run(time.clock().wait(MINUTE_MS))
    down = true
    const downMs = time.now()
    expect(await time.run(forced.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
    const { leaseMs, skewMs } = readSettings({})
    // The finish is tried for some minutes after the work has ended.
    expect(time.now() - downMs).toBeLessThan(leaseMs - skewMs + readSettings({}).finishTimeoutMs)
    expect(forced.events).toContainEqual({ event: 'lease-lost', cause: 'expired' })
  })
})

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

  test('or is stopped in time (more)', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const settings = readSettings({})
    const fateOf = outage(startMs + 90_000, startMs + HOUR_MS, time.now)
    const killsMs: number[] = []
    const run = trigger(
      'a',
      async ({ lost }, clock) => {
        await clock.wait(2 * HOUR_MS, lost)
        killsMs.push(clock.monotonicMs(), (lost.reason as { killInMs: number }).killInMs)
        return { outcome: 'leaseLost' }
      },
      { fateOf, settings: { maxAttempts: 2 } },
    )
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    const [stopMs = 0, killInMs = 0] = killsMs
    // The last renewal that was answered left a minute after the claim.
    const endMs = startMs + MINUTE_MS + settings.leaseMs - settings.skewMs
    expect(stopMs + killInMs).toBeLessThanOrEqual(endMs + 10)
    expect(stopMs + killInMs).toBeGreaterThan(endMs - 100)
    expect(killInMs).toBeGreaterThan(settings.killAfterMs - 100)
  })

  test('a short outage costs nothing', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const fateOf = outage(startMs + 30_000, startMs + 8 * MINUTE_MS, time.now)
    const run = trigger('a', works(HOUR_MS), { fateOf, settings: { maxAttempts: 2 } })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect((await row()).attempts).toHaveLength(1)
  })
})

describe('paused past its lease, then woken', () => {
  test('renews, and goes on', async () => {
    const { time, trigger, row } = world()
    const pause = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
    const run = trigger('a', works(2 * HOUR_MS), { time: { pause }, settings: { maxAttempts: 2 } })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect((await row()).attempts).toHaveLength(1)
  })

  test('or stops its child, and cannot overwrite the new owner', async () => {
    const { time, trigger, row } = world()
    const pause = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
    const settings = { maxAttempts: 2 }
    const paused = trigger('a', works(2 * HOUR_MS), { time: { pause }, settings })
    const second = time
      .clock()
      .wait(30 * MINUTE_MS)
      .then(() => trigger('b', works(2 * HOUR_MS), { settings }).result)
    expect(await time.run(paused.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    expect(time.now()).toBeLessThan(pause.toMs + 1_000)
    expect(paused.events).toContainEqual({ event: 'lease-lost', cause: 'taken' })
    expect(await time.run(second)).toMatchObject({ status: 'completed', attempt: 2 })
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
    const second = time
      .clock()
      .wait(6_000)
      .then(() => trigger('b', works(HOUR_MS), { settings }).result)
    expect(await time.run(paused.result)).toMatchObject({ status: 'duplicate' })
    expect(paused.starts()).toBe(0)
    await time.run(second)
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })

  test('paused between the claim and the start: renews before it starts', async () => {
    const { time, trigger, row } = world()
    const settings = { maxAttempts: 2, leaseMs: 4_000, heartbeatMs: 1_000, skewMs: 0, killAfterMs: 1_000 }
    const pause = { fromMs: time.now() + 1, toMs: time.now() + 10_000 }
    const paused = trigger('a', works(1), {
      time: { pause },
      settings,
      fateOf: fates(({ verb }) => verb === 'put', { kind: 'answeredLate', afterMs: 5 }),
    })
    const second = time
      .clock()
      .wait(5_000)
      .then(() => trigger('b', works(HOUR_MS), { settings }).result)
    expect(await time.run(paused.result)).toMatchObject({ status: 'duplicate' })
    expect(paused.starts()).toBe(0)
    await time.run(second)
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })
})

describe('a machine that is suspended, and whose monotonic clock stands still during that time', () => {
  const settings = { maxAttempts: 2 }

  test('between the claim and the start: renews before it starts', async () => {
    const { time, trigger, row } = world()
    const suspend = { fromMs: time.now() + 1, toMs: time.now() + HOUR_MS }
    const suspended = trigger('a', works(1), {
      time: { suspend },
      settings,
      fateOf: fates(({ verb }) => verb === 'put', { kind: 'answeredLate', afterMs: 5 }),
    })
    const second = time
      .clock()
      .wait(30 * MINUTE_MS)
      .then(() => trigger('b', works(2 * HOUR_MS), { settings }).result)
    expect(await time.run(suspended.result)).toMatchObject({ status: 'duplicate' })
    expect(suspended.starts()).toBe(0)
    await time.run(second)
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })

  test('and wakes without a ledger: its lease ran out, and its work ends', async () => {
    const { time, trigger } = world()
    const suspend = { fromMs: time.now() + 90_000, toMs: time.now() + HOUR_MS }
    let stoppedMs = 0
    let killInMs = Number.NaN
    const run = trigger(
      'a',
      async ({ lost }, clock) => {
        await clock.wait(2 * HOUR_MS, lost)
        stoppedMs = time.now()
        killInMs = (lost.reason as { killInMs: number }).killInMs
        return { outcome: 'leaseLost' }
      },
      {
        time: { suspend },
        settings,
        fateOf: () => ({ kind: time.now() < suspend.toMs ? 'answered' : 'stalled' }),
      },
    )
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
    // The rest of the heartbeat interval, and one try of a renewal.
    expect(stoppedMs).toBeLessThan(suspend.toMs + MINUTE_MS + 6_000)
    // It has had its time: another run may be at work.
    expect(killInMs).toBe(0)
    expect(run.events).toContainEqual({ event: 'lease-lost', cause: 'expired' })
  })
})

describe('clocks of two hosts 30 s apart', () => {
  for (const aheadMs of [30_000, -30_000]) {
    test(`still one at a time: the contender is ${aheadMs / 1_000} s ahead`, async () => {
      const { time, trigger } = world()
      const settings = { maxAttempts: 2 }
      let endedMs = Number.POSITIVE_INFINITY
      // Renewals stop being answered at once; the owner must have stopped before the contender may start.
      const owner = trigger(
        'a',
        async ({ lost }, clock) => {
          await clock.wait(HOUR_MS, lost)
          await clock.wait((lost.reason as { killInMs: number }).killInMs)
          endedMs = clock.monotonicMs()
          return { outcome: 'leaseLost' }
        },
        { settings, fateOf: (call) => ({ kind: isRenewal(call) ? 'dropped' : 'answered' }) },
      )
      const contender = async () => {
        for (;;) {
          await time.clock().wait(1_000)
          const run = trigger('b', works(1), { settings, time: { offsetMs: aheadMs } })
          const result = await run.result
          if (run.starts() > 0) return { result, startedMs: time.now() }
        }
      }
      const takeover = contender()
      const { result, startedMs } = await time.run(takeover)
      expect(result).toMatchObject({ status: 'completed', attempt: 2 })
      expect(startedMs).toBeGreaterThan(endedMs)
      await time.run(owner.result)
    })
  }
})
