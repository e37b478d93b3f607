import { describe, expect, it, test } from 'vitest'
import { isForm } from '../../../src/core/schedule/form.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'

/** The error about an expression, without its beginning, which repeats the expression. */
function errorOf(expression: string, zone = 'UTC', anchor?: number): string {
  try {
    parseSchedule({ expression, zone, ...(anchor === undefined ? {} : { anchor }) })
  } catch (error) {
    return (error as Error).message.replace(/^schedule ".*?(?<!\\)": /, '')
  }
  throw new Error(`${JSON.stringify(expression)} was accepted`)
}

/** The expressions that an error suggests. */
const suggested = (message: string) => [...message.matchAll(/'([^']+)'/g)].map(([, text = '']) => text)

const IN_WORDS = 'a schedule in words is not supported.'
const START = '--anchor START, where START is the instant that it counts from.'

describe('the error about a form of another program names the form of this one', () => {
  it.each([
    [
      'CRON_TZ=Asia/Tokyo 0 3 * * *',
      "a time zone is not part of the expression. Use --schedule '0 3 * * *' --timezone Asia/Tokyo.",
    ],
    ['TZ=UTC @midnight', "a time zone is not part of the expression. Use --schedule '@midnight' --timezone UTC."],
    [
      'TZ=JST 0 3 * * *',
      "a time zone is not part of the expression. Use --schedule '0 3 * * *' --timezone Asia/Tokyo.",
    ],
    [
      '0 3 * * * Asia/Tokyo',
      "a time zone is not part of the expression. Use --schedule '0 3 * * *' --timezone Asia/Tokyo.",
    ],
    [
      '@every 5m',
      `@every is not a macro. Use --schedule 'rate(5 minutes)' ${START} Or use --schedule '*/5 * * * *', which needs no anchor.`,
    ],
    ['@every 1h30m', `@every is not a macro. Use --schedule 'rate(90 minutes)' ${START}`],
    ['@every 30s', "@every is not a macro. Use --schedule '*/30 * * * * *'."],
    ['@every 45s', '@every is not a macro. Use rate(…), which counts whole minutes, hours or days.'],
    [
      '@reboot',
      '@reboot means the start of a machine, which is not a time, so it has no slot. Use a schedule with times, for example @daily.',
    ],
    ['@weekdays', "@weekdays is not a macro. Use --schedule '0 0 * * 1-5'."],
    ['@wekly', "@wekly is not a macro. Use --schedule '@weekly'."],
    ['@every_minute', "@every_minute is not a macro. Use --schedule '* * * * *'."],
    ['daily', `a macro begins with "@". Use --schedule '@daily'.`],
    [
      'every 5 minutes',
      `${IN_WORDS} Use --schedule 'rate(5 minutes)' ${START} Or use --schedule '*/5 * * * *', which needs no anchor.`,
    ],
    ['every day at 3am', `${IN_WORDS} Use --schedule '0 3 * * *'.`],
    ['every monday at 18:30', `${IN_WORDS} Use --schedule '30 18 * * MON'.`],
    ['every weekday at 9:00', `${IN_WORDS} Use --schedule '0 9 * * 1-5'.`],
    ['every 3 months', `${IN_WORDS} Use --schedule '0 0 1 */3 *'.`],
    ['03:00', "a time of day alone is not a schedule. Use --schedule '0 3 * * *'."],
    ['Mon..Fri 03:30', "a time of day alone is not a schedule. Use --schedule '30 3 * * MON-FRI'."],
    ['*-*-* 03:00:00', "this is an OnCalendar form of systemd. Use --schedule '0 3 * * *'."],
    [
      '0 3 * * *, 0 15 * * *',
      "this is a list of two expressions, and a task has one schedule. Use --schedule '0 3,15 * * *'. Or use two tasks.",
    ],
    ['0 3 * * *; 30 15 * * 1', 'this is a list of two expressions, and a task has one schedule. Use two tasks.'],
    ['2026-11-24T03:00:00', "a date and time is written in at(…). Use --schedule 'at(2026-11-24T03:00:00)'."],
    [
      '0 3 * * * root /usr/bin/backup',
      "the command of a crontab line is not part of the expression. Use --schedule '0 3 * * *'.",
    ],
    ['@daily /usr/bin/backup', "the command of a crontab line is not part of the expression. Use --schedule '@daily'."],
    ['0 0 3 * * ?', `"?" exists only in cron(…). Use --schedule 'cron(0 3 * * ? *)'.`],
    ['0 18 ? * MON-FRI *', `"?" exists only in cron(…). Use --schedule 'cron(0 18 ? * MON-FRI *)'.`],
    ['0 0 12 * * ? 2026', `"?" exists only in cron(…). Use --schedule 'cron(0 12 * * ? 2026)'.`],
    ['H/15 * * * *', `minutes is "H/15", and H is a value that Jenkins chooses. Use --schedule '*/15 * * * *'.`],
    [
      'H 3 * * *',
      `minutes is "H", and H is a value that Jenkins chooses. Use --schedule '17 3 * * *'. Write the value that was chosen instead of 17.`,
    ],
    [
      '0~30 3 * * *',
      `minutes is "0~30", and "~" is a random value. Use --schedule '17 3 * * *'. Write the value that was chosen instead of 17.`,
    ],
  ])('%s', (expression, message) => {
    expect(errorOf(expression)).toBe(message)
  })
})

