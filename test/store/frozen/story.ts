// A ledger with every kind of row and record, as the code of a release writes it (CONTRIBUTING, "Make a release").
import { encodeOverlapLock } from '../../../src/core/row/overlap-lock.ts'
import { FIRST_REJECTIONS } from '../../../src/core/row/rejections.ts'
import { statusOfRow } from '../../../src/core/row/status.ts'
import {
  beginAttempt,
  blockAttempt,
  type Claim,
  claimRow,
  finishRow,
  renewLease,
  resolveRow,
  retryAttempt,
  skipRow,
  withCheckpoint,
  withdrawClaim,
  withRange,
} from '../../../src/core/row/transition.ts'
import {
  type Decided,
  EMPTY_TASK_RECORD,
  encodeTaskRecord,
  type TaskRecord,
} from '../../../src/core/task/task-record.ts'
import {
  type Ending,
  EVENT_TIME_SOURCES,
  type Instant,
  OUTCOMES,
  type PendingRow,
  REJECTION_CAUSES,
  REJECTION_KINDS,
  RESOLVED_STATES,
  type Rejection,
  type Row,
  type ScheduleSpec,
  type Status,
  type Trigger,
} from '../../../src/core/types.ts'
import type { Store } from '../../../src/store/store.ts'
import { FARGATE } from '../../support/aws/ecs.ts'

const HOUR_MS = 3_600_000
const LEASE_MS = 600_000
const FIRST = Date.parse('2026-11-22T00:00:00Z')
/** The clock of the hosts when the ledger was frozen. The rows that run hold their leases then. */
export const FROZEN_AT = Date.parse('2026-11-24T12:05:00Z')

const HOURLY: ScheduleSpec = { expression: '0 * * * *', zone: 'UTC' }
const TOKYO: ScheduleSpec = { expression: '0 * * * *', zone: 'Asia/Tokyo' }
const RATE: ScheduleSpec = { expression: 'rate(1 hour)', zone: 'UTC', anchor: FIRST }
const ONCE: ScheduleSpec = { expression: 'at(2026-11-24T12:00:00)', zone: 'UTC' }
const UPSTREAM = { task: 'running', slot: FIRST }
const FORCED: Trigger = { kind: 'forced', by: 'ada', reason: 'bad input: 再実行 "\'' }
const MARK = { pid: 4711, startTicks: 123_456_789, boot: '6b0d0c2e:4026531836' }
const ENDINGS: Readonly<Record<string, Omit<Ending, 'outcome'>>> = {
  succeeded: { exitCode: 0 },
  failed: { exitCode: 3 },
  timedOut: { exitCode: 143, signal: 'SIGTERM' },
  interrupted: { signal: 'SIGKILL' },
}
const endingOf = (outcome: Ending['outcome']): Ending => ({ outcome, ...ENDINGS[outcome] })
const SUCCEEDED = endingOf('succeeded')
const FAILED = endingOf('failed')

let ids = 0
const newId = () => `frozen-${String(++ids).padStart(13, '0')}`
const stampAt = (now: Instant) => ({ writeId: newId(), now })

type Step = (row: Row | null, slot: Instant) => Row
const rowOf = (slot: Instant, steps: readonly Step[]) => steps.reduce<Row | null>((row, step) => step(row, slot), null)

const claimOf = (slot: Instant, more: Partial<Claim>): Claim => ({
  task: 'every-kind',
  window: { slot, end: slot + HOUR_MS },
  schedule: HOURLY,
  zoneData: '2026a',
  runId: newId(),
  trigger: { kind: 'scheduled', eventTime: slot + 1_500, source: 'event-time' },
  host: { host: 'ip-10-0-2-106' },
  ...more,
})
const claim =
  (more: Partial<Claim> = {}): Step =>
  (row, slot) =>
    claimRow(row, claimOf(slot, more), stampAt(slot + 19_000), LEASE_MS)
const onRow =
  (change: (row: Row, now: Instant) => Row, afterMs: number): Step =>
  (row, slot) => {
    if (row === null) throw new Error('the first step must make a row')
    return change(row, slot + afterMs)
  }
