import { hasStarted, processLeftBy } from '../core/row/attempts.ts'
import type { AttemptRecord, Row } from '../core/types.ts'

export const STALE_CAUTION =
  'It may still be running, or its work may be done. Before you run it again, look at its log (a line "The batch SUCCEEDED") and at the data.'
/** The caution of several slots, if some of them are stale. */
export const STALE_SLOTS_CAUTION =
  'The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.'
export const REPEATED_CAUTION = 'The slot completed once. To run it again does its work a second time.'
/** An own attempt of a slot that a later run has in its range. */
export const COVERED_STALE_CAUTION = 'Its own attempt never reported its end, and may have done its work as well.'
export const STALE_IN_RANGE_CAUTION =
  'A stale slot is in its range. The batch of that slot may still be running, or have done its work: look at it first.'
export const UNKNOWN_RANGE_CAUTION =
  'Not all later records of the task can be read, so a later run may have done its work. Look at the data before you run it.'

/** Why a range leaves out a slot that it would run otherwise. The words follow "a slot that". */
export const LEFT_OUT = {
  doubtful: 'may not have been due',
  rangeUnknown: 'may have been done by a later run',
  staleInRange: 'failed with a stale slot in range',
} as const
export type LeftOut = keyof typeof LEFT_OUT

/** Returns the caution if one of the attempts left a process that it could not end. Null: none did. */
export function leftCaution(attempts: readonly AttemptRecord[] = []): string | null {
  const attempt = attempts.findLast((one) => processLeftBy(one) !== undefined)
  const left = attempt && processLeftBy(attempt)
  return left === undefined
    ? null
    : `Process ${left.pid} of attempt ${attempt?.number} may still run on ${attempt?.host}: end it there before you run the slot again. While it runs, nothing starts in this slot on that host.`
}

/** Returns the caution if an attempt before the one that failed may have done the work. Null: none may. */
export function lostCaution(row: Row | null): string | null {
  const decided = row?.resolutions.at(-1)?.afterAttempt ?? 0
  const lost = row?.attempts.findLast((one) => isLost(one) && one.number > decided)
  return lost === undefined ? null : `Attempt ${lost.number} on ${lost.host} never reported its end. ${STALE_CAUTION}`
}

/** Returns what must be known of the attempts of a failed slot before it is run again. Null: nothing. */
export function failedCaution(row: Row | null): string | null {
  return [lostCaution(row), leftCaution(row?.attempts)].filter((text) => text !== null).join(' ') || null
}

/** Returns whether the attempt may have done the work without a report of its end. */
export function isLost(attempt: AttemptRecord): boolean {
  return attempt.phase === 'ended' && attempt.outcome === 'abandoned' && hasStarted(attempt)
}
