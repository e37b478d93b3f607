import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openAttempt } from '../../../src/core/row/attempts.ts'
import {
  addRejection,
  FIRST_REJECTIONS,
  NO_NOTES,
  NO_REJECTIONS,
  NOTED_RUN_IDS,
  type Notes,
} from '../../../src/core/row/rejections.ts'
import type { StoredDocument, StoredValue } from '../../../src/core/row/stored-fields.ts'
import { decodeNotes, decodeRow, encodeNotes, encodeRow } from '../../../src/core/row/stored-row.ts'
import { claimRow } from '../../../src/core/row/transition.ts'
import {
  type EndedAttempt,
  EVENT_TIME_SOURCES,
  type OpenAttempt,
  OUTCOMES,
  RESOLVED_STATES,
  type Rejection,
  type Row,
  SCHEMA_VERSION,
  type Trigger,
  type UncheckedRow,
  WAIT_REASONS,
} from '../../../src/core/types.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { places } from '../../support/places.ts'
import { anyLine, anyName, anyText } from '../../support/random.ts'
import { closed, FAILED, NOW, pending, rowWith, SCHEDULED, SLOT, SUCCEEDED } from '../../support/rows.ts'

const rejection = (runId: string): Rejection => ({
  runId,
  kind: 'duplicate',
  cause: 'completed',
  at: NOW,
  trigger: { kind: 'scheduled', eventTime: NOW, source: 'event' },
  host: 'host',
})

it('the stored form of a row is what a person and another program can read', () => {
  expect(encodeRow(rowWith({ ending: FAILED }, {}))).toEqual({
    task: 'nightly',
    slot: '2026-11-24T03:00:00Z',
    day: '2026-11-24',
    schemaVersion: 2,
    windowEnd: '2026-11-25T03:00:00Z',
    state: 'PENDING',
    version: 3,
    writeId: expect.any(String),
    ownerRunId: 'run-2',
    schedule: '0 3 * * *',
    zone: 'UTC',
    zoneData: '2026a',
    attempts: [
      {
        number: 1,
        runId: 'run-1',
        trigger: { kind: 'scheduled', eventTime: '2026-11-24T03:00:05Z', source: 'event-time' },
        host: 'host',
        startedAt: '2026-11-24T03:00:05Z',
        endedAt: '2026-11-24T03:00:06Z',
        outcome: 'failed',
        exitCode: 3,
      },
      {
        number: 2,
        runId: 'run-2',
        trigger: { kind: 'scheduled', eventTime: '2026-11-24T03:00:05Z', source: 'event-time' },
        host: 'host',
        startedAt: '2026-11-24T03:00:05Z',
      },
    ],
    leaseUntil: '2026-11-24T03:10:05Z',
  })
})

it('the stored form of a row keeps milliseconds, and expires in whole seconds, never too early', () => {
  const row = { ...pending(rowWith({})), leaseUntil: NOW + 7, expiresAt: NOW + 1 }
  expect(encodeRow(row)).toMatchObject({ leaseUntil: '2026-11-24T03:00:05.007Z', expiresAt: NOW / 1000 + 1 })
})

it('the stored form of a row gives the same row back, whatever is in it', () => {
  fc.assert(
    fc.property(rows, (row) => {
      expect(decodeRow(jsonOf(encodeRow(row)))).toEqual(row)
    }),
  )
})

it('the stored form of a row leaves out the facts of ECS that the ARN of the task has', () => {
  const claim = {
    task: 'nightly',
    window: { slot: SLOT, end: null },
    schedule: { expression: '@daily', zone: 'UTC' },
    zoneData: '2026a',
    runId: 'run-1',
    trigger: SCHEDULED,
    ...FARGATE,
  }
  const { kind, region, cluster, awsvpc, logStream, ...others } = FARGATE.place
  const row = claimRow(null, claim, { writeId: 'w', now: NOW }, 600_000)
  expect(encodeRow(row)['attempts']).toMatchObject([
    { ...FARGATE.host, ecs: { ...others, logStream: 'cronledger/batch/' } },
  ])
  expect(Object.keys(Object(Object(encodeRow(row)['attempts'])[0].ecs))).toHaveLength(5)
  expect(decodeRow(jsonOf(encodeRow(row)))).toEqual(row)
})

it('the stored form of a row holds neither null nor booleans, which some stores do not have', () => {
  const leaves = (value: StoredValue): unknown[] =>
    typeof value === 'object' ? Object.values(value).flatMap(leaves) : [typeof value]
  fc.assert(
    fc.property(rows, (row) => {
      expect(['string', 'number']).toEqual(expect.arrayContaining(leaves(encodeRow(row))))
    }),
  )
})

