import { expect, it } from 'vitest'
import { LedgerError } from '../../../src/core/errors.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotsBetween } from '../../../src/core/schedule/slot.ts'

const parse = (expression: string, zone = 'UTC', anchor?: number) =>
  parseSchedule({ expression, zone, ...(anchor === undefined ? {} : { anchor }) })

function refusal(expression: string, zone?: string, anchor?: number): string {
  try {
    parse(expression, zone, anchor)
  } catch (error) {
    expect(error).toBeInstanceOf(LedgerError)
    expect(error).toHaveProperty('kind', 'usage')
    const { message } = error as LedgerError
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is that none is left
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    return message
  }
  throw new Error(`${JSON.stringify(expression)} was taken`)
}

const times = (expression: string, zone = 'UTC') =>
  [...slotsBetween(parse(expression, zone), Date.UTC(2026, 0, 5), Date.UTC(2026, 0, 6))].map((slot) =>
    new Date(slot).toISOString().slice(11, 19),
  )

it.each([
  ['5/20 0 * * *', ['00:05:00', '00:25:00', '00:45:00']],
  ['10-30/10 0 * * *', ['00:10:00', '00:20:00', '00:30:00']],
  ['*/59 0 * * *', ['00:00:00', '00:59:00']],
  ['*/60 0 * * *', ['00:00:00']],
  ['05,5,*/30 0 * * *', ['00:00:00', '00:05:00', '00:30:00']],
  ['\t0\t 1,1 * *   * ', ['01:00:00']],
  ['0 23 * jan MoN', ['23:00:00']],
  ['0 23 * JAN-feb SUN-TUE', ['23:00:00']],
  ['*/40 0 0 * * *', ['00:00:00', '00:00:40']],
  ['7-7 7 7 * * 1', ['07:07:07']],
  // 5 January 2026 is a Monday. A range of weekdays may end with Sunday.
  ['0 1 * * SAT-SUN', []],
  ['0 1 * * MON-SUN', ['01:00:00']],
  ['0 1 * * 5-0', []],
  ['0 1 * * 1-0/3', ['01:00:00']],
  // With a name and an L at the end, six fields have seconds first: no user of a system crontab has such a name.
  ['5 0 1 * * tuel', []],
  ['5 0 1 * * MON,TUEL', ['01:00:05']],
])('crontab fields: %j', (expression, expected) => {
  expect(times(expression)).toEqual(expected)
})

it.each([
  ['70 * * * *', 'minutes is "70". Use 0-59, * , - /.'],
  ['0 3 * * * root', 'its last field, "root", seems to be the user of a system crontab. Leave it out.'],
  [
    'CRON_TZ=Asia/Tokyo 0 3 * * *',
    'its time zone is an option of its own. Use the schedule "0 3 * * *" with --timezone Asia/Tokyo.',
  ],
  ['TZ=UTC 0 3 * * *', 'its time zone is an option of its own.'],
  ['@every 1h', 'for an interval, use rate(…) such as rate(1 hour), with an anchor.'],
  ['0 3 *\u00a0* *', 'it has a space that is none of ASCII, such as a no-break space. Write its spaces again.'],
  ['0 0,30 * * *', 'hours has "30". Use 0-23, * , - /'],
  ['70 0 0 * * *', 'seconds is "70". Use 0-59'],
  ['0 0 0 * *', 'day of month is "0". Use 1-31, L'],
  ['0 0 * 13 *', 'month is "13". Use 1-12 or JAN-DEC'],
  ['0 0 * MON *', 'month is "MON"'],
  ['0 0 * * 8', 'day of week is "8". Use 0-7 or SUN-SAT (Sunday is 0 or 7)'],
  ['0 0 * * JAN', 'day of week is "JAN"'],
  ['0 0 * * L', 'day of week is "L"'],
  ['0 0 * * 1#6', 'day of week is "1#6"'],
  ['0 0 * * 1#1,3', 'day of week has "1#1"'],
  ['0 0 * * 1-5L', 'day of week is "1-5L"'],
  ['0 0 1L * *', 'day of month is "1L"'],
  ['*/ * * * *', 'minutes is "*/"'],
  ['1-2-3 * * * *', 'minutes is "1-2-3"'],
  ['0 22-2 * * *', 'hours is "22-2". Use 0-23, * , - /. A range goes from low to high.'],
  ['-5 * * * *', 'minutes is "-5"'],
  ['1.5 * * * *', 'minutes is "1.5"'],
  [', * * * *', 'minutes has ""'],
  ['٣ * * * *', 'minutes is "٣"'],
  ['0 3 * * *\n0 4 * * *', 'it has 9 fields'],
  ['\u001b[31m * * * *', 'minutes is "\\u001b[31m"'],
  ['* * *', 'it has 3 fields. Use 5 (minute hour day month weekday) or 6 with seconds first'],
])('crontab fields refuse %j', (expression, problem) => {
  expect(refusal(expression)).toContain(problem)
})

