import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Loose } from '../support/cli.ts'
import type { Instance } from './hcl.ts'
import type { Resources } from './meaning.ts'

const capital = (name: string) => name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
/** Blocks that may be repeated. Each other block is one object. */
const REPEATED = ['volume', 'capacity_provider_strategy', 'metric_query', 'attribute', 'global_secondary_index']

const isBlocks = (value: unknown): value is Loose[] => Array.isArray(value) && typeof value[0] === 'object'

function renamed(values: Loose): Loose {
  const entries = Object.entries(values).map(([name, value]) => [
    capital(name),
    !isBlocks(value) ? value : REPEATED.includes(name) ? value.map(renamed) : renamed(value[0] ?? {}),
  ])
  return Object.fromEntries(entries)
}

/** A container has the names of the API, which differ in their first letter only. */
function capitals(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return part
  if (Array.isArray(part)) return part.map(capitals)
  const entries = Object.entries(part).map(([name, value]) => [
    capital(name),
    name === 'options' ? value : capitals(value),
  ])
  return Object.fromEntries(entries)
}

const dimensions = (map?: Loose) => map && Object.entries(map).map(([Name, Value]) => ({ Name, Value }))
const key = (name: string, KeyType: string) => ({ AttributeName: name, KeyType })

type Convert = (values: Loose) => readonly [type: string, properties: Loose]
const CONVERT: Readonly<Record<string, Convert>> = {
  aws_iam_role: ({ AssumeRolePolicy, ...role }) => [
    'AWS::IAM::Role',
    { ...role, AssumeRolePolicyDocument: JSON.parse(AssumeRolePolicy) },
  ],
  aws_iam_role_policy: ({ Role, Policy }) => [
    'AWS::IAM::Policy',
    { Roles: [Role], PolicyDocument: JSON.parse(Policy) },
  ],
  aws_iam_role_policy_attachment: ({ Role, PolicyArn }) => [
    'AWS::IAM::Policy',
    { Roles: [Role], Arn: PolicyArn, PolicyDocument: { Statement: [] } },
  ],
  aws_iam_policy: ({ Description, Policy }) => [
    'AWS::IAM::ManagedPolicy',
    { Description, PolicyDocument: JSON.parse(Policy) },
  ],
  aws_cloudwatch_log_group: ({ NamePrefix, SkipDestroy: _, ...group }) => [
    'AWS::Logs::LogGroup',
    { ...group, LogGroupName: NamePrefix },
  ],
  aws_ecs_task_definition: ({ ContainerDefinitions, EphemeralStorage, Volume, SkipDestroy: _, ...definition }) => [
    'AWS::ECS::TaskDefinition',
    {
      ...definition,
      Volumes: Volume,
      EphemeralStorage: { SizeInGiB: EphemeralStorage?.SizeInGib },
      ContainerDefinitions: capitals(JSON.parse(ContainerDefinitions)),
    },
  ],
  aws_scheduler_schedule: ({ Target, ...schedule }) => {
    if (Target.EcsParameters === undefined) return ['AWS::Scheduler::Schedule', { ...schedule, Target }]
    const { NetworkConfiguration, ...ecs } = Target.EcsParameters
    const AssignPublicIp = NetworkConfiguration.AssignPublicIp ? 'ENABLED' : 'DISABLED'
    const network = { AwsvpcConfiguration: { ...NetworkConfiguration, AssignPublicIp } }
    return [
      'AWS::Scheduler::Schedule',
      { ...schedule, Target: { ...Target, EcsParameters: { ...ecs, NetworkConfiguration: network } } },
    ]
  },
  aws_scheduler_schedule_group: () => ['AWS::Scheduler::ScheduleGroup', {}],
  aws_cloudwatch_metric_alarm: ({ Dimensions, MetricQuery = [], OkActions, ...alarm }) => [
    'AWS::CloudWatch::Alarm',
    {
      ...alarm,
      Dimensions: dimensions(Dimensions),
      OKActions: OkActions,
      Metrics: MetricQuery.map(({ Metric: stat, ...query }: Loose) => {
        if (stat === undefined) return query
        const { Stat, Period, Dimensions: by, ...Metric } = stat
        return { MetricStat: { Stat, Period, Metric: { ...Metric, Dimensions: dimensions(by) } } }
      }),
    },
  ],
  aws_sfn_state_machine: ({ RoleArn, Definition }) => [
    'AWS::StepFunctions::StateMachine',
    { RoleArn, Definition: JSON.parse(Definition) },
  ],
  aws_cloudwatch_dashboard: ({ DashboardBody }) => ['AWS::CloudWatch::Dashboard', { DashboardBody }],
  aws_sqs_queue: ({ MessageRetentionSeconds, SqsManagedSseEnabled }) => [
    'AWS::SQS::Queue',
    { MessageRetentionPeriod: MessageRetentionSeconds, SqsManagedSseEnabled },
  ],
  aws_sns_topic: () => ['AWS::SNS::Topic', {}],
  aws_sns_topic_policy: ({ Policy }) => ['AWS::SNS::TopicPolicy', { PolicyDocument: JSON.parse(Policy) }],
  aws_cloudwatch_event_rule: ({ Name, Description, EventPattern }) => [
    'AWS::Events::Rule',
    { Name, Description, EventPattern: JSON.parse(EventPattern) },
  ],
  aws_dynamodb_table: (table) => [
    'AWS::DynamoDB::Table',
    {
      TableName: table['Name'],
      BillingMode: table['BillingMode'],
      DeletionProtectionEnabled: table['DeletionProtectionEnabled'],
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: table['PointInTimeRecovery'].Enabled },
      SSESpecification: table['ServerSideEncryption'] && {
        SSEEnabled: true,
        SSEType: 'KMS',
        KMSMasterKeyId: table['ServerSideEncryption'].KmsKeyArn,
      },
      AttributeDefinitions: table['Attribute'].map(({ Name, Type }: Loose) => ({
        AttributeName: Name,
        AttributeType: Type,
      })),
      KeySchema: [key(table['HashKey'], 'HASH'), key(table['RangeKey'], 'RANGE')],
      GlobalSecondaryIndexes: table['GlobalSecondaryIndex'].map(
        ({ Name, HashKey, RangeKey, ProjectionType }: Loose) => ({
          IndexName: Name,
          KeySchema: [key(HashKey, 'HASH'), key(RangeKey, 'RANGE')],
          Projection: { ProjectionType },
        }),
      ),
      TimeToLiveSpecification: table['Ttl'],
    },
  ],
}
const WITHIN_ANOTHER = ['aws_sns_topic_subscription', 'aws_cloudwatch_event_target']

