import { describe, expect, test } from 'vitest'
import { FORCE, HOUR_MS, MINUTE_MS } from '../support/rows.ts'
import type { Call, Fate } from '../support/simulated/faulty-store.ts'
import { isFinish, isRenewal, works, world } from '../support/simulated/world.ts'

const THROWN = new Error('no such file\nat …')
const FORCE_COMPLETED = { ...FORCE, only: ['completed'] } as const

// promise: run-inside-run
describe('a run inside of a run of the same slot', () => {
  for (const force of [undefined, FORCE]) {
    test(`a run inside of a run of the same slot is a usage error, not recorded: ${force ? 'forced' : 'scheduled'}`, async () => {
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

  test('a run inside of a forced run of the same slot is a usage error, also where the slot had completed before', async () => {
    const { time, trigger, row } = world()
    await time.run(trigger('first', works(1)).result)
    const outer = trigger('outer', works(MINUTE_MS), { force: FORCE_COMPLETED })
    await time.run(time.clock().wait(1_000))
    const inner = trigger('inner', works(1), { insideOf: ['outer'] })
    await expect(time.run(inner.result)).rejects.toMatchObject({ kind: 'usage' })
    expect(await time.run(outer.result)).toMatchObject({ status: 'completed' })
    expect((await row()).rejections.count).toBe(0)
  })

  test('a run inside of a run of the same slot does not take the slot over from that run, whose lease ran out', async () => {
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

  test('a run inside of a run that has ended, or inside of another run, is a duplicate', async () => {
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
  // A crash: the process is gone, and the lease is not renewed.
  const crashed = trigger('a', works(1), { fateOf: (call) => ({ kind: isFinish(call) ? 'stalled' : 'answered' }) })
  void crashed.result
  await time.run(time.clock().wait(1))
  await time.run(time.clock().wait(((await row()).leaseUntil ?? 0) + MINUTE_MS - time.now()))
  expect(await time.run(trigger('b', works(1)).result)).toMatchObject({ status: 'refused', cause: 'stale' })
  const more = { settings: { maxAttempts: 2 } }
  const survivor = trigger('c', works(1), { ...more, survivor: { pid: 7, command: 'sleep' } })
  expect(await time.run(survivor.result)).toMatchObject({ status: 'refused', cause: 'survivor' })
  expect(await time.run(trigger('d', works(1), more).result)).toMatchObject({ status: 'completed', attempt: 2 })
  expect((await row()).attempts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'succeeded'])
})

// promise: row-removed
test('a row that is deleted during the run is not made again: the work ends, because another run may start', async () => {
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
  expect(run.events.slice(1)).toMatchObject([{ cause: 'deleted' }, { event: 'ended', finish: 'deleted' }])
  expect(made).toHaveLength(1)
})

// promise: row-removed
test('a row that is deleted right before the finish: unrecorded, and the log says why', async () => {
  const { time, trigger, ledger } = world()
  const { put } = ledger
  ledger.put = async (row, expected, call) =>
    row.state === 'PENDING' ? put(row, expected, call) : { kind: 'conflict', found: null }
  const run = trigger('a', works(MINUTE_MS / 2))
  expect(await time.run(run.result)).toEqual({ status: 'unrecorded', attempt: 1, value: 'done' })
  expect(run.events.at(-1)).toMatchObject({ event: 'ended', finish: 'deleted' })
})

test.each([
  ['throws', () => Promise.reject(THROWN)],
  [
    'throws before it returns a promise',
    () => {
      throw THROWN
    },
  ],
])('work that %s has failed, and that is on record', async (_, work) => {
  const { play, row } = world()
  const { result, events } = await play('a', {}, work)
  expect(result).toMatchObject({ status: 'failed', outcome: 'failed', recorded: true, error: THROWN })
  expect(events.at(-1)).toMatchObject({ event: 'ended', detail: 'no such file' })
  expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }] })
})

test('an error of the store that a retry cannot fix ends the claim immediately', async () => {
  const { time, trigger, ledger } = world()
  ledger.put = () => Promise.reject(new TypeError('a bug'))
  await expect(time.run(trigger('a', works(1)).result)).rejects.toThrow(TypeError)
})
