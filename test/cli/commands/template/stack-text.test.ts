// What can be seen in the texts of the templates, and on no test server: what AWS replaces, keeps, refuses and matches.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { LEFT_OUT, variableOf } from '../../../../src/cli/commands/template/rules.ts'
import { pathOf, readTemplate, TEMPLATES, type Template } from '../../../support/aws/stack.ts'
import type { Loose } from '../../../support/cli.ts'

const templates = { ledger: readTemplate('ledger'), batch: readTemplate('batch') }
const resourcesOf = (name: Template) => Object.entries<Loose>(templates[name]['Resources'])
const propertiesOf = (name: Template, resource: string): Loose => templates[name]['Resources'][resource].Properties
const schema = (path: string) => readFileSync(new URL(`../../../../schema/${path}`, import.meta.url), 'utf8')

function* objectsIn(part: unknown): Generator<Loose> {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) yield part as Loose
  for (const value of Object.values(part)) yield* objectsIn(value)
}

/** The names that functions use in a part, such as parameters and resources. */
const namesIn = (part: unknown) =>
  new Set(
    [...objectsIn(part)].flatMap((one) => {
      const [text, own = {}] = [one['Sub']].flat() as [string?, Loose?]
      const inText = [...(text?.matchAll(/\$\{([\w:]+)/g) ?? [])].map(([, name = '']) => name)
      const named = [one['Ref'], one['GetAtt']?.split('.')[0], ...[one['DependsOn'] ?? []].flat()]
      return [...named, ...inText.filter((name) => !(name in own))].filter((name) => typeof name === 'string')
    }),
  )

const conditionsIn = (part: unknown) =>
  [...objectsIn(part)].flatMap((one) =>
    [one['If']?.[0], one['Condition']].filter((name) => /^[A-Z]\w+$/.test(`${name ?? ''}`)),
  )

const statementsOf = (name: Template): readonly Loose[] =>
  [...objectsIn(templates[name]['Resources'])].filter((one) => 'Effect' in one)
const statement = (name: Template, sid: string) => statementsOf(name).filter(({ Sid }) => Sid === sid)

/** For each type, the properties that identify a resource or that only a replacement can change (resource provider schemas of AWS). */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  'AWS::Scheduler::Schedule': ['Name'],
  'AWS::Scheduler::ScheduleGroup': ['Name'],
  'AWS::IAM::ManagedPolicy': ['ManagedPolicyName', 'Description', 'Path'],
  'AWS::IAM::Role': ['RoleName', 'Path'],
  'AWS::Logs::LogGroup': ['LogGroupName'],
  'AWS::ECS::TaskDefinition': ['Family'],
  'AWS::SNS::Topic': ['TopicName', 'FifoTopic'],
  'AWS::SNS::TopicPolicy': [],
  'AWS::SQS::Queue': ['QueueName', 'FifoQueue'],
  'AWS::Events::Rule': ['Name'],
  'AWS::DynamoDB::Table': ['TableName'],
  'AWS::CloudWatch::Alarm': ['AlarmName'],
  'AWS::CloudWatch::Dashboard': ['DashboardName'],
  'AWS::StepFunctions::StateMachine': ['StateMachineName', 'StateMachineType'],
}

