import { expect, test } from 'vitest'
import { systemClock } from '../../src/run/clock.ts'
import { inForceOf, slotsOnRecord } from '../../src/run/on-record.ts'
import { memoryStore } from '../support/memory-store.ts'

const EVERY_MINUTE = { since: 0, spec: { expression: '* * * * *', zone: 'UTC' } }

test('a long gap without rows leaves room for timers and signals', async () => {
  const deps = { store: memoryStore(), clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
  const terms = { since: 0, until: 86_400_000, graceMs: 0 }
  const inForce = inForceOf({ task: 'nightly', schedules: [EVERY_MINUTE] })
  let slots = 0
  let slotsAtSignal = 0
  for await (const { missed } of slotsOnRecord('nightly', inForce, terms, systemClock.now(), deps)) {
    expect(missed).not.toBe(null)
    if (slots === 0) setImmediate(() => (slotsAtSignal = slots))
    slots += 1
  }
  expect(slots).toBe(24 * 60)
  expect(slotsAtSignal).toBeLessThan(slots)
  expect(slotsAtSignal).toBeGreaterThan(0)
})
