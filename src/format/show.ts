import { formatInstant } from '../core/instant.ts'
import { attemptCount, hasStarted, waitMsOf } from '../core/row/attempts.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import type { AttemptRecord, Host, Instant, Rejection, Resolution, Row, StoredRow, Trigger } from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import { rowJson, shownState } from './row.ts'
import { elapsed, endingText, printable, safeJson, scheduleText } from './text.ts'

/** Returns everything about one slot as text: its facts, and its timeline in order of time. */
export function showText(row: StoredRow, now: Instant, skewMs: number): string {
  const lines = isNewerSchema(row)
    ? [titleOf(row), `  a newer cronledger wrote this row (schema ${row.schemaVersion}): update this one to read it`]
    : [titleOf(row), ...factLines(row, now, skewMs), '', 'TIMELINE (UTC)', ...timelineLines(row)]
  return lines.map(printable).join('\n')
}

/** Returns the row as JSON on several lines, as `schema/row.schema.json` describes it. */
export function showJson(row: StoredRow, now: Instant, skewMs: number): string {
  return safeJson(rowJson(row, now, skewMs), 2)
}

function titleOf({ task, slot }: StoredRow): string {
  return `${task} ${formatInstant(slot)}`
}

/** Returns the facts about a slot, by name. The texts are not yet safe on a terminal. */
export function slotFacts(row: Row, now: Instant, skewMs: number): Readonly<Record<string, string>> {
  const { slot, windowEnd, schedule, rejections, unlistedAttempts } = row
  const { count, refused } = rejections
  const rejected = refused === 0 ? String(count) : `${count} (${refused} refused)`
  const end = windowEnd === null ? 'open: the schedule has no later slot' : `to ${formatInstant(windowEnd)}`
  const localEnd = windowEnd === null ? '' : ` to ${localTimeIn(windowEnd, schedule.zone)}`
  const left = count - keptOf(row).length
  return {
    state: shownState(row, now, skewMs),
    window: `${formatInstant(slot)} ${end}`,
    'local time': `${localTimeIn(slot, schedule.zone)}${localEnd}`,
    schedule: `${scheduleText(schedule)}, with zone data ${row.zoneData}`,
    attempts:
      unlistedAttempts === 0
        ? String(attemptCount(row))
        : `${attemptCount(row)}, of which ${unlistedAttempts} never started and are not listed`,
    rejected: left === 0 ? rejected : `${rejected}, of which ${left} were counted and not kept`,
    ...(row.leaseUntil === null ? {} : { lease: `until ${formatInstant(row.leaseUntil)}` }),
    ...(row.expiresAt === null ? {} : { expires: formatInstant(row.expiresAt) }),
  }
}

function factLines(row: Row, now: Instant, skewMs: number): string[] {
  const facts = slotFacts(row, now, skewMs)
  const width = Math.max(...Object.keys(facts).map(({ length }) => length))
  return Object.entries(facts).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)
}

interface TimelineEntry {
  readonly at: Instant
  readonly text: string
}

/** Returns the events of a slot, in order of time. The texts are not yet safe on a terminal. */
export function slotTimeline(row: Row): readonly TimelineEntry[] {
  return [
    ...row.attempts.flatMap((attempt) => attemptEntries(attempt, row.slot)),
    ...keptOf(row).map((rejection) => rejectionEntry(rejection, row.slot)),
    ...row.resolutions.map(resolutionEntry),
  ].sort((one, other) => one.at - other.at)
}

function timelineLines(row: Row): string[] {
  const entries = slotTimeline(row)
  const width = Math.max(0, ...entries.map(({ at }) => formatInstant(at).length))
  return entries.map(({ at, text }) => `${formatInstant(at).padEnd(width)}  ${text}`)
}

function attemptEntries(attempt: AttemptRecord, slot: Instant): TimelineEntry[] {
  const { number, startedAt, runId } = attempt
  const how = hasStarted(attempt) ? 'started' : 'claimed'
  const waitedMs = waitMsOf(attempt)
  const waited = waitedMs === null ? '' : `, ${elapsed(waitedMs)} after its claim,`
  const start = `attempt ${number} ${how} ${latenessOf(startedAt, slot)}${waited} on ${hostText(attempt)}, run ${runId}; ${triggerText(attempt.trigger)}`
  if (attempt.phase !== 'ended') return [{ at: startedAt, text: start }]
  const { endedAt, exitCode } = attempt
  const end = endingText(attempt)
  if (endedAt === undefined) return [{ at: startedAt, text: `${start}; it ${end}, and when is not known` }]
  const code = exitCode === 0 && hasStarted(attempt) ? ' (exit code 0)' : ''
  // A clock that was set back must not put the end before the start.
  const at = Math.max(startedAt, endedAt)
  return [
    { at: startedAt, text: start },
    { at, text: `attempt ${number} ${end}${code} after ${elapsed(at - startedAt)}` },
  ]
}

function rejectionEntry(rejection: Rejection, slot: Instant): TimelineEntry {
  const { at, kind, cause, runId, trigger } = rejection
  // Turns `tooManyAttempts` into `too many attempts`.
  const why = cause.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return {
    at,
    text: `${kind} (${why}) ${latenessOf(at, slot)} from ${hostText(rejection)}, run ${runId}; ${triggerText(trigger)}`,
  }
}

function resolutionEntry({ at, state, by, reason }: Resolution): TimelineEntry {
  return { at, text: `settled as ${state} by ${by}: ${reason}` }
}

/** Returns the rejections that the row keeps: the first ones, and the latest one unless it is among them. */
function keptOf({ rejections: { first, latest } }: Row): readonly Rejection[] {
  return latest === null || first.some(({ runId }) => runId === latest.runId) ? first : [...first, latest]
}

function latenessOf(at: Instant, slot: Instant): string {
  return at < slot ? `${elapsed(slot - at)} before the slot` : `${elapsed(at - slot)} after the slot`
}

function hostText({ host, ecsTask }: Host): string {
  return ecsTask === undefined ? host : `${host}, ECS task ${ecsTask}`
}

function triggerText(trigger: Trigger): string {
  if (trigger.kind === 'forced') return `forced by ${trigger.by}: ${trigger.reason}`
  const { source, eventTime } = trigger
  return source === 'clock'
    ? `no event time, its own start ${formatInstant(eventTime)}`
    : `event time ${formatInstant(eventTime)} (--${source})`
}