describe.each(TEMPLATES)('the template %s', (name) => {
  const { Parameters, Conditions, Resources, Outputs } = templates[name]
  const linter = (process.env['PATH'] ?? '').split(':').find((path) => existsSync(`${path}/cfn-lint`))
  const partitions = ['us-east-1', 'ap-northeast-1', 'cn-north-1', 'us-gov-west-1', 'eusc-de-east-1']
  test.skipIf(linter === undefined)(
    'keeps the rules of cfn-lint, in four partitions',
    () => {
      const args = ['--regions', ...partitions, '--', pathOf(name)]
      expect(execFileSync(`${linter}/cfn-lint`, args, { encoding: 'utf8' })).toBe('')
    },
    // Only a hang takes that long, also on a busy machine.
    600_000,
  )

  // cfn-lint is not in Debian. These are its rules that found mistakes.
  test('uses what it defines, defines what it uses, and names no partition', () => {
    const known = [...Object.keys(Parameters), ...Object.keys(Resources)]
    const used = namesIn({ Conditions, Resources, Outputs, Rules: templates[name]['Rules'] })
    expect([...used].filter((one) => !known.includes(one) && !one.startsWith('AWS::'))).toEqual([])
    expect(Object.keys(Parameters).filter((one) => !used.has(one))).toEqual([])
    expect(new Set(conditionsIn({ Resources, Outputs }))).toEqual(new Set(Object.keys(Conditions)))
    const text = readFileSync(pathOf(name), 'utf8')
    expect(text).not.toMatch(/arn:aws:|amazonaws\.com\.cn/)
    expect(text.length).toBeLessThan(51_200)
  })

  test('a template has no fixed name of a resource, which a second stack could not use', () => {
    const literal = resourcesOf(name).flatMap(([resource, { Type, Properties = {} }]) =>
      (FIXED[Type] ?? [`no entry for ${Type}`])
        .filter((property) => typeof Properties[property] === 'string' || property.startsWith('no entry'))
        .map((property) => `${resource} ${property} ${Properties[property]}`),
    )
    // Not names: what must never change, because CloudFormation would replace the resource.
    expect(literal.filter((one) => !/ Path \/cronledger\/$/.test(one))).toEqual(
      name === 'batch'
        ? []
        : [
            'AuditorPolicy Description cronledger auditor',
            'OperatorPolicy Description cronledger operator',
            'StartPolicy Description cronledger start of tasks',
          ],
    )
  })
})

test('a renamed task replaces its schedule, task definition and log group, and never moves a schedule to another group', () => {
  const ofTask = resourcesOf('batch').filter(([, { Properties }]) => namesIn(Properties).has('Family'))
  expect(ofTask.map(([resource]) => resource)).toEqual(['LogGroup', 'TaskDefinition', 'BatchSchedule', 'NoRunAlarm'])
  for (const [, { Type, Properties }] of ofTask) {
    const changed = Object.keys(Properties).filter((property) => namesIn(Properties[property]).has('Family'))
    expect(changed).toEqual(FIXED[Type])
  }
  const groups = [propertiesOf('batch', 'BatchSchedule'), propertiesOf('ledger', 'CheckSchedule')]
  expect(groups.map(({ GroupName }) => GroupName)).toEqual([{ Ref: 'ScheduleGroup' }, { Ref: 'ScheduleGroup' }])
})

test('a deletion keeps the evidence, and what people and batches use, so no attached policy blocks it', () => {
  const kept = (name: Template) =>
    resourcesOf(name).flatMap(([resource, { DeletionPolicy = 'Delete' }]) =>
      DeletionPolicy === 'Delete' ? [] : `${resource} ${DeletionPolicy}`,
    )
  expect(kept('batch')).toEqual(['LogGroup RetainExceptOnCreate'])
  const shared = ['AuditorPolicy', 'OperatorPolicy', 'StartPolicy', 'SchedulerRole', 'ScheduleGroup', 'DeadLetters']
  // The topic, because alarms of batches name it until they are deployed again.
  const others = ['StateMachine', 'StateMachineRole', 'Alarms', 'AlarmsPolicy', 'CheckLogGroup'].map(
    (one) => `${one} RetainExceptOnCreate`,
  )
  expect(kept('ledger')).toEqual([
    ...shared.map((one) => `${one} RetainExceptOnCreate`),
    ...others,
    'LedgerTable Retain',
  ])
  const managed = resourcesOf('ledger').filter(([, { Type }]) => Type === 'AWS::IAM::ManagedPolicy')
  expect(managed.map(([resource]) => resource)).toEqual(shared.slice(0, 3))
  expect(resourcesOf('batch').filter(([, { Type }]) => Type === 'AWS::IAM::ManagedPolicy')).toEqual([])
})