describe('the error about cron(…), rate(…) and at(…) gives the corrected form', () => {
  it.each([
    ['cron(0 3 * * *)', `cron(…) needs a "?" for day of month or day of week. Use --schedule 'cron(0 3 * * ? *)'.`],
    [
      'cron(0 3 * * 1-5)',
      `cron(…) needs a "?" for day of month or day of week. Use --schedule 'cron(0 3 ? * MON-FRI *)' if Sunday is 0 as in a crontab, or 'cron(0 3 ? * SUN-THU *)' if Sunday is 1 as on AWS.`,
    ],
    [
      'cron(0 3 ? * 0-4 *)',
      `day of week is "0-4", and cron(…) counts Sunday as 1. Use --schedule 'cron(0 3 ? * SUN-THU *)'.`,
    ],
    [
      'cron(0 3 ? * ? *)',
      `day of month and day of week are both "?", and only one may be. Use --schedule 'cron(0 3 * * ? *)'.`,
    ],
    [
      'cron(0 3 1 * MON *)',
      'cron(…) takes a day of month or a day of week, not both. Replace one of them by "?". A crontab expression takes both, and fires when either matches.',
    ],
    [
      'cron(0 0 3 * * ? *)',
      "cron(…) begins with minutes, because AWS has no seconds. Use --schedule 'cron(0 3 * * ? *)'.",
    ],
    ['0 3 * * ? *)', '"cron(" is missing. Use --schedule \'cron(0 3 * * ? *)\'.'],
    ['(0 3 * * ? *)', '"cron(" is missing. Use --schedule \'cron(0 3 * * ? *)\'.'],
    ['7 minutes)', `"rate(" is missing. Use --schedule 'rate(7 minutes)' ${START}`],
    ['cron(0 3 * * ? *', "the closing bracket is missing. Use --schedule 'cron(0 3 * * ? *)'."],
    ['CRON(0 3 * * ? *)', "cron(…) must be in lower case. Use --schedule 'cron(0 3 * * ? *)'."],
    [
      'RATE(5 MINUTES)',
      `rate(…) must be in lower case. Use --schedule 'rate(5 minutes)' ${START} Or use --schedule '*/5 * * * *', which needs no anchor.`,
    ],
    ['rate (7 minutes)', `there is a space before the bracket. Use --schedule 'rate(7 minutes)' ${START}`],
    ['rate(7 minutes', `the closing bracket is missing. Use --schedule 'rate(7 minutes)' ${START}`],
    [
      'rate(2 weeks)',
      `rate is "2 weeks", and rate(…) has only minutes, hours and days. Use --schedule 'rate(14 days)' ${START}`,
    ],
    ['rate(1 month)', `rate is "1 month", and rate(…) has only minutes, hours and days. Use --schedule '@monthly'.`],
    [
      'rate(1.5 hours)',
      `rate is "1.5 hours", which is not a whole number, a space, and minutes, hours or days. Use --schedule 'rate(90 minutes)' ${START}`,
    ],
    [
      'at(2026-11-24T03:00)',
      `at is "2026-11-24T03:00", which is not a date and time with seconds. Use --schedule 'at(2026-11-24T03:00:00)'.`,
    ],
    [
      'at(2026-11-24T03:00:00Z)',
      `at is "2026-11-24T03:00:00Z", and at(…) has no offset. Use --schedule 'at(2026-11-24T03:00:00)' --timezone UTC.`,
    ],
    [
      'at(2026-11-24T03:00:00+09:00)',
      'at is "2026-11-24T03:00:00+09:00", and at(…) has no offset. Leave the offset out, and give the zone of that time with --timezone.',
    ],
  ])('%s', (expression, message) => {
    expect(errorOf(expression)).toBe(message)
  })
})

