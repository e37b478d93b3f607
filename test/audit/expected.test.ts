import { expect, test } from 'vitest'
import { readHistory } from '../../src/audit/history.ts'
import { laterRanges, type ReadDated } from '../../src/audit/ranges.ts'
import { rerunnableSlots } from '../../src/audit/rerunnable.ts'
import { judgedSlots, judgeNamed } from '../../src/audit/walk.ts'
import { DEFAULT_RERUNNABLE } from '../../src/core/row/policy.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import type { Row } from '../../src/core/types.ts'
import { sentenceText } from '../../src/format/verdict.ts'
import { systemClock } from '../../src/process/clock.ts'
import { factsOf } from '../../src/verdict/found.ts'
import type { JudgedSlot } from '../../src/verdict/judge.ts'
import { verdictOf } from '../../src/verdict/verdict.ts'
import { FAILED, laterRow, recordWith, resolvedAs, rowWith, SUCCEEDED } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const HOUR_MS = 3_600_000

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

test('a failed run says which slots of its range failed, too, or are stale, and no range runs it then', async () => {
  const own = rowWith({})
  const { slot } = own
  const at = (hours: number, row: Row) => ({ ...row, slot: slot + hours * HOUR_MS, windowEnd: null }) as Row
  const failed = laterRow(rowWith({ ending: FAILED }))
  const store = memoryStore()
  for (const row of [own, at(6, rowWith({ ending: FAILED })), at(12, resolvedAs('SKIPPED')), failed])
    store.writeRaw(encodeRow(row))
  const spec = { expression: '0 3,9,15 * * *', zone: 'UTC' }
  const record = recordWith([{ since: slot, spec }], { expectations: { since: slot, sinceLastSuccess: true } })
  const now = slot + 48 * HOUR_MS
  const deps = { store, clock: { ...systemClock, now: () => now }, pageTimeoutMs: 30_000, signals: [] }
  const known = { task: own.task, ...record }
  const [of, range] = [factsOf(own.task, record, now), { task: own.task, since: slot, until: failed.slot + 1 }]
  const textOf = (one: JudgedSlot) => {
    const { happened, caution } = verdictOf(one, 's')
    const said = one.kind === null ? '' : sentenceText(happened.slice(-6), slot, 'UTC')
    return `${(one.slot - slot) / HOUR_MS} ${one.status} ${said} ${one.kind === null ? '' : caution?.slice(0, 31)}`.trim()
  }
  const walked: string[] = []
  for await (const one of judgedSlots([of], range, now, deps)) walked.push(textOf(one))
  const said =
    '24 failed . Slot 09:00:00 in it failed, too. Slot 03:00:00 in it is stale A stale slot is in its range. T'
  expect(walked).toEqual([said, '12 skipped', '6 failed', '0 failed'])
  const history: ReadDated = ({ since, until, ...query }) =>
    readHistory({ ...query, since: since.getTime(), until: until.getTime() }, deps)
  expect(textOf(await judgeNamed(failed.slot, failed, of, history))).toBe(said)
  const left: unknown[] = []
  const asked = { from: new Date(slot), to: new Date(now), only: DEFAULT_RERUNNABLE }
  const emitDoubt = (one: number, why: string) => left.push([(one - slot) / HOUR_MS, why])
  for await (const { judged } of rerunnableSlots(known, { ...asked, emitDoubt }, deps)) left.push(judged.slot - slot)
  expect(left).toEqual([36 * HOUR_MS, 30 * HOUR_MS, [24, 'staleInRange']])
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
  const ranges = await laterRanges(factsOf(done.task, record, slot + 48 * HOUR_MS), slot + 1, read)
  expect(ranges.covering(slot, null)).toMatchObject({ kind: 'done', by: { slot: done.slot } })
})
