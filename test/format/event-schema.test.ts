import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../src/core/event.ts'
import { openAttempt } from '../../src/core/row/attempts.ts'
import { findingOf } from '../../src/core/task/findings.ts'
import { EMPTY_TASK_RECORD } from '../../src/core/task/task-record.ts'
import { OUTCOMES, type RefusalCause, type Row, type Trigger } from '../../src/core/types.ts'
import { findingObject } from '../../src/format/check/finding.ts'
import { logLine, logObject } from '../../src/format/log/log.ts'
import { digestOf } from '../../src/format/notice.ts'
import { rerunLine } from '../../src/format/rerun/rerun.ts'
import { collectIncidents } from '../../src/verdict/incidents.ts'
import { FINDINGS } from '../support/pages/needs.ts'
import {
  endedEvent,
  FAILED,
  FORCED,
  LEASE_MS,
  NOT_STARTED,
  NOW,
  PAUSE,
  pending,
  rowWith,
  SCHEDULED,
  SKIPPED,
  SUCCEEDED,
} from '../support/rows.ts'

const CHECKED = 'dynamodb:ledger'

const schema = JSON.parse(readFileSync(new URL('../../schema/event.schema.json', import.meta.url), 'utf8'))

/** The schema without room for members that it does not name: a new member has to be described. */
function closed(): object {
  const nested = ['winner', 'attempt', 'lock', 'survivor', 'ecs'].map((name) => [
    name,
    { ...schema.$defs[name], additionalProperties: false },
  ])
  return { ...schema, unevaluatedProperties: false, $defs: { ...schema.$defs, ...Object.fromEntries(nested) } }
}

const ajv = new Ajv2020({ strict: true, allErrors: true })
const validate = ajv.compile(closed())

function expectValid(json: unknown): void {
  expect(validate(json), `${ajv.errorsText(validate.errors)} in ${JSON.stringify(json)}`).toBe(true)
}

const SLOT = Date.parse('2026-11-24T03:00:00Z')
const row = rowWith({ trigger: FORCED, ending: FAILED })
const holder = { slot: Date.parse('2026-11-23T03:00:00Z'), runId: 'other' }
const attempt = openAttempt(pending(rowWith({})))
const before = { expression: '0 3 * * *', zone: 'UTC' }
const detail = 'the ledger did not answer'

const CAUSES: Readonly<Record<RefusalCause, true>> = {
  running: true,
  stale: true,
  failed: true,
  tooManyAttempts: true,
  tooLate: true,
  scheduleMismatch: true,
  survivor: true,
  newerRow: true,
  newerTaskRecord: true,
  scheduleChanged: true,
  overlap: true,
  blocked: true,
  noRow: true,
  newerAttempt: true,
  completed: true,
  skipped: true,
}

const missing = { task: 'extract', slot: SLOT, row: null, record: EMPTY_TASK_RECORD }

function refusalOf(cause: RefusalCause, found: Row | null): RunEvent {
  const event = { event: 'refused', cause, row: found, survivor: null, noted: found !== null } as const
  if (cause === 'overlap') return { ...event, holder }
  if (cause === 'blocked') return { ...event, missing }
  if (cause === 'scheduleChanged') return { ...event, inForce: { expression: '30 4 * * *', zone: 'Asia/Tokyo' } }
  return cause === 'survivor' ? { ...event, survivor: { pid: 7, command: 'sleep' } } : event
}

/** At least one event of each kind. A new kind of event does not compile without one. */
const EVENTS: { readonly [Kind in RunEvent['event']]: readonly Extract<RunEvent, { event: Kind }>[] } = {
  claimed: [{ event: 'claimed', attempt }],
  duplicate: [
    { event: 'duplicate', cause: 'completed', row: rowWith({ ending: SUCCEEDED }), noted: true },
    { event: 'duplicate', cause: 'running', row: rowWith({}), noted: false, detail },
  ],
  refused: Object.keys(CAUSES).flatMap((cause) =>
    [row, null].map((found) => refusalOf(cause as RefusalCause, found) as Extract<RunEvent, { event: 'refused' }>),
  ),
  waiting: [
    { event: 'waiting', holder },
    { event: 'waiting', missing, leftMs: 60_000 },
  ],
  'catch-up': [{ event: 'catch-up', count: 2, oldest: SLOT, newest: SLOT, left: 0 }],
  skipped: [
    { event: 'skipped', holder, ...SKIPPED },
    { event: 'skipped', holder, ...SKIPPED, finish: 'unanswered', finishCause: detail },
  ],
  paused: [
    { event: 'paused', pause: PAUSE, isKept: false, ...SKIPPED },
    { event: 'paused', pause: { ...PAUSE, until: NOW + 1 }, isKept: true, ...SKIPPED, finish: 'lost' },
  ],
  'ledger-created': [{ event: 'ledger-created', path: '/var/lib/ledger.db' }],
  revived: [{ event: 'revived', retirement: PAUSE }],
  retry: [{ event: 'retry', attempt: 2, delayMs: 300_000 }],
  ended: [
    endedEvent(SUCCEEDED, { finish: 'unanswered', finishCause: detail }),
    endedEvent(NOT_STARTED, { finish: 'deleted' }),
    ...OUTCOMES.map((outcome) => endedEvent({ outcome, exitCode: 1 })),
    endedEvent({ outcome: 'failed', signal: 'SIGKILL' }, { detail: 'killed' }),
  ],
  stopped: [{ event: 'stopped' }],
  withdrawn: [{ event: 'withdrawn', certain: false, detail }],
  unusable: [{ event: 'unusable', detail }],
  'renewal-failed': [{ event: 'renewal-failed', detail }],
  'renewal-recovered': [{ event: 'renewal-recovered' }],
  'lease-lost': (['taken', 'resolved', 'deleted', 'expired', 'overlap'] as const).map((cause) => ({
    event: 'lease-lost',
    cause,
  })),
  'clock-event-time': [{ event: 'clock-event-time', windowMs: 300_000 }],
  'schedule-mismatch': [{ event: 'schedule-mismatch', eventTime: NOW, source: 'event' }],
  'schedule-changed': [{ event: 'schedule-changed', before, after: { ...before, zone: 'Asia/Tokyo' } }],
  warning: [{ event: 'warning', message: 'careful' }],
}

