import { describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { readSettings } from '../../src/run/settings.ts'
import { seenSchedules } from '../../src/run/task-record.ts'
import type { Call, Fate } from '../support/faulty-store.ts'
import { type VirtualTime, virtualTime } from '../support/virtual-clock.ts'
import {
  failsAfter,
  fates,
  type HostOptions,
  isClaim,
  isFinish,
  isRenewal,
  type Run,
  TASK,
  works,
  world,
} from '../support/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const FORCE = { by: 'ada', reason: 'bad input file' }

describe('two triggers at once, on two hosts', () => {
  test('one starts; the other is recorded as a duplicate', async () => {
    const { time, trigger, row } = world()
    const [a, b] = [trigger('a', works(MINUTE_MS)), trigger('b', works(MINUTE_MS))]
    const results = await time.run(Promise.all([a.result, b.result]))
    expect(results.map(({ status }) => status).sort()).toEqual(['completed', 'duplicate'])
    expect(a.starts() + b.starts()).toBe(1)
    expect(await row()).toMatchObject({ state: 'COMPLETED', rejections: { count: 1, first: [{ cause: 'running' }] } })
  })
})

describe('second trigger after the first completed, any time later, also after a failed force', () => {
  test('duplicate, recorded', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('first', works(MINUTE_MS)).result)
    await time.run(time.clock().wait(40 * 24 * HOUR_MS))
    const late = trigger('late', works(1))
    expect(await time.run(late.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })

    const forced = trigger('forced', failsAfter(1), { force: FORCE })
    expect(await time.run(forced.result)).toMatchObject({ status: 'failed', outcome: 'failed', recorded: true })
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'succeeded' }, { outcome: 'failed' }] })
    const later = trigger('later', works(1), { settings: { maxAttempts: 5 } })
    expect(await time.run(later.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })
    expect(late.starts() + later.starts()).toBe(0)
    expect((await row()).rejections.first.map(({ runId }) => runId)).toEqual(['late', 'later'])
  })

  test('a withdrawn force leaves the slot completed', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('first', works(1)).result)
    const forced = trigger('forced', works(1), {
      force: FORCE,
      fateOf: fates(isClaim, { kind: 'answered' }, ...lostFor(60)),
    })
    await expect(time.run(forced.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect((await row()).attempts).toMatchObject([{ runId: 'first', outcome: 'succeeded' }])
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })
})

describe('claim applied, answer lost', () => {
  test('the run happens, once', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(MINUTE_MS), { fateOf: fates(isClaim, { kind: 'answerLost' }) })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed', attempt: 1 })
    expect(run.starts()).toBe(1)
    expect((await row()).attempts).toHaveLength(1)
  })

  test('also for a takeover', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('a', failsAfter(1)).result)
    const settings = { maxAttempts: 2 }
    const second = trigger('b', works(1), { settings, fateOf: fates(isClaim, { kind: 'answerLost' }) })
    expect(await time.run(second.result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect((await row()).attempts).toHaveLength(2)
  })
})

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

