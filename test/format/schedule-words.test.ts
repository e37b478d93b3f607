import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import { inWords } from '../../src/format/schedule-words.ts'

const words = (expression: string) => inWords(parseSchedule({ expression, zone: 'UTC' }))

test.each([
  // AWS counts the days of the week from Sunday as 1, crontab from Sunday as 0 or 7.
  ['cron(0 18 ? * 2-6 *)', 'At 18:00, Monday through Friday'],
  ['cron(0 0 ? * 7 *)', 'At 00:00, on Saturday'],
  ['cron(0 0 ? * 3#2 *)', 'At 00:00, on the second Tuesday of the month'],
  ['0 0 * * 0', 'At 00:00, on Sunday'],
  ['0 0 * * 5-7', 'At 00:00, Friday through Sunday'],
  ['0 0 * * 5L', 'At 00:00, on the last Friday of the month'],
  ['cron(0 0 LW * ? *)', 'At 00:00, on the last weekday of the month'],
  ['cron(0 0 3W * ? *)', 'At 00:00, on the weekday nearest day 3 of the month'],
  ['0 3 1,15 JAN,7 *', 'At 03:00, on day 1 and 15 of the month, only in January and July'],
  ['0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00'],
  ['0 */2 * * *', 'On the hour, every 2 hours'],
  ['*/15 9-17 * * 1-5', 'Every 15 minutes, between 09:00 and 17:59, Monday through Friday'],
  ['5,20 22-23 * * *', 'At 22:05, 22:20, 23:05 and 23:20'],
  ['5,20 * * * *', 'At 5 and 20 minutes past the hour'],
  ['*/45 * * * *', 'At 0 and 45 minutes past the hour'],
  ['*/7 9-17 * * *', 'At 0, 7, 14, 21, 28, 35, 42, 49, and 56 minutes past the hour, between 09:00 and 17:59'],
  ['0 3 1 * MON', 'At 03:00, on day 1 of the month, and on Monday'],
  ['0 3 1 JAN MON', 'At 03:00, on day 1 of the month, only in January, and on Monday, only in January'],
  ['@DAILY', 'At 00:00'],
  ['@yearly', 'At 00:00, on day 1 of the month, only in January'],
  ['at(2026-12-31T23:00:00)', 'Once, at 2026-12-31 23:00:00 in UTC'],
])('the words of %s are those of its slots', (expression, expected) => {
  expect(words(expression)).toBe(expected)
})

test.each([
  // "Every 3 months", "through 9999".
  'cron(0 0 * 1/3 ? *)',
  'cron(0 0 1 1 ? 2025/2)',
  // "At 05:00" of what fires at 05:05, and "between 00:00 and 02:59 and at 07:00".
  '*/15 5,9 * * *',
  '5,20 0-2,7 * * *',
  '* 5 * * *',
  // "On the hour, at 03:00" of 03:00:30, "0 days before the last day", and an error.
  '30 0 3 * * *',
  'cron(0 0 L-0 * ? *)',
  'cron(0 0 1,15W * ? *)',
])('a form that cronstrue describes wrongly is shown as it is written: %s', (expression) => {
  expect(words(expression)).toBe(expression)
})

test.each([
  ['rate(6 hours)', 'Every 6 hours from 2026-01-01T00:00:00Z on'],
  ['rate(6 hour)', 'Every 6 hours from 2026-01-01T00:00:00Z on'],
  ['rate(1 hours)', 'Every hour from 2026-01-01T00:00:00Z on'],
  ['rate(1  hour)', 'Every hour from 2026-01-01T00:00:00Z on'],
  ['rate(1 day)', 'Every day from 2026-01-01T00:00:00Z on (a day is always 24 hours, also when clocks change)'],
])('the words of %s have its start', (expression, expected) => {
  expect(inWords(parseSchedule({ expression, zone: 'UTC', anchor: Date.UTC(2026, 0, 1) }))).toBe(expected)
})

test('no expression of the shared vectors fails, or has a word that is not one', () => {
  const text = readFileSync(new URL('../fixtures/schedule-vectors.jsonl', import.meta.url), 'utf8')
  for (const line of text.trim().split('\n')) {
    const { expr: expression, tz: zone, anchor, error } = JSON.parse(line)
    if (error) continue
    const spec = { expression, zone, ...(anchor !== undefined && { anchor: Date.parse(anchor) }) }
    expect(inWords(parseSchedule(spec)), expression).not.toMatch(/undefined|NaN|null|^$/)
  }
})
