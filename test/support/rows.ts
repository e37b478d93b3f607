import type { Finish, RunContext, RunEvent } from '../../src/core/event.ts'
import { endedAttempts, openAttempt } from '../../src/core/row/attempts.ts'
import { claimRow, finishRow, skipRow } from '../../src/core/row/transition.ts'
import {
  EMPTY_TASK_RECORD,
  type ExpectedTimes,
  expectedTimes,
  type Schedules,
  type Suspension,
  type TaskRecord,
} from '../../src/core/task/task-record.ts'
import type {
  AttemptRecord,
  ClosedRow,
  Ending,
  PendingRow,
  Place,
  ResolvedState,
  Row,
  StoredRow,
  Trigger,
} from '../../src/core/types.ts'
import { factsOf, type SlotRecord, type TaskFacts } from '../../src/verdict/found.ts'
import { type JudgedSlot, judge } from '../../src/verdict/judge.ts'
import { FARGATE } from './aws/ecs.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
export const SLOT = Date.parse('2026-11-24T03:00:00Z')
export const NOW = SLOT + 5_000
export const LEASE_MS = 600_000
export const SCHEDULED: Trigger = { kind: 'scheduled', eventTime: NOW, source: 'event-time' }
export const FORCE = { by: 'ada', reason: 'bad input file' }
export const FORCED: Trigger = { kind: 'forced', ...FORCE }
/** For a request that nothing ends before its answer. */
export const CALL = { signal: new AbortController().signal }

export const CONTEXT: RunContext = {
  task: 'nightly',
  window: { slot: SLOT, end: null },
  schedule: { expression: '0 3 * * *', zone: 'UTC' },
  runId: 'me',
  trigger: SCHEDULED,
  host: { host: 'host-b' },
  store: 'dynamodb:ledger',
  guards: {},
}

let writes = 0
const stamp = (now: number) => ({ writeId: `w${++writes}`, now })

/** Returns a row with these attempts, one after the other. An attempt without an ending is still running. */
export function rowWith(...attempts: ReadonlyArray<{ readonly trigger?: Trigger; readonly ending?: Ending }>): Row {
  let row: Row | null = null
  for (const [index, { trigger = SCHEDULED, ending }] of attempts.entries()) {
    const claim = {
      task: 'nightly',
      window: { slot: SLOT, end: SLOT + DAY_MS },
      schedule: { expression: '0 3 * * *', zone: 'UTC' },
      zoneData: '2026a',
      runId: `run-${index + 1}`,
      trigger,
      host: { host: 'host' },
    }
    row = claimRow(row, claim, stamp(NOW), LEASE_MS)
    if (ending !== undefined) row = finishRow(row, ending, stamp(NOW + 1_000))
  }
  if (row === null) throw new Error('a row needs an attempt')
  return row
}

export function pending(row: Row): PendingRow {
  if (row.state !== 'PENDING') throw new Error(`the row is ${row.state}`)
  return row
}

export function closed(row: Row): ClosedRow {
  if (row.state === 'PENDING') throw new Error('the row is PENDING')
  return row
}

/** Returns the row with its last attempt claimed and not started, as an attempt is that waits for the overlap lock. */
export function lastWaiting(row: Row): PendingRow {
  const open = openAttempt(pending(row))
  return { ...pending(row), attempts: [...endedAttempts(row), { ...open, phase: 'waiting', waitReason: 'slot' }] }
}

/** Returns the row of the slot a day later, whose attempts began after the slot of two days before that. */
export function laterRow(row: Row): Row {
  const slot = SLOT + DAY_MS
  const attempts = row.attempts.map((one) => ({ ...one, since: slot - 2 * DAY_MS }))
  return { ...row, slot, windowEnd: null, attempts } as Row
}

export const SUCCEEDED: Ending = { outcome: 'succeeded', exitCode: 0 }
export const FAILED: Ending = { outcome: 'failed', exitCode: 3 }
export const NOT_STARTED: Ending = { outcome: 'notStarted' }

export function resolvedAs(state: ResolvedState, row = rowWith({ ending: FAILED })): Row {
  const { length: afterAttempt } = row.attempts
  const resolution = { state, at: NOW + HOUR_MS, by: 'ada', reason: 'checked by hand', afterAttempt }
  return { ...row, state, resolutions: [resolution] } as Row
}

type EndedEvent = Extract<RunEvent, { event: 'ended' }>

/** Returns the event of the end of the open attempt of `before`, which is recorded unless `more` says otherwise. */
export function endedEvent(
  ending: Ending,
  more: Partial<Omit<EndedEvent, 'event'>> = {},
  before: Row = rowWith({}),
): EndedEvent {
  const attempt = openAttempt(pending(before))
  const { durationMs = 12_345.6, finish = 'recorded' } = more
  const ended = finishRow(pending(before), ending, stamp(attempt.startedAt + Math.round(durationMs)))
  return { event: 'ended', attempt, ending, durationMs, finish, row: finish === 'recorded' ? ended : null, ...more }
}

export const SKIPPED: Finish = {
  finish: 'recorded',
  row: skipRow(rowWith({}), { by: 'ada', reason: 'maintenance' }, stamp(NOW)),
}

export function recordWith(schedules: Schedules, more: Partial<TaskRecord> = {}): TaskRecord {
  return { ...EMPTY_TASK_RECORD, schedules, ...more }
}

/** The time of an audit, and the times that its task states. */
interface At extends Partial<ExpectedTimes> {
  readonly record?: TaskRecord | null
  readonly task?: string
}

/** Returns the facts of a task at a time, with a grace of fifteen minutes and no skew. */
function factsAt(now: number, { record, task = 'nightly', ...times }: At = {}): TaskFacts {
  const common = { skewMs: 0, graceMs: 900_000, lateAfterMs: null, doneByMs: null }
  return { ...factsOf(task, record, now), times: { ...common, ...expectedOf(record), ...times } }
}

function expectedOf(record: TaskRecord | null | undefined): Partial<ExpectedTimes> {
  const { skewMs: _, ...times } = expectedTimes(record ?? null)
  return times
}

export function judgedAt(now: number, row: StoredRow | null, more: At & Partial<SlotRecord> = {}): JudgedSlot {
  const { slot = row?.slot ?? CONTEXT.window.slot, isExpected, doubt, older, later, ...at } = more
  const record = {
    slot,
    row,
    doubt,
    ...(later && { later }),
    ...(isExpected === false && { isExpected }),
    ...(older && { older }),
  }
  return judge(record, factsAt(now, { ...(row !== null && { task: row.task }), ...at }))
}

export const PAUSE: Suspension = { from: NOW, until: null, at: NOW, by: 'ada', reason: 'maintenance of the database' }

export const ON_ECS = FARGATE.place

export function attemptOn<Attempt extends AttemptRecord>(place: Place, attempt: Attempt): Attempt {
  return { ...attempt, place }
}

export function rowOn<Stored extends Row>(place: Place, row: Stored): Stored {
  return { ...row, attempts: row.attempts.map((attempt) => attemptOn(place, attempt)) }
}
