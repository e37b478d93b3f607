// What resources mean, in one form for CloudFormation, the CDK and Terraform. A reference to a resource is its id in <>.
import type { Loose } from '../support/cli.ts'

interface Resource {
  readonly Type: string
  readonly Properties: Loose
}
export type Resources = Readonly<Record<string, Resource>>

/** The parameters of ledger.yaml with a value of their own, as both the construct and the module take them. */
export const EVERYTHING = {
  Table: 'money',
  TableKey: 'arn:aws:kms:eu-west-1:123456789012:key/1',
  BatchRoles: 'arn:aws:iam::123456789012:role/x',
  PermissionsBoundary: 'arn:aws:iam::123456789012:policy/boundary',
  FamilyPrefix: 'pay-',
  AlarmOnFailedStarts: 'true',
  MailEachTask: 'false',
  Container: 'job',
  StartAgain: 'true',
  Dashboard: 'true',
  Clusters: 'arn:aws:ecs:eu-west-1:123456789012:cluster/batch',
  CheckImage: 'check:1',
  Cluster: 'batch',
  Subnets: 'subnet-1,subnet-2',
  SecurityGroups: 'sg-1',
  CheckExpression: 'cron(0 7 * * ? *)',
  CheckTimezone: 'Asia/Tokyo',
  AssignPublicIp: 'ENABLED',
  CheckArchitecture: 'ARM64',
  CheckCpu: '512',
  CheckMemory: '1024',
  CheckLogKey: 'arn:aws:kms:eu-west-1:123456789012:key/1',
}

export const ACCOUNT = { account: '123456789012', region: 'eu-west-1', partition: 'aws' }
const PSEUDO: Loose = {
  'AWS::AccountId': ACCOUNT.account,
  'AWS::Region': ACCOUNT.region,
  'AWS::Partition': ACCOUNT.partition,
  'AWS::StackId': 'arn:aws:cloudformation:eu-west-1:123456789012:stack/nightly/4b25afc4-1',
}

export function evaluateTemplate(template: Loose, parameters: Loose = {}): Resources {
  const { Parameters = {}, Conditions = {}, Resources: all } = template
  const known = (name: string) => {
    if (name in PSEUDO) return PSEUDO[name]
    if (name in all) return `<${name}>`
    const value = parameters[name] ?? Parameters[name]?.Default
    if (value === undefined) throw new Error(`${name} has no value`)
    return Parameters[name]?.Type === 'CommaDelimitedList' ? value.split(',') : value
  }
  const fill = (text: string, own: Loose = {}) =>
    text.replaceAll(/\$\{([\w:.]+)\}/g, (_, name: string) => evaluate(own[name]) ?? known(name.replace(/\.\w+$/, '')))
  const functions: Readonly<Record<string, (value: never) => unknown>> = {
    Ref: (name: string) => (name === 'AWS::NoValue' ? undefined : known(name)),
    GetAtt: (path: string | readonly string[]) => `<${[path].flat()[0]?.split('.')[0]}>`,
    Sub: (value: string | readonly [string, Loose]) => (typeof value === 'string' ? fill(value) : fill(...value)),
    Join: ([by, items]: readonly [string, unknown]) => (evaluate(items) as string[]).join(by),
    Split: ([by, text]: readonly [string, unknown]) => evaluate(text).split(by),
    Select: ([index, items]: readonly [number, unknown]) => evaluate(items)[index],
    If: ([name, yes, no]: readonly [string, unknown, unknown]) => evaluate(evaluate(Conditions[name]) ? yes : no),
    Equals: ([one, other]: readonly [unknown, unknown]) => String(evaluate(one)) === String(evaluate(other)),
    Not: ([one]: readonly [unknown]) => !evaluate(one),
    And: (all: readonly unknown[]) => all.every(evaluate),
    Condition: (name: string) => evaluate(Conditions[name]),
  }
  const evaluate = (part: unknown): ReturnType<typeof JSON.parse> => {
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return part.map(evaluate).filter((item) => item !== undefined)
    const [[key = '', value] = [], more] = Object.entries(part)
    const call = functions[key.replace('Fn::', '')]
    if (call !== undefined && more === undefined) return call(value as never)
    const members = Object.entries(part).map(([name, member]) => [name, evaluate(member)])
    return Object.fromEntries(members.filter(([, member]) => member !== undefined))
  }
  const made = Object.entries<Loose>(all).filter(([, { Condition }]) => !Condition || evaluate(Conditions[Condition]))
  return Object.fromEntries(
    made.map(([id, { Type, Properties = {} }]) => [id, { Type, Properties: evaluate(Properties) }]),
  )
}

const PARTS = /^AWS::IAM::|^AWS::CDK::/