describe('claim sent, never answered', () => {
  for (const [what, planned] of [
    ['that never arrives', lostFor(60)],
    ['that was applied', [{ kind: 'answerLost' }, ...lostFor(60)] as const],
    ['that arrives after the withdrawal', [{ kind: 'held', forMs: MINUTE_MS }, ...lostFor(60)] as const],
  ] as const) {
    test(`withdrawn by a write; a later trigger of the slot is free to start: a claim ${what}`, async () => {
      const { time, trigger, row } = world()
      const startMs = time.now()
      const givenUp = trigger('a', works(1), { fateOf: fates(isClaim, ...planned) })
      await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'unreachable' })
      expect(time.now() - startMs).toBeLessThanOrEqual(readSettings({}).ledgerTimeoutMs)
      expect(givenUp.starts()).toBe(0)
      expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
      await time.run(time.clock().wait(5 * MINUTE_MS))

      const later = trigger('b', works(1))
      expect(await time.run(later.result)).toMatchObject({ status: 'completed' })
      expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['notStarted', 'succeeded'])
    })
  }

  test('a claim that only waited for its turn needs no withdrawal: it is tried again for the rest of the time', async () => {
    const { time, trigger, row } = world()
    const late = trigger('a', works(1), { fateOf: fates(isClaim, { kind: 'busy' }) })
    expect(await time.run(late.result)).toMatchObject({ status: 'completed' })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['succeeded'])
  })

  test('a claim that only waited for its turn, all the time: given up for certain, and there is no row', async () => {
    const { time, trigger, find } = world()
    const startMs = time.now()
    const givenUp = trigger('a', works(1), { fateOf: () => ({ kind: 'busy' }) })
    await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(time.now() - startMs).toBe(readSettings({}).ledgerTimeoutMs)
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(await find()).toBeNull()
  })

  test('a claim that landed and whose renewal only waited for its turn is withdrawn', async () => {
    const { time, trigger, row } = world()
    const settings = { leaseMs: 10_000, heartbeatMs: 1_000, skewMs: 1_000, killAfterMs: 1_000 }
    const fateOf = fates(() => true, { kind: 'answeredLate', afterMs: 9_000 }, { kind: 'busy' }, { kind: 'busy' })
    const late = trigger('a', works(1), { settings, fateOf })
    await time.run(late.result.catch(() => null))
    expect(late.starts()).toBe(0)
    expect((await row()).attempts).toMatchObject([{ outcome: 'notStarted' }])
  })

  test('a claim that landed, and then waits for a lock on top of the withdrawal of another run, is withdrawn', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    let claims = 0
    // The first write of the claim is applied. The next answer comes after 20 minutes, and shows the withdrawal of the
    // force on top of the claim. The writes on top of that one wait for a lock.
    const fateOf = (call: Call): Fate => {
      if (call.verb !== 'put' || call.row.state !== 'PENDING') return { kind: 'answered' }
      if (call.expected !== 'absent') return { kind: 'busy' }
      claims += 1
      if (claims === 1) return { kind: 'answerLost' }
      return { kind: time.now() < startMs + 20 * MINUTE_MS ? 'dropped' : 'answered' }
    }
    const settings = { leaseMs: 10 * MINUTE_MS, ledgerTimeoutMs: HOUR_MS }
    const givenUp = trigger('a', works(1), { settings, fateOf })
    const result = givenUp.result.catch((error: unknown) => error)
    await time.run(time.clock().wait(15 * MINUTE_MS))
    // The force finds the row with its first write, and its claim on top of that row never arrives.
    const isClaimOnTop = (call: Call) => call.verb === 'put' && call.expected !== 'absent' && call.row.owner === 'b'
    const force = trigger('b', works(1), { force: FORCE, fateOf: fates(isClaimOnTop, ...lostFor(60)) })
    await expect(time.run(force.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(await row()).toMatchObject({ owner: 'a', state: 'PENDING', version: 2 })

    expect(await time.run(result)).toMatchObject({ kind: 'unreachable' })
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(givenUp.starts()).toBe(0)
    expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ runId: 'a', outcome: 'notStarted' }] })
  })

  test('a claim that landed is withdrawn also where no answer to it, or to its first withdrawal, ever comes', async () => {
    const { time, trigger, row } = world()
    // Every write that expects no row is applied, where it can be, and never answered.
    const fateOf = (call: Call): Fate => ({
      kind: call.verb === 'put' && call.expected === 'absent' ? 'answerLost' : 'answered',
    })
    const givenUp = trigger('a', works(1), { fateOf })
    await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ outcome: 'notStarted' }] })
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'completed' })
  })

  test('a claim that is not there, and may still arrive, is not called withdrawn', async () => {
    const { time, trigger, find } = world()
    // No write that expects no row is ever applied or answered; the last one, on top of the claim, finds nothing.
    const fateOf = (call: Call): Fate => ({
      kind: call.verb === 'put' && call.expected === 'absent' ? 'stalled' : 'answered',
    })
    const givenUp = trigger('a', works(1), { fateOf })
    await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: false }])
    expect(await find()).toBe(null)
  })

  test('a claim that landed is withdrawn also where the next answer is a refusal', async () => {
    const { time, trigger, row } = world()
    const givenUp = trigger('a', works(1), { fateOf: fates(isClaim, { kind: 'answerLost' }, { kind: 'denied' }) })
    await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'denied' })
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ outcome: 'notStarted' }] })
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'completed' })
  })

  test('a ledger that denies the claim is logged as unusable, and the error is thrown', async () => {
    const { time, trigger, find } = world()
    const refused = trigger('a', works(1), { fateOf: fates(isClaim, { kind: 'denied' }) })
    await expect(time.run(refused.result)).rejects.toMatchObject({ kind: 'denied' })
    expect(refused.events).toEqual([{ event: 'unusable', detail: expect.any(String) }])
    expect(await find()).toBe(null)
  })

  describe('a force that is withdrawn while another attempt rides out an outage', () => {
    /** The ledger is out of reach of the attempt for two hours; an operator's force is given up meanwhile. */
    async function withForce(...claim: readonly Fate[]) {
      const { time, trigger, row } = world()
      const [fromMs, toMs] = [time.now() + 90_000, time.now() + 2 * HOUR_MS]
      const isOut = () => time.now() > fromMs && time.now() < toMs
      const run = trigger('a', works(3 * HOUR_MS), { fateOf: () => ({ kind: isOut() ? 'dropped' : 'answered' }) })
      await time.run(time.clock().wait(HOUR_MS))
      const before = await row()
      // Its first write finds the row, and its claim on top of that one is not answered.
      const force = trigger('b', works(1), { force: FORCE, fateOf: fates(isClaim, { kind: 'answered' }, ...claim) })
      await expect(time.run(force.result)).rejects.toMatchObject({ kind: 'unreachable' })
      expect(force.events).toMatchObject([{ event: 'withdrawn', certain: true }])
      return { time, row, run, before, force }
    }

    for (const [what, claim] of [
      ['never arrives', lostFor(60)],
      ['arrives after its withdrawal', [{ kind: 'held', forMs: MINUTE_MS }, ...lostFor(60)] as const],
    ] as const) {
      test(`the running attempt goes on undisturbed: a claim that ${what}`, async () => {
        const { time, row, run, before } = await withForce(...claim)
        const { version, writeId: _, ...rest } = before
        expect(await row()).toMatchObject({ ...rest, version: version + 1 })
        expect(await time.run(run.result)).toEqual({ status: 'completed', attempt: 1, value: 'done' })
        expect(run.events.map(({ event }) => event)).not.toContain('lease-lost')
        expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{ runId: 'a', outcome: 'succeeded' }] })
      })
    }

    test('a claim that landed has taken the slot over: the attempt is told, as by any other run', async () => {
      const { time, row, run, force } = await withForce({ kind: 'answerLost' }, ...lostFor(60))
      expect(force.starts()).toBe(0)
      expect(await row()).toMatchObject({ attempts: [{ outcome: 'abandoned' }, { outcome: 'notStarted' }] })
      expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    })
  })

  test('if the withdrawal goes unanswered too, the log says so', async () => {
    const { time, trigger } = world()
    const run = trigger('a', works(1), { fateOf: () => ({ kind: 'dropped' }) })
    await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(run.events).toMatchObject([{ event: 'withdrawn', certain: false }])
  })
})

