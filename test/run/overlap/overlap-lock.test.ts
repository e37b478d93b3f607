import { expect, test } from 'vitest'
import { LedgerError } from '../../../src/core/errors.ts'
import { takeOverlapLock, waitForOverlapLock } from '../../../src/run/overlap/overlap-lock.ts'
import type { memoryStore } from '../../support/simulated/memory-store.ts'
import { TASK, works, world } from '../../support/simulated/world.ts'

const DAY_MS = 86_400_000

test('a run that is paused after it read the row of the holder does not take the overlap lock by that old row', async () => {
  const { time, ledger, trigger, row } = world()
  const holder = trigger('holder', works(3_600_000), { settings: { overlap: 'skip' } })
  await time.run(time.clock().wait(1_000))
  const { slot } = await row()
  let nowMs = time.now()
  const store: ReturnType<typeof memoryStore> = {
    ...ledger,
    async get(key, options) {
      const found = await ledger.get(key, options)
      // The pause: it lasts longer than the lease that was just read.
      nowMs += 3_600_000
      return found
    },
  }
  const clock = { now: () => nowMs, monotonicMs: () => nowMs, wait: async () => {} }
  const io = { store, clock, random: () => 0.5, findSurvivor: () => null }
  const next = { ...(await row()), task: TASK, slot: slot + DAY_MS, owner: 'next' }
  const { signal } = new AbortController()
  const taken = await takeOverlapLock(next, { skewMs: 30_000 }, io, (request) => request({ signal }))
  expect(taken).toEqual({ holder: { slot, runId: 'holder' }, isCatchUp: false })
  expect(holder.starts()).toBe(1)
})

test('a damaged row of the slot that holds the overlap lock: an error at once, because no retry can help', async () => {
  const { time, ledger, trigger, row } = world()
  trigger('holder', works(3_600_000), { settings: { overlap: 'skip' } })
  await time.run(time.clock().wait(1_000))
  const damaged = new LedgerError('shape', 'row nightly is damaged')
  const store = { ...ledger, get: () => Promise.reject(damaged) }
  const io = { store, clock: time.clock(), random: () => 0.5, findSurvivor: () => null }
  const next = { ...(await row()), slot: (await row()).slot + DAY_MS, owner: 'next' }
  const settings = { skewMs: 30_000, heartbeatMs: 60_000, ledgerTimeoutMs: 30_000 }
  const halt = new AbortController().signal
  const [startMs, deadline] = [time.now(), () => Number.POSITIVE_INFINITY]
  const waiting = waitForOverlapLock(next, deadline, settings, io, halt, () => {})
  expect(await time.run(waiting.catch((error: unknown) => error))).toBe(damaged)
  expect(time.now()).toBe(startMs)
})
