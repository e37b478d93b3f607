import { expect, test } from 'vitest'
import { laterRanges, withStaleInRange } from '../../src/audit/ranges.ts'
import { judgedRows, judgedSlots } from '../../src/audit/walk.ts'
import { systemClock } from '../../src/process/clock.ts'
import { factsOf } from '../../src/verdict/found.ts'
import { verdictOf } from '../../src/verdict/verdict.ts'
import { FAILED, laterRow, recordWith, resolvedAs, rowWith, SUCCEEDED } from '../support/rows.ts'
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

test('a failed run with a stale slot in its range says so with its steps, also if another slot of it was skipped', async () => {
  const own = rowWith({})
  const { slot } = own
  const skipped = { ...resolvedAs('SKIPPED'), slot: slot + 43_200_000, windowEnd: null }
  async function* rows() {
    yield* [laterRow(rowWith({ ending: FAILED })), skipped, own]
  }
  const [since, now] = [slot - 1, slot + 48 * 3_600_000]
  const spec = { expression: '0 3,15 * * *', zone: 'UTC' }
  const record = recordWith([{ since: slot, spec }], { expectations: { since: slot, sinceLastSuccess: true } })
  const slots = judgedRows(rows(), [factsOf(own.task, record, now)], { since, until: slot + 86_400_001 }, now)
  const found = []
  for await (const one of withStaleInRange(slots))
    found.push([one.slot - slot, one.status, verdictOf(one, 's').caution?.includes('A stale slot is in its range')])
  expect(found).toEqual([
    [86_400_000, 'failed', true],
    [43_200_000, 'skipped', undefined],
  ])
})

test.each([
  ['the next slot', 3_600_000, 0],
  ['a slot between them', 7_200_000, 3_600_000],
])('a later run that did a slot is found behind a force of %s', async (_, afterMs, sinceMs) => {
  const done = laterRow(rowWith({ ending: SUCCEEDED }))
  const slot = done.slot - 86_400_000
  const attempts = done.attempts.map((one) => ({ ...one, since: slot + sinceMs }))
  const forced = { ...done, slot: slot + afterMs, attempts } as typeof done
  const schedules = [{ since: slot - 86_400_000, spec: { expression: '0 * * * *', zone: 'UTC' } }]
  const record = recordWith(schedules, { expectations: { since: slot, sinceLastSuccess: true } })
  const read = async function* ({ since, until }: { readonly since: number; readonly until: number }) {
    for (const row of [done, forced]) if (row.slot >= since && row.slot < until) yield row
  }
  const ranges = await laterRanges(factsOf(done.task, record, slot + 172_800_000), slot + 1, read)
  expect(ranges.covering(slot, null)).toMatchObject({ kind: 'done', by: { slot: done.slot } })
})