describe('renewal still on its way when the child ends', () => {
  test('the finish lands on top of it', async () => {
    const { time, trigger, row } = world()
    // The renewal is applied while the finish is on its way, and never answered.
    const fateOf = fates(isRenewal, { kind: 'answerLost' }, { kind: 'stalled' })
    const run = trigger('a', works(MINUTE_MS + 10), { fateOf })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await row()).toMatchObject({ state: 'COMPLETED', leaseUntil: null, version: 3 })
  })

  test('a renewal that arrives after the finish changes nothing', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(MINUTE_MS + 10), { fateOf: fates(isRenewal, { kind: 'held', forMs: 10_000 }) })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    await time.run(time.clock().wait(MINUTE_MS))
    expect(await row()).toMatchObject({ state: 'COMPLETED', leaseUntil: null, version: 2 })
  })
})

describe('finish applied, answer lost', () => {
  test("recorded once, child's exit code", async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(1), { fateOf: fates(isFinish, { kind: 'answerLost' }) })
    expect(await time.run(run.result)).toEqual({ status: 'completed', attempt: 1, value: 'done' })
    expect(await row()).toMatchObject({ state: 'COMPLETED', version: 2, attempts: [{ outcome: 'succeeded' }] })
  })

  test('also where somebody forced the slot before the finish was sent again', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(1), { fateOf: fates(isFinish, { kind: 'answerLost', afterMs: 2_000 }) })
    const forced = time
      .clock()
      .wait(1_000)
      .then(() => trigger('b', works(10_000), { force: FORCE }).result)
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await time.run(forced)).toMatchObject({ status: 'completed', attempt: 2 })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded'])
  })
})

