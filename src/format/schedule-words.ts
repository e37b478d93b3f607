import cronstrue from 'cronstrue'
import { DAY_MS } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import { rangesText, rateText } from '../core/schedule/aws-expression.ts'
import { parseSchedule, type Schedule } from '../core/schedule/schedule.ts'
import { slotsBetween } from '../core/schedule/slot.ts'
import { listed } from './text.ts'

/** Up to this many times of a day are listed one by one. Such a list is easy to read and cannot be misunderstood. */
const NAMED_TIMES = 6
/** AWS allows the years 1970 to 2199. A schedule that has all of them fires in every year. */
const ALL_YEARS = 230

/** A month of 31 days, and a week that starts on a Sunday. Each value of a day field is one day in one of them. */
const LONG_MONTH = { from: Date.UTC(2026, 0, 1), days: 31 }
const WEEK = { from: Date.UTC(2026, 2, 1), days: 7 }

/** cronstrue describes day fields, uneven steps and seconds wrongly, so it gets a form that has only one meaning. */
export function inWords(schedule: Schedule): string {
  const { expression, zone } = schedule.spec
  switch (schedule.kind) {
    case 'rate': {
      const [, count = '', unit = ''] = /(\d+)[ \t]+(\w+)/.exec(expression) ?? []
      const period = rateText(count, unit).replace(/^1 /, '')
      const day = unit.startsWith('day') ? ' (a day is always 24 hours, also when clocks change)' : ''
      return `Every ${period} from ${formatInstant(schedule.anchor)} on${day}`
    }
    case 'at':
      return `Once, at ${expression.slice('at('.length, -1).trim().replace('T', ' ')} in ${zone}`
    case 'cron': {
      // cronstrue describes names such as `@daily` correctly.
      if (expression.startsWith('@')) return words(expression.toLowerCase())
      const { seconds, minutes, hours, months, years } = schedule.fields
      return [
        seconds.length * minutes.length * hours.length <= NAMED_TIMES
          ? `At ${listed(timesOf(seconds, minutes, hours), 'and')}`
          : timeWords(seconds, minutes, hours),
        dayWords(expression),
        months.size < 12 && phrase(`0 0 * ${rangesText([...months])} *`),
        years.size < ALL_YEARS && phrase(`0 0 0 * * * ${fieldText([...years], ALL_YEARS)}`),
      ]
        .filter(Boolean)
        .join(', ')
    }
  }
}

function timesOf(seconds: readonly number[], minutes: readonly number[], hours: readonly number[]): string[] {
  const two = (value: number) => String(value).padStart(2, '0')
  return hours.flatMap((hour) =>
    minutes.flatMap((minute) =>
      seconds.map((second) => `${two(hour)}:${two(minute)}${second === 0 ? '' : `:${two(second)}`}`),
    ),
  )
}

function timeWords(seconds: readonly number[], minutes: readonly number[], hours: readonly number[]): string {
  const onTheMinute = seconds.length === 1 && seconds[0] === 0
  const onTheHour = minutes.length === 1 && minutes[0] === 0
  if (onTheMinute && onTheHour) return words(`0 0 ${fieldText(hours, 24)} * * *`)
  const parts: string[] = []
  if (!onTheMinute) parts.push(words(`${fieldText(seconds, 60)} * * * * *`))
  if (onTheHour) parts.push('in minute 0 of the hour')
  else if (onTheMinute || minutes.length < 60) parts.push(words(`0 ${fieldText(minutes, 60)} * * * *`))
  // We do not use cronstrue for a single hour. It would say "at 03:00", but the schedule need not fire at that time.
  if (hours.length === 1) parts.push(`in hour ${hours[0]}`)
  else if (hours.length < 24)
    parts.push(`in the hours ${listed(rangesText(hours).replaceAll('-', ' to ').split(','), 'and')}`)
  return parts.map((part, index) => (index === 0 ? part : part.charAt(0).toLowerCase() + part.slice(1))).join(', ')
}

