import { expect, test } from 'vitest'
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

const START = '--anchor START, where START is the instant that it counts from.'
const ZONE = 'a time zone is not part of the expression.'
const WORDS = 'a schedule in words is not supported.'
const LOOKS = 'it contains characters that only look like those of an expression.'
const QUESTION = 'cron(…) needs a "?" for day of month or day of week.'
const COMMAND = 'the command of a crontab line is not part of the expression.'
const TWO =
  "this is a list of two expressions, and a task has one schedule. Use one with a list in a field, such as '0 3,15 * * *', or two tasks."

test.each([
  ['0 0 3 * * ?', `"?" exists only in cron(…). Use --schedule 'cron(0 3 * * ? *)'.`],
  ['0 3 * * ?', `"?" exists only in cron(…). Use --schedule 'cron(0 3 * * ? *)'.`],
  ['0 18 ? * MON-FRI *', `"?" exists only in cron(…). Use --schedule 'cron(0 18 ? * MON-FRI *)'.`],
  ['0 0 12 * * ? 2026', `"?" exists only in cron(…). Use --schedule 'cron(0 12 * * ? 2026)'.`],
  ['cron(0 3 * * *)', `${QUESTION} Use --schedule 'cron(0 3 * * ? *)'.`],
  ['cron(0 3 * * MON *)', `${QUESTION} Use --schedule 'cron(0 3 ? * MON *)'.`],
  [
    'cron(0 3 * * 1-5)',
    `${QUESTION} Put it for the day of month, and name the days, such as MON-FRI: AWS counts Sunday as 1.`,
  ],
  ['cron(0 0 3 * * ? *)', "cron(…) has minutes first, and no seconds. Use --schedule 'cron(0 3 * * ? *)'."],
  ['CRON_TZ=Asia/Tokyo 0 3 * * *', `${ZONE} Use --schedule '0 3 * * *' --timezone Asia/Tokyo.`],
  ['TZ=JST  @midnight', `${ZONE} Use --schedule '@midnight' --timezone Asia/Tokyo.`],
  ['TZ=CST 0 3 * * *', `${ZONE} Use --schedule '0 3 * * *' --timezone America/Chicago.`],
  ['0 3 * * * Asia/Tokyo', `${ZONE} Use --schedule '0 3 * * *' --timezone Asia/Tokyo.`],
  ['CRON(0 3 * * ? *)', "its form is written in lower case. Use --schedule 'cron(0 3 * * ? *)'."],
  ['$SCHEDULE', 'a variable in it was not replaced. Write its value, or use double quotes in a shell.'],
  ['@every 5m', `${WORDS} Use --schedule '*/5 * * * *'.`],
  ['every 90 minutes', `${WORDS} Use --schedule 'rate(90 minutes)' ${START}`],
  ['2 hours', `${WORDS} Use --schedule '0 */2 * * *'.`],
  ['every day at 3am', "a time of day alone is not a schedule. Use --schedule '0 3 * * *'."],
  ['12:30pm', "a time of day alone is not a schedule. Use --schedule '30 12 * * *'."],
  ['*-*-* 03:00:00', "this is an OnCalendar form of systemd. Use --schedule '0 3 * * *'."],
  ['daily', `a macro begins with "@". Use --schedule '@daily'.`],
  ['０ ３ * * *', `${LOOKS} Use --schedule '0 3 * * *'.`],
  ['0 3 * * 1–5', `${LOOKS} Use --schedule '0 3 * * 1-5'.`],
  ['0\u00a03 * * *', `${LOOKS} Use --schedule '0 3 * * *'.`],
  ['0 3 *\n* *', `${LOOKS} Use --schedule '0 3 * * *'.`],
  ['0 3 * * * root /usr/bin/backup', `${COMMAND} Use --schedule '0 3 * * *'.`],
  ['@daily ./backup.sh', `${COMMAND} Use --schedule '@daily'.`],
  ['0 3 * * *, 0 15 * * *', TWO],
  ['rate (7 Minutes)', `rate(…) is not in this form. Use --schedule 'rate(7 minutes)' ${START}`],
  ['rate(5min)', `rate(…) is not in this form. Use --schedule 'rate(5 minutes)' ${START}`],
  // What is not frequent gets the error of the parser, with the value and what is allowed.
  ['0 3 * *', /^it has 4 fields\. Use 5/],
  ['0 0 * * 8', /^day of week is "8"\. Use 0-7/],
  ['H 3 * * *', /^minutes is "H"\. Use 0-59/],
  ['0 22-2 * * *', /^hours is "22-2"\. Use 0-23.* A range goes from low to high\.$/],
  ['0 0 */40 * *', /^day of month is "\*\/40"\. Use 1-31.* A step goes from 1 to the number of values\.$/],
  ['cron(0 0 1/40 * ? *)', /^day of month is "1\/40"\. Use 1-31.* A step goes from 1 to the number of values\.$/],
  ['@reboot', /^"@reboot" is not a macro\. Use one of @hourly /],
  ['3', /^it has 1 field\. /],
])('%j', (expression, message) => {
  if (typeof message === 'string') expect(errorOf(expression)).toBe(message)
  else expect(errorOf(expression)).toMatch(message)
})

