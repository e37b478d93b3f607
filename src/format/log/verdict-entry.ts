import type { EventOf, NoteResult, RunContext } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined } from '../../core/objects.ts'
import { attemptCount, hasStarted, isRecovered, successOf } from '../../core/row/attempts.ts'
import type { OverlapLock } from '../../core/row/overlap-lock.ts'
import { reportMembers } from '../../core/row/report.ts'
import { readableRow } from '../../core/row/status.ts'
import { KEY } from '../../core/row/stored-row.ts'
import { type Suspension, USUAL_GRACE_MS } from '../../core/task/task-record.ts'
import type { AttemptRecord, Instant, RefusalCause, ScheduleSpec, StoredRow } from '../../core/types.ts'
import type { SaidEvent } from '../../verdict/event/event-verdict.ts'
import { OTHER_COMMAND, otherPlaceText, scheduleText } from '../../verdict/sentence.ts'
import type { Step } from '../../verdict/steps.ts'
import type { EventVerdict } from '../../verdict/verdict.ts'
import { sentence } from '../text.ts'
import { nextTriggerText, sentenceText } from '../verdict.ts'

// The log lines that render a verdict, with the facts that only the log has: run ids, and whether anything was recorded.

export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly steps?: readonly Step[]
}

interface OwnPart extends Pick<LogEntry, 'level' | 'fields'> {
  readonly head: string
  readonly source?: string
  readonly more?: string | undefined
}

export function verdictEntry(event: SaidEvent, verdict: EventVerdict, context: RunContext, now: Instant): LogEntry {
  const { window, schedule } = context
  const { level, head, source = '', more = '', fields } = partOf(event, verdict, context, now)
  const { happened, work, nextTrigger, caution, steps } = verdict
  const first = `${head}${sentenceText(happened, window.slot, schedule.zone)}${source}`
  const others = [more, caution ?? ''].filter((text) => text !== '')
  // An error has its own full stop, or ends with a command, which would be pasted with it.
  const isWhole = others.length === 0 && (event.event === 'unusable' || !first.includes('. '))
  return {
    level,
    message: isWhole ? first : [sentence(first), ...others].join(' '),
    fields: { ...fields, work, nextTrigger, ...(caution !== null && { caution }) },
    // A duplicate calls for nothing.
    ...(event.event !== 'duplicate' && steps.length > 0 && { steps }),
  }
}

function partOf(event: SaidEvent, verdict: EventVerdict, context: RunContext, now: Instant): OwnPart {
  const latenessMs = now - context.window.slot
  switch (event.event) {
    case 'duplicate': {
      const { row, cause, noted, otherPlace, hasOtherCommand } = event
      const done = event.by ?? row
      const winner = successOf(done) ?? done.attempts.at(-1)
      const won = {
        winner: { state: row.state, ...attemptFields(winner) },
        ...defined({ otherPlace, hasOtherCommand }),
      }
      const source = sourceText(row, winner) + unnoted(event)
      const more = otherPlace
        ? sentence(`Two batches have this name: ${otherPlaceText(otherPlace)}`)
        : hasOtherCommand && `This trigger had another command line. ${OTHER_COMMAND}`
      const level = more === undefined ? 'info' : 'warn'
      return { level, head: 'duplicate trigger ignored: ', source, more, fields: { cause, noted, latenessMs, ...won } }
    }
    case 'refused':
      return refusedPart(event, verdict, context, latenessMs)
    case 'ended':
      return endedPart(event, verdict, context)
    case 'skipped':
      return givenUp(event, 'skipped, ', { holder: lockFields(event.holder) })
    case 'paused':
      return givenUp(event, event.isKept ? '' : 'skipped, ', { pause: suspensionFields(event.pause) })
    case 'withdrawn':
      return { level: 'error', head: 'not started: ', fields: { certain: event.certain } }
    case 'stopped':
      return { level: 'warn', head: 'not started: ' }
    case 'unusable':
      return { level: 'error', head: 'not started: ' }
  }
}

function refusedPart(
  event: EventOf<'refused'>,
  verdict: EventVerdict,
  { schedule }: RunContext,
  latenessMs: number,
): OwnPart {
  const { cause, row, noted, holder, missing, survivor, inForce, otherPlace } = event
  const last = lastFor(cause, row)
  return {
    level: 'error',
    head: 'not started: ',
    source: (OF_SLOT.includes(cause) ? sourceText(row, last) : '') + unnoted(event),
    more: cause === 'failed' || cause === 'stale' ? `A further trigger for this slot ${nextTriggerText(verdict)}.` : '',
    fields: {
      cause,
      noted,
      latenessMs,
      ...defined({
        last: last && attemptFields(last),
        holder: holder && lockFields(holder),
        blockedBy: missing && KEY.encode(missing),
        survivor: survivor && { pid: survivor.pid, command: survivor.command },
        ...(inForce && changedFields(inForce, schedule)),
        otherPlace,
      }),
    },
  }
}

