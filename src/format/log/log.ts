import { elapsed, formatDuration } from '../../core/duration.ts'
import type { EventOf, LeaseLossCause, RunContext, RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { isCatchUpTrigger, waitMsOf } from '../../core/row/attempts.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import { KEY } from '../../core/row/stored-row.ts'
import type { AttemptRecord, Instant, Trigger } from '../../core/types.ts'
import { startedByHandSteps, switchStep } from '../../verdict/event/event-steps.ts'
import { holderSentence, isSaid, type SaidEvent, verdictOfEvent } from '../../verdict/event/event-verdict.ts'
import type { TaskFinding } from '../../verdict/judge.ts'
import { scheduleText } from '../../verdict/sentence.ts'
import { neededSteps } from '../../verdict/steps.ts'
import { type EventVerdict, missingSentence, verdictOfUpstream } from '../../verdict/verdict.ts'
import { stepJson, stepLines } from '../command-line.ts'
import { zonedTime } from '../local-time.ts'
import { counted, delayText, newLedgerText, OPERATING_GUIDE, printableLines, safeJson } from '../text.ts'
import { sentenceText } from '../verdict.ts'
import { changedFields, type LogEntry, lockFields, suspensionFields, verdictEntry } from './verdict-entry.ts'

export type LogFormat = 'json' | 'text' | 'quiet'

/** The name of an event in the log. The end of an attempt has one of three names, which say how it ended. */
type LogEventName = Exclude<RunEvent['event'], 'ended'> | 'completed' | 'failed' | 'unrecorded'

export interface LogObject {
  readonly time: string
  readonly level: LogEntry['level']
  readonly event: LogEventName | TaskFinding['kind'] | 'repaired'
  readonly task: string
  readonly slot: string
  readonly message: string
  /** The owner of the task. Left out if there is nothing to do, or if its runs state none. */
  readonly owner?: string
  readonly steps?: readonly ReturnType<typeof stepJson>[]
  readonly [field: string]: unknown
}

/** As text, the next steps are lines below the first one. Returns null when the format leaves the event out. */
export function logLine(
  event: RunEvent,
  context: RunContext,
  format: LogFormat,
  now: Instant,
  entry = logEntry(event, context, now),
): string | null {
  if (format === 'json') return safeJson(logObject(event, context, now, entry))
  const { task, window, schedule } = context
  if (format === 'quiet' && entry.level !== 'error' && !('hasOtherCommand' in event)) return null
  const line = `cronledger: ${task} ${zonedTime(window.slot, schedule.zone)}: ${entry.message}`
  const needed = stepLines(neededSteps(entry.steps ?? []))
  const steps = needed.length === 0 || context.owner === undefined ? needed : [`  owner: ${context.owner}`, ...needed]
  const guide = steps.length > 0 && entry.level === 'error' ? [`  guide: ${OPERATING_GUIDE}`] : []
  return printableLines([line, ...steps, ...stepLines(startedByHandSteps(event, context)), ...guide])
}

export function logObject(
  event: RunEvent,
  context: RunContext,
  now: Instant,
  entry = logEntry(event, context, now),
): LogObject {
  const { task, window, runId, trigger, host, owner } = context
  const steps = neededSteps(entry.steps ?? []).map(stepJson)
  return {
    time: formatInstant(now),
    level: entry.level,
    event: nameOf(event),
    task,
    slot: formatInstant(window.slot),
    runId,
    trigger: trigger.kind,
    ...(trigger.kind === 'scheduled'
      ? { source: trigger.source, eventTime: formatInstant(trigger.eventTime) }
      : { by: trigger.by, reason: trigger.reason }),
    ...host,
    ...entry.fields,
    message: entry.message,
    ...(steps.length > 0 && { ...(owner !== undefined && { owner }), steps }),
  }
}

/** `verdict`: that of the run. Null: the event has none, or it is made here. */
export function logEntry(
  event: RunEvent,
  context: RunContext,
  now: Instant,
  verdict: EventVerdict | null = null,
): LogEntry {
  return isSaid(event)
    ? verdictEntry(event, verdict ?? verdictOfEvent(event, context, now), context, now)
    : ownEntry(event, context, now)
}

function nameOf(event: RunEvent): LogEventName {
  if (event.event !== 'ended') return event.event
  if (event.finish !== 'recorded') return 'unrecorded'
  return event.ending.outcome === 'succeeded' ? 'completed' : 'failed'
}

type OwnEvent = Exclude<RunEvent, SaidEvent>

function ownEntry(event: OwnEvent, context: RunContext, now: Instant): LogEntry {
  const { trigger, window, schedule } = context
  const { zone } = schedule
  switch (event.event) {
    case 'claimed':
      return claimedEntry(event.attempt, trigger, now - window.slot, zone)
    case 'waiting': {
      if ('missing' in event) return blockedEntry(event, context, now)
      const holder = sentenceText(holderSentence(event.holder), window.slot, zone)
      const fields = { holder: lockFields(event.holder) }
      return { level: 'info', message: `waiting, not started yet: ${holder}`, fields }
    }
    case 'retry': {
      const { attempt, delayMs } = event
      return warning(`attempt ${attempt} starts in ${elapsed(delayMs)}`, { attempt, delayMs })
    }
    case 'renewal-failed':
      return warning(`the lease could not be renewed, retrying while the batch runs: ${event.detail}`)
    case 'renewal-recovered':
      return { level: 'info', message: 'the ledger answers again, and the lease was renewed' }
    case 'lease-lost': {
      const { cause } = event
      return { level: 'error', message: `stopping the run: ${LOST_BECAUSE[cause]}`, fields: { cause } }
    }
    case 'clock-event-time': {
      const { windowMs } = event
      return warning(
        `no event time was given, and the slots are only ${formatDuration(windowMs)} apart, so a delayed trigger may run in a later slot. Pass --event-time.`,
        { windowMs },
      )
    }
    case 'schedule-mismatch': {
      const { eventTime, matchesIn } = event
      const advice =
        matchesIn === undefined
          ? 'The scheduler and cronledger must have the same schedule and time zone.'
          : `It would match in ${matchesIn}. Check --timezone: the scheduler and cronledger must have the same time zone.`
      return warning(
        `the event time ${zonedTime(eventTime, zone)} does not match the schedule ${scheduleText(schedule)}. ${advice}`,
        { schedule: schedule.expression, zone },
      )
    }
    case 'schedule-changed': {
      const changed = changedFields(event.before, event.after)
      const steps = [switchStep('see whether slots run twice or never', context)]
      const text = `the schedule of this task changed from ${changed.before} to ${changed.after}, starting with this slot`
      return { ...warning(text, changed), steps }
    }
    case 'ledger-created': {
      const { path } = event
      return warning(newLedgerText(path), { path })
    }
    case 'revived': {
      const { by, reason, from } = event.retirement
      return warning(
        `this task was retired, but a scheduled trigger came, so the task is active again (retired by ${by} from ${zonedTime(from, zone)} on: ${reason})`,
        { retirement: suspensionFields(event.retirement) },
      )
    }
    case 'catch-up':
      return catchUpEntry(event, zone)
    case 'warning':
      return warning(event.message)
  }
}

function blockedEntry(
  { missing, leftMs }: Extract<OwnEvent, { missing: unknown }>,
  context: RunContext,
  now: Instant,
): LogEntry {
  const { window, schedule } = context
  const found = missingSentence(missing, verdictOfUpstream(missing, context, now))
  const message = `waiting up to ${elapsed(leftMs)}, not started yet: ${sentenceText(found, window.slot, schedule.zone)}`
  return { level: 'info', message, fields: { blockedBy: KEY.encode(missing), leftMs: Math.round(leftMs) } }
}

function warning(message: string, fields: Readonly<Record<string, unknown>> = {}): LogEntry {
  return { level: 'warn', message, fields }
}

function claimedEntry(attempt: AttemptRecord, trigger: Trigger, latenessMs: number, zone: string): LogEntry {
  const due = delayText(latenessMs)
  const waitedMs = waitMsOf(attempt)
  const waited = waitedMs === null ? '' : `, waited ${elapsed(waitedMs)}`
  const how =
    trigger.kind === 'forced' ? `forced by ${trigger.by}` : isCatchUpTrigger(trigger) ? `missed slot, ${due}` : due
  const { number, since, place, traceId } = attempt
  const from = since === undefined ? '' : `, the last success is ${zonedTime(since, zone)}`
  return {
    level: 'info',
    message: `starting attempt ${number} (${how}${waited}${from})`,
    fields: {
      attempt: number,
      latenessMs,
      ...(since !== undefined && { since: formatInstant(since) }),
      ...placeJson(place),
      ...(traceId !== undefined && { traceId }),
    },
  }
}

function catchUpEntry({ count, oldest, newest, left }: EventOf<'catch-up'>, zone: string): LogEntry {
  const what = counted(count, 'missed slot')
  const span = count === 1 ? zonedTime(oldest, zone) : `${zonedTime(oldest, zone)} to ${zonedTime(newest, zone)}`
  const how = count === 1 ? 'to catch up' : 'to catch up, the oldest first'
  const more = left === 0 ? '' : `. ${left} more ${left === 1 ? 'is' : 'are'} left for the next run.`
  return {
    level: 'info',
    message: `${what} ${how}: ${span}${more}`,
    fields: { count, oldest: formatInstant(oldest), newest: formatInstant(newest), left },
  }
}

const LOST_BECAUSE: Readonly<Record<LeaseLossCause, string>> = {
  taken: 'another run took over this slot',
  resolved: 'an operator resolved this slot while this run was alive',
  deleted:
    'the record of this slot was deleted, or lost in a failover or a restore of the ledger, so another run may start',
  expired: 'the lease could not be renewed in time',
  overlap: 'the lease ran out, and another slot of this task now holds the overlap lock',
}
