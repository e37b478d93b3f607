// Each parameter of the templates is in the construct of the CDK and in the Terraform modules, or stands here with a reason.
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RUN_PARAMETERS } from '../../../../src/cli/commands/template/rules.ts'
import { readTemplate, type Template } from '../../../support/aws/stack.ts'

/** The reason why parameters are not there. It ends with a full stop, which no name does. */
const because = (reason: string, parameters: string) =>
  Object.fromEntries(parameters.split(' ').map((parameter) => [parameter, reason]))

/** The names in the file, and for parameters with another name or none, the name or the reason. */
type Tool = readonly [template: Template, path: string, names: RegExp, others: Readonly<Record<string, string>>]

const CHECK = {
  CheckImage: 'image',
  CheckExpression: 'expression',
  CheckTimezone: 'timezone',
  CheckArchitecture: 'architecture',
  CheckCpu: 'cpu',
}
const lower = (name: string) => name[0]?.toLowerCase() + name.slice(1)
const snake = (name: string) => name.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()
const OPTIONS = RUN_PARAMETERS.join(' ')
const PRINTED = 'In `parameters`, as you print them.'
const VARIABLES = /^(?:variable "(\w+)"| {4}(\w+) += (?:string|list|optional)\b)/gm
const TOOLS: readonly Tool[] = [
  [
    'batch',
    'cdk/guarded-scheduled-task.ts',
    /^ {2}readonly (\w+)\??:/gm,
    {
      Subnets: 'subnetSelection',
      ScheduleState: 'enabled',
      ...because('The construct computes it from the schedule.', 'Family ScheduleExpression StartDate'),
      ...because('The task definition is yours.', 'Cpu Memory EphemeralStorage Architecture ReadonlyRoot'),
      ...because('The container is yours.', 'Image Command EnvironmentFile LogFormat LogRetention LogKey'),
      ...because('Your container has its environment.', `VariableNames VariableValues ${OPTIONS}`),
      ...because(
        'They are in `ledger`.',
        'Table TableKey Container ScheduleGroup SchedulerRole DeadLetters AlarmTopic StateMachine',
      ),
      ...because('The CDK makes the roles.', 'TaskRole TaskPolicies ExecutionRole PermissionsBoundary'),
      ...because('The CDK grants the secrets of a container.', 'SecretNames SecretArns SecretResources DecryptKeys'),
    },
  ],
  [
    'ledger',
    'cdk/ledger.ts',
    /^ {2}readonly (\w+)\??:/gm,
    {
      ...CHECK,
      CheckMemory: 'memoryLimitMiB',
      Subnets: 'subnetSelection',
      CheckLogKey: 'logKey',
    },
  ],
  [
    'batch',
    'terraform/batch/main.tf',
    VARIABLES,
    {
      AlarmTopic: 'alarm_topics',
      StateMachine: 'state_machines',
      EnvironmentFile: 'environment_files',
      ...because(PRINTED, OPTIONS),
      VariableNames: 'environment',
      VariableValues: 'environment',
      SecretNames: 'secrets',
      SecretArns: 'secrets',
      SecretResources: 'secrets',
      TaskRole: 'roles',
      ExecutionRole: 'roles',
    },
  ],
  [
    'ledger',
    'terraform/ledger/main.tf',
    VARIABLES,
    {
      AlarmTopic: 'alarm_topics',
      AlarmEmail: 'alarm_emails',
      ...CHECK,
      CheckMemory: 'memory',
      CheckLogKey: 'log_key',
    },
  ],
]

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')

/** The object that a member is in, by what begins it in the file. */
const OBJECTS: Readonly<Record<string, string>> = {
  'variable "ledger"': 'ledger',
  'variable "parameters"': 'parameters',
  'variable "check"': 'check',
  'interface CheckProps': 'check',
}

/** Returns the members and variables of the file, and a function that returns the one that a parameter is, or else the reason. */
function inFile([, path, pattern, others]: Tool) {
  const names = new Map<string, string>()
  let object: string | undefined
  for (const line of read(`schema/${path}`).split('\n')) {
    const begins = /(?:variable "\w+"|interface \w+)/.exec(line)?.[0]
    if (begins !== undefined) object = OBJECTS[begins]
    const [, name, member] = new RegExp(pattern.source).exec(line) ?? []
    const found = name ?? member
    if (found !== undefined && !names.has(found)) names.set(found, object ? `${object}.${found}` : found)
  }
  const namesOf = (one: string) => [others[one] ?? '', lower(one), snake(one), one]
  return { names, of: (one: string) => names.get(namesOf(one).find((name) => names.has(name)) ?? '') ?? others[one] }
}

const parametersOf = (template: Template) => Object.keys(readTemplate(template)['Parameters'])

test.each(TOOLS)('each parameter of %s.yaml is in %s', (...tool) => {
  const [template, , , others] = tool
  const { names, of } = inFile(tool)
  const parameters = parametersOf(template)
  expect(parameters.filter((one) => of(one) === undefined)).toEqual([])
  const isUsed = ([one, name]: readonly [string, string]) =>
    parameters.includes(one) && (names.has(name) || name.endsWith('.'))
  expect(Object.entries(others).filter((entry) => !isUsed(entry))).toEqual([])
})

/** `text`: a name, or a reason. */
function cell(parameter: string, text = ''): string {
  if (text.endsWith('.')) return text
  if (text === `parameters.${parameter}`) return PRINTED
  const [object, name] = text.includes('.') ? text.split('.') : [undefined, text]
  const own = object === 'check' ? parameter.replace(/^Check/, '') : parameter
  if (name !== lower(own) && name !== snake(own)) return `\`${text}\``
  return object === undefined ? 'same' : `same, in \`${object}\``
}

test('the reference has this as a table (UPDATE_DOCS=1 writes it)', () => {
  const PAGE = 'docs/reference/templates.md'
  const rows = (['ledger', 'batch'] as const).flatMap((template) => {
    const tools = TOOLS.filter(([of]) => of === template).map(inFile)
    const all = parametersOf(template).map((one) => ({
      one,
      cells: tools.map(({ of }) => cell(one, of(one))).join(' | '),
    }))
    // Parameters for which both tools have the same text share a row.
    return [...new Set(all.map(({ cells }) => cells))].map((cells) => {
      const names = all.filter((other) => other.cells === cells).map(({ one }) => `\`${one}\``)
      return ['', `\`${template}\``, names.join(', '), cells, ''].join(' | ').trim()
    })
  })
  const table = ['| template | parameter | CDK | Terraform |', '| --- | --- | --- | --- |', ...rows, ''].join('\n')
  const page = read(PAGE)
  const [before] = page.split('| template | parameter |')
  if (process.env['UPDATE_DOCS'] !== undefined) {
    writeFileSync(new URL(`../../../../${PAGE}`, import.meta.url), `${before}${table}`)
  } else {
    expect(page).toBe(`${before}${table}`)
  }
})
