import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import {
  dueKeys,
  missedSlot,
  nextExpectedSlot,
  nextSlotDue,
  withMissed,
} from '../../../src/core/task/expected-slots.ts'
import type { InForce } from '../../../src/core/task/schedules-in-force.ts'
import type { StoredRow } from '../../../src/core/types.ts'
import { closed, FORCED, HOUR_MS, judgedAt, lastWaiting, NOW, pending, rowWith, SUCCEEDED } from '../../support/rows.ts'

const at = (text: string) => Date.parse(text)
const inForce = (since: string, expression: string, zone = 'UTC', after?: string): InForce => ({
  since: at(since),
  ...(after !== undefined && { after: at(after) }),
  schedule: parseSchedule({ expression, zone }),
})
const due = (schedules: readonly InForce[], since: string, until: string) =>
  [...dueKeys([{ task: 'nightly', schedules }], at(since), at(until))].map(
    ({ slot, doubt }) => new Date(slot).toISOString().slice(0, 16) + (doubt === undefined ? '' : '?'),
  )

describe('a change that was declared', () => {
  const daily = inForce('2026-11-01T03:00:00Z', '0 3 * * *')
  const hourly: InForce = { ...inForce('2026-11-03T03:30:00Z', '0 * * * *'), declared: 'unconfirmed' }

  test('a change that was declared leaves no slot in doubt', () => {
    const slots = ['2026-11-03T05:00', '2026-11-03T04:00', '2026-11-03T03:00', '2026-11-02T03:00']
    expect(due([daily, hourly], '2026-11-02T00:00:00Z', '2026-11-03T05:30:00Z')).toEqual(slots)
    const yearly: InForce = { ...inForce('2026-11-03T00:00:00Z', '@yearly'), declared: 'confirmed' }
    expect(due([daily, yearly], '2026-11-02T00:00:00Z', '2026-11-09T00:00:00Z')).toEqual(['2026-11-02T03:00'])
  })

  test('the next slot is one of the schedule that is in force then', () => {
    const next = (from: string) => new Date(nextSlotDue([daily, hourly], [], at(from)) ?? 0).toISOString().slice(0, 16)
    expect(next('2026-10-05T00:00:00Z')).toBe('2026-11-01T03:00')
    expect(next('2026-11-02T12:00:00Z')).toBe('2026-11-03T03:00')
    expect(next('2026-11-03T03:00:00Z')).toBe('2026-11-03T04:00')
    expect(next('2026-11-04T00:30:00Z')).toBe('2026-11-04T01:00')
  })
})

describe('the gaps of a task that was paused or retired', () => {
  const schedule = parseSchedule({ expression: '0 3 * * *', zone: 'UTC' })
  const gap = (from: string, until?: string) => ({
    from: at(from),
    until: until === undefined ? Number.POSITIVE_INFINITY : at(until),
  })
  const next = (...gaps: ReturnType<typeof gap>[]) => nextExpectedSlot(schedule, gaps, at('2026-11-01T12:00:00Z'))

  test('no slot in a pause or a retirement was due; its first instant is a part of it, and its last is not', () => {
    const task = { task: 'nightly', schedules: [{ since: at('2026-11-01T03:00:00Z'), schedule }] }
    const gaps = [gap('2026-11-02T03:00:00Z', '2026-11-04T03:00:00Z'), gap('2026-11-05T00:00:00Z')]
    const keys = [...dueKeys([{ ...task, gaps }], 0, at('2026-12-01T00:00:00Z'))]
    expect(keys.map(({ slot }) => new Date(slot).toISOString().slice(0, 10))).toEqual(['2026-11-04', '2026-11-01'])
  })

  test('the next slot is after them', () => {
    expect(next()).toBe(at('2026-11-02T03:00:00Z'))
    expect(next(gap('2026-11-03T00:00:00Z'))).toBe(at('2026-11-02T03:00:00Z'))
    expect(next(gap('2026-11-01T00:00:00Z', '2026-11-04T03:00:00Z'))).toBe(at('2026-11-04T03:00:00Z'))
    const touching = [
      gap('2026-11-03T00:00:00Z', '2026-11-06T00:00:00Z'),
      gap('2026-11-01T00:00:00Z', '2026-11-03T00:00:00Z'),
    ]
    expect(next(...touching)).toBe(at('2026-11-06T03:00:00Z'))
  })

  test('a task that is retired has no next slot', () => {
    expect(next(gap('2026-11-01T00:00:00Z'))).toBe(null)
  })
})

