import { DAY_MS, formatDuration } from '../core/duration.ts'
import { option, quote, said, usageError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { formatInstant, isLocalTime, parseInstant } from '../core/instant.ts'
import { defined, isRecord } from '../core/objects.ts'
import type { Facts } from '../core/row/policy.ts'
import { parseOrNull } from '../core/row/report.ts'
import { instantsOf } from '../core/schedule/local-time.ts'
import { parseSchedule, type Schedule } from '../core/schedule/schedule.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { earlyToleranceMs, isFireTimeNear, longestGapMs, windowOf } from '../core/schedule/slot.ts'
import { parseSlotReference } from '../core/schedule/slot-reference.ts'
import { isUtc, isZone } from '../core/schedule/zone.ts'
import type { EventTimeSource, Instant, Trigger, Window } from '../core/types.ts'
import { checkOperator, checkPlan } from '../core/user-text.ts'
import type { Settings } from './settings.ts'
import { localSlot } from './slot-variables.ts'

export interface TriggerInput {
  readonly eventTime?: string | Date | undefined
  readonly force?:
    | {
        readonly slot: string | Date
        readonly reason: string
        readonly by: string
        readonly plan?: string | undefined
        readonly ignoreAfter?: boolean | undefined
        readonly fresh?: boolean | undefined
      }
    | undefined
  /** The variable `TZ`, which many programs read as their zone, without the colon that it may begin with. */
  readonly hostZone?: string | undefined
}

export type TriggerSettings = Pick<Settings, 'strict' | 'skewMs' | 'retentionMs'>

export interface ReadTrigger {
  readonly trigger: Trigger
  readonly window: Window
  readonly objection: Facts['objection']
  readonly notices: readonly RunEvent[]
}

const SHORT_WINDOW_MS = 3_600_000
/** A retention of two windows keeps the latest slot and the slot before it. */
const RETAINED_WINDOWS = 2
const PASS_EVENT = 'Pass the EventBridge event unchanged.'
const MAX_SHOWN_LENGTH = 60
const YEAR_MS = 366 * DAY_MS
/** EventBridge fires within a minute of the time that it states. */
const MISMATCH_TOLERANCE_MS = 60_000

/** Finds the slot of a trigger. Throws a usage error for invalid input, or if it could mean several slots. */
export function readTrigger(
  input: TriggerInput,
  schedule: Schedule,
  settings: TriggerSettings,
  now: Instant,
): ReadTrigger {
  const read =
    input.force === undefined
      ? readScheduled(input, schedule, settings, now)
      : readForced(input, input.force, schedule, settings, now)
  checkRetention(settings.retentionMs, schedule, read.window)
  return read
}

/** A deleted row rejects nothing. The longest window counts, so that a retention that is too short fails on the first day. */
function checkRetention(retentionMs: number | null, schedule: Schedule, { slot, end }: Window): void {
  if (retentionMs === null || end === null) return
  const leastMs = RETAINED_WINDOWS * Math.max(end - slot, longestGapMs(schedule, slot) ?? 0)
  if (retentionMs >= leastMs) return
  throw usageError(
    said`${option('retentionMs')} ${formatDuration(retentionMs)} is too short. It must be at least ${formatDuration(leastMs)}, which is two windows of the schedule, otherwise a slot whose record was deleted could run again.`,
  )
}

function readScheduled(input: TriggerInput, schedule: Schedule, settings: TriggerSettings, now: Instant): ReadTrigger {
  const text = input.eventTime === undefined ? undefined : timeText(input.eventTime, 'event time')
  const { eventTime, source } = eventTimeOf(text, now)
  if (source === 'clock' && settings.strict) {
    throw usageError(
      said`an event time is required, because ${option('strict')} is set. Pass the time from the event of the scheduler as ${option('eventTime')}.`,
    )
  }
  const toleranceMs = earlyToleranceMs(schedule, eventTime)
  if (eventTime > now + toleranceMs + settings.skewMs) {
    throw usageError(
      `event time ${formatInstant(eventTime)} is in the future. It is ${formatInstant(now)} now, and a later run must not lose its slot.${localTimeHint(text, schedule, now)}`,
    )
  }
  const found = windowOf(schedule, eventTime, toleranceMs)
  if (found === null) {
    throw usageError(
      `schedule ${quote(schedule.spec.expression)} (${schedule.spec.zone}) has no slot at or before the event time ${formatInstant(eventTime)}. Check the schedule and the event time.`,
    )
  }
  const notices: RunEvent[] = []
  if (source === 'clock' && found.next !== null && found.next - found.slot < SHORT_WINDOW_MS) {
    notices.push({ event: 'clock-event-time', windowMs: found.next - found.slot })
  }
  if (eventTime < now - YEAR_MS) {
    notices.push({
      event: 'warning',
      message: `the event time ${formatInstant(eventTime)} is more than a year ago. Check its year.`,
    })
  }
  const mismatch =
    source !== 'clock' && schedule.kind !== 'rate' && !isFireTimeNear(schedule, eventTime, MISMATCH_TOLERANCE_MS)
  if (mismatch) {
    const matchesIn = zoneThatMatches(schedule, eventTime, input.hostZone)
    notices.push({ event: 'schedule-mismatch', eventTime, source, ...(matchesIn !== undefined && { matchesIn }) })
  }
  return {
    trigger: { kind: 'scheduled', eventTime, source },
    window: { slot: found.slot, end: found.next },
    objection: mismatch && settings.strict ? 'scheduleMismatch' : null,
    notices,
  }
}

/** Returns a hint if the event time is over when it is read as local time of the schedule, to follow a sentence. */
function localTimeHint(text: string | undefined, { spec: { zone } }: Schedule, now: Instant): string {
  const local = text?.endsWith('Z') ? text.slice(0, -1) : ''
  if (!isLocalTime(local) || isUtc(zone)) return ''
  const meant = instantsOf(local, zone, 'event time').find((at) => at <= now)
  if (meant === undefined) return ''
  return ` If ${local.slice(11, 16)} is the local time in ${zone}, write ${localSlot({ slot: meant, timezone: zone }).local}.`
}

function zoneThatMatches(schedule: Schedule, eventTime: Instant, hostZone: string | undefined): string | undefined {
  return [hostZone, 'UTC'].find((zone) => {
    if (zone === undefined || zone === schedule.spec.zone || !isZone(zone)) return false
    try {
      return isFireTimeNear(parseSchedule({ ...schedule.spec, zone }), eventTime, MISMATCH_TOLERANCE_MS)
    } catch {
      // A valid schedule may never fire in another zone.
      return false
    }
  })
}

/** A warning if UTC is used because no zone was given, although `TZ` names one. A rate has no use for a zone. */
export function defaultZoneWarning(schedule: Schedule, zone = ''): string | null {
  if (schedule.kind === 'rate' || zone === '' || isUtc(zone) || /^(?:UTC|GMT)[+-]?0$/i.test(zone)) return null
  const named = isZone(zone) ? `--timezone ${zone}` : '--timezone with the IANA name of that zone'
  return `the schedule is read in UTC, but TZ is ${quote(zone)}. Give ${named}, or --timezone UTC if UTC is meant.`
}

function readForced(
  { eventTime }: TriggerInput,
  { slot, reason, by, plan, ignoreAfter, fresh }: NonNullable<TriggerInput['force']>,
  schedule: Schedule,
  settings: TriggerSettings,
  now: Instant,
): ReadTrigger {
  if (eventTime !== undefined) {
    throw usageError('a forced slot and an event time cannot be used together. Use one of them.')
  }
  checkOperator({ reason, by })
  const window = parseSlotReference(schedule, timeText(slot, 'slot'), now)
  if (window.slot > now + settings.skewMs) {
    throw usageError(
      `slot ${formatInstant(window.slot)} is not due yet. Only a slot whose scheduled time has come can be forced.`,
    )
  }
  if (plan !== undefined) checkPlan(plan)
  const chosen = {
    ...(ignoreAfter && { ignoresAfter: true as const }),
    ...(fresh && { isFresh: true as const }),
    ...defined({ plan }),
  }
  return { trigger: { kind: 'forced', by, reason, ...chosen }, window, objection: null, notices: [] }
}

function eventTimeOf(text: string | undefined, now: Instant): { eventTime: Instant; source: EventTimeSource } {
  if (text === undefined) return { eventTime: now, source: 'clock' }
  return /^\s*\{(?!\{)/.test(text)
    ? { eventTime: parseEventTime(timeOfEvent(text)), source: 'event' }
    : { eventTime: parseEventTime(text), source: 'event-time' }
}

function parseEventTime(text: string): Instant {
  if (/^[<$%]|\$?\{\{.*\}\}/.test(text))
    throw usageError(
      `event time ${quote(text)} was not replaced. Write the time itself, or check where the scheduler replaces such a text.`,
    )
  return text.startsWith(JOB_PREFIX) ? timeOfJob(text.slice(JOB_PREFIX.length)) : parseInstant(text, 'event time')
}

const JOB_PREFIX = 'k8s-job:'
/** Kubernetes 1.21 and later name Jobs after the minute. A smaller number is from a user, such as a date (20261125). */
const FIRST_JOB_MINUTE = Date.UTC(2021, 0, 1) / 60_000

/** The name of a Job of a CronJob ends with the scheduled time in minutes since 1970, in any time zone. */
function timeOfJob(name: string): Instant {
  const minute = Number(/-(\d{8,9})$/.exec(name)?.[1] ?? 0)
  if (minute >= FIRST_JOB_MINUTE) return parseInstant(formatInstant(minute * 60_000), 'event time')
  throw usageError(
    `event time ${quote(JOB_PREFIX + name)} does not end with a scheduled minute, as nightly-29400000 does, so it is not the name of a Job that a schedule started. To run a slot by hand, force that slot instead of giving an event time.`,
  )
}

function timeOfEvent(json: string): string {
  const event = parseOrNull(json)
  if (!isRecord(event)) throw usageError(`the event is not valid JSON. ${PASS_EVENT}`)
  const { time } = event
  if (time === undefined) throw usageError(`the event has no "time". ${PASS_EVENT}`)
  if (typeof time === 'string') return time
  const shown = JSON.stringify(time).slice(0, MAX_SHOWN_LENGTH)
  throw usageError(`the "time" of the event is ${shown}, which is not a text. ${PASS_EVENT}`)
}
