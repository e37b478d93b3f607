import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { affectedBy, compareSchedules } from '../../../src/core/switch/affected.ts'
import { type ExplainedSwitch, explainSwitch } from '../../../src/core/switch/explain-switch.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

const scheduleOf = (expression: string, zone = 'UTC', anchor?: number) =>
  parseSchedule({ expression, zone, ...(anchor !== undefined && { anchor }) })

/** Explains a switch between two schedules of one zone. */
function between(from: string, to: string, at: string, zone = 'Asia/Tokyo'): ExplainedSwitch {
  return explainSwitch(scheduleOf(from, zone), scheduleOf(to, zone), Date.parse(at), 2)
}

/** Returns the affected periods as `2026-11-25 day 2 of 1/1`: the slots that run, and those under each schedule. */
const affectedIn = ({ affected }: ExplainedSwitch) =>
  affected.map(
    ({ period, runs, withFrom, withTo }) =>
      `${new Date(period.from * 1000).toISOString().slice(0, 16)} ${period.unit} ${runs} of ${withFrom}/${withTo}`,
  )

const utc = (at: number | null) => (at === null ? null : new Date(at).toISOString().slice(5, 16))
const spansOf = ({ safe }: ExplainedSwitch) => safe.map(({ after, before }) => `${utc(after)} ${utc(before)}`)

describe('a daily batch', () => {
  test('that moves to a later time runs twice between the two times', () => {
    const explained = between('0 3 * * *', '30 4 * * *', '2026-11-25T03:30:00+09:00')
    expect(affectedIn(explained)).toEqual(['2026-11-25T00:00 day 2 of 1/1'])
    expect(explained.before.map(({ slot, affected }) => [utc(slot), affected?.runs])).toEqual([
      ['11-23T18:00', undefined],
      ['11-24T18:00', 2],
    ])
    expect(explained.after.map(({ slot, affected }) => [utc(slot), affected?.runs])).toEqual([
      ['11-24T19:30', 2],
      ['11-25T19:30', undefined],
    ])
    expect(explained.notRun).toEqual([])
    expect(spansOf(explained)).toEqual([
      '11-24T19:30 11-25T18:00',
      '11-25T19:30 11-26T18:00',
      '11-26T19:30 11-27T18:00',
    ])
  })

  test('that moves to an earlier time never runs between the two times', () => {
    const explained = between('30 4 * * *', '0 3 * * *', '2026-11-25T03:30:00+09:00')
    expect(affectedIn(explained)).toEqual(['2026-11-25T00:00 day 0 of 1/1'])
    expect(explained.notRun.map(({ slot, schedule }) => [utc(slot), schedule])).toEqual([
      ['11-24T18:00', 'to'],
      ['11-24T19:30', 'from'],
    ])
  })

  test('a switch at a slot is a switch before it: the new schedule has that slot', () => {
    const at = between('0 3 * * *', '30 4 * * *', '2026-11-25T03:00:00+09:00')
    expect(affectedIn(at)).toEqual([])
    // Nothing is left of the span that ends with this slot.
    expect(spansOf(at)[0]).toBe('11-24T19:30 11-25T18:00')
    expect(affectedIn(between('0 3 * * *', '30 4 * * *', '2026-11-25T03:00:00.001+09:00'))).toHaveLength(1)
    expect(affectedIn(between('0 3 * * *', '30 4 * * *', '2026-11-25T04:30:00+09:00'))).toHaveLength(1)
    expect(affectedIn(between('0 3 * * *', '30 4 * * *', '2026-11-25T04:30:00.001+09:00'))).toEqual([])
  })

  test('that gets another zone: a date is the one in the zone of the schedule', () => {
    const [old, west, east] = ['UTC', 'America/New_York', 'Asia/Tokyo'].map((zone) => scheduleOf('0 3 * * *', zone))
    if (old === undefined || west === undefined || east === undefined) throw new Error('no schedule')
    const at = Date.parse('2026-11-25T05:00:00Z')
    expect(affectedIn(explainSwitch(old, west, at, 1))).toEqual(['2026-11-25T00:00 day 2 of 1/1'])
    // In Tokyo, the date 2026-11-25 was due at 18:00 UTC of the day before.
    expect(affectedIn(explainSwitch(old, east, at - 10 * 3_600_000, 1))).toEqual(['2026-11-25T00:00 day 0 of 1/1'])
    expect(affectedIn(explainSwitch(old, east, at, 1))).toEqual([])
  })

  test('a day on which the clocks skip the old time has one slot, so it cannot run twice', () => {
    const at = (time: string) => between('30 2 * * *', '30 3 * * *', time, 'America/New_York')
    expect(affectedIn(at('2027-03-14T03:15:00-04:00'))).toEqual([])
    expect(affectedIn(at('2027-03-15T03:15:00-04:00'))).toEqual(['2027-03-15T00:00 day 2 of 1/1'])
  })

  test('a day on which the clocks are put back is still one day', () => {
    const explained = between('30 0 * * *', '30 1 * * *', '2026-11-01T01:00:00-05:00', 'America/New_York')
    // The old slot has run. The new one was due in the first pass of 01:30.
    expect(affectedIn(explained)).toEqual([])
    expect(affectedIn(between('30 0 * * *', '30 1 * * *', '2026-11-01T01:00:00-04:00', 'America/New_York'))).toEqual([
      '2026-11-01T00:00 day 2 of 1/1',
    ])
  })

  test('a date that comes again, because the clocks are put back over midnight', () => {
    // At 00:01 of 2010-11-07, the clocks showed 23:01 of the day before. Midnight of 2010-11-07 was over then.
    const explained = between('0 0 * * *', '30 3 * * *', '2010-11-06T23:30:00-03:30', 'America/St_Johns')
    expect(affectedIn(explained)).toEqual(['2010-11-07T00:00 day 2 of 1/1'])
  })
})

