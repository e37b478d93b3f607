import { formatInstant } from '../core/instant.ts'
import { attemptCount, hasStarted, waitMsOf } from '../core/row/attempts.ts'
import { isNewerSchema } from '../core/row/status.ts'
import type { FoundSuspension } from '../core/task/suspensions.ts'
import type {
  AttemptRecord,
  EcsFacts,
  Host,
  Instant,
  Rejection,
  Resolution,
  Row,
  ScheduleSpec,
  Status,
  StoredRow,
  Trigger,
} from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import { type DoneByMsOf, rowJson, statusOfItem } from './row.ts'
import { type NextStep, stepLines } from './steps/step.ts'
import { notExpectedText } from './task/suspensions.ts'
import { elapsed, endingText, printable, safeJson, scheduleText, sentence } from './text.ts'

/** What the task record says about a slot that has a row. */
interface OfRecord {
  /** The pause or the retirement that has the slot. */
  readonly found?: FoundSuspension | null
  readonly doneByMsOf?: DoneByMsOf
  /** What the operator can do about the slot. Left out: nothing. */
  readonly todo?: readonly NextStep[]
}

/** Returns everything about one slot as text: its facts, its timeline in order of time, and the next steps. */
export function showText(row: StoredRow, now: Instant, skewMs: number, record: OfRecord = {}): string {
  const lines = isNewerSchema(row)
    ? [
        titleOf(row),
        `  status  unknown: a newer version of cronledger wrote the record of this slot (schema ${row.schemaVersion}). Update cronledger to read it.`,
      ]
    : [
        titleOf(row),
        ...factLines(row, now, skewMs, record),
        ...['', 'TIMELINE (UTC)', ...timelineLines(row)],
        ...todoLines(record.todo),
      ]
  return lines.map(printable).join('\n')
}

function todoLines(todo: readonly NextStep[] = []): readonly string[] {
  return todo.length === 0 ? [] : ['', 'NEXT STEPS', ...stepLines(todo)]
}

/** A slot without a row. */
export interface AbsentSlot {
  readonly task: string
  readonly slot: Instant
  /** The schedule that has the slot. Null if it is not known, or if none has it. */
  readonly schedule: ScheduleSpec | null
  readonly status: Extract<Status, 'missed' | 'overdue' | 'scheduled'> | null
  /** The pause or the retirement that has the slot. */
  readonly found: FoundSuspension | null
}

/** Returns what is known about a slot without a row, as a sentence. */
export function absentText({ task, slot, schedule, status, found }: AbsentSlot, now: Instant): string {
  const why =
    found === null ? '' : ` The slot is not expected, ${sentence(notExpectedText(found, schedule?.zone ?? 'UTC'))}`
  if (schedule === null) return printable(`no run of ${task} is recorded for ${formatInstant(slot)}.${why}`)
  const name = `${task} ${formatInstant(slot)} (${localTimeIn(slot, schedule.zone)})`
  const due = now < slot ? `due in ${elapsed(slot - now)}` : `was due ${elapsed(now - slot)} ago`
  switch (status) {
    case 'missed':
      return printable(`${name} was missed: it ${due}, and no run is recorded for it.`)
    case 'overdue':
      return printable(`${name} is overdue: it ${due}, and no run is recorded yet.`)
    case 'scheduled':
      return printable(`${name} is scheduled: it ${now < slot ? `is ${due}` : `${due}, and no run is recorded yet`}.`)
    case null:
      return printable(`no run is recorded for ${name}${why === '' ? ', which was not expected to run.' : `.${why}`}`)
  }
}

/** Returns the row as JSON on several lines, as `schema/row.schema.json` describes it. */
export function showJson(row: StoredRow, now: Instant, skewMs: number, doneByMsOf?: DoneByMsOf): string {
  return safeJson(rowJson(row, now, skewMs, doneByMsOf), 2)
}

function titleOf({ task, slot }: StoredRow): string {
  return `${task} ${formatInstant(slot)}`
}

