import { elapsed, formatDuration } from '../../core/duration.ts'
import { quote } from '../../core/errors.ts'
import type { LeaseLossCause, RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { isCatchUpTrigger, waitMsOf } from '../../core/row/attempts.ts'
import { ECS } from '../../core/row/stored-ecs.ts'
import type { TaskFinding } from '../../core/task/findings.ts'
import type { AttemptRecord, Instant, ScheduleSpec, Trigger } from '../../core/types.ts'
import { switchStep } from '../../verdict/event-steps.ts'
import { holderSentence, verdictOfEvent } from '../../verdict/event-verdict.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { neededSteps } from '../../verdict/steps.ts'
import { ownedSteps, stepJson } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { printable, safeJson } from '../text.ts'
import { sentenceText } from '../verdict.ts'
import type { LogEntry, LogEventName, LogLevel } from './entry.ts'
import { changedFields, lockFields, suspensionFields, verdictEntry } from './verdict-entry.ts'

export type LogFormat = 'json' | 'text' | 'quiet'

/** An event as a JSON object. It has these fields, and others that depend on the event. */
export interface LogObject {
  readonly time: string
  readonly level: LogLevel
  readonly event: LogEventName | TaskFinding['kind']
  readonly task: string
  readonly slot: string
  readonly message: string
  /** The owner of the task. Left out if there is nothing to do, or if its runs state none. */
  readonly owner?: string
  /** The next steps for the operator, as commands. Left out if there is nothing to do. */
  readonly steps?: readonly ReturnType<typeof stepJson>[]
  readonly [field: string]: unknown
}

/**
 * Returns the text for an event, without its last line end. As text, the next steps are lines of their own below the
 * first line. Returns null when the format leaves the event out.
 */
export function logLine(event: RunEvent, context: RunContext, format: LogFormat, now: Instant): string | null {
  if (format === 'json') return safeJson(logObject(event, context, now))
  const { task, window, schedule } = context
  const entry = logEntry(event, context, now)
  if (format === 'quiet' && entry.level !== 'error') return null
  const line = `cronledger: ${task} ${zonedTime(window.slot, schedule.zone)}: ${entry.message}`
  return [line, ...ownedSteps(context.owner, neededSteps(entry.steps ?? []))].map(printable).join('\n')
}

/** Returns an event as a JSON object, for the log and for notifications. */
export function logObject(event: RunEvent, context: RunContext, now: Instant): LogObject {
  const { task, window, runId, trigger, host, owner } = context
  const entry = logEntry(event, context, now)
  const steps = neededSteps(entry.steps ?? []).map(stepJson)
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
    ...(steps.length > 0 && { ...(owner !== undefined && { owner }), steps }),
  }
}

function logEntry(event: RunEvent, context: RunContext, now: Instant): LogEntry {
  const verdict = verdictOfEvent(event, context, now)
  return verdict === null ? ownEntry(event, context, now) : verdictEntry(event, verdict, context, now)
}

/** Returns the entry of an event that says nothing new of its slot. */
function ownEntry(event: RunEvent, context: RunContext, now: Instant): LogEntry {
  const { window, schedule } = context
  switch (event.event) {
    case 'claimed':
      return claimedEntry(event.attempt, context.trigger, now - window.slot)
    case 'waiting':
      return {
        level: 'info',
        event: 'waiting',
        message: `waiting, not started yet: ${sentenceText(holderSentence(event.holder), window.slot, schedule.zone)}`,
        fields: { holder: lockFields(event.holder) },
      }
    case 'retry':
      return {
        level: 'warn',
        event: 'retry',
        message: `attempt ${event.attempt} starts in ${elapsed(event.delayMs)}`,
        fields: { attempt: event.attempt, delayMs: event.delayMs },
      }
    case 'renewal-failed':
      return {
        level: 'warn',
        event: 'renewal-failed',
        message: `the lease could not be renewed, retrying while the batch runs: ${event.detail}`,
        fields: {},
      }
    case 'renewal-recovered':
      return {
        level: 'info',
        event: 'renewal-recovered',
        message: 'the ledger answers again, and the lease was renewed',
        fields: {},
      }
    case 'lease-lost':
      return {
        level: 'error',
        event: 'lease-lost',
        message: `stopping the run: ${LOST_BECAUSE[event.cause]}`,
        fields: { cause: event.cause },
      }
    default:
      return noticeEntry(event as NoticeEvent, context)
  }
}

