import { expect, test } from 'vitest'
import { laterRanges } from '../../src/audit/ranges.ts'
import { rerunSteps } from '../../src/audit/rerunnable.ts'
import { judgedSlots } from '../../src/audit/walk.ts'
import { DEFAULT_RERUNNABLE } from '../../src/core/row/policy.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import type { Row } from '../../src/core/types.ts'
import { systemClock } from '../../src/process/clock.ts'
import { factsOf } from '../../src/verdict/found.ts'
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

const HOURLY = { expression: '0 * * * *', zone: 'UTC' }
const FIRST = rowWith({}).slot
const slotAt = (hours: number, row: Row, since?: number): Row => {
  const attempts = row.attempts.map((one) => ({
    ...one,
    ...(since !== undefined && { since: FIRST + since * HOUR_MS }),
  }))
  return { ...row, attempts, slot: FIRST + hours * HOUR_MS, windowEnd: null } as Row
}
const DONE = rowWith({ ending: SUCCEEDED })
const BAD = rowWith({ ending: FAILED })
const LOST = rowWith({})
/** Of these slots, by hours: 0 and 6 are done, 2 failed, and 1, 3, 4 and 5 have no row. */
const NIGHT = [slotAt(0, DONE), slotAt(2, BAD, 0), slotAt(6, DONE, 5)]

/** Returns what the rerun of a range does: what runs, with the slots that its run does, too, and what is left out, and why. */
async function rerun(rows: readonly Row[], more: Partial<Parameters<typeof rerunSteps>[1]> = {}) {
  const store = memoryStore()
  for (const row of rows) store.writeRaw(encodeRow(row))
  const record = recordWith([{ since: FIRST, spec: HOURLY }], {
    expectations: { since: FIRST, sinceLastSuccess: true },
  })
  const now = FIRST + 7.5 * HOUR_MS
  const deps = { store, clock: { ...systemClock, now: () => now }, pageTimeoutMs: 30_000, signals: [] }
  const asked = { from: new Date(FIRST), until: new Date(FIRST + 6.5 * HOUR_MS), status: DEFAULT_RERUNNABLE, ...more }
  const hourOf = ({ slot }: { readonly slot: number }) => (slot - FIRST) / HOUR_MS
  const steps: string[] = []
  for await (const step of rerunSteps({ task: LOST.task, ...record }, asked, deps)) {
    const hour = hourOf(step.judged)
    const of = step.kind === 'run' ? step.others.map(hourOf) : [step.because && hourOf({ slot: step.because })]
    steps.push(
      [hour, step.kind === 'run' ? '' : 'left out:', step.why, ...of]
        .filter((one) => one !== '' && one !== null)
        .join(' '),
    )
  }
  return steps
}

const WITHOUT_STALE = { status: ['missed', 'failed'] } as const
const WITHOUT_ROW = ['5 missed', '4 missed', '2 failed', '1 missed']

/** What happens in the order of the steps: the hour of a slot, why it runs, and the hours of those that its run does, too. */
test.each([
  ['only the newest slot between two that are done runs, and does the others, too', NIGHT, {}, ['5 missed 4 3 2 1']],
  ['with `each`, each of them runs', NIGHT, { ranges: 'each' }, WITHOUT_ROW.toSpliced(2, 0, '3 missed')],
  [
    'a decision is about each slot, whatever a run of it would do',
    [...NIGHT, slotAt(3, LOST, 0)],
    { ranges: 'none', ...WITHOUT_STALE },
    WITHOUT_ROW,
  ],
  [
    'the slots between others that are done have a run of their own',
    [...NIGHT, slotAt(3, DONE, 2)],
    {},
    ['5 missed 4', '2 failed 1'],
  ],
  ['a covered slot is done', [...NIGHT, slotAt(4, DONE, 2)], {}, ['5 missed', '2 failed 1']],
  [
    'a stale slot in it leaves out the slots after it, and those of its own range, unless stale is selected',
    [...NIGHT, slotAt(3, LOST, 1)],
    WITHOUT_STALE,
    ['5 left out: stale 3', '4 left out: stale 3', '2 left out: stale 3', '1 missed'],
  ],
  ['a stale slot that is selected runs with the others', [...NIGHT, slotAt(3, LOST, 1)], {}, ['5 missed 4 3 2 1']],
  [
    'a slot that a person skipped leaves out the slots after it, unless skipped is selected',
    [...NIGHT, slotAt(3, resolvedAs('SKIPPED'))],
    {},
    ['5 left out: skipped 3', '4 left out: skipped 3', '2 failed 1'],
  ],
  [
    'a skipped slot that is selected runs with the others',
    [...NIGHT, slotAt(3, resolvedAs('SKIPPED'))],
    { status: ['missed', 'skipped'] },
    ['5 missed 4 3 2 1'],
  ],
  [
    'a slot before the range counts, if the run would do its work',
    [...NIGHT, slotAt(1, LOST, 0)],
    { ...WITHOUT_STALE, from: new Date(FIRST + 3 * HOUR_MS) },
    ['5 left out: stale 1', '4 left out: stale 1', '3 left out: stale 1'],
  ],
  [
    'a slot that is done, and is selected, runs alone',
    NIGHT,
    { status: ['completed'] },
    ['6 completed', '0 completed'],
  ],
] as const)('what the rerun of a range runs in a task whose runs have ranges: %s', async (_, rows, more, steps) => {
  expect(await rerun(rows, more)).toEqual(steps)
})

test.each([
  ['the next slot', 3_600_000, 0],
  ['a slot between them', 7_200_000, 3_600_000],
])('a later run that did a slot is found behind a force of %s', async (_, afterMs, sinceMs) => {
  const done = laterRow(rowWith({ ending: SUCCEEDED }))
  const slot = done.slot - 86_400_000
  // The force came a day later.
  const [startedAt, endedAt] = [slot + 86_400_000, slot + 90_000_000]
  const attempts = done.attempts.map((one) => ({ ...one, since: slot + sinceMs, startedAt, endedAt }))
  const forced = { ...done, slot: slot + afterMs, attempts } as typeof done
  const schedules = [{ since: slot - 86_400_000, spec: { expression: '0 * * * *', zone: 'UTC' } }]
  const record = recordWith(schedules, { expectations: { since: slot, sinceLastSuccess: true } })
  const read = async function* ({ since, until }: { readonly since: number; readonly until: number }) {
    for (const row of [done, forced]) if (row.slot >= since && row.slot < until) yield row
  }
  const ranges = await laterRanges(factsOf(done.task, record, slot + 48 * HOUR_MS), slot, read)
  expect(ranges.of(slot, null).covering).toMatchObject({ kind: 'done', by: { slot: done.slot } })
})