it('crontab fields: the refusal shows the expression and the value in one line', () => {
  expect(refusal('cron(70 10 * * ? *)')).toBe('schedule "cron(70 10 * * ? *)": minutes is "70". Use 0-59, * , - /.')
})

it.each(['0 10 * * ? *', '0 18 ? * MON-FRI *', '0/15 * * * ?', '0 18 ? * MON', '0 0 12 * * ? 2026'])(
  'crontab fields never have the AWS expression %j',
  (expression) => {
    expect(refusal(expression)).toMatch(/"\?" exists only in cron\(…\)|"\?" is only for AWS expressions/)
  },
)

it.each(['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'])(
  'a macro takes %s in any case',
  (name) => {
    for (const text of [name, name.toUpperCase(), ` ${name} `]) expect(parse(text).kind).toBe('cron')
  },
)

it.each(['@', '@toString', '@fortnightly', '@daily @daily'])('a macro refuses %s', (name) => {
  expect(refusal(name)).toBe(
    `schedule "${name}": "${name}" is not a macro. Use one of @hourly @daily @midnight @weekly @monthly @yearly @annually.`,
  )
})

it.each([
  ['cron(58/1 0 * * ? *)', ['00:58:00', '00:59:00']],
  ['cron( 0 22-2/2 * * ? * )', ['00:00:00', '02:00:00', '22:00:00']],
  ['cron(0-10/5,*/30 0 ? jan Mon 2026)', ['00:00:00', '00:05:00', '00:10:00', '00:30:00']],
  ['cron(55-5/5 0 * * ?)', ['00:00:00', '00:05:00', '00:55:00']],
  ['cron(0 0 ? * 2 2000/13)', ['00:00:00']],
  ['cron(0 0 ? * 2 2024/3)', []],
  // A step without a start begins with the first value of its field, as in AWS's own guides.
  ['cron(0 /8 * * ? *)', ['00:00:00', '08:00:00', '16:00:00']],
  ['cron(/30 5 * * ? *)', ['05:00:00', '05:30:00']],
  ['cron(0 0 /4 * ? *)', ['00:00:00']],
  ['cron(0 0 ? * /7 *)', []],
])('cron(…): %s', (expression, expected) => {
  expect(times(expression)).toEqual(expected)
})

