import { DateTime } from 'luxon'
import { usageError } from './errors.ts'
import { formatInstant, parseInstant } from './instant.ts'
import { quote } from './problem.ts'
import type { Schedule } from './schedule.ts'
import { slotAfter, slotBefore, slotOf, slotsBetween } from './slot.ts'
import type { Instant, Window } from './types.ts'

/** Of a day with several slots, how many an error names: enough to see the pattern, short enough for one line. */
const NAMED_SLOTS = 4

/**
 * The slot that a person means: an instant (`2026-11-24T03:00:00Z`), local time in the schedule's zone
 * (`2026-11-24T12:00`), a date with exactly one slot (`2026-11-24`), or `latest`, the newest that is due.
 *
 * Throws a usage error that names what is near where the text is no slot.
 */
export function resolveSlot(schedule: Schedule, text: string, now: Instant): Window {
  const slot = instantOf(schedule, text, now)
  const found = slotOf(schedule, slot)
  if (found?.slot !== slot) {
    const near = [slotBefore(schedule, slot), slotAfter(schedule, slot)].filter((at) => at !== null).map(formatInstant)
    throw usageError(
      `slot ${quote(text)} is no slot of ${schedule.spec.expression} in ${schedule.spec.zone}; near it: ${near.join(' and ') || 'none'}`,
    )
  }
  return { slot, end: found.next }
}

const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/

function instantOf(schedule: Schedule, text: string, now: Instant): Instant {
  if (text === 'latest') return latest(schedule, now)
  if (isDate(text)) return onlySlotOf(schedule, text)
  if (LOCAL_TIME.test(text)) return localTime(schedule, text)
  return givenInstant(text)
}

/** The instant that the text is, with a slot or none; null where it takes a schedule to tell it. */
export function instantWithoutSchedule(text: string): Instant | null {
  return text === 'latest' || isDate(text) || LOCAL_TIME.test(text) ? null : givenInstant(text)
}

function givenInstant(text: string): Instant {
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text)) return parseInstant(text, 'slot')
  throw usageError(
    `slot is ${quote(text)}; allowed are an instant ("2026-11-24T03:00:00Z"), local time ("2026-11-24T12:00"), a date with one slot ("2026-11-24"), or latest`,
  )
}

/** A date alone, which means the one slot of that day. */
export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text)
}

function latest(schedule: Schedule, now: Instant): Instant {
  const found = slotOf(schedule, now)
  if (found === null) throw usageError(`slot "latest": no slot of ${schedule.spec.expression} is due yet`)
  return found.slot
}

function onlySlotOf(schedule: Schedule, date: string): Instant {
  const day = DateTime.fromISO(date, { zone: schedule.spec.zone })
  if (!day.isValid) throw usageError(`slot ${quote(date)} is no date`)
  // Luxon moves on to the next day where a zone left one out: Pacific/Apia had no 30 December 2011.
  if (day.toISODate() !== date) throw usageError(`slot ${quote(date)}: ${schedule.spec.zone} had no such day`)
  const slots: string[] = []
  for (const slot of slotsBetween(
    schedule,
    day.startOf('day').toMillis(),
    day.plus({ days: 1 }).startOf('day').toMillis(),
  )) {
    slots.push(formatInstant(slot))
    if (slots.length > NAMED_SLOTS) break
  }
  const [only] = slots
  if (only === undefined || slots.length > 1) {
    const more = slots.length > NAMED_SLOTS ? ', …' : ''
    const what = only === undefined ? 'no slot' : `several: ${slots.slice(0, NAMED_SLOTS).join(', ')}${more}; name one`
    throw usageError(`slot ${quote(date)}: on that day in ${schedule.spec.zone} there is ${what}`)
  }
  return parseInstant(only)
}

function localTime(schedule: Schedule, text: string): Instant {
  const { zone } = schedule.spec
  const local = DateTime.fromISO(text, { zone })
  if (!local.isValid) throw usageError(`slot ${quote(text)} is no time`)
  // In a spring gap luxon moves the time on; in an autumn fold there are two instants, and either may be a slot.
  const moved = local.toFormat("yyyy-MM-dd'T'HH:mm") !== text.slice(0, 16)
  if (moved) throw usageError(`slot ${quote(text)}: the clocks of ${zone} skip that time`)
  const instants = local.getPossibleOffsets().map((time) => time.toMillis())
  const slots = instants.filter((at) => slotOf(schedule, at)?.slot === at)
  if (slots.length > 1) {
    throw usageError(`slot ${quote(text)} comes twice in ${zone}: ${slots.map(formatInstant).join(' and ')}; name one`)
  }
  return slots[0] ?? local.toMillis()
}
