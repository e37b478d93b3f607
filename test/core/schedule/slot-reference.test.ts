import { expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { parseSlotReference } from '../../../src/core/schedule/slot-reference.ts'

const NOW = Date.parse('2027-01-01T00:00:00Z')
const slotOf = (expression: string, zone: string, text: string, anchor?: string) => {
  const schedule = parseSchedule({ expression, zone, ...(anchor && { anchor: Date.parse(anchor) }) })
  return new Date(parseSlotReference(schedule, text, NOW).slot).toISOString()
}

test.each([
  ['may be written with a space', '2026-11-01 01:30', '30 1 * * *', undefined, '05:30'],
  [
    'is the slot of the first pass, where a schedule has but that',
    '2026-11-01T01:30',
    '30 1 * * *',
    undefined,
    '05:30',
  ],
  ['is the one of the second pass, where a rate has but that', '2026-11-01T01:30', 'rate(2 hours)', '06:30', '06:30'],
])('a local time that comes twice in autumn %s', (_, text, expression, anchor, slot) => {
  const found = slotOf(expression, 'America/New_York', text, anchor && `2026-11-01T${anchor}:00Z`)
  expect(found).toBe(`2026-11-01T${slot}:00.000Z`)
})

test('a local time that comes twice in autumn is refused with the names of both, where both are slots', () => {
  expect(() => slotOf('30 * * * *', 'America/New_York', '2026-11-01T01:30')).toThrow(
    'occurs twice in America/New_York, because the clocks go back. Use 2026-11-01T05:30:00Z or 2026-11-01T06:30:00Z.',
  )
})

test.each([
  // The year begins nine hours earlier there.
  ['yesterday', 'Asia/Tokyo', '2026-12-30T18:00:00.000Z'],
  ['today', 'America/New_York', '2026-12-31T08:00:00.000Z'],
  ['tomorrow', 'UTC', '2027-01-02T03:00:00.000Z'],
])('%s in %s is the only slot of that day', (text, zone, slot) => {
  expect(slotOf('0 3 * * *', zone, text)).toBe(slot)
})

test('a Unix time is refused with the instant', () => {
  expect(() => slotOf('0 3 * * *', 'UTC', '1764547200000')).toThrow(
    'slot "1764547200000" is a Unix time. Use ISO 8601: 2025-12-01T00:00:00Z',
  )
})

test('a date has its slot also in the hour that is put back over midnight', () => {
  // In Santiago 24:00 of 4 April 2026 became 23:00 of the same day, at 03:00Z.
  const anchor = '2026-04-05T03:30:00Z'
  expect(slotOf('rate(1 day)', 'America/Santiago', '2026-04-04', anchor)).toBe('2026-04-05T03:30:00.000Z')
})
