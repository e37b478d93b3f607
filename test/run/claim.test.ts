// Covers src/run/claim.ts and write.ts, in whole runs on virtual time.
import { describe, expect, test } from 'vitest'
import { checkNotInsideOtherSlot } from '../../src/run/claim.ts'
import { readSettings } from '../../src/run/settings.ts'
import { FORCE, HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, fates, type HostOptions, isClaim, TASK, works, world } from '../support/simulated/world.ts'

const FORCE_COMPLETED = { ...FORCE, only: ['completed'] } as const

// promise: two-triggers
test('two triggers at once, on two hosts: one starts; the other is recorded as a duplicate', async () => {
  const { time, trigger, row } = world()
  const [a, b] = [trigger('a', works(MINUTE_MS)), trigger('b', works(MINUTE_MS))]
  const results = await time.run(Promise.all([a.result, b.result]))
  expect(results.map(({ status }) => status).sort()).toEqual(['completed', 'duplicate'])
  expect(a.starts() + b.starts()).toBe(1)
  expect(await row()).toMatchObject({ state: 'COMPLETED', rejections: { count: 1, first: [{ cause: 'running' }] } })
})

const inside = (ask: Partial<Parameters<typeof checkNotInsideOtherSlot>[0]> = {}) => {
  const { time, trigger, hostIo, slotOfDay } = world()
  const settings = readSettings({})
  // The host of the outer run loses each renewal.
  const outer = trigger('outer', works(HOUR_MS), {
    fateOf: (call) => ({ kind: call.verb === 'put' && !isClaim(call) ? 'dropped' : 'answered' }),
  })
  const io = hostIo({}, new AbortController().signal, () => undefined)
  const source = { kind: 'scheduled', eventTime: slotOfDay(1), source: 'clock' } as const
  const own = { task: TASK, trigger: source, window: { slot: slotOfDay(1), end: null }, insideOf: ['outer'], ...ask }
  const check = () => checkNotInsideOtherSlot(own, { task: TASK, slot: slotOfDay(0) }, settings, io)
  const after = (ms: number) => time.run(time.clock().wait(ms).then(check))
  return { after, settings, outer }
}

test('a run inside of a run of another slot is a usage error while that run is running', async () => {
  await expect(inside().after(MINUTE_MS)).rejects.toMatchObject({
    kind: 'usage',
    message: expect.stringMatching(/inside run outer of/),
  })
})

test('a run inside of a run of another slot has no error if that run has died: what its batch left behind may start the next run', async () => {
  const { after, settings } = inside()
  await expect(after(settings.leaseMs + settings.skewMs + MINUTE_MS)).resolves.toBe(undefined)
})

test('a run inside of a run of another slot has no error if it has an event time, is not inside of that run, or is for the same slot', async () => {
  const event = { kind: 'scheduled', eventTime: 0, source: 'event-time' } as const
  const same = Date.parse('2026-11-24T03:00:00Z')
  for (const ask of [{ trigger: event }, { insideOf: ['another'] }, { window: { slot: same, end: null } }]) {
    await expect(inside(ask).after(MINUTE_MS)).resolves.toBe(undefined)
  }
})

// promise: late-duplicate
test('a second trigger after the first completed, any time later, also after a failed force: duplicate, recorded', async () => {
  const { time, trigger, row } = world()
  const first = trigger('first', works(MINUTE_MS))
  await time.run(first.result)
  await time.run(time.clock().wait(40 * 24 * HOUR_MS))
  const late = trigger('late', works(1))
  expect(await time.run(late.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })

  const forced = trigger('forced', failsAfter(1), { force: FORCE_COMPLETED })
  expect(await time.run(forced.result)).toMatchObject({ status: 'failed', outcome: 'failed', recorded: true })
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'succeeded' }, { outcome: 'failed' }] })
  // The log must warn an operator who wants to force the slot once more.
  expect(forced.events.at(-1)).toMatchObject({ event: 'ended', row: { attempts: [{ outcome: 'succeeded' }, {}] } })
  const later = trigger('later', works(1), { settings: { maxAttempts: 5 } })
  expect(await time.run(later.result)).toMatchObject({ status: 'duplicate', cause: 'completed' })
  expect(late.starts() + later.starts()).toBe(0)
  expect((await row()).rejections.first.map(({ runId }) => runId)).toEqual(['late', 'later'])
})

