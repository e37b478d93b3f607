import { isNear } from '../../near.ts'
import { MACROS } from '../macros.ts'
import type { Mistake } from './mistake.ts'

/** Finds a schedule in words, a macro that other programs have, and a time of day. */
export function wordsMistake(text: string): Mistake | null {
  return macroMistake(text) ?? bareMacro(text) ?? english(text) ?? timeOfDay(text)
}

const OTHER_MACROS: Readonly<Record<string, string>> = {
  minutely: '* * * * *',
  every_minute: '* * * * *',
  everyminute: '* * * * *',
  secondly: '* * * * * *',
  every_second: '* * * * * *',
  everysecond: '* * * * * *',
  every_hour: '@hourly',
  every_day: '@daily',
  noon: '0 12 * * *',
  weekdays: '0 0 * * 1-5',
  workdays: '0 0 * * 1-5',
  weekends: '0 0 * * 0,6',
  quarterly: '0 0 1 1,4,7,10 *',
}

function macroMistake(text: string): Mistake | null {
  const [, name, rest = ''] = /^@(\S*)(?:\s+(.*))?$/.exec(text.toLowerCase()) ?? []
  if (name === undefined) return null
  if (name === 'every') {
    return {
      what: '@every is not a macro',
      ...(intervalIn(rest) ?? { advice: 'Use rate(…), which counts minutes, hours or days.' }),
    }
  }
  if (/^(?:re)?boot$|^startup$/.test(name)) {
    return {
      what: `@${name} means the start of a machine, which is not a time, so it has no slot`,
      advice: 'Use a schedule with times, for example @daily.',
    }
  }
  if (rest !== '') return null
  const [, count, unit] = /^(?:every_?)?(\d+)_?([a-z]+)$/.exec(name) ?? []
  const what = `@${name} is not a macro`
  if (count !== undefined && unit !== undefined) {
    const interval = intervalIn(`${count} ${unit}`)
    return interval === null ? null : { what, ...interval }
  }
  const schedule = OTHER_MACROS[name] ?? Object.keys(MACROS).find((macro) => isNear(macro, `@${name}`))
  return schedule === undefined ? null : { what, schedule }
}

function bareMacro(text: string): Mistake | null {
  const schedule = `@${text.toLowerCase()}`
  return Object.hasOwn(MACROS, schedule) ? { what: 'a macro begins with "@"', schedule } : null
}

const IN_WORDS = 'a schedule in words is not supported'

const SINGLE: Readonly<Record<string, string>> = {
  ...OTHER_MACROS,
  second: '* * * * * *',
  minute: '* * * * *',
  hour: '@hourly',
  day: '@daily',
  night: '@daily',
  midnight: '@daily',
  week: '@weekly',
  month: '@monthly',
  quarter: '0 0 1 1,4,7,10 *',
  year: '@yearly',
  weekday: '0 0 * * 1-5',
  weekend: '0 0 * * 0,6',
}

function english(text: string): Mistake | null {
  const words = text.toLowerCase().trim()
  const [, period] = /^(?:every|each|once an?)\s+(.+)$/.exec(words) ?? []
  if (period === undefined) {
    const interval = /^\d+\s*[a-z]+$/.test(words) ? intervalIn(words) : null
    return interval === null ? null : { what: IN_WORDS, ...interval }
  }
  const [, what = '', at] = /^(.*?)(?:\s+at\s+(.+))?$/.exec(period) ?? []
  const days = SINGLE[what] === undefined ? weekdaysIn(what) : null
  if (at !== undefined) {
    const onDays = what === 'day' || what === 'night' ? '*' : (days ?? (what === 'weekday' ? '1-5' : null))
    const schedule = onDays === null ? null : atTime(at, onDays)
    return schedule === null ? null : { what: IN_WORDS, schedule }
  }
  const schedule = SINGLE[what] ?? (days === null ? undefined : `0 0 * * ${days}`)
  if (schedule !== undefined) return { what: IN_WORDS, schedule }
  const interval = intervalIn(period)
  return interval === null ? null : { what: IN_WORDS, ...interval }
}

/** Reads `mon`, `monday`, `mondays`, and lists and ranges of them. Returns them as crontab has them. */
function weekdaysIn(text: string): string | null {
  const days = text
    .replace(/\s*(?:,|and|&)\s*/g, ',')
    .replace(/\s*(?:\.\.|-|to)\s*/g, '-')
    .replace(/\b(sun|mon|tue|wed|thu|fri|sat)(?:s|nes|rs|ur)?(?:day)?s?\b/g, (_, day: string) => day.toUpperCase())
  return /^[A-Z]{3}(?:[,-][A-Z]{3})*$/.test(days) ? days : null
}

