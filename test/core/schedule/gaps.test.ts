import { expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { longestGapMs, slotAfter, slotBefore, slotsBetween } from '../../../src/core/schedule/slot.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const HOUR_MS = 3_600_000
const gapHours = (expression: string, zone = 'UTC', anchor?: number) => {
  const gapMs = longestGapMs(parseSchedule({ expression, zone, ...(anchor !== undefined && { anchor }) }), NOW)
  return gapMs === null ? null : gapMs / HOUR_MS
}

test.each([
  ['* * * * *', 1],
  ['0 3 * * *', 24],
  ['0 9-17 * * 1-5', 64],
  ['0 3 1 * *', 31 * 24],
  // Longer than the year that is looked at.
  ['0 3 29 2 *', (3 * 365 + 366) * 24],
  ['at(2030-01-01T00:00:00)', null],
  ['at(2020-01-01T00:00:00)', null],
  ['cron(0 3 * * ? 2026)', null],
])('the longest gap of %s is %s hours', (expression, hours) => {
  expect(gapHours(expression)).toBe(hours)
})

test('clock changes, and an anchor that is yet to come', () => {
  expect(gapHours('30 2 * * *', 'America/New_York')).toBe(47)
  expect(gapHours('0 12 * * *', 'America/New_York')).toBe(25)
  expect(gapHours('rate(36 hours)', 'UTC', Date.UTC(2030, 0, 1))).toBe(36)
})

test.each(['*/7 3,4,20 * * 2', '0 0,5 1-9 3,7 *', '15 4 * 2-11 6', '0 0 L * *'])('%s, slot by slot', (expression) => {
  const schedule = parseSchedule({ expression, zone: 'Europe/Berlin' })
  const first = slotBefore(schedule, NOW) ?? 0
  const slots = [...slotsBetween(schedule, first, first + 366 * 24 * HOUR_MS)]
  // The last gap begins in the year.
  slots.push(slotAfter(schedule, slots.at(-1) ?? first) ?? 0)
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot))
  expect(longestGapMs(schedule, NOW)).toBe(Math.max(HOUR_MS, ...gaps))
})