/** Returns the facts about a slot, by name. The texts are not yet safe on a terminal. */
export function slotFacts(
  row: Row,
  now: Instant,
  skewMs: number,
  doneByMsOf?: DoneByMsOf,
): Readonly<Record<string, string>> {
  const { slot, windowEnd, schedule, rejections, unlistedAttempts } = row
  const { count, refused } = rejections
  const end = windowEnd === null ? ', no end: the schedule has no later slot' : ` to ${formatInstant(windowEnd)}`
  const localEnd = windowEnd === null ? '' : ` to ${localTimeIn(windowEnd, schedule.zone)}`
  const unlisted = unlistedAttempts === 0 ? '' : ` (${unlistedAttempts} of them never started and are not listed)`
  const dropped = count - keptOf(row).length
  const rejectedNotes = [refused > 0 && `${refused} refused`, dropped > 0 && `${dropped} of them are not listed`]
  const notes = rejectedNotes.filter(Boolean).join(', ')
  return {
    status: statusOfItem(row, now, skewMs, doneByMsOf),
    window: `${formatInstant(slot)}${end}`,
    'local time': `${localTimeIn(slot, schedule.zone)}${localEnd}`,
    schedule: `${scheduleText(schedule)}, zone data ${row.zoneData}`,
    attempts: `${attemptCount(row)}${unlisted}`,
    rejected: `${count}${notes === '' ? '' : ` (${notes})`}`,
    ...(row.leaseUntil === null ? {} : { lease: `until ${formatInstant(row.leaseUntil)}` }),
    ...(row.expiresAt === null ? {} : { expires: formatInstant(row.expiresAt) }),
  }
}

function factLines(row: Row, now: Instant, skewMs: number, { found = null, doneByMsOf }: OfRecord): string[] {
  const facts = {
    ...slotFacts(row, now, skewMs, doneByMsOf),
    ...(found !== null && { 'not expected': notExpectedText(found, row.schedule.zone) }),
  }
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
  const { number, startedAt } = attempt
  const what = hasStarted(attempt) ? 'started' : 'claimed the slot'
  const waitedMs = waitMsOf(attempt)
  const waited = waitedMs === null ? '' : `, after a wait of ${elapsed(waitedMs)},`
  const start = `attempt ${number} ${what} ${delayText(startedAt, slot)}${waited} on ${sourceText(attempt)}`
  if (attempt.phase !== 'ended') return [{ at: startedAt, text: start }]
  const { endedAt, exitCode } = attempt
  const end = endingText(attempt)
  if (endedAt === undefined) return [{ at: startedAt, text: `${start}. It ${end}; the time of its end is not known` }]
  const code = exitCode === 0 && hasStarted(attempt) ? ' (exit code 0)' : ''
  // A clock that was set back must not put the end before the start.
  const at = Math.max(startedAt, endedAt)
  return [
    { at: startedAt, text: start },
    { at, text: `attempt ${number} ${end}${code}${hasStarted(attempt) ? ` after ${elapsed(at - startedAt)}` : ''}` },
  ]
}

function rejectionEntry(rejection: Rejection, slot: Instant): TimelineEntry {
  const { at, kind, cause } = rejection
  const what = kind === 'duplicate' ? 'duplicate trigger ignored' : 'trigger refused'
  // Turns `tooManyAttempts` into `too many attempts`.
  const why = cause.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return { at, text: `${what} (${why}) ${delayText(at, slot)} on ${sourceText(rejection)}` }
}

function resolutionEntry({ at, state, by, reason }: Resolution): TimelineEntry {
  return { at, text: `resolved as ${state.toLowerCase()} by ${by}: ${reason}` }
}

/** Returns the rejections that the row keeps: the first ones, and the latest one unless it is among them. */
function keptOf({ rejections: { first, latest } }: Row): readonly Rejection[] {
  return latest === null || first.some(({ runId }) => runId === latest.runId) ? first : [...first, latest]
}

function delayText(at: Instant, slot: Instant): string {
  return at < slot
    ? `${elapsed(slot - at)} before the scheduled time`
    : `${elapsed(at - slot)} after the scheduled time`
}

/** Returns the host, the run and the trigger of an attempt or a rejection. */
function sourceText({ host, ecsTask, ecs, runId, trigger }: Source): string {
  const words = [ecsTask && `ECS task ${ecsTask}`, ecs && ecsText(ecs), `run ${runId}`, triggerText(trigger)]
  return `host ${host} (${words.filter(Boolean).join(', ')})`
}

type Source = Host & Pick<AttemptRecord, 'ecs'> & Pick<Rejection, 'runId' | 'trigger'>

/** The region and the cluster are part of the ARN of the task. */
function ecsText({ taskDefinition, container, logGroup, logStream }: EcsFacts): string {
  const log = logGroup === undefined ? '' : `, log ${[logGroup, logStream].filter(Boolean).join(' ')}`
  return `task definition ${taskDefinition}, container ${container}${log}`
}

function triggerText(trigger: Trigger): string {
  if (trigger.kind === 'forced') return `forced by ${trigger.by}: ${trigger.reason}`
  const { source, eventTime } = trigger
  if (source === 'catch-up') return 'caught up by a run of a later slot, because the slot was missed'
  return source === 'clock'
    ? `without an event time, so its start time ${formatInstant(eventTime)} was used`
    : `event time ${formatInstant(eventTime)} from --${source}`
}
