import fc from 'fast-check'
import { DateTime } from 'luxon'
import { expect, test } from 'vitest'
import { parseSchedule, type Schedule } from '../../../src/core/schedule/schedule.ts'
import { isOptional, slotAfter, slotsBetween, windowOf } from '../../../src/core/schedule/slot.ts'

// A second evaluator, which shares no code with the first: it makes an expression together with the set of values that
// each field means, walks over every minute of some days, and asks Luxon for the offset of each quarter of an hour.

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

interface Part {
  readonly text: string
  readonly values: readonly number[]
}

interface FieldRange {
  readonly first: number
  readonly last: number
  readonly names?: readonly string[]
  /** AWS: ranges wrap, and a step may stand alone. */
  readonly aws: boolean
}

const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']

function every(from: number, count: number, step: number, { first, last }: FieldRange): number[] {
  const size = last - first + 1
  const values: number[] = []
  for (let index = 0; index < count; index += step) values.push(((from - first + index) % size) + first)
  return values
}

function item(field: FieldRange): fc.Arbitrary<Part> {
  const { first, last, names, aws } = field
  const size = last - first + 1
  const value = fc.integer({ min: first, max: last })
  const step = fc.integer({ min: 1, max: size })
  const text = (number: number, named: boolean) => (named && names ? (names[number - first] ?? '') : String(number))
  const range = fc.tuple(value, value, fc.boolean(), fc.option(step)).map(([a, b, named, by]) => {
    const [from, to] = aws || a <= b ? [a, b] : [b, a]
    const count = to >= from ? to - from + 1 : size - (from - to) + 1
    const end = by === null ? '' : `/${by}`
    return { text: `${text(from, named)}-${text(to, named)}${end}`, values: every(from, count, by ?? 1, field) }
  })
  return fc.oneof(
    fc.tuple(value, fc.boolean()).map(([number, named]) => ({ text: text(number, named), values: [number] })),
    range,
    step.map((by) => ({ text: `*/${by}`, values: every(first, size, by, field) })),
    fc
      .tuple(value, step)
      .map(([from, by]) => ({ text: `${from}/${by}`, values: every(from, last - from + 1, by, field) })),
    ...(aws ? [step.map((by) => ({ text: `/${by}`, values: every(first, size, by, field) }))] : []),
  )
}

/** A crontab range of weekdays that ends with Sunday. */
const toSunday = fc
  .tuple(
    fc.integer({ min: 1, max: 6 }),
    fc.constantFrom('0', 'SUN', '7', 'sun'),
    fc.option(fc.integer({ min: 1, max: 7 })),
  )
  .map(([from, sunday, by]): Part => {
    const values: number[] = []
    for (let day = from; day <= 7; day += by ?? 1) values.push(day % 7)
    return { text: `${from}-${sunday}${by === null ? '' : `/${by}`}`, values }
  })

function list(field: FieldRange, more: readonly fc.Arbitrary<Part>[] = []): fc.Arbitrary<Part> {
  const items = fc.array(fc.oneof(item(field), ...more), { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(','),
    values: parts.flatMap(({ values }) => values),
  }))
  const all = { text: '*', values: every(field.first, field.last - field.first + 1, 1, field) }
  return fc.oneof(fc.constant(all), items)
}

/** A local time, as the fields of an expression see it. `weekday` is 0 for Sunday. */
interface Local {
  readonly minute: number
  readonly hour: number
  readonly day: number
  readonly month: number
  readonly weekday: number
}

interface Case {
  readonly expression: string
  matches(local: Local): boolean
}

const CRONTAB: fc.Arbitrary<Case> = fc
  .tuple(
    list({ first: 0, last: 59, aws: false }),
    list({ first: 0, last: 23, aws: false }),
    list({ first: 1, last: 31, aws: false }),
    list({ first: 1, last: 12, names: MONTHS, aws: false }),
    list({ first: 0, last: 6, names: WEEKDAYS, aws: false }, [toSunday]),
  )
  .map(([minute, hour, day, month, weekday]) => ({
    expression: [minute, hour, day, month, weekday].map(({ text }) => text).join(' '),
    matches(local) {
      const onDay = day.values.includes(local.day)
      const onWeekday = weekday.values.includes(local.weekday)
      const both = day.text.includes('*') || weekday.text.includes('*')
      return (
        minute.values.includes(local.minute) &&
        hour.values.includes(local.hour) &&
        month.values.includes(local.month) &&
        (both ? onDay && onWeekday : onDay || onWeekday)
      )
    },
  }))

