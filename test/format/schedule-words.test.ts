import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isForm } from '../../src/core/schedule/form.ts'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import { fieldText, inWords } from '../../src/format/schedule-words.ts'

const words = (expression: string) => inWords(parseSchedule({ expression, zone: 'UTC' }))

test.each([
  // AWS counts the days of the week from Sunday as 1, crontab from Sunday as 0 or 7.
  ['cron(0 18 ? * MON-FRI *)', 'At 18:00, Monday through Friday'],
  ['cron(0 18 ? * 2-6 *)', 'At 18:00, Monday through Friday'],
  ['cron(0 0 ? * 1 *)', 'At 00:00, on Sunday'],
  ['cron(0 0 ? * 7 *)', 'At 00:00, on Saturday'],
  ['cron(0 0 ? * l *)', 'At 00:00, on Saturday'],
  ['cron(0 0 ? * 3#2 *)', 'At 00:00, on the second Tuesday of the month'],
  ['cron(15 10 ? * 06L 2022-2023)', 'At 10:15, on the last Friday of the month, only in 2022 and 2023'],
  ['cron(0 0 ? * SUN,1L *)', 'At 00:00, on Sunday or on the last Sunday of the month'],
  ['0 0 * * 0', 'At 00:00, on Sunday'],
  ['0 0 * * 0,7', 'At 00:00, on Sunday'],
  ['0 0 * * 6', 'At 00:00, on Saturday'],
  ['0 0 * * 5L', 'At 00:00, on the last Friday of the month'],
  ['0 0 * * 7#1', 'At 00:00, on the first Sunday of the month'],
  ['0 0 * * 1,2,5L', 'At 00:00, on Monday and Tuesday or on the last Friday of the month'],
  // Special days of the month; cronstrue refuses W in a list, and says "0 days before the last day".
  ['cron(0 0 L * ? *)', 'At 00:00, on the last day of the month'],
  ['cron(0 0 L-0 * ? *)', 'At 00:00, on the last day of the month'],
  ['cron(0 0 L-03 * ? *)', 'At 00:00, 3 days before the last day of the month'],
  ['cron(0 0 LW * ? *)', 'At 00:00, on the last weekday of the month'],
  ['cron(0 0 3W * ? *)', 'At 00:00, on the weekday nearest day 3 of the month'],
  ['cron(0 0 1,15w * ? *)', 'At 00:00, on day 1 of the month or on the weekday nearest day 15 of the month'],
  // Both day fields: one is enough, unless one of them has a star. cronstrue joins both with "and".
  ['0 0 13 * 5', 'At 00:00, on day 13 of the month or on Friday (either is enough)'],
  [
    '0 0 13 * */2',
    'At 00:00, on days that are both: on day 13 of the month; on Sunday, Tuesday, Thursday, and Saturday',
  ],
  ['0 0 1-31 * 5', 'At 00:00'],
  ['0 0 13 * 0-6', 'At 00:00'],
  ['0 0 * * *', 'At 00:00'],
  // Seconds first. cronstrue says "on the hour, at 03:00" of 03:00:30.
  ['30 */5 * * * *', 'At 30 seconds past the minute, every 5 minutes'],
  ['30 0 3,4 * * *', 'At 03:00:30 and 04:00:30'],
  ['* 0 0 * * *', 'Every second, in minute 0 of the hour, in hour 0'],
  ['* * * * * *', 'Every second'],
  // Steps that do not meet the end of the field. cronstrue says "every 40 minutes", "every 2 hours, starting at 23:00".
  ['*/15 * * * *', 'Every 15 minutes'],
  ['*/7 * * * *', 'Every 7 minutes, minutes 0 through 56 past the hour'],
  ['*/40 * * * *', 'At 0 and 40 minutes past the hour'],
  ['0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00'],
  ['0 */2 * * *', 'On the hour, every 2 hours'],
  ['0 23/2 * * *', 'At 23:00'],
  ['0 0 1/5 * *', 'At 00:00, every 5 days in a month, between day 1 and 31 of the month'],
  // It says "every 3 months" of each day of four months, and "through 9999" of years.
  ['cron(0 0 * 1/3 ? *)', 'At 00:00, only in January, April, July, and October'],
  ['cron(0 0 1 1 ? 2025/2)', 'At 00:00, on day 1 of the month, only in January, every 2 years, 2025 through 2199'],
  // It says "at 05:00" of what fires at 05:05.
  ['*/15 9-17 * * 1-5', 'Every 15 minutes, in the hours 9 to 17, Monday through Friday'],
  ['5,20 0-2,7 * * *', 'At 5 and 20 minutes past the hour, in the hours 0 to 2 and 7'],
  ['* 5 * * *', 'Every minute, in hour 5'],
  // Ranges over the end of a field.
  [
    'cron(50-10 22-2 * * ? *)',
    'At 0 through 10 and 50 through 59 minutes past the hour, in the hours 0 to 2, 22 and 23',
  ],
  [
    'cron(0 0 ? NOV-FEB FRI-MON *)',
    'At 00:00, on Sunday, Monday, Friday, and Saturday, only in January, February, November, and December',
  ],
  // A step without a start, and a range of weekdays that ends with Sunday.
  ['cron(0 /8 * * ? *)', 'At 00:00, 08:00 and 16:00'],
  ['cron(0 0 /10 * ? *)', 'At 00:00, every 10 days in a month, between day 1 and 31 of the month'],
  ['0 0 * * SAT-SUN', 'At 00:00, on Sunday and Saturday'],
  ['@DAILY', 'At 00:00'],
  ['@weekly', 'At 00:00, only on Sunday'],
  ['@hourly', 'Every hour'],
  ['@yearly', 'At 00:00, on day 1 of the month, only in January'],
  ['at(2026-12-31T23:00:00)', 'Once, at 2026-12-31 23:00:00 in UTC'],
])('%s', (expression, expected) => {
  expect(words(expression)).toBe(expected)
})

