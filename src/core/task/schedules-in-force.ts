import { LedgerError } from '../errors.ts'
import { isDate, isLocalTime } from '../instant.ts'
import { AmbiguousTime, withDate } from '../schedule/local-time.ts'
import { parseSchedule, type Schedule } from '../schedule/schedule.ts'
import { isFireTimeNear } from '../schedule/slot.ts'
import { parseSlotReference } from '../schedule/slot-reference.ts'
import type { Instant, ScheduleSpec, Window } from '../types.ts'
import type { ScheduleSince, Schedules } from './task-record.ts'

export interface InForce extends Omit<ScheduleSince, 'spec'> {
  readonly schedule: Schedule
}

/** Throws a usage error if this version or its time zone data cannot read one of them. */
export function parseSchedules({ schedules }: { readonly schedules: Schedules }): readonly InForce[] {
  return schedules.map(({ spec, ...rest }) => ({ ...rest, schedule: parseSchedule(spec) }))
}

/** Returns the schedules that this version can read. One that cannot be read must not hide the others, or the rows. */
export function readableSchedules(schedules: Schedules, emitProblem = (_problem: string) => {}): readonly InForce[] {
  return schedules.flatMap((one) => {
    try {
      return parseSchedules({ schedules: [one] })
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      emitProblem(error.message)
      return []
    }
  })
}

/**
 * Returns the slot that the operator means: that of the schedule in force then, or else of the latest schedule that has it. If
 * the schedule in force on that day has several slots for a date or a local time, or none on the date, the operator did not
 * mean a slot of another schedule. Throws the usage error of the latest schedule.
 */
export function parseSlotBySchedules(schedules: Schedules, given: string, now: Instant) {
  const text = withDate(given, schedules.at(-1)?.spec.zone ?? 'UTC', now)
  const isLocal = isDate(text) || isLocalTime(text)
  const dayInForce = isLocal ? schedules.findLast(({ since }) => since <= middayOf(text)) : undefined
  let firstError: LedgerError | null = null
  let latest: { readonly window: Window; readonly spec: ScheduleSpec } | null = null
  for (const one of schedules.toReversed()) {
    const { since, spec } = one
    try {
      const window = parseSlotReference(parseSchedule(spec), text, now)
      if (window.slot >= since) return { window, spec }
      latest ??= { window, spec }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      if (one === dayInForce && (isDate(text) || error instanceof AmbiguousTime)) throw error
      firstError ??= error
    }
  }
  if (latest !== null) return latest
  throw firstError ?? new Error('a task record without a schedule')
}

/** In every zone, noon in UTC is close enough to find the schedule that had most of that day. */
function middayOf(local: string): Instant {
  return Date.parse(`${local.slice(0, 10)}T12:00:00Z`)
}

/** Returns the schedule in force that has `slot`, otherwise the latest one that has it, or null. The oldest is first. */
export function scheduleWith(schedules: readonly InForce[], slot: Instant): Schedule | null {
  const having = schedules.filter(({ schedule }) => isFireTimeNear(schedule, slot, 0))
  return (having.findLast(({ since }) => since <= slot) ?? having.at(-1))?.schedule ?? null
}

/**
 * Returns the schedule in force at the slot that `slotIn` finds, or the oldest, with the slots between which it was in force.
 * `until` is null if no other one replaced it. Null: `schedules` is empty.
 */
export function scheduleInForce(schedules: Schedules, slotIn: (schedule: Schedule) => Instant | null) {
  let until: Instant | null = null
  for (const [index, { since, spec }] of [...schedules.entries()].reverse()) {
    const schedule = parseSchedule(spec)
    const slot = slotIn(schedule)
    if (index === 0 || (slot !== null && slot >= since)) return { schedule, since, until }
    until = since
  }
  return null
}