function contextOf(trigger: Trigger): RunContext {
  return {
    task: 'nightly',
    window: { slot: SLOT, end: null },
    schedule: { expression: '0 3 * * *', zone: 'UTC' },
    runId: 'me',
    trigger,
    host: { host: 'host-b', ecsTask: 'arn:aws:ecs:eu-west-1:123456789012:task/batch/1' },
    store: 'dynamodb:ledger',
    guards: {},
  }
}

const runEvents: readonly RunEvent[] = Object.values(EVENTS).flat()

describe('schema/event.schema.json', () => {
  test.each(runEvents.map((event) => [event.event, event] as const))('describes the event %s', (_, event) => {
    for (const trigger of [SCHEDULED, FORCED]) {
      expectValid(JSON.parse(logLine(event, contextOf(trigger), 'json', NOW) ?? ''))
    }
  })

  test('names each event of a run that the log can have, and no other', () => {
    const names = new Set(runEvents.map((event) => logObject(event, contextOf(SCHEDULED), NOW).event))
    expect([...schema.$defs.runEvent.properties.event.enum].sort()).toEqual([...names].sort())
    expect(
      Object.keys(schema.$defs)
        .filter((name) => name.startsWith('event-'))
        .sort(),
    ).toEqual([...names].map((name) => `event-${name}`).sort())
  })

  test.each([
    ['missed', { row: null, missed: { task: 'nightly', slot: SLOT } }],
    [
      'missed',
      { row: null, missed: { task: 'nightly', slot: SLOT, doubt: { after: SLOT - 1000, until: SLOT + 1000 } } },
    ],
    ['failed', { row, missed: null }],
    ['stale', { row: rowWith({}), missed: null }],
    ['overdue', { row: { ...pending(rowWith({})), leaseUntil: NOW + 9 * LEASE_MS }, missed: null }],
    ['late', { row: rowWith({ ending: SUCCEEDED }), missed: null }],
  ] as const)('describes the finding %s of a check', (kind, audited) => {
    const now = NOW + 2 * LEASE_MS
    const times = { now, skewMs: 0, graceMs: 0, lateAfterMs: 0, doneByMs: 1 }
    const found = findingOf(audited, times)
    expect(found?.kind).toBe(kind)
    if (found !== null)
      expectValid(findingObject({ ...found, task: 'nightly', times, schedule: before, owner: 'ops' }, now, CHECKED))
  })

  test('describes the digest of a check', () => {
    const { add, incidents } = collectIncidents()
    for (const found of FINDINGS) add(found)
    expectValid(digestOf(incidents(), { store: CHECKED, task: undefined, since: SLOT, now: NOW }))
  })

  test('describes the last line of a rerun', () => {
    const counts = { completed: 2, failed: 1, unrecorded: 0, refused: 0, skipped: 0, duplicate: 0, left: 3 }
    const doubts = { store: 'file:x.db', count: 2, oldest: NOW }
    const report = { task: 'nightly', only: ['failed'], counts, doubts, exitCode: 3 } as const
    expectValid(JSON.parse(rerunLine(report, 'json', NOW) ?? ''))
  })

  test('does not describe a line with an unknown member or without a member that it needs', () => {
    const line = logObject({ event: 'claimed', attempt }, contextOf(SCHEDULED), NOW)
    expect(validate({ ...line, colour: 'red' })).toBe(false)
    const { attempt: _, ...without } = line
    expect(validate(without)).toBe(false)
  })
})