test('with an anchor, the form is checked first', () => {
  expect(errorOf('rate (5 minutes)', 'UTC', 0)).toMatch(/\. Use --schedule 'rate\(5 minutes\)'\.$/)
  expect(errorOf('@every 5m', 'UTC', 0)).toMatch(/\. Use --schedule '\*\/5 \* \* \* \*', and leave out --anchor\.$/)
  expect(errorOf('0 3 * * *', 'UTC', 0)).toBe('only rate(…) has an anchor. Leave out --anchor.')
})

test('whatever an error suggests is accepted', () => {
  const fields = ['*', '5', '22-2', 'H', '1,', '/3', '*/90', '24', 'MONDAY', 'FRI-MON', '15W', '?', '0', '2027', 'L']
  const frames = [
    (a: string, b: string) => `${a} 3 * * ${b}`,
    (a: string, b: string) => `0 ${a} ${b} * *`,
    (a: string, b: string) => `0 3 ${a} * * ${b}`,
    (a: string, b: string) => `cron(0 3 ${a} * ${b})`,
    (a: string, b: string) => `cron(${a} 3 * * ${b} *)`,
    (a: string, b: string) => `CRON_TZ=Asia/Tokyo 0 ${a} * * ${b}`,
  ]
  const suggested = frames.flatMap((frame) =>
    fields.flatMap((a) =>
      ['*', 'H', 'MONDAY', 'FRI-MON', '?', '0', '2027', 'L'].flatMap((b) => {
        const expression = frame(a, b)
        return isForm(expression)
          ? []
          : [...errorOf(expression).matchAll(/'([^']+)'/g)].map(([, text = '']) => [expression, text] as const)
      }),
    ),
  )
  expect(suggested.length).toBeGreaterThan(50)
  expect(suggested.filter(([, text]) => !isForm(text))).toEqual([])
})

const ANY = 'Use an IANA name such as "Asia/Tokyo", "America/New_York" or "UTC".'
const IANA = 'Use the IANA name of the zone, such as "Asia/Tokyo".'

test.each([
  ['JST', 'Use Asia/Tokyo.'],
  ['JST-9', 'Use Asia/Tokyo.'],
  ['Asia/Tokio', 'Use Asia/Tokyo.'],
  ['Tokyo', 'Use Asia/Tokyo.'],
  ['America/New York', 'Use America/New_York.'],
  ['Asia/Beijing', 'Use Asia/Shanghai.'],
  ['PST', 'Use America/Los_Angeles.'],
  ['CST', 'Use America/Chicago (or Asia/Shanghai).'],
  ['Z', 'Use UTC.'],
  ['Asia/Tokyo\r', 'Use Asia/Tokyo, without white space or quotation marks around it.'],
  ['"Asia/Tokyo"', 'Use Asia/Tokyo, without white space or quotation marks around it.'],
  ['+09:00', `${IANA} For an offset that never changes, use Etc/GMT-9 (its sign is reversed).`],
  ['UTC-5', `${IANA} For an offset that never changes, use Etc/GMT+5 (its sign is reversed).`],
  ['+05:30', IANA],
  ['local', ANY],
  ['Middle/Earth', ANY],
])('the time zone %j', (zone, advice) => {
  expect(errorOf('0 3 * * *', zone)).toBe(`timezone ${JSON.stringify(zone)} is not an IANA time zone name. ${advice}`)
})