/** Finds a time of day, alone or as systemd has it: `03:00`, `Mon..Fri 03:00`, `*-*-* 03:00:00`. */
function timeOfDay(text: string): Mistake | null {
  const [, days, time] =
    /^(?:([a-z]{3,}(?:(?:\.\.|,|-)[a-z]{3,})*)\s+)?(?:daily\s+)?(?:\*-\*-\*\s+)?(?:at\s+)?(\d{1,2}:\d{2}(?::00)?|\d{1,2}\s*[ap]m)$/i.exec(
      text,
    ) ?? []
  if (time === undefined) return null
  const onDays = days === undefined || days.toLowerCase() === 'daily' ? '*' : weekdaysIn(days.toLowerCase())
  const schedule = onDays === null ? null : atTime(time, onDays)
  const what = text.startsWith('*-') ? 'this is an OnCalendar form of systemd' : 'a time of day alone is not a schedule'
  return schedule === null ? null : { what, schedule }
}

/** Returns a crontab expression for a time such as `3:00`, `3am` or `noon`, or null. */
function atTime(text: string, days: string): string | null {
  if (text === 'noon') return `0 12 * * ${days}`
  if (text === 'midnight') return `0 0 * * ${days}`
  const [, hourText, minutes = '00', half] = /^(\d{1,2})(?::(\d{2}))?(?::00)?\s*([ap]m)?$/i.exec(text) ?? []
  if (hourText === undefined) return null
  const hour = Number(hourText)
  const of24 = half === undefined ? hour : (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  return of24 > 23 || Number(minutes) > 59 ? null : `${Number(minutes)} ${of24} * * ${days}`
}

const UNITS: readonly (readonly [name: RegExp, seconds: number])[] = [
  [/^s(?:ecs?|econds?)?$/, 1],
  [/^m(?:ins?|inutes?)?$/, 60],
  [/^h(?:rs?|ours?)?$/, 3_600],
  [/^d(?:ays?)?$/, 86_400],
  [/^w(?:eeks?|ks?)?$/, 604_800],
]

const NUMBERS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ')

/**
 * Reads an interval such as `5 minutes`, `90m`, `1h30m`, `five minutes`, `other day` or `hour`. Returns the schedule
 * that has it, or advice if none has it. Returns null for any other text.
 */
export function intervalIn(text: string): Pick<Mistake, 'schedule' | 'advice'> | null {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/^other\b/, '2')
    .replace(/^an?\b/, '1')
  const months = /^(\d*)\s*(month|quarter|year)s?$/.exec(words)
  if (months !== null) return monthly(Number(months[1] || 1), months[2] ?? '')
  let seconds = 0
  const rest = words.replace(
    /(\d+(?:\.\d+)?|[a-z]+(?=\s))?\s*([a-z]+)\s*/g,
    (part, number: string | undefined, unit: string) => {
      const count = number === undefined ? 1 : NUMBERS.includes(number) ? NUMBERS.indexOf(number) : Number(number)
      const size = UNITS.find(([name]) => name.test(unit))?.[1]
      if (size === undefined || Number.isNaN(count)) return part
      seconds += count * size
      return ''
    },
  )
  if (rest !== '' || seconds <= 0 || seconds > 36_525 * 86_400) return null
  if (seconds % 60 === 0) return { schedule: rateOf(seconds / 60) }
  if (seconds < 60 && 60 % seconds === 0) return { schedule: seconds === 1 ? '* * * * * *' : `*/${seconds} * * * * *` }
  return { advice: 'Use rate(…), which counts whole minutes, hours or days.' }
}

function rateOf(minutes: number): string {
  const [count, unit] =
    minutes % 1440 === 0 ? [minutes / 1440, 'day'] : minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute']
  return `rate(${count} ${unit}${count === 1 ? '' : 's'})`
}

function monthly(count: number, unit: string): Pick<Mistake, 'schedule' | 'advice'> {
  const months = count * { month: 1, quarter: 3 }[unit === 'quarter' ? 'quarter' : 'month'] * (unit === 'year' ? 12 : 1)
  if (months === 1) return { schedule: '@monthly' }
  if (months === 12) return { schedule: '@yearly' }
  if (12 % months === 0) return { schedule: `0 0 1 */${months} *` }
  return { advice: 'Use cron(…), whose fields have months and years.' }
}
