import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endedAttempts, openAttempt } from '../../../src/core/row/attempts.ts'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import {
  type Ending,
  EVENT_TIME_SOURCES,
  OUTCOMES,
  REJECTION_CAUSES,
  REJECTION_KINDS,
  RESOLVED_STATES,
  type Rejection,
  type Resolution,
  type Row,
  STATES,
  STATUSES,
  TRIGGER_KINDS,
  type Trigger,
  WAIT_REASONS,
} from '../../../src/core/types.ts'
import { rowJson, slotLine } from '../../../src/format/slot/row.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { closed } from '../../support/closed-schema.ts'
import { places } from '../../support/places.ts'
import { anyLine, anyName, anyText } from '../../support/random.ts'
import { judgedAt, NOW, pending, recordWith, rowWith, SUCCEEDED } from '../../support/rows.ts'

const schema = JSON.parse(readFileSync(new URL('../../../schema/row.schema.json', import.meta.url), 'utf8'))

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
const validate = ajv.compile(schema)
const validateClosed = ajv.compile(closed(schema) as object)

const text = anyText({ maxLength: 20 })
const instant = fc.integer({ min: NOW - 1e9, max: NOW + 1e9 })
const host = fc.record({ host: anyLine({ maxLength: 20 }), ecsTask: anyName() }, { requiredKeys: ['host'] })
const trigger: fc.Arbitrary<Trigger> = fc.oneof(
  fc.record({
    kind: fc.constant('scheduled' as const),
    eventTime: instant,
    source: fc.constantFrom(...EVENT_TIME_SOURCES),
  }),
  fc.record({ kind: fc.constant('forced' as const), by: text, reason: text }),
)
const ending: fc.Arbitrary<Ending> = fc.record(
  {
    outcome: fc.constantFrom(...OUTCOMES),
    exitCode: fc.nat(255),
    signal: fc.constantFrom('SIGTERM', 'SIGKILL'),
  },
  { requiredKeys: ['outcome'] },
)
const rejection: fc.Arbitrary<Rejection> = fc
  .tuple(
    fc.record({
      runId: fc.uuid(),
      kind: fc.constantFrom(...REJECTION_KINDS),
      cause: fc.constantFrom(...REJECTION_CAUSES),
      at: instant,
      trigger,
    }),
    host,
  )
  .map(([one, where]) => ({ ...one, ...where }))
const resolution: fc.Arbitrary<Resolution> = fc.record({
  state: fc.constantFrom(...RESOLVED_STATES),
  at: instant,
  by: text,
  reason: text,
  afterAttempt: fc.nat(100),
})

