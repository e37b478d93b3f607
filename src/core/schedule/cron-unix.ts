import type { Problem } from '../errors.ts'
import { type CronFields, compileDays, type DayTest, EVERY_YEAR, onDayOfMonth, sorted } from './calendar.ts'
import {
  type CronField,
  field,
  HOURS,
  MINUTES,
  MONTH,
  parseItems,
  valuesOfItem,
  WEEKDAYS,
  weekdayTests,
} from './cron-field.ts'

const SECONDS = field('seconds', 0, 59, '0-59, * , - /')
const DAY_OF_MONTH = field('day of month', 1, 31, '1-31, L, * , - /')
const DAYS = '0-7 or SUN-SAT (Sunday is 0 or 7), nL, a single n#1 to n#5, * , - /'
const DAY_OF_WEEK = { ...field('day of week', 0, 7, DAYS, WEEKDAYS), size: 7 }

export function parseUnix(expression: string, problem: Problem): CronFields {
  const texts = expression.split(/[ \t]+/)
  if (texts.some((text) => text.includes('?'))) {
    throw problem('"?" is only for AWS expressions. Write an AWS expression as "cron(…)", with minutes first.')
  }
  if (texts.length !== 5 && texts.length !== 6) {
    throw problem(
      `it has ${texts.length} ${texts.length === 1 ? 'field' : 'fields'}. Use 5 (minute hour day month weekday) or 6 with seconds first, a macro such as @daily, cron(…), rate(…) or at(…).`,
    )
  }
  if (texts.length === 5) texts.unshift('0')
  const [seconds = '', minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = ''] = texts
  const read = <T>(field: CronField, text: string, parse: (item: string) => readonly T[] | null) =>
    parseItems(
      field,
      text,
      problem,
      (item) => (item.startsWith('/') ? null : parse(item)),
      ' A range goes from low to high.',
    )
  const list = (field: CronField, text: string) => read(field, text, (item) => valuesOfItem(field, item, false))
  const fields = {
    seconds: sorted(list(SECONDS, seconds)),
    minutes: sorted(list(MINUTES, minutes)),
    hours: sorted(list(HOURS, hours)),
  }
  const inMonth = read(DAY_OF_MONTH, dayOfMonth, dayOfMonthTests)
  const months = new Set(list(MONTH, month))
  const inWeek = read(DAY_OF_WEEK, dayOfWeek, dayOfWeekTests)
  // According to crontab(5), one matching field is enough "if both fields are restricted (i.e., do not contain the *
  // character)". So if one of them is `*/2`, both must match.
  const both = dayOfMonth.includes('*') || dayOfWeek.includes('*')
  return {
    ...fields,
    months,
    years: EVERY_YEAR,
    days: compileDays((day) => {
      const isInMonth = inMonth.some((test) => test(day))
      const isInWeek = inWeek.some((test) => test(day))
      return both ? isInMonth && isInWeek : isInMonth || isInWeek
    }),
    everyDay: texts.slice(3).every((text) => text === '*'),
  }
}

function dayOfMonthTests(item: string): readonly DayTest[] | null {
  if (/^L$/i.test(item)) return [({ day, length }) => day === length]
  return valuesOfItem(DAY_OF_MONTH, item, false)?.map(onDayOfMonth) ?? null
}

/** A range may end with Sunday, as in MON-SUN or 5-0. The days of 1/2 are those up to Saturday. */
function dayOfWeekTests(item: string): readonly DayTest[] | null {
  const text = item
    .replace(/^(?!(?:0+|sun)-)(.*)-(?:0+|sun)(?=\/|$)/i, '$1-7')
    .replace(/^(0*[0-6]|[a-z]{3})(?=\/)/i, '$1-6')
  return weekdayTests(DAY_OF_WEEK, text, false)
}