describe('other rhythms', () => {
  test('on weekdays: the day is named, and days that both leave out are not affected', () => {
    expect(affectedIn(between('0 3 * * 1-5', '30 4 * * 1-5', '2026-11-25T03:30:00+09:00'))).toEqual([
      '2026-11-25T00:00 day 2 of 1/1',
    ])
    const weekend = between('0 3 * * 1-5', '30 4 * * 1-5', '2026-11-28T03:30:00+09:00')
    expect(affectedIn(weekend)).toEqual([])
    expect(spansOf(weekend)[0]).toBe('11-27T18:30 11-29T18:00')
  })

  test('from one day of the week to another: the week runs twice or never', () => {
    expect(affectedIn(between('0 3 * * MON', '0 3 * * FRI', '2026-11-25T00:00:00+09:00'))).toEqual([
      '2026-11-23T00:00 week 2 of 1/1',
    ])
    expect(affectedIn(between('0 3 * * FRI', '0 3 * * MON', '2026-11-25T00:00:00+09:00'))).toEqual([
      '2026-11-23T00:00 week 0 of 1/1',
    ])
  })

  test('from one day of the month to another', () => {
    expect(affectedIn(between('0 3 1 * *', '0 3 15 * *', '2026-11-05T00:00:00+09:00'))).toEqual([
      '2026-11-01T00:00 month 2 of 1/1',
    ])
    expect(affectedIn(between('0 3 15 * *', '0 3 1 * *', '2026-11-05T00:00:00+09:00'))).toEqual([
      '2026-11-01T00:00 month 0 of 1/1',
    ])
  })

  test('hourly: the hour runs twice or never', () => {
    expect(affectedIn(between('0 * * * *', '30 * * * *', '2026-11-25T00:15:00Z'))).toEqual([
      '2026-11-25T00:00 hour 2 of 1/1',
    ])
    expect(affectedIn(between('30 * * * *', '0 * * * *', '2026-11-25T00:15:00Z'))).toEqual([
      '2026-11-25T00:00 hour 0 of 1/1',
    ])
  })

  test('several slots in a day: it runs more often than under each schedule, or less often', () => {
    expect(affectedIn(between('0 3,4 * * *', '0 5,6 * * *', '2026-11-25T03:30:00+09:00'))).toEqual([
      '2026-11-25T00:00 day 3 of 2/2',
    ])
    expect(affectedIn(between('0 5,6 * * *', '0 3,4 * * *', '2026-11-25T03:30:00+09:00'))).toEqual([
      '2026-11-25T00:00 day 1 of 2/2',
    ])
  })

  test('hourly to daily, and daily to hourly: each day has a number of slots between the two', () => {
    for (const at of ['2026-11-25T02:30:00+09:00', '2026-11-25T12:00:00+09:00']) {
      expect(affectedIn(between('0 * * * *', '0 3 * * *', at))).toEqual([])
      expect(affectedIn(between('0 3 * * *', '0 * * * *', at))).toEqual([])
    }
  })

  test('daily to weekly: the day that has a slot of both can still run twice or never', () => {
    expect(affectedIn(between('0 3 * * *', '0 5 * * MON', '2026-11-23T04:00:00+09:00'))).toEqual([
      '2026-11-23T00:00 day 2 of 1/1',
    ])
    expect(affectedIn(between('0 5 * * *', '0 3 * * MON', '2026-11-23T04:00:00+09:00'))).toEqual([
      '2026-11-23T00:00 day 0 of 1/1',
    ])
    expect(affectedIn(between('0 3 * * *', '0 5 * * MON', '2026-11-25T04:00:00+09:00'))).toEqual([])
  })

  test('a rate with another anchor, and a rate to cron', () => {
    const anchor = Date.parse('2026-11-01T03:00:00Z')
    const rate = (hours: number) => scheduleOf('rate(1 day)', 'UTC', anchor + hours * 3_600_000)
    const at = Date.parse('2026-11-25T04:00:00Z')
    expect(affectedIn(explainSwitch(rate(0), rate(2), at, 1))).toEqual(['2026-11-25T00:00 day 2 of 1/1'])
    expect(affectedIn(explainSwitch(rate(2), rate(0), at, 1))).toEqual(['2026-11-25T00:00 day 0 of 1/1'])
    expect(affectedIn(explainSwitch(rate(0), scheduleOf('0 5 * * *'), at, 1))).toHaveLength(1)
  })

  test('a schedule that has ended, and one that has one slot', () => {
    const once = (time: string) => scheduleOf(`at(2026-11-25T${time}:00)`)
    const at = Date.parse('2026-11-25T04:00:00Z')
    expect(affectedIn(explainSwitch(once('03:00'), once('05:00'), at, 1))).toEqual(['2026-11-25T00:00 day 2 of 1/1'])
    const ended = explainSwitch(once('03:00'), once('05:00'), at + DAY_MS, 1)
    expect(ended).toMatchObject({ affected: [], after: [], safe: [{ after: at + DAY_MS, before: null }] })
  })

  test.each([
    ['hourly', '5 * * * *', ['hour']],
    ['each day', '0 3 * * *', ['day']],
    ['on working days', '0 3 * * 1-5', ['day', 'week']],
    ['on the first day of the month', '0 3 1 * *', ['day', 'week', 'month']],
    ['on the third Monday of the month', '0 3 * * 1#3', ['day', 'week', 'month']],
    ['once a year', '0 3 1 4 *', ['day', 'week', 'month', 'year']],
    ['each week until the schedule ends', 'cron(0 3 ? * MON 2026)', ['day', 'week']],
  ])('a batch that runs %s is counted in units that always have a slot', (_, expression, units) => {
    const at = Date.parse('2026-11-25T04:00:00Z')
    expect(compareSchedules(scheduleOf(expression), scheduleOf(expression), at).units).toEqual(units)
  })

  test('the same schedule is safe at any time', () => {
    const same = between('0 3 * * *', '0 3 * * *', '2026-11-25T00:00:00Z')
    expect(same).toMatchObject({ affected: [], safe: [{ before: null }], searchedUntil: same.at + 14 * DAY_MS })
  })
})

