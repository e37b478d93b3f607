import { elapsed } from '../../../core/duration.ts'
import { attemptCount, countedAttempts, hasStarted, startedAttempts, successOf } from '../../../core/row/attempts.ts'
import { decidingAttempt, terminalState } from '../../../core/row/decide.ts'
import { isEndUnknown, isNewerSchema } from '../../../core/row/status.ts'
import type { AttemptRecord, Instant, Resolution, Row } from '../../../core/types.ts'
import { sentence } from '../../../format/text.ts'
import type { SlotWithStatus } from '../frame/slot-facts.ts'
import type { WallClock } from '../frame/wall-clock.ts'
import { momentText } from './moment.tsx'

/** A part of a sentence: text that is not yet safe to show, or a time. */
type SentencePart = string | { readonly at: Instant }

/**
 * Returns what happened in a slot, whether its work was done, and what to do, in a few short sentences. The rules are those
 * of `decide`. Whether an attempt is left is unknown, because each trigger has its own `--max-attempts` and the ledger
 * does not store it.
 */
export function whyParts(record: SlotWithStatus, now: Instant): readonly SentencePart[] {
  const { row } = record
  if (row === null) return whyNoRow(record, now)
  if (isNewerSchema(row))
    return [
      `A newer version of cronledger wrote this record (schema ${row.schemaVersion}). Update cronledger to read it.`,
    ]
  return [...happened(row, record, now), ...rejectedSentences(row)]
}

/** Returns the same as one text. It is not yet safe to show. */
export function whyText(record: SlotWithStatus, now: Instant, clock: WallClock): string {
  return whyParts(record, now)
    .map((part) => (typeof part === 'string' ? part : momentText({ at: part.at, slot: record.slot, clock })))
    .join('')
}

function whyNoRow({ slot, status, doubt }: SlotWithStatus, now: Instant): readonly SentencePart[] {
  if (slot > now) return [`It is due in ${elapsed(slot - now)}. Nothing to do.`]
  if (doubt !== undefined) {
    const between = [{ at: doubt.after }, ' and ', { at: doubt.until }]
    const todo = '. No run is recorded. If it was not due, mark it as skipped.'
    if (doubt.isFirst)
      return ['It may not have been due: the first scheduled run is that of ', { at: doubt.until }, todo]
    return ['It may not have been due: the schedule changed between ', ...between, todo]
  }
  const due = `It was due ${elapsed(now - slot)} ago`
  switch (status) {
    case 'missed':
      return [`${due}, and no run is recorded: no trigger arrived, or it could not reach the ledger. Run it now.`]
    case 'overdue':
      return [
        `${due} and should have completed by now, but no run is recorded yet. Its trigger may still come. If it does not, run it now.`,
      ]
    default:
      return [`${due}, and no run is recorded yet. Its trigger may still come.`]
  }
}

function happened(row: Row, { slot, status }: SlotWithStatus, now: Instant): readonly SentencePart[] {
  switch (status) {
    case 'running':
      return [...openParts(row, now), ' Nothing to do.']
    case 'waiting':
      return [...openParts(row, now), ' Nothing to do yet.']
    case 'overdue':
      return [
        `It was due ${elapsed(now - slot)} ago and should have completed by now. `,
        ...openParts(row, now),
        ' Check whether it makes progress.',
      ]
    case 'stale':
      return staleParts(row)
    case 'completed':
    case 'skipped':
      return [
        ...lastParts(row),
        ...(startedAttempts(row) === 0 && status === 'skipped' ? [' The batch did not run.'] : []),
        ' Nothing to do.',
      ]
    default:
      return [...lastParts(row), ...todoParts(row)]
  }
}

/** Says what an attempt does that has not ended, and how the attempt before it ended. */
function openParts(row: Row, now: Instant): readonly SentencePart[] {
  const attempt = row.attempts.at(-1)
  if (attempt === undefined) return ['It has no attempt.']
  const before = row.attempts.at(-2)
  const earlier = before === undefined ? '' : `${endText(before)}. `
  const { number, host } = attempt
  return [
    attempt.phase === 'waiting'
      ? `${earlier}Attempt ${number} on ${host} is waiting for another slot of the task to end, or for the time of its retry. The batch has not started yet.`
      : `${earlier}Attempt ${number} on ${host} has been running for ${elapsed(now - attempt.startedAt)}.`,
  ]
}

function staleParts(row: Row): readonly SentencePart[] {
  // A later attempt took the slot over and never started.
  if (row.state !== 'PENDING') return [...lastParts(row), ...todoParts(row)]
  const attempt = row.attempts.at(-1)
  const before = row.attempts.at(-2)
  const lease: readonly SentencePart[] = row.leaseUntil === null ? ['an unknown time'] : [{ at: row.leaseUntil }]
  const name = `Attempt ${attempt?.number} on ${attempt?.host}`
  if (attempt?.phase === 'waiting') {
    const earlier = before === undefined ? '' : `${endText(before)}. `
    return [`${earlier}${name} waited and never started: its lease ran out at `, ...lease, '.', ...todoParts(row)]
  }
  const ran: readonly SentencePart[] = [`${name} stopped reporting: its lease ran out at `, ...lease, '.']
  return [...ran, ...todoParts(row)]
}

