import { formatInstant } from '../../core/instant.ts'
import { type FoundSuspension, isRetired, openSuspensions } from '../../core/task/suspensions.ts'
import type { Decided, Suspension, TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import { zonedTime } from '../local-time.ts'
import type { Labelled } from '../text.ts'

// Texts about the pauses and retirements of a task. They are not yet safe on a terminal.

/** Returns an instant for an operator: `2026-11-24 12:00 JST (2026-11-24T03:00:00Z)`. */
export function bothTimes(instant: Instant, zone: string): string {
  return `${zonedTime(instant, zone)} (${formatInstant(instant)})`
}

export function isCancelled({ from, until }: Suspension): boolean {
  return until !== null && until <= from
}

/** Returns `from … until …, by ada: reason`, with who ended it before its end. */
export function suspensionText(one: Suspension, zone: string): string {
  const { from, until, ended } = one
  const end = until === null ? ' on' : ` until ${bothTimes(until, zone)}`
  const span = isCancelled(one) ? `planned from ${bothTimes(from, zone)}` : `from ${bothTimes(from, zone)}${end}`
  const ending = ended && ` (${isCancelled(one) ? 'cancelled' : 'ended'} ${decidedText(ended)})`
  return `${span}, ${decidedText(one)}${ending ?? ''}`
}

function decidedText({ by, reason }: Decided): string {
  return `by ${by}: ${reason}`
}

/** Returns why a slot is not expected, as a part of a sentence: `because of the pause from … until …, by ada: reason`. */
export function notExpectedText({ kind, suspension }: FoundSuspension, zone: string): string {
  return `because of the ${kind} ${suspensionText(suspension, zone)}`
}

/** Returns what is in force and planned, by name, as the list of the tasks and the answers of the commands show it. */
export function openTexts(record: TaskRecord, now: Instant, zone: string): readonly Labelled[] {
  const { pauses, retirement } = openSuspensions(record, now)
  const named = (one: Suspension, name: string, noun: string) => {
    const text = suspensionText(one, zone)
    return one.from <= now ? ([name, text] as const) : (['planned', `${noun} ${text}`] as const)
  }
  return [
    ...pauses.map((one) => named(one, 'paused', 'pause')),
    ...(retirement === null ? [] : [named(retirement, 'retired', 'retirement')]),
  ]
}

/** Returns a pause or a retirement as JSON, with the names of `schema/task.schema.json`. */
export function suspensionJson({ from, until, ofAll, ended, ...decided }: Suspension) {
  return {
    from: formatInstant(from),
    until: until === null ? null : formatInstant(until),
    ...(ofAll && { scope: 'all' }),
    ...decidedJson(decided),
    ...(ended !== undefined && { ended: decidedJson(ended) }),
  }
}

function decidedJson({ at, by, reason }: Decided) {
  return { at: formatInstant(at), by, reason }
}

export function openJson(record: TaskRecord, now: Instant) {
  const { pauses, retirement } = openSuspensions(record, now)
  return {
    paused: pauses.some(({ from }) => from <= now),
    pauses: pauses.map(suspensionJson),
    retired: isRetired(record, now),
    retirement: retirement === null ? null : suspensionJson(retirement),
  }
}
