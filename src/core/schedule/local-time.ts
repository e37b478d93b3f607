import { LedgerError, quote, usageError } from '../errors.ts'
import { formatInstant, parseLocal } from '../instant.ts'
import type { Instant } from '../types.ts'
import { DAY_SECONDS } from './calendar.ts'
import { openZone, stretchesOf } from './zone.ts'

// This file converts local times of a zone to instants. The conversion of Luxon guesses an offset, and near a clock
// change it guesses wrong. It takes the second midnight of a day that has two, and it treats some times as skipped that
// are not skipped.

/** The usage error about a time that has several meanings. Only its author can say which one is right. */
export class AmbiguousTime extends LedgerError {
  constructor(message: string) {
    super('usage', message)
  }
}

interface Stretch {
  readonly from: Instant
  readonly to: Instant
}

type Several<T> = readonly [T, ...T[]]

/**
 * Returns when it is that day (`2026-11-24`): in two stretches if the clocks are put back over midnight. Throws a usage
 * error that calls the value `name` if the zone has no such day.
 */
export function dayIn(date: string, zone: string, name: string): Several<Stretch> {
  const midnight = parseLocal(`${date}T00:00`)
  if (midnight === null) throw usageError(`${name} ${quote(date)} is not a valid date. Use YYYY-MM-DD.`)
  const [first, ...others] = stretches(midnight / 1000, DAY_SECONDS, zone)
  if (first === undefined)
    throw usageError(`${name} ${quote(date)} does not exist: ${zone} skipped that day. Use another day.`)
  return [first, ...others]
}

/**
 * Returns the instants at which the clocks of the zone show a local time, for which `isLocalTime` is true. There are two
 * in a fold. Throws a usage error that calls the value `name` if the time does not exist in the zone.
 */
export function instantsOf(text: string, zone: string, name: string): Several<Instant> {
  const local = parseLocal(text)
  if (local === null)
    throw usageError(`${name} ${quote(text)} is not a valid date and time. Check the month, the day and the time.`)
  const [first, ...others] = stretches(local / 1000, 1, zone).map(({ from }) => from)
  if (first === undefined)
    throw usageError(`${name} ${quote(text)} does not exist: the clocks in ${zone} skip it. Use another time.`)
  return [first, ...others]
}

/** Returns the error about a local time that comes at several instants, without anything that tells which is meant. */
export function ambiguousTime(text: string, zone: string, name: string, instants: readonly Instant[]): AmbiguousTime {
  const named = instants.map(formatInstant).join(' or ')
  return new AmbiguousTime(`${name} ${quote(text)} occurs twice in ${zone}, because the clocks go back. Use ${named}.`)
}

function stretches(local: number, seconds: number, zone: string): Stretch[] {
  return [...stretchesOf(openZone(zone), local, local + seconds)].map(({ from, to }) => ({
    from: from * 1000,
    to: to * 1000,
  }))
}
