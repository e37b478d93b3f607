import { describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { Halted } from '../../src/run/ask.ts'
import { hasOverlapLock, takeOverlapLock } from '../../src/run/overlap.ts'
import { type RunSettings, readSettings } from '../../src/run/settings.ts'
import { closed, FORCE, HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import { type Call, type Fate, faultyStore } from '../support/simulated/faulty-store.ts'
import { failsAfter, type HostOptions, TASK, works, world } from '../support/simulated/world.ts'

const SKIP: RunSettings = { overlap: 'skip' }
const WAIT: RunSettings = { overlap: 'wait', overlapTimeoutMs: 6 * HOUR_MS }

async function neighbours(second: HostOptions, first: HostOptions = {}) {
  const { time, ledger, trigger, row } = world()
  const at = { first: 0, second: 0 }
  const { running, counted } = countRuns()
  const work = (name: 'first' | 'second', ms: number) =>
    counted(ms, () => {
      at[name] = time.now()
    })
  const a = trigger('a', work('first', 2 * HOUR_MS), { settings: WAIT, ...first })
  await time.run(time.clock().wait(HOUR_MS))
  const b = trigger('b', work('second', MINUTE_MS), { day: 1, ...second })
  return { time, ledger, trigger, row, a, b, at, running }
}

function countRuns() {
  const running = { now: 0, most: 0 }
  const counted =
    (ms: number, begin = () => {}): ReturnType<typeof works> =>
    async (...args) => {
      begin()
      running.most = Math.max(running.most, ++running.now)
      return works(ms)(...args).finally(() => {
        running.now -= 1
      })
    }
  return { running, counted }
}

test('a slot whose neighbour still runs is SKIPPED, and says why', async () => {
  const { time, row, a, b } = await neighbours({ settings: SKIP })
  expect(await time.run(b.result)).toMatchObject({ status: 'skipped', holder: { runId: 'a' }, recorded: true })
  expect(b.starts()).toBe(0)
  expect(await row(1)).toMatchObject({
    state: 'SKIPPED',
    leaseUntil: null,
    attempts: [{ outcome: 'notStarted' }],
    resolutions: [{ state: 'SKIPPED', by: 'cronledger', reason: expect.stringContaining('2026-11-24T03:00:00Z') }],
  })
  expect(await time.run(a.result)).toMatchObject({ status: 'completed' })
})

test('a skip that cannot be written is not called recorded', async () => {
  const isSkip = (call: Call) => call.verb === 'put' && call.row.resolutions.length > 0
  const { time, row, a, b } = await neighbours({
    settings: SKIP,
    fateOf: (call) => ({ kind: isSkip(call) ? 'dropped' : 'answered' }),
  })
  expect(await time.run(b.result)).toMatchObject({ status: 'skipped', recorded: false })
  expect(b.events).toMatchObject([{ event: 'skipped', finish: 'unanswered' }])
  expect(await row(1)).toMatchObject({ state: 'PENDING' })
  await time.run(a.result)
})

// promise: skipped-stays
test('permanently: later triggers of it are duplicates, also after a force that failed', async () => {
  const { time, trigger, row, a, b } = await neighbours({ settings: SKIP })
  await time.run(Promise.all([a.result, b.result]))
  const later = trigger('later', works(1), { day: 1, settings: SKIP })
  expect(await time.run(later.result)).toMatchObject({ status: 'duplicate', cause: 'skipped' })
  const forced = trigger('forced', failsAfter(1), { day: 1, settings: SKIP, force: FORCE })
  expect(await time.run(forced.result)).toMatchObject({ status: 'failed', attempt: 2 })
  expect(await row(1)).toMatchObject({ state: 'FAILED' })
  const latest = trigger('latest', works(1), { day: 1, settings: { ...SKIP, maxAttempts: 5 } })
  expect(await time.run(latest.result)).toMatchObject({ status: 'duplicate', cause: 'skipped' })
})

// promise: overlap-skip
test('a slot in which an attempt failed is not skipped: it is refused, stays failed, and runs later', async () => {
  const { time, trigger, row } = world()
  const settings: RunSettings = { ...SKIP, maxAttempts: 2 }
  expect(await time.run(trigger('first', failsAfter(1), { settings }).result)).toMatchObject({ status: 'failed' })
  await time.run(time.clock().wait(24 * HOUR_MS))
  const other = trigger('other', works(3 * HOUR_MS), { day: 1, settings })
  await time.run(time.clock().wait(HOUR_MS))
  const second = trigger('second', works(1), { settings })
  expect(await time.run(second.result)).toMatchObject({ status: 'refused', cause: 'overlap' })
  expect(second.events).toMatchObject([{ event: 'refused', cause: 'overlap', row: { task: TASK } }])
  expect(await row(0)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
  expect((await row(0)).resolutions).toEqual([])
  expect(await time.run(other.result)).toMatchObject({ status: 'completed' })
  expect(await time.run(trigger('third', works(1), { settings }).result)).toMatchObject({ status: 'completed' })
})

test('with --overlap skip, nothing is skipped where nothing runs', async () => {
  const { time, trigger } = world()
  for (const day of [0, 1, 2]) {
    const run = trigger(`run-${day}`, works(MINUTE_MS), { day, settings: SKIP })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed', attempt: 1 })
  }
})

test('each write of the overlap lock is delivered twice, and answered as a conflict: the slot runs at once', async () => {
  const { time, ledger, trigger } = world()
  const { writeEntry } = ledger
  ledger.writeEntry = async (...write) => {
    await writeEntry(...write)
    return writeEntry(...write)
  }
  const startMs = time.now()
  const run = trigger('a', works(1), { settings: SKIP })
  expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
  expect(time.now() - startMs).toBeLessThan(1_000)
})

test.each([[[1, 2, 3]], [[3, 2, 1]], [[2, 3, 1]]])(
  'of those that wait for a slot and come in the order %j, the oldest goes first',
  async (order) => {
    const { time, trigger } = world('hourly', 4)
    const started: number[] = []
    const work = countRuns().counted
    const start = (day: number) =>
      trigger(
        `run-${day}`,
        work(5 * MINUTE_MS, () => void started.push(day)),
        { day, settings: WAIT },
      )
    const runs = [start(0)]
    for (const day of order) {
      await time.run(time.clock().wait(700))
      runs.push(start(day))
    }
    await time.run(Promise.all(runs.map(({ result }) => result)))
    expect(started).toEqual([0, 1, 2, 3])
  },
)

test('the slot waits until its neighbour has ended, and then runs', async () => {
  const { time, row, a, b, at, running } = await neighbours({ settings: WAIT })
  expect(await time.run(Promise.all([a.result, b.result]))).toMatchObject(Array(2).fill({ status: 'completed' }))
  expect(at.second).toBeGreaterThanOrEqual(at.first + 2 * HOUR_MS)
  // Soon after, too.
  expect(at.second).toBeLessThan(at.first + 2 * HOUR_MS + MINUTE_MS)
  expect(running.most).toBe(1)
  expect(b.events.map(({ event }) => event)).toEqual(['waiting', 'claimed', 'ended'])
  const [attempt] = closed(await row(1)).attempts
  expect(attempt).toMatchObject({ number: 1, outcome: 'succeeded', startedAt: expect.any(Number) })
  expect((attempt?.startedAt ?? 0) - (attempt?.claimedAt ?? 0)).toBeGreaterThan(HOUR_MS - MINUTE_MS)
})

test('a run that waits longer than --overlap-timeout is refused, and a later trigger may start', async () => {
  const { time, trigger, row, a, b } = await neighbours({ settings: { overlap: 'wait', overlapTimeoutMs: HOUR_MS } })
  expect(await time.run(b.result)).toMatchObject({ status: 'refused', cause: 'overlap' })
  expect(await row(1)).toMatchObject({
    attempts: [{ outcome: 'notStarted' }],
    rejections: { first: [{ cause: 'overlap' }] },
  })
  await time.run(a.result)
  const later = trigger('later', works(1), { day: 1, settings: WAIT })
  expect(await time.run(later.result)).toMatchObject({ status: 'completed', attempt: 2 })
})

test('a stop ends the wait for the overlap lock', async () => {
  const { time, row, b } = await neighbours({ settings: WAIT })
  // Seconds before it would ask again.
  await time.run(time.clock().wait(MINUTE_MS + 1_000))
  const stoppedMs = time.now()
  b.stop()
  expect(await time.run(b.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
  expect(time.now() - stoppedMs).toBeLessThan(1_000)
  expect(await row(1)).toMatchObject({ leaseUntil: null, attempts: [{ outcome: 'notStarted' }] })
})

// promise: died-waiting
test('a run that is killed while it waits for the overlap lock had started nothing: the next trigger may start', async () => {
  const { time, trigger, row, a } = await neighbours({
    settings: WAIT,
    time: { crashMs: Date.parse('2026-11-24T04:30:00Z') },
  })
  await time.run(a.result)
  const later = trigger('later', works(1), { day: 1, settings: WAIT })
  expect(await time.run(later.result)).toMatchObject({ status: 'completed', attempt: 2 })
  expect((await row(1)).attempts.map(({ outcome }) => outcome)).toEqual(['notStarted', 'succeeded'])
})

// promise: no-overlap
describe('at most one slot of the task runs at a time', () => {
  test('when the holder is killed, the next one waits until its lease is over', async () => {
    const crashMs = Date.parse('2026-11-24T04:30:00Z')
    const { time, b, at, row } = await neighbours({ settings: WAIT }, { time: { crashMs } })
    expect(await time.run(b.result)).toMatchObject({ status: 'completed' })
    // Its clock may be behind by the skew.
    expect(at.second).toBeGreaterThan(((await row()).leaseUntil ?? 0) + 30_000)
    expect(at.second).toBeLessThan(crashMs + 12 * MINUTE_MS)
  })

  test('a run that takes the slot of a killed holder over does not wait for itself', async () => {
    const { time, trigger } = world()
    const settings: RunSettings = { ...WAIT, maxAttempts: 2 }
    trigger('a', works(HOUR_MS), { settings, time: { crashMs: time.now() + MINUTE_MS } })
    await time.run(time.clock().wait(HOUR_MS))
    const again = trigger('again', works(1), { settings })
    expect(await time.run(again.result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect(again.events.map(({ event }) => event)).toEqual(['claimed', 'ended'])
  })

  test('at most one slot of the task runs at a time, also while a process of the holder lives on on this host', async () => {
    const { time, b } = await neighbours(
      { settings: SKIP, survivor: { pid: 4711, command: 'batch' } },
      { time: { crashMs: Date.parse('2026-11-24T03:10:00Z') } },
    )
    expect(await time.run(b.result)).toMatchObject({ status: 'skipped' })
  })

  for (const settings of [WAIT, SKIP]) {
    test(`a forced trigger is refused while another slot runs, and leaves a completed slot completed: ${settings.overlap}`, async () => {
      const { time, trigger, row } = world()
      await time.run(trigger('before', works(1), { day: 1, settings }).result)
      const a = trigger('a', works(HOUR_MS), { settings })
      await time.run(time.clock().wait(MINUTE_MS))
      const force = { ...FORCE, only: ['completed'] as const }
      const forced = trigger('forced', works(1), { day: 1, settings, force })
      expect(await time.run(forced.result)).toMatchObject({ status: 'refused', cause: 'overlap' })
      expect(forced.events).toMatchObject([{ event: 'refused', cause: 'overlap', holder: { runId: 'a' }, noted: true }])
      expect(await row(1)).toMatchObject({ state: 'COMPLETED' })
      await time.run(a.result)
    })
  }

  const absence = { fromMs: Date.parse('2026-11-24T03:30:00Z'), toMs: Date.parse('2026-11-24T04:30:00Z') }
  for (const [what, hostTime] of [
    ['paused', { pause: absence }],
    ['suspended, its machine’s monotonic clock with it,', { suspend: absence }],
  ] as const) {
    // promise: no-overlap
    test(`${what} past its lease, then woken: the holder stops its work, since another slot has the overlap lock`, async () => {
      const { time, trigger, a, b } = await neighbours({ settings: SKIP }, { time: hostTime })
      // The second slot takes the overlap lock while the first one's supervisor is paused, and completes.
      expect(await time.run(b.result)).toMatchObject({ status: 'completed' })
      const c = trigger('c', works(2 * HOUR_MS), { day: 2, settings: SKIP })
      expect(await time.run(a.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
      expect(await time.run(c.result)).toMatchObject({ status: 'completed' })
    })
  }

  for (const [onLeaseLost, cause] of [
    ['stop', 'expired'],
    ['continue', 'overlap'],
  ] as const) {
    test(`woken without an answer about the overlap lock: the lease is not trusted before there is one (${onLeaseLost})`, async () => {
      const { time, trigger } = world()
      const backMs = absence.toMs + 90_000
      const a = trigger('a', works(6 * HOUR_MS), {
        settings: WAIT,
        overrides: { onLeaseLost },
        time: { pause: absence },
        fateOf: ({ verb }) => ({
          kind: verb === 'readEntry' && time.now() > absence.fromMs && time.now() < backMs ? 'dropped' : 'answered',
        }),
      })
      await time.run(time.clock().wait(HOUR_MS))
      const b = trigger('b', works(3 * HOUR_MS), { day: 1, settings: SKIP })
      expect(await time.run(a.result)).toMatchObject({ status: 'failed', outcome: 'leaseLost' })
      expect(time.now()).toBeLessThan(backMs + 2 * MINUTE_MS)
      expect(a.events).toContainEqual({ event: 'lease-lost', cause })
      expect(await time.run(b.result)).toMatchObject({ status: 'completed' })
    })
  }

  test('woken while another slot’s write of the overlap lock is still on its way: its own write fences that one', async () => {
    const { time, trigger } = world()
    const a = trigger('a', works(3 * HOUR_MS), { settings: WAIT, time: { pause: absence } })
    await time.run(time.clock().wait(absence.toMs - 10_000 - time.now()))
    const b = trigger('b', works(1), {
      day: 1,
      settings: SKIP,
      fateOf: ({ verb }) => ({ kind: 'answered', afterMs: verb === 'writeEntry' ? 20_000 : 5 }),
    })
    expect(await time.run(b.result)).toMatchObject({ status: 'skipped', holder: { runId: 'a' } })
    expect(await time.run(a.result)).toMatchObject({ status: 'completed' })
  })

  test('paused past its lease, and no other slot took the overlap lock: it goes on', async () => {
    const { time, trigger } = world()
    const a = trigger('a', works(3 * HOUR_MS), { settings: WAIT, time: { pause: absence } })
    expect(await time.run(a.result)).toMatchObject({ status: 'completed' })
  })
})

const entryCalls = (call: Call) => call.verb === 'readEntry' || call.verb === 'writeEntry'

test('no answer about the overlap lock: nothing starts, the claim is withdrawn, and the error says so', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', works(1), {
    settings: WAIT,
    fateOf: (call) => ({ kind: entryCalls(call) ? 'dropped' : 'answered' }),
  })
  await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'unreachable' })
  expect(run.starts()).toBe(0)
  expect(run.events).toMatchObject([{ event: 'withdrawn', certain: true }])
  expect(await row()).toMatchObject({ leaseUntil: null, attempts: [{ outcome: 'notStarted' }] })
  expect(await time.run(trigger('b', works(1), { settings: WAIT }).result)).toMatchObject({ status: 'completed' })
})

test('retries keep the overlap lock while they wait', async () => {
  const { time, trigger } = world()
  const settings: RunSettings = { ...WAIT, maxAttempts: 2, retryDelayMs: HOUR_MS }
  const a = trigger('a', (attempt, clock) => (attempt.number === 1 ? failsAfter(1) : works(1))(attempt, clock), {
    settings,
  })
  await time.run(time.clock().wait(MINUTE_MS))
  const b = trigger('b', works(1), { day: 1, settings: SKIP })
  expect(await time.run(b.result)).toMatchObject({ status: 'skipped' })
  expect(await time.run(a.result)).toMatchObject({ status: 'completed', attempt: 2 })
})

describe('a lease that ran out while the overlap lock was asked for, or after', () => {
  const FIVE_S = { heartbeatMs: 5_000, skewMs: 5_000, killAfterMs: 5_000 }
  const SHORT: RunSettings = { ...SKIP, ...FIVE_S, leaseMs: MINUTE_MS, ledgerTimeoutMs: HOUR_MS }
  const lateTurn = (call: Call): Fate =>
    call.verb === 'writeEntry' ? { kind: 'answeredLate', afterMs: 5 * MINUTE_MS } : { kind: 'answered', afterMs: 5 }

  /** The first slot begins at once, the second one two minutes later; both would work for an hour. */
  async function two(first: (startMs: number, now: () => number) => HostOptions) {
    const { time, trigger } = world()
    const { running, counted } = countRuns()
    const a = trigger('a', counted(HOUR_MS), first(time.now(), time.now))
    await time.run(time.clock().wait(2 * MINUTE_MS))
    const b = trigger('b', counted(HOUR_MS), { day: 1, settings: SHORT })
    const results = await time.run(Promise.all([a.result, b.result]))
    return { results, running }
  }

  test('a lease that ran out by a pause while the overlap lock was asked for: the lock is asked for again', async () => {
    const { results, running } = await two((startMs) => ({
      settings: SHORT,
      fateOf: lateTurn,
      time: { pause: { fromMs: startMs + 2_000, toMs: startMs + 3 * MINUTE_MS } },
    }))
    expect(running.most).toBe(1)
    expect(results).toMatchObject([{ status: 'skipped' }, { status: 'completed' }])
  })

  test('a lease that ran out by an outage while the overlap lock was asked for: the lock is asked for again', async () => {
    const { running } = await two((startMs, now) => ({
      settings: SHORT,
      overrides: { onLeaseLost: 'continue' },
      fateOf(call) {
        const isOut = now() < startMs + 150_000
        if (call.verb === 'put')
          return { kind: isOut && call.expected !== 'absent' ? 'dropped' : 'answered', afterMs: 5 }
        return isOut ? lateTurn(call) : { kind: 'answered', afterMs: 5 }
      },
    }))
    expect(running.most).toBe(1)
  })

  test('an attempt fails in a pause, and another slot has the overlap lock: it is recorded, and nothing more starts', async () => {
    const { time, trigger, row } = world()
    const startMs = time.now()
    const a = trigger('a', failsAfter(100_000), {
      settings: { ...SHORT, maxAttempts: 3, retryDelayMs: 1_000 },
      time: { pause: { fromMs: startMs + 50_000, toMs: startMs + 200_000 } },
    })
    await time.run(time.clock().wait(2 * MINUTE_MS))
    const b = trigger('b', works(HOUR_MS), { day: 1, settings: SHORT })
    expect(await time.run(a.result)).toMatchObject({ status: 'failed', outcome: 'notStarted', recorded: true })
    await time.run(b.result)
    expect(a.starts()).toBe(1)
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
    expect(a.events).toContainEqual({ event: 'lease-lost', cause: 'overlap' })
  })
})

test('an operator resolves the slot of a killed holder: its child on this host still keeps the overlap lock', async () => {
  const { time, trigger, resolve } = world()
  trigger('a', works(10 * HOUR_MS), { settings: WAIT, time: { crashMs: time.now() + 10 * MINUTE_MS } })
  await time.run(time.clock().wait(HOUR_MS))
  expect(await time.run(resolve('word', 'FAILED'))).toMatchObject({ kind: 'resolved' })
  const b = trigger('b', works(1), { day: 1, settings: SKIP, survivor: { pid: 4711, command: 'batch' } })
  expect(await time.run(b.result)).toMatchObject({ status: 'skipped' })
})

async function asked(fate: Fate | LedgerError, stopped = false) {
  const { time, ledger, trigger } = world()
  await time.run(trigger('a', works(1), { settings: SKIP }).result)
  const clock = time.clock()
  const store =
    fate instanceof LedgerError
      ? { ...ledger, readEntry: () => Promise.reject(fate) }
      : faultyStore(ledger, clock, () => fate)
  const stop = new AbortController()
  if (stopped) stop.abort({ atMs: clock.monotonicMs() })
  return time.run(
    hasOverlapLock(TASK, { ledgerTimeoutMs: 30_000 }, { store, clock, random: () => 0.5, stop: stop.signal }),
  )
}

test('a ledger says that it has overlap locks, and one that is not there yet has none', async () => {
  expect(await asked({ kind: 'answered' })).toBe(true)
  expect(await asked(new LedgerError('shape', 'no table'))).toBe(false)
})

test('a ledger that does not say whether it has overlap locks: nothing is guessed', async () => {
  await expect(asked({ kind: 'stalled' })).rejects.toMatchObject({ kind: 'unreachable' })
  await expect(asked({ kind: 'denied' })).rejects.toMatchObject({ kind: 'denied' })
})

test('a stop before the answer is not an error of the ledger', async () => {
  await expect(asked({ kind: 'stalled' }, true)).rejects.toThrow(Halted)
})

const holding = async () => {
  const all = world()
  all.trigger('holder', works(3 * HOUR_MS), { settings: SKIP })
  await all.time.run(all.time.clock().wait(1_000))
  return all
}

// promise: paused-at-overlap-lock
test('a run that is paused after it read the row of the holder does not take the overlap lock by that old row', async () => {
  const { time, ledger, row } = await holding()
  const { slot } = await row()
  let nowMs = time.now()
  const store: typeof ledger = {
    ...ledger,
    async get(key, options) {
      const found = await ledger.get(key, options)
      // The pause: it lasts longer than the lease that was just read.
      nowMs += HOUR_MS
      return found
    },
  }
  const clock = { now: () => nowMs, monotonicMs: () => nowMs, wait: async () => {} }
  const io = { store, clock, random: () => 0.5, findSurvivor: () => null }
  const next = { ...(await row()), slot: slot + 24 * HOUR_MS, ownerRunId: 'next' }
  const { signal } = new AbortController()
  const taken = await takeOverlapLock(next, readSettings({}), io, (request) => request({ signal }))
  expect(taken).toEqual({ kind: 'busy', holder: { slot, runId: 'holder' }, isCatchUp: false })
})

// promise: overlap-lock-damaged
test('a damaged row of the slot that holds the overlap lock: an error at once, because no retry can help', async () => {
  const { time, ledger, trigger, row } = await holding()
  const { task, slot } = await row()
  ledger.get = () => Promise.reject(new LedgerError('shape', 'row nightly is damaged'))
  ledger.list = async () => ({ rows: [{ task, slot, damage: 'row nightly is damaged' }] })
  const startMs = time.now()
  const next = trigger('next', works(1), { day: 1, settings: WAIT })
  await expect(time.run(next.result)).rejects.toMatchObject({ kind: 'shape' })
  expect(time.now() - startMs).toBeLessThan(1_000)
})