describe('an impossible row is not written', () => {
  const running = pending(rowWith({}))
  const ended = closed(rowWith({ ending: SUCCEEDED }))
  const open = openAttempt(running)
  const [success] = ended.attempts
  if (success === undefined) throw new Error('a row without attempts')
  const many = (count: number): EndedAttempt[] =>
    Array.from({ length: count }, (_, index) => ({ ...success, number: index + 1 }))
  const impossible: [string, UncheckedRow][] = [
    ['version 0', { ...running, version: 0 }],
    ['a version past what a number holds', { ...running, version: 2 ** 53 }],
    ['PENDING without a lease', { ...running, leaseUntil: null }],
    ['PENDING without an attempt', { ...running, attempts: [] }],
    ['PENDING with an ended attempt', { ...running, attempts: [success] }],
    ['PENDING with an open attempt of another run', { ...running, ownerRunId: 'another' }],
    ['PENDING with two open attempts', { ...running, attempts: [open, { ...open, number: 2 }] }],
    ['COMPLETED with a lease', { ...ended, leaseUntil: NOW }],
    ['COMPLETED with an open attempt', { ...ended, attempts: [open] }],
    ['attempts out of order', { ...ended, attempts: [{ ...success, number: 2 }] }],
    ['101 attempts that started', { ...ended, attempts: many(101) }],
    ['more attempts counted than numbers given', { ...ended, unlistedAttempts: 1 }],
    ['a number without its attempt', { ...ended, attempts: [{ ...success, number: 3 }] }],
    ['attempts that are counted less than never', { ...ended, unlistedAttempts: -1 }],
    ['a window that ends before it starts', { ...ended, windowEnd: SLOT }],
    ['a range that begins at its own slot', { ...ended, attempts: [{ ...success, since: SLOT }] }],
    ['a search that ended after its slot', { ...ended, attempts: [{ ...success, searched: SLOT + 86_400_000 }] }],
  ]

  it.each(impossible)('an impossible row is not written: %s', (_, row) => {
    expect(() => encodeRow(row as Row)).toThrow(/^impossible row nightly 2026-11-24T03:00:00Z: /)
  })

  it('an impossible row is not written: a range that begins in 1970 is possible, since no success may have been found', () => {
    const row = { ...ended, attempts: [{ ...success, searched: 0 }] } as const
    expect(decodeRow(jsonOf(encodeRow(row)))).toEqual(row)
  })

  it.each([
    ['a task', { ...ended, task: "x';true" }],
    ['a write id', { ...ended, writeId: '' }],
    ['an owner', { ...ended, ownerRunId: '-x' }],
    ['the name of a host', { ...ended, attempts: [{ ...success, host: 'a\nb' }] }],
  ])('an impossible row is not written: %s in another form', (_, row) => {
    expect(() => encodeRow(row as Row)).toThrow(/ is not (the name of a task|an id|text without)/)
  })

  it.each([SLOT + 0.5, Number.NaN, Date.parse('2300-01-01T00:00:00Z')])(
    'an instant that could not be read back: %d',
    (at) => {
      expect(() => encodeRow({ ...running, leaseUntil: at })).toThrow()
    },
  )

  it('100 attempts are possible', () => {
    expect(encodeRow({ ...ended, attempts: many(100) })['attempts']).toHaveLength(100)
  })
})