const finish = (ending: Ending) => onRow((row, now) => finishRow(row, ending, stampAt(now)), 408_000)
const renew = onRow((row, now) => renewLease(row, stampAt(now), LEASE_MS, MARK), 79_000)
const begin = onRow((row, now) => beginAttempt(row, stampAt(now), LEASE_MS), 120_000)
const retry = onRow((row, now) => retryAttempt(row, FAILED, stampAt(now), LEASE_MS), 130_000)
const block = onRow((row, now) => blockAttempt(row, UPSTREAM, stampAt(now), LEASE_MS), 90_000)
const save = onRow((row) => withCheckpoint(row, '{"page":7}'), 0)
// From the slot before: no other row is in the range.
const goOn = onRow((row) => withRange(row as PendingRow, { since: row.slot - HOUR_MS }), 0)
const search = onRow((row) => withRange(row as PendingRow, { searched: row.slot - HOUR_MS }), 0)
const skip = onRow((row, now) => skipRow(row, { by: 'cronledger', reason: 'paused' }, stampAt(now)), 20_000)
const giveWay = onRow(
  (row, now) => skipRow(row, { by: 'cronledger', reason: 'another ran', gaveWayTo: FIRST + HOUR_MS }, stampAt(now)),
  20_000,
)
const withdraw: Step = (row, slot) => withdrawClaim(row, claimOf(slot, {}), stampAt(slot + 20_000))
const resolve =
  (state: (typeof RESOLVED_STATES)[number]): Step =>
  (row, slot) =>
    resolveRow(row, { ...claimOf(slot, {}), state, by: 'ada', reason: 'by hand' }, stampAt(slot + 500_000))
const UNSTARTED = [claim(), finish(endingOf('notStarted'))]

