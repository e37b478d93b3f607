import { expect, test } from 'vitest'
import { decodeSchedules, encodeSchedules, type Schedules, withSchedule } from '../../../src/core/row/task-record.ts'

const at = (text: string) => Date.parse(text)
const DAILY = { expression: '0 3 * * *', zone: 'Asia/Tokyo' }
const RATE = { expression: 'rate(1 day)', zone: 'UTC', anchor: at('2026-01-01T00:00:00Z') }
const KNOWN: Schedules = [{ since: at('2026-11-01T18:00:00Z'), spec: DAILY }]

test('a schedule that is in force already changes nothing', () => {
  expect(withSchedule(KNOWN, { ...DAILY }, at('2026-11-02T18:00:00Z'))).toBe(null)
})

test('a new one is in force from its slot on', () => {
  expect(withSchedule([], DAILY, at('2026-11-01T18:00:00Z'))).toEqual(KNOWN)
  const changed = withSchedule(KNOWN, RATE, at('2026-11-03T00:00:00Z'))
  expect(changed).toEqual([...KNOWN, { since: at('2026-11-03T00:00:00Z'), spec: RATE }])
  expect(withSchedule(KNOWN, { ...DAILY, zone: 'UTC' }, at('2026-11-03T03:00:00Z'))).toHaveLength(2)
  const moved = { ...RATE, anchor: at('2026-01-01T06:00:00Z') }
  expect(withSchedule(changed ?? [], moved, at('2026-11-04T06:00:00Z'))).toHaveLength(3)
})

test('a run of an older slot, under another schedule, changes nothing', () => {
  expect(withSchedule(KNOWN, RATE, at('2026-11-01T18:00:00Z'))).toBe(null)
})

test('is bounded: the oldest go first', () => {
  let schedules: Schedules = []
  for (let index = 0; index < 60; index++) {
    schedules =
      withSchedule(schedules, { expression: `${index} 3 * * *`, zone: 'UTC' }, index * 86_400_000) ?? schedules
  }
  expect(schedules).toHaveLength(50)
  expect(schedules.at(-1)?.spec.expression).toBe('59 3 * * *')
})

test('what is stored reads back; what is malformed is named', () => {
  const schedules = withSchedule(KNOWN, RATE, at('2026-11-03T00:00:00Z')) ?? []
  expect(decodeSchedules(JSON.parse(JSON.stringify(encodeSchedules(schedules))), 'nightly')).toEqual(schedules)
  expect(() => decodeSchedules({ schedules: [{ since: 'x' }] }, 'nightly')).toThrow(/nightly.*schedules\[0\]\.since/)
})
