import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { type ExplainedSwitch, explainSwitch } from '../../../src/core/task/schedule-switch.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

const scheduleOf = (expression: string, zone = 'UTC', anchor?: number) =>
  parseSchedule({ expression, zone, ...(anchor !== undefined && { anchor }) })

/** Explains a switch between two schedules of one zone. */
function between(from: string, to: string, at: string, zone = 'Asia/Tokyo'): ExplainedSwitch {
  return explainSwitch(scheduleOf(from, zone), scheduleOf(to, zone), Date.parse(at))
}

/** Returns the affected periods as `2026-11-25: 2 of 1/1`: the slots that run, and those under each schedule. */
const affectedIn = ({ affected }: ExplainedSwitch) =>
  affected.map(({ name, runs, withFrom, withTo }) => `${name}: ${runs} of ${withFrom}/${withTo}`).join(' ')

const utc = (at: number | null) => (at === null ? null : new Date(at).toISOString().slice(5, 16))
const spansOf = ({ safe }: ExplainedSwitch) => safe.map(({ after, before }) => `${utc(after)} ${utc(before)}`)

const [DAY, TOKYO, NEW_YORK] = ['2026-11-25T', 'Asia/Tokyo', 'America/New_York']

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
    ...['0 0 * * *', '30 3 * * *', '2010-11-06T23:30:00-03:30', 'America/St_Johns', '2010-11-07: 2 of 1/1'],
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

test('the safe spans begin after a slot and end before one', () => {
  const of = (at: string) => spansOf(between('0 3 * * *', '30 4 * * *', at))
  const next = ['11-24T19:30 11-25T18:00', '11-25T19:30 11-26T18:00', '11-26T19:30 11-27T18:00']
  expect(of('2026-11-25T03:30:00+09:00')).toEqual(next)
  // Nothing is left of the span that ends with this slot.
  expect(of('2026-11-25T03:00:00+09:00')).toEqual(next)
  const same = between('0 3 * * *', '0 3 * * *', '2026-11-25T00:00:00Z')
  expect(same.safe).toEqual([{ after: same.at, before: null }])
})

test('in another zone, a date is the one in the zone of the schedule', () => {
  const [old, west, east] = ['UTC', NEW_YORK, TOKYO].map((zone) => scheduleOf('0 3 * * *', zone))
  if (old === undefined || west === undefined || east === undefined) throw new Error('no schedule')
  const at = Date.parse('2026-11-25T05:00:00Z')
  expect(affectedIn(explainSwitch(old, west, at))).toBe('2026-11-25: 2 of 1/1')
  // In Tokyo, the date 2026-11-25 was due at 18:00 UTC of the day before.
  expect(affectedIn(explainSwitch(old, east, at - 10 * 3_600_000))).toBe('2026-11-25: 0 of 1/1')
  expect(affectedIn(explainSwitch(old, east, at))).toBe('')
})

test('a rate with another anchor', () => {
  const anchor = Date.parse('2026-11-01T03:00:00Z')
  const rate = (hours: number) => scheduleOf('rate(1 day)', 'UTC', anchor + hours * 3_600_000)
  const at = Date.parse('2026-11-25T04:00:00Z')
  expect(affectedIn(explainSwitch(rate(0), rate(2), at))).toBe('2026-11-25: 2 of 1/1')
  expect(affectedIn(explainSwitch(rate(2), rate(0), at))).toBe('2026-11-25: 0 of 1/1')
})

test.each([
  ['hourly', '5 * * * *', ['day']],
  ['each day', '0 3 * * *', ['day']],
  ['on working days', '0 3 * * 1-5', ['day', 'week']],
  ['on the third Monday of the month', '0 3 * * 1#3', ['day', 'week', 'month']],
  ['once a year', '0 3 1 4 *', ['day', 'week', 'month', 'year']],
])('a batch that runs %s is counted in units that always have a slot', (_, expression, units) => {
  expect(between(expression, expression, '2026-11-25T04:00:00Z').units).toEqual(units)
})

test('two schedules with very many slots are not compared, and the message says why', () => {
  expect(() => between('* * * * 1 *', '* * * * 1 1-5', '2027-01-20T00:00:00Z')).toThrow(
    /^the schedules have too many slots to compare\. /,
  )
})

// An independent count: it visits each quarter of an hour of eleven weeks, and asks Luxon for the offset of each hour. The clocks of
// Berlin and New York change in these weeks.

