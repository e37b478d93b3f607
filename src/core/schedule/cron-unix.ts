import { CronExpressionParser, type CronFieldCollection } from 'cron-parser'
import { type LedgerError, type Problem, quote } from '../errors.ts'
import { type CronFields, compileDays, type DayTest, EVERY_YEAR, onDayOfMonth, onWeekday, sorted } from './calendar.ts'

interface UnixField {
  readonly name: string
  readonly key: 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek'
  readonly form: RegExp
  readonly size: number
  readonly allowed: string
}

const NUMBER = '\\d+'
const MONTH_FORM = `(?:${NUMBER}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`
const WEEKDAY_FORM = `(?:${NUMBER}|sun|mon|tue|wed|thu|fri|sat)`

/** cron-parser accepts more than crontab has: `?`, `H` (a random value), and `janjan` for November. */
function fieldForm(value: string, special = ''): RegExp {
  return new RegExp(`^(?:(?:\\*|${value}(?:-${value})?)(?:/\\d+)?${special})$`, 'i')
}

const WEEKDAY: UnixField = {
  name: 'day of week',
  key: 'dayOfWeek',
  form: fieldForm(WEEKDAY_FORM, `|${WEEKDAY_FORM}L|${WEEKDAY_FORM}#[1-5]`),
  size: 7,
  allowed: '0-7 or SUN-SAT (Sunday is 0 or 7), nL, a single n#1 to n#5, * , - /',
}

const FIELDS: readonly UnixField[] = [
  { name: 'seconds', key: 'second', form: fieldForm(NUMBER), size: 60, allowed: '0-59, * , - /' },
  { name: 'minutes', key: 'minute', form: fieldForm(NUMBER), size: 60, allowed: '0-59, * , - /' },
  { name: 'hours', key: 'hour', form: fieldForm(NUMBER), size: 24, allowed: '0-23, * , - /' },
  { name: 'day of month', key: 'dayOfMonth', form: fieldForm(NUMBER, '|L'), size: 31, allowed: '1-31, L, * , - /' },
  { name: 'month', key: 'month', form: fieldForm(MONTH_FORM), size: 12, allowed: '1-12 or JAN-DEC, * , - /' },
  WEEKDAY,
]

export function parseUnix(expression: string, problem: Problem): CronFields {
  const texts = expression.split(/[ \t]+/)
  if (texts.some((text) => text.includes('?'))) {
    throw problem('"?" is only for AWS expressions. Write an AWS expression as "cron(…)", with minutes first.')
  }
  if (texts.length !== 5 && texts.length !== 6) {
    if (/[^\S\r\n]/.test(texts.join(''))) {
      throw problem('it has a space that is none of ASCII, such as a no-break space. Write its spaces again.')
    }
    throw problem(
      `it has ${texts.length} ${texts.length === 1 ? 'field' : 'fields'}. Use 5 (minute hour day month weekday) or 6 with seconds first, a macro such as @daily, cron(…), rate(…) or at(…).`,
    )
  }
  const user = texts[5] ?? ''
  if (texts.length === 6 && /^[a-z_][\w-]*$/i.test(user) && !WEEKDAY.form.test(user) && user !== 'L') {
    throw problem(`its last field, ${quote(user)}, seems to be the user of a system crontab. Leave it out.`)
  }
  if (texts.length === 5) texts.unshift('0')
  const parts = partsOf(texts, problem)
  const numbers = (key: UnixField['key']) => parts[key].flatMap((fields) => fields[key].values.map(Number))
  const inMonth = parts.dayOfMonth
    .flatMap(({ dayOfMonth }) => dayOfMonth.values)
    .map((value) => onDayOfMonth(value === 'L' ? 'last' : Number(value)))
  const inWeek = parts.dayOfWeek.flatMap(({ dayOfWeek }) => dayOfWeek.values.map((value) => dayTest(value, dayOfWeek)))
  // According to crontab(5), one matching field is enough "if both fields are restricted (i.e., do not contain the *
  // character)". So if one of them is `*/2`, both must match. The evaluator of cron-parser differs here.
  const both = texts[3]?.includes('*') || texts[5]?.includes('*')
  return {
    seconds: sorted(numbers('second')),
    minutes: sorted(numbers('minute')),
    hours: sorted(numbers('hour')),
    months: new Set(numbers('month')),
    years: EVERY_YEAR,
    days: compileDays((day) => {
      const month = inMonth.some((test) => test(day))
      const week = inWeek.some((test) => test(day))
      return both ? month && week : month || week
    }),
    everyDay: texts.slice(3).every((text) => text === '*'),
  }
}

