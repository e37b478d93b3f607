import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { affectedPeriods } from '../../../src/core/task/schedule-switch.ts'
import { runs } from '../../support/random.ts'

const MINUTE_MS = 60_000

const scheduleOf = (expression: string, zone = 'UTC', anchor?: number) =>
  parseSchedule({ expression, zone, ...(anchor !== undefined && { anchor }) })

function between(from: string, to: string, at: string, zone = 'Asia/Tokyo') {
  return affectedPeriods(scheduleOf(from, zone), scheduleOf(to, zone), Date.parse(at))
}

/** Returns the affected periods as `2026-11-25: 2 of 1/1`: the slots that run, and those under each schedule. */
const affectedIn = (affected: ReturnType<typeof affectedPeriods>) =>
  affected.map(({ name, runs, withFrom, withTo }) => `${name}: ${runs} of ${withFrom}/${withTo}`).join(' ')

const DAY = '2026-11-25T'
const TOKYO = 'Asia/Tokyo'
const NEW_YORK = 'America/New_York'

test.each([
  ['moves to a later time', '0 3 * * *', '30 4 * * *', `${DAY}03:30:00+09:00`, TOKYO, '2026-11-25: 2 of 1/1'],
  ['moves to an earlier time', '30 4 * * *', '0 3 * * *', `${DAY}03:30:00+09:00`, TOKYO, '2026-11-25: 0 of 1/1'],
  // A switch at a slot is a switch before it: the new schedule has that slot.
  ['switches at the old slot', '0 3 * * *', '30 4 * * *', `${DAY}03:00:00+09:00`, TOKYO, ''],
  ['switches after it', '0 3 * * *', '30 4 * * *', `${DAY}03:00:00.001+09:00`, TOKYO, '2026-11-25: 2 of 1/1'],
  ['switches at the new slot', '0 3 * * *', '30 4 * * *', `${DAY}04:30:00+09:00`, TOKYO, '2026-11-25: 2 of 1/1'],
  ['switches after that', '0 3 * * *', '30 4 * * *', `${DAY}04:30:00.001+09:00`, TOKYO, ''],
  // On a day on which the clocks skip the old time, it has one slot and cannot run twice.
  ['has no slot that day', '30 2 * * *', '30 3 * * *', '2027-03-14T03:15:00-04:00', NEW_YORK, ''],
  ['has one the next day', '30 2 * * *', '30 3 * * *', '2027-03-15T03:15:00-04:00', NEW_YORK, '2027-03-15: 2 of 1/1'],
  // The clocks show 01:30 twice. The new slot is the first one.
  ['is in the second pass', '30 0 * * *', '30 1 * * *', '2026-11-01T01:00:00-05:00', NEW_YORK, ''],
  ['is in the first pass', '30 0 * * *', '30 1 * * *', '2026-11-01T01:00:00-04:00', NEW_YORK, '2026-11-01: 2 of 1/1'],
  // At 00:01 of 2010-11-07, the clocks showed 23:01 of the day before. Midnight of 2010-11-07 was over then.
  [
    'has a date twice',
    '0 0 * * *',
    '30 3 * * *',
    '2010-11-06T23:30:00-03:30',
    'America/St_Johns',
    '2010-11-07: 2 of 1/1',
  ],
  ['runs on weekdays', '0 3 * * 1-5', '30 4 * * 1-5', `${DAY}03:30:00+09:00`, TOKYO, '2026-11-25: 2 of 1/1'],
  ['is switched on a Saturday', '0 3 * * 1-5', '30 4 * * 1-5', '2026-11-28T03:30:00+09:00', TOKYO, ''],
  ['gets a later weekday', '0 3 * * MON', '0 3 * * FRI', `${DAY}00:00:00+09:00`, TOKYO, '2026-11-23: 2 of 1/1'],
  ['gets an earlier weekday', '0 3 * * FRI', '0 3 * * MON', `${DAY}00:00:00+09:00`, TOKYO, '2026-11-23: 0 of 1/1'],
  ['gets a later day', '0 3 1 * *', '0 3 15 * *', '2026-11-05T00:00:00+09:00', TOKYO, '2026-11: 2 of 1/1'],
  ['gets an earlier day', '0 3 15 * *', '0 3 1 * *', '2026-11-05T00:00:00+09:00', TOKYO, '2026-11: 0 of 1/1'],
  ['gets a later month', '0 3 1 4 *', '0 3 1 9 *', '2026-06-05T00:00:00+09:00', TOKYO, '2026: 2 of 1/1'],
  ['is hourly', '0 * * * *', '30 * * * *', `${DAY}00:15:00Z`, 'UTC', '2026-11-25: 25 of 24/24'],
  ['runs more often', '0 3,4 * * *', '0 5,6 * * *', `${DAY}03:30:00+09:00`, TOKYO, '2026-11-25: 3 of 2/2'],
  ['runs less often', '0 5,6 * * *', '0 3,4 * * *', `${DAY}03:30:00+09:00`, TOKYO, '2026-11-25: 1 of 2/2'],
  ['becomes daily', '0 * * * *', '0 3 * * *', `${DAY}12:00:00+09:00`, TOKYO, ''],
  ['becomes hourly', '0 3 * * *', '0 * * * *', `${DAY}02:30:00+09:00`, TOKYO, ''],
  ['becomes weekly', '0 3 * * *', '0 5 * * MON', '2026-11-23T04:00:00+09:00', TOKYO, '2026-11-23: 2 of 1/1'],
  ['becomes weekly, earlier', '0 5 * * *', '0 3 * * MON', '2026-11-23T04:00:00+09:00', TOKYO, '2026-11-23: 0 of 1/1'],
  ['becomes weekly, midweek', '0 3 * * *', '0 5 * * MON', `${DAY}04:00:00+09:00`, TOKYO, ''],
  ['ends', 'at(2026-11-25T03:00:00)', 'at(2026-11-25T05:00:00)', `${DAY}04:00:00Z`, 'UTC', '2026-11-25: 2 of 1/1'],
] as const)('a batch that %s: %s -> %s at %s', (_, from, to, at, zone, expected) => {
  expect(affectedIn(between(from, to, at, zone))).toBe(expected)
})

