import type { FinishWord, LeaseLossCause, NoteResult, RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { hasStarted, successOf, waitMsOf } from '../core/row/attempts.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import type { Attempt, Instant, Row, StoredRow } from '../core/types.ts'
import { adviceOn } from './advice.ts'
import { endingText, progressText, scheduleText } from './phrases.ts'
import { elapsed, printable, safeJson } from './text.ts'

export type LogFormat = 'json' | 'text' | 'quiet'

type Level = 'info' | 'warn' | 'error'

/** An event as a JSON object. It has these fields, and others that depend on the event. */
export interface LogObject {
  readonly time: string
  readonly level: Level
  readonly event: string
  readonly task: string
  readonly slot: string
  readonly message: string
  readonly [field: string]: unknown
}

/** One line of the log, before it becomes text. */
interface Entry {
  readonly level: Level
  /** The name of the event in the log. */
  readonly event: string
  /** The text that says what happened. */
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Returns the line for an event, without its line end. Returns null when the format leaves the event out. */
export function logLine(event: RunEvent, context: RunContext, format: LogFormat, now: Instant): string | null {
  if (format === 'json') return safeJson(logObject(event, context, now))
  const { task, window } = context
  const entry = entryOf(event, context, now - window.slot)
  if (format === 'quiet' && entry.level !== 'error') return null
  return printable(`cronledger: ${task} ${formatInstant(window.slot)}: ${entry.message}`)
}

/** Returns an event as a JSON object, for the log and for notifications. */
export function logObject(event: RunEvent, context: RunContext, now: Instant): LogObject {
  const { task, window, runId, trigger, host } = context
  const entry = entryOf(event, context, now - window.slot)
  return {
    time: formatInstant(now),
    level: entry.level,
    event: entry.event,
    task,
    slot: formatInstant(window.slot),
    runId,
    trigger: trigger.kind,
    ...(trigger.kind === 'scheduled' ? { source: trigger.source, eventTime: formatInstant(trigger.eventTime) } : {}),
    ...(trigger.kind === 'forced' ? { by: trigger.by, reason: trigger.reason } : {}),
    ...host,
    ...entry.fields,
    message: entry.message,
  }
}

function entryOf(event: RunEvent, context: RunContext, latenessMs: number): Entry {
  switch (event.event) {
    case 'claimed': {
      const { attempt } = event
      const { trigger } = context
      const due = `${elapsed(latenessMs)} after it was due`
      const waitedMs = waitMsOf(attempt)
      const waited = waitedMs === null ? '' : `, and waited ${elapsed(waitedMs)}`
      const how = (trigger.kind === 'forced' ? `forced by ${trigger.by}` : due) + waited
      return {
        level: 'info',
        event: 'claimed',
        message: `attempt ${attempt.number} has claimed the slot, ${how}`,
        fields: { attempt: attempt.number, latenessMs },
      }
    }
    case 'ended':
      return ended(event)
    case 'duplicate': {
      return {
        level: 'info',
        event: 'duplicate',
        message: `duplicate, nothing started: ${duplicateOf(event.row)}${unnoted(event)}`,
        fields: { cause: event.cause, noted: event.noted, latenessMs, winner: winnerOf(event.row) },
      }
    }
    case 'refused': {
      const todo = adviceOn(event, context)
      return {
        level: 'error',
        event: 'refused',
        message: `refused, nothing started: ${refusalOf(event)}; ${todo}${unnoted(event)}`,
        fields: {
          cause: event.cause,
          noted: event.noted,
          latenessMs,
          todo,
          ...lastOf(event.row),
          ...(event.holder === undefined ? {} : { holder: turnFields(event.holder) }),
          ...(event.survivor === null ? {} : { survivor: event.survivor }),
        },
      }
    }
    case 'waiting':
      return {
        level: 'info',
        event: 'waiting',
        message: `waiting, nothing started yet: ${turnText(event.holder)}`,
        fields: { holder: turnFields(event.holder) },
      }
    case 'skipped': {
      const { finish, finishCause } = event
      return {
        level: finish === 'recorded' ? 'warn' : 'error',
        event: 'skipped',
        message: `skipped, nothing started: ${turnText(event.holder)}${unrecordedText(finish, finishCause)}`,
        fields: { holder: turnFields(event.holder), finish, ...(finishCause && { finishCause }) },
      }
    }
    case 'retry':
      return {
        level: 'warn',
        event: 'retry',
        message: `attempt ${event.attempt} starts in ${elapsed(event.delayMs)}`,
        fields: { attempt: event.attempt, delayMs: event.delayMs },
      }
    case 'stopped':
      return { level: 'warn', event: 'stopped', message: 'told to stop before the claim: nothing started', fields: {} }
    case 'withdrawn':
      return {
        level: 'error',
        event: 'withdrawn',
        message: event.certain
          ? `${event.detail}: the claim was given up and withdrawn, nothing started, and the slot is free for the next trigger`
          : `${event.detail}: the claim was given up, nothing started, and its withdrawal was not answered either, so the slot may show run ${context.runId} as PENDING`,
        fields: { certain: event.certain },
      }
    case 'unusable':
      return { level: 'error', event: 'unusable', message: `${event.detail}; nothing started`, fields: {} }
    case 'renewal-failed':
      return {
        level: 'warn',
        event: 'renewal-failed',
        message: `the lease could not be renewed, and is tried again: ${event.detail}`,
        fields: {},
      }
    case 'renewal-recovered':
      return { level: 'info', event: 'renewal-recovered', message: 'the lease is renewed again', fields: {} }
    case 'lease-lost':
      return {
        level: 'error',
        event: 'lease-lost',
        message: LOST_BECAUSE[event.cause],
        fields: { cause: event.cause },
      }
    case 'clock-event-time':
      return {
        level: 'warn',
        event: 'clock-event-time',
        message: `no event time was given, and a window is only ${elapsed(event.windowMs)}: a late delivery lands in the next slot; pass --event-time`,
        fields: { windowMs: event.windowMs },
      }
    case 'schedule-mismatch':
      return {
        level: 'warn',
        event: 'schedule-mismatch',
        message: `the event time ${formatInstant(event.eventTime)} is no fire time of ${context.schedule.expression} in ${context.schedule.zone}: was the schedule edited in one place only?`,
        fields: { schedule: context.schedule.expression, timezone: context.schedule.zone },
      }
    case 'schedule-changed': {
      const [before, after] = [scheduleText(event.before), scheduleText(event.after)]
      return {
        level: 'warn',
        event: 'schedule-changed',
        message: `the schedule of this task was ${before}, and is ${after} from this slot on`,
        fields: { before, after },
      }
    }
    case 'warning':
      return { level: 'warn', event: 'warning', message: event.message, fields: {} }
  }
}

const LOST_BECAUSE: Readonly<Record<LeaseLossCause, string>> = {
  taken: 'another run took the slot over: stopping this one',
  deleted: 'the row of the slot was deleted, so another run may start: stopping this one',
  expired: 'the lease could not be renewed in time: stopping',
  turn: 'the lease ran out, and another slot of the task has its turn by now: stopping this one',
}

/** A rejection that could not be recorded appears only in the log, so the line must say so. */
function unnoted({ noted, detail }: NoteResult): string {
  return noted || detail === undefined ? '' : ` (this is not on record: ${detail})`
}

function ended(event: Extract<RunEvent, { event: 'ended' }>): Entry {
  const { attempt, ending, durationMs, finish, finishCause, detail } = event
  const recorded = finish === 'recorded'
  const good = ending.outcome === 'succeeded' && recorded
  const started = ending.outcome !== 'notStarted'
  const took = started ? ` after ${elapsed(durationMs)}` : ''
  return {
    level: good ? 'info' : 'error',
    event: recorded ? (good ? 'completed' : 'failed') : 'unrecorded',
    message: `attempt ${attempt.number} ${endingText(ending)}${took}${detail === undefined ? '' : `: ${detail}`}${unrecordedText(finish, finishCause)}`,
    fields: {
      attempt: attempt.number,
      ...ending,
      ...(started && { durationMs: Math.round(durationMs) }),
      finish,
      ...(finishCause && { finishCause }),
    },
  }
}

function unrecordedText(finish: FinishWord, cause: string | undefined): string {
  switch (finish) {
    case 'recorded':
      return ''
    case 'lost':
      return '; not recorded, since another run owns the slot by now'
    case 'deleted':
      return '; not recorded, since the row of the slot was deleted'
    case 'unanswered':
      return `; this may not be on record: ${cause}`
  }
}

function duplicateOf(row: Row): string {
  const attempt = successOf(row) ?? row.attempts.at(-1)
  const resolution = row.resolutions.at(-1)
  if (attempt?.outcome !== 'succeeded' && row.state !== 'PENDING' && resolution !== undefined) {
    return `${resolution.by} settled the slot as ${resolution.state} at ${formatInstant(resolution.at)}: ${resolution.reason}`
  }
  if (attempt === undefined) return `the slot is ${row.state}`
  return `attempt ${attempt.number} ${progressText(attempt)} (${whereabouts(attempt)})`
}

function trustedUntil(row: StoredRow | null): string {
  const until = row === null || isNewerSchema(row) ? null : row.leaseUntil
  return until === null ? '' : `until ${formatInstant(until)}`
}

function whereabouts(attempt: Attempt): string {
  const { runId, host, startedAt } = attempt
  const endedAt = endOf(attempt)
  const end = endedAt === undefined ? '' : ` to ${formatInstant(endedAt)}`
  return `run ${runId} on ${host}, ${endedAt === undefined ? 'since ' : ''}${formatInstant(startedAt)}${end}`
}

function refusalOf({ cause, row, survivor, holder }: Extract<RunEvent, { event: 'refused' }>): string {
  const attempt = cause === 'failed' || cause === 'newerAttempt' ? lastStarted(row) : lastAttempt(row)
  const last = attempt === undefined ? '' : ` attempt ${attempt.number} (${whereabouts(attempt)})`
  switch (cause) {
    case 'running':
      return `${last.trimStart()} is running, as far as its lease tells, which is trusted ${trustedUntil(row)}`
    case 'stale':
      return `${last.trimStart()} never reported its end, and its lease ran out: nobody knows how far it came`
    case 'failed':
      return `${last.trimStart()} ${attempt === undefined ? 'failed' : progressText(attempt)}, and no attempt is left`
    case 'tooManyAttempts':
      return 'the slot has had as many attempts as a row may hold'
    case 'tooLate':
      return 'the trigger came later than --max-lateness allows'
    case 'scheduleMismatch':
      return 'the event time is no fire time of the schedule'
    case 'survivor':
      return `process ${survivor?.pid} (${survivor?.command}) of${last} still lives on this host`
    case 'newerRow':
      return 'a newer cronledger wrote the row of this slot'
    case 'overlap':
      return holder === undefined ? "another slot has the task's turn" : turnText(holder)
    case 'noRow':
      return 'the slot has no row any more: it has expired, or somebody deleted it'
    case 'newerAttempt':
      return `${last.trimStart()} began after this was asked for${attempt?.phase === 'ended' ? `, and ${endingText(attempt)}` : ''}`
  }
}

/** We must not write that the other slot is running, because its run may be waiting for its next attempt. */
function turnText({ slot, runId }: OverlapLock): string {
  return `slot ${formatInstant(slot)} (run ${runId}) has the task's turn`
}

function turnFields({ slot, runId }: OverlapLock): Record<string, unknown> {
  return { slot: formatInstant(slot), runId }
}

function winnerOf(row: Row): Record<string, unknown> {
  const attempt = successOf(row) ?? row.attempts.at(-1)
  return { state: row.state, ...(attempt === undefined ? {} : attemptFields(attempt)) }
}

function lastOf(row: StoredRow | null): Record<string, unknown> {
  const attempt = lastAttempt(row)
  return attempt === undefined ? {} : { last: attemptFields(attempt) }
}

function attemptFields(attempt: Attempt): Record<string, unknown> {
  const { number, runId, host, ecsTask, startedAt, outcome } = attempt
  const endedAt = endOf(attempt)
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
function endOf(attempt: Attempt): Instant | undefined {
  return attempt.phase === 'ended' ? attempt.endedAt : undefined
}

function lastAttempt(row: StoredRow | null): Attempt | undefined {
  return row === null || isNewerSchema(row) ? undefined : row.attempts.at(-1)
}

/**
 * Returns the newest attempt that started, or else the newest attempt. A newer attempt may have been claimed without
 * being started.
 */
function lastStarted(row: StoredRow | null): Attempt | undefined {
  if (row === null || isNewerSchema(row)) return undefined
  return row.attempts.findLast(hasStarted) ?? lastAttempt(row)
}
