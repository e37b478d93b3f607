import { type Problem, quote } from '../errors.ts'
import { type CronFields, compileDays, type Day, type DayTest, onDayOfMonth, onWeekday, sorted } from './calendar.ts'
import { wrongItem } from './cron-unix.ts'

/** The names are those of the values from `first` on. */
const field = (name: string, first: number, last: number, allowed: string, names = '') => {
  return { name, first, last, allowed, names: names.split(' ') }
}
type AwsField = ReturnType<typeof field>

const MINUTES = field('minutes', 0, 59, '0-59, * , - /')
const HOURS = field('hours', 0, 23, '0-23, * , - /')
const DAY_OF_MONTH = field('day of month', 1, 31, '1-31, L, LW, L-0 to L-30, 1W to 31W, ?, * , - /')
const MONTH = field('month', 1, 12, '1-12 or JAN-DEC, * , - /', 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC')
const WEEKDAYS = '1-7 or SUN-SAT (Sunday is 1), L, 1L to 7L, a single n#1 to n#5, ?, * , - /'
const DAY_OF_WEEK = field('day of week', 1, 7, WEEKDAYS, 'SUN MON TUE WED THU FRI SAT')
const YEAR = field('year', 1970, 2199, '1970-2199, * , - /')

/** Reads the fields of `cron(…)`, according to the user guides of EventBridge and EventBridge Scheduler. */
export function parseAws(text: string, problem: Problem): CronFields {
  const texts = text.split(/[ \t]+/)
  if (texts.length !== 5 && texts.length !== 6) {
    const count = text === '' ? 0 : texts.length
    throw problem(
      `cron(…) has ${count} ${count === 1 ? 'field' : 'fields'}. Use 6 (minutes hours day-of-month month day-of-week year).`,
    )
  }
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year = '*'] = texts
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw problem(
      `day of month is ${quote(dayOfMonth)} and day of week is ${quote(dayOfWeek)}. Exactly one of the two must be "?".`,
    )
  }
  const list = (field: AwsField, text: string) => parseItems(field, text, problem, (item) => valuesOf(field, item))
  const dayTests =
    dayOfWeek === '?'
      ? parseItems(DAY_OF_MONTH, dayOfMonth, problem, dayOfMonthTests)
      : parseItems(DAY_OF_WEEK, dayOfWeek, problem, dayOfWeekTests)
  return {
    seconds: [0],
    minutes: sorted(list(MINUTES, minutes)),
    hours: sorted(list(HOURS, hours)),
    months: new Set(list(MONTH, month)),
    years: new Set(list(YEAR, year)),
    days: compileDays((day) => dayTests.some((test) => test(day))),
    everyDay: false,
  }
}

/** Returns the valid parts that no guide of AWS describes. `20-2`, `SUNL` and `MON-SUN` are in a guide. */
export function undocumentedForms(text: string): readonly string[] {
  const texts = text.split(/[ \t]+/)
  const forms = texts.length === 5 ? ['cron(…) with five fields (write the year as the sixth field, "*")'] : []
  for (const [index, field] of [MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK].entries()) {
    const items = (texts[index] ?? '').split(',')
    for (const item of items) {
      if (field === DAY_OF_MONTH && /^L-/i.test(item)) forms.push(`${quote(item)} (a day before the last of the month)`)
      else if (items.length > 1 && /L|W/i.test(item) && !field.names.includes(item.toUpperCase())) {
        forms.push(`${quote(item)} in a list`)
      }
      if (field !== HOURS && runsBackwards(field, item)) {
        forms.push(`${quote(item)} in ${field.name}, a range that runs over the end of the field`)
      }
    }
  }
  return forms
}

/** Returns whether a range ends at a lower value than it begins, except a week that ends on Sunday (`MON-SUN`). */
function runsBackwards(field: AwsField, item: string): boolean {
  const [, low = '', high = ''] = /^(\w+)-(\w+)(?:\/\d+)?$/.exec(item) ?? []
  const [from, to] = [numberOf(field, low), numberOf(field, high)]
  return from > to && !(field === DAY_OF_WEEK && to === field.first)
}