describe('the slots that were due', () => {
  test('newest first, from the first one that was run', () => {
    const schedules = [inForce('2026-11-02T03:00:00Z', '0 3 * * *')]
    expect(due(schedules, '2026-11-01T00:00:00Z', '2026-11-05T03:00:00Z')).toEqual([
      '2026-11-04T03:00',
      '2026-11-03T03:00',
      '2026-11-02T03:00',
    ])
  })

  test('the slots that were due are without the second pass of an hour that comes twice, which is optional', () => {
    const schedules = [inForce('2026-10-24T00:00:00Z', '0 * * * *', 'Europe/London')]
    // The clocks show 01:00 at 00:00Z and again at 01:00Z.
    expect(due(schedules, '2026-10-25T00:00:00Z', '2026-10-25T04:00:00Z')).toEqual([
      '2026-10-25T03:00',
      '2026-10-25T02:00',
      '2026-10-25T00:00',
    ])
  })

  test('an optional slot that a trigger ran is not missed, and its neighbours are', async () => {
    const schedules = [inForce('2026-10-24T00:00:00Z', '0 * * * *', 'Europe/London')]
    async function* ran(): AsyncGenerator<StoredRow> {
      yield { ...rowWith({ ending: SUCCEEDED }), slot: at('2026-10-25T01:00:00Z') }
    }
    const keys = dueKeys([{ task: 'nightly', schedules }], at('2026-10-25T00:00:00Z'), at('2026-10-25T03:00:00Z'))
    const found: string[] = []
    for await (const { row, missed } of withMissed(keys, ran(), true)) {
      found.push(`${row === null ? 'missed' : 'row'} ${new Date((row ?? missed).slot).toISOString().slice(11, 16)}`)
    }
    expect(found).toEqual(['missed 02:00', 'row 01:00', 'missed 00:00'])
  })

  const daily = inForce('2026-11-01T03:00:00Z', '0 3 * * *')
  const moved = (after?: string) => inForce('2026-11-04T05:00:00Z', '0 5 * * *', 'UTC', after)

  test('the slots that were due are those of the schedule of their time, and in doubt while the schedule changed', () => {
    expect(due([daily, moved('2026-11-02T03:00:00Z')], '2026-11-01T00:00:00Z', '2026-11-06T00:00:00Z')).toEqual([
      '2026-11-05T05:00',
      '2026-11-04T05:00',
      '2026-11-04T03:00?',
      '2026-11-03T05:00?',
      '2026-11-03T03:00?',
      '2026-11-02T05:00?',
      '2026-11-02T03:00',
      '2026-11-01T03:00',
    ])
  })

  test('without a run before the change, only the first slot of the old one is certain', () => {
    const slots = due([daily, moved()], '2026-11-01T00:00:00Z', '2026-11-04T05:00:00Z')
    expect(slots.filter((slot) => !slot.endsWith('?'))).toEqual(['2026-11-01T03:00'])
    expect(slots).toHaveLength(7)
  })

  test('a slot that both schedules have is in doubt, because a third one may have had no run', () => {
    const schedules = [
      inForce('2026-11-02T15:00:00Z', '@hourly'),
      inForce('2026-11-04T12:00:00Z', '0 12 * * *', 'UTC', '2026-11-02T16:00:00Z'),
    ]
    const slots = due(schedules, '2026-11-02T15:00:00Z', '2026-11-04T12:00:01Z')
    expect(slots.filter((slot) => !slot.endsWith('?'))).toEqual([
      '2026-11-04T12:00',
      '2026-11-02T16:00',
      '2026-11-02T15:00',
    ])
    expect(slots).toHaveLength(46)
    expect(slots).toContain('2026-11-03T12:00?')
  })

  // The old schedule, the last slot that ran under it, the new schedule, and the first slot that ran under that.
  test.each([
    ['is later', '0 3 * * *', '2026-10-20T07:00', '30 4 * * *', '2026-10-21T08:30', []],
    ['is earlier', '0 3 * * *', '2026-10-20T07:00', '30 2 * * *', '2026-10-21T06:30', []],
    // On the 21st, nothing ran.
    [
      'is earlier, and its first one is lost',
      '0 3 * * *',
      '2026-10-20T07:00',
      '30 2 * * *',
      '2026-10-22T06:30',
      ['10-21T07:00', '10-21T06:30'],
    ],
    [
      'is later, and its first one is lost',
      '0 3 * * *',
      '2026-10-20T07:00',
      '30 4 * * *',
      '2026-10-22T08:30',
      ['10-22T07:00', '10-21T08:30', '10-21T07:00', '10-20T08:30'],
    ],
    ['is at another minute', '0 * * * *', '2026-10-20T07:00', '30 * * * *', '2026-10-20T08:30', []],
    // A switch from daily to hourly at 07:10 had a slot of 08:00.
    ['is hourly', '0 3 * * *', '2026-10-20T07:00', '30 * * * *', '2026-10-20T09:30', ['10-20T08:30', '10-20T07:30']],
    ['was hourly', '0 * * * *', '2026-10-20T07:00', '0 6 * * *', '2026-10-20T10:00', ['10-20T09:00', '10-20T08:00']],
    ['is on a later weekday', '0 3 * * MON', '2026-10-19T07:00', '0 3 * * WED', '2026-10-28T07:00', []],
    [
      'is on an earlier weekday, and its first one is lost',
      '0 3 * * WED',
      '2026-10-14T07:00',
      '0 3 * * MON',
      '2026-10-26T07:00',
      ['10-21T07:00', '10-19T07:00'],
    ],
    ['is on a later day', '0 3 1 * *', '2026-10-01T07:00', '0 3 15 * *', '2026-11-15T08:00', []],
    [
      'is on an earlier day, and its first one is lost',
      '0 3 15 * *',
      '2026-09-15T07:00',
      '0 3 1 * *',
      '2026-11-01T07:00',
      ['10-15T07:00', '10-01T07:00'],
    ],
    ['has too many slots', '* * * * * *', '2026-10-20T07:00', '0 3 1 * *', '2026-10-20T07:00:02', ['10-20T07:00']],
  ] as const)('if the new slot %s, all that may be missing are in doubt', (_, old, after, fresh, until, expected) => {
    const schedules = [
      inForce('2026-08-01T00:00:00Z', old, 'America/New_York'),
      inForce(`${until}Z`, fresh, 'America/New_York', `${after}Z`),
    ]
    const slots = due(schedules, `${after}Z`, `${until}Z`).slice(0, -1)
    expect(slots).toEqual(expected.map((slot) => `2026-${slot}?`))
  })

  test('the slots that were due over a clock change are those of its local times', () => {
    const schedules = [inForce('2026-10-30T05:30:00Z', '30 1 * * *', 'America/New_York')]
    expect(due(schedules, '2026-10-31T00:00:00Z', '2026-11-03T00:00:00Z')).toEqual([
      '2026-11-02T06:30',
      '2026-11-01T05:30',
      '2026-10-31T05:30',
    ])
  })
})

