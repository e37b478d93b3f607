import fc from 'fast-check'
import { expect, test } from 'vitest'
import { awsExpression } from '../../../src/core/schedule/aws-expression.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotAfter } from '../../../src/core/schedule/slot.ts'
import { runs } from '../../support/random.ts'

const NOW = Date.UTC(2026, 10, 24)
const LAST_YEAR_ENDS = Date.UTC(2200, 0, 1)
const toAws = (expression: string, zone = 'UTC') => awsExpression(parseSchedule({ expression, zone }), NOW)

/** The slots after NOW, and across a leap day, while AWS has years: what a rule or Scheduler would fire at. */
function slots(expression: string, zone: string): (number | null)[] {
  const schedule = parseSchedule({ expression, zone })
  return [NOW, Date.UTC(2028, 1, 27)].flatMap((from) => {
    const found: (number | null)[] = []
    for (let at: number | null = from; at !== null && found.length < 40; found.push(at)) at = slotAfter(schedule, at)
    return found.filter((slot) => slot !== null && slot < LAST_YEAR_ENDS)
  })
}

test.each([
  ['0 3 * * *', 'cron(0 3 * * ? *)'],
  ['0 0 3 * * *', 'cron(0 3 * * ? *)'],
  ['*/15 9-17 * * 1-5', 'cron(0/15 9-17 ? * 2-6 *)'],
  ['0 3 * * 0,6', 'cron(0 3 ? * 1,7 *)'],
  ['0 3 * * 7', 'cron(0 3 ? * 1 *)'],
  ['5,35 3 1,15 * *', 'cron(5,35 3 1,15 * ? *)'],
  ['0 3 L * *', 'cron(0 3 L * ? *)'],
  ['0 3 * * 5L', 'cron(0 3 ? * 6L *)'],
  ['0 3 * * MON#2', 'cron(0 3 ? * 2#2 *)'],
  ['0 3 * jan-mar mon-fri', 'cron(0 3 ? 1-3 2-6 *)'],
  ['0 3 1-31 * 1', 'cron(0 3 * * ? *)'],
  // AWS documents no steps for the day of week.
  ['0 3 * * 1,3,5', 'cron(0 3 ? * 2,4,6 *)'],
  ['0 3 * * */2', 'cron(0 3 ? * 1,3,5,7 *)'],
  // Only the shapes that the months can have count.
  ['0 3 * 11 2-5', 'cron(0 3 ? 11 3-6 *)'],
  ['0 3 1-30 4,6 *', 'cron(0 3 * 4,6 ? *)'],
  ['0 3 29,L 2 *', 'cron(0 3 L 2 ? *)'],
  ['0 3 * 2 1#5', 'cron(0 3 ? 2 2#5 *)'],
  ['0 3 */2 * *', 'cron(0 3 1/2 * ? *)'],
  ['@weekly', 'cron(0 0 ? * 1 *)'],
  ['@hourly', 'cron(0 * * * ? *)'],
  ['cron(0  18 ? * MON-FRI)', 'cron(0 18 ? * MON-FRI *)'],
  ['cron(0 18 LW * ? 2027-2030)', 'cron(0 18 LW * ? 2027-2030)'],
  // AWS's guides have names in capitals only.
  ['cron(0 18 ? jan,jul mon-fri *)', 'cron(0 18 ? JAN,JUL MON-FRI *)'],
])('a crontab as AWS has it: %s is %s', (unix, aws) => {
  expect(toAws(unix)).toEqual({ expression: aws, startDate: null })
  expect(slots(aws, 'UTC')).toEqual(slots(unix, 'UTC'))
})

test.each([
  ['0 3 1 * 1', /a day of month or a day of week, never both/],
  ['0 3 */2 * 1', /never both/],
  ['0 3 1,L * *', /L or # only alone/],
  ['0 3 * * 1L,5L', /L or # only alone/],
  ['*/10 0 3 * * *', /AWS has no seconds/],
  ['30 0 3 * * *', /AWS has no seconds/],
])('a crontab as AWS has it: %s is refused', (unix, why) => {
  expect(() => toAws(unix)).toThrow(why)
  expect(() => toAws(unix)).toThrow(
    expect.objectContaining({ kind: 'usage', message: expect.not.stringContaining('\n') }),
  )
})

test('an expression that is not refused has the same slots in any zone', () => {
  const field = (first: number, last: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: first, max: last }).map(String),
      fc
        .tuple(
          fc.integer({ min: first, max: last }),
          fc.integer({ min: first, max: last }),
          fc.integer({ min: 1, max: 7 }),
        )
        .map(([a, b, step]) => `${Math.min(a, b)}-${Math.max(a, b)}/${step}`),
      fc.uniqueArray(fc.integer({ min: first, max: last }), { minLength: 1, maxLength: 6 }).map((all) => all.join(',')),
    )
  const days = fc.oneof(
    fc.tuple(field(1, 28), fc.constant('*')),
    fc.tuple(fc.constant('*'), field(0, 7)),
    fc.tuple(fc.constant('*'), fc.constantFrom('3L', '5#5', '0#1', 'tue')),
    fc.tuple(fc.constant('L'), fc.constant('*')),
    fc.tuple(field(1, 31), field(0, 7)),
  )
  const zones = fc.constantFrom('UTC', 'Asia/Tokyo', 'America/New_York', 'Australia/Lord_Howe')
  let said = 0
  fc.assert(
    fc.property(field(0, 59), field(0, 23), days, field(1, 12), zones, (minute, hour, [dom, dow], month, zone) => {
      const unix = `${minute} ${hour} ${dom} ${month} ${dow}`
      let aws: string
      try {
        aws = toAws(unix, zone).expression
      } catch (error) {
        expect((error as Error).message).toMatch(/AWS cannot express its days|never fire/)
        return
      }
      said += 1
      expect(slots(aws, zone)).toEqual(slots(unix, zone))
    }),
    { numRuns: runs(40, 150) },
  )
  expect(said).toBeGreaterThan(15)
})

test('an at(…) is written without the spaces that AWS does not take', () => {
  expect(toAws('at( 2026-12-31T23:00:00 )').expression).toBe('at(2026-12-31T23:00:00)')
})

test.each(['rate(6 hours)', 'rate( 06   hours )', 'rate(6 hour)'])(
  '%s, which starts at its next slot',
  (expression) => {
    const anchor = Date.UTC(2026, 0, 1, 0, 30)
    const rate = parseSchedule({ expression, zone: 'UTC', anchor })
    expect(awsExpression(rate, NOW)).toEqual({ expression: 'rate(6 hours)', startDate: Date.UTC(2026, 10, 24, 0, 30) })
  },
)