describe('rejection noted between claim and finish', () => {
  test('still on record after the finish', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(10 * MINUTE_MS))
    const duplicate = time
      .clock()
      .wait(MINUTE_MS)
      .then(() => trigger('b', works(1)).result)
    await time.run(Promise.all([run.result, duplicate]))
    expect(await row()).toMatchObject({ state: 'COMPLETED', rejections: { count: 1, latest: { runId: 'b' } } })
  })

  test('a note that the ledger refuses costs a duplicate no time, and the log says so', async () => {
    const { time, trigger, ledger } = world()
    await time.run(trigger('a', works(1)).result)
    ledger.note = async () => {
      throw new LedgerError('denied', 'no permission')
    }
    const startMs = time.now()
    const duplicate = trigger('b', works(1))
    expect(await time.run(duplicate.result)).toMatchObject({ status: 'duplicate' })
    expect(time.now() - startMs).toBeLessThan(1_000)
    expect(duplicate.events).toMatchObject([{ event: 'duplicate', noted: false, detail: 'no permission' }])
  })

  test('a note that is not answered holds a duplicate up for some seconds only', async () => {
    const { time, trigger } = world()
    await time.run(trigger('a', works(1)).result)
    const startMs = time.now()
    const duplicate = trigger('b', works(1), {
      fateOf: ({ verb }) => ({ kind: verb === 'note' ? 'stalled' : 'answered' }),
    })
    expect(await time.run(duplicate.result)).toMatchObject({ status: 'duplicate' })
    expect(time.now() - startMs).toBeLessThanOrEqual(10_000)
    expect(duplicate.events).toMatchObject([{ event: 'duplicate', noted: false }])
  })

  test('a note that is sent again after a lost answer counts once', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('a', works(1)).result)
    const fateOf = fates(({ verb }) => verb === 'note', { kind: 'answerLost' })
    const duplicate = trigger('b', works(1), { fateOf })
    await time.run(duplicate.result)
    expect(duplicate.events).toMatchObject([{ event: 'duplicate', noted: true }])
    expect((await row()).rejections.count).toBe(1)
  })
})

describe('ledger down before the claim', () => {
  for (const fate of [{ kind: 'dropped' }, { kind: 'stalled' }] as const) {
    test(`no child, an error within the timeout: ${fate.kind}`, async () => {
      const { time, trigger, find } = world()
      const startMs = time.now()
      const run = trigger('a', works(1), { fateOf: () => fate, settings: { ledgerTimeoutMs: 4_000 } })
      await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
      expect(time.now() - startMs).toBeLessThanOrEqual(4_000)
      expect(run.starts()).toBe(0)
      expect(await find()).toBe(null)
    })
  }
})

