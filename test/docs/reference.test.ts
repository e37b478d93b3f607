// The reference pages must name everything that the code has.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { topicText } from '../../src/cli/help.ts'
import { EXIT } from '../../src/core/exit.ts'
import { isRecord } from '../../src/core/objects.ts'
import { EVENT_TIME_SOURCES, OUTCOMES, STATES } from '../../src/core/types.ts'
import { FORCING_VARIABLES } from '../../src/run/command.ts'
import type { Loose } from '../support/cli.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const page = (name: string) => read(`docs/reference/${name}.md`)
const schemaOf = (name: string) => JSON.parse(read(`schema/${name}.schema.json`))

/** Returns the names that the page does not have as code. */
function missingIn(text: string, names: Iterable<string>): readonly string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '')
  const words = new Set([...prose.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => code.split(/[^\w#-]+/)))
  return [...new Set(names)].filter((name) => !words.has(name))
}

/** Returns the names of the members that a part of a JSON schema describes. */
function membersOf(schema: unknown): readonly string[] {
  if (!isRecord(schema)) return []
  return isRecord(schema['properties']) ? Object.keys(schema['properties']) : []
}

test('the page of exit codes has each code of cronledger', () => {
  const { found, noRow, failed: _, signal, ...ofRun } = EXIT
  for (const code of Object.values(ofRun)) expect(page('exit-codes')).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'))
  expect(page('exit-codes')).toMatch(new RegExp(`^\\| ${signal} \\+ n \\|`, 'm'))
  expect(page('exit-codes')).toContain(`- \`check\` ${found}: `)
  expect(page('exit-codes')).toContain(`- \`show\` ${noRow}: `)
})

test('the topic about exit codes has each code of cronledger', () => {
  const text = topicText('exit-codes')
  for (const code of Object.values(EXIT).filter((one) => one !== EXIT.found && one !== EXIT.signal))
    expect(text).toMatch(new RegExp(`^ +${code} `, 'm'))
})

describe('the page of records', () => {
  const { $defs: parts } = schemaOf('event')

  test('the page of records has each event and each of its members', () => {
    const events: readonly string[] = [...parts.runEvent.properties.event.enum, ...parts.finding.properties.event.enum]
    const members = Object.entries(parts).flatMap(([name, part]) =>
      name === 'runEvent' || name === 'finding' || name === 'rerun' || name.startsWith('event-') ? membersOf(part) : [],
    )
    const { finding } = schemaOf('finding').$defs
    const ofCheck = membersOf(finding)
    expect(missingIn(page('records'), [...events, ...members, ...ofCheck])).toEqual([])
  })

  test('the page of records has each cause of a refusal, each outcome and each source of an event time', () => {
    const outcomes = OUTCOMES.filter((outcome) => outcome !== 'abandoned')
    expect(missingIn(page('records'), [...parts.refusalCause.enum, ...outcomes, ...EVENT_TIME_SOURCES])).toEqual([])
  })
})

test('the page of records has each member of a row and each state', () => {
  const { row, ecs } = schemaOf('row').$defs
  expect(membersOf(ecs)).toContain('logStream')
  expect(missingIn(page('records'), [...membersOf(row), ...membersOf(ecs), ...STATES])).toEqual([])
})

test('the page of records has each member of the task record', () => {
  const { $defs: parts } = schemaOf('task')
  const { record, schedule, expectations, suspension, ended } = parts
  const members = [record, schedule, expectations, suspension, ended].flatMap(membersOf)
  expect(members).toContain('retirements')
  expect(missingIn(page('records'), members)).toEqual([])
})

test('the page of the library has each method and each exported function', () => {
  const methods = [...read('src/api.ts').matchAll(/^ {2}(\w+)[<(]/gm)].map(([, name = '']) => name)
  const functions = [...read('src/index.ts').matchAll(/^export \{ (.+) \} from/gm)].flatMap(([, names = '']) =>
    names
      .split(', ')
      .filter((name) => !name.startsWith('type '))
      .map((name) => name.replace(/.* as /, '')),
  )
  expect(methods).toContain('resolve')
  expect(functions).toContain('createLedger')
  expect(missingIn(page('library'), [...methods, ...functions])).toEqual([])
})

test('the page of options has the variables that the batch gets, and those that it does not get', () => {
  const options = page('options')
  for (const variable of FORCING_VARIABLES) {
    expect(missingIn(options, [variable, variable.replace('CRONLEDGER', '')])).not.toHaveLength(2)
  }
  const code = read('src/run/command.ts') + read('src/run/slot-variables.ts')
  const given = [...code.matchAll(/^ {4}(CRONLEDGER_RUN_\w+):/gm)].map(([, name = '']) => name)
  expect(given.length).toBeGreaterThan(9)
  expect(missingIn(options, given)).toEqual([])
})

test('the page of costs counts the alarms of the stack of a batch, and the metrics of a task', () => {
  const { Resources, Parameters } = parseYaml(read('schema/batch.yaml'), { logLevel: 'silent' })
  const alarms = Object.values<Loose>(Resources).filter(
    ({ Type, Condition }) => Type === 'AWS::CloudWatch::Alarm' && Condition !== 'HasDuplicateAlarm',
  )
  expect(Parameters.AlarmOnDuplicates.Default).toBe('false')
  const metrics = read('docs/guides/metrics.md').match(/^\| `[A-Z][a-z]+` /gm)
  const costs = read('docs/explanation/on-aws.md')
  expect(costs).toContain(`\n| **${alarms.length} alarms**`)
  expect(costs).toContain(`\n| **${metrics?.length} metrics of the task**`)
})
