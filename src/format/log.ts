import type { FinishResult, LeaseLossCause, RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { waitMsOf } from '../core/row/attempts.ts'
import { openZone } from '../core/schedule/zone.ts'
import type { AttemptRecord, Instant, Trigger } from '../core/types.ts'
import { duplicateEntry, lockFields, lockText, refusedEntry } from './rejected-trigger.ts'
import { elapsed, endingText, printable, safeJson, scheduleText } from './text.ts'

export type LogFormat = 'json' | 'text' | 'quiet'

type LogLevel = 'info' | 'warn' | 'error'

/** An event as a JSON object. It has these fields, and others that depend on the event. */
export interface LogObject {
  readonly time: string
  readonly level: LogLevel
  readonly event: string
  readonly task: string
  readonly slot: string
  readonly message: string
  readonly [field: string]: unknown
}

/** One line of the log, before it becomes text. */
interface LogEntry {
  readonly level: LogLevel
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
  const entry = logEntry(event, context, now - window.slot)
  if (format === 'quiet' && entry.level !== 'error') return null
  return printable(`cronledger: ${task} ${formatInstant(window.slot)}: ${entry.message}`)
}

/** Returns an event as a JSON object, for the log and for notifications. */
export function logObject(event: RunEvent, context: RunContext, now: Instant): LogObject {
  const { task, window, runId, trigger, host } = context
  const entry = logEntry(event, context, now - window.slot)
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

function logEntry(event: RunEvent, context: RunContext, latenessMs: number): LogEntry {
  switch (event.event) {
    case 'claimed':
      return claimedEntry(event.attempt, context.trigger, latenessMs)
    case 'ended':
      return endedEntry(event)
    case 'duplicate':
      return { level: 'info', event: 'duplicate', ...duplicateEntry(event, latenessMs) }
    case 'refused':
      return { level: 'error', event: 'refused', ...refusedEntry(event, context, latenessMs) }
    case 'waiting':
      return {
        level: 'info',
        event: 'waiting',
        message: `waiting, nothing started yet: ${lockText(event.holder)}`,
        fields: { holder: lockFields(event.holder) },
      }
    case 'skipped': {
      const { finish, finishCause } = event
      return {
        level: finish === 'recorded' ? 'warn' : 'error',
        event: 'skipped',
        message: `skipped, nothing started: ${lockText(event.holder)}${unrecordedText(finish, finishCause)}`,
        fields: { holder: lockFields(event.holder), finish, ...(finishCause && { finishCause }) },
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
    default:
      return noticeEntry(event, context)
  }
}

function claimedEntry(attempt: AttemptRecord, trigger: Trigger, latenessMs: number): LogEntry {
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

type WarningEvent = Extract<
  RunEvent,
  { event: 'clock-event-time' | 'schedule-mismatch' | 'schedule-changed' | 'warning' }
>

/** Returns the entry of an event that warns about the options of the run or about its task. */
function noticeEntry(event: WarningEvent, context: RunContext): LogEntry {
  switch (event.event) {
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
        message: `the event time ${localText(event.eventTime, context.schedule.zone)} (${formatInstant(event.eventTime)}) does not match the schedule ${scheduleText(context.schedule)}. ${mismatchAdvice(event.matchesIn)}`,
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

/** Returns the local time as `2026-11-24 12:00:00 Asia/Tokyo`. */
function localText(at: Instant, zone: string): string {
  const { offset } = openZone(zone).pieceAt(Math.floor(at / 1000))
  return `${new Date(at + offset * 1000).toISOString().slice(0, 19).replace('T', ' ')} ${zone}`
}

/** Returns what to do if an event time does not match. `matchesIn` is a zone in which it would match. */
function mismatchAdvice(matchesIn: string | undefined): string {
  return matchesIn === undefined
    ? 'EventBridge and cronledger must have the same schedule and time zone.'
    : `It would match in ${matchesIn}. Check --timezone: EventBridge and cronledger must have the same time zone.`
}

const LOST_BECAUSE: Readonly<Record<LeaseLossCause, string>> = {
  taken: 'another run took the slot over: stopping this one',
  deleted: 'the row of the slot was deleted, so another run may start: stopping this one',
  expired: 'the lease could not be renewed in time: stopping',
  turn: 'the lease ran out, and another slot of the task has its turn by now: stopping this one',
}

function endedEntry(event: Extract<RunEvent, { event: 'ended' }>): LogEntry {
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

function unrecordedText(finish: FinishResult, cause: string | undefined): string {
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
