import { formatDuration } from '../core/duration.ts'
import { quote, usageError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { formatInstant, parseInstant } from '../core/instant.ts'
import { isRecord } from '../core/objects.ts'
import type { Facts } from '../core/row/policy.ts'
import { longestGapMs } from '../core/schedule/gaps.ts'
import type { Schedule } from '../core/schedule/schedule.ts'
import { earlyToleranceMs, isFireTimeNear, windowOf } from '../core/schedule/slot.ts'
import { parseSlotReference } from '../core/schedule/slot-reference.ts'
import type { EventTimeSource, Instant, Trigger, Window } from '../core/types.ts'
import { checkOperator } from '../core/user-text.ts'
import type { Settings } from './settings.ts'

/** The trigger as the caller describes it. The texts are not parsed yet: this module parses them. */
export interface TriggerInput {
  readonly eventTime?: string
  /** The EventBridge event as JSON. */
  readonly event?: string
  /** The slot to force: an instant, a local time, a date, or `latest`. */
  readonly forceSlot?: string
  readonly reason?: string
  readonly by?: string
}

export type TriggerSettings = Pick<
  Settings,
  'requireEventTime' | 'earlyToleranceMs' | 'onMismatch' | 'skewMs' | 'retentionMs'
>

export interface ReadTrigger {
  readonly trigger: Trigger
  readonly window: Window
  readonly objection: Facts['objection']
  readonly notices: readonly RunEvent[]
}

/** If windows are shorter than this, a delivery that is a minute or two late can fall into the next window. */
const SHORT_WINDOW_MS = 3_600_000
/** A retention of two windows keeps the latest slot and the slot before it. */
const RETAINED_WINDOWS = 2
/** EventBridge fires within a minute of the time that it states. */
const MISMATCH_TOLERANCE_MS = 60_000

/**
 * Finds the slot that a trigger belongs to. Throws a usage error for input that is invalid, or that could mean more
 * than one slot.
 */
export function readTrigger(
  input: TriggerInput,
  schedule: Schedule,
  settings: TriggerSettings,
  now: Instant,
): ReadTrigger {
  const read =
    input.forceSlot === undefined
      ? readScheduled(input, schedule, settings, now)
      : readForced(input, input.forceSlot, schedule, settings, now)
  checkRetention(settings.retentionMs, schedule, read.window)
  return read
}

/**
 * Throws if rows would be deleted too early. A deleted row rejects nothing, so it must be kept until no trigger for its
 * slot can arrive. The check uses the longest window of the schedule, so that a retention that is too short fails on
 * the first day and not months later.
 */
function checkRetention(retentionMs: number | null, schedule: Schedule, { slot, end }: Window): void {
  if (retentionMs === null || end === null) return
  const leastMs = RETAINED_WINDOWS * Math.max(end - slot, longestGapMs(schedule, slot) ?? 0)
  if (retentionMs >= leastMs) return
  throw usageError(
    `retention is ${formatDuration(retentionMs)}; it must be at least two windows, here ${formatDuration(leastMs)}: a slot whose row is gone would run again`,
  )
}

function readScheduled(input: TriggerInput, schedule: Schedule, settings: TriggerSettings, now: Instant): ReadTrigger {
  if (input.reason !== undefined) {
    throw usageError('a reason is given, but no slot to force; name the slot, or leave the reason out')
  }
  const { eventTime, source } = readEventTime(input, now)
  if (source === 'clock' && settings.requireEventTime) {
    throw usageError(
      'no event time is given, and one is required; pass the time that the scheduler puts into its event',
    )
  }
  const toleranceMs = settings.earlyToleranceMs ?? earlyToleranceMs(schedule, eventTime)
  if (eventTime > now + toleranceMs + settings.skewMs) {
    throw usageError(
      `event time ${formatInstant(eventTime)} is in the future (now ${formatInstant(now)}): it would take the slot of a run to come`,
    )
  }
  const found = windowOf(schedule, eventTime, toleranceMs)
  if (found === null) {
    throw usageError(
      `no slot of ${schedule.spec.expression} in ${schedule.spec.zone} at or before the event time ${formatInstant(eventTime)}`,
    )
  }
  const notices: RunEvent[] = []
  if (source === 'clock' && found.next !== null && found.next - found.slot < SHORT_WINDOW_MS) {
    notices.push({ event: 'clock-event-time', windowMs: found.next - found.slot })
  }
  const mismatch =
    source !== 'clock' && schedule.kind !== 'rate' && !isFireTimeNear(schedule, eventTime, MISMATCH_TOLERANCE_MS)
  if (mismatch) notices.push({ event: 'schedule-mismatch', eventTime, source })
  return {
    trigger: { kind: 'scheduled', eventTime, source },
    window: { slot: found.slot, end: found.next },
    objection: mismatch && settings.onMismatch === 'refuse' ? 'scheduleMismatch' : null,
    notices,
  }
}

function readForced(
  input: TriggerInput,
  forceSlot: string,
  schedule: Schedule,
  settings: TriggerSettings,
  now: Instant,
): ReadTrigger {
  if (input.eventTime !== undefined || input.event !== undefined) {
    throw usageError('a forced slot and an event time are given together; one of them is a leftover: take it away')
  }
  const { reason, by } = input
  const person = { reason: reason ?? '', by: by ?? '' }
  checkOperator(person)
  const window = parseSlotReference(schedule, forceSlot, now)
  if (window.slot > now + settings.skewMs) {
    throw usageError(
      `slot ${formatInstant(window.slot)} is not due yet: forcing it would take the slot of a run to come`,
    )
  }
  return { trigger: { kind: 'forced', ...person }, window, objection: null, notices: [] }
}

/**
 * Throws a usage error for a text that is not a time, and for a placeholder that EventBridge Scheduler did not replace.
 */
function readEventTime(input: TriggerInput, now: Instant): { eventTime: Instant; source: EventTimeSource } {
  if (input.eventTime !== undefined) return { eventTime: parseEventTime(input.eventTime), source: 'event-time' }
  if (input.event !== undefined) return { eventTime: parseEventTime(timeOfEvent(input.event)), source: 'event' }
  return { eventTime: now, source: 'clock' }
}

function parseEventTime(text: string): Instant {
  if (/^<aws\..*>$/.test(text)) {
    throw usageError(
      `event time is ${quote(text)}: nobody replaced it; only EventBridge Scheduler does, in its target's input`,
    )
  }
  return parseInstant(text, 'event time')
}

function timeOfEvent(json: string): string {
  let event: unknown
  try {
    event = JSON.parse(json)
  } catch {
    const is = json.trim() === '' ? 'empty' : 'no JSON'
    throw usageError(`the event is ${is}; pass the EventBridge event as it came`)
  }
  const time = isRecord(event) ? event['time'] : undefined
  if (typeof time !== 'string') throw usageError('the event has no "time"; pass the EventBridge event as it came')
  return time
}