describe('a malformed row is not guessed at', () => {
  const ATTEMPT = {
    ...({ number: 1, runId: 'r', host: 'h', startedAt: '2026-11-24T03:00:05Z' } as const),
    trigger: { kind: 'forced', by: 'ada', reason: 'why' },
  } as const
  const stored = jsonOf({
    ...encodeRow(rowWith({ ending: FAILED }, {})),
    ...encodeNotes(addRejection(NO_NOTES, rejection('d'))),
  })

  it('a row is fine before it is malformed, and with more in it', () => {
    expect(decodeRow({ ...stored, colour: 'red', owners: { a: [null, true] } })).toEqual(decodeRow(stored))
  })

  it.each([
    [{ state: 'DONE' }, 'state is "DONE", but must be PENDING, COMPLETED, FAILED, SKIPPED'],
    [{ version: '3' }, 'version is "3", but must be an integer'],
    [{ version: 1.5 }, 'version is "1.5", but must be an integer'],
    [{ ownerRunId: undefined }, 'ownerRunId is missing, but must be text'],
    [{ leaseUntil: 'soon' }, 'leaseUntil is "soon", but must be an instant such as'],
    [{ windowEnd: '2026-11-25T03:00:00' }, 'windowEnd is "2026-11-25T03:00:00", but must be an instant'],
    [{ attempts: {} }, 'attempts is "{}", but must be a list'],
    [{ attempts: [7] }, 'attempts[0] is "7", but must be an object'],
    [{ attempts: [{ number: 1 }] }, 'attempts[0].runId is missing'],
    [{ attempts: [{ number: 1, runId: 'r', trigger: { kind: 'x' } }] }, 'attempts[0].trigger.kind is "x", but must'],
    [{ resolutions: [{ state: 'PENDING' }] }, 'resolutions[0].state is "PENDING"'],
    [{ rejections: [{ runId: 'r', kind: 'duplicate', cause: 'why' }] }, 'rejections[0].cause is "why"'],
    [{ rejectedBy: 'd' }, 'rejectedBy is "d", but must be a list of run ids'],
    [{ leaseUntil: undefined }, 'it is PENDING, but has no lease'],
    [{ expiresAt: Number.MAX_SAFE_INTEGER }, 'its expiry is not a valid time'],
    [{ attempts: [{ ...ATTEMPT, endedAt: '2026-11-24T03:00:06Z' }] }, 'an attempt has an end, but no outcome'],
    [{ attempts: [{ ...ATTEMPT, outcome: 'failed', phase: 'waiting' }] }, 'an attempt has an outcome, but'],
    [{ attempts: [{ ...ATTEMPT, phase: 'waiting' }] }, 'an attempt waits, but has no "waitReason"'],
    [{ attempts: [{ ...ATTEMPT, phase: 'running' }] }, 'attempts[0].phase is "running", but must be waiting'],
    [{ schemaVersion: '1' }, 'schemaVersion is "1"'],
  ])('a malformed row is not guessed at: %j', (change, message) => {
    const error = expect.objectContaining({ kind: 'shape', message: expect.stringContaining(message) })
    expect(() => decodeRow({ ...stored, ...change })).toThrow(error)
    expect(() => decodeRow({ ...stored, ...change })).toThrow(/^row nightly 2026-11-24T03:00:00Z is damaged: /)
  })

  it.each([null, 'x', [], {}, { task: 'nightly' }, { task: 'nightly', slot: 5 }])(
    'a row without a key is refused: %j',
    (value) => {
      expect(() => decodeRow(value)).toThrow(/^a row of the ledger is damaged: /)
    },
  )

  it('a row of another schema version is foreign, whatever else is in it', () => {
    const newerSchema = { task: 'nightly', slot: SLOT, schemaVersion: 3, newerSchema: true }
    expect(decodeRow({ ...stored, schemaVersion: 3, state: 7, attempts: 'x' })).toEqual(newerSchema)
  })

  it('a row of a schema from before the first release is refused', () => {
    expect(() => decodeRow({ ...stored, schemaVersion: 1, state: 7 })).toThrow(
      'row nightly 2026-11-24T03:00:00Z has schema version 1, from before the first release of cronledger. Use a new ledger.',
    )
  })
})

describe('rejections', () => {
  const noted = (ids: readonly string[], from: Notes = NO_NOTES) =>
    ids.reduce((notes, runId) => addRejection(notes, rejection(runId)), from)
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `run-${index}`)
  const stored = (notes: Notes) =>
    decodeNotes({ what: 'notes', path: '', values: jsonOf(encodeNotes(notes)) as Record<string, unknown> })

  it('refusals have a count of their own, past those that are kept', () => {
    const refused = { ...rejection('run-60'), kind: 'refused' } as const
    const notes = addRejection(addRejection(noted(ids(60)), refused), rejection('run-61'))
    expect(notes).toMatchObject({ count: 62, refused: 1 })
    expect(addRejection(notes, refused)).toBe(notes)
    expect(stored(notes)).toEqual(notes)
  })

  it('refusals are counted from the kept ones where there is no counter', () => {
    const refused = { ...rejection('run-60'), kind: 'refused' } as const
    const { refusalCount: _, ...old } = encodeNotes(
      addRejection(noted(['run-1'], addRejection(NO_NOTES, refused)), { ...refused, runId: 'b' }),
    )
    expect(decodeNotes({ what: 'notes', path: '', values: old })).toMatchObject({ count: 3, refused: 2 })
    const { refusalCount: __, ...many } = encodeNotes(addRejection(noted(ids(60)), refused))
    expect(decodeNotes({ what: 'notes', path: '', values: many })).toMatchObject({ count: 61, refused: 1 })
  })

  it('rejections come back from their stored form', () => {
    for (const count of [0, 1, FIRST_REJECTIONS, FIRST_REJECTIONS + 1, NOTED_RUN_IDS + 1]) {
      expect(stored(noted(ids(count)))).toEqual(noted(ids(count)))
    }
  })
})

