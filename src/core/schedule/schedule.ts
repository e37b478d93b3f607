import { DAY_MS } from '../duration.ts'
import { type Problem, quote, scheduleProblem, usageError } from '../errors.ts'
import { parseLocal } from '../instant.ts'
import type { ScheduleSpec } from '../types.ts'
import { parseAws } from './cron-aws.ts'
import { parseUnix } from './cron-unix.ts'
import { canFire, type Schedule } from './slot.ts'
import { firstInstantAt, openZone, type Zone } from './zone.ts'

export type { Schedule } from './slot.ts'

/**
 * AWS's limit for a schedule expression, in characters. A longer text is a mistake, and reading it must not cost time.
 */
const MAX_EXPRESSION_LENGTH = 256

/** One century. The sum of an instant and a period must stay a date whose year has four digits. */
const MAX_RATE_DAYS = 36_525

/** The end of AWS's years, as for every instant that is read. */
const MAX_ANCHOR = Date.UTC(2200, 0, 1) - 1

const MACROS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: DAY_MS }

/**
 * Reads a schedule as the user wrote it. Throws a usage error of one line if the schedule is wrong or can never fire.
 */
export function parseSchedule(spec: ScheduleSpec): Schedule {
  if (spec.expression.length > MAX_EXPRESSION_LENGTH) {
    throw usageError(`schedule has ${spec.expression.length} characters; allowed are ${MAX_EXPRESSION_LENGTH}`)
  }
  const expression = spec.expression.trim()
  const problem = scheduleProblem(expression)
  if (expression === '') throw problem('it is empty; write one such as "0 3 * * *" or "cron(0 3 * * ? *)"')
  const zone = openZone(spec.zone)
  const trimmed = { ...spec, expression }

  const form = /^(cron|rate|at)\((.*)\)$/.exec(expression)
  const [, kind, text = ''] = form ?? []
  if (kind === 'rate') return { spec: trimmed, kind, ...parseRate(text.trim(), spec.anchor, problem) }
  if (spec.anchor !== undefined) throw problem('an anchor is only for rate(…); leave it out')
  if (kind === 'at') return { spec: trimmed, kind, instant: parseAt(text.trim(), zone, spec.zone, problem) }

  const fields = kind === 'cron' ? parseAws(text.trim(), problem) : parseUnix(macro(expression, problem), problem)
  if (!canFire(fields, zone)) {
    throw problem(
      `it can never fire in ${spec.zone}: no date of the calendar, or no time of the zone's clocks, matches`,
    )
  }
  return { spec: trimmed, kind: 'cron', fields, zone }
}

/** Returns the crontab fields that a macro stands for. Returns any other expression unchanged. */
function macro(expression: string, problem: Problem): string {
  if (expression.includes('(')) {
    throw problem('allowed forms are crontab fields, @daily and the like, cron(…), rate(…), at(…), in lower case')
  }
  if (!expression.startsWith('@')) return expression
  const name = expression.toLowerCase()
  const meaning = Object.hasOwn(MACROS, name) ? MACROS[name] : undefined
  if (meaning === undefined) throw problem(`no such macro; allowed are ${Object.keys(MACROS).join(' ')}`)
  return meaning
}

function parseRate(
  text: string,
  anchor: number | undefined,
  problem: Problem,
): { readonly anchor: number; readonly periodMs: number } {
  const [, value = '', unit = '', plural] = /^(\d+)[ \t]+(minute|hour|day)(s?)$/.exec(text) ?? []
  const count = Number(value)
  const periodMs = count * (UNIT_MS[unit] ?? 0)
  if (periodMs === 0 || periodMs > MAX_RATE_DAYS * DAY_MS) {
    throw problem(
      `rate is ${quote(text)}; allowed is a number and minute(s), hour(s) or day(s), 1 minute to ${MAX_RATE_DAYS} days`,
    )
  }
  if ((count === 1) !== (plural === '')) {
    throw problem(`rate is ${quote(text)}; write "${count} ${unit}${count === 1 ? '' : 's'}"`)
  }
  if (anchor === undefined) {
    throw problem('rate(…) needs an anchor (--anchor), the instant that it counts from: the start date of the schedule')
  }
  if (!Number.isSafeInteger(anchor) || anchor < 0 || anchor > MAX_ANCHOR) {
    throw problem(`anchor is ${anchor}; allowed are whole milliseconds since 1970-01-01T00:00:00Z, up to the year 2199`)
  }
  return { anchor, periodMs }
}

function parseAt(text: string, zone: Zone, zoneName: string, problem: Problem): number {
  const local = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(text) ? parseLocal(text) : null
  if (local === null || !/^(?:19[7-9]|2[01]\d)\d/.test(text)) {
    throw problem(
      `at is ${quote(text)}; allowed is a date and time, yyyy-mm-ddThh:mm:ss without an offset, in the years 1970 to 2199`,
    )
  }
  const second = firstInstantAt(zone, local / 1000)
  if (second === null) throw problem(`at is ${quote(text)}; the clocks of ${zoneName} skip that time`)
  return second * 1000
}
