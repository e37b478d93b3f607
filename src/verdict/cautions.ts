import { formatInstant } from '../core/instant.ts'
import { hasStarted, processLeftBy, successOf } from '../core/row/attempts.ts'
import type { TaskRecord } from '../core/task/task-record.ts'
import { SELF } from '../core/task/upstream.ts'
import type { AttemptRecord, Row } from '../core/types.ts'
import type { SlotInTask } from './found.ts'

export const STALE_CAUTION =
  'It may still be running, or its work may be done. Before you run it again, look at its log (a line "The batch SUCCEEDED") and at the data.'
export const STALE_SLOTS_CAUTION =
  'The batch of a stale slot may still be running, or its work may be done. Look at each of them before you run it again.'
export const REPEATED_CAUTION = 'The slot completed once. A rerun does its work a second time.'
/** An own attempt of a slot that a later run has in its range. */
export const COVERED_STALE_CAUTION = 'Its own attempt never reported its end, and may have done its work as well.'
export const UNKNOWN_RANGE_CAUTION =
  'Not all later records of the task can be read, so a later run may have done its work. Look at the data before you run it.'

/** Why a range leaves out a slot that it would run otherwise. */
export const LEFT_OUT = {
  doubtful: 'It may not have been due',
  noSchedule: 'No schedule of its task has it, and nothing started in it',
  repeated: 'It has completed, and a later attempt failed',
  rangeUnknown: 'A later run may have done its work',
  stale: 'Its run would do the work of a stale slot, too',
  skipped: 'Its run would do the work of a skipped slot, too',
} as const
export type LeftOut = keyof typeof LEFT_OUT

interface LookedAt extends Pick<SlotInTask, 'own' | 'later'> {
  readonly work: string
}

/** Returns what must be known of the later runs that had the slot in their range, before it is run. Null: nothing. */
export function laterCaution({ own, work, later }: LookedAt): string | null {
  const { covering, done, failed, lost } = later
  if (covering?.by != null || work === 'running') return null
  if (done !== null) {
    const success = own === null ? undefined : successOf(own)
    const by = nameOf({ by: done, attempt: successOf(done) })
    if (own?.state === 'COMPLETED' && success === undefined) return null
    return success === undefined
      ? `${by} did the work of this slot. A rerun does its work a second time.`
      : `Attempt ${success.number} and ${by} both did its work, so it may be done twice.`
  }
  if (work === 'done') return null
  const may = 'was to do the work of this slot, too,'
  const texts = [
    lost && `${nameOf(lost)} ${may} and never reported its end: it may have done that, or still do it.`,
    failed && `${nameOf(failed)} ${may} and did not succeed: it may have done a part of that.`,
  ]
  return texts.filter((text) => text !== null).join(' ') || null
}

function nameOf({ by, attempt }: { readonly by: Row; readonly attempt: AttemptRecord | undefined }): string {
  return `Attempt ${attempt?.number} of slot ${formatInstant(by.slot)}`
}

/** Says what must have completed before a slot may start (`--after`). Null: nothing. */
export function neededText(record: TaskRecord | null | undefined): string | null {
  const after = record?.expectations?.after ?? []
  const slots = after.map((name) => (name === SELF ? 'the slot before it' : `the slots of ${name} up to it`))
  return slots.length === 0 ? null : `It starts only if these have completed (--after): ${slots.join(', ')}.`
}

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

export function isLost(attempt: AttemptRecord): boolean {
  return attempt.phase === 'ended' && attempt.outcome === 'abandoned' && hasStarted(attempt)
}