it.each([
  ['cron()', 'cron(…) has 0 fields'],
  ['cron(0 10 * *)', 'cron(…) has 4 fields. Use 6 (minutes hours day-of-month month day-of-week year).'],
  ['cron(0 10 ?,1 * MON *)', 'Exactly one of the two must be "?"'],
  ['cron(0 10 ?,1 * ? *)', 'day of month has "?". Use 1-31, L, LW, L-0 to L-30, 1W to 31W, ?, * , - /'],
  ['cron(0 ? * * ? *)', 'hours is "?". Use 0-23'],
  ['cron(*/0 * * * ? *)', 'minutes is "*/0"'],
  ['cron(0 0 32W * ? *)', 'day of month is "32W"'],
  ['cron(0 0 1-5W * ? *)', 'day of month is "1-5W"'],
  ['cron(0 0 L-31 * ? *)', 'day of month is "L-31"'],
  ['cron(0 0 L-3W * ? *)', 'day of month is "L-3W"'],
  ['cron(0 0 ? * 8 *)', 'day of week is "8". Use 1-7 or SUN-SAT (Sunday is 1), L, 1L to 7L'],
  ['cron(0 0 ? * LW *)', 'day of week is "LW"'],
  ['cron(0 0 ? * 3#6 *)', 'day of week is "3#6"'],
  ['cron(0 0 ? * 3#1,6#3 *)', 'day of week has "3#1"'],
  ['cron(0 0 1 foo ? *)', 'month is "foo". Use 1-12 or JAN-DEC'],
  ['cron(0 0 1 1 ? 1969)', 'year is "1969". Use 1970-2199'],
  ['cron(0 0 1 1 ? 2030-2020)', 'year is "2030-2020"'],
  ['foo(1)', 'this form is not known. Use crontab fields, a macro such as @daily, cron(…), rate(…) or at(…).'],
])('cron(…) refuses %j', (expression, problem) => {
  expect(refusal(expression)).toContain(problem)
})

it.each([
  ['rate(1 minute)', 60_000],
  ['rate(90 minutes)', 5_400_000],
  ['rate( 1  hour )', 3_600_000],
  ['rate(36525 days)', 36_525 * 86_400_000],
  // The guides of AWS write both.
  ['rate(1 hours)', 3_600_000],
  ['rate(2 hour)', 7_200_000],
])('rate(…): %s', (expression, periodMs) => {
  expect(parse(expression, 'UTC', 0)).toMatchObject({ kind: 'rate', anchor: 0, periodMs })
})

it.each([
  ['rate(0 minutes)', 'rate is "0 minutes". Use a whole number and minutes, hours or days, from 1 minute to'],
  ['rate(36526 days)', 'rate is "36526 days"'],
  [`rate(${'9'.repeat(200)} days)`, '1 minute to 36525 days'],
  ['rate(5minutes)', 'Use a whole number and minutes'],
  ['rate(5 seconds)', 'rate is "5 seconds"'],
  ['rate(5 Minutes)', 'Use a whole number and minutes'],
])('rate(…) refuses %s', (expression, problem) => {
  expect(refusal(expression, 'UTC', 0)).toContain(problem)
})

it('rate(…) needs an anchor, and nothing else takes one', () => {
  expect(refusal('rate(1 hour)')).toBe(
    'schedule "rate(1 hour)": rate(…) requires an anchor, the instant that it counts from. Give the start date with --anchor.',
  )
  for (const expression of ['0 3 * * *', '@daily', 'cron(0 3 * * ? *)', 'at(2026-01-01T00:00:00)']) {
    expect(refusal(expression, 'UTC', 0)).toContain('only rate(…) has an anchor. Leave out --anchor.')
  }
})

it.each(['at(2026-11-24T03:00)', 'at(2026-11-24T03:00:00Z)', 'at(2026-11-24T03:00:00.5)', 'at(2026-11-24 03:00:00)'])(
  'at(…) refuses the form of %s',
  (expression) => {
    expect(refusal(expression)).toMatch(
      /at\(…\) has a date and a time with seconds\.|Use a date and time without an offset/,
    )
  },
)

it.each(['at(2026-02-29T03:00:00)', 'at(2026-11-24T24:00:00)', 'at(2200-01-01T00:00:00)', 'at()'])(
  'at(…) refuses the time of %s',
  (expression) => {
    expect(refusal(expression)).toContain('without an offset (yyyy-mm-ddThh:mm:ss) in the years 1970 to 2199.')
  },
)

