import { formatDuration } from '../core/duration.ts'
import type { NoteResult, RunContext, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { hasStarted, successOf } from '../core/row/attempts.ts'
import type { OverlapLock } from '../core/row/overlap-lock.ts'
import { readableRow } from '../core/row/status.ts'
import type { AttemptRecord, Instant, Row, StoredRow } from '../core/types.ts'
import { type CommandFlags, commandLine, scheduleFlags } from './command-line.ts'
import { endingText, progressText } from './text.ts'

/** The text and the fields of one line of the log. */
interface EntryBody {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

type Duplicate = Extract<RunEvent, { event: 'duplicate' }>
type Refused = Extract<RunEvent, { event: 'refused' }>

export function duplicateEntry(event: Duplicate, latenessMs: number): EntryBody {
  const { row, cause, noted } = event
  return {
    message: `duplicate, nothing started: ${duplicateOf(row)}${unnoted(event)}`,
    fields: { cause, noted, latenessMs, winner: winnerOf(row) },
  }
}

export function refusedEntry(event: Refused, context: RunContext, latenessMs: number): EntryBody {
  const { row, cause, noted, holder, survivor } = event
  const todo = adviceOn(event, context)
  return {
    message: `refused, nothing started: ${refusalOf(event)}; ${todo}${unnoted(event)}`,
    fields: {
      cause,
      noted,
      latenessMs,
      todo,
      ...lastOf(row),
      ...(holder === undefined ? {} : { holder: lockFields(holder) }),
      ...(survivor === null ? {} : { survivor }),
    },
  }
}

/** A rejection that could not be recorded appears only in the log, so the line must say so. */
function unnoted({ noted, detail }: NoteResult): string {
  return noted || detail === undefined ? '' : ` (this is not on record: ${detail})`
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
  const until = readableRow(row)?.leaseUntil ?? null
  return until === null ? '' : `until ${formatInstant(until)}`
}

function whereabouts(attempt: AttemptRecord): string {
  const { runId, host, startedAt } = attempt
  const endedAt = endInstantOf(attempt)
  const end = endedAt === undefined ? '' : ` to ${formatInstant(endedAt)}`
  return `run ${runId} on ${host}, ${endedAt === undefined ? 'since ' : ''}${formatInstant(startedAt)}${end}`
}

function refusalOf({ cause, row, survivor, holder }: Refused): string {
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
      return holder === undefined ? "another slot has the task's turn" : lockText(holder)
    case 'noRow':
      return 'the slot has no row any more: it has expired, or somebody deleted it'
    case 'newerAttempt':
      return `${last.trimStart()} began after this was asked for${attempt?.phase === 'ended' ? `, and ${endingText(attempt)}` : ''}`
  }
}

/** We must not write that the other slot is running, because its run may be waiting for its next attempt. */
export function lockText({ slot, runId }: OverlapLock): string {
  return `slot ${formatInstant(slot)} (run ${runId}) has the task's turn`
}

export function lockFields({ slot, runId }: OverlapLock): Record<string, unknown> {
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

/** Returns the next step for the operator, as a short text that contains a command to copy. */
function adviceOn({ cause, survivor, holder }: Refused, context: RunContext): string {
  const { schedule, trigger } = context
  switch (cause) {
    case 'newerRow':
      return 'update this one: npm install cronledger@latest'
    case 'running':
      return `watch it until it has ended: ${slotCommand('show', context)}`
    case 'survivor':
      return `let it end, or end it: kill ${survivor?.pid}`
    case 'scheduleMismatch': {
      const at = trigger.kind === 'scheduled' ? formatInstant(trigger.eventTime) : undefined
      return `compare with what the scheduler has: ${commandLine('explain', { ...scheduleFlags(schedule), at })}`
    }
    case 'tooManyAttempts':
      return `finish it by hand, then say so: ${resolveCommand(context)}`
    case 'newerAttempt':
      return `look what came of it, and ask again if that is still wanted: ${forceCommand(context)}`
    case 'stale':
    case 'failed':
      return `look what it did, then run it again: ${forceCommand(context)}, or say that it is done: ${resolveCommand(context)}`
    case 'overlap': {
      const { task, store } = context
      const slot = holder === undefined ? undefined : formatInstant(holder.slot)
      const show = commandLine('show', { store, task, slot })
      return `watch it until it has ended: ${show}; then run this one: ${forceCommand(context)}`
    }
    case 'noRow':
      return `look what there was: ${slotCommand('show', context)}`
    case 'tooLate':
      return `to run it all the same: ${forceCommand(context)}`
  }
}

/**
 * The rerun must get the overlap and lease settings of this run. Otherwise it could run at the same time as another
 * slot, or go on after its lease is lost.
 */
function forceCommand(context: RunContext): string {
  const { overlap, onLeaseLost } = context.guards
  return `${changeCommand('rerun', context, { overlap, 'on-lease-lost': onLeaseLost })} --reason WHY -- COMMAND`
}

function resolveCommand(context: RunContext): string {
  return `${changeCommand('resolve', context)} --state completed --reason WHY`
}

/**
 * Returns a command that changes the slot. It needs the skew of this run, otherwise it could change a slot whose lease
 * has not run out yet.
 */
function changeCommand(name: string, context: RunContext, more: CommandFlags = {}): string {
  const { skewMs } = context.guards
  return slotCommand(name, context, { skew: skewMs === undefined ? undefined : formatDuration(skewMs), ...more })
}

/**
 * Returns a complete command on the slot of this run. It must work when it is pasted, even if the ledger has no task
 * record.
 */
function slotCommand(name: string, { store, task, schedule, window }: RunContext, more: CommandFlags = {}): string {
  return commandLine(name, { store, task, ...scheduleFlags(schedule), slot: formatInstant(window.slot), ...more })
}