// promise: claim-answer-lost
test('a claim that is applied and whose answer is lost: the run happens, once', async () => {
  const { play, row } = world()
  const { result, starts } = await play('a', { fateOf: fates(isClaim, { kind: 'answerLost' }) })
  expect([result, starts]).toMatchObject([{ status: 'completed', attempt: 1 }, 1])
  expect((await row()).attempts).toHaveLength(1)
})

// promise: claim-unanswered
describe('claim sent, never answered', () => {
  for (const [what, planned] of [
    ['that never arrives', lostFor(60)],
    ['that was applied', [{ kind: 'answerLost' }, ...lostFor(60)] as const],
    ['that arrives after the withdrawal', [{ kind: 'held', forMs: MINUTE_MS }, ...lostFor(60)] as const],
  ] as const) {
    test(`a claim ${what} is withdrawn by a write, and a later trigger of the slot may start`, async () => {
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

  test('a claim that only waited for the lock of the ledger needs no withdrawal: it is tried again for the rest of the time', async () => {
    const { play, row } = world()
    expect((await play('a', { fateOf: fates(isClaim, { kind: 'busy' }) })).result).toMatchObject({
      status: 'completed',
    })
    expect((await row()).attempts).toMatchObject([{ outcome: 'succeeded' }])
  })

  test('a claim that only waited for the lock of the ledger: given up for certain, and there is no row', async () => {
    const { time, trigger, find } = world()
    const startMs = time.now()
    const givenUp = trigger('a', works(1), { fateOf: () => ({ kind: 'busy' }) })
    await expect(time.run(givenUp.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(time.now() - startMs).toBe(readSettings({}).ledgerTimeoutMs)
    expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
    expect(await find()).toBeNull()
  })

  test('a claim that was applied and whose renewal only waited for the lock of the ledger is withdrawn', async () => {
    const { time, trigger, row } = world()
    const settings = { leaseMs: 10_000, heartbeatMs: 1_000, skewMs: 1_000, killAfterMs: 1_000 }
    const fateOf = fates(() => true, { kind: 'answeredLate', afterMs: 9_000 }, { kind: 'busy' }, { kind: 'busy' })
    const late = trigger('a', works(1), { settings, fateOf })
    await time.run(late.result.catch(() => null))
    expect(late.starts()).toBe(0)
    expect((await row()).attempts).toMatchObject([{ outcome: 'notStarted' }])
  })

  // promise: claim-unanswered
  test.each([
    ['waits for a lock', 'busy', 'unreachable'],
    ['is denied', 'denied', 'denied'],
  ] as const)(
    'a claim that landed, and then %s on top of the withdrawal of another run, is withdrawn',
    async (_, fate, kind) => {
      const { time, trigger, row } = world()
      const startMs = time.now()
      let claims = 0
      // The first write of the claim is applied. The next answer comes after 20 minutes, and shows the withdrawal of the
      // force on top of the claim. The claim on top of that one is not written.
      const fateOf = (call: Call): Fate => {
        if (call.verb !== 'put' || call.row.state !== 'PENDING') return { kind: 'answered' }
        if (call.expected !== 'absent') return { kind: fate }
        claims += 1
        if (claims === 1) return { kind: 'answerLost' }
        return { kind: time.now() < startMs + 20 * MINUTE_MS ? 'dropped' : 'answered' }
      }
      const settings = { leaseMs: 10 * MINUTE_MS, ledgerTimeoutMs: HOUR_MS }
      const givenUp = trigger('a', works(1), { settings, fateOf })
      const result = givenUp.result.catch((error: unknown) => error)
      await time.run(time.clock().wait(15 * MINUTE_MS))
      // The force finds the row, and its claim on top of that row never arrives.
      const isClaimOnTop = (call: Call) =>
        call.verb === 'put' && call.expected !== 'absent' && call.row.ownerRunId === 'b'
      const force = trigger('b', works(1), { force: FORCE, fateOf: fates(isClaimOnTop, ...lostFor(60)) })
      await expect(time.run(force.result)).rejects.toMatchObject({ kind: 'unreachable' })
      expect(await row()).toMatchObject({ ownerRunId: 'a', state: 'PENDING', version: 2 })

      expect(await time.run(result)).toMatchObject({ kind })
      expect(givenUp.events).toMatchObject([{ event: 'withdrawn', certain: true }])
      expect(givenUp.starts()).toBe(0)
      expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ runId: 'a', outcome: 'notStarted' }] })
    },
  )

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

  // promise: force-withdrawn
  describe('a force that is withdrawn while another attempt rides out an outage', () => {
    /** The attempt cannot reach the ledger for half an hour. An operator's force is given up in that time. */
    async function withForce(...claim: readonly Fate[]) {
      const { time, trigger, row } = world()
      const [fromMs, toMs] = [time.now() + 90_000, time.now() + 30 * MINUTE_MS]
      const isOut = () => time.now() > fromMs && time.now() < toMs
      const run = trigger('a', works(HOUR_MS), { fateOf: () => ({ kind: isOut() ? 'dropped' : 'answered' }) })
      await time.run(time.clock().wait(20 * MINUTE_MS))
      const before = await row()
      const force = trigger('b', works(1), { force: FORCE, fateOf: fates(isClaim, ...claim) })
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

    test('a claim that landed has taken the slot over: the attempt learns it, as from any other run', async () => {
      const { time, row, run, force } = await withForce({ kind: 'answerLost' }, ...lostFor(60))
      expect(force.starts()).toBe(0)
      expect(await row()).toMatchObject({ attempts: [{ outcome: 'abandoned' }, { outcome: 'notStarted' }] })
      expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost', recorded: false })
    })
  })
})

// promise: down-before-claim
test.each(['dropped', 'stalled'] as const)(
  'ledger down before the claim (%s): nothing starts, and an error comes in time',
  async (kind) => {
    const { time, trigger, find } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), { fateOf: () => ({ kind }), settings: { ledgerTimeoutMs: 4_000 } })
    await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(time.now() - startMs).toBeLessThanOrEqual(4_000)
    expect(run.starts()).toBe(0)
    expect(await find()).toBe(null)
  },
)