function dayWords(expression: string): string {
  const aws = expression.startsWith('cron(')
  const texts = (aws ? expression.slice('cron('.length, -1).trim() : expression).split(/[ \t]+/)
  const [dayOfMonth = '', , dayOfWeek = ''] = texts.slice(aws || texts.length === 5 ? 2 : 3)
  const month = dayOfMonth === '?' ? '' : dayOfMonthWords(dayOfMonth, aws)
  const week = dayOfWeek === '?' ? '' : dayOfWeekWords(dayOfWeek, aws)
  if (aws) return month + week
  // crontab(5): if one of the fields contains a star, a day must match both. Otherwise it must match only one of them,
  // so a field that holds every day makes the schedule fire on every day.
  if (!dayOfMonth.includes('*') && !dayOfWeek.includes('*')) {
    return month && week && `${month} or ${week} (either is enough)`
  }
  return month && week ? `on days that are both: ${month}; ${week}` : month + week
}

function dayOfMonthWords(text: string, aws: boolean): string {
  const { plain, special } = itemsOf(text, /[LW]/)
  const expression = aws ? `cron(0 0 ${plain} * ? *)` : `0 0 ${plain} * *`
  const days = plain === '' ? [] : firingDays(expression, LONG_MONTH).map((day) => day + 1)
  if (days.length === LONG_MONTH.days) return ''
  const texts = days.length === 0 ? special : [fieldText(days, LONG_MONTH.days), ...special]
  return texts.map((days) => phrase(`0 0 ${days} * *`)).join(' or ')
}

function dayOfWeekWords(text: string, aws: boolean): string {
  const { plain, special } = itemsOf(text, /L|#/)
  const expression = aws ? `cron(0 0 ? * ${plain} *)` : `0 0 * * ${plain}`
  const days = plain === '' ? [] : firingDays(expression, WEEK)
  if (days.length === WEEK.days) return ''
  const usual = days.length === 0 ? [] : [phrase(`0 0 * * ${rangesText(days)}`)]
  // Sunday is 1 in AWS, and 0 or 7 in a crontab.
  return [...usual, ...special.map((day) => phrase(`0 0 * * ${day}`, !aws))].join(' or ')
}

/** `special` lists the items whose days depend on the month, such as `L`. */
function itemsOf(text: string, special: RegExp): { plain: string; special: string[] } {
  const items = text
    .toUpperCase()
    .replace(/\b0+(?=\d)/g, '')
    .split(',')
  return {
    plain: items.filter((item) => !special.test(item)).join(','),
    special: items.filter((item) => special.test(item)).map((item) => item.replace(/^L-0$/, 'L')),
  }
}

/** Counts from 0, and uses the parser that runs use, so that the words cannot differ from the runs. */
function firingDays(expression: string, { from, days }: typeof LONG_MONTH): number[] {
  const slots = slotsBetween(parseSchedule({ expression, zone: 'UTC' }), from, from + days * DAY_MS)
  return [...slots].map((slot) => (slot - from) / DAY_MS)
}

/** Returns cronstrue's words for one field of an expression. Its other fields must be midnight and every day. */
function phrase(cron: string, sundayIsZero = true): string {
  return words(cron, sundayIsZero).replace(/^At 00:00(?:, )?(?:only (?=on ))?/, '')
}

function words(cron: string, sundayIsZero = true): string {
  return cronstrue.toString(cron, { use24HourTimeFormat: true, dayOfWeekStartIndexZero: sundayIsZero })
}

/** Returns cron text with only one meaning. A step that ends before the field ends gets its last value (0-56/7). */
export function fieldText(values: readonly number[], size: number): string {
  const [first = 0, second = 0] = values
  const last = values.at(-1) ?? 0
  if (values.length === size) return '*'
  const step = second - first
  const even = values.length > 3 && step > 1 && values.every((value, index) => value === first + index * step)
  if (!even) return rangesText(values)
  return first === 0 && last + step === size ? `*/${step}` : `${first}-${last}/${step}`
}