export function asResources(instances: readonly Instance[]): Resources {
  const entries = instances.flatMap(({ type, id, values }) => {
    if (WITHIN_ANOTHER.includes(type)) return []
    const [Type, Properties] = CONVERT[type]?.(renamed(values)) ?? ['unknown', {}]
    const targets = instances.filter(
      (one) => one.type === 'aws_cloudwatch_event_target' && one.values['rule'] === `<${id}>`,
    )
    const Targets = targets.map((one) => {
      const { Arn, InputPath, InputTransformer } = renamed(one.values)
      if (InputTransformer === undefined) return { Id: 'alarms', Arn, InputPath }
      const { InputPaths, InputTemplate } = InputTransformer
      return { Id: 'alarms', Arn, InputTransformer: { InputPathsMap: InputPaths, InputTemplate } }
    })
    return [[id, { Type, Properties: { ...Properties, ...(targets.length > 0 && { Targets }) } }]]
  })
  return Object.fromEntries(entries)
}

const pathOf = (bindings: string, type: string) =>
  join(bindings, type.replace(/^aws_/, '').replaceAll('_', '-'), 'index.d.ts')

export const hasAttribute = (bindings: string, type: string, name: string) =>
  readFileSync(pathOf(bindings, type), 'utf8').includes(
    ` get ${name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())}()`,
  )

/** Returns what the AWS provider does not know or misses in a block. `bindings`: the types that CDKTF generates. */
export function schemaErrors(bindings: string, type: string, values: Loose): readonly string[] {
  const path = pathOf(bindings, type)
  if (!existsSync(path)) return [`${type}: no such resource`]
  const interfaces = new Map(
    [...readFileSync(path, 'utf8').matchAll(/export interface (\w+)( extends \S+)? \{\n(.*?)\n\}/gs)].map(
      ([, name = '', config, body = '']) => [config ? 'config' : name, body] as const,
    ),
  )
  function check(body: string, block: Loose, where: string): string[] {
    const members = new Map(
      [...body.matchAll(/readonly (\w+)(\??): ([^;]+);/g)].map(([, name = '', optional, kind = '']) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        { isRequired: optional === '', block: interfaces.get(/^\w+/.exec(kind)?.[0] ?? '') },
      ]),
    )
    const given = Object.entries(block).filter(([, value]) => value !== null)
    return [
      ...[...members].flatMap(([name, { isRequired }]) =>
        isRequired && block[name] === undefined ? [`${where}: ${name} is missing`] : [],
      ),
      ...given.flatMap(([name, value]) => {
        const member = members.get(name)
        if (member === undefined) return [`${where}: ${name} is not known`]
        if (member.block === undefined) return isBlocks(value) ? [`${where}: ${name} is no block`] : []
        return isBlocks(value)
          ? value.flatMap((one) => check(member.block ?? '', one, `${where}.${name}`))
          : [`${where}: ${name} is a block`]
      }),
    ]
  }
  return check(interfaces.get('config') ?? '', values, type)
}
