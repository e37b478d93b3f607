import { expect, test } from 'vitest'
import { holdsOverlapLock } from '../../../src/core/row/overlap-lock.ts'
import { FAILED, LEASE_MS, NOW, rowWith } from '../../support/rows.ts'

const SKEW_MS = 30_000
const running = rowWith({})
const lock = { slot: running.slot, runId: running.owner }
const holds = (row: Parameters<typeof holdsOverlapLock>[0], now = NOW) => holdsOverlapLock(row, lock, now, SKEW_MS)

test('the run that has the overlap lock holds it until its lease is over on any clock', () => {
  expect(holds(running)).toBe(true)
  expect(holds(running, NOW + LEASE_MS + SKEW_MS)).toBe(true)
  expect(holds(running, NOW + LEASE_MS + SKEW_MS + 1)).toBe(false)
})

test('what has ended, is gone, or is another run’s by now holds nothing', () => {
  expect(holds(null)).toBe(false)
  expect(holds(rowWith({ ending: FAILED }))).toBe(false)
  expect(holds({ ...running, owner: 'other' })).toBe(false)
})

test('what a newer cronledger means by its row nobody here knows: it may run', () => {
  expect(holds({ task: running.task, slot: running.slot, schemaVersion: 2, newerSchema: true })).toBe(true)
})
