import { attemptCount, countedAttempts, successOf } from '../../../core/row/attempts.ts'
import { terminalState } from '../../../core/row/decide.ts'
import { isNewerSchema } from '../../../core/row/status.ts'
import type { AttemptRecord, Instant, Resolution, Row } from '../../../core/types.ts'
import { elapsed, progressText } from '../../../format/text.ts'
import type { WallClock } from '../frame/wall-clock.ts'
import type { SlotWithStatus } from '../task/history-table.tsx'

/**
 * Returns why a slot has its status, and how a scheduled trigger for it would end, in one or two sentences. The text is
 * not yet safe to show. The rules are those of `decide`. The text cannot say whether an attempt is left, because each
 * trigger has its own `--max-attempts` and the ledger does not know it.
 */
export function whyText({ slot, row, status }: SlotWithStatus, now: Instant, clock: WallClock): string {
  if (row === null) {
    if (status === 'missed')
      return `It was due ${elapsed(now - slot)} ago, and no run is recorded. No trigger arrived, or it could not reach the ledger.`
    if (status === 'overdue')
      return `It was due ${elapsed(now - slot)} ago and has not completed in time. No run is recorded yet.`
    return slot > now
      ? `It is due in ${elapsed(slot - now)}.`
      : `It was due ${elapsed(now - slot)} ago, and no run is recorded yet.`
  }
  if (isNewerSchema(row))
    return `A newer version of cronledger wrote the record of this slot (schema ${row.schemaVersion}). Update cronledger to read it.`
  const attempt = row.attempts.at(-1)
  const before = row.attempts.at(-2)
  const earlier = before === undefined ? '' : `${attemptText(before)}. `
  const lease = row.leaseUntil === null ? 'an unknown time' : clock.both(row.leaseUntil)
  const waitingText = `${earlier}Attempt ${attempt?.number} on ${attempt?.host} has claimed the slot and waits. It has not started yet.`
  const runningText = `${attempt === undefined ? 'It has no attempt' : attemptText(attempt)}. Its lease ends at ${lease}.`
  switch (status) {
    case 'stale':
      return attempt?.phase === 'waiting'
        ? `${earlier}Attempt ${attempt.number} on ${attempt.host} waited and never started. Its lease ran out at ${lease}. ${nextText(row, clock)}`
        : `Attempt ${attempt?.number} on ${attempt?.host} never reported its end, and its lease ran out at ${lease}. It is unknown how much of the work was done. Check what it did before you run it again.${doneText(row, clock)}`
    case 'waiting':
      return waitingText
    case 'running':
      return runningText
    case 'overdue':
      return `It was due ${elapsed(now - slot)} ago and has not completed in time. ${attempt?.phase === 'waiting' ? waitingText : runningText}`
    default:
      return `${lastText(row, clock)}. ${nextText(row, clock)}`
  }
}

/** Returns the last thing that happened to a row: an attempt or a resolution. */
function lastText(row: Row, clock: WallClock): string {
  const attempt = row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  if (resolution !== undefined && resolution.afterAttempt >= attemptCount(row)) return resolutionText(resolution, clock)
  return attempt === undefined ? 'It has no attempt' : attemptText(attempt)
}

function attemptText(attempt: AttemptRecord): string {
  return `Attempt ${attempt.number} on ${attempt.host} ${progressText(attempt)}`
}

function resolutionText({ by, state, at, reason }: Resolution, clock: WallClock): string {
  return `${by} resolved it as ${state.toLowerCase()} at ${clock.both(at)}: ${reason}`
}

function nextText(row: Row, clock: WallClock): string {
  if (terminalState(row) !== null)
    return `A further scheduled trigger for this slot starts nothing.${doneText(row, clock)}`
  return countedAttempts(row) === 0
    ? 'No scheduled attempt has started yet, so the next scheduled trigger may start one, unless it is too late.'
    : 'If no attempts are left, a scheduled trigger starts nothing until an operator decides.'
}

/** Returns what completed or skipped the slot, when something else came after it. Otherwise returns an empty text. */
function doneText(row: Row, clock: WallClock): string {
  const done = terminalState(row)
  const success = successOf(row)
  const last = lastText(row, clock)
  if (success !== undefined)
    return attemptText(success) === last ? '' : ` Attempt ${success.number} had already succeeded.`
  const resolution = row.resolutions.findLast(({ state }) => state.toLowerCase() === done)
  return resolution === undefined || resolutionText(resolution, clock) === last
    ? ''
    : ` Before that, ${resolutionText(resolution, clock)}.`
}
