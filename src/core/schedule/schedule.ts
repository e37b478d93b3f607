import { type Problem, quote, scheduleProblem, usageError } from '../errors.ts'
import type { Instant, ScheduleSpec } from '../types.ts'
import { readForm } from './form.ts'
import { canFire, type Schedule } from './slot.ts'
import { firstInstantAt, openZone } from './zone.ts'

export type { Schedule } from './slot.ts'

/** AWS's limit. A longer text is a mistake, and reading it must not cost time. */
const MAX_EXPRESSION_LENGTH = 256

/** The end of AWS's years, as for every instant that is read. */
const MAX_ANCHOR = Date.UTC(2200, 0, 1) - 1

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
  const zone = openZone(spec.zone)
  const trimmed = { ...spec, expression }
  const form = readForm(expression, problem)
  if (form.kind === 'rate') return { spec: trimmed, ...form, anchor: checkAnchor(spec.anchor, problem) }
  if (spec.anchor !== undefined) throw problem('only rate(…) has an anchor. Leave out --anchor.')
  switch (form.kind) {
    case 'at': {
      const second = firstInstantAt(zone, form.local / 1000)
      if (second !== null) return { spec: trimmed, kind: 'at', instant: second * 1000 }
      throw problem(`at is ${quote(form.text)}, but the clocks in ${spec.zone} skip that time. Use another time.`)
    }
    case 'cron':
      if (canFire(form.fields, zone)) return { spec: trimmed, ...form, zone }
      throw problem(
        `it can never fire in ${spec.zone}. No date of the calendar, or no time of the zone's clocks, matches it.`,
      )
  }
}

function checkAnchor(anchor: Instant | undefined, problem: Problem): Instant {
  if (anchor === undefined) {
    throw problem('rate(…) requires an anchor, the instant that it counts from. Give the start date with --anchor.')
  }
  if (Number.isSafeInteger(anchor) && anchor >= 0 && anchor <= MAX_ANCHOR) return anchor
  throw problem(
    `anchor is ${anchor}. Use whole milliseconds since 1970-01-01T00:00:00Z, up to the end of the year 2199.`,
  )
}