/** Says what happened last, an attempt or a resolution, and what was before it. */
function lastParts(row: Row): readonly SentencePart[] {
  const attempt = row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  const ran = decidingAttempt(row)
  if (resolution !== undefined && resolution.afterAttempt >= attemptCount(row)) {
    return ran === undefined ? resolutionParts(resolution) : [`${endText(ran)}. Then `, ...resolutionParts(resolution)]
  }
  if (attempt === undefined) return ['It has no attempt.']
  if (attempt.outcome === 'succeeded') return successParts(attempt, row.attempts.at(-2))
  // An attempt that never started says nothing about the work.
  return [ran === undefined || ran === attempt ? `${endText(attempt)}.` : `${endText(ran)}. ${endText(attempt)}.`]
}

function successParts(attempt: AttemptRecord, before: AttemptRecord | undefined): readonly SentencePart[] {
  const endedAt = attempt.phase === 'ended' ? attempt.endedAt : undefined
  const when: readonly SentencePart[] =
    endedAt === undefined ? [] : [' at ', { at: endedAt }, ` in ${tookText(attempt)}`]
  if (before === undefined) return ['The batch completed', ...when, '.']
  return [`${endText(before)}. Attempt ${attempt.number} completed`, ...when, '.']
}

function resolutionParts({ by, state, at, reason }: Resolution): readonly SentencePart[] {
  const what = state === 'SKIPPED' ? 'skipped it' : `marked it as ${state.toLowerCase()}`
  return [`${by} ${what} at `, { at }, `: ${sentence(reason)}`]
}

/** Says what to do about a slot that failed or is stale. */
function todoParts(row: Row): readonly SentencePart[] {
  const done = doneParts(row)
  if (done.length > 0) return done
  if (isEndUnknown(row))
    return [' The work may be done, half done, or still going on. Check what was done before you run it again.']
  const work =
    startedAttempts(row) === 0
      ? ' The work was not done: run it again.'
      : ' The work may be half done: read its log, then run it again.'
  if (terminalState(row) !== null) return [work]
  return [
    `${work} `,
    countedAttempts(row) === 0
      ? 'A further trigger may start it too.'
      : 'A further trigger starts it only if attempts are left.',
  ]
}

/** Says that the work was done before the last attempt, and by what. Returns nothing if it was not. */
function doneParts(row: Row): readonly SentencePart[] {
  if (terminalState(row) !== 'completed') return []
  const success = successOf(row)
  if (success !== undefined) return [` Attempt ${success.number} had done the work before: mark it as completed.`]
  const resolution = row.resolutions.findLast(({ state }) => state === 'COMPLETED')
  if (resolution === undefined) return []
  return [' Before that, ', ...resolutionParts(resolution), ' Mark it as completed again, if that still holds.']
}

const ENDINGS = {
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'reached its timeout and was stopped',
  interrupted: 'was interrupted',
  leaseLost: 'lost its lease and was stopped',
  abandoned: 'never reported its end',
  notStarted: 'did not start the batch',
} as const

/** Returns how an attempt ended, without a full stop: `Attempt 2 failed with exit code 3 after 4m 0s`. */
function endText(attempt: AttemptRecord): string {
  const name = `Attempt ${attempt.number}`
  if (attempt.phase !== 'ended') return `${name} has not ended`
  const { outcome, exitCode, signal } = attempt
  const words = outcome === 'failed' && signal !== undefined ? 'was killed' : ENDINGS[outcome]
  const code = exitCode === undefined || exitCode === 0 ? '' : ` with exit code ${exitCode}`
  const took = tookText(attempt)
  return `${name} ${words}${signal === undefined ? code : ` (${signal})`}${took === '' ? '' : ` after ${took}`}`
}

/** Returns how long an attempt took. Returns an empty text if it did not start, or if its end is not known. */
function tookText(attempt: AttemptRecord): string {
  if (
    attempt.outcome === 'abandoned' ||
    attempt.phase !== 'ended' ||
    attempt.endedAt === undefined ||
    !hasStarted(attempt)
  )
    return ''
  return elapsed(attempt.endedAt - attempt.startedAt)
}

function rejectedSentences({ rejections: { count, refused } }: Row): readonly string[] {
  const duplicates = count - refused
  const were = (number: number) => (number === 1 ? 'trigger was' : 'triggers were')
  return [
    ...(duplicates > 0 ? [` ${duplicates} duplicate ${were(duplicates)} ignored.`] : []),
    ...(refused > 0 ? [` ${refused} ${were(refused)} refused.`] : []),
  ]
}