export function meaningOf(resources: Resources): Loose {
  const all = (type: string) =>
    Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? Properties : []))
  const target = (reference: unknown) => resources[/^<(.*)>$/.exec(String(reference))?.[1] ?? '']

  function roleOf(reference: unknown) {
    const role = target(reference)?.Properties
    if (role === undefined) return reference
    const attached = all('AWS::IAM::Policy').filter(({ Roles }) => Roles.includes(reference))
    const managed: unknown[] = [role['ManagedPolicyArns'] ?? [], attached.flatMap(({ Arn }) => Arn ?? [])].flat(2)
    const documents = [
      ...[...(role['Policies'] ?? []), ...attached].map(({ PolicyDocument }) => PolicyDocument),
      ...managed.map((arn) => target(arn)?.Properties['PolicyDocument']),
    ]
    return {
      path: role['Path'],
      boundary: role['PermissionsBoundary'],
      trust: statementsOf([role['AssumeRolePolicyDocument']]),
      managed: managed.filter((arn) => target(arn) === undefined),
      statements: statementsOf(documents.filter(Boolean)),
    }
  }

  const schedules = all('AWS::Scheduler::Schedule').map(({ Target, State = 'ENABLED', ...schedule }) => ({
    ...schedule,
    State,
    Target: { ...Target, RoleArn: roleOf(Target.RoleArn), Input: inputOf(Target) },
  }))
  const definitions = all('AWS::ECS::TaskDefinition').map(({ TaskRoleArn, ExecutionRoleArn, ...definition }) => ({
    ...definition,
    TaskRoleArn: roleOf(TaskRoleArn),
    ExecutionRoleArn: roleOf(ExecutionRoleArn),
    ContainerDefinitions: definition['ContainerDefinitions'].map(({ Environment, ...container }: Loose) => ({
      ...container,
      Environment: environmentOf(Environment),
    })),
  }))
  const policies = [...all('AWS::IAM::ManagedPolicy')].map((one) => [
    one['Description'],
    statementsOf([one['PolicyDocument']]),
  ])
  const meaning = {
    kinds: Object.values(resources)
      .flatMap(({ Type }) => (PARTS.test(Type) ? [] : Type))
      .sort(),
    people: Object.fromEntries(policies.filter(([what]) => /auditor|operator/.test(what))),
    topics: all('AWS::SNS::TopicPolicy').map(({ PolicyDocument }) => statementsOf([PolicyDocument])),
    schedules,
    definitions,
    alarms: all('AWS::CloudWatch::Alarm').map(alarmOf).sort(byText),
    others: ['AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::Events::Rule'].map((type) =>
      all(type).map(plain).sort(byText),
    ),
    machines: all('AWS::StepFunctions::StateMachine').map((one) => ({ ...one, RoleArn: roleOf(one['RoleArn']) })),
    dashboards: all('AWS::CloudWatch::Dashboard').map(({ DashboardBody }) => JSON.parse(DashboardBody)),
    // The end of the name is different in each stack.
    logs: all('AWS::Logs::LogGroup').map((one) => ({
      ...one,
      LogGroupName: one['LogGroupName'].replace(/[^/]*$/, ''),
    })),
  }
  const ids = Object.keys(resources).sort((one, other) => other.length - one.length)
  return JSON.parse(
    ids.reduce((text, id) => text.replaceAll(`<${id}>`, `<${resources[id]?.Type}>`), JSON.stringify(plain(meaning))),
  )
}

/** In a request of Step Functions, a cluster has its name or its ARN, which ends with the name. */
function inputOf({ Input }: Loose) {
  const { Cluster, ...input } = JSON.parse(Input ?? '{}')
  return { ...input, Cluster: Cluster?.split('/').at(-1) }
}

const byText = (one: unknown, other: unknown) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)

/** Numbers and booleans become texts, and what says nothing goes. */
function plain(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return part === null ? undefined : String(part)
  if (Array.isArray(part)) return part.map(plain)
  const members = Object.entries(part).map(
    ([name, value]) => [name, value === undefined ? value : plain(value)] as const,
  )
  const isEmpty = (value: unknown) =>
    value === undefined ||
    value === '' ||
    value === 'false' ||
    (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
  return Object.fromEntries(members.filter(([, value]) => !isEmpty(value)).sort(byText))
}

/** A list with the empty text names no task. */
const namesNothing = ({ Condition }: Loose) =>
  JSON.stringify(Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']) === '[""]'

function statementsOf(documents: readonly Loose[]) {
  const list = (value: unknown) => (value === undefined ? undefined : [value].flat().sort())
  return documents
    .flatMap(({ Statement }) => Statement as Loose[])
    .filter((statement) => !namesNothing(statement) && statement['Sid'] !== 'Outputs')
    .map(({ Action, Resource, Principal, Condition = {}, Sid }) => ({
      Sid,
      Action: list(Action),
      Resource: list(Resource),
      Principal,
      Condition: Object.fromEntries(
        Object.entries<Loose>(Condition).map(([test, keys]) => [
          test,
          Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values)])),
        ]),
      ),
    }))
    .sort(byText)
}

/** The form of the log is text by default. The lists of secrets in batch.yaml have empty items. */
const environmentOf = (variables: readonly Loose[] = []) =>
  Object.fromEntries(
    variables
      .filter(({ Name, Value }) => `${Name}=${Value}` !== 'CRONLEDGER_LOG=text')
      .map(({ Name, Value }) => [
        Name,
        String(Value).startsWith('{') ? JSON.parse(Value) : String(Value).replace(/,+$/, ''),
      ]),
  )

/** An alarm on a metric, or on an expression with one. Its name, and the names in the expression, are left out. */
function alarmOf({ AlarmName: _, Metrics = [], Threshold, Dimensions, ...alarm }: Loose) {
  const { MetricStat } = Metrics.find((one: Loose) => 'MetricStat' in one) ?? {}
  const { Expression } = Metrics.find((one: Loose) => 'Expression' in one) ?? {}
  return { ...alarm, Threshold, Dimensions, MetricStat, Expression }
}
