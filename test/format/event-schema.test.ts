import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/event.ts'
import { digestOf } from '../../src/format/check/digest.ts'
import { findingEvent, findingJson } from '../../src/format/check/finding.ts'
import { logLine, logObject } from '../../src/format/log/log.ts'
import { repairJson } from '../../src/format/rerun/plan.ts'
import type { TaskFinding } from '../../src/verdict/judge.ts'
import { collectProblems } from '../../src/verdict/problems.ts'
import { showStep } from '../../src/verdict/steps.ts'
import { CONTEXT, ECS_CONTEXT, EVENTS, FORCED_CONTEXT, SLOT } from '../messages/samples.ts'
import { FINDINGS, LATER } from '../support/pages/needs.ts'
import { NOW } from '../support/rows.ts'

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
  const { add, problems } = collectProblems()
  for (const found of FINDINGS) add(found)
  const digest = digestOf(problems(), { store: CHECKED, task: undefined, since: SLOT, now: NOW })
  expect(digest).toMatchObject({ slots: FINDINGS.length, problems: { length: FINDINGS.length } })
  expectValid(digest)
})

test('a digest has at most 20 problems and 16 KB, and says what it leaves out', () => {
  const { add, problems } = collectProblems()
  const sample = FINDINGS.find(({ kind }) => kind === 'missed') ?? expect.unreachable()
  const begins = Array.from({ length: 25 }, (_, index) => SLOT - index * 7_200_000)
  for (let task = 0; task < 2_000; task += 1)
    for (const slot of begins.slice(task % 25, (task % 25) + 1)) add({ ...sample, task: `imp/table-${task}`, slot })
  const digest = digestOf(problems(), { store: CHECKED, task: undefined, since: SLOT, now: NOW })
  expect(digest).toMatchObject({ slots: 2_000, tasks: 2_000, moreProblems: 5, problems: { length: 20 } })
  expect(JSON.stringify(digest).length).toBeLessThan(16_000)
  for (const one of digest['problems'] as readonly { tasks: readonly unknown[]; moreTasks?: number }[])
    expect(one.tasks.length + (one.moreTasks ?? 0)).toBe(80)
  expectValid(digest)
})

test('schema/finding.schema.json describes the JSON of a check', () => {
  const { finding } = findingSchema.$defs
  const ofOne = ajv.compile({
    ...findingSchema,
    $defs: { ...findingSchema.$defs, finding: { ...finding, additionalProperties: false } },
  })
  for (const found of [...FINDINGS, doubted])
    expect(ofOne(findingJson(found, CHECKED)), ajv.errorsText(ofOne.errors)).toBe(true)
})

test('schema/event.schema.json describes the lines of a repair', () => {
  const steps = [showStep('see what happened', { store: CHECKED, task: 'nightly', slot: SLOT })]
  const counts = { done: 2, byOthers: 1, failed: 1, unknown: 0, left: 3, leftOut: 2, exitCode: 3 }
  expectValid(JSON.parse(repairJson('error', 'exit code 3', NOW, { slot: { task: 'nightly', slot: SLOT }, steps })))
  expectValid(JSON.parse(repairJson('warn', 'Nothing more starts.', NOW, {})))
  expectValid(JSON.parse(repairJson('error', '2 done', NOW, { counts })))
})

test('schema/event.schema.json does not describe a line with an unknown member or without a member that it needs', () => {
  const [claimed] = EVENTS.claimed
  const line = logObject(claimed ?? expect.unreachable(), CONTEXT, NOW)
  expect(validate({ ...line, colour: 'red' })).toBe(false)
  const { attempt: _, ...without } = line
  expect(validate(without)).toBe(false)
})
