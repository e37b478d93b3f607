import { quote } from '../../errors.ts'
import { isForm } from '../form.ts'
import type { Mistake } from './mistake.ts'

/** Finds fields of crontab in `cron(…)`, fields of `cron(…)` or of Quartz in a crontab, and a field too many. */
export function cronMistake(text: string): Mistake | null {
  const inside = /^cron\((.*)\)$/.exec(text)?.[1]
  if (inside !== undefined) return inCron(cronFields(inside))
  return /[()@]/.test(text) ? null : inCrontab(cronFields(text))
}

function cronFields(text: string): readonly string[] {
  return text.trim().split(/[ \t]+/)
}

const isZero = (field: string | undefined) => field !== undefined && /^0+$/.test(field)
const cron = (fields: readonly string[]) => `cron(${fields.join(' ')})`

function inCron(fields: readonly string[]): Mistake | null {
  const seconds = isZero(fields[0])
  if (seconds && (fields.length === 7 || (fields.length === 6 && (fields[3] === '?' || fields[5] === '?')))) {
    const others = fields.slice(1)
    return {
      what: 'cron(…) begins with minutes, because AWS has no seconds',
      schedule: cron(others.length === 5 ? [...others, '*'] : others),
    }
  }
  if (fields.length !== 5 && fields.length !== 6) return null
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year = '*'] = fields
  const of = (day: string, week: string) => cron([minutes, hours, day, month, week, year])
  if (dayOfMonth === '?' && dayOfWeek === '?') {
    return { what: 'day of month and day of week are both "?", and only one may be', schedule: of('*', '?') }
  }
  if (dayOfMonth === '?' || dayOfWeek === '?') {
    if (!hasZero(dayOfWeek)) return null
    return {
      what: `day of week is ${quote(dayOfWeek)}, and cron(…) counts Sunday as 1`,
      schedule: of('?', named(dayOfWeek, 0)),
    }
  }
  const what = 'cron(…) needs a "?" for day of month or day of week'
  if (dayOfWeek === '*') return { what, schedule: of(dayOfMonth, '?') }
  if (dayOfMonth !== '*') {
    return {
      what: 'cron(…) takes a day of month or a day of week, not both',
      advice: 'Replace one of them by "?". A crontab expression takes both, and fires when either matches.',
    }
  }
  const [unix, aws] = [of('?', named(dayOfWeek, 0)), of('?', named(dayOfWeek, 1))]
  if (!/\d/.test(dayOfWeek) || hasZero(dayOfWeek) || !isForm(unix) || !isForm(aws)) return { what, schedule: unix }
  return {
    what,
    advice: `Use --schedule '${unix}' if Sunday is 0 as in a crontab, or '${aws}' if Sunday is 1 as on AWS.`,
  }
}

const hasZero = (dayOfWeek: string) => /(?<![\d/#])0(?!\d)/.test(dayOfWeek)

const NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

/** Returns a day of week with names instead of numbers, where `sunday` is the number of Sunday. */
function named(dayOfWeek: string, sunday: 0 | 1): string {
  return dayOfWeek.replace(/(?<![\d/#])\d+/g, (digits) => NAMES[(Number(digits) - sunday + 7) % 7] ?? digits)
}

function inCrontab(fields: readonly string[]): Mistake | null {
  if (fields.length < 5 || fields.length > 7) return null
  const questions = fields.flatMap((field, index) => (field === '?' ? [index] : []))
  if (questions.length > 0) return awsFields(fields, questions)
  const year = /^(?:19|20|21)\d\d(?:[-,/].*)?$/.test(fields.at(-1) ?? '') ? fields.at(-1) : undefined
  if (year !== undefined && fields.length > 5) {
    const others = fields.slice(fields.length - 6, -1)
    const hasSeconds = fields.length === 7 && !isZero(fields[0])
    const schedule = hasSeconds ? null : awsOf(others, year)
    return {
      what: 'a crontab has no field for the year, and six fields begin with seconds',
      ...(schedule === null ? { advice: 'Leave the year out, or use cron(…).' } : { schedule }),
    }
  }
  const special = fields
    .at(-3)
    ?.split(',')
    .find((item) => /^(?:\d+W|LW|L-\d+)$/i.test(item))
  if (special === undefined || fields.length > 6) return null
  const hasSeconds = fields.length === 6 && !isZero(fields[0])
  const schedule = hasSeconds ? null : awsOf(fields.slice(-5), '*')
  return {
    what: `day of month is ${quote(special)}, which exists only in cron(…)`,
    ...(schedule === null
      ? { advice: 'AWS has no seconds, and takes a day of month or a day of week, not both.' }
      : { schedule }),
  }
}

/** In AWS's fields the third or fifth field is "?". In Quartz's fields, which begin with seconds, it is the next one. */
function awsFields(fields: readonly string[], questions: readonly number[]): Mistake | null {
  const isQuartz = fields.length > 5 && questions.every((index) => index === 3 || index === 5)
  const isAws = fields.length < 7 && questions.every((index) => index === 2 || index === 4)
  if (!isAws && !isQuartz) return null
  if (isQuartz && !isZero(fields[0])) {
    return {
      what: '"?" exists only in cron(…), and AWS has no seconds',
      advice: 'Write "*" for "?" in a crontab expression, where Sunday is 0.',
    }
  }
  const others = isQuartz ? fields.slice(1) : fields
  return { what: '"?" exists only in cron(…)', schedule: cron(others.length === 5 ? [...others, '*'] : others) }
}

/** Returns five crontab fields as `cron(…)`, or null if AWS cannot have both day fields. */
function awsOf(fields: readonly string[], year: string): string | null {
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields
  if (dayOfWeek === '*') return cron([minutes, hours, dayOfMonth, month, '?', year])
  return dayOfMonth === '*' ? cron([minutes, hours, '?', month, named(dayOfWeek, 0), year]) : null
}