function parseItems<T>(
  field: AwsField,
  text: string,
  problem: Problem,
  parse: (item: string) => readonly T[] | null,
): readonly T[] {
  const items = text.split(',')
  return items.flatMap((item) => {
    // According to the user guide, a field with a # holds only one expression.
    const parsed = items.length > 1 && item.includes('#') ? null : parse(item)
    if (parsed !== null) return parsed
    throw wrongItem(field, item, items, problem)
  })
}

/** Reads `*`, `a` and `a-b`, also with `/n`, and `/n` alone. `a/n` runs to the end of the field. Null: other text. */
function valuesOf(field: AwsField, item: string): readonly number[] | null {
  const match = /^(?:\*|(?=\/)|([0-9]+|[a-z]{3})(?:-([0-9]+|[a-z]{3}))?)(?:\/([0-9]+))?$/i.exec(item)
  if (match === null) return null
  const [, low, high, every] = match
  const step = Number(every ?? 1)
  const from = low === undefined ? field.first : numberOf(field, low)
  let to = field.last
  if (high !== undefined) to = numberOf(field, high)
  else if (low !== undefined && every === undefined) to = from
  const size = field.last - field.first + 1
  if (Number.isNaN(from + to) || step < 1 || step > size) return null
  if (from > to) {
    // A range may run over the end of any other field, as in 22-2.
    if (field === YEAR) return null
    to += size
  }
  const values: number[] = []
  for (let value = from; value <= to; value += step) values.push(value > field.last ? value - size : value)
  return values
}

/** Returns the number that a text such as `7` or `MON` stands for, or NaN if the field has no such value. */
function numberOf(field: AwsField, text: string): number {
  const named = field.names.indexOf(text.toUpperCase())
  const value = named === -1 ? Number(text) : field.first + named
  return value >= field.first && value <= field.last ? value : Number.NaN
}

function dayOfMonthTests(item: string): readonly DayTest[] | null {
  const fromEnd = /^L(?:-(\d+))?$/i.exec(item)
  if (fromEnd !== null) {
    const before = Number(fromEnd[1] ?? 0)
    return before > 30 ? null : [({ day, length }) => day === length - before]
  }
  if (/^LW$/i.test(item)) return [(today) => today.day === nearestWorkday(today, today.length)]
  const near = /^(\d+)W$/i.exec(item)
  if (near !== null) {
    const wanted = numberOf(DAY_OF_MONTH, near[1] ?? '')
    if (Number.isNaN(wanted)) return null
    return [(today) => wanted <= today.length && today.day === nearestWorkday(today, wanted)]
  }
  return valuesOf(DAY_OF_MONTH, item)?.map(onDayOfMonth) ?? null
}

/** Returns the day from Monday to Friday that is nearest to day `wanted` in the same month. */
function nearestWorkday({ day, weekday, length }: Day, wanted: number): number {
  switch ((((weekday + wanted - day) % 7) + 7) % 7) {
    case 6:
      return wanted === 1 ? 3 : wanted - 1
    case 0:
      return wanted === length ? wanted - 2 : wanted + 1
    default:
      return wanted
  }
}

function dayOfWeekTests(item: string): readonly DayTest[] | null {
  if (/^L$/i.test(item)) return [onWeekday(6)]
  const special = /^(\d+|[a-z]{3})(?:L|#([1-5]))$/i.exec(item)
  if (special !== null) {
    const wanted = numberOf(DAY_OF_WEEK, special[1] ?? '') - 1
    if (Number.isNaN(wanted)) return null
    return [onWeekday(wanted, special[2] === undefined ? 'last' : Number(special[2]))]
  }
  return valuesOf(DAY_OF_WEEK, item)?.map((value) => onWeekday(value - 1)) ?? null
}
