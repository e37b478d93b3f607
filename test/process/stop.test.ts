import { expect, test } from 'vitest'
import { finishReserveMs, withinStop } from '../../src/process/stop.ts'
import { virtualTime } from '../support/simulated/virtual-clock.ts'

test.each([
  [30_000, 5_000],
  [120_000, 5_000],
  [6_000, 2_000],
])('of a stop timeout of %i ms the finish gets %i ms', (stopTimeoutMs, reserveMs) => {
  expect(finishReserveMs(stopTimeoutMs)).toBe(reserveMs)
})

test.each([
  ['before the stop timeout is over: the rest of it, less the time for the exit', 10_000, 19_000],
  ['after it, because a work cannot be killed: the time of one answer', 40_000, 5_000],
])('a job that begins %s', async (_, sinceStopMs, expectedMs) => {
  const time = virtualTime()
  const clock = time.clock()
  const stop = new AbortController()
  stop.abort({ atMs: clock.monotonicMs() })
  const job = async () => {
    await clock.wait(sinceStopMs)
    const beganMs = clock.monotonicMs()
    await withinStop(600_000, { stopTimeoutMs: 30_000 }, { clock, stop: stop.signal }, (signal) =>
      clock.wait(600_000, signal),
    )
    return clock.monotonicMs() - beganMs
  }
  expect(await time.run(job())).toBe(expectedMs)
})
