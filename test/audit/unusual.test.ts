// What is usual follows from the rows before, also from those before the range of the check.
import { expect, test } from 'vitest'
import type { Ledger } from '../../src/api.ts'
import { checkTask } from '../../src/audit/check.ts'
import { lastSlots } from '../../src/cli/commands/tasks.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import { paceOf } from '../../src/core/task/rules.ts'
import type { Expectations } from '../../src/core/task/task-record.ts'
import type { Row } from '../../src/core/types.ts'
import { findingDetail } from '../../src/format/check/finding.ts'
import { systemClock } from '../../src/process/clock.ts'
import { countSlotsIn, factsOf } from '../../src/verdict/found.ts'
import { FAILED, recordWith, rowWith, SUCCEEDED } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const DAY_MS = 86_400_000
const { slot, schedule } = rowWith({})
const FIRST = slot - 29 * DAY_MS

/** Returns the slot of a day of a month, whose attempt took this long and reported so many rows. */
function slotOf(day: number, seconds: number, rows: number): Row {
  const row = rowWith({ ending: { ...SUCCEEDED, report: `{"rows":${rows}}` } })
  const moved = FIRST + day * DAY_MS - slot
  const attempts = row.attempts.map((one) => ({
    ...one,
    startedAt: one.startedAt + moved,
    endedAt: one.startedAt + moved + seconds * 1_000,
  }))
  return { ...row, attempts, slot: FIRST + day * DAY_MS, windowEnd: null } as Row
}