describe('ledger down at the finish', () => {
  test('retried until it is back', async () => {
    const { time, trigger, row } = world()
    const backMs = time.now() + 4 * MINUTE_MS
    const run = trigger('a', works(1), {
      fateOf: (call) => (isFinish(call) && time.now() < backMs ? { kind: 'dropped' } : { kind: 'answered' }),
    })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })

  test('retried until the finish timeout, then unrecorded, with the value', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), { fateOf: (call) => ({ kind: isFinish(call) ? 'dropped' : 'answered' }) })
    expect(await time.run(run.result)).toEqual({ status: 'unrecorded', attempt: 1, value: 'done' })
    expect(time.now() - startMs).toBeGreaterThanOrEqual(5 * MINUTE_MS)
    expect(time.now() - startMs).toBeLessThan(5 * MINUTE_MS + 1_000)
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'unanswered' })
    expect(await row()).toMatchObject({ state: 'PENDING' })
  })

  test('a ledger that says no is asked again as well, and the log has its words', async () => {
    const { time, trigger, ledger, row } = world()
    const { put } = ledger
    let denials = 3
    ledger.put = async (next, expected, call) => {
      if (next.state === 'PENDING' || denials-- <= 0) return put(next, expected, call)
      throw new LedgerError('denied', 'the token has expired')
    }
    expect(await time.run(trigger('a', works(1)).result)).toMatchObject({ status: 'completed' })
    denials = Number.POSITIVE_INFINITY
    const forced = trigger('b', works(1), { force: FORCE })
    expect(await time.run(forced.result)).toMatchObject({ status: 'unrecorded' })
    expect(forced.events.at(-1)).toMatchObject({ finish: 'unanswered', finishCause: 'the token has expired' })
    expect(await row()).toMatchObject({ state: 'PENDING' })
  })

  test('or what a stop leaves, also when it comes meanwhile', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), { fateOf: (call) => ({ kind: isFinish(call) ? 'dropped' : 'answered' }) })
    void time.clock().wait(MINUTE_MS).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'unrecorded' })
    expect(time.now() - startMs).toBeLessThan(MINUTE_MS + 30_000)
    expect(time.now() - startMs).toBeGreaterThan(MINUTE_MS + 25_000)
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

describe('signal between claim and start', () => {
  test('no child; the slot is free for the next trigger', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(1), { fateOf: fates(isClaim, { kind: 'answered', afterMs: 1_000 }) })
    void time.clock().wait(500).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted' })
    expect(run.starts()).toBe(0)
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'notStarted' }], leaseUntil: null })
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'completed', attempt: 2 })
  })

  test('also when it comes after the answer to the claim', async () => {
    const { time, trigger, row } = world()
    // The first heartbeat is waited for when the claim is confirmed, and before anything starts.
    const run: Run = trigger('a', works(1), { onWait: (ms) => ms === MINUTE_MS - 5 && run.stop() })
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
    expect(run.starts()).toBe(0)
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'notStarted' }], leaseUntil: null })
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'completed', attempt: 2 })
  })

  test('also where a long ledger timeout would outlast what the stop leaves', async () => {
    const { time, trigger } = world()
    const run = trigger('a', works(1), { fateOf: () => ({ kind: 'stalled' }), settings: { ledgerTimeoutMs: 600_000 } })
    const stopMs = time.now() + 1_000
    void time.clock().wait(1_000).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted' })
    expect(time.now() - stopMs).toBeLessThan(30_000)
    expect(run.events).toMatchObject([{ event: 'withdrawn', certain: false }])
  })

  test('a signal before the claim: nothing is written', async () => {
    const { time, trigger, find } = world()
    const run = trigger('a', works(1), { stopped: true })
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: null })
    expect(run.events).toEqual([{ event: 'stopped' }])
    expect(await find()).toBe(null)
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