describe('two schedules with very many slots', () => {
  const dense = scheduleOf('* * * * 1 *')
  const at = Date.parse('2027-01-20T00:00:00Z')

  test('are not compared, and the message says why', () => {
    expect(() => explainSwitch(dense, scheduleOf('* * * * 1 1-5'), at, 1)).toThrow(
      /^the schedules have too many slots in one year to compare\. /,
    )
  })

  test('the work is bounded by the budget', () => {
    const budget = { left: 1_000 }
    expect(affectedBy(compareSchedules(dense, scheduleOf('* * * * 1 1-5'), at), at, budget)).toBeNull()
  })

  test('one of the two alone is no problem, and the search for safe spans ends', () => {
    const explained = explainSwitch(scheduleOf('* * * * * *'), scheduleOf('0 3 1 1 *'), at, 1)
    expect(explained.affected).toEqual([])
    expect(explained.searchedUntil).toBeLessThan(at + DAY_MS)
  })
})

// An independent count: it visits each quarter of an hour of eleven weeks, and asks Luxon for the local time of each. The clocks of
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

/** The local times of each zone, by step. */
const localTimes = new Map(
  ZONES.map((zone) => [
    zone,
    Array.from({ length: STEPS }, (_, step) => {
      const local = DateTime.fromMillis(FIRST + step * STEP_MS, { zone })
      return {
        date: local.toISODate() ?? '',
        // Hours are real time, and begin at the full hour of the clocks in the zone.
        time: local.toFormat('HH:mm'),
        weekday: local.weekday,
        week: `${local.weekYear}-${local.weekNumber}`,
        hourStart: local.toMillis() - local.minute * MINUTE_MS,
      }
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
  const minuteIn = localTimes.get(to.zone)?.[0]?.hourStart ?? 0
  const units: readonly (readonly [string, (slot: CountedSlot) => string])[] =
    from.rhythm === 'hourly' && to.rhythm === 'hourly'
      ? [['hour', (slot) => String(Math.floor((slot.at - minuteIn) / 3_600_000))]]
      : [
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
  explainSwitch(scheduleOf(expressionOf(from), from.zone), scheduleOf(expressionOf(to), to.zone), at, 1)

describe('property: random hourly, daily and weekday schedules', () => {
  test('the affected periods are those that a simple count finds', () => {
    fc.assert(
      fc.property(simple, simple, moment, fc.constantFrom(0, 7 * MINUTE_MS), (from, to, exact, more) => {
        const at = exact + more
        const found = explain(from, to, at).affected.map(
          ({ period, runs, withFrom, withTo }) => `${period.unit} ${runs} of ${withFrom}/${withTo}`,
        )
        expect(found).toEqual(countedByHand(from, to, at))
      }),
      { numRuns: 150 },
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
      { numRuns: 60 },
    )
  })
})
