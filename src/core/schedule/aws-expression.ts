import { type Problem, scheduleProblem } from '../errors.ts'
import type { Instant } from '../types.ts'
import { type CronFields, daysOfShapes, sorted, span } from './calendar.ts'
import { parseAws } from './cron-aws.ts'
import { type Schedule, slotAfter } from './slot.ts'

const MAX_LENGTH = 256

/**
 * Returns the expression, and for `rate(…)` the start date from which it counts: the slot after now. Only EventBridge Scheduler
 * has one. Throws a usage error if AWS cannot express the schedule: an approximation would fire at other times.
 */
export function awsExpression(schedule: Schedule, now: Instant) {
  const [, text = ''] = /^\w+\((.*)\)$/.exec(schedule.spec.expression) ?? []
  const words = text.split(/[ \t]+/).filter(Boolean)
  switch (schedule.kind) {
    case 'at':
      return { expression: `at(${words.join('')})`, startDate: null }
    case 'rate': {
      const [count = '', unit = ''] = words
      return { expression: `rate(${rateText(count, unit)})`, startDate: slotAfter(schedule, now) }
    }
    case 'cron':
      return { expression: cronOf(schedule, words), startDate: null }
  }
}

/** EventBridge rules accept the plural only with more than one. */
export function rateText(count: string, unit: string): string {
  const number = Number(count)
  return `${number} ${unit.replace(/s$/, '')}${number === 1 ? '' : 's'}`
}

function cronOf({ spec, fields }: Extract<Schedule, { kind: 'cron' }>, own: readonly string[]): string {
  const problem = scheduleProblem(spec.expression)
  if (own.length > 0) return `cron(${[...own, ...(own.length === 5 ? ['*'] : [])].join(' ').toUpperCase()})`
  if (fields.seconds.some((second) => second !== 0)) {
    throw problem('AWS has no seconds and fires at :00 only. Use seconds of 0.')
  }
  const [minutes, hours, months] = [
    listText(fields.minutes, 0, 59),
    listText(fields.hours, 0, 23),
    listText(sorted(fields.months), 1, 12),
  ]
  const [dayOfMonth, dayOfWeek] = dayTexts(fields, problem)
  const expression = `cron(${minutes} ${hours} ${dayOfMonth} ${months} ${dayOfWeek} *)`
  if (expression.length > MAX_LENGTH)
    throw problem(
      `as an AWS expression it has ${expression.length} characters. AWS allows ${MAX_LENGTH}. Use several schedules on AWS, and keep this one here.`,
    )
  return expression
}

function listText(values: readonly number[], first: number, last: number): string {
  const [from = first, second = last] = values
  const step = second - from
  const steps = values.every((value, index) => value === from + index * step) && from + values.length * step > last
  if (values.length > 2 && step > 1 && steps) return `${from}/${step}`
  return values.length === last - first + 1 ? '*' : rangesText(values)
}

/** Returns `1,3-5`. */
function rangesText(values: readonly number[]): string {
  const runs: number[][] = []
  for (const value of values) {
    const run = runs.at(-1)
    if (run?.at(-1) === value - 1) run.push(value)
    else runs.push([value])
  }
  return runs.map((run) => (run.length > 2 ? `${run[0]}-${run.at(-1)}` : run.join(','))).join(',')
}

/** One of the two texts must be `?`. The special forms stand alone. Takes the candidate that our parser reads as these days. */
function dayTexts({ days, months }: CronFields, problem: Problem): readonly [dayOfMonth: string, dayOfWeek: string] {
  const wanted = daysOfShapes(days, months)
  const found = candidates(wanted).find(([dayOfMonth, dayOfWeek]) => {
    const read = parseAws(`0 0 ${dayOfMonth} * ${dayOfWeek} *`, problem)
    return daysOfShapes(read.days, months).every((mask, shape) => mask === wanted[shape])
  })
  if (found !== undefined) return found
  throw problem(
    'AWS cannot express its days, because it takes a day of month or a day of week, never both, and L or # only alone. Use several schedules on AWS, and keep this one here.',
  )
}

function candidates(days: readonly number[]): readonly (readonly [string, string])[] {
  const anywhere = days.reduce((all, mask) => all | mask, 0)
  const inMonth = span(1, 31).filter((day) => anywhere & (1 << (day - 1)))
  // The month of shape 0 starts on a Sunday, so its first week has each weekday once.
  const inWeek = span(1, 7).filter((day) => (days[0] ?? 0) & (1 << (day - 1)))
  const weekdays = span(1, 7)
  return [
    ['*', '?'],
    ...(inMonth.length === 0 ? [] : [[listText(inMonth, 1, 31), '?'] as const]),
    // The guide of EventBridge lists no steps for the day of week.
    ...(inWeek.length === 0 ? [] : [['?', rangesText(inWeek)] as const]),
    ['L', '?'],
    ...weekdays.flatMap((day) => span(1, 5).map((nth) => ['?', `${day}#${nth}`] as const)),
    ...weekdays.map((day) => ['?', `${day}L`] as const),
  ]
}