describe('a machine that is suspended, whose monotonic clock stands still meanwhile', () => {
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
    // What was left of the heartbeat, and a renewal's try.
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

describe('a run inside of a run of the same slot', () => {
  for (const force of [undefined, FORCE]) {
    test(`usage error, not recorded: ${force === undefined ? 'scheduled' : 'forced'}`, async () => {
      const { time, trigger, row } = world()
      const outer = trigger('outer', works(MINUTE_MS))
      await time.run(time.clock().wait(1_000))
      const inner = trigger('inner', works(1), { insideOf: ['outer'], ...(force && { force }) })
      await expect(time.run(inner.result)).rejects.toMatchObject({
        kind: 'usage',
        message: expect.stringMatching(/called inside run outer .* Call the batch itself/),
      })
      expect(inner.starts()).toBe(0)
      expect(await time.run(outer.result)).toMatchObject({ status: 'completed' })
      expect((await row()).rejections.count).toBe(0)
    })
  }

  test('usage error also where the slot had completed before and that run was forced', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('first', works(1)).result)
    const outer = trigger('outer', works(MINUTE_MS), { force: FORCE })
    await time.run(time.clock().wait(1_000))
    const inner = trigger('inner', works(1), { insideOf: ['outer'] })
    await expect(time.run(inner.result)).rejects.toMatchObject({ kind: 'usage' })
    expect(await time.run(outer.result)).toMatchObject({ status: 'completed' })
    expect((await row()).rejections.count).toBe(0)
  })

  test('it does not take the slot over from that run, whose lease ran out', async () => {
    const { time, trigger, row } = world()
    const fateOf = (call: Call): Fate => ({ kind: isRenewal(call) ? 'dropped' : 'answered' })
    const outer = trigger('outer', works(HOUR_MS), { settings: { onLeaseLost: 'continue' }, fateOf })
    await time.run(time.clock().wait(30 * MINUTE_MS))
    const inner = trigger('inner', works(1), { insideOf: ['outer'], settings: { maxAttempts: 2 } })
    await expect(time.run(inner.result)).rejects.toMatchObject({ kind: 'usage' })
    expect(inner.starts()).toBe(0)
    expect(await time.run(outer.result)).toMatchObject({ status: 'completed' })
    expect((await row()).attempts).toHaveLength(1)
  })

  test('after that run has ended, or inside of another run: a duplicate', async () => {
    const { time, trigger } = world()
    const outer = trigger('outer', works(MINUTE_MS))
    await time.run(time.clock().wait(1_000))
    const other = trigger('b', works(1), { insideOf: ['another'] })
    expect(await time.run(other.result)).toMatchObject({ status: 'duplicate', cause: 'running' })
    await time.run(outer.result)
    const late = trigger('c', works(1), { insideOf: ['outer'] })
    expect(await time.run(late.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })
  })

  test('a run that would wait for a neighbouring slot whose run it is a part of: usage error at once, and the slot is free', async () => {
    const { time, trigger, row } = world()
    const settings = { overlap: 'wait' } as const
    const outer = trigger('outer', works(HOUR_MS), { settings })
    await time.run(time.clock().wait(1_000))
    const inner = trigger('inner', works(1), { day: 1, settings, insideOf: ['outer'] })
    await expect(time.run(inner.result)).rejects.toMatchObject({ kind: 'usage' })
    expect(await row(1)).toMatchObject({ leaseUntil: null, attempts: [{ outcome: 'notStarted' }] })
    await time.run(outer.result)
  })
})

describe('two forces at once', () => {
  test('one starts', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('a', works(1)).result)
    const forces = [trigger('b', works(MINUTE_MS), { force: FORCE }), trigger('c', works(MINUTE_MS), { force: FORCE })]
    const results = await time.run(Promise.all(forces.map(({ result }) => result)))
    expect(results.map(({ status }) => status).sort()).toEqual(['completed', 'refused'])
    expect(await row()).toMatchObject({ attempts: [{}, { trigger: { kind: 'forced', ...FORCE } }] })
    expect((await row()).rejections.first).toMatchObject([{ kind: 'refused', cause: 'running' }])
  })
})

describe('row written by a newer cronledger', () => {
  test('refused, untouched', async () => {
    const { time, trigger, ledger, find } = world()
    ledger.writeRaw({ task: TASK, slot: '2026-11-24T03:00:00Z', schemaVersion: 2, state: 'DREAMING', version: 1 })
    const before = await find()
    for (const force of [undefined, FORCE]) {
      const run = trigger('a', works(1), force === undefined ? {} : { force })
      expect(await time.run(run.result)).toMatchObject({ status: 'refused', cause: 'newerRow' })
      expect(run.starts()).toBe(0)
    }
    expect(await find()).toEqual(before)
    expect(before).toMatchObject({ newerSchema: true, schemaVersion: 2 })
  })
})