test('in another zone, a date is the one in the zone of the schedule', () => {
  const [old, west, east] = ['UTC', NEW_YORK, TOKYO].map((zone) => scheduleOf('0 3 * * *', zone))
  if (old === undefined || west === undefined || east === undefined) throw new Error('no schedule')
  const at = Date.parse('2026-11-25T05:00:00Z')
  expect(affectedIn(affectedPeriods(old, west, at))).toBe('2026-11-25: 2 of 1/1')
  // In Tokyo, the date 2026-11-25 was due at 18:00 UTC of the day before.
  expect(affectedIn(affectedPeriods(old, east, at - 10 * 3_600_000))).toBe('2026-11-25: 0 of 1/1')
  expect(affectedIn(affectedPeriods(old, east, at))).toBe('')
})

test('a rate with another anchor', () => {
  const anchor = Date.parse('2026-11-01T03:00:00Z')
  const rate = (hours: number) => scheduleOf('rate(1 day)', 'UTC', anchor + hours * 3_600_000)
  const at = Date.parse('2026-11-25T04:00:00Z')
  expect(affectedIn(affectedPeriods(rate(0), rate(2), at))).toBe('2026-11-25: 2 of 1/1')
  expect(affectedIn(affectedPeriods(rate(2), rate(0), at))).toBe('2026-11-25: 0 of 1/1')
})

test('two schedules with very many slots are not compared, and the message says why', () => {
  expect(() => between('* * * * 1 *', '* * * * 1 1-5', '2027-01-20T00:00:00Z')).toThrow(
    /^the schedules have too many slots to compare\. /,
  )
})

const simple = fc
  .tuple(fc.constantFrom('* * * *', 'H * * *', 'H * * 1-5'), fc.nat(23), fc.constantFrom(0, 15, 30, 45))
  .map(([days, hour, minute]) => `${minute} ${days.replace('H', String(hour))}`)
const zones = fc.constantFrom('UTC', TOKYO, NEW_YORK, 'Europe/Berlin', 'Asia/Kolkata')
const schedules = fc.tuple(simple, zones).map(([expression, zone]) => scheduleOf(expression, zone))
/** The clocks of Berlin and New York change in these weeks. Some moments are slots. */
const moments = fc.nat(35 * 96).map((quarter) => Date.parse('2026-10-19T00:00:00Z') + quarter * 15 * MINUTE_MS)

test('property: a schedule that stays as it is affects nothing, at any moment', () => {
  fc.assert(
    fc.property(schedules, moments, (schedule, at) => {
      expect(affectedPeriods(schedule, schedule, at)).toEqual([])
    }),
    { numRuns: runs(15, 60) },
  )
})