test.each([
  ['rate(6 hours)', 'Every 6 hours from 2026-01-01T00:00:00Z on'],
  ['rate(6 hour)', 'Every 6 hours from 2026-01-01T00:00:00Z on'],
  ['rate(1 hours)', 'Every hour from 2026-01-01T00:00:00Z on'],
  ['rate(1  hour)', 'Every hour from 2026-01-01T00:00:00Z on'],
  ['rate(1 day)', 'Every day from 2026-01-01T00:00:00Z on (a day is always 24 hours, also when clocks change)'],
])('%s', (expression, expected) => {
  expect(inWords(parseSchedule({ expression, zone: 'UTC', anchor: Date.UTC(2026, 0, 1) }))).toBe(expected)
})

test('a field that is rewritten for cronstrue keeps its meaning', () => {
  const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1 })
  const steps = fc
    .record({ first: fc.integer({ min: 0, max: 59 }), step: fc.integer({ min: 1, max: 60 }) })
    .map(({ first, step }) =>
      Array.from({ length: 60 }, (_, at) => at).filter((at) => at >= first && (at - first) % step === 0),
    )
  fc.assert(
    fc.property(fc.oneof(minutes, steps), (values) => {
      const sorted = [...values].sort((a, b) => a - b)
      const schedule = parseSchedule({ expression: `${fieldText(sorted, 60)} * * * *`, zone: 'UTC' })
      expect(schedule.kind === 'cron' && schedule.fields.minutes).toEqual(sorted)
      // A step without an end means the same on each side of the hour.
      if (fieldText(sorted, 60).startsWith('*/')) expect(60 % ((sorted[1] ?? 0) - (sorted[0] ?? 0))).toBe(0)
    }),
  )
})

test.each(['schedule-vectors.jsonl', 'slot-independent.jsonl', 'schedule-foreign.jsonl'])(
  'there are words for each schedule of %s',
  (file) => {
    const lines = readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8')
      .trim()
      .split('\n')
    for (const line of lines) {
      const { expr, tz, error, anchor } = JSON.parse(line)
      // Some cases have a step that is wider than its field.
      if (error || !isForm(expr)) continue
      const spec = { expression: expr, zone: tz, ...(anchor === undefined ? {} : { anchor: Date.parse(anchor) }) }
      expect(inWords(parseSchedule(spec)), line).toMatch(
        /^(?:At|Every|Once|Minutes|Seconds|On the hour)\b(?!.*(?:undefined|NaN|null))/,
      )
    }
  },
)
