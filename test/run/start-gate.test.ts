// Covers src/run/claimed-slot.ts: the start gate.
import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/event.ts'
import { readSettings } from '../../src/run/settings.ts'
import { HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, isClaim, isRenewal, works, world } from '../support/simulated/world.ts'

const ANSWERED: Fate = { kind: 'answered', afterMs: 5 }
const { leaseMs, skewMs, killAfterMs, heartbeatMs } = readSettings({})
/** At this age of the lease, running work gets a stop. */
const STARTABLE_MS = leaseMs - skewMs - killAfterMs
const isLeaseWrite = (call: Call) => call.verb === 'put' && call.row.state === 'PENDING'

// promise: blocked-before-start
test('the log says that an attempt has started after it has', async () => {
  const { time, trigger } = world()
  let startsAtLog = 0
  const onEvent = ({ event }: RunEvent) => {
    if (event === 'claimed') startsAtLog = run.starts()
  }
  const run = trigger('a', works(1), { onEvent })
  await time.run(run.result)
  expect(startsAtLog).toBe(1)
})

// promise: blocked-before-start
describe.each([
  ['the first attempt', { maxAttempts: 2 }, 1],
  ['a retry', { maxAttempts: 2, retryDelayMs: 10_000 }, 3],
  ['a slot that waited for another one', { overlap: 'wait' }, 2],
] as const)('a host that is blocked between the write and the start of %s', (_, settings, writes) => {
  /** Blocks the host for `ms` when the lease in force at the start begins: that is the wait for the next heartbeat. */
  function blocked(ms: number, fateOf: (call: Call, isBlocked: boolean) => Fate = () => ANSWERED) {
    const { time, ledger, trigger, row } = world()
    let heartbeats = 0
    let blockedMs = 0
    const works: number[] = []
    const renewalsMs: number[] = []
    const run = trigger(
      'a',
      async (attempt, clock) => {
        works.push(attempt.number)
        if (writes !== 3 || attempt.number !== 1) return { outcome: 'succeeded', value: '' }
        await clock.wait(1)
        return { outcome: 'failed', exitCode: 3, error: 'no paper' }
      },
      {
        settings,
        blockedMs: () => blockedMs,
        onWait(waitMs) {
          if (waitMs === heartbeatMs - 5 && ++heartbeats === writes) blockedMs = ms
        },
        fateOf(call) {
          if (blockedMs > 0 && isLeaseWrite(call)) renewalsMs.push(time.now())
          return fateOf(call, blockedMs > 0)
        },
      },
    )
    const isBlocked = () => blockedMs > 0
    return { time, ledger, trigger, row, run, works, renewalsMs, isBlocked }
  }

  const last = writes === 3 ? 2 : 1

  test('the lease is renewed before the start', async () => {
    const { time, run, works, renewalsMs } = blocked(20 * MINUTE_MS)
    expect(await time.run(run.result)).toMatchObject({ status: 'completed', attempt: last })
    expect(works).toHaveLength(last)
    expect(renewalsMs).toHaveLength(1)
  })

  test('nothing starts if another run has taken the slot over since', async () => {
    const { time, trigger, row, run, works, isBlocked } = blocked(20 * MINUTE_MS, (call, isBlocked) =>
      isBlocked && isLeaseWrite(call) ? { kind: 'answered', afterMs: 2_000 } : ANSWERED,
    )
    const contender = (async () => {
      while (!isBlocked()) await time.clock().wait(100)
      const force = { by: 'ada', reason: 'it hangs' }
      return trigger('b', failsAfter(HOUR_MS), { blockedMs: () => 20 * MINUTE_MS, force }).result
    })()
    const result = await time.run(run.result)
    expect(result).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: false })
    // What the attempt before has thrown must reach the caller of the run.
    expect('error' in result ? result.error : undefined).toBe(writes === 3 ? 'no paper' : undefined)
    expect(works).toHaveLength(last - 1)
    await time.run(contender)
    expect((await row()).attempts.at(-1)).toMatchObject({ runId: 'b', outcome: 'failed' })
  })

  test('a renewal that is not answered does not prevent a start that is safe without it', async () => {
    const { time, row, run, works, renewalsMs } = blocked(STARTABLE_MS / 2, (call, isBlocked) =>
      isBlocked && isLeaseWrite(call) ? { kind: 'dropped' } : ANSWERED,
    )
    const startMs = time.now()
    expect(await time.run(run.result)).toMatchObject({ status: 'completed', attempt: last })
    expect(works).toHaveLength(last)
    expect(renewalsMs.length).toBeGreaterThan(0)
    expect(time.now() - startMs).toBeLessThan(STARTABLE_MS / 2 + MINUTE_MS)
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })

  test('nothing starts where the lease is too old and its renewal is not answered', async () => {
    const { time, run, works } = blocked(STARTABLE_MS, (call, isBlocked) =>
      isBlocked && call.verb === 'put' ? { kind: 'dropped' } : ANSWERED,
    )
    const result = await time.run(run.result.catch((error: { kind: string }) => ({ thrown: error.kind })))
    // A retry that does not start leaves the run with the end of the attempt before.
    expect(result).toMatchObject(writes === 3 ? { status: 'failed', exitCode: 3 } : { thrown: 'unreachable' })
    expect(works).toHaveLength(last - 1)
    expect(run.events.at(-1)).toMatchObject(
      writes === 3 ? { event: 'ended', finish: 'unanswered' } : { event: 'withdrawn', certain: false },
    )
  })
})

// promise: renewal-before-start
test('a claim that was answered late is started also where its renewal is not answered, and is then renewed at once', async () => {
  const { time, trigger, row } = world()
  const startMs = time.now()
  let workMs = 0
  const renewalsMs: number[] = []
  const run = trigger(
    'a',
    async (attempt, clock) => {
      workMs = time.now()
      return works(5 * MINUTE_MS)(attempt, clock)
    },
    {
      settings: { maxAttempts: 2, ledgerTimeoutMs: 15 * MINUTE_MS },
      fateOf(call) {
        if (workMs > 0 && isLeaseWrite(call)) renewalsMs.push(time.now())
        if (workMs > 0) return ANSWERED
        return isClaim(call)
          ? { kind: 'answeredLate', afterMs: 2 * MINUTE_MS }
          : { kind: isRenewal(call) ? 'dropped' : 'answered', afterMs: 5 }
      },
    },
  )
  expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
  expect(workMs - startMs).toBeGreaterThan(2 * MINUTE_MS)
  expect(workMs - startMs).toBeLessThan(5 * MINUTE_MS)
  expect(renewalsMs[0]).toBe(workMs)
  expect(await row()).toMatchObject({ state: 'COMPLETED' })
})

// promise: renewal-before-start
test('work that starts under an old lease is stopped in time, counted from before that lease was asked for', async () => {
  const { time, trigger } = world()
  const startMs = time.now()
  let stoppedMs = 0
  const run = trigger(
    'a',
    async ({ lost }, clock) => {
      await clock.wait(HOUR_MS, lost)
      stoppedMs = time.now()
      return { outcome: 'leaseLost' }
    },
    {
      settings: { maxAttempts: 2, ledgerTimeoutMs: 15 * MINUTE_MS },
      fateOf(call) {
        if (isClaim(call)) return { kind: 'answeredLate', afterMs: 2 * MINUTE_MS }
        return { kind: call.verb === 'put' ? 'dropped' : 'answered' }
      },
    },
  )
  expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
  expect(run.starts()).toBe(1)
  expect(stoppedMs - startMs).toBe(STARTABLE_MS)
})