const FIRST = Date.parse('2026-09-28T00:00:00Z')
const STEP_MS = 15 * MINUTE_MS
const STEPS = 77 * 96
const ZONES = ['UTC', 'Asia/Tokyo', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata']

interface Simple {
  readonly rhythm: 'hourly' | 'daily' | 'weekdays'
  readonly hour: number
  readonly minute: number
  readonly zone: string
}

const expressionOf = ({ rhythm, hour, minute }: Simple) =>
  `${minute} ${rhythm === 'hourly' ? '*' : hour} * * ${rhythm === 'weekdays' ? '1-5' : '*'}`

let offset = 0
/** The local times of each zone, by step. */
const localTimes = new Map(
  ZONES.map((zone) => [
    zone,
    Array.from({ length: STEPS }, (_, step) => {
      const at = FIRST + step * STEP_MS
      // Their clocks change at a full hour.
      if (step % 4 === 0) offset = DateTime.fromMillis(at, { zone }).offset
      const text = new Date(at + offset * MINUTE_MS).toISOString()
      const days = Math.floor(Date.parse(text) / DAY_MS)
      // 1970-01-01 was a Thursday.
      const [weekday, week] = [((days + 3) % 7) + 1, String(Math.floor((days + 3) / 7))]
      return { date: text.slice(0, 10), time: text.slice(11, 16), weekday, week }
    }),
  ]),
)

/** A slot with its date and its week on the clocks of its zone. */
type CountedSlot = { readonly at: number; readonly date: string; readonly week: string }

const known = new Map<string, readonly CountedSlot[]>()

/** Returns all slots. A time that comes twice counts once, unless the schedule fires in each hour. */
function slotsOf(schedule: Simple): readonly CountedSlot[] {
  const key = JSON.stringify(schedule)
  const slots = known.get(key) ?? findSlots(schedule)
  known.set(key, slots)
  return slots
}

function findSlots({ rhythm, hour, minute, zone }: Simple): readonly CountedSlot[] {
  const seen = new Set<string>()
  const two = (value: number) => String(value).padStart(2, '0')
  return (localTimes.get(zone) ?? []).flatMap(({ date, week, time, weekday }, step) => {
    const fires =
      rhythm === 'hourly'
        ? time.endsWith(`:${two(minute)}`)
        : time === `${two(hour)}:${two(minute)}` && (rhythm === 'daily' || weekday <= 5)
    if (!fires || (rhythm !== 'hourly' && seen.has(date))) return []
    seen.add(date)
    return [{ at: FIRST + step * STEP_MS, date, week }]
  })
}

/** Counts the slots of each period under each schedule and across the switch. Returns the first unit with a difference. */
function countedByHand(from: Simple, to: Simple, at: number): readonly string[] {
  // The slots of some days around the switch are enough, because periods that are further away are not affected.
  const near = (slots: readonly CountedSlot[]) => slots.filter((slot) => Math.abs(slot.at - at) < 16 * DAY_MS)
  const [old, young] = [near(slotsOf(from)), near(slotsOf(to))]
  const units: readonly (readonly [string, (slot: CountedSlot) => string])[] = [
    ['day', ({ date }) => date],
    ...([from, to].some(({ rhythm }) => rhythm === 'weekdays')
      ? [['week', ({ week }: CountedSlot) => week] as const]
      : []),
  ]
  for (const [unit, keyOf] of units) {
    const count = (slots: readonly CountedSlot[]) => {
      const counts = new Map<string, number>()
      for (const slot of slots) counts.set(keyOf(slot), (counts.get(keyOf(slot)) ?? 0) + 1)
      return counts
    }
    const [withFrom, withTo] = [count(old), count(young)]
    const runs = count([...old.filter((slot) => slot.at < at), ...young.filter((slot) => slot.at >= at)])
    const found = [...new Set([...withFrom.keys(), ...withTo.keys()])].flatMap((key) => {
      const [one, other, actual] = [withFrom.get(key) ?? 0, withTo.get(key) ?? 0, runs.get(key) ?? 0]
      const isAffected = actual > Math.max(one, other) || actual < Math.min(one, other)
      return isAffected ? [`${unit} ${actual} of ${one}/${other}`] : []
    })
    if (found.length > 0) return found
  }
  return []
}

const simple = fc.record({
  rhythm: fc.constantFrom('hourly', 'daily', 'weekdays'),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.constantFrom(0, 15, 30, 45),
  zone: fc.constantFrom(...ZONES),
}) satisfies fc.Arbitrary<Simple>

/** A moment of the middle five weeks, so that all periods around it are counted. Some are slots. */
const moment = fc.integer({ min: 21 * 96, max: 56 * 96 }).map((step) => FIRST + step * STEP_MS)

const explain = (from: Simple, to: Simple, at: number) =>
  explainSwitch(scheduleOf(expressionOf(from), from.zone), scheduleOf(expressionOf(to), to.zone), at)

describe('property: random hourly, daily and weekday schedules', () => {
  test('the affected periods are those that a simple count finds', () => {
    fc.assert(
      fc.property(simple, simple, moment, fc.constantFrom(0, 7 * MINUTE_MS), (from, to, exact, more) => {
        const at = exact + more
        const found = explain(from, to, at).affected.map(
          ({ unit, runs, withFrom, withTo }) => `${unit} ${runs} of ${withFrom}/${withTo}`,
        )
        expect(found).toEqual(countedByHand(from, to, at))
      }),
      { numRuns: 80 },
    )
  })

  test('a switch in a safe span affects nothing, and one between two spans affects something', () => {
    fc.assert(
      fc.property(simple, simple, moment, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (from, to, at, share) => {
        const { safe, searchedUntil } = explain(from, to, at)
        const within = (start: number, end: number) => Math.ceil(start + (end - start) * share)
        let unsafeFrom = at
        for (const { after, before } of safe) {
          if (unsafeFrom < after) expect(countedByHand(from, to, within(unsafeFrom, after))).not.toEqual([])
          unsafeFrom = before ?? searchedUntil
          expect(countedByHand(from, to, within(after, unsafeFrom))).toEqual([])
        }
      }),
      { numRuns: 30 },
    )
  })
})