it('at(…) refuses a time that the clocks skip', () => {
  expect(refusal('at(2026-03-08T02:30:00)', 'America/Los_Angeles')).toBe(
    'schedule "at(2026-03-08T02:30:00)": at is "2026-03-08T02:30:00", but the clocks in America/Los_Angeles skip that time. Use another time.',
  )
  expect(refusal('at(2011-12-30T12:00:00)', 'Pacific/Apia')).toContain('the clocks in Pacific/Apia skip that time')
})

it.each([
  ['0 0 31 2 *', 'UTC'],
  ['0 0 31 2,4,6,9,11 *', 'UTC'],
  ['cron(0 0 30W 2 ? *)', 'UTC'],
  ['cron(0 0 L-30 4 ? *)', 'UTC'],
  ['cron(0 0 29 2 ? 2026)', 'UTC'],
  ['cron(0 0 ? 2 2#5 2025-2027)', 'UTC'],
  // 02:30 on the second Sunday of March is in the gap in every year since 2007.
  ['cron(30 2 ? 3 1#2 2007-2199)', 'America/New_York'],
  ['cron(0 12 30 12 ? 2011)', 'Pacific/Apia'],
])('a schedule that can never fire is refused: %s in %s', (expression, zone) => {
  expect(refusal(expression, zone)).toContain(`it can never fire in ${zone}`)
})

it.each([
  ['0 0 31 2 1', 'UTC'],
  ['0 0 29 2 *', 'UTC'],
  ['cron(0 0 ? 2 2#5 *)', 'UTC'],
  // It fired, and does not any more: no mistake of the caller's.
  ['cron(0 0 1 1 ? 1971)', 'UTC'],
])('a schedule that can fire is not refused: %s in %s', (expression, zone) => {
  expect(parse(expression, zone).kind).toBe('cron')
})

it.each(['UTC', 'America/Argentina/Buenos_Aires', 'Etc/GMT+9', 'EST5EDT', 'GB', 'asia/tokyo'])(
  'timezone takes %s, and keeps it as it is written',
  (zone) => {
    expect(parse('0 3 * * *', zone).spec.zone).toBe(zone)
  },
)

it.each([
  '',
  'local',
  'Asia/Tokio',
  'Asia/Tokyo\n',
  '+09:00',
  'UTC+9',
  // ICU takes these for Dhaka and Calcutta, and knows the third one.
  'BST',
  'ist',
  'SystemV/PST8PDT',
  'x'.repeat(5000),
  '\u001b[2J',
])('timezone refuses %j', (zone) => {
  for (const expression of ['0 3 * * *', 'at(2026-01-01T00:00:00)', 'rate(1 day)']) {
    expect(refusal(expression, zone)).toMatch(/^timezone ".{0,301}" is not an IANA time zone name\..* Use .+\.$/)
  }
})

it.each([
  ['Asia/Tokio', ' Did you mean Asia/Tokyo?'],
  ['UTC+9', ''],
  ['JST', ''],
])('the error about timezone %j has the name that is near to it, if it is that of a place', (zone, near) => {
  expect(refusal('0 3 * * *', zone)).toBe(
    `timezone "${zone}" is not an IANA time zone name.${near} Use one such as Asia/Tokyo or UTC.`,
  )
})

it('the text of an expression is kept without the white space around it', () => {
  expect(parse(' 0 3 * * *\n').spec).toEqual({ expression: '0 3 * * *', zone: 'UTC' })
  expect(parse('rate(1 day)', 'UTC', 5).spec).toEqual({ expression: 'rate(1 day)', zone: 'UTC', anchor: 5 })
})

it('the text of an expression is refused when empty or longer than 256 characters', () => {
  for (const text of ['', '   ', '\n']) expect(refusal(text)).toMatch(/^schedule "": it is empty. Use one such as/)
  expect(refusal(' '.repeat(257))).toBe('schedule has 257 characters. At most 256 are allowed.')
  expect(parse(`${'1,'.repeat(120)}1 * * * *`).kind).toBe('cron')
})