// promise: signal-before-start
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

  test('a signal between claim and start ends in order also where a long ledger timeout would take longer than the stop allows', async () => {
    const { time, trigger } = world()
    const run = trigger('a', works(1), { fateOf: () => ({ kind: 'stalled' }), settings: { ledgerTimeoutMs: 600_000 } })
    const stopMs = time.now() + 1_000
    void time.clock().wait(1_000).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', outcome: 'notStarted' })
    expect(time.now() - stopMs).toBeLessThan(30_000)
    expect(run.events).toMatchObject([{ event: 'withdrawn', certain: false }])
  })

  test.each<[string, HostOptions]>([
    ['before the claim', { stopped: true }],
    ['while the claim waits for the lock of the ledger', { fateOf: () => ({ kind: 'busy' }) }],
  ])('a signal %s: nothing was written, so nothing is withdrawn', async (_, options) => {
    const { time, trigger, find } = world()
    const run = trigger('a', works(1), options)
    void time.clock().wait(1_000).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'failed', attempt: null })
    expect(run.events).toEqual([{ event: 'stopped' }])
    expect(await find()).toBe(null)
  })
})

// promise: two-forces
test('two forces at once: one starts', async () => {
  const { time, trigger, row } = world()
  await time.run(trigger('a', works(1)).result)
  const forces = ['b', 'c'].map((id) => trigger(id, works(MINUTE_MS), { force: FORCE_COMPLETED }))
  const results = await time.run(Promise.all(forces.map(({ result }) => result)))
  expect(results.map(({ status }) => status).sort()).toEqual(['completed', 'refused'])
  expect(await row()).toMatchObject({ attempts: [{}, { trigger: { kind: 'forced', ...FORCE } }] })
  expect((await row()).rejections.first).toMatchObject([{ kind: 'refused', cause: 'running' }])
})

test('a row of a newer cronledger: refused, untouched', async () => {
  const { time, trigger, ledger, find } = world()
  ledger.writeRaw({ task: TASK, slot: '2026-11-24T03:00:00Z', schemaVersion: 3, state: 'DREAMING', version: 1 })
  const before = await find()
  for (const force of [undefined, FORCE]) {
    const run = trigger('a', works(1), force === undefined ? {} : { force })
    expect(await time.run(run.result)).toMatchObject({ status: 'refused', cause: 'newerRow' })
    expect(run.starts()).toBe(0)
  }
  expect(await find()).toEqual(before)
  expect(before).toMatchObject({ newerSchema: true, schemaVersion: 3 })
})

function lostFor(times: number) {
  return Array.from({ length: times }, () => ({ kind: 'dropped' }) as const)
}