describe('the rest of the flow', () => {
  test('the common path is one write to claim and one to finish, no read', async () => {
    const { time, trigger } = world()
    const verbs: string[] = []
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => {
        verbs.push(verb)
        return { kind: 'answered' }
      },
    })
    await time.run(run.result)
    expect(verbs.filter((verb) => !verb.endsWith('Entry'))).toEqual(['put', 'put'])
    expect(verbs.filter((verb) => verb.endsWith('Entry'))).toEqual(['readEntry', 'writeEntry'])
  })

  test('a duplicate is one write that finds the row, and one note', async () => {
    const { time, trigger } = world()
    await time.run(trigger('a', works(1)).result)
    const verbs: string[] = []
    const run = trigger('b', works(1), {
      fateOf: ({ verb }) => {
        verbs.push(verb)
        return { kind: 'answered', afterMs: 5 }
      },
    })
    await time.run(run.result)
    expect(verbs).toEqual(['put', 'note'])
  })

  test('too late for a slot without a row: refused, and no row', async () => {
    const { time, trigger, find } = world()
    await time.run(time.clock().wait(HOUR_MS))
    const late = { settings: { maxLatenessMs: 30 * MINUTE_MS } }
    expect(await time.run(trigger('a', works(1), late).result)).toMatchObject({
      status: 'refused',
      cause: 'tooLate',
      row: null,
    })
    expect(await find()).toBe(null)
    await time.run(trigger('b', works(1)).result)
    expect(await time.run(trigger('c', works(1), late).result)).toMatchObject({ status: 'duplicate' })
  })

  test('a stale row is refused with one attempt, and taken over with more', async () => {
    const { time, trigger, row } = world()
    // A crash: the process is gone, and nobody renews.
    const crashed = trigger('a', works(1), { fateOf: (call) => ({ kind: isFinish(call) ? 'stalled' : 'answered' }) })
    void crashed.result
    await time.run(time.clock().wait(1))
    await time.run(time.clock().wait(11 * MINUTE_MS))
    expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'refused', cause: 'stale' })
    const more = { settings: { maxAttempts: 2 } }
    const survivor = trigger('c', works(1), { ...more, survivor: { pid: 7, command: 'sleep' } })
    expect(await time.run(survivor.result)).toMatchObject({ status: 'refused', cause: 'survivor' })
    expect(await time.run(trigger('d', works(1), more).result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
  })

  test('a row that somebody deletes in mid-run is not made again: the work ends, as another run may start', async () => {
    const { time, trigger, ledger } = world()
    const { put } = ledger
    const deletedMs = time.now() + 90_000
    const made: unknown[] = []
    ledger.put = async (row, expected, call) => {
      if (expected === 'absent') made.push(row)
      return time.now() < deletedMs ? put(row, expected, call) : { kind: 'conflict', found: null }
    }
    const run = trigger('a', works(HOUR_MS))
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    expect(run.events).toMatchObject([
      {},
      { event: 'lease-lost', cause: 'deleted' },
      { event: 'ended', finish: 'deleted' },
    ])
    expect(made).toHaveLength(1)
  })

  test('a row that is deleted right before the finish: unrecorded, and the log says why', async () => {
    const { time, trigger, ledger } = world()
    const { put } = ledger
    ledger.put = async (row, expected, call) =>
      row.state === 'PENDING' ? put(row, expected, call) : { kind: 'conflict', found: null }
    const run = trigger('a', works(MINUTE_MS / 2))
    expect(await time.run(run.result)).toEqual({ status: 'unrecorded', attempt: 1, value: 'done' })
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'deleted' })
  })

  test('work that throws has failed, and that is on record', async () => {
    const { time, trigger, row } = world()
    const error = new Error('no such file\nat …')
    const run = trigger('a', () => Promise.reject(error))
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'failed', recorded: true, error })
    expect(run.events.at(-1)).toMatchObject({ event: 'ended', detail: 'no such file' })
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }] })
  })

  test('an error of the store that asking again cannot mend ends the claim at once', async () => {
    const { time, trigger, ledger } = world()
    const put = ledger.put
    ledger.put = async () => {
      throw new TypeError('a bug')
    }
    await expect(time.run(trigger('a', works(1)).result)).rejects.toThrow(TypeError)
    ledger.put = put
  })
})

function lostFor(times: number) {
  return Array.from({ length: times }, () => ({ kind: 'dropped' }) as const)
}

