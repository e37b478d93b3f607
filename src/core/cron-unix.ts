import { CronExpressionParser } from 'cron-parser'
import { compileDays, type DayTest, FIRST_YEAR, type Fields, LAST_YEAR, sorted, span } from './calendar.ts'
import { type Problem, quote } from './problem.ts'

interface Field {
  readonly name: string
  readonly key: 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek'
  readonly item: RegExp
  readonly allowed: string
}

/** One item of a list. `nth` is the k of `n#k`, else 0; `5L` comes as a text. */
interface Item {
  readonly values: readonly (number | string)[]
  readonly nth: number
}

const NUMBER = '\\d+'
const MONTH = `(?:${NUMBER}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`
const WEEKDAY = `(?:${NUMBER}|sun|mon|tue|wed|thu|fri|sat)`

/** cron-parser takes more than crontab has: `?`, `H` (a random value), run-together names (`janjan` is November). */
function itemOf(value: string, special = ''): RegExp {
  return new RegExp(`^(?:(?:\\*|${value}(?:-${value})?)(?:/\\d+)?${special})$`, 'i')
}

const FIELDS: readonly Field[] = [
  { name: 'seconds', key: 'second', item: itemOf(NUMBER), allowed: '0-59, * , - /' },
  { name: 'minutes', key: 'minute', item: itemOf(NUMBER), allowed: '0-59, * , - /' },
  { name: 'hours', key: 'hour', item: itemOf(NUMBER), allowed: '0-23, * , - /' },
  { name: 'day of month', key: 'dayOfMonth', item: itemOf(NUMBER, '|L'), allowed: '1-31, L, * , - /' },
  { name: 'month', key: 'month', item: itemOf(MONTH), allowed: '1-12 or JAN-DEC, * , - /' },
  {
    name: 'day of week',
    key: 'dayOfWeek',
    item: itemOf(WEEKDAY, `|${WEEKDAY}L|${WEEKDAY}#[1-5]`),
    allowed: '0-7 or SUN-SAT (Sunday is 0 or 7), nL, a single n#1 to n#5, * , - /',
  },
]

/** crontab(5): five fields, or six with seconds first. */
export function parseUnix(expression: string, problem: Problem): Fields {
  const texts = expression.split(/[ \t]+/)
  if (texts.some((text) => text.includes('?'))) {
    throw problem('"?" is only for AWS expressions; if this is one, write it as "cron(…)" with minutes first')
  }
  if (texts.length !== 5 && texts.length !== 6) {
    throw problem(
      `it has ${texts.length} ${texts.length === 1 ? 'field' : 'fields'}; allowed are 5 (minute hour day month weekday), 6 with seconds first, @daily and the like, cron(…), rate(…), at(…)`,
    )
  }
  if (texts.length === 5) texts.unshift('0')
  const [seconds = [], minutes = [], hours = [], daysOfMonth = [], months = [], daysOfWeek = []] = FIELDS.map(
    (field, index) => parseField(field, texts[index] ?? '', problem),
  )
  const inMonth = daysOfMonth.flatMap(dayOfMonthTests)
  const inWeek = daysOfWeek.flatMap(dayOfWeekTests)
  // crontab(5): one field is enough "if both fields are restricted (i.e., do not contain the * character)", so with
  // `*/2` in one of them both must match. cron-parser's own evaluator differs here.
  const both = texts[3]?.includes('*') || texts[5]?.includes('*')
  return {
    seconds: numbersOf(seconds),
    minutes: numbersOf(minutes),
    hours: numbersOf(hours),
    months: new Set(numbersOf(months)),
    years: new Set(span(FIRST_YEAR, LAST_YEAR)),
    days: compileDays((day) => {
      const month = inMonth.some((test) => test(day))
      const week = inWeek.some((test) => test(day))
      return both ? month && week : month || week
    }),
  }
}

function parseField(field: Field, text: string, problem: Problem): readonly Item[] {
  const items = text.split(',')
  return items.map((item) => {
    const known = field.item.test(item) && (items.length === 1 || !item.includes('#'))
    const parsed = known ? parseItem(field, item) : null
    if (parsed === null) {
      const which = items.length === 1 ? 'is' : 'has'
      throw problem(`${field.name} ${which} ${quote(item)}; allowed are ${field.allowed}; ranges run upwards`)
    }
    return parsed
  })
}

/** By cron-parser, one item at a time: of a whole list it rejects overlaps (`1-5,3`), and its errors name no field. */
function parseItem(field: Field, item: string): Item | null {
  // It counts days of the week up to 7, so that 1/2 would mean Sunday as well.
  const value = field.key === 'dayOfWeek' ? item.replace(/^(0*[0-6]|[a-z]{3})\//i, '$1-6/') : item
  const texts = FIELDS.map(({ key }) => (key === field.key ? value : '*'))
  try {
    // Without a date it would read the clock.
    const { fields } = CronExpressionParser.parse(texts.join(' '), { currentDate: new Date(0), tz: 'UTC' })
    return { values: fields[field.key].values, nth: fields.dayOfWeek.nthDay }
  } catch {
    return null
  }
}

function numbersOf(items: readonly Item[]): readonly number[] {
  return sorted(items.flatMap(({ values }) => values.map(Number)))
}

function dayOfMonthTests({ values }: Item): readonly DayTest[] {
  return values.map((value) => (value === 'L' ? ({ day, length }) => day === length : ({ day }) => day === value))
}

function dayOfWeekTests({ values, nth }: Item): readonly DayTest[] {
  return values.map((value) => {
    const wanted = Number.parseInt(String(value), 10) % 7
    if (typeof value === 'string') return ({ day, weekday, length }) => weekday === wanted && day > length - 7
    return ({ day, weekday }) => weekday === wanted && (nth === 0 || Math.ceil(day / 7) === nth)
  })
}
