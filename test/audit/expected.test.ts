import { expect, test } from 'vitest'
import { auditedSlots, parseSchedules } from '../../src/audit/expected.ts'
import { missedUntil } from '../../src/core/row/status.ts'
import { systemClock } from '../../src/process/clock.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const EVERY_MINUTE = { since: 0, spec: { expression: '* * * * *', zone: 'UTC' } }

test('a long gap without rows leaves room for timers and signals', async () => {
  const deps = { store: memoryStore(), clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
  const settings = { since: 0, until: 86_400_000 }
  const inForce = { task: 'nightly', schedules: parseSchedules({ schedules: [EVERY_MINUTE] }) }
  let slots = 0
  let slotsAtSignal = 0
  for await (const { missed } of auditedSlots(inForce, settings, deps)) {
    expect(missed).not.toBe(null)
    if (slots === 0) setImmediate(() => (slotsAtSignal = slots))
    slots += 1
  }
  expect(slots).toBe(24 * 60)
  expect(slotsAtSignal).toBeLessThan(slots)
  expect(slotsAtSignal).toBeGreaterThan(0)
})

test('a slot is missed after it has been due for the grace period, and not if it is before the range', async () => {
  const minute = (count: number) => count * 60_000
  const deps = { store: memoryStore(), clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
  const inForce = { task: 'nightly', schedules: parseSchedules({ schedules: [EVERY_MINUTE] }) }
  async function missedAt(now: number, until = minute(60)) {
    const due = { ...inForce, dueUntil: missedUntil({ now, graceMs: minute(5) }) }
    const slots: number[] = []
    for await (const { missed } of auditedSlots(due, { since: minute(2), until }, deps)) {
      if (missed !== null) slots.push(missed.slot / 60_000)
    }
    return slots
  }
  expect(await missedAt(minute(9))).toEqual([4, 3, 2])
  expect(await missedAt(minute(9) - 1)).toEqual([3, 2])
  expect(await missedAt(minute(60), minute(4))).toEqual([3, 2])
})
