import { readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { LedgerError } from '../../../src/core/errors.ts'
import { formatInstant, parseInstant } from '../../../src/core/instant.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import {
  earlyToleranceMs,
  expectedSlotAfter,
  expectedSlotBefore,
  isFireTimeNear,
  isOptional,
  slotAfter,
  slotBefore,
  slotsBetween,
  windowOf,
} from '../../../src/core/schedule/slot.ts'

interface Case {
  readonly expr: string
  readonly tz: string
  readonly why: string
  readonly anchor?: string
  readonly at?: string
  readonly slot?: string | null
  readonly next?: string | null
  readonly earlyToleranceSec?: number
  readonly error?: boolean
  readonly from?: string
  readonly to?: string
  readonly count?: number
}

function casesOf(file: string): Case[] {
  const text = readFileSync(new URL(`../../fixtures/${file}`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case)
}

function parse(expression: string, zone = 'UTC', anchor?: string) {
  return parseSchedule({ expression, zone, ...(anchor === undefined ? {} : { anchor: parseInstant(anchor) }) })
}

function isRefused(expression: string, zone: string, anchor?: string): boolean {
  try {
    parse(expression, zone, anchor)
    return false
  } catch (error) {
    expect(error).toBeInstanceOf(LedgerError)
    return true
  }
}

/** EventBridge rules refuse these, but the guide of EventBridge Scheduler writes such rates, so they are accepted. */
const ACCEPTED_RATES: ReadonlySet<string> = new Set(['rate(1 hours)', 'rate(5 hour)'])

const shown = (instant: number | null) => (instant === null ? null : formatInstant(instant))
const slots = (expression: string, zone: string, from: string, to: string) =>
  [...slotsBetween(parse(expression, zone), parseInstant(from), parseInstant(to))].map(formatInstant)

describe('the shared vectors', () => {
  const cases = casesOf('schedule-vectors.jsonl')

  it.each(
    cases.map((vector) => [`${vector.expr} ${vector.tz} ${vector.at ?? vector.from}: ${vector.why}`, vector] as const),
  )(
    'the shared vectors: %s',
    (_, { expr, tz, anchor, at = '', from, to = '', count, error, earlyToleranceSec = 0, slot, next }) => {
      if (ACCEPTED_RATES.has(expr)) {
        expect(parse(expr, tz, anchor).kind).toBe('rate')
      } else if (error === true) {
        expect(() => parse(expr, tz, anchor)).toThrow(LedgerError)
      } else if (from !== undefined) {
        expect([...slotsBetween(parse(expr, tz, anchor), parseInstant(from), parseInstant(to))]).toHaveLength(
          count ?? -1,
        )
      } else {
        const schedule = parse(expr, tz, anchor)
        const found = windowOf(schedule, parseInstant(at), earlyToleranceSec * 1000)
        expect(shown(found?.slot ?? null)).toBe(slot)
        expect(shown(found === null ? slotAfter(schedule, parseInstant(at)) : found.next)).toBe(next)
      }
    },
  )
})

// The cases come from the test suites of other cron libraries and of tools for AWS: one of each form of an item, numbers and names
// aside, and those that find a bug planted in src/core/schedule. A case without `slot` or `next` says nothing about it. `error`: it is refused.
test('schedules mean what the test suites of other cron libraries and of tools for AWS say', () => {
  const cases = casesOf('schedule-foreign.jsonl')
  expect(cases).toHaveLength(116)
  const differing = cases.filter(({ expr, tz, anchor, at, error, slot, next }) => {
    if (isRefused(expr, tz, anchor)) return error !== true
    if (error !== undefined || at === undefined) return error === true
    const schedule = parse(expr, tz, anchor)
    const found = windowOf(schedule, parseInstant(at))
    const nextFound = found === null ? slotAfter(schedule, parseInstant(at)) : found.next
    return (
      (slot !== undefined && shown(found?.slot ?? null) !== slot) || (next !== undefined && shown(nextFound) !== next)
    )
  })
  expect(differing).toEqual([])
})

// Made by a Python program that shares no code with this project: it walks every minute of the days around `at`, with
// zoneinfo (tzdata 2026b) for the clocks and its `fold` for the second pass, and tests each minute by the rules of
// docs/reference/schedules.md. Of 36,000 random cases, two differed, both in WET, which ICU's 2025c links to Lisbon and Debian's
// tzdata does not. These are 24 of them, before 2026, most with a clock change in or beside the window.
it('an independent minute walk gives the same slot and the same next one', () => {
  const cases = casesOf('slot-independent.jsonl')
  expect(cases).toHaveLength(24)
  const found = cases.map(({ expr, tz, at = '' }) => {
    const window = windowOf(parse(withoutWideSteps(expr), tz), parseInstant(at))
    return { expr, tz, at, slot: shown(window?.slot ?? null), next: shown(window?.next ?? null) }
  })
  expect(found).toEqual(cases)
})

it('an independent minute walk has steps that are wider than their field, which are refused', () => {
  const refused = casesOf('slot-independent.jsonl').filter(({ expr }) => withoutWideSteps(expr) !== expr)
  expect(refused).toHaveLength(7)
  for (const { expr } of refused) expect(() => parse(expr)).toThrow('A step goes from 1 to the number of values.')
})

/** The program took any step. One that is wider than its field matches only the first value. */
function withoutWideSteps(expression: string): string {
  const fields = expression.split(' ')
  const isAws = expression.startsWith('cron(')
  const sizes = [...(fields.length === 6 && !isAws ? [60] : []), 60, 24, 31, 12, 7]
  return fields
    .map((field, index) => {
      const size = sizes[index] ?? Number.POSITIVE_INFINITY
      const first = size === 31 || size === 12 || (size === 7 && isAws) ? '1' : '0'
      return field.replace(/(\*|\w+)(?:-\w+)?\/(\d+)/g, (item, start: string, step: string) =>
        Number(step) <= size ? item : start === '*' ? first : start,
      )
    })
    .join(' ')
}

it.each(['0 * * * *', '0 0-23 * * *', '0 */1 * * *', '0 0-11,12-23 * * *', '0 0/1 * * *'])(
  'over a clock change, both passes count where every hour fires, however that is written: %s',
  (expression) => {
    expect(slots(expression, 'Europe/London', '2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z')).toEqual([
      '2026-10-25T00:00:00Z',
      '2026-10-25T01:00:00Z',
      '2026-10-25T02:00:00Z',
    ])
  },
)

it('over a clock change, only the first pass counts where an hour does not fire', () => {
  expect(slots('0 0-22 * * *', 'Europe/London', '2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z')).toEqual([
    '2026-10-25T00:00:00Z',
    '2026-10-25T02:00:00Z',
  ])
})

it('a schedule fires once in a day that came twice but for an hour', () => {
  // Kwajalein went from +11 to -12 at 1969-09-30T13:00Z: the largest fold since 1900.
  const schedule = parse('0 12 * * *', 'Pacific/Kwajalein')
  const first = Date.UTC(1969, 8, 30, 1)
  expect(slotAfter(schedule, first)).toBe(Date.UTC(1969, 9, 2))
  expect(slotBefore(schedule, Date.UTC(1969, 9, 2))).toBe(first)
  expect(windowOf(schedule, Date.UTC(1969, 9, 1, 6))?.slot).toBe(first)
})

it('a summer time of one week moves the slots of that week', () => {
  // Recife, at -03:00, was at -02:00 from 2000-10-08 to 2000-10-15.
  const noons = slots('0 12 * * *', 'America/Recife', '2000-10-07T00:00:00Z', '2000-10-17T00:00:00Z')
  expect(noons.map((slot) => slot.slice(11, 13))).toEqual(['15', ...Array(7).fill('14'), '15', '15'])
})

it('an offset with seconds moves a slot by these', () => {
  // Monrovia was at -00:44:30 until 1972-01-07.
  expect(slots('0 0 * * *', 'Africa/Monrovia', '1972-01-06T00:00:00Z', '1972-01-09T00:00:00Z')).toEqual([
    '1972-01-06T00:44:30Z',
    '1972-01-08T00:00:00Z',
  ])
})

it('the search for a slot goes past years in which the gap takes every fire time', () => {
  // 02:30 on the second Sunday of March: in New York a gap in each year since 2007.
  const schedule = parse('cron(30 2 ? 3 1#2 *)', 'America/New_York')
  expect(windowOf(schedule, parseInstant('2026-06-01T00:00:00Z'))).toEqual({
    slot: parseInstant('2006-03-12T07:30:00Z'),
    next: null,
  })
})

it('the search for a slot bridges 40 years to a 29 February on a Sunday, in both dialects', () => {
  for (const expression of ['0 0 * 2 SUN#5', 'cron(0 0 ? 2 1#5 *)']) {
    expect(windowOf(parse(expression), parseInstant('2100-03-01T00:00:00Z'))).toEqual({
      slot: parseInstant('2088-02-29T00:00:00Z'),
      next: parseInstant('2128-02-29T00:00:00Z'),
    })
  }
})

it('there is no slot outside the years of an AWS expression', () => {
  const schedule = parse('cron(0 0 1 1 ? *)')
  expect(slotBefore(schedule, parseInstant('1970-01-01T00:00:00Z'))).toBeNull()
  expect(slotAfter(schedule, parseInstant('2199-01-01T00:00:00Z'))).toBeNull()
  expect(shown(slotBefore(parse('0 0 1 1 *'), parseInstant('1970-01-01T00:00:00Z')))).toBe('1969-01-01T00:00:00Z')
})

it('the search for a slot answers for any number, however far off', () => {
  const schedule = parse('0 0 1 1 *', 'America/New_York')
  for (const at of [-1e300, -8.64e15, 8.64e15, 1e300]) {
    expect(slotAfter(schedule, at)).toBe(at < 0 ? Date.UTC(1900, 0, 1, 5) : null)
    expect(slotBefore(schedule, at)).toBe(at < 0 ? null : Date.UTC(2299, 0, 1, 5))
  }
})

it.each([
  // 1 March 2026 is a Sunday, 1 August a Saturday, 31 May a Sunday, 31 January a Saturday.
  ['cron(0 0 1W 8 ? *)', ['08-03']],
  ['cron(0 0 1W 3 ? *)', ['03-02']],
  ['cron(0 0 31W 5 ? *)', ['05-29']],
  ['cron(0 0 31W 1 ? *)', ['01-30']],
  ['cron(0 0 31W * ? *)', ['01-30', '03-31', '05-29', '07-31', '08-31', '10-30', '12-31']],
  ['cron(0 0 LW 1-3 ? *)', ['01-30', '02-27', '03-31']],
  ['cron(0 0 L-3 1,2 ? *)', ['01-28', '02-25']],
  ['cron(0 0 L-30 1-4 ? *)', ['01-01', '03-01']],
  ['cron(0 0 L-0 2 ? *)', ['02-28']],
  ['cron(0 0 L,1W,15 2 ? *)', ['02-02', '02-15', '02-28']],
  ['cron(0 0 28-2 2,3 ? *)', ['02-01', '02-02', '02-28', '03-01', '03-02', '03-28', '03-29', '03-30', '03-31']],
  ['cron(0 0 29-3/2 1 ? *)', ['01-02', '01-29', '01-31']],
  ['cron(0 0 ? 1 FRI-MON/2 *)', ['01-02', '01-04', '01-09', '01-11', '01-16', '01-18', '01-23', '01-25', '01-30']],
  ['cron(0 0 ? 1 fril *)', ['01-30']],
  ['cron(0 0 ? 1 FRI#5 *)', ['01-30']],
  ['cron(0 0 ? NOV-JAN 1L *)', ['01-25', '11-29', '12-27']],
  ['cron(0 0 ? 1 L,2 *)', ['01-03', '01-05', '01-10', '01-12', '01-17', '01-19', '01-24', '01-26', '01-31']],
  ['0 0 L 1,2 *', ['01-31', '02-28']],
  ['0 0 L,15 2 *', ['02-15', '02-28']],
  ['0 0 * 1 5L', ['01-30']],
  // Letters in any case, as in names and in AWS's dialect.
  ['0 0 l,15 2 *', ['02-15', '02-28']],
  ['0 0 * 1 fril', ['01-30']],
  ['cron(0 0 lw 1-2 ? *)', ['01-30', '02-27']],
  ['0 0 * 1 sunL', ['01-25']],
  ['0 0 * 1 7L', ['01-25']],
  ['0 0 * 1 FRI#2', ['01-09']],
  ['0 0 * 1 7#1', ['01-04']],
  ['0 0 L 1 MON#1', ['01-05', '01-31']],
  ['0 0 1-7 1 1', ['01-01', '01-02', '01-03', '01-04', '01-05', '01-06', '01-07', '01-12', '01-19', '01-26']],
  // crontab(5): a field with a * is not restricted, so both fields must match.
  ['0 0 */2 1 1', ['01-05', '01-19']],
  ['0 0 1-8 1 */2', ['01-01', '01-03', '01-04', '01-06', '01-08']],
  // Monday, Wednesday, Friday; cron-parser adds Sunday.
  [
    '0 0 * 2 mon/2',
    ['02-02', '02-04', '02-06', '02-09', '02-11', '02-13', '02-16', '02-18', '02-20', '02-23', '02-25', '02-27'],
  ],
  ['0 0 * 2 1-7/6', ['02-01', '02-02', '02-08', '02-09', '02-15', '02-16', '02-22', '02-23']],
  ['0 0 * 2 7/2', ['02-01', '02-08', '02-15', '02-22']],
  // cron-parser refuses lists with overlaps.
  ['0 0 * 2 1-2,2,TUE', ['02-02', '02-03', '02-09', '02-10', '02-16', '02-17', '02-23', '02-24']],
])('days: %s', (expression, days) => {
  const all = slots(expression, 'UTC', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z')
  expect(all.map((slot) => slot.slice(5, 10))).toEqual(days)
})

describe('the edges of a window', () => {
  const daily = parse('0 3 * * *')
  const three = parseInstant('2026-11-24T03:00:00Z')
  const day = 86_400_000

  it('the neighbours of a slot are before and after it, never the slot itself', () => {
    expect(slotAfter(daily, three)).toBe(three + day)
    expect(slotAfter(daily, three - 1)).toBe(three)
    expect(slotAfter(daily, three + 0.5)).toBe(three + day)
    expect(slotBefore(daily, three)).toBe(three - day)
    expect(slotBefore(daily, three + 1)).toBe(three)
    expect(slotBefore(daily, three + 0.5)).toBe(three)
  })

  it('a range of slots is half open', () => {
    expect([...slotsBetween(daily, three, three + day)]).toEqual([three])
    expect([...slotsBetween(daily, three + 1, three + day)]).toEqual([])
    expect([...slotsBetween(daily, three + day, three)]).toEqual([])
  })

  it('slots are made one by one', () => {
    const walk = slotsBetween(parse('* * * * *'), 0, Number.MAX_SAFE_INTEGER)
    expect([walk.next().value, walk.next().value]).toEqual([0, 60_000])
  })

  it('a window looks ahead by the tolerance, and never back', () => {
    expect(windowOf(daily, three - 30_000, 30_000)).toEqual({ slot: three, next: three + day })
    expect(windowOf(daily, three - 30_001, 30_000)?.slot).toBe(three - day)
    expect(windowOf(daily, three, 30_000)?.slot).toBe(three)
    expect(() => windowOf(daily, three, -1)).toThrow('early tolerance is -1 ms. Use 0 or more.')
    expect(() => windowOf(daily, three, Number.NaN)).toThrow('early tolerance is NaN')
  })

  it('a window refuses an invalid time, which other code would take for "now"', () => {
    for (const look of [windowOf, slotAfter, slotBefore]) expect(() => look(daily, Number.NaN)).toThrow('time is NaN')
    expect(() => [...slotsBetween(daily, Number.NaN, 1)]).toThrow('time is NaN')
  })

  it('the early tolerance is 30 s, or a twentieth of the window', () => {
    const at = parseInstant('2026-11-24T12:00:01Z')
    expect(earlyToleranceMs(daily, at)).toBe(30_000)
    expect(earlyToleranceMs(parse('*/10 * * * *'), at)).toBe(30_000)
    expect(earlyToleranceMs(parse('*/5 * * * *'), at)).toBe(15_000)
    expect(earlyToleranceMs(parse('* * * * *'), at)).toBe(3_000)
    expect(earlyToleranceMs(parse('* * * * * *'), at)).toBe(50)
    // The window that holds the time counts, not the usual one.
    expect(earlyToleranceMs(parse('0,5 12 * * *'), at)).toBe(15_000)
    expect(earlyToleranceMs(parse('at(2026-01-01T00:00:00)'), at)).toBe(30_000)
    expect(earlyToleranceMs(parse('at(2027-01-01T00:00:00)'), at)).toBe(30_000)
  })

  it('isFireTimeNear tells whether a fire time is near, on either side', () => {
    for (const off of [-60_000, 0, 60_000]) expect(isFireTimeNear(daily, three + off, 60_000)).toBe(true)
    for (const off of [-60_001, 60_001]) expect(isFireTimeNear(daily, three + off, 60_000)).toBe(false)
    expect(isFireTimeNear(parse('at(2026-11-24T03:00:00)'), three - 60_001, 60_000)).toBe(false)
  })
})

const optional = (expression: string, zone: string, from: string, to: string) => {
  const schedule = parse(expression, zone)
  return [...slotsBetween(schedule, parseInstant(from), parseInstant(to))]
    .filter((slot) => isOptional(schedule, slot))
    .map(formatInstant)
}

it('optional slots are those of the second pass, if every hour fires', () => {
  expect(optional('*/30 * * * *', 'Europe/London', '2026-10-24T00:00:00Z', '2026-10-26T00:00:00Z')).toEqual([
    '2026-10-25T01:00:00Z',
    '2026-10-25T01:30:00Z',
  ])
  expect(optional('15 * * * *', 'Australia/Lord_Howe', '2027-04-02T00:00:00Z', '2027-04-05T00:00:00Z')).toEqual([])
  expect(optional('45 * * * *', 'Australia/Lord_Howe', '2027-04-02T00:00:00Z', '2027-04-05T00:00:00Z')).toEqual([
    '2027-04-03T15:15:00Z',
  ])
  // Antarctica/Troll goes back by two hours.
  expect(optional('0 * * * *', 'Antarctica/Troll', '2026-10-24T00:00:00Z', '2026-10-26T00:00:00Z')).toEqual([
    '2026-10-25T01:00:00Z',
    '2026-10-25T02:00:00Z',
  ])
})

it.each([
  ['30 1 * * *', 'Europe/London'],
  ['0 0-22 * * *', 'Europe/London'],
  ['* * * * *', 'UTC'],
  ['* * * * *', 'Asia/Tokyo'],
])('optional slots do not exist for %s in %s', (expression, zone) => {
  expect(optional(expression, zone, '2026-10-24T00:00:00Z', '2026-10-26T00:00:00Z')).toEqual([])
})

it('optional slots are not between two slots that are expected', () => {
  const hourly = parse('0 * * * *', 'Europe/London')
  const [first, third] = [parseInstant('2026-10-25T00:00:00Z'), parseInstant('2026-10-25T02:00:00Z')]
  expect(expectedSlotAfter(hourly, first)).toBe(third)
  expect(expectedSlotBefore(hourly, third)).toBe(first)
  // A trigger that comes in between belongs to the optional slot.
  expect(windowOf(hourly, first + 3_600_000)).toEqual({ slot: first + 3_600_000, next: third })
})

it('rate counts from the anchor, in elapsed time', () => {
  const schedule = parse('rate(90 minutes)', 'Europe/London', '2026-03-28T23:00:00.250Z')
  expect([...slotsBetween(schedule, 0, parseInstant('2026-03-29T03:00:00Z'))].map(formatInstant)).toEqual([
    '2026-03-28T23:00:00.250Z',
    '2026-03-29T00:30:00.250Z',
    '2026-03-29T02:00:00.250Z',
  ])
  expect(slotBefore(schedule, parseInstant('2026-03-28T23:00:00.250Z'))).toBeNull()
})

it('rate has strict neighbours, also of a time between two milliseconds', () => {
  const schedule = parse('rate(1 minute)', 'UTC', '1970-01-01T00:00:00.001Z')
  expect(slotAfter(schedule, 0.5)).toBe(1)
  expect(slotAfter(schedule, 1)).toBe(60_001)
  expect(slotBefore(schedule, 60_001.5)).toBe(60_001)
  expect(slotBefore(schedule, 60_001)).toBe(1)
})

it('rate stays exact far from the anchor', () => {
  const schedule = parse('rate(7 minutes)', 'UTC', '1970-01-01T00:00:00.001Z')
  const slot = 1 + 17_000_000 * 420_000
  expect(windowOf(schedule, slot)).toEqual({ slot, next: slot + 420_000 })
  expect(windowOf(schedule, slot - 1)).toEqual({ slot: slot - 420_000, next: slot })
})

it('at(…) means the first pass of a fold', () => {
  expect(shown(slotAfter(parse('at(2026-11-01T01:30:00)', 'America/New_York'), 0))).toBe('2026-11-01T05:30:00Z')
})

it('at(…) is one slot', () => {
  const schedule = parse('at(2026-11-24T12:00:00)', 'Asia/Tokyo')
  expect(slots('at(2026-11-24T12:00:00)', 'Asia/Tokyo', '1970-01-01T00:00:00Z', '2199-01-01T00:00:00Z')).toEqual([
    '2026-11-24T03:00:00Z',
  ])
  expect(windowOf(schedule, parseInstant('2026-11-24T03:00:00Z'))).toEqual({
    slot: parseInstant('2026-11-24T03:00:00Z'),
    next: null,
  })
  expect(slotBefore(schedule, parseInstant('2026-11-24T03:00:00Z'))).toBeNull()
})
