import type { FinishResult, LeaseLossCause, RunContext, RunEvent } from '../../src/core/event.ts'
import type { OverlapLock } from '../../src/core/row/overlap-lock.ts'
import { EMPTY_TASK_RECORD } from '../../src/core/task/task-record.ts'
import type {
  AttemptRecord,
  DuplicateCause,
  Ending,
  Instant,
  Outcome,
  RefusalCause,
  Row,
  StoredRow,
} from '../../src/core/types.ts'
import { dynamoError } from '../../src/store/dynamodb/errors.ts'
import {
  endedEvent,
  FAILED,
  FORCED,
  lastWaiting,
  CONTEXT as NIGHTLY_CONTEXT,
  NOT_STARTED,
  NOW,
  ON_ECS,
  PAUSE,
  pending,
  resolvedAs,
  rowOn,
  rowWith,
  SKIPPED,
  SUCCEEDED,
} from '../support/rows.ts'

// The sample data of the catalogue. Each table has an entry for every member of its union, so the compiler asks for a
// sample when an event, a cause or an outcome is added.

const DAY_MS = 86_400_000
export const SLOT: Instant = Date.parse('2026-11-24T03:00:00Z')

export const CONTEXT: RunContext = {
  ...NIGHTLY_CONTEXT,
  window: { slot: SLOT, end: SLOT + 86_400_000 },
  schedule: { expression: '0 12 * * *', zone: 'Asia/Tokyo' },
  runId: '0c9dd1a7',
  host: { host: 'ip-10-0-3-18' },
  store: 'dynamodb:cronledger',
  maxAttempts: 1,
}

const UNANSWERED = dynamoError(new DOMException('not in time', 'AbortError'), {
  action: 'dynamodb:UpdateItem',
  table: 'cronledger',
  place: 'ap-northeast-1',
  env: {},
  endpointVariable: null,
  missing: null,
  changedNothing: false,
}).message
const HOLDER: OverlapLock = { slot: SLOT - 86_400_000, runId: '77b1f2c0' }
const SURVIVOR = { pid: 4711, command: 'python3' }

function attemptOf(row: Row): AttemptRecord {
  const attempt = row.attempts.at(-1)
  if (attempt === undefined) throw new Error('the sample row has no attempt')
  return attempt
}

const RUNNING = rowWith({})
const FIRST = attemptOf(RUNNING)
const WAITED = { ...FIRST, phase: 'running', claimedAt: FIRST.startedAt - 26_000 } as AttemptRecord

const DUPLICATES: Readonly<Record<DuplicateCause, readonly Row[]>> = {
  completed: [rowWith({ ending: SUCCEEDED }), resolvedAs('COMPLETED')],
  skipped: [resolvedAs('SKIPPED')],
  running: [RUNNING, lastWaiting(RUNNING)],
}

/** Its lease and the skew are over. */
const STALE: Row = { ...pending(RUNNING), leaseUntil: NOW - 60_000 }

const REFUSALS: Readonly<Record<RefusalCause, StoredRow | null>> = {
  running: RUNNING,
  stale: STALE,
  failed: rowWith({ ending: FAILED }),
  tooManyAttempts: rowWith({ ending: FAILED }),
  tooLate: null,
  scheduleMismatch: null,
  survivor: STALE,
  newerRow: { task: 'nightly', slot: SLOT, schemaVersion: 99, newerSchema: true },
  rangeUnknown: lastWaiting(RUNNING),
  newerTaskRecord: null,
  scheduleChanged: null,
  otherAccount: rowWith({ ending: SUCCEEDED }),
  overlap: null,
  blocked: null,
  noRow: null,
  newerAttempt: rowWith({ ending: FAILED }, { ending: FAILED }),
  completed: rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
  skipped: resolvedAs('SKIPPED'),
}

const ENDINGS: Readonly<Record<Outcome, { readonly ending: Ending; readonly detail?: string }>> = {
  succeeded: { ending: SUCCEEDED },
  failed: { ending: FAILED },
  timedOut: { ending: { outcome: 'timedOut', signal: 'SIGTERM' } },
  interrupted: { ending: { outcome: 'interrupted', signal: 'SIGTERM' } },
  leaseLost: { ending: { outcome: 'leaseLost', signal: 'SIGKILL' } },
  abandoned: { ending: { outcome: 'abandoned' } },
  notStarted: { ending: NOT_STARTED, detail: 'the lease was lost before the command was started' },
}