describe('the error about a field gives the corrected expression', () => {
  it.each([
    ['0 0 15W * *', `day of month is "15W", which exists only in cron(…). Use --schedule 'cron(0 0 15W * ? *)'.`],
    ['0 0 LW * *', `day of month is "LW", which exists only in cron(…). Use --schedule 'cron(0 0 LW * ? *)'.`],
    ['0 0 0 L-3 * *', `day of month is "L-3", which exists only in cron(…). Use --schedule 'cron(0 0 L-3 * ? *)'.`],
    [
      '0 0 15W * 1',
      'day of month is "15W", which exists only in cron(…). AWS has no seconds, and takes a day of month or a day of week, not both.',
    ],
    [
      '0 0 1 1 * 2027',
      "a crontab has no field for the year, and six fields begin with seconds. Use --schedule 'cron(0 0 1 1 ? 2027)'.",
    ],
    [
      '0 0 * * 1-5 2027',
      "a crontab has no field for the year, and six fields begin with seconds. Use --schedule 'cron(0 0 ? * MON-FRI 2027)'.",
    ],
    ['0 22-2 * * *', `hours is "22-2", a range that runs backwards. Use --schedule '0 22-23,0-2 * * *'.`],
    ['0 22-4/3 * * *', `hours is "22-4/3", a range that runs backwards. Use --schedule '0 22,1,4 * * *'.`],
    [
      '0 0 * * FRI-MON',
      `day of week is "FRI-MON", a range that runs backwards. Use --schedule '0 0 * * FRI-SAT,SUN-MON'.`,
    ],
    ['0 0 * * 5-3', `day of week is "5-3", a range that runs backwards. Use --schedule '0 0 * * 5-6,0-3'.`],
    ['0 0 1 NOV-JAN *', `month is "NOV-JAN", a range that runs backwards. Use --schedule '0 0 1 NOV-DEC,JAN *'.`],
    ['1, * * * *', `minutes is "1,", which has an empty item. Use --schedule '1 * * * *'.`],
    ['1,,2 * * * *', `minutes is "1,,2", which has an empty item. Use --schedule '1,2 * * * *'.`],
    ['0 1, 2 * * *', "there is a space inside a field. Use --schedule '0 1,2 * * *'."],
    ['/5 * * * *', `minutes is "/5", a step without a start. Use --schedule '*/5 * * * *'.`],
    ['*/0 * * * *', `minutes is "*/0", and a step must be at least 1. Use --schedule '* * * * *'.`],
    [
      '*/90 * * * *',
      `minutes is "*/90", a step that is wider than the 60 values of the field, so it would match 0 only. Use --schedule '0 * * * *'. For every 90 minutes, use rate(90 minutes) with --anchor.`,
    ],
    [
      '0 */25 * * *',
      `hours is "*/25", a step that is wider than the 24 values of the field, so it would match 0 only. Use --schedule '0 0 * * *'. For every 25 hours, use rate(25 hours) with --anchor.`,
    ],
    [
      'cron(0 0 1/40 * ? *)',
      `day of month is "1/40", a step that is wider than the 31 values of the field, so it would match 1 only. Use --schedule 'cron(0 0 1 * ? *)'.`,
    ],
    ['0 0 * * MONDAY', `day of week is "MONDAY", and names have three letters. Use --schedule '0 0 * * MON'.`],
    [
      '0 0 * * MON..FRI',
      `day of week is "MON..FRI", and a range is written with "-". Use --schedule '0 0 * * MON-FRI'.`,
    ],
    ['0 24 * * *', `hours is "24", and hours go from 0 to 23. Use --schedule '0 0 * * *'.`],
    ['0 0-24 * * *', `hours is "0-24", and hours go from 0 to 23. Use --schedule '0 0-23 * * *'.`],
    ['"0 3 * * *"', "the value contains quotation marks. Use --schedule '0 3 * * *'."],
    ['０ ３ * * *', "it contains characters that only look like those of an expression. Use --schedule '0 3 * * *'."],
    ['0 3 * * 1–5', "it contains characters that only look like those of an expression. Use --schedule '0 3 * * 1-5'."],
    [
      '0\u00a03 * * *',
      "it contains characters that only look like those of an expression. Use --schedule '0 3 * * *'.",
    ],
    ['0 3 *\n* *', "it contains characters that only look like those of an expression. Use --schedule '0 3 * * *'."],
    ['0 3 * * *;', `it ends with ";". Use --schedule '0 3 * * *'.`],
    ['CRONLEDGER_SCHEDULE=0 3 * * *', `the value begins with "CRONLEDGER_SCHEDULE". Use --schedule '0 3 * * *'.`],
  ])('%s', (expression, message) => {
    expect(errorOf(expression)).toBe(message)
  })

  test('several mistakes are corrected together, and the first is named', () => {
    expect(errorOf('TZ=Asia/Tokyo H 22-2 * * MONDAY')).toBe(
      "a time zone is not part of the expression. Use --schedule '17 22-23,0-2 * * MON' --timezone Asia/Tokyo. Write the value that was chosen instead of 17.",
    )
  })
})

