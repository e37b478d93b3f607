import { DAY_MS } from '../duration.ts'
import { type Problem, quote } from '../errors.ts'
import { parseLocal } from '../instant.ts'
import { isKeyOf } from '../objects.ts'
import type { CronFields } from './calendar.ts'
import { parseAws } from './cron-aws.ts'
import { parseUnix } from './cron-unix.ts'

const MACROS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

/** An expression that was read, without the zone and the anchor that give it a meaning. */
export type Form =
  | { readonly kind: 'cron'; readonly fields: CronFields }
  | { readonly kind: 'rate'; readonly periodMs: number }
  /** `local` is in milliseconds since 1970 on the wall clock of the schedule's zone. */
  | { readonly kind: 'at'; readonly local: number; readonly text: string }

/** One century. The sum of an instant and a period must stay a date whose year has four digits. */
const MAX_RATE_DAYS = 36_525

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: DAY_MS }

/** Reads an expression. Throws the error that `problem` makes if it has none of the forms. */
export function readForm(expression: string, problem: Problem): Form {
  const [, kind, text = ''] = /^(cron|rate|at)\((.*)\)$/.exec(expression) ?? []
  switch (kind) {
    case 'rate':
      return { kind, periodMs: parseRate(text.trim(), problem) }
    case 'at':
      return { kind, ...parseAt(text.trim(), problem) }
    case 'cron':
      return { kind, fields: parseAws(text.trim(), problem) }
    default:
      return { kind: 'cron', fields: parseUnix(withoutMacro(expression, problem), problem) }
  }
}

function withoutMacro(expression: string, problem: Problem): string {
  if (expression.includes('(')) {
    throw problem('this form is not known. Use crontab fields, a macro such as @daily, cron(…), rate(…) or at(…).')
  }
  if (!expression.startsWith('@')) return expression
  const name = expression.toLowerCase()
  if (isKeyOf(name, MACROS)) return MACROS[name] ?? ''
  throw problem(`${quote(expression)} is not a macro. Use one of ${Object.keys(MACROS).join(' ')}.`)
}

/** AWS's guides write both `rate(1 hours)` and `rate(1 hour)`. */
function parseRate(text: string, problem: Problem): number {
  const [, value = '', unit = ''] = /^(\d+)[ \t]+(minute|hour|day)s?$/.exec(text) ?? []
  const periodMs = Number(value) * (UNIT_MS[unit] ?? 0)
  if (periodMs > 0 && periodMs <= MAX_RATE_DAYS * DAY_MS) return periodMs
  throw problem(
    `rate is ${quote(text)}. Use a whole number and minutes, hours or days, from 1 minute to ${MAX_RATE_DAYS} days.`,
  )
}

function parseAt(text: string, problem: Problem): { readonly local: number; readonly text: string } {
  const local = /^(?:19[7-9]|2[01]\d)\d-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(text) ? parseLocal(text) : null
  if (local !== null) return { local, text }
  throw problem(
    `at is ${quote(text)}. Use a date and time without an offset (yyyy-mm-ddThh:mm:ss) in the years 1970 to 2199.`,
  )
}
