import { expect, test } from 'vitest'
import { finishReserveMs } from '../../src/process/stop.ts'

test.each([
  [30_000, 5_000],
  [120_000, 5_000],
  [6_000, 2_000],
])('of a stop timeout of %i ms the finish gets %i ms', (stopTimeoutMs, reserveMs) => {
  expect(finishReserveMs(stopTimeoutMs)).toBe(reserveMs)
})