/** A step that is wider than its field is refused: every 90 minutes of an hour is one minute of each hour. */
function isFormed({ form, size }: UnixField, item: string, items: readonly string[]): boolean {
  const step = Number(/\/(\d+)$/.exec(item)?.[1] ?? 1)
  return item === '*' || (form.test(item) && step <= size && (items.length === 1 || !item.includes('#')))
}

type Parts = Readonly<Record<UnixField['key'], readonly CronFieldCollection[]>>

/**
 * cron-parser reads the expression as a whole. It refuses lists that overlap, such as `1-5,3`, and days that no month has, and its
 * errors name no field. Only then it reads each item alone.
 */
function partsOf(texts: readonly string[], problem: Problem): Parts {
  const lists = FIELDS.map((field, index) => ({ field, items: texts[index]?.split(',') ?? [] }))
  const areFormed = lists.every(({ field, items }) => items.every((item) => isFormed(field, item, items)))
  const whole = areFormed ? parse(texts) : null
  return Object.fromEntries(
    lists.map(({ field, items }) => [field.key, whole === null ? eachAlone(field, items, problem) : [whole]]),
  ) as Parts
}

function eachAlone(field: UnixField, items: readonly string[], problem: Problem): readonly CronFieldCollection[] {
  return items.map((item) => {
    const alone = FIELDS.map(({ key }) => (key === field.key ? item : '*'))
    const fields = isFormed(field, item, items) ? parse(alone) : null
    if (fields === null)
      throw wrongItem(field, item, items, problem, item.includes('-') ? ' A range goes from low to high.' : '')
    return fields
  })
}

export function wrongItem(
  { name, allowed }: { readonly name: string; readonly allowed: string },
  item: string,
  items: readonly string[],
  problem: Problem,
  more = '',
): LedgerError {
  const step = item.includes('/') ? ' A step goes from 1 to the number of values.' : ''
  return problem(`${name} ${items.length === 1 ? 'is' : 'has'} ${quote(item)}. Use ${allowed}.${more}${step}`)
}

function parse(texts: readonly string[]): CronFieldCollection | null {
  const daysOfWeek = (texts.at(-1) ?? '').split(',').map(daysForParser)
  try {
    // Without a date, cron-parser would read the clock.
    const options = { currentDate: new Date(0), tz: 'UTC' }
    // cron-parser accepts names in any case, but only an upper-case L.
    const whole = [...texts.slice(0, -1), daysOfWeek.join(',')].join(' ').toUpperCase()
    return CronExpressionParser.parse(whole, options).fields
  } catch {
    return null
  }
}

function daysForParser(item: string): string {
  return (
    item
      // A range may end with Sunday, as in MON-SUN or 5-0. cron-parser knows that Sunday as 7 only.
      .replace(/^(?!(?:0+|sun)-)(\w+)-(?:0+|sun)\b/i, '$1-7')
      // cron-parser counts days of the week up to 7, so that 1/2 would mean Sunday as well.
      .replace(/^(0*[0-6]|[a-z]{3})\//i, '$1-6/')
  )
}

/** The values of cron-parser are numbers, and texts such as `5L`. The `2` of `5#2` counts for the whole field. */
function dayTest(value: number | string, { nthDay }: CronFieldCollection['dayOfWeek']): DayTest {
  const nth = nthDay === 0 ? undefined : nthDay
  return onWeekday(Number.parseInt(String(value), 10) % 7, typeof value === 'string' ? 'last' : nth)
}