const FINISHES: Readonly<Record<FinishResult, { readonly finishCause?: string }>> = {
  recorded: {},
  lost: {},
  resolved: {},
  deleted: {},
  unanswered: { finishCause: UNANSWERED },
}

const LOSSES: Readonly<Record<LeaseLossCause, true>> = {
  taken: true,
  resolved: true,
  deleted: true,
  expired: true,
  overlap: true,
}

const entries = <Key extends string, Value>(table: Readonly<Record<Key, Value>>) =>
  Object.entries(table) as [Key, Value][]

/** A slot of another task that failed, and that this one comes after. */
const MISSING = {
  task: 'extract',
  slot: SLOT - 3_600_000,
  row: { ...rowWith({ ending: FAILED }), task: 'extract' },
  record: EMPTY_TASK_RECORD,
}

const OTHER_ACCOUNT = { what: 'account', winner: '111111111111', trigger: '222222222222' } as const

function refused(cause: RefusalCause, row: StoredRow | null): RunEvent {
  const holder = cause === 'overlap' ? { holder: HOLDER } : {}
  const inForce = cause === 'scheduleChanged' ? { inForce: { expression: '30 4 * * *', zone: 'Asia/Tokyo' } } : {}
  const survivor = cause === 'survivor' ? SURVIVOR : null
  const missing = cause === 'blocked' ? { missing: MISSING } : {}
  const otherPlace = cause === 'otherAccount' ? { otherPlace: OTHER_ACCOUNT } : {}
  return { event: 'refused', cause, row, survivor, noted: true, ...holder, ...missing, ...inForce, ...otherPlace }
}

function ended(ending: Ending, finish: FinishResult, more: object = {}, before = RUNNING) {
  return endedEvent(ending, { durationMs: 389_000, finish, ...FINISHES[finish], ...more }, before)
}

/** The end of a claim of a slot that keeps its state, because an attempt has started in it. */
const KEPT = { finish: 'recorded', row: rowWith({}, { ending: NOT_STARTED }) } as const

const LEFT: Ending = { ...FAILED, process: { pid: 4711, boot: 'b' } }