describe('the registry', () => {
  const verbsOf = async (run: (fateOf: HostOptions['fateOf']) => Run, time: VirtualTime) => {
    const verbs: string[] = []
    const started = run(({ verb }) => {
      verbs.push(verb)
      return { kind: 'answered' }
    })
    await time.run(started.result)
    return { verbs: verbs.filter((verb) => verb.endsWith('Entry')), events: started.events.map(({ event }) => event) }
  }

  test('one read for a schedule that it knows, none for a duplicate or a forced run', async () => {
    const { time, trigger } = world()
    const settings = { maxAttempts: 3 }
    const first = await verbsOf((fateOf) => trigger('a', failsAfter(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(first).toEqual({ verbs: ['readEntry', 'writeEntry'], events: ['claimed', 'ended'] })
    const second = await verbsOf((fateOf) => trigger('b', works(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(second.verbs).toEqual(['readEntry'])
    const duplicate = await verbsOf((fateOf) => trigger('c', works(1), { settings, ...(fateOf && { fateOf }) }), time)
    expect(duplicate.verbs).toEqual([])
    const forced = await verbsOf((fateOf) => trigger('d', works(1), { force: FORCE, ...(fateOf && { fateOf }) }), time)
    expect(forced.verbs).toEqual([])
  })

  test('none for a minute after one program saw the schedule in force', async () => {
    const { time, trigger } = world()
    const seen = seenSchedules(time.clock())
    const entryVerbs = async (day: number, more: HostOptions = {}) =>
      (
        await verbsOf(
          (fateOf) => trigger(`run-${day}`, works(1), { day, seen, ...more, ...(fateOf && { fateOf }) }),
          time,
        )
      ).verbs
    const other = { schedule: { expression: '30 3 * * *', zone: 'UTC' } }
    expect(await entryVerbs(1)).toEqual(['readEntry', 'writeEntry'])
    expect(await entryVerbs(2)).toEqual([])
    // An earlier schedule's slot, caught up on: the one that is in force now stays so.
    expect(await entryVerbs(0, other)).toEqual(['readEntry'])
    expect(await entryVerbs(-1, other)).toEqual(['readEntry'])
    expect(await entryVerbs(3, other)).toEqual(['readEntry', 'writeEntry'])
    expect(await entryVerbs(4, other)).toEqual([])
    // And back again.
    expect(await entryVerbs(5)).toEqual(['readEntry', 'writeEntry'])
    await time.run(time.clock().wait(60_000))
    expect(await entryVerbs(6)).toEqual(['readEntry'])
    expect(await entryVerbs(7)).toEqual([])
  })

  test('nothing is taken for seen that the registry did not answer', async () => {
    const { time, trigger } = world()
    const seen = seenSchedules(time.clock())
    const lost = trigger('a', works(1), {
      seen,
      fateOf: fates(({ verb }) => verb === 'writeEntry', { kind: 'dropped' }),
    })
    expect(await time.run(lost.result)).toMatchObject({ status: 'completed' })
    const next = await verbsOf((fateOf) => trigger('b', works(1), { day: 1, seen, ...(fateOf && { fateOf }) }), time)
    expect(next.verbs).toEqual(['readEntry', 'writeEntry'])
  })

  test('a program with tasks without number keeps a thousand schedules', () => {
    const seen = seenSchedules(virtualTime().clock())
    const spec = { expression: '0 3 * * *', zone: 'UTC' }
    for (let index = 0; index <= 1_000; index++) seen.add(`task-${index}`, spec)
    expect([0, 1, 1_000].map((index) => seen.has(`task-${index}`, spec))).toEqual([false, true, true])
  })

  test('the finish of a short run comes after its answer, over the connection that is open', async () => {
    const { time, trigger } = world()
    const verbs: string[] = []
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => {
        verbs.push(verb)
        return { kind: 'answered', afterMs: 5 }
      },
    })
    await time.run(run.result)
    expect(verbs).toEqual(['put', 'readEntry', 'writeEntry', 'put'])
  })

  test('the finish does not wait for an answer that stays away', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    let finishedMs = 0
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => {
        if (verb === 'put') finishedMs = time.now() - startMs
        return { kind: verb === 'readEntry' ? 'stalled' : 'answered' }
      },
    })
    await time.run(run.result)
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
    expect(finishedMs).toBeLessThan(500)
  })

  test('one that is out of reach changes nothing about the run', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), {
      fateOf: ({ verb }) => ({ kind: verb === 'readEntry' ? 'stalled' : 'answered' }),
    })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(time.now() - startMs).toBeLessThan(6_000)
    expect(run.events.at(-1)).toMatchObject({ event: 'warning' })
  })
})