function claimedEntry(attempt: AttemptRecord, trigger: Trigger, latenessMs: number): LogEntry {
  const due = `${elapsed(latenessMs)} after the scheduled time`
  const waitedMs = waitMsOf(attempt)
  const waited = waitedMs === null ? '' : `, waited ${elapsed(waitedMs)}`
  const how =
    (trigger.kind === 'forced' ? `forced by ${trigger.by}` : isCatchUpTrigger(trigger) ? `missed slot, ${due}` : due) +
    waited
  return {
    level: 'info',
    event: 'claimed',
    message: `starting attempt ${attempt.number} (${how})`,
    fields: { attempt: attempt.number, latenessMs, ...(attempt.ecs && { ecs: ECS.encode(attempt.ecs) }) },
  }
}

type NoticeEvent = Extract<
  RunEvent,
  {
    event:
      | 'catch-up'
      | 'clock-event-time'
      | 'schedule-mismatch'
      | 'schedule-changed'
      | 'ledger-created'
      | 'revived'
      | 'warning'
  }
>

/** Returns the entry of an event about the options of the run or about its task. */
function noticeEntry(event: NoticeEvent, { schedule, window }: RunContext): LogEntry {
  switch (event.event) {
    case 'clock-event-time':
      return {
        level: 'warn',
        event: 'clock-event-time',
        message: `no event time was given, and the slots are only ${formatDuration(event.windowMs)} apart, so a delayed trigger may run in a later slot. Pass --event-time.`,
        fields: { windowMs: event.windowMs },
      }
    case 'schedule-mismatch':
      return {
        level: 'warn',
        event: 'schedule-mismatch',
        message: `the event time ${zonedTime(event.eventTime, schedule.zone)} does not match the schedule ${scheduleText(schedule)}. ${mismatchAdvice(event.matchesIn)}`,
        fields: { schedule: schedule.expression, timezone: schedule.zone },
      }
    case 'schedule-changed': {
      const { before, after } = changedFields(event.before, event.after)
      return {
        level: 'warn',
        event: 'schedule-changed',
        message: `the schedule of this task changed from ${before} to ${after}, starting with this slot`,
        fields: { before, after },
        steps: [switchStep('see whether slots run twice or never', event.before, event.after, window.slot)],
      }
    }
    case 'ledger-created':
      return {
        level: 'warn',
        event: 'ledger-created',
        message: `created a new ledger ${quote(event.path)}: slots that ran before are not known to it`,
        fields: { path: event.path },
      }
    case 'revived': {
      const { by, reason, from } = event.retirement
      return {
        level: 'warn',
        event: 'revived',
        message: `this task was retired, but a scheduled trigger came, so the task is active again (retired by ${by} from ${zonedTime(from, schedule.zone)} on: ${reason})`,
        fields: { retirement: suspensionFields(event.retirement) },
      }
    }
    case 'catch-up':
      return catchUpEntry(event, schedule)
    case 'warning':
      return { level: 'warn', event: 'warning', message: event.message, fields: {} }
  }
}

function catchUpEntry(
  { count, oldest, newest, left }: Extract<RunEvent, { event: 'catch-up' }>,
  { zone }: ScheduleSpec,
): LogEntry {
  const slots =
    count === 1
      ? `1 missed slot to catch up: ${zonedTime(oldest, zone)}`
      : `${count} missed slots to catch up, the oldest first: ${zonedTime(oldest, zone)} to ${zonedTime(newest, zone)}`
  const more = left === 0 ? '' : `. ${left} more ${left === 1 ? 'is' : 'are'} left for the next run.`
  return {
    level: 'info',
    event: 'catch-up',
    message: slots + more,
    fields: { count, oldest: formatInstant(oldest), newest: formatInstant(newest), left },
  }
}

/** Returns what to do if an event time does not match. `matchesIn` is a zone in which it would match. */
function mismatchAdvice(matchesIn: string | undefined): string {
  return matchesIn === undefined
    ? 'The scheduler and cronledger must have the same schedule and time zone.'
    : `It would match in ${matchesIn}. Check --timezone: the scheduler and cronledger must have the same time zone.`
}

const LOST_BECAUSE: Readonly<Record<LeaseLossCause, string>> = {
  taken: 'another run took over this slot',
  resolved: 'an operator resolved this slot while this run was alive',
  deleted: 'the record of this slot was deleted, so another run may start',
  expired: 'the lease could not be renewed in time',
  overlap: 'the lease ran out, and another slot of this task now holds the overlap lock',
}