test('with an anchor, the form is checked first', () => {
  for (const expression of ['RATE(5 MINUTES)', 'rate (5 minutes)', 'rate(5 minutes', 'every 5 minutes', '@every 5m']) {
    expect(errorOf(expression, 'UTC', 0)).toMatch(/\. Use --schedule 'rate\(5 minutes\)'\.$/)
  }
  expect(errorOf('0 3 * * *', 'UTC', 0)).toBe('only rate(…) has an anchor. Leave out --anchor.')
})

test('a mistake that is not known keeps the error of the parser', () => {
  expect(errorOf('0 3 * *')).toMatch(/^it has 4 fields\. Use 5/)
  expect(errorOf('0 0 * * 8 ')).toMatch(/^day of week is "8"\. Use/)
  // The other field cannot be corrected, so there is no expression to suggest.
  expect(errorOf('0 22-2 * * 8')).toMatch(/^hours is "22-2"\. Use/)
})

test('whatever an error suggests is accepted', () => {
  const fields = [
    '*',
    '5',
    '22-2',
    'H',
    'H/7',
    '1,',
    '~',
    '/3',
    '*/90',
    '24',
    'MONDAY',
    'FRI-MON',
    '15W',
    '?',
    '0',
    '2027',
    'L',
    '1..5',
  ]
  const frames = [
    (a: string, b: string) => `${a} 3 * * ${b}`,
    (a: string, b: string) => `0 ${a} ${b} * *`,
    (a: string, b: string) => `0 3 ${a} * * ${b}`,
    (a: string, b: string) => `cron(0 3 ${a} * ${b})`,
    (a: string, b: string) => `cron(${a} 3 * * ${b} *)`,
    (a: string, b: string) => `CRON_TZ=Asia/Tokyo 0 ${a} * * ${b}`,
  ]
  let count = 0
  for (const frame of frames) {
    for (const a of fields) {
      for (const b of fields) {
        const expression = frame(a, b)
        if (isForm(expression)) continue
        for (const suggestion of suggested(errorOf(expression, 'UTC'))) {
          count += 1
          expect({ expression, suggestion, isForm: isForm(suggestion) }).toEqual({
            expression,
            suggestion,
            isForm: true,
          })
        }
      }
    }
  }
  expect(count).toBeGreaterThan(300)
})

describe('the error about a time zone names the zone', () => {
  it.each([
    ['JST', 'Use Asia/Tokyo.'],
    ['JST-9', 'Use Asia/Tokyo.'],
    ['Asia/Tokio', 'Use Asia/Tokyo.'],
    ['Tokyo', 'Use Asia/Tokyo.'],
    ['America/New York', 'Use America/New_York.'],
    ['Asia/Bejing', 'Use Asia/Shanghai.'],
    ['PST', 'Use America/Los_Angeles.'],
    ['CST', 'Use America/Chicago (or Asia/Shanghai).'],
    ['Tokyo Standard Time', 'Use Asia/Tokyo.'],
    ['Z', 'Use UTC.'],
    ['+00:00', 'Use UTC.'],
    ['Asia/Tokyo\r', 'Use Asia/Tokyo, without white space or quotation marks around it.'],
    ['"Asia/Tokyo"', 'Use Asia/Tokyo, without white space or quotation marks around it.'],
    [
      '+09:00',
      'Use the IANA name of the zone, such as "Asia/Tokyo". For an offset that never changes, use Etc/GMT-9 (its sign is reversed).',
    ],
    [
      'UTC-5',
      'Use the IANA name of the zone, such as "Asia/Tokyo". For an offset that never changes, use Etc/GMT+5 (its sign is reversed).',
    ],
    ['+05:30', 'Use the IANA name of the zone, such as "Asia/Tokyo".'],
    ['local', 'Use the IANA name of the zone, such as "Asia/Tokyo", because hosts can have different zones.'],
    ['Middle/Earth', 'Use an IANA name such as "Asia/Tokyo", "America/New_York" or "UTC".'],
  ])('%j', (zone, advice) => {
    expect(errorOf('0 3 * * *', zone)).toBe(`timezone ${JSON.stringify(zone)} is not an IANA time zone name. ${advice}`)
  })
})
