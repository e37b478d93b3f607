// Covers `began` in src/run/lease.ts: when an attempt starts.
import { expect, test } from 'vitest'
import { ranMsOf } from '../../src/core/row/attempts.ts'
import type { Clock } from '../../src/process/clock.ts'
import type { LiveAttempt } from '../../src/run/execute.ts'
import { readSettings } from '../../src/run/settings.ts'
import type { Fate } from '../support/simulated/faulty-store.ts'
import { failsAfter, fates, isClaim, works, world } from '../support/simulated/world.ts'

const { heartbeatMs } = readSettings({})
const CLAIM_MS = 8_000
const WORK_MS = 200
const LATE: Fate = { kind: 'answered', afterMs: CLAIM_MS }

// promise: work-start
test('the duration of an attempt is that of its work, also if the claim was answered late', async () => {
  const { time, trigger, row } = world()
  const claimedMs = time.now()
  const run = trigger('a', works(WORK_MS), { fateOf: fates(isClaim, LATE) })
  await time.run(run.result)
  const [attempt] = (await row()).attempts
  expect(attempt).toMatchObject({ phase: 'ended', outcome: 'succeeded' })
  expect(attempt?.phase === 'ended' && ranMsOf(attempt)).toBe(WORK_MS)
  expect(attempt?.startedAt).toBeGreaterThanOrEqual(claimedMs + CLAIM_MS)
  expect(attempt?.phase !== 'waiting' && attempt?.claimedAt).toBeLessThan(claimedMs + CLAIM_MS)
  // The start that the log states is that of the row.
  expect(run.events.find(({ event }) => event === 'claimed')).toMatchObject({
    attempt: { startedAt: attempt?.startedAt },
  })
})

// promise: work-start
test('the first renewal after the work has started says in the row when that was', async () => {
  const { time, trigger, row } = world()
  const claimedMs = time.now()
  let startedMs = 0
  const work = (attempt: LiveAttempt, clock: Clock) => {
    startedMs = clock.now()
    return works(3 * heartbeatMs)(attempt, clock)
  }
  const run = trigger('a', work, { fateOf: fates(isClaim, LATE) })
  await time.run(time.clock().wait(2 * heartbeatMs))
  expect((await row()).attempts).toMatchObject([{ phase: 'running', startedAt: startedMs }])
  expect(startedMs).toBeGreaterThanOrEqual(claimedMs + CLAIM_MS)
  await time.run(run.result)
})

// promise: work-start
test('each attempt of a run that tries again has the start of its own work', async () => {
  const { time, trigger, row } = world()
  const run = trigger('a', failsAfter(WORK_MS), { settings: { maxAttempts: 3, retryDelayMs: 60_000 } })
  await time.run(run.result)
  const { attempts } = await row()
  expect(attempts.map((one) => one.phase === 'ended' && ranMsOf(one))).toEqual([WORK_MS, WORK_MS, WORK_MS])
  // The wait between two attempts is not in the row as work.
  expect(attempts.slice(1).map(({ startedAt }, at) => startedAt - (attempts[at]?.startedAt ?? 0) > 60_000)).toEqual([
    true,
    true,
  ])
})