function jsonOf(document: StoredDocument): Record<string, unknown> {
  return JSON.parse(JSON.stringify(document))
}

const text = anyText({ minLength: 1, maxLength: 20 })
const id = anyName().map((name) => name.replaceAll('/', ''))
const instants = fc.integer({ min: 0, max: Date.parse('2199-12-31T23:59:59Z') })
const triggers: fc.Arbitrary<Trigger> = fc.oneof(
  fc.record({ kind: fc.constant('forced' as const), by: text, reason: text }),
  fc.record({
    kind: fc.constant('scheduled' as const),
    eventTime: instants,
    source: fc.constantFrom(...EVENT_TIME_SOURCES),
  }),
)
const attemptParts = {
  number: fc.constant(1),
  runId: id,
  trigger: triggers,
  startedAt: instants,
  host: anyLine(),
  ecsTask: fc.oneof(anyName(), fc.constant(FARGATE.host.ecsTask)),
  place: places,
}
const begunParts = {
  ...attemptParts,
  claimedAt: instants,
  process: fc.record(
    { pid: fc.nat(), startTicks: fc.maxSafeNat(), boot: anyLine() },
    { requiredKeys: ['pid', 'boot'] },
  ),
}
const REQUIRED = ['phase', 'number', 'runId', 'trigger', 'startedAt', 'host'] as const
const openAttempts: fc.Arbitrary<OpenAttempt> = fc.oneof(
  fc.record(
    { ...attemptParts, phase: fc.constant('waiting' as const), waitReason: fc.constantFrom(...WAIT_REASONS) },
    { requiredKeys: [...REQUIRED, 'waitReason'] },
  ),
  fc.record({ ...begunParts, phase: fc.constant('running' as const) }, { requiredKeys: [...REQUIRED] }),
)
const endedAttempts: fc.Arbitrary<EndedAttempt> = fc.record(
  {
    ...begunParts,
    phase: fc.constant('ended' as const),
    outcome: fc.constantFrom(...OUTCOMES),
    endedAt: instants,
    exitCode: fc.nat(255),
    signal: id,
  },
  { requiredKeys: [...REQUIRED, 'outcome'] },
)
const resolutions = fc.record({
  state: fc.constantFrom(...RESOLVED_STATES),
  at: instants,
  by: text,
  reason: text,
  afterAttempt: fc.nat(100),
})
const rows: fc.Arbitrary<Row> = fc
  .record({
    task: anyName(),
    slot: fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000),
    lengthMs: fc.option(fc.integer({ min: 1, max: 1e10 })),
    version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    writeId: id,
    ownerRunId: id,
    schedule: fc.record(
      { expression: anyLine(), zone: anyName(), anchor: instants },
      { requiredKeys: ['expression', 'zone'] },
    ),
    zoneData: anyLine(),
    ended: fc.array(endedAttempts, { maxLength: 3 }),
    open: fc.option(fc.record({ attempt: openAttempts, leaseUntil: instants })),
    state: fc.constantFrom(...RESOLVED_STATES),
    unlisted: fc.nat(500),
    resolutions: fc.array(resolutions, { maxLength: 2 }),
    expiresAt: fc.option(fc.nat(4_000_000_000).map((second) => second * 1000)),
  })
  .map(({ lengthMs, ended, open, state, unlisted, ...facts }) => {
    const windowEnd = lengthMs === null ? null : facts.slot + lengthMs
    const unlistedAttempts = ended.length === 0 && open === null ? 0 : unlisted
    const row = {
      ...facts,
      schemaVersion: SCHEMA_VERSION,
      windowEnd,
      unlistedAttempts,
      rejections: NO_REJECTIONS,
    } as const
    const number = (index: number) => unlistedAttempts + index + 1
    const attempts = ended.map((attempt, index) => ({ ...attempt, number: number(index) }))
    if (open === null) return { ...row, state, attempts, leaseUntil: null }
    const last = { ...open.attempt, runId: row.ownerRunId, number: number(attempts.length) }
    return { ...row, state: 'PENDING', attempts: [...attempts, last], leaseUntil: open.leaseUntil }
  })
