import { quote, usageError } from '../errors.ts'
import { formatInstant, isLocalTime, isUnixTime, parseInstant } from '../instant.ts'
import type { Instant, Window } from '../types.ts'
import { AmbiguousTime, ambiguousTime, dayIn, instantsOf, isDay, withDate } from './local-time.ts'
import type { Schedule } from './schedule.ts'
import { slotAfter, slotBefore, slotsBetween, windowOf } from './slot.ts'

/** How many slots an error names if a day has several. These are enough to see the pattern, and fit into one line. */
const NAMED_SLOTS = 4

/** Reads an instant, a local time, a date with one slot, or `latest`. Throws a usage error, or `AmbiguousTime`. */
export function parseSlotReference(schedule: Schedule, text: string, now: Instant): Window {
  const slot = instantOf(schedule, text, now)
  const found = windowOf(schedule, slot)
  if (found?.slot !== slot) {
    const near = [slotBefore(schedule, slot), slotAfter(schedule, slot)].filter((at) => at !== null).map(formatInstant)
    throw usageError(
      `slot ${quote(text)} is not a slot of ${schedule.spec.expression} in ${schedule.spec.zone}. ${near.length === 0 ? 'It has no slots' : `The nearest slots are ${near.join(' and ')}`}.`,
    )
  }
  return { slot, end: found.next }
}

function instantOf(schedule: Schedule, text: string, now: Instant): Instant {
  if (text === 'latest') return latest(schedule, now)
  if (isDay(text)) return onlySlotOf(schedule, withDate(text, schedule.spec.zone, now))
  if (isLocalTime(text)) return slotAtLocal(schedule, text)
  return givenInstant(text)
}

/** Returns the instant of the text, also if it is not a slot. Null: the text has a meaning only with a schedule. */
export function instantWithoutSchedule(text: string): Instant | null {
  return text === 'latest' || isDay(text) || isLocalTime(text) ? null : givenInstant(text)
}

function givenInstant(text: string): Instant {
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) || isUnixTime(text)) return parseInstant(text, 'slot')
  throw usageError(
    `slot ${quote(text)} is not valid. Use an instant (2026-11-24T03:00:00Z), a local time (2026-11-24T12:00), a date with one slot (2026-11-24, yesterday), or latest.`,
  )
}

function latest(schedule: Schedule, now: Instant): Instant {
  const found = windowOf(schedule, now)
  if (found === null)
    throw usageError(`slot "latest" does not exist: no slot of ${schedule.spec.expression} is due yet.`)
  return found.slot
}

function onlySlotOf(schedule: Schedule, date: string): Instant {
  const { zone } = schedule.spec
  const slots: Instant[] = []
  for (const { from, to } of dayIn(date, zone, 'slot')) {
    for (const slot of slotsBetween(schedule, from, to)) {
      if (slots.push(slot) > NAMED_SLOTS) break
    }
  }
  const [only] = slots
  if (only === undefined)
    throw usageError(`slot ${quote(date)}: the schedule has no slots on that day in ${zone}. Use another day.`)
  if (slots.length > 1) {
    const more = slots.length > NAMED_SLOTS ? ', …' : ''
    const named = slots.slice(0, NAMED_SLOTS).map(formatInstant).join(', ')
    throw new AmbiguousTime(
      `slot ${quote(date)}: there are several slots on that day in ${zone}. Use one of ${named}${more}.`,
    )
  }
  return only
}

function slotAtLocal(schedule: Schedule, text: string): Instant {
  const { zone } = schedule.spec
  const instants = instantsOf(text, zone, 'slot')
  // In an autumn fold, either of the two instants may be a slot.
  const slots = instants.filter((at) => windowOf(schedule, at)?.slot === at)
  if (slots.length > 1) throw ambiguousTime(text, zone, 'slot', slots)
  return slots[0] ?? instants[0]
}