test('the file can set an option that is empty in the stack, and no expectation, which declare would keep otherwise', () => {
  const [{ Environment }] = propertiesOf('batch', 'TaskDefinition')['ContainerDefinitions']
  const leftOut = Environment.flatMap(({ If }: Loose) => (If === undefined ? [] : (If[1].Name ?? [])))
  expect(leftOut.filter((name: unknown) => typeof name === 'string')).toEqual(LEFT_OUT.map(variableOf))
  const set = Environment.flatMap(({ Name }: Loose) => Name ?? [])
  expect(set).toEqual(
    expect.arrayContaining(['AFTER', 'GRACE', 'DONE_BY', 'OWNER', 'EXPECT'].map((one) => `CRONLEDGER_${one}`)),
  )
})

test('no guide names a variable for the file that the stack sets', () => {
  const set: readonly string[] = schema('batch.yaml').match(/CRONLEDGER_\w+/g) ?? []
  const guides = readdirSync(new URL('../../../../docs/guides', import.meta.url)).filter((name) => name.endsWith('.md'))
  const wrong = guides.flatMap((name) => {
    const text = readFileSync(new URL(`../../../../docs/guides/${name}`, import.meta.url), 'utf8')
    const sentences = text.replaceAll(/\s+/g, ' ').split(/(?<=[.:]) /)
    const named = sentences
      .filter((one) => /EnvironmentFile/.test(one))
      .flatMap((one) => one.match(/CRONLEDGER_\w+/g) ?? [])
    return named.filter((one) => set.includes(one)).map((one) => `${name} ${one}`)
  })
  expect(wrong).toEqual([])
})

// promise: stack-first-failure
test('a later stack of the same batch makes another log group, because a part of the id of the stack is in its name', () => {
  for (const properties of [propertiesOf('batch', 'LogGroup'), propertiesOf('ledger', 'CheckLogGroup')]) {
    expect(properties['LogGroupName'].Sub[0]).toMatch(/\/\$\{Id\}$/)
    expect([...namesIn(properties['LogGroupName'])]).toContain('AWS::StackId')
  }
})

// promise: stack-first-failure
test('a first deployment that fails leaves no table behind, because the table is made last', () => {
  const { DependsOn, Condition } = templates.ledger['Resources'].LedgerTable
  const needed = new Set<string>()
  const add = (resource: string) => {
    needed.add(resource)
    for (const other of namesIn(templates.ledger['Resources'][resource])) {
      if (other in templates.ledger['Resources'] && !needed.has(other)) add(other)
    }
  }
  DependsOn.forEach(add)
  const beside = resourcesOf('ledger').filter(([resource]) => !needed.has(resource) && resource !== 'LedgerTable')
  // CloudFormation does not create a resource that depends on one whose condition is false, so these cannot be waited for.
  expect(beside.filter(([, one]) => one['Condition'] === undefined)).toEqual([])
  expect(Condition).toBe('MakesTable')
})

test('the table is that of table.json', () => {
  const { TableName, SSESpecification, ...table } = propertiesOf('ledger', 'LedgerTable')
  expect(table).toEqual(JSON.parse(schema('table.json')))
  const key = { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: { Ref: 'TableKey' } }
  expect(SSESpecification).toEqual({ If: ['HasTableKey', key, { Ref: 'AWS::NoValue' }] })
})

test('the batch, auditors, operators and the check may use the key of the table, and the execution role those of the secrets', () => {
  const ofTable = [...statement('batch', 'Key'), ...statement('ledger', 'Key')]
  expect(ofTable).toHaveLength(4)
  for (const { Action, Resource, Condition } of ofTable) {
    expect(Action).toContain('kms:Decrypt')
    expect(Resource).toEqual({ Ref: 'TableKey' })
    expect(JSON.stringify(Condition)).toContain('kms:ViaService')
  }
  expect(statement('batch', 'Keys')).toMatchObject([{ Action: 'kms:Decrypt', Resource: { Ref: 'DecryptKeys' } }])
})