const AWS: fc.Arbitrary<Case> = fc
  .tuple(
    list({ first: 0, last: 59, aws: true }),
    list({ first: 0, last: 23, aws: true }),
    list({ first: 1, last: 31, aws: true }),
    list({ first: 1, last: 12, names: MONTHS, aws: true }),
    list({ first: 1, last: 7, names: WEEKDAYS, aws: true }),
    fc.boolean(),
  )
  .map(([minute, hour, day, month, weekday, byWeekday]) => ({
    expression: `cron(${minute.text} ${hour.text} ${byWeekday ? '?' : day.text} ${month.text} ${byWeekday ? weekday.text : '?'} *)`,
    matches: (local) =>
      minute.values.includes(local.minute) &&
      hour.values.includes(local.hour) &&
      month.values.includes(local.month) &&
      (byWeekday ? weekday.values.includes(local.weekday + 1) : day.values.includes(local.day)),
  }))

/** Zones and dates near which their clocks change. */
const PLACES = fc.constantFrom(
  ['UTC', '2026-02-27'],
  ['Asia/Tokyo', '2024-02-28'],
  ['America/New_York', '2026-11-01'],
  ['America/New_York', '2027-03-14'],
  ['Europe/London', '2026-10-25'],
  ['Australia/Lord_Howe', '2027-04-03'],
  ['Australia/Lord_Howe', '2026-10-03'],
  ['Antarctica/Troll', '2026-10-25'],
  ['America/Havana', '2026-11-01'],
  ['Asia/Kathmandu', '2026-05-31'],
  ['Pacific/Apia', '2011-12-29'],
  ['Africa/Casablanca', '2026-03-22'],
  // An evening that belongs to the day before the change comes twice, a week of summer time, and a day that is left out.
  ['America/Sao_Paulo', '2018-02-17'],
  ['America/Recife', '2000-10-08'],
  ['America/Recife', '2000-10-15'],
  ['Pacific/Kwajalein', '1993-08-20'],
)

interface Minute {
  readonly at: number
  readonly local: Local
  /** The clocks showed this local time before. */
  readonly isAgain: boolean
}

/** Every minute from a day before `date` to two days after it. */
function minutesAround(zone: string, date: string): readonly Minute[] {
  const start = Date.parse(`${date}T00:00Z`)
  const seen = new Set<number>()
  const minutes: Minute[] = []
  let offset = 0
  for (let at = start - 3 * DAY_MS; at < start + 2 * DAY_MS; at += MINUTE_MS) {
    // The clocks of these zones change at a quarter of an hour.
    if (at % (15 * MINUTE_MS) === 0) offset = DateTime.fromMillis(at, { zone }).offset
    const shown = at + offset * MINUTE_MS
    const date = new Date(shown)
    const isAgain = seen.has(shown)
    seen.add(shown)
    if (at < start - DAY_MS) continue
    const [minute, hour, weekday] = [date.getUTCMinutes(), date.getUTCHours(), date.getUTCDay()]
    const local = { minute, hour, day: date.getUTCDate(), month: date.getUTCMonth() + 1, weekday }
    minutes.push({ at, local, isAgain })
  }
  return minutes
}

/** A schedule such as 31 April is refused, so it has no slots. */
function scheduleThatFires(expression: string, zone: string): Schedule | null {
  try {
    return parseSchedule({ expression, zone })
  } catch (error) {
    expect((error as Error).message).toContain('it can never fire')
    return null
  }
}

const walked = new Map<string, readonly Minute[]>()

test.each([
  ['crontab', CRONTAB],
  ['cron(…)', AWS],
] as const)('a naive walk over every minute finds the same slots: %s', (_, cases) => {
  fc.assert(
    fc.property(cases, PLACES, (one, [zone, date]) => {
      const schedule = scheduleThatFires(one.expression, zone)
      fc.pre(schedule !== null)
      const minutes = walked.get(zone + date) ?? minutesAround(zone, date)
      walked.set(zone + date, minutes)
      const everyHour = schedule.kind === 'cron' && new Set(schedule.fields.hours).size === 24
      // A local time that comes twice counts once, unless every hour fires.
      const expected = minutes.filter(({ local, isAgain }) => one.matches(local) && (!isAgain || everyHour))
      const from = minutes[0]?.at ?? 0
      const slots = [...slotsBetween(schedule, from, from + 3 * DAY_MS)]
      expect(slots).toEqual(expected.map(({ at }) => at))
      expect(slots.filter((slot) => isOptional(schedule, slot))).toEqual(
        expected.filter(({ isAgain }) => isAgain).map(({ at }) => at),
      )
      const [first] = slots
      if (first === undefined) return
      expect(windowOf(schedule, first)?.slot).toBe(first)
      expect(slotAfter(schedule, first - 1)).toBe(first)
    }),
    { numRuns: 150 },
  )
})
