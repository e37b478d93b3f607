import { expect, test } from 'vitest'
import { finishReserveMs, withinStop } from '../../src/process/clock.ts'
import { virtualTime } from '../support/simulated/virtual-clock.ts'

test.each([
  [30_000, 5_000],
  [120_000, 5_000],
  [6_000, 2_000],
])('of a stop timeout of %i ms the finish gets %i ms', (stopTimeoutMs, reserveMs) => {
  expect(finishReserveMs(stopTimeoutMs)).toBe(reserveMs)
})

test.each([
  ['before the stop timeout is over: the rest of it, less the time for the exit', 10_000, undefined, 19_000],
  ['after it: no time', 40_000, undefined, 0],
  ['after it, and may be late: that time', 40_000, 5_000, 5_000],
])('a job that begins %s', async (_, sinceStopMs, lateMs, expectedMs) => {
  const time = virtualTime()
  const clock = time.clock()
  const stop = new AbortController()
  stop.abort({ atMs: clock.monotonicMs() })
  const job = async () => {
    await clock.wait(sinceStopMs)
    const beganMs = clock.monotonicMs()
    const wait = (signal: AbortSignal) => clock.wait(600_000, signal)
    await withinStop(600_000, { stopTimeoutMs: 30_000 }, { clock, stop: stop.signal }, wait, lateMs)
    return clock.monotonicMs() - beganMs
  }
  expect(await time.run(job())).toBe(expectedMs)
})