const kindOf = (row: StoredRow, lateAfterMs: number | null = null) => judgedAt(NOW + HOUR_MS, row, { lateAfterMs }).kind

const day = (date: number) => Date.UTC(2026, 10, date, 3)

test('the slots of several tasks that were due are one list, newest first', () => {
  const tasks = [
    { task: 'a', schedules: [inForce('2026-11-01T00:00:00Z', '0 3 * * *')] },
    { task: 'b', schedules: [inForce('2026-11-02T00:00:00Z', '0 */12 * * *')] },
    { task: 'c', schedules: [inForce('2026-11-01T03:00:00Z', '0 3 1,2 * *')] },
  ]
  const keys = [...dueKeys(tasks, at('2026-11-01T00:00:00Z'), at('2026-11-03T03:00:01Z'))]
  expect(keys.map(({ task, slot }) => `${task} ${new Date(slot).toISOString().slice(8, 13)}`)).toEqual([
    'a 03T03',
    'b 03T00',
    'b 02T12',
    'a 02T03',
    'c 02T03',
    'b 02T00',
    'a 01T03',
    'c 01T03',
  ])
  expect([...dueKeys([], 0, at('2026-11-03T03:00:01Z'))]).toEqual([])
})

async function merged(due: readonly string[], rows: readonly string[], withOlder = true) {
  const keyOf = (text: string) => ({ task: text.slice(0, 1), slot: day(Number(text.slice(1))) })
  async function* stream() {
    for (const text of rows) yield { ...rowWith({}), ...keyOf(text) }
  }
  const found: string[] = []
  for await (const { row, missed } of withMissed(due.map(keyOf), stream(), withOlder)) {
    const { task, slot } = row ?? missed
    found.push(`${row === null ? '!' : ''}${task}${new Date(slot).getUTCDate()}`)
  }
  return found
}

