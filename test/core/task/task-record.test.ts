import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lastingPlace } from '../../../src/core/place.ts'
import { DEFAULT_SKEW_MS } from '../../../src/core/row/policy.ts'
import { withChange } from '../../../src/core/task/record-changes.ts'
import {
  decodeTaskRecord,
  EMPTY_TASK_RECORD,
  encodeTaskRecord,
  expectedTimes,
  rangesUntil,
  type Suspension,
  type TaskRecord,
  USUAL_GRACE_MS,
} from '../../../src/core/task/task-record.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { closed } from '../../support/closed-schema.ts'
import { places } from '../../support/places.ts'
import { anyLine, anyText } from '../../support/random.ts'

const at = (text: string) => Date.parse(text)
const { logStream: _, ...LASTING } = FARGATE.place

const FULL: TaskRecord = {
  schedules: [
    { since: at('2026-11-01T18:00:00Z'), spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' } },
    {
      since: at('2026-11-03T00:00:00Z'),
      spec: { expression: 'rate(1 day)', zone: 'UTC', anchor: at('2026-01-01T00:00:00Z') },
    },
  ],
  expectations: {
    since: at('2026-11-03T00:00:00Z'),
    graceMs: 60_000,
    lateAfterMs: 0,
    doneByMs: 7_200_000,
    after: ['extract', 'self'],
    afterTimeoutMs: 0,
    expect: 'rows>=1',
    expectSince: at('2026-11-02T00:00:00Z'),
    sinceLastSuccess: true,
    owner: 'data team, https://example.org/runbook',
    overlap: 'wait',
  },
  changes: [
    {
      from: at('2026-11-03T00:00:00Z'),
      before: { schedule: '0 3 * * *', owner: 'data team' },
      after: { schedule: 'rate(1 day)', graceMs: 60_000, after: ['extract', 'self'] },
      at: at('2026-11-02T12:00:00Z'),
      by: 'ada',
      reason: 'the files come earlier',
    },
  ],
  pauses: [
    {
      from: at('2026-11-05T00:00:00Z'),
      until: at('2026-11-06T00:00:00Z'),
      at: at('2026-11-04T12:00:00Z'),
      by: 'ada',
      reason: 'maintenance',
      ended: { at: at('2026-11-06T00:00:00Z'), by: 'bob', reason: 'done early' },
    },
    { from: at('2026-12-24T00:00:00Z'), until: null, at: at('2026-11-04T12:00:00Z'), by: 'ada', reason: '休止' },
  ],
  retirements: [
    { from: at('2027-01-01T00:00:00Z'), until: null, at: at('2026-12-31T00:00:00Z'), by: 'ada', reason: 'replaced' },
  ],
  place: { ...LASTING, launchType: 'EC2' },
  placeSince: at('2026-11-03T00:00:00Z'),
}

const stored = (record: TaskRecord) => JSON.parse(JSON.stringify(encodeTaskRecord(record)))

test('what is stored reads back', () => {
  expect(decodeTaskRecord(stored(FULL), 'nightly')).toEqual(FULL)
  expect(decodeTaskRecord(stored(EMPTY_TASK_RECORD), 'nightly')).toEqual(EMPTY_TASK_RECORD)
  expect(stored(EMPTY_TASK_RECORD)).toEqual({ schemaVersion: 2, schedules: [] })
})

test('a field that is not known is ignored', () => {
  expect(decodeTaskRecord({ ...stored(FULL), color: 'blue' }, 'nightly')).toEqual(FULL)
})

test('a record from before the first release is refused', () => {
  expect(() => decodeTaskRecord({ ...stored(FULL), schemaVersion: 1 }, 'nightly')).toThrow(
    'the record of task nightly has schema version 1, from before the first release of cronledger. Use a new ledger.',
  )
})

test.each([
  [{ schedules: [{ since: 'x' }] }, /nightly.*schedules\[0\]\.since/],
  [{ expectations: 7 }, /nightly.*expectations/],
  [{ expectations: { since: '2026-11-03T00:00:00Z', graceMs: 'soon' } }, /expectations\.graceMs/],
  [{ pauses: [{ from: '2026-11-03T00:00:00Z', at: '2026-11-03T00:00:00Z', by: 'ada' }] }, /pauses\[0\]\.reason/],
  [{ retirements: [{ from: 7 }] }, /retirements\[0\]\.from/],
  [{ ecs: { region: 'eu-west-1' } }, /nightly.*ecs\.cluster is missing/],
])('the field that is malformed is named: %j', (wrong, message) => {
  expect(() => decodeTaskRecord({ ...stored(EMPTY_TASK_RECORD), ...wrong }, 'nightly')).toThrow(message)
})

test('the times of a task are those that its runs state, else the defaults', () => {
  const usual = { graceMs: USUAL_GRACE_MS, lateAfterMs: null, doneByMs: null, skewMs: DEFAULT_SKEW_MS }
  expect(expectedTimes(null)).toEqual(usual)
  expect(expectedTimes({ expectations: { since: 0, graceMs: 1, doneByMs: 3 } })).toEqual({
    ...usual,
    graceMs: 1,
    doneByMs: 3,
  })
  expect(expectedTimes({ expectations: { since: 0, skewMs: 0 } }).skewMs).toBe(0)
})

describe('schema/task.schema.json', () => {
  const schema = JSON.parse(readFileSync(new URL('../../../schema/task.schema.json', import.meta.url), 'utf8'))
  const ajv = new Ajv2020({ strict: true, allErrors: true })
  const validate = ajv.compile(schema)
  const validateClosed = ajv.compile(closed(schema) as object)

  const instant = fc.integer({ min: at('1970-01-01T00:00:00Z'), max: at('2199-12-31T23:59:59Z') })
  const text = anyText({ maxLength: 20 })
  const decided = { at: instant, by: text, reason: text }
  const suspension: fc.Arbitrary<Suspension> = fc.record(
    { ...decided, from: instant, until: fc.option(instant), ended: fc.record(decided) },
    { requiredKeys: ['at', 'by', 'reason', 'from', 'until'] },
  )
  const spec = fc.record(
    { expression: anyLine({ maxLength: 20 }), zone: fc.constant('Asia/Tokyo'), anchor: instant },
    { requiredKeys: ['expression', 'zone'] },
  )
  const expectations = fc.record(
    {
      since: instant,
      graceMs: fc.nat(),
      lateAfterMs: fc.nat(),
      doneByMs: fc.nat(),
      afterTimeoutMs: fc.nat(),
      owner: text,
      overlap: fc.constantFrom('skip', 'wait'),
      sinceLastSuccess: fc.constant(true),
    },
    { requiredKeys: ['since'] },
  )
  const records: fc.Arbitrary<TaskRecord> = fc.record({
    schedules: fc.array(
      fc.record(
        { since: instant, after: instant, spec, declared: fc.constantFrom('unconfirmed', 'confirmed') },
        { requiredKeys: ['since', 'spec'] },
      ),
      { maxLength: 3 },
    ),
    expectations: fc.option(expectations),
    pauses: fc.array(suspension, { maxLength: 3 }),
    retirements: fc.array(suspension, { maxLength: 3 }),
    place: fc.option(places.map(lastingPlace)),
    placeSince: fc.option(instant),
  })

  test('schema/task.schema.json describes every record that is stored, no less and no more, and the record reads back', () => {
    fc.assert(
      fc.property(records, (record) => {
        const json = stored(record)
        expect(validateClosed(json), ajv.errorsText(validateClosed.errors)).toBe(true)
        expect(decodeTaskRecord(json, 'nightly')).toEqual(record)
      }),
      { numRuns: 300 },
    )
  })

  test('schema/task.schema.json allows fields of a later minor version, and says nothing about a newer version', () => {
    expect(validate({ ...stored(FULL), color: 'blue' })).toBe(true)
    expect(validate({ schemaVersion: 3 })).toBe(true)
  })

  test.each([
    ['no version', { schemaVersion: undefined }],
    ['no schedules', { schedules: undefined }],
    ['a pause without a reason', { pauses: [{ from: '2026-11-24T03:00:00Z', at: '2026-11-24T03:00:00Z', by: 'ada' }] }],
    ['an instant that is a number', { retirements: [{ from: 0, at: 0, by: 'ada', reason: 'x' }] }],
  ])('schema/task.schema.json refuses %s', (_, wrong) => {
    expect(validate(JSON.parse(JSON.stringify({ ...stored(FULL), ...wrong })))).toBe(false)
  })
})

test.each([
  ['many small changes', 'o', 60],
  ['some large ones', 'o'.repeat(900), 40],
])('a record keeps until when its runs had ranges, whatever changes later: %s', (_, owner, count) => {
  const state = (before: TaskRecord, since: number, more: object) =>
    withChange(before, { ...before, expectations: { since, ...more } }, since, { at: since, by: 'ann', reason: '' })
  let record = state(state(EMPTY_TASK_RECORD, 1, { sinceLastSuccess: true }), 2, {})
  for (let since = 3; since < count; since += 1) record = state(record, since, { owner: `${owner}${since}` })
  const { changes = [] } = record
  expect([rangesUntil(record), changes.at(-1)?.from]).toEqual([2, count - 1])
  expect(changes.length).toBeLessThan(count - 2)
  expect(JSON.stringify(changes).length).toBeLessThan(50_000)
})