const rows: fc.Arbitrary<Row> = fc
  .record({
    ended: fc.array(fc.record({ trigger, ending }), { maxLength: 4 }),
    runs: fc.boolean(),
    where: host,
    place: fc.option(places),
    rejected: fc.array(rejection, { maxLength: 25 }),
    resolutions: fc.array(resolution, { maxLength: 3 }),
    more: fc.record(
      {
        windowEnd: fc.constant(null),
        expiresAt: instant,
        schedule: fc.record(
          { expression: anyLine({ maxLength: 20 }), zone: fc.constant('Asia/Tokyo'), anchor: instant },
          { requiredKeys: ['expression', 'zone'] },
        ),
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ ended, runs, where, place, rejected, resolutions, more }): Row => {
    const row = rowWith(...ended, ...(runs || ended.length === 0 ? [{}] : []))
    const facts = place === null ? {} : { place }
    const { rejectedBy: _, ...rejections } = rejected.reduce(addRejection, NO_NOTES)
    const attempts = endedAttempts(row).map((attempt) => ({ ...attempt, ...where, ...facts }))
    const parts = { resolutions, rejections, ...more }
    if (row.state !== 'PENDING') return { ...row, attempts, ...parts }
    return { ...row, attempts: [...attempts, { ...openAttempt(row), ...where, ...facts }], ...parts }
  })

test('the JSON of a row is what schema/row.schema.json describes, no less and no more', () => {
  fc.assert(
    fc.property(rows, instant, (row, now) => {
      const json = JSON.parse(slotLine(judgedAt(now, row, { skewMs: 30_000 })))
      expect(validateClosed(json), ajv.errorsText(validateClosed.errors)).toBe(true)
      expect(validate(json)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('the JSON of a row has all facts of ECS', () => {
  const row = pending(rowWith({}))
  const onEcs: Row = { ...row, attempts: [{ ...openAttempt(row), ...FARGATE.host, place: FARGATE.place }] }
  const { awsvpc: _, kind, ...texts } = FARGATE.place
  const ecs = { ...texts, networkMode: 'awsvpc' }
  expect(rowJson(onEcs, 'running')['attempts']).toMatchObject([{ ...FARGATE.host, ecs }])
})

test.each([
  ['row', 'status', STATUSES.filter((status) => !['missed', 'due', 'scheduled', 'unknown'].includes(status))],
  ['row', 'state', STATES],
  ['resolution', 'state', RESOLVED_STATES],
  ['attempt', 'outcome', OUTCOMES],
  ['attempt', 'waitReason', WAIT_REASONS],
  ['trigger', 'kind', TRIGGER_KINDS],
  ['scheduledTrigger', 'source', EVENT_TIME_SOURCES],
  ['rejection', 'kind', REJECTION_KINDS],
  ['rejection', 'cause', REJECTION_CAUSES],
])('the schema of a %s allows each %s that can be written, and no other', (part, name, values) => {
  expect(schema.$defs[part].properties[name].enum).toEqual(values)
})

test('the JSON of a row is on one line, without control characters', () => {
  fc.assert(
    fc.property(rows, (row) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
      expect(slotLine(judgedAt(NOW, row))).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }),
  )
})

test('the JSON of a row of a newer cronledger says only which one it is', () => {
  const json = rowJson({ task: 'nightly', slot: NOW - 5_000, schemaVersion: 7, newerSchema: true }, 'unknown')
  expect(json).toEqual({ schemaVersion: 7, task: 'nightly', slot: '2026-11-24T03:00:00Z', status: 'unknown' })
  expect(validateClosed(json)).toBe(true)
})

test('the JSON of a row of a slot that has none can be told from a row', () => {
  fc.assert(
    fc.property(instant, fc.boolean(), (anchor, isLast) => {
      const slot = Math.floor(anchor / 1000) * 1000
      const at = new Date(slot).toISOString().slice(0, 19)
      const spec = {
        expression: isLast ? `at(${at})` : 'rate(1 hour)',
        zone: 'UTC',
        ...(!isLast && { anchor: slot }),
      }
      const missed = (more = {}) => {
        const record = recordWith([{ since: slot, spec }])
        return JSON.parse(slotLine(judgedAt(slot + 60_000, null, { task: 'a', slot, record, ...more })))
      }
      const overdue = missed({ doneByMs: 1 })
      expect([overdue.status, validateClosed(overdue)]).toEqual(['overdue', true])
      const json = missed({ graceMs: 0 })
      expect(validateClosed(json), ajv.errorsText(validateClosed.errors)).toBe(true)
      expect(json).toMatchObject({ status: 'missed', state: null, task: 'a', schedule: spec.expression })
      expect('schemaVersion' in json).toBe(false)
      expect(validateClosed({ ...json, schemaVersion: 1 })).toBe(false)
      const { status: _, ...more } = json
      expect(validateClosed(more)).toBe(false)
    }),
  )
})

test.each([
  ['a state that there is not', { state: 'DONE' }],
  ['a status that there is not', { status: 'done' }],
  ['an instant that is a number', { leaseUntil: NOW }],
  ['a slot with milliseconds', { slot: '2026-11-24T03:00:00.000Z' }],
  ['no attempts', { attempts: undefined }],
  [
    'an attempt without its trigger',
    { attempts: [{ number: 1, runId: 'a', host: 'h', startedAt: '2026-11-24T03:00:00Z' }] },
  ],
  ['a field that the schema does not describe, if that is checked', { colour: 'red' }],
])('the schema refuses %s', (_, wrong) => {
  expect(validateClosed({ ...rowJson(rowWith({ ending: SUCCEEDED }), 'completed'), ...wrong })).toBe(false)
})