const KINDS: readonly (readonly Step[])[] = [
  ...OUTCOMES.map((outcome) => [claim(), renew, finish(endingOf(outcome))]),
  ...EVENT_TIME_SOURCES.map((source) => [
    claim({ trigger: { kind: 'scheduled', eventTime: FIRST, source } }),
    finish(SUCCEEDED),
  ]),
  ...RESOLVED_STATES.flatMap((state) => [[resolve(state)], [claim(), finish(FAILED), resolve(state)]]),
  [claim({ ...FARGATE }), renew, finish({ ...SUCCEEDED, background: { pid: 4242, command: 'sleep' } })],
  [claim({ retentionMs: 90 * 24 * HOUR_MS }), finish(SUCCEEDED)],
  [claim(), renew],
  [claim(), renew, claim(), finish(endingOf('notStarted'))],
  [claim(), renew, claim(), finish(SUCCEEDED)],
  [claim({ phase: 'waiting' }), begin, finish(SUCCEEDED)],
  [claim({ ...FARGATE }), retry, begin, finish(SUCCEEDED)],
  [claim(), retry, finish(endingOf('notStarted'))],
  [claim({ phase: 'waiting' }), skip],
  [claim({ phase: 'waiting' }), giveWay],
  [claim({ phase: 'waiting' }), finish({ ...endingOf('notStarted'), gaveWayTo: FIRST + HOUR_MS })],
  [withdraw],
  [claim(), finish(SUCCEEDED), claim({ trigger: FORCED }), finish(FAILED)],
  [claim(), finish(FAILED), claim({ trigger: FORCED }), finish(SUCCEEDED)],
  Array.from({ length: 14 }, () => UNSTARTED).flat(),
  [
    claim({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', commandHash: '0a1b2c3d' }),
    goOn,
    finish({ ...SUCCEEDED, report: 'rows=3 再' }),
  ],
  [claim({ phase: 'waiting' }), block, finish({ ...endingOf('notStarted'), blockedBy: UPSTREAM })],
  [claim({ trigger: { ...FORCED, ignoresAfter: true, isFresh: true } }), search, save, finish(FAILED)],
]

function rejectionsOf(slot: Instant): readonly Rejection[] {
  const trigger: Trigger = { kind: 'scheduled', eventTime: slot, source: 'event' }
  const pairs = REJECTION_KINDS.flatMap((kind) => REJECTION_CAUSES.map((cause) => ({ kind, cause })))
  const all = Array.from({ length: Math.max(pairs.length, FIRST_REJECTIONS + 2) }, (_, index) => index)
  return all.map((index) => ({
    ...(pairs[index % pairs.length] as (typeof pairs)[number]),
    runId: newId(),
    at: slot + index * 1_000,
    trigger: index % 2 === 0 ? trigger : FORCED,
    ...(index % 3 === 0 ? { ...FARGATE.host, family: 'another-family' } : { host: 'host-b', commandHash: '3d2c1b0a' }),
  }))
}

const decided = (at: Instant): Decided => ({ at, by: 'ada', reason: 'maintenance' })
const NOON = Date.parse('2026-11-24T12:00:00Z')
const { logStream: _, ...PLACE } = FARGATE.place

const RECORDS: Readonly<Record<string, TaskRecord>> = {
  'every-kind': {
    schedules: [
      { since: FIRST, spec: HOURLY },
      { since: NOON, spec: TOKYO },
    ],
    expectations: { since: FIRST, graceMs: 60_000, lateAfterMs: 300_000, doneByMs: 3_000_000, owner: 'payments' },
    pauses: [
      { from: FIRST, until: FIRST + 1, ...decided(FIRST), ended: decided(FIRST + 1) },
      { from: FROZEN_AT + 48 * HOUR_MS, until: FROZEN_AT + 49 * HOUR_MS, ...decided(FIRST) },
    ],
    retirements: [{ from: FIRST, until: FIRST + 1, ...decided(FIRST), ended: decided(FIRST + 1) }],
    place: PLACE,
    placeSince: FIRST,
  },
  running: { ...EMPTY_TASK_RECORD, schedules: [{ since: FIRST, spec: RATE }] },
  waiting: { ...EMPTY_TASK_RECORD, schedules: [{ since: FIRST, spec: TOKYO }] },
  once: { ...EMPTY_TASK_RECORD, schedules: [{ since: NOON, spec: ONCE }] },
  paused: {
    ...EMPTY_TASK_RECORD,
    schedules: [{ since: FIRST, spec: HOURLY }],
    pauses: [{ from: NOON, until: null, ...decided(NOON) }],
  },
  retired: {
    ...EMPTY_TASK_RECORD,
    schedules: [{ since: FIRST, after: FIRST - HOUR_MS, spec: HOURLY, declared: 'confirmed' }],
    expectations: {
      since: FIRST,
      after: ['running'],
      afterTimeoutMs: 0,
      expect: 'rows>=1',
      expectSince: FIRST,
      overlap: 'wait',
      skewMs: 30_000,
      sinceLastSuccess: true,
    },
    retirements: [{ from: NOON, until: null, ...decided(NOON) }],
  },
}

export async function writeStory(store: Store): Promise<Readonly<Record<string, Status>>> {
  ids = 0
  const call = { signal: AbortSignal.timeout(60_000) }
  const statuses: Record<string, Status> = {}
  const put = async (row: Row | null) => {
    if (row === null) throw new Error('no steps')
    // The first write must expect no row, whatever the version of the row is.
    const result = await store.put(row, 'absent', call)
    if (result.kind !== 'ok') throw new Error(`two rows for ${row.task} ${row.slot}`)
    const name = `${row.task} ${new Date(row.slot).toISOString().replace('.000', '')}`
    statuses[name] = statusOfRow(row, { now: FROZEN_AT, skewMs: 30_000 })
    return row
  }
  for (const [index, steps] of KINDS.entries()) await put(rowOf(FIRST + index * HOUR_MS, steps))
  const rejected = await put(rowOf(NOON, [claim({ schedule: TOKYO, trigger: FORCED }), finish(SUCCEEDED)]))
  for (const rejection of rejectionsOf(NOON)) await store.note(rejected, rejection, call)
  const running = await put(rowOf(NOON, [claim({ task: 'running', schedule: RATE }), renew]))
  const lock = encodeOverlapLock({ slot: running.slot, runId: running.ownerRunId })
  await store.writeEntry({ task: 'running', kind: '#lock' }, { version: 3, document: lock }, 'absent', call)
  await put(rowOf(NOON, [claim({ task: 'waiting', schedule: TOKYO }), retry]))
  const window = { slot: NOON, end: null }
  await put(rowOf(NOON, [claim({ task: 'once', schedule: ONCE, window }), finish(SUCCEEDED)]))
  await put(rowOf(NOON, [claim({ task: 'paused', phase: 'waiting' }), skip]))
  await put(rowOf(NOON - HOUR_MS, [claim({ task: 'retired' }), finish(SUCCEEDED)]))
  for (const [task, record] of Object.entries(RECORDS)) {
    await store.writeEntry({ task, kind: '#task' }, { version: 7, document: encodeTaskRecord(record) }, 'absent', call)
  }
  return statuses
}
