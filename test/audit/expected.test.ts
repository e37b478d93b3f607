import { expect, test } from 'vitest'
import { judgedSlots } from '../../src/audit/walk.ts'
import { systemClock } from '../../src/process/clock.ts'
import { factsOf } from '../../src/verdict/found.ts'
import { recordWith } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

test('a long gap without rows leaves room for timers and signals', async () => {
  const deps = { store: memoryStore(), clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
  const [range, now] = [{ task: 'nightly', since: 0, until: 86_400_000 }, 86_400_000]
  const record = recordWith([{ since: 0, spec: { expression: '* * * * *', zone: 'UTC' } }])
  let slots = 0
  let slotsAtSignal = 0
  for await (const { row } of judgedSlots([factsOf('nightly', record, now)], range, now, deps)) {
    expect(row).toBe(null)
    if (slots === 0) setImmediate(() => (slotsAtSignal = slots))
    slots += 1
  }
  expect(slots).toBe(24 * 60)
  expect(slotsAtSignal).toBeLessThan(slots)
  expect(slotsAtSignal).toBeGreaterThan(0)
})
