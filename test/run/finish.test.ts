// Covers src/run/write.ts, in whole runs on virtual time.
import { describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { claimRow, finishRow, resolveRow } from '../../src/core/row/transition.ts'
import type { ResolvedState, Row } from '../../src/core/types.ts'
import { SETTINGS } from '../../src/run/settings-table.ts'
import { lossOf } from '../../src/run/write.ts'
import { CONTEXT, FORCED, LEASE_MS, MINUTE_MS, NOW, rowWith, SUCCEEDED } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { fates, isFinish, isRenewal, works, world } from '../support/simulated/world.ts'

const FORCE_COMPLETED = { by: 'ada', reason: 'bad input file', only: ['completed'] } as const

// promise: renewal-at-the-end
test('a renewal that is still on its way when the child ends: the finish lands on top of it', async () => {
  const { time, trigger, row } = world()
  // The renewal is applied while the finish is on its way, and never answered.
  const fateOf = fates(isRenewal, { kind: 'answerLost' }, { kind: 'stalled' })
  const run = trigger('a', works(SETTINGS.heartbeatMs.default + 10), { fateOf })
  expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
  expect(await row()).toMatchObject({ state: 'COMPLETED', leaseUntil: null, version: 3 })
})

// promise: late-function-success
test('work that succeeds long after a stop, because a function cannot be killed, is recorded', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', works(10 * MINUTE_MS))
  await time.run(time.clock().wait(MINUTE_MS))
  run.stop()
  expect(await time.run(run.result)).toMatchObject({ status: 'completed', value: 'done' })
  expect(await row()).toMatchObject({ state: 'COMPLETED', attempts: [{ outcome: 'succeeded' }] })
})

// promise: finish-answer-lost
describe('finish applied, answer lost', () => {
  test("a finish whose answer is lost is recorded once, with the child's exit code", async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(1), { fateOf: fates(isFinish, { kind: 'answerLost' }) })
    expect(await time.run(run.result)).toEqual({ status: 'completed', attempt: 1, value: 'done' })
    expect(await row()).toMatchObject({ state: 'COMPLETED', version: 2, attempts: [{ outcome: 'succeeded' }] })
  })

  test('a finish that is applied and whose answer is lost is recorded also if an operator forced the slot before the finish was sent again', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(1), { fateOf: fates(isFinish, { kind: 'answerLost', afterMs: 2_000 }) })
    await time.run(time.clock().wait(1_000))
    const forced = trigger('b', works(10_000), { force: FORCE_COMPLETED })
    expect(await time.run(run.result)).toMatchObject({ status: 'completed' })
    expect(await time.run(forced.result)).toMatchObject({ status: 'completed', attempt: 2 })
    expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['succeeded', 'succeeded'])
  })
})

// promise: rejection-during-run
describe('rejection noted between claim and finish', () => {
  test('a rejection that is noted between claim and finish is still on record after the finish', async () => {
    const { time, trigger, row } = world()
    const run = trigger('a', works(10 * MINUTE_MS))
    await time.run(time.clock().wait(MINUTE_MS))
    await time.run(trigger('b', works(1)).result)
    await time.run(run.result)
    expect(await row()).toMatchObject({ state: 'COMPLETED', rejections: { count: 1, latest: { runId: 'b' } } })
  })

  test('a note that the ledger refuses costs a duplicate no time, and the log says so', async () => {
    const { time, trigger, ledger } = world()
    await time.run(trigger('a', works(1)).result)
    ledger.note = () => Promise.reject(new LedgerError('denied', 'no permission'))
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
    const fateOf = ({ verb }: Call): Fate => ({ kind: verb === 'note' ? 'stalled' : 'answered' })
    const duplicate = trigger('b', works(1), { fateOf })
    expect(await time.run(duplicate.result)).toMatchObject({ status: 'duplicate' })
    expect(time.now() - startMs).toBeLessThanOrEqual(10_000)
    expect(duplicate.events).toMatchObject([{ event: 'duplicate', noted: false }])
  })

  test.each([
    ['is on record, within the ledger timeout', fates(({ verb }) => verb === 'note', { kind: 'busy' }), true],
    ['does not hold up a stop', ({ verb }: Call): Fate => ({ kind: verb === 'note' ? 'busy' : 'answered' }), false],
  ])('a note that waits for the lock of a busy file %s', async (_, fateOf, noted) => {
    const { time, trigger, row } = world()
    await time.run(trigger('a', works(1)).result)
    const startMs = time.now()
    const duplicate = trigger('b', works(1), { fateOf })
    // The first 10 s of the note are over.
    void time.clock().wait(12_000).then(duplicate.stop)
    expect(await time.run(duplicate.result)).toMatchObject({ status: 'duplicate' })
    expect(duplicate.events).toMatchObject([{ event: 'duplicate', noted }])
    expect((await row()).rejections.count).toBe(noted ? 1 : 0)
    expect(time.now() - startMs).toBeLessThan(13_000)
  })
})

// promise: down-at-finish
describe('ledger down at the finish', () => {
  test('a finish is retried until the ledger is back', async () => {
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
    const forced = trigger('b', works(1), { force: FORCE_COMPLETED })
    expect(await time.run(forced.result)).toMatchObject({ status: 'unrecorded' })
    expect(forced.events.at(-1)).toMatchObject({ finish: 'unanswered', finishCause: 'the token has expired' })
    expect(await row()).toMatchObject({ state: 'PENDING' })
  })

  test('ledger down at the finish: it is tried for the time that a stop leaves, also if it comes during the finish', async () => {
    const { time, trigger } = world()
    const startMs = time.now()
    const run = trigger('a', works(1), { fateOf: (call) => ({ kind: isFinish(call) ? 'dropped' : 'answered' }) })
    void time.clock().wait(MINUTE_MS).then(run.stop)
    expect(await time.run(run.result)).toMatchObject({ status: 'unrecorded' })
    expect(time.now() - startMs).toBeLessThan(MINUTE_MS + 30_000)
    expect(time.now() - startMs).toBeGreaterThan(MINUTE_MS + 25_000)
  })
})

describe('a run that finds its slot taken', () => {
  const stamp = { writeId: 'w', now: NOW }
  const resolved = (row: Row | null, state: ResolvedState) =>
    resolveRow(row, { ...CONTEXT, zoneData: '2026a', runId: 'word', state, by: 'ada', reason: 'looked' }, stamp)
  const forced = (row: Row) =>
    claimRow(row, { ...CONTEXT, zoneData: '2026a', runId: 'force', trigger: FORCED }, stamp, LEASE_MS)

  test('a run that finds its slot taken was called ended by an operator', () => {
    expect(lossOf(resolved(rowWith({}), 'FAILED'), 1)).toBe('resolved')
  })

  test('lost it to another run, although an operator resolved it in between', () => {
    const next = forced(resolved(rowWith({}), 'FAILED'))
    expect(lossOf(next, 1)).toBe('lost')
    expect(lossOf(finishRow(next, SUCCEEDED, stamp), 1)).toBe('lost')
  })

  test('lost it to another run whose attempt has the same number, because the record was deleted in between', () => {
    const next = forced(resolved(null, 'SKIPPED'))
    expect(next.attempts).toMatchObject([{ number: 1, runId: 'force' }])
    expect(lossOf(finishRow(next, SUCCEEDED, stamp), 1)).toBe('lost')
    expect(lossOf(null, 1)).toBe('deleted')
  })
})