/** The causes that are about an attempt in the slot. The others are about the trigger. */
const OF_SLOT: readonly RefusalCause[] = [
  'running',
  'stale',
  'failed',
  'newerAttempt',
  'completed',
  'survivor',
  'otherAccount',
]

function endedPart(event: EventOf<'ended'>, verdict: EventVerdict, { expected }: RunContext): OwnPart {
  const { attempt, ending, durationMs, finish, row, retries } = event
  const { report, ...ended } = ending
  const isRecorded = finish === 'recorded'
  const isGood = ending.outcome === 'succeeded' && isRecorded
  const { graceMs = USUAL_GRACE_MS, doneByMs = null } = expected ?? {}
  const hasRecovered = isGood && row !== null && isRecovered(row, graceMs, doneByMs)
  const isDecided = isGood || !isRecorded || retries === true || row === null
  return {
    // A success that is unusual has a caution.
    level: !isGood ? 'error' : verdict.caution === null ? 'info' : 'warn',
    head: '',
    more: isDecided ? undefined : `The slot is recorded as failed, and a further trigger ${nextTriggerText(verdict)}.`,
    fields: {
      attempt: attempt.number,
      ...ended,
      ...reportMembers(report),
      ...(ending.outcome !== 'notStarted' && { durationMs: Math.round(durationMs) }),
      ...finishFields(event),
      ...(hasRecovered && { recovered: true }),
    },
  }
}

function givenUp(event: EventOf<'skipped' | 'paused'>, skipped: string, fields: LogEntry['fields']): OwnPart {
  return {
    level: event.finish === 'recorded' ? 'warn' : 'error',
    head: `${skipped}not started: `,
    fields: { ...fields, ...finishFields(event) },
  }
}

function finishFields({ finish, finishCause }: EventOf<'ended' | 'skipped' | 'paused'>) {
  return { finish, ...(finishCause && { finishCause }) }
}

/** A rejection that could not be recorded appears only in the log, so the line must say so. */
function unnoted({ noted, detail }: NoteResult): string {
  return noted || detail === undefined ? '' : ` (this trigger could not be recorded: ${detail})`
}

/** Returns the run of the attempt that the sentence ends with. It may also end with the decision of an operator. */
function sourceText(row: StoredRow | null, attempt: AttemptRecord | undefined): string {
  const own = readableRow(row)
  if (own === null || attempt === undefined) return ''
  return (own.resolutions.at(-1)?.afterAttempt ?? -1) >= attemptCount(own) ? '' : ` (run ${attempt.runId})`
}

function attemptFields(attempt: AttemptRecord | undefined): Readonly<Record<string, unknown>> {
  if (attempt === undefined) return {}
  const { number, runId, host, ecsTask, outcome } = attempt
  const startedAt = formatInstant(attempt.startedAt)
  const endedAt = attempt.phase === 'ended' && attempt.endedAt ? formatInstant(attempt.endedAt) : undefined
  return defined({ attempt: number, runId, host, ecsTask, startedAt, endedAt, outcome })
}

/** Returns the attempt that the refusal is about. A newer one may have been claimed without being started. */
function lastFor(cause: RefusalCause, row: StoredRow | null): AttemptRecord | undefined {
  const attempts = readableRow(row)?.attempts ?? []
  const newest = attempts.at(-1)
  switch (cause) {
    case 'failed':
    case 'stale':
    case 'newerAttempt':
    case 'overlap':
      return attempts.findLast(hasStarted) ?? newest
    case 'survivor':
      return attempts.findLast(mayLive)
    default:
      return newest
  }
}

function mayLive(attempt: AttemptRecord): boolean {
  if (attempt.phase !== 'ended') return attempt.phase === 'running'
  return attempt.outcome === 'abandoned' || attempt.process !== undefined
}

export function lockFields({ slot, runId }: OverlapLock) {
  return { slot: formatInstant(slot), runId }
}

export function suspensionFields({ from, until, by, reason }: Suspension) {
  return { from: formatInstant(from), until: until === null ? null : formatInstant(until), by, reason }
}

export function changedFields(before: ScheduleSpec, after: ScheduleSpec) {
  return { before: scheduleText(before), after: scheduleText(after) }
}