test('the slots of several tasks that were due are the same for any order of the rows of one slot', async () => {
  const due = ['a9', 'b9', 'c9', 'a8', 'b8', 'c8', 'a7']
  expect(await merged(due, ['b9', 'c8', 'a8', 'z6'])).toEqual(['b9', '!a9', '!c9', 'c8', 'a8', '!b8', '!a7', 'z6'])
  expect(await merged(due, [])).toEqual(due.map((key) => `!${key}`))
  expect(await merged([], ['a9', 'b9'])).toEqual(['a9', 'b9'])
})

test('slots without a row come before the last row only where they are asked for', async () => {
  expect(await merged(['a9', 'a8', 'b8', 'a7'], ['b9', 'a8'], false)).toEqual(['b9', '!a9', 'a8'])
  expect(await merged(['a9'], [], false)).toEqual([])
})

test('a missed slot has the schedule of its time', () => {
  const after = '2026-11-02T03:00:00Z'
  const schedules = [
    inForce('2026-11-01T03:00:00Z', '0 3 * * *'),
    inForce('2026-11-04T05:00:00Z', '0 5 * * *', 'UTC', after),
  ]
  const missed = (slot: string) => missedSlot({ task: 'a', slot: at(slot) }, schedules)
  expect(missed('2026-11-04T03:00:00Z')).toMatchObject({ schedule: { expression: '0 3 * * *' } })
  expect(missed('2026-11-03T05:00:00Z')).toMatchObject({ schedule: { expression: '0 5 * * *' } })
  expect(missed('2026-11-04T05:00:00Z')).toEqual({
    task: 'a',
    slot: at('2026-11-04T05:00:00Z'),
    end: at('2026-11-05T05:00:00Z'),
    schedule: { expression: '0 5 * * *', zone: 'UTC' },
  })
})

test('late is the first attempt that a scheduler started', () => {
  const late = { ...closed(rowWith({ ending: SUCCEEDED })), slot: NOW - 600_001 }
  const forced = { ...rowWith({ trigger: FORCED, ending: SUCCEEDED }), slot: NOW - 600_001 }
  expect([kindOf(late, 600_000), kindOf(late, 700_000), kindOf(late), kindOf(forced, 600_000)]).toEqual([
    'late',
    null,
    null,
    null,
  ])
  expect(kindOf({ ...late, slot: NOW - 600_000 }, 600_000)).toBe(null)
  // One that never started was not the start.
  const [first] = late.attempts
  if (first === undefined) throw new Error('no attempt')
  const withdrawn = { ...first, outcome: 'notStarted', startedAt: NOW - 600_001 } as const
  expect(kindOf({ ...late, attempts: [withdrawn, { ...first, number: 2 }] }, 600_000)).toBe('late')
})

test('an attempt that was claimed late, and waits for its start, has not started late', () => {
  const started = { ...pending(rowWith({})), slot: NOW - 600_001, leaseUntil: NOW + 2 * HOUR_MS }
  expect([kindOf(started, 600_000), kindOf(lastWaiting(started), 600_000)]).toEqual(['late', null])
})
