import { describe, expect, test } from 'vitest'
import type { LeaseLoss } from '../../src/run/lease/lease.ts'
import { readSettings } from '../../src/run/settings.ts'
import { fates, isRenewal, works, world } from '../support/simulated/world.ts'

const MINUTE_MS = 60_000
const RETRYING = { maxAttempts: 2 }
const { leaseMs, skewMs, killAfterMs } = readSettings(RETRYING)

test('a renewal each heartbeat, and none after the end', async () => {
  const { time, trigger } = world()
  const renewedMs: number[] = []
  const startMs = time.now()
  const run = trigger('a', works(3.5 * MINUTE_MS), {
    fateOf: (call) => {
      if (isRenewal(call)) renewedMs.push(time.now() - startMs)
      return { kind: 'answered' }
    },
  })
  await time.run(run.result)
  await time.run(time.clock().wait(10 * MINUTE_MS))
  expect(renewedMs).toEqual([1, 2, 3].map((minutes) => minutes * MINUTE_MS))
})

describe('when the lease cannot be renewed', () => {
  async function stopTime(answerAfterMs: number) {
    const { time, trigger } = world()
    const startMs = time.now()
    let loss: (LeaseLoss & { atMs: number }) | null = null
    const run = trigger(
      'a',
      async ({ lost }, clock) => {
        await clock.wait(60 * MINUTE_MS, lost)
        loss = { ...(lost.reason as LeaseLoss), atMs: clock.monotonicMs() - startMs }
        return { outcome: 'leaseLost' }
      },
      {
        settings: RETRYING,
        fateOf: (call) => firstRenewal(call) ?? { kind: isRenewal(call) ? 'dropped' : 'answered' },
      },
    )
    const once = fates(isRenewal, { kind: 'answeredLate', afterMs: answerAfterMs })
    let seen = 0
    function firstRenewal(call: Parameters<typeof isRenewal>[0]) {
      return isRenewal(call) && seen++ === 0 ? once(call) : undefined
    }
    await time.run(run.result)
    return loss as unknown as LeaseLoss & { atMs: number }
  }

  test('the work is stopped in time, so that it has ended before a contender may start', async () => {
    const { cause, atMs, killInMs } = await stopTime(0)
    const endMs = MINUTE_MS + leaseMs - skewMs
    expect(cause).toBe('expired')
    expect(atMs).toBeGreaterThanOrEqual(endMs - killAfterMs)
    expect(atMs + killInMs).toBeLessThanOrEqual(endMs + 1)
  })

  test('time is counted from before the last renewal was sent, not from its answer', async () => {
    expect(await stopTime(30_000)).toEqual(await stopTime(0))
  })
})

test('the child goes on record with the next renewal', async () => {
  const { time, trigger, row } = world()
  const mark = { pid: 7, startTicks: 8, boot: 'b' }
  const run = trigger('a', (attempt, clock) => {
    attempt.record(mark)
    return works(2 * MINUTE_MS)(attempt, clock)
  })
  void run.result
  await time.run(time.clock().wait(30_000))
  expect((await row()).attempts[0]).not.toHaveProperty('process')
  await time.run(time.clock().wait(MINUTE_MS))
  expect((await row()).attempts[0]).toMatchObject({ process: mark })
  await time.run(run.result)
  expect((await row()).attempts[0]).not.toHaveProperty('process')
})

test('an outage is reported once, and its end too', async () => {
  const { time, trigger } = world()
  const [fromMs, toMs] = [time.now() + 90_000, time.now() + 6 * MINUTE_MS]
  const run = trigger('a', works(10 * MINUTE_MS), {
    fateOf: () => ({ kind: time.now() >= fromMs && time.now() < toMs ? 'dropped' : 'answered' }),
  })
  await time.run(run.result)
  expect(run.events.map(({ event }) => event)).toEqual(['claimed', 'renewal-failed', 'renewal-recovered', 'ended'])
})

test('a lease that was taken gives the work its kill-after, and no more', async () => {
  const { time, trigger } = world()
  const force = { by: 'ada', reason: 'stuck' }
  let loss: LeaseLoss | null = null
  // Its renewals are lost; a person forces the slot when it is stale; the next renewal that arrives is too late.
  const backMs = time.now() + 20 * MINUTE_MS
  const run = trigger(
    'a',
    async ({ lost }, clock) => {
      await clock.wait(60 * MINUTE_MS, lost)
      loss = lost.reason as LeaseLoss
      return { outcome: 'leaseLost' }
    },
    { fateOf: (call) => ({ kind: isRenewal(call) && time.now() < backMs ? 'dropped' : 'answered' }) },
  )
  const forced = time
    .clock()
    .wait(15 * MINUTE_MS)
    .then(() => trigger('b', works(60 * MINUTE_MS), { force }).result)
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
  expect(loss).toEqual({ cause: 'taken', killInMs: killAfterMs })
  await time.run(forced)
})

test('an error of the store that is not a LedgerError does not stop a healthy batch', async () => {
  const { time, trigger, ledger } = world()
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    if (isRenewal({ verb: 'put', row, expected })) throw new TypeError('a bug')
    return put(row, expected, call)
  }
  expect(await time.run(trigger('a', works(30 * MINUTE_MS)).result)).toMatchObject({ status: 'completed' })
})

test('a renewal that fails at once does not delay the stop of the work until the next heartbeat', async () => {
  const { time, trigger, ledger } = world()
  const { put } = ledger
  ledger.put = async (row, expected, call) => {
    if (isRenewal({ verb: 'put', row, expected })) throw new TypeError('a bug')
    return put(row, expected, call)
  }
  const startMs = time.now()
  let stoppedMs = 0
  const run = trigger(
    'a',
    async ({ lost }, clock) => {
      await clock.wait(60 * MINUTE_MS, lost)
      stoppedMs = time.now() - startMs
      return { outcome: 'leaseLost' }
    },
    {
      settings: { ...RETRYING, leaseMs, skewMs: 30_000, killAfterMs: MINUTE_MS, heartbeatMs: 2 * MINUTE_MS },
      fateOf: () => ({ kind: 'answered' }),
    },
  )
  await time.run(run.result)
  // The last heartbeat before the stop is at 8 minutes, and the next one would be at 10 minutes.
  expect(stoppedMs).toBe(8.5 * MINUTE_MS)
})