test('a batch needs no group, rule, queue or topic of its own, because an account has few of them', () => {
  const count = (type: string) => resourcesOf('batch').filter(([, { Type }]) => Type === type).length
  const shared = ['Scheduler::ScheduleGroup', 'Events::Rule', 'SQS::Queue', 'SNS::Topic', 'IAM::ManagedPolicy']
  expect(shared.map((type) => count(`AWS::${type}`))).toEqual([0, 0, 0, 0, 0])
  expect(count('AWS::IAM::Role')).toBe(2)
})

test('each role that is made has the boundary, and the policies of the ledger find it by its path', () => {
  for (const [resource, { Type, Properties }] of [...resourcesOf('ledger'), ...resourcesOf('batch')]) {
    if (Type !== 'AWS::IAM::Role') continue
    expect(Properties.PermissionsBoundary.If[1]).toEqual({ Ref: 'PermissionsBoundary' })
    const isOfTask = ['BatchRole', 'PullRole', 'CheckRole'].includes(resource)
    expect([resource, Properties.Path]).toEqual([resource, isOfTask ? '/cronledger/' : undefined])
  }
  const passed = statement('ledger', 'Roles')
  expect(passed).toHaveLength(2)
  for (const { Resource, Condition } of passed) {
    expect(JSON.stringify(Resource)).toContain(':role/cronledger/*')
    expect(Condition).toEqual({ StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } })
  }
})

test('the schedule names a revision, so that both schedules change at once, and earlier revisions stay usable', () => {
  const { EcsParameters } = propertiesOf('batch', 'BatchSchedule')['Target']
  expect(EcsParameters.If[2].TaskDefinitionArn).toEqual({ Ref: 'TaskDefinition' })
  expect(templates.batch['Resources'].TaskDefinition.UpdateReplacePolicy).toBe('Retain')
})

test('tags of the task definition reach the task, which the role of the scheduler may tag', () => {
  const { EcsParameters, Input } = propertiesOf('batch', 'BatchSchedule')['Target']
  expect(EcsParameters.If[2].PropagateTags).toBe('TASK_DEFINITION')
  expect(Input.If[1].Sub[0]).toContain('"PropagateTags":"TASK_DEFINITION"')
  const created = { StringEquals: { 'ecs:CreateAction': 'RunTask' } }
  expect(statement('ledger', 'Tags')).toMatchObject([{ Action: 'ecs:TagResource', Condition: created }])
})

test('a capacity provider says what an interruption does, and the subnets that there should be two', () => {
  expect(templates.batch['Parameters'].CapacityProvider.Description).toMatch(/interruption .* fails the slot/)
  expect(templates.batch['Parameters'].Subnets.Description).toContain('two in different Availability Zones')
})

test('the state machine looks at the failures of RunTask, and starts the task again', () => {
  const { StartAt, States, TimeoutSeconds } = propertiesOf('ledger', 'StateMachine')['Definition']
  /** Walks through the states while RunTask answers with these numbers of failures. */
  const walk = (answers: number[]) => {
    const path: string[] = []
    for (let name = StartAt, failures = 0; name !== undefined; ) {
      path.push(name)
      const { Type, Next, Choices, Default, Assign, Output } = States[name]
      if (Type === 'Task') failures = answers.shift() ?? 0
      if (Type === 'Task')
        expect([Assign.failures, Output]).toEqual(['{% $count($states.result.Failures) %}', '{% $states.input %}'])
      if (Type === 'Choice') expect(Choices[0].Condition).toBe('{% $failures = 0 %}')
      name = Type === 'Choice' ? (failures === 0 ? Choices[0].Next : Default) : Next
    }
    return path.join(' ')
  }
  expect(walk([0])).toBe('Start IsStarted Started')
  expect(walk([1, 0])).toBe('Start IsStarted Wait Start IsStarted Started')
  expect(States.Start.Retry[0].ErrorEquals).toEqual(['States.ALL'])
  expect(TimeoutSeconds).toBe(86_400)
})