export const EVENTS: Readonly<Record<RunEvent['event'], readonly RunEvent[]>> = {
  claimed: [
    // The requests before the start are no wait.
    { event: 'claimed', attempt: { ...WAITED, claimedAt: FIRST.startedAt - 999 } as AttemptRecord },
    { event: 'claimed', attempt: WAITED },
  ],
  ended: [
    ...entries(ENDINGS).map(([, { ending, ...more }]) => ended(ending, 'recorded', more)),
    ...entries(FINISHES).flatMap(([finish]) =>
      finish === 'recorded' ? [] : [ended(SUCCEEDED, finish), ended(FAILED, finish)],
    ),
    ended(FAILED, 'recorded', { retries: true }),
    ended({ ...FAILED, report: 'disk full\nlast good row 7' }, 'recorded'),
    ended({ ...SUCCEEDED, report: '{"rows":1234,"file":"a b"}' }, 'recorded'),
    ended({ ...SUCCEEDED, report: '{"rows":1234}' }, 'unanswered'),
    ended(SUCCEEDED, 'recorded', {}, rowWith({ ending: FAILED }, {})),
    ended(FAILED, 'recorded', {}, rowWith({ ending: SUCCEEDED }, { trigger: FORCED })),
    ended(LEFT, 'recorded', { detail: 'process 4711 still exists 1s after SIGKILL' }),
  ],
  duplicate: [
    ...entries(DUPLICATES).flatMap(([cause, rows]) =>
      rows.map((row): RunEvent => ({ event: 'duplicate', cause, row, noted: true })),
    ),
    { event: 'duplicate', cause: 'running', row: RUNNING, noted: false, detail: UNANSWERED },
    { event: 'duplicate', cause: 'running', row: RUNNING, noted: true, otherPlace: OTHER_ACCOUNT },
  ],
  refused: [
    ...entries(REFUSALS).map(([cause, row]) => refused(cause, row)),
    refused('completed', resolvedAs('COMPLETED')),
    { ...refused('overlap', rowWith({ ending: FAILED }, { ending: NOT_STARTED })), holder: HOLDER } as RunEvent,
  ],
  waiting: [
    { event: 'waiting', holder: HOLDER },
    { event: 'waiting', missing: MISSING, leftMs: 3_600_000 },
  ],
  'catch-up': [
    { event: 'catch-up', count: 1, oldest: SLOT - DAY_MS, newest: SLOT - DAY_MS, left: 0 },
    { event: 'catch-up', count: 2, oldest: SLOT - 2 * DAY_MS, newest: SLOT - DAY_MS, left: 0 },
    { event: 'catch-up', count: 100, oldest: SLOT - 101 * DAY_MS, newest: SLOT - 2 * DAY_MS, left: 1 },
    { event: 'catch-up', count: 100, oldest: SLOT - 120 * DAY_MS, newest: SLOT - 21 * DAY_MS, left: 20 },
  ],
  skipped: entries(FINISHES).map(([finish, more]) => ({
    event: 'skipped',
    holder: HOLDER,
    ...SKIPPED,
    finish,
    ...more,
  })),
  paused: [
    { event: 'paused', pause: PAUSE, isKept: false, ...SKIPPED },
    { event: 'paused', pause: PAUSE, isKept: true, ...KEPT },
    { event: 'paused', pause: PAUSE, isKept: true, ...KEPT, finish: 'unanswered', ...FINISHES.unanswered },
    { event: 'paused', pause: { ...PAUSE, until: SLOT + 7_200_000 }, isKept: false, ...SKIPPED },
  ],
  'ledger-created': [{ event: 'ledger-created', path: '/var/lib/ledger.db' }],
  revived: [{ event: 'revived', retirement: { ...PAUSE, reason: 'replaced by nightly-v2' } }],
  retry: [{ event: 'retry', attempt: 2, delayMs: 30_000 }],
  stopped: [{ event: 'stopped' }],
  withdrawn: [true, false].map((certain) => ({ event: 'withdrawn', certain, detail: UNANSWERED })),
  unusable: [{ event: 'unusable', detail: UNANSWERED }],
  'renewal-failed': [{ event: 'renewal-failed', detail: UNANSWERED }],
  'renewal-recovered': [{ event: 'renewal-recovered' }],
  'lease-lost': entries(LOSSES).map(([cause]) => ({ event: 'lease-lost', cause })),
  'clock-event-time': [{ event: 'clock-event-time', windowMs: 300_000 }],
  'schedule-mismatch': [
    { event: 'schedule-mismatch', eventTime: SLOT + 1_800_000, source: 'event-time' },
    { event: 'schedule-mismatch', eventTime: SLOT + 32_400_000, source: 'event-time', matchesIn: 'UTC' },
  ],
  'schedule-changed': [
    {
      event: 'schedule-changed',
      before: { expression: '0 3 * * *', zone: 'UTC' },
      after: { expression: 'rate(6 hours)', zone: 'Asia/Tokyo', anchor: SLOT },
    },
  ],
  warning: [
    { event: 'warning', message: '1 of 1 notifications failed. The first failure (event failed): exit code 22' },
  ],
}

export const FORCED_CONTEXT: RunContext = { ...CONTEXT, trigger: FORCED }
/** The run of a missed slot that a later run starts. */
export const CAUGHT_UP_CONTEXT: RunContext = {
  ...CONTEXT,
  trigger: { kind: 'scheduled', eventTime: SLOT, source: 'catch-up' },
}

/** A schedule with slots of seconds, in UTC. */
export const UTC_CONTEXT: RunContext = {
  ...CONTEXT,
  window: { slot: SLOT + 15_000, end: SLOT + 30_000 },
  schedule: { expression: '*/15 * * * * *', zone: 'UTC' },
}

export const ECS_CONTEXT: RunContext = { ...CONTEXT, place: ON_ECS }

/** Returns the event as a run on ECS emits it, with the row of earlier runs there. */
export function onEcs(event: RunEvent): RunEvent {
  if ('row' in event && event.row !== null && 'attempts' in event.row)
    return { ...event, row: rowOn(ON_ECS, event.row) } as RunEvent
  return event
}
