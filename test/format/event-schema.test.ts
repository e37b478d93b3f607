import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/event.ts'
import { digestOf } from '../../src/format/check/digest.ts'
import { findingEvent } from '../../src/format/check/finding.ts'
import { logLine, logObject } from '../../src/format/log/log.ts'
import { rerunLine } from '../../src/format/rerun/rerun.ts'
import { collectIncidents } from '../../src/verdict/incidents.ts'
import type { TaskFinding } from '../../src/verdict/judge.ts'
import { CONTEXT, ECS_CONTEXT, EVENTS, FORCED_CONTEXT, SLOT } from '../messages/samples.ts'
import { FINDINGS, LATER } from '../support/pages/needs.ts'
import { NOW } from '../support/rows.ts'

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

const runEvents: readonly RunEvent[] = Object.values(EVENTS).flat()

test.each(runEvents.map((event) => [event.event, event] as const))(
  'schema/event.schema.json describes the event %s',
  (_, event) => {
    for (const context of [CONTEXT, FORCED_CONTEXT, ECS_CONTEXT]) {
      expectValid(JSON.parse(logLine(event, context, 'json', NOW) ?? ''))
    }
  },
)

test('schema/event.schema.json names each event of a run that the log can have, and no other', () => {
  const names = new Set(runEvents.map((event) => logObject(event, CONTEXT, NOW).event))
  expect([...schema.$defs.runEvent.properties.event.enum].sort()).toEqual([...names].sort())
  expect(
    Object.keys(schema.$defs)
      .filter((name) => name.startsWith('event-'))
      .sort(),
  ).toEqual([...names].map((name) => `event-${name}`).sort())
})

const [missed] = FINDINGS
const doubted = { ...missed, doubt: { after: SLOT - 1000, until: SLOT + 1000 } } as TaskFinding
test.each([...FINDINGS, doubted].map((found) => [found.kind, found] as const))(
  'schema/event.schema.json describes the finding %s of a check',
  (_, found) => {
    expectValid(findingEvent(found, LATER, CHECKED))
  },
)

test('schema/event.schema.json describes the digest of a check', () => {
  const { add, incidents } = collectIncidents()
  for (const found of FINDINGS) add(found)
  expectValid(digestOf(incidents(), { store: CHECKED, task: undefined, since: SLOT, now: NOW }))
})

test('schema/event.schema.json describes the last line of a rerun', () => {
  const counts = { completed: 2, failed: 1, unrecorded: 0, refused: 0, skipped: 0, duplicate: 0, left: 3 }
  const doubts = { store: 'file:x.db', whys: ['doubtful'], oldest: NOW } as const
  const report = { task: 'nightly', only: ['failed'], counts, doubts, exitCode: 3 } as const
  expectValid(JSON.parse(rerunLine(report, 'json', NOW) ?? ''))
})

test('schema/event.schema.json does not describe a line with an unknown member or without a member that it needs', () => {
  const [claimed] = EVENTS.claimed
  const line = logObject(claimed ?? expect.unreachable(), CONTEXT, NOW)
  expect(validate({ ...line, colour: 'red' })).toBe(false)
  const { attempt: _, ...without } = line
  expect(validate(without)).toBe(false)
})
