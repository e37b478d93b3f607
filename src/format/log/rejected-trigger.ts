import { elapsed } from '../../core/duration.ts'
import type { NoteResult, RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { countedAttempts, hasStarted, successOf } from '../../core/row/attempts.ts'
import type { OverlapLock } from '../../core/row/overlap-lock.ts'
import { MAX_ATTEMPTS } from '../../core/row/policy.ts'
import { readableRow } from '../../core/row/status.ts'
import type { AttemptRecord, Instant, RefusalCause, Row, ScheduleSpec, StoredRow } from '../../core/types.ts'
import { endingText, progressText } from '../../verdict/endings.ts'
import { stepsOfRefusal } from '../../verdict/event-steps.ts'
import { STALE_CAUTION } from '../../verdict/rules.ts'
import { timeNear, zonedTime } from '../local-time.ts'
import { scheduleText } from '../text.ts'
import type { LogEntry } from './entry.ts'

type DuplicateEvent = Extract<RunEvent, { event: 'duplicate' }>
type RefusedEvent = Extract<RunEvent, { event: 'refused' }>

export function duplicateEntry(event: DuplicateEvent, context: RunContext, latenessMs: number): LogEntry {
  const { row, cause, noted } = event
  return {
    level: 'info',
    event: 'duplicate',
    message: `duplicate trigger ignored: ${duplicateOf(row, context)}${unnoted(event)}`,
    fields: { cause, noted, latenessMs, winner: winnerOf(row) },
  }
}

export function refusedEntry(event: RefusedEvent, context: RunContext, latenessMs: number): LogEntry {
  const { row, cause, noted, holder, survivor, inForce, claimed } = event
  return {
    level: 'error',
    event: 'refused',
    message: `not started: ${refusalOf(event, context, latenessMs)}${unnoted(event)}`,
    fields: {
      cause,
      noted,
      latenessMs,
      ...lastOf(cause, claimed ?? row),
      ...(holder === undefined ? {} : { holder: lockFields(holder) }),
      ...(survivor === null ? {} : { survivor }),
      ...(inForce === undefined ? {} : changedFields(inForce, context.schedule)),
    },
    steps: stepsOfRefusal(event, context),
  }
}

/** A rejection that could not be recorded appears only in the log, so the line must say so. */
function unnoted({ noted, detail }: NoteResult): string {
  return noted || detail === undefined ? '' : ` (this trigger could not be recorded: ${detail})`
}

function duplicateOf(row: Row, context: RunContext): string {
  const attempt = successOf(row) ?? row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  if (attempt?.outcome !== 'succeeded' && row.state !== 'PENDING' && resolution !== undefined) {
    const { by, state, at, reason } = resolution
    return `${by} marked the slot as ${state.toLowerCase()} at ${nearSlot(at, context)}: ${reason}`
  }
  if (attempt === undefined) return `the slot is ${row.state.toLowerCase()}`
  const adverb = attempt.outcome === 'succeeded' ? 'already ' : ''
  return `${nameOf(attempt)} ${adverb}${progressWithTime(attempt, context)} ${whereabouts(attempt)}`
}

/** Returns what completed or skipped the slot. A later force may have failed since. */
function doneText(row: StoredRow | null, status: 'completed' | 'skipped', context: RunContext): string {
  const known = readableRow(row)
  const success = known === null || status === 'skipped' ? undefined : successOf(known)
  if (success !== undefined)
    return `${nameOf(success)} already ${progressWithTime(success, context)} ${whereabouts(success)}`
  const resolution = known?.resolutions.findLast(({ state }) => state.toLowerCase() === status)
  if (resolution === undefined) return `the slot is ${status}`
  return `${resolution.by} marked the slot as ${status} at ${nearSlot(resolution.at, context)}: ${resolution.reason}`
}

function nameOf(attempt: AttemptRecord): string {
  return `attempt ${attempt.number}`
}

function nearSlot(instant: Instant, { window, schedule }: RunContext): string {
  return timeNear(instant, window.slot, schedule.zone)
}

/** Returns `has been running since 03:00:05`, or `failed (exit code 3) at 03:06:48`. */
function progressWithTime(attempt: AttemptRecord, context: RunContext): string {
  const endedAt = endInstantOf(attempt)
  if (endedAt !== undefined) return `${progressText(attempt)} at ${nearSlot(endedAt, context)}`
  if (attempt.phase === 'ended') return progressText(attempt)
  return `${progressText(attempt).replace('is ', 'has been ')} since ${nearSlot(attempt.startedAt, context)}`
}

function whereabouts({ runId, host }: AttemptRecord): string {
  return `(run ${runId}, host ${host})`
}

function refusalOf(event: RefusedEvent, context: RunContext, latenessMs: number): string {
  const { cause, row, survivor, holder, inForce, claimed } = event
  const last = lastFor(cause, row)
  const name = last === undefined ? 'an attempt' : nameOf(last)
  const where = last === undefined ? '' : ` ${whereabouts(last)}`
  const progress = last === undefined ? '' : progressWithTime(last, context)
  switch (cause) {
    case 'running':
      return `${name} ${progress || 'is still running'}${where}${leaseText(row, context)}`
    case 'stale':
      return `${name}${where} stopped reporting. ${STALE_CAUTION} ${decisionText(row, context)}`
    case 'failed':
      return `${name} ${progress || 'failed'}${where}. ${decisionText(row, context)}`
    case 'tooManyAttempts':
      return `the slot already has ${MAX_ATTEMPTS} attempts, and it cannot have more`
    case 'tooLate':
      return `the trigger arrived ${elapsed(latenessMs)} after the scheduled time, later than --max-lateness allows`
    case 'scheduleMismatch':
      return `the event time${eventTimeText(context)} does not match the schedule ${scheduleText(context.schedule)}`
    case 'survivor':
      return `process ${survivor?.pid} (${survivor?.command}) of ${name}${where} still runs on this host`
    case 'newerRow':
      return 'a newer version of cronledger wrote the record of this slot. Update cronledger on this host or in this image.'
    case 'newerTaskRecord':
      return 'a newer version of cronledger wrote the record of this task, so it is unknown whether the task is paused. Update cronledger on this host or in this image.'
    case 'scheduleChanged':
      return changedScheduleText(inForce ?? context.schedule, context)
    case 'overlap':
      return `${holder === undefined ? OTHER_SLOT : lockText(holder, context)}${claimed === undefined ? '' : earlierText(claimed, context)}`
    case 'noRow':
      return 'nothing is recorded for this slot. It was missed, or its record expired or was deleted.'
    case 'newerAttempt':
      return `${name}${where} started after you asked for this run${last?.phase === 'ended' ? `, and it ${endingText(last)}` : ''}`
    case 'completed':
    case 'skipped':
      return doneText(row, cause, context)
  }
}

/** Returns what an earlier attempt left in a slot whose claim was given up again. */
function earlierText(claimed: Row, context: RunContext): string {
  const last = lastStarted(claimed)
  if (last === undefined) return ''
  const isUnknown = last.outcome === 'abandoned'
  const how = isUnknown ? 'stopped reporting' : progressWithTime(last, context)
  const caution = isUnknown ? `${STALE_CAUTION} ` : ''
  return `. Earlier, ${nameOf(last)} of this slot ${how} ${whereabouts(last)}. ${caution}${decisionText(claimed, context)}`
}

/** Says that nothing starts the slot any more, and how many attempts were used. A forced trigger has no such limit. */
function decisionText(row: StoredRow | null, { trigger, maxAttempts }: RunContext): string {
  const known = readableRow(row)
  const used =
    trigger.kind === 'forced' || maxAttempts === undefined || known === null
      ? ''
      : ` (${countedAttempts(known)} of ${maxAttempts} attempts used)`
  return `An operator must decide: run it again or mark it as completed${used}.`
}

function leaseText(row: StoredRow | null, context: RunContext): string {
  const until = readableRow(row)?.leaseUntil ?? null
  return until === null ? '' : `, and its lease ends at ${nearSlot(until, context)}`
}

function eventTimeText({ trigger, schedule }: RunContext): string {
  return trigger.kind === 'scheduled' ? ` ${zonedTime(trigger.eventTime, schedule.zone)}` : ''
}

const OTHER_SLOT = 'another slot of this task has not ended yet'

/** We must not write that the other slot is running, because its run may be waiting for its next attempt. */
export function lockText({ slot, runId }: OverlapLock, { schedule }: RunContext): string {
  return `${OTHER_SLOT} (${zonedTime(slot, schedule.zone)}, run ${runId})`
}

export function lockFields({ slot, runId }: OverlapLock): Record<string, unknown> {
  return { slot: formatInstant(slot), runId }
}

function winnerOf(row: Row): Record<string, unknown> {
  const attempt = successOf(row) ?? row.attempts.at(-1)
  return { state: row.state, ...(attempt === undefined ? {} : attemptFields(attempt)) }
}

function lastOf(cause: RefusalCause, row: StoredRow | null): Record<string, unknown> {
  const attempt = lastFor(cause, row)
  return attempt === undefined ? {} : { last: attemptFields(attempt) }
}

function attemptFields(attempt: AttemptRecord): Record<string, unknown> {
  const { number, runId, host, ecsTask, startedAt, outcome } = attempt
  const endedAt = endInstantOf(attempt)
  return {
    attempt: number,
    runId,
    host,
    ...(ecsTask === undefined ? {} : { ecsTask }),
    startedAt: formatInstant(startedAt),
    ...(endedAt === undefined ? {} : { endedAt: formatInstant(endedAt) }),
    ...(outcome === undefined ? {} : { outcome }),
  }
}

/** Returns when the attempt ended, or undefined if it is open or never reported its end. */
function endInstantOf(attempt: AttemptRecord): Instant | undefined {
  return attempt.phase === 'ended' ? attempt.endedAt : undefined
}

/** Returns the attempt that the refusal is about. */
function lastFor(cause: RefusalCause, row: StoredRow | null): AttemptRecord | undefined {
  switch (cause) {
    case 'failed':
    case 'stale':
    case 'newerAttempt':
    case 'overlap':
      return lastStarted(row)
    case 'survivor':
      return lastUnreported(row)
    default:
      return lastAttempt(row)
  }
}

function lastAttempt(row: StoredRow | null): AttemptRecord | undefined {
  return readableRow(row)?.attempts.at(-1)
}

/**
 * Returns the newest attempt that started, or else the newest attempt. A newer attempt may have been claimed without
 * being started.
 */
function lastStarted(row: StoredRow | null): AttemptRecord | undefined {
  return readableRow(row)?.attempts.findLast(hasStarted) ?? lastAttempt(row)
}

/** Returns the newest attempt that did not report its end, or that reported a process that lives on. */
function lastUnreported(row: StoredRow | null): AttemptRecord | undefined {
  return readableRow(row)?.attempts.findLast(
    (one) => one.phase === 'running' || (one.phase === 'ended' && (one.outcome === 'abandoned' || one.process)),
  )
}

/** Returns both schedules, as members of the log entry. */
export function changedFields(before: ScheduleSpec, after: ScheduleSpec) {
  return { before: scheduleText(before), after: scheduleText(after) }
}

function changedScheduleText(inForce: ScheduleSpec, { schedule }: RunContext): string {
  const { before, after } = changedFields(inForce, schedule)
  return `the schedule of this task changed from ${before} to ${after}, and --strict is set. Set the old schedule again, or accept the new one with --strict=false for one run.`
}
