import { DAY_MS } from '../duration.ts'
import { option, type Problem, quote, said, scheduleProblem, usageError } from '../errors.ts'
import { parseLocal } from '../instant.ts'
import { isKeyOf } from '../objects.ts'
import type { ScheduleSpec } from '../types.ts'
import { parseAws } from './cron-aws.ts'
import { parseUnix } from './cron-unix.ts'
import { canFire, type Schedule } from './slot.ts'
import { firstInstantAt, openZone } from './zone.ts'

export type { Schedule } from './slot.ts'

/** AWS's limit. A longer text is a mistake, and reading it must not cost time. */
const MAX_EXPRESSION_LENGTH = 256

/** One century. The sum of an instant and a period must stay a date whose year has four digits. */
const MAX_RATE_DAYS = 36_525

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: DAY_MS }

const MACROS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

/** Commands read the schedules of all tasks several times, and cron-parser takes 0.3 ms for each. The limit is for memory. */
const MAX_KEPT = 10_000
const kept = new Map<string, Schedule>()

/** Throws a usage error for a schedule that is not valid. Equal schedules are parsed once. */
export function parseSchedule(spec: ScheduleSpec): Schedule {
  const key = JSON.stringify([spec.expression, spec.zone, spec.anchor])
  const earlier = kept.get(key)
  if (earlier !== undefined) return earlier
  const schedule = parse(spec)
  if (kept.size < MAX_KEPT) kept.set(key, schedule)
  return schedule
}

function parse(spec: ScheduleSpec): Schedule {
  if (spec.expression.length > MAX_EXPRESSION_LENGTH) {
    throw usageError(`schedule has ${spec.expression.length} characters. At most ${MAX_EXPRESSION_LENGTH} are allowed.`)
  }
  const expression = spec.expression.trim()
  const problem = scheduleProblem(expression)
  if (expression === '') throw problem('it is empty. Use one such as "0 3 * * *" or "cron(0 3 * * ? *)".')
  const [, ownZone, ofZone = ''] = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/.exec(expression) ?? []
  if (ownZone !== undefined)
    throw problem(
      said`its time zone is an option of its own. Use the schedule ${quote(ofZone)} with ${option('timezone')} ${ownZone}.`,
    )
  if (/^@every\b/i.test(expression)) throw problem('for an interval, use rate(…) such as rate(1 hour), with an anchor.')
  const zone = openZone(spec.zone)
  const trimmed = { ...spec, expression }
  const [, kind, argument = ''] = /^(cron|rate|at)\((.*)\)$/.exec(expression) ?? []
  const text = argument.trim()
  if (kind === 'rate') {
    const periodMs = parseRate(text, problem)
    if (spec.anchor !== undefined) return { spec: trimmed, kind, periodMs, anchor: spec.anchor }
    throw problem(
      said`rate(…) requires an anchor, the instant that it counts from. Give the start date with ${option('anchor')}.`,
    )
  }
  if (kind === 'at') {
    const local = parseAt(text, problem)
    checkNoAnchor(spec, problem)
    const second = firstInstantAt(zone, local / 1000)
    if (second !== null) return { spec: trimmed, kind, instant: second * 1000 }
    throw problem(`at is ${quote(text)}, but the clocks in ${spec.zone} skip that time. Use another time.`)
  }
  const fields = kind === 'cron' ? parseAws(text, problem) : parseUnix(withoutMacro(expression, problem), problem)
  checkNoAnchor(spec, problem)
  if (canFire(fields, zone)) return { spec: trimmed, kind: 'cron', fields, zone }
  throw problem(
    `it can never fire in ${spec.zone}. No date of the calendar, or no time of the zone's clocks, matches it.`,
  )
}

function checkNoAnchor({ anchor }: ScheduleSpec, problem: Problem): void {
  if (anchor !== undefined) throw problem(said`only rate(…) has an anchor. Leave out ${option('anchor')}.`)
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

/** Returns milliseconds since 1970 on the wall clock of the schedule's zone. */
function parseAt(text: string, problem: Problem): number {
  const local = /^(?:19[7-9]|2[01]\d)\d-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(text) ? parseLocal(text) : null
  if (local !== null) return local
  throw problem(
    `at is ${quote(text)}. Use a date and time without an offset (yyyy-mm-ddThh:mm:ss) in the years 1970 to 2199.`,
  )
}
