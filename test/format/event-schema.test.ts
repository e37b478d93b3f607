import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { openFindingsJson } from '../../src/cli/commands/check/json.ts'
import type { RunEvent } from '../../src/core/event.ts'
import { digestOf, repairedOf } from '../../src/format/check/digest.ts'
import { findingEvent, incidentOfFinding, repairedEvent } from '../../src/format/check/finding.ts'
import { logLine, logObject } from '../../src/format/log/log.ts'
import { rerunLine } from '../../src/format/rerun/rerun.ts'
import { jsonArray } from '../../src/format/text.ts'
import { collectIncidents, type Incident } from '../../src/verdict/incidents.ts'
import type { TaskFinding } from '../../src/verdict/judge.ts'
import { CONTEXT, ECS_CONTEXT, EVENTS, FORCED_CONTEXT, SLOT } from '../messages/samples.ts'
import { FINDINGS, LATER } from '../support/pages/needs.ts'
import { judgedAt, NOW, rowWith, SUCCEEDED } from '../support/rows.ts'

const CHECKED = 'dynamodb:ledger'

const schemaOf = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../schema/${name}.schema.json`, import.meta.url), 'utf8'))
const [schema, findingSchema] = ['event', 'finding'].map(schemaOf)

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

test('schema/event.schema.json describes the end of an incident and of the finding of a slot, and a finding with its incident', () => {
  const { add, incidents } = collectIncidents()
  for (const found of FINDINGS) add(found)
  const [first] = incidents() as [Incident]
  expectValid(
    repairedOf(
      incidents().map((one) => ({ ...one, endedAt: NOW })),
      NOW,
    ),
  )
  const title = 'RECOVERED'
  expectValid({ title, ...repairedEvent(judgedAt(NOW, rowWith({ ending: SUCCEEDED })), NOW) })
  expectValid({ ...findingEvent(missed as TaskFinding, LATER, CHECKED), incident: incidentOfFinding(first) })
})

test('schema/finding.schema.json describes the JSON of a check, in which each finding names its incident in the digest', async () => {
  async function* found() {
    // More than are packed together.
    for (let index = 0; index < 70; index += 1) yield* [...FINDINGS, doubted]
  }
  const { emitSlot, items: itemsOf } = openFindingsJson(CHECKED, () => 0, undefined)
  for await (const one of found()) emitSlot(one)
  let text = ''
  for await (const piece of jsonArray(itemsOf(found()), (some) => some)) text += piece
  const items: readonly { readonly incident: { readonly id: string } }[] = JSON.parse(text)
  expect(items).toHaveLength(70 * (FINDINGS.length + 1))
  const { finding } = findingSchema.$defs
  const ofOne = ajv.compile({
    ...findingSchema,
    $defs: { ...findingSchema.$defs, finding: { ...finding, additionalProperties: false } },
  })
  for (const item of items.slice(0, 8)) expect(ofOne(item), ajv.errorsText(ofOne.errors)).toBe(true)
  const { add, incidents } = collectIncidents()
  for await (const one of found()) add(one)
  const digest = digestOf(incidents(), { store: CHECKED, task: undefined, since: SLOT, now: NOW })
  const known = (digest['incidents'] as readonly Readonly<Record<string, string>>[]).map(({ id, cause, from }) => ({
    id,
    cause,
    began: from,
  }))
  const named = new Map(items.map(({ incident }) => [incident.id, incident]))
  expect([...named.values()]).toEqual(expect.arrayContaining(known))
  expect(named.size).toBe(known.length)
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