test('EventBridge may publish without a condition, which it does not support for a topic', () => {
  const { Statement } = propertiesOf('ledger', 'AlarmsPolicy')['PolicyDocument']
  const ofEvents = Statement.filter(({ Principal }: Loose) => Principal.Service === 'events.amazonaws.com')
  expect(ofEvents.map((one: Loose) => Object.keys(one))).toEqual([['Sid', 'Effect', 'Principal', 'Action', 'Resource']])
})

test('the check has a family that no batch has, which the rule about stopped tasks knows', () => {
  expect(propertiesOf('ledger', 'CheckDefinition')['Family'].Sub).toMatch(/^\$\{FamilyPrefix\}-check$/)
  expect(templates.batch['Parameters'].Task.AllowedPattern).toMatch(/^\[A-Za-z0-9\]/)
})

test('no prefix begins with another one, and a second ledger with the same one fails', () => {
  const allowed = new RegExp(`^(?:${templates.ledger['Parameters'].FamilyPrefix.AllowedPattern})$`)
  const prefixes = ['cronledger-', 'cronledger-dev-', 'cl-dev-', 'cronledger', 'cl_dev-', 'cronledgerdev-', '-', 'a--']
  const legal = prefixes.filter((one) => allowed.test(one))
  expect(legal).toEqual(['cronledger-', 'cl_dev-', 'cronledgerdev-'])
  expect(legal.filter((one) => legal.some((other) => other !== one && other.startsWith(one)))).toEqual([])
  expect(propertiesOf('ledger', 'TaskStopped')['Name'].Sub).toMatch(/^\$\{FamilyPrefix\}-stopped$/)
})

const PLACED = { CheckImage: 'check:1', Cluster: 'batch', Subnets: 'subnet-1' }
test.each<readonly [Loose, string]>([
  [{}, ''],
  [PLACED, ''],
  [{ AlarmTopic: 'arn:aws:sns:x' }, ''],
  [{ AlarmTopic: 'arn:aws:sns:x', AlarmEmail: 'a@b' }, 'AlarmEmail is for the topic that is made'],
  [{ CheckImage: 'check:1' }, 'CheckImage needs Cluster and Subnets'],
  [{ CheckImage: 'check:1', Cluster: 'batch' }, 'CheckImage needs Cluster and Subnets'],
  [{ Cluster: 'batch' }, 'Cluster and Subnets are those of the check'],
  [{ MailEachTask: 'false' }, 'only the check sends a mail'],
  [{ ...PLACED, MailEachTask: 'false' }, ''],
  [{ ...PLACED, CheckMemory: '8192' }, 'With CheckCpu=256, Fargate has'],
  [{ ...PLACED, CheckCpu: '512', CheckMemory: '4096' }, ''],
  [{ ...PLACED, CheckCpu: '1024' }, 'With CheckCpu=1024, Fargate has'],
])('the stack of the ledger with %j is refused before it makes anything: %s', (given, message) => {
  const { Rules, Parameters } = templates.ledger
  const holds = (part: Loose): boolean => {
    const [[called, value] = ['', []]] = Object.entries<Loose[]>(part)
    const name = called.replace('Fn::', '')
    const textOf = (one: Loose) =>
      typeof one === 'string' ? one : (given[one['Ref']] ?? Parameters[one['Ref']].Default)
    if (name === 'Equals') return textOf(value[0] ?? {}) === textOf(value[1] ?? {})
    if (name === 'Contains') return (value[0] as unknown as string[]).includes(textOf(value[1] ?? {}))
    return name === 'Not' ? !holds(value[0] ?? {}) : value.every(holds)
  }
  const broken = Object.values<Loose>(Rules).flatMap(({ RuleCondition, Assertions }) =>
    holds(RuleCondition) ? Assertions.filter(({ Assert }: Loose) => !holds(Assert)) : [],
  )
  expect(broken.map(({ AssertDescription }) => AssertDescription).join(' ')).toMatch(message === '' ? /^$/ : message)
})