/** Returns the findings of a check of a month, oldest first: the day, the kind and what is unusual. */
async function found(rows: readonly Row[], expectations: Expectations & { since: number }, days = 30) {
  const store = memoryStore()
  for (const row of rows) store.writeRaw(encodeRow(row))
  const known = { task: 'nightly', ...recordWith([{ since: FIRST - 30 * DAY_MS, spec: schedule }], { expectations }) }
  const now = slot + DAY_MS / 2
  const range = { since: slot - (days - 1) * DAY_MS, until: now, now, progress: () => undefined }
  const deps = { store, clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
  const lines: string[] = []
  for await (const one of checkTask(known, range, deps)) {
    lines.unshift(
      `${(one.slot - FIRST) / DAY_MS} ${one.kind} ${/(?:but|which is) (.*)$/.exec(findingDetail(one))?.[1] ?? ''}`,
    )
  }
  return lines
}

// promise: expectation-missed
test('a task that writes nothing on two days, and one that gets slower and slower, are found', async () => {
  const empty = Array.from({ length: 30 }, (_, day) => slotOf(day, 60, day === 12 || day === 29 ? 0 : 1_200))
  const rules = { since: FIRST, expect: 'rows>=1' }
  expect(await found(empty, rules)).toEqual([
    '12 unusual rows is 0 (expected >= 1, usually 1,200)',
    '29 unusual rows is 0 (expected >= 1, usually 1,200)',
  ])
  // What is usual is known at the begin of the range, too.
  expect(await found(empty, rules, 1)).toEqual(['29 unusual rows is 0 (expected >= 1, usually 1,200)'])
  // Before an outage of 50 days, too.
  const [outage, last] = [Array.from({ length: 10 }, (_, day) => slotOf(day - 30, 60, 1_200)), slotOf(29, 60, 0)]
  expect((await found([...outage, last], rules, 60)).at(-1)).toContain('(expected >= 1, usually 1,200)')
  const slower = Array.from({ length: 30 }, (_, day) => slotOf(day, Math.round(60 * 1.2 ** day), 1))
  expect((await found(slower, { since: FIRST, expect: 'duration<=3x' })).at(0)).toBe(
    '12 unusual duration is 8m 55s (expected <= 3x, usually 2m 44s)',
  )
  expect(await found(slower, { since: FIRST, expect: 'duration<=3x' }, 1)).toHaveLength(1)
})

test('an attempt that runs for longer than its upper bounds is found before it ends, once it is too long', async () => {
  const usual = Array.from({ length: 29 }, (_, day) => slotOf(day, 60, 1))
  // It began six seconds after its slot, and the check is twelve hours after that.
  const open = { ...rowWith({}), windowEnd: null, leaseUntil: slot + DAY_MS } as Row
  const found29 = (expect: string, one = open) => found([...usual, one], { since: FIRST, expect }, 1)
  const tooLong = '29 unusual too long (expected <= 3x, usually 1m 0s)'
  expect(await found29('duration<=3x')).toEqual([tooLong])
  expect(await found29('duration<10h,rows>=1,duration>=20h')).toEqual([
    '29 unusual too long (expected < 10h, usually 1m 0s)',
  ])
  expect(await found29('duration<=12h,rows>=1')).toEqual([])
  expect(await found29('duration<=3x', { ...open, leaseUntil: slot } as Row)).toEqual(['29 stale '])
})

test('a run that did the work of several slots may take as long as they do, and says nothing of what is usual', async () => {
  const ranged = (day: number, seconds: number, rows: number, from = day - 4) => {
    const row = slotOf(day, seconds, rows)
    return { ...row, attempts: row.attempts.map((one) => ({ ...one, since: FIRST + from * DAY_MS })) } as Row
  }
  const rules = { since: FIRST, expect: 'duration<=3x,duration<=2m,rows>=0.5x' }
  const usual = [...Array(21).keys()].map((day) => ranged(day, 60, 100, day - 1))
  expect(await found([...usual, ranged(24, 480, 500), ranged(28, 100, 400), slotOf(29, 60, 100)], rules)).toEqual([])
  expect((await found([...usual, ranged(29, 1_081, 49, 20)], rules))[0]).toContain(
    '29 unusual duration is 18m 1s (expected <= 2m for each of 9 slots, usually 1m 0s), rows is 49 (expected >= 0.5x, usually 100)',
  )
  const several = [8, 12, 16, 20, 24, 28].map((day) => ranged(day, 240, 400))
  const rows = [...usual.slice(0, 5), ...several, slotOf(29, 60, 100)]
  expect(await found(rows, rules)).toEqual([])
  // `tasks`, the pages and the script say the same.
  const of = factsOf('nightly', recordWith([{ since: FIRST - 30 * DAY_MS, spec: schedule }]), slot)
  expect(paceOf(rows.reverse(), countSlotsIn(of)).usualMs).toBe(60_000)
})

test('a slot from before the rules, a failed one and one that meets them are not found; of a late one, the rule counts', async () => {
  const rows = [
    slotOf(27, 60, 0),
    {
      ...slotOf(28, 60, 0),
      attempts: rowWith({ ending: { ...FAILED, report: '{"rows":0}' } }).attempts,
      state: 'FAILED',
    },
    slotOf(29, 60, 0),
  ] as Row[]
  const since = FIRST + 28 * DAY_MS
  expect(await found(rows, { since, expect: 'rows>=1', lateAfterMs: 1_000 }, 3)).toEqual([
    '27 late ',
    '28 failed ',
    '29 unusual rows is 0 (expected >= 1). It started 5s late',
  ])
  expect(await found(rows, { since, expect: 'rules of a newer version' }, 3)).toEqual(['28 failed '])
})

test('a pace has the trend of the 20 runs before the last: the median of the newest 5, and of the oldest 5', () => {
  const rows = Array.from({ length: 30 }, (_, ago) => slotOf(29 - ago, ago === 3 ? 900 : 130 - ago, 1))
  expect(paceOf(rows, () => 1).trend).toEqual({ latelyMs: 128_000, beforeMs: 112_000 })
  expect(paceOf(rows.slice(0, 5), () => 1).trend).toBeUndefined()
})

test('the usual duration in tasks is that of its 41 newest slots, also if few of them have one', async () => {
  const rows = Array.from({ length: 45 }, (_, ago) => {
    const row = slotOf(29 - ago, ago, 1)
    return ago > 0 && ago < 12 ? { ...rowWith({ ending: FAILED }), slot: row.slot, windowEnd: null } : row
  })
  const history = async function* ({ since, until, limit }: { since: Date; until: Date; limit: number }) {
    yield* rows.filter((one) => one.slot >= +since && one.slot < +until).slice(0, limit)
  }
  const known = { task: 'nightly', ...recordWith([{ since: FIRST - 30 * DAY_MS, spec: schedule }], {}) }
  const [now, ledger] = [slot + DAY_MS / 2, { history } as unknown as Pick<Ledger, 'history'>]
  const countSlots = countSlotsIn(factsOf('nightly', known, now))
  expect((await lastSlots(known, ledger, {}, now)).pace).toEqual(paceOf(rows.slice(0, 41), countSlots))
})

test('tasks keeps of the last slot of a task only what it shows, also if a rule compares it with the rows before', async () => {
  const rows = Array.from({ length: 10 }, (_, ago) => slotOf(29 - ago, 60, 0))
  const history = async function* () {
    yield* rows
  }
  const expectations = { since: FIRST, expect: 'rows>=1' }
  const known = { task: 'nightly', ...recordWith([{ since: FIRST, spec: schedule }], { expectations }) }
  const ledger = { history } as unknown as Pick<Ledger, 'history'>
  const { last, open } = await lastSlots(known, ledger, {}, slot + DAY_MS / 2)
  expect(open.count).toBe(7)
  expect(Object.keys(last ?? {})).toEqual(['slot', 'status', 'schedule', 'rowStatus', 'own'])
})
