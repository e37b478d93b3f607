import { expect, test } from 'vitest'
import { holdsOverlapLock } from '../../../src/core/row/overlap-lock.ts'
import { FAILED, LEASE_MS, NOW, rowWith } from '../../support/rows.ts'

const SKEW_MS = 30_000
const running = rowWith({})
const lock = { slot: running.slot, runId: running.ownerRunId }
const holds = (row: Parameters<typeof holdsOverlapLock>[0], now = NOW) => holdsOverlapLock(row, lock, now, SKEW_MS)

test('the run that has the overlap lock holds it until its lease is over on any clock', () => {
  expect(holds(running)).toBe(true)
  expect(holds(running, NOW + LEASE_MS + SKEW_MS)).toBe(true)
  expect(holds(running, NOW + LEASE_MS + SKEW_MS + 1)).toBe(false)
})

test('a slot that has ended, has no row, or belongs to another run does not hold the lock', () => {
  expect(holds(null)).toBe(false)
  expect(holds(rowWith({ ending: FAILED }))).toBe(false)
  expect(holds({ ...running, ownerRunId: 'other' })).toBe(false)
})

test('a row of a newer cronledger cannot be read, so its slot may be running', () => {
  expect(holds({ task: running.task, slot: running.slot, schemaVersion: 3, newerSchema: true })).toBe(true)
})
