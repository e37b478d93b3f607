import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aws, awsEnv, hasAws } from '../../../support/aws/aws.ts'
import { completeStack, deployStack, PLACE, readTemplate, TEMPLATE } from '../../../support/aws/stack.ts'
import { cronledger, type Loose, scratch } from '../../../support/cli.ts'
import { type Server, startMoto } from '../../../support/servers.ts'

const folder = scratch()
const TABLE = 'dynamodb:money'
const template = readTemplate()
const { Table, LogGroup, TaskDefinition, TaskStopped, ...others }: Loose = template['Resources']
const resources: Loose = { Table, LogGroup, TaskDefinition, TaskStopped, ...others }

/** Returns the names of the resources that must exist before a resource is created, also those of its parts. */
function neededBy(name: string, seen = new Set<string>()): ReadonlySet<string> {
  const text = JSON.stringify(resources[name])
  const named = [
    ...(resources[name].DependsOn ?? []),
    ...[...text.matchAll(/"(?:Ref|GetAtt)":"(\w+)|\$\{(\w+)/g)].map(([, one, other]) => one ?? other),
  ]
  for (const other of named) {
    if (other in resources && !seen.has(other)) neededBy(other, seen.add(other))
  }
  return seen
}

describe('the template', () => {
  const linter = (process.env['PATH'] ?? '').split(':').find((path) => existsSync(`${path}/cfn-lint`))
  test.skipIf(linter === undefined)(
    'keeps the rules of cfn-lint',
    () => {
      expect(execFileSync(`${linter}/cfn-lint`, ['--', TEMPLATE], { encoding: 'utf8' })).toBe('')
    },
    60_000,
  )

  test('has no default for a value of one batch', () => {
    const without = Object.entries<Loose>(template['Parameters']).filter(([, { Default }]) => Default === undefined)
    expect(without.map(([name]) => name)).toEqual([
      ...['TableName', 'CreateTable', 'Task', 'Family', 'Schedule', 'Timezone', 'Anchor', 'ScheduleExpression'],
      ...['StartDate', 'Container', 'Image', 'Cluster', 'Subnets', 'SecurityGroups', 'NoRunHours', 'CheckExpression'],
    ])
  })

  test('a first deployment that fails leaves nothing behind that the next one could not create', () => {
    const kept = Object.keys(resources).filter((name) => resources[name].DeletionPolicy === 'Retain')
    expect(kept).toEqual(['Table'])
    // What does not wait for the table, and for which the table does not wait: it fails only together with another alarm.
    const beside = Object.keys(resources).filter((name) => name !== 'Table' && !neededBy('Table').has(name))
    expect(beside).toEqual(['KeyPolicy', 'DuplicateAlarm', 'NoRunAlarm'])
    // CloudFormation does not create a resource that depends on one whose condition is false.
    const conditions = [...neededBy('Table')].map((name) => resources[name].Condition)
    expect(new Set(conditions)).toEqual(new Set([undefined, Table.Condition]))
    expect(LogGroup.DeletionPolicy).toBe('RetainExceptOnCreate')
    expect([resources['AuditorPolicy'], resources['OperatorPolicy']]).toMatchObject([
      { DeletionPolicy: 'RetainExceptOnCreate' },
      { DeletionPolicy: 'RetainExceptOnCreate' },
    ])
  })

  test('defines the table as table.json does, and keeps it', () => {
    const { Type, Condition, DependsOn, Properties, ...policies } = Table
    const { TableName, SSESpecification, ...table } = Properties
    expect(table).toEqual(JSON.parse(readFileSync(new URL('../../../../schema/table.json', import.meta.url), 'utf8')))
    expect(policies).toEqual({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
    // Without a key, it is the one that AWS owns, which costs nothing.
    const key = { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: { Ref: 'TableKey' } }
    expect(SSESpecification).toEqual({ If: ['HasTableKey', key, { Ref: 'AWS::NoValue' }] })
  })

  test('the check has the environment of the batch, and the task definition without a stack, too', () => {
    const containerOf = (name: string) => resources[name].Properties.ContainerDefinitions[0]
    const environmentOf = (name: string) => containerOf(name).Environment
    expect(environmentOf('CheckDefinition')).toEqual(environmentOf('TaskDefinition'))
    expect(containerOf('TaskDefinition').EnvironmentFiles).toBeDefined()
    expect(containerOf('CheckDefinition').EnvironmentFiles).toEqual(containerOf('TaskDefinition').EnvironmentFiles)
    const text = readFileSync(new URL('../../../../schema/task-definition.json', import.meta.url), 'utf8')
    const [container] = JSON.parse(text).containerDefinitions
    const namesIn = (variables: Loose[]) => variables.map(({ Name, name }) => Name ?? name)
    // A plain file cannot leave out the anchor, which only rate(…) has.
    const ofStack = namesIn(environmentOf('TaskDefinition')).filter((name) => name !== 'CRONLEDGER_ANCHOR')
    expect(namesIn(container.environment)).toEqual(ofStack)
    const options = TaskDefinition.Properties.ContainerDefinitions[0].LogConfiguration.Options
    expect(Object.keys(container.logConfiguration.options)).toEqual(Object.keys(options))
  })

  test('EventBridge may publish without a condition, which it does not support for a topic', () => {
    const { Statement } = resources['AlarmsPolicy'].Properties.PolicyDocument
    const of = (service: string) => Statement.filter(({ Principal }: Loose) => Principal.Service === service)
    expect(of('events.amazonaws.com')).toEqual([
      {
        Sid: 'TaskStopped',
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sns:Publish',
        Resource: { Ref: 'Alarms' },
      },
    ])
  })

  test('the check looks back over the longest day of a time zone and more, so that it skips no finding', () => {
    const [container] = resources['CheckDefinition'].Properties.ContainerDefinitions
    const [, hours] = /^(\d+)h$/.exec(container.Command[container.Command.indexOf('--new') + 1]) ?? []
    expect(Number(hours)).toBeGreaterThan(25)
  })

  test('the schedule names a revision, so that both schedules change at once, and earlier revisions stay usable', () => {
    const { BatchSchedule } = others
    expect(BatchSchedule.Properties.Target.EcsParameters.TaskDefinitionArn).toEqual({ Ref: 'TaskDefinition' })
    expect(TaskDefinition.UpdateReplacePolicy).toBe('Retain')
  })

  test('a task that exits with another code than 0, or does not start, matches the rule of the stack', () => {
    const arn = 'arn:aws:ecs:eu-west-1:123456789012:task-definition'
    const pattern = JSON.parse(
      JSON.stringify(TaskStopped.Properties.EventPattern)
        .replace(/\{"Sub":("[^"]*")\}/g, '$1')
        .replaceAll(/arn:[^"]*task-definition\/(check-)?\$\{Family\}/g, `${arn}/$1cronledger-nightly`),
    )
    const isSent = (detail: Loose) => {
      const usual = { lastStatus: 'STOPPED', stopCode: 'EssentialContainerExited' }
      const definition = { taskDefinitionArn: `${arn}/cronledger-nightly:7` }
      const event = { source: 'aws.ecs', 'detail-type': 'ECS Task State Change' }
      return isMatch({ ...event, detail: { ...usual, ...definition, ...detail } }, pattern)
    }
    expect(isSent({ containers: [{ name: 'batch', exitCode: 0 }] })).toBe(false)
    expect(isSent({ containers: [{ name: 'batch', exitCode: 75 }] })).toBe(true)
    expect(isSent({ containers: [{ name: 'batch' }], stopCode: 'TaskFailedToStart' })).toBe(true)
    const failed = { containers: [{ name: 'batch', exitCode: 1 }] }
    expect(isSent({ ...failed, lastStatus: 'RUNNING' })).toBe(false)
    expect(isSent({ ...failed, taskDefinitionArn: `${arn}/check-cronledger-nightly:7` })).toBe(true)
    expect(isSent({ ...failed, taskDefinitionArn: `${arn}/cronledger-nightly-too:7` })).toBe(false)
    // The batch of a task with the name nightly-check has a stack of its own.
    expect(isSent({ ...failed, taskDefinitionArn: `${arn}/cronledger-nightly-check:7` })).toBe(false)
    expect(resources['CheckDefinition'].Properties.Family.Sub).toMatch(/^check-\$\{Family\}$/)
    const allowed = new RegExp(`^(?:${template['Parameters'].Family.AllowedPattern})$`)
    expect(['cronledger-nightly-check', 'check-cronledger-nightly'].map((name) => allowed.test(name))).toEqual([
      true,
      false,
    ])
  })
})

/** Returns whether EventBridge sends an event to a rule. moto does not know `$or` and `anything-but`. */
function isMatch(event: Loose, { $or, ...pattern }: Loose): boolean {
  const alternatives: readonly Loose[] = $or ?? [{}]
  return (
    alternatives.some((other) => Object.keys(other).length === 0 || isMatch(event, other)) &&
    Object.entries(pattern).every(([key, wanted]) => {
      const values: readonly unknown[] = [event[key]].flat()
      if (!Array.isArray(wanted)) return values.some((value) => isMatch(value as Loose, wanted))
      return values.some((value) => wanted.some((one) => isValueMatch(value, one)))
    })
  )
}

function isValueMatch(value: unknown, wanted: unknown): boolean {
  if (value === undefined) return false
  if (typeof wanted !== 'object' || wanted === null) return value === wanted
  if ('prefix' in wanted) return String(value).startsWith(String(wanted.prefix))
  return 'anything-but' in wanted && value !== wanted['anything-but']
}

describe.skipIf(!hasAws)('the stack on a server', () => {
  let server: Server
  let made: Readonly<Record<string, string>>
  const call = (...args: readonly string[]) => aws(server.endpoint, ...args)
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    cronledger(args, { env: { ...awsEnv(server.endpoint), ...env } })
  const schedule = (name: string) =>
    call('scheduler', 'get-schedule', '--group-name', 'cronledger-nightly', '--name', name)

  beforeAll(async () => {
    server = await startMoto()
    made = await deployStack({ endpoint: server.endpoint, folder })
    await completeStack({ endpoint: server.endpoint })
  }, 300_000)
  afterAll(() => server.stop())

  /** Returns the environment of the container of a task definition, with the overrides of a trigger. */
  async function environmentOf(definition: string, overrides: Loose = {}) {
    const args = ['describe-task-definition', '--task-definition', definition]
    const { taskDefinition } = await call('ecs', ...args)
    const [container] = taskDefinition.containerDefinitions
    const [override] = overrides['containerOverrides'] ?? [{ name: container.name, environment: [] }]
    expect(override.name).toBe(container.name)
    const variables: Loose[] = [...container.environment, ...override.environment]
    return { container, env: Object.fromEntries(variables.map(({ name, value }) => [name, value])) }
  }

  test('makes a table on which the command line works, and keeps it', async () => {
    const { Table } = await call('dynamodb', 'describe-table', '--table-name', 'money')
    expect(Table).toMatchObject({
      DeletionProtectionEnabled: true,
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    })
    // moto's CloudFormation leaves TTL and backups out; setup turns TTL on.
    expect(await run(['setup', '--store', TABLE])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^dynamodb:money: table already exists, nothing to change\ndynamodb:money: time to live turned on\n/,
      ),
    })
    const check = await run(['setup', '--store', TABLE, '--check'])
    expect(check.stdout).not.toMatch(/^wrong/m)
    expect(check.code).toBe(0)
  })

  test('starts the batch of its slot by the input of its schedule, once', async () => {
    const { ScheduleExpression, ScheduleExpressionTimezone, State, FlexibleTimeWindow, Target } =
      await schedule('cronledger-nightly')
    expect({ ScheduleExpression, ScheduleExpressionTimezone, State, FlexibleTimeWindow }).toEqual({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Asia/Tokyo',
      State: 'ENABLED',
      FlexibleTimeWindow: { Mode: 'OFF' },
    })
    const trigger = JSON.parse(Target.Input.replace('<aws.scheduler.scheduled-time>', '2026-11-21T18:00:00Z'))
    const { container, env } = await environmentOf(Target.EcsParameters.TaskDefinitionArn, trigger)
    expect(container).toMatchObject({
      ...{ image: 'batch:1', stopTimeout: 120, linuxParameters: { initProcessEnabled: true } },
      logConfiguration: { options: { 'awslogs-group': '/ecs/cronledger-nightly', mode: 'non-blocking' } },
    })
    expect(env).toMatchObject({
      ...{ CRONLEDGER_STORE: TABLE, CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '0 3 * * *' },
      ...{ CRONLEDGER_TIMEZONE: 'Asia/Tokyo', CRONLEDGER_STRICT: 'true' },
      ...{ CRONLEDGER_LEDGER_TIMEOUT: '15m', CRONLEDGER_STOP_TIMEOUT: `${container.stopTimeout}s` },
      ...{ CRONLEDGER_KILL_AFTER: '110s', CRONLEDGER_METRICS: 'cronledger', CRONLEDGER_LOG: 'text' },
    })
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
    const batch = ['run', '--', 'sh', '-c', 'echo ${CRONLEDGER_RUN_SLOT}']
    const first = await run(batch, env)
    expect(first).toMatchObject({ code: 0, stdout: '2026-11-21T18:00:00Z\n' })
    expect(await run(batch, env)).toMatchObject({ code: 0, stdout: '' })
    const metrics = first.stderr.split('\n').find((line) => line.includes('"_aws"')) ?? '{}'
    const [{ Namespace, Metrics, Dimensions }] = JSON.parse(metrics)._aws.CloudWatchMetrics
    expect({ Namespace, Dimensions }).toEqual({ Namespace: 'cronledger', Dimensions: [['Task'], []] })
    expect(Metrics.map(({ Name }: Loose) => Name)).toEqual(
      expect.arrayContaining(['Duplicate', 'Refused', 'Failed', 'Completed']),
    )
    const { env: without } = await environmentOf(Target.EcsParameters.TaskDefinitionArn)
    expect(await run(batch, without)).toMatchObject({ code: 64, stdout: '' })
  })

  test('lets the scheduler start these tasks, with these roles, and nothing else', async () => {
    const { Target } = await schedule('cronledger-nightly')
    const role = ['--role-name', made['SchedulerRole'] ?? '']
    expect(Target.RoleArn).toMatch(new RegExp(`:role/${made['SchedulerRole']}$`))
    const { PolicyDocument } = await call('iam', 'get-role-policy', ...role, '--policy-name', 'start')
    const here = 'arn:aws:ecs:eu-west-1:123456789012'
    const roles = ['TaskRole', 'ExecutionRole'].map((name) => `arn:aws:iam::123456789012:role/${made[name]}`)
    expect(PolicyDocument.Statement).toMatchObject([
      {
        Action: 'ecs:RunTask',
        Resource: [
          `${here}:task-definition/cronledger-nightly:*`,
          `${here}:task-definition/check-cronledger-nightly:*`,
        ],
        Condition: { ArnEquals: { 'ecs:cluster': `${here}:cluster/batch` } },
      },
      {
        Action: 'iam:PassRole',
        Resource: roles,
        Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      },
      { Action: 'sqs:SendMessage', Resource: Target.DeadLetterConfig.Arn },
    ])
    const { Role } = await call('iam', 'get-role', ...role)
    expect(Role.AssumeRolePolicyDocument.Statement).toMatchObject([
      {
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: {
          StringEquals: {
            'aws:SourceAccount': '123456789012',
            'aws:SourceArn': 'arn:aws:scheduler:eu-west-1:123456789012:schedule-group/cronledger-nightly',
          },
        },
      },
    ])
  })

  test('sends its alarms and the tasks that failed to the topic, which lets both publish', async () => {
    const { MetricAlarms } = await call('cloudwatch', 'describe-alarms')
    expect(MetricAlarms.map(({ AlarmActions }: Loose) => AlarmActions)).toEqual(
      MetricAlarms.map(() => [made['Alarms']]),
    )
    const metricOf = ({ MetricName, Namespace, Dimensions, Metrics }: Loose) =>
      Metrics?.length > 0
        ? Metrics.map(({ MetricStat }: Loose) => MetricStat?.Metric).find(Boolean)
        : { Namespace, MetricName, Dimensions }
    const ours = (MetricName: string) => ({
      Namespace: 'cronledger',
      MetricName,
      Dimensions: [{ Name: 'Task', Value: 'nightly' }],
    })
    const queue = made['DeadLetters']?.replace(/^.*\//, '')
    const metrics = Object.fromEntries(MetricAlarms.map((one: Loose) => [one['AlarmName'], metricOf(one)]))
    expect(metrics).toEqual({
      'money-RefusedAlarm': ours('Refused'),
      'money-FailedAlarm': ours('Failed'),
      'money-NoRunAlarm': ours('Completed'),
      'money-DeadLetterAlarm': {
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Dimensions: [{ Name: 'QueueName', Value: queue }],
      },
      'money-DroppedAlarm': {
        Namespace: 'AWS/Scheduler',
        MetricName: 'InvocationDroppedCount',
        Dimensions: [{ Name: 'ScheduleGroup', Value: 'cronledger-nightly' }],
      },
    })
    const { Rules } = await call('events', 'list-rules')
    const { Targets } = await call('events', 'list-targets-by-rule', '--rule', Rules[0].Name)
    expect(Targets).toMatchObject([{ Arn: made['Alarms'] }])
    const { Attributes } = await call('sns', 'get-topic-attributes', '--topic-arn', made['Alarms'] ?? '')
    expect(JSON.parse(Attributes.Policy).Statement).toMatchObject([
      { Principal: { Service: 'cloudwatch.amazonaws.com' }, Resource: made['Alarms'] },
      { Principal: { Service: 'events.amazonaws.com' }, Resource: made['Alarms'] },
    ])
  })

  test('a weekly batch that is declared: its check finds a missed slot, and it has its own command and environment', async () => {
    const more = 'CreateTable=false EnvironmentFile=arn:aws:s3:::bucket/weekly.env Command=python3,batch.py'
    const batch = { task: 'weekly', schedule: '0 3 * * 1', timezone: undefined, parameters: `${PLACE} ${more}` }
    const weekly = await deployStack({ endpoint: server.endpoint, folder, stack: 'weekly', batch })
    expect(Object.keys(weekly)).toEqual(expect.not.arrayContaining(['Table', 'AuditorPolicy', 'OperatorPolicy']))
    const check = await environmentOf(weekly['CheckDefinition'] ?? '')
    // moto keeps the names of CloudFormation.
    const { EntryPoint, entryPoint = EntryPoint, Command, command = Command } = check.container
    expect([...entryPoint, ...command]).toEqual(['cronledger', 'check', '--new', '26h'])
    await completeStack({ endpoint: server.endpoint, stack: 'weekly' })
    const { container } = await environmentOf('cronledger-weekly')
    expect(container).toMatchObject({
      command: ['python3', 'batch.py'],
      environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/weekly.env' }],
    })
    const role = ['--role-name', weekly['ExecutionRole'] ?? '', '--policy-name', 'environment']
    const { PolicyDocument } = await call('iam', 'get-role-policy', ...role)
    expect(PolicyDocument.Statement).toMatchObject([
      { Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/weekly.env' },
      { Action: 's3:GetBucketLocation', Resource: 'arn:aws:s3:::bucket' },
    ])
    expect(await run(['declare', '--from', '2026-11-20'], check.env)).toMatchObject({ code: 0 })
    const found = await run(['check', '--since', '2026-11-20', '--until', '2026-11-25'], check.env)
    expect(found).toMatchObject({ code: 1, stdout: expect.stringContaining('missed') })
  })

  test('a first deployment that failed can be repeated', async () => {
    const batch = { task: 'repeated', store: 'dynamodb:repeated' }
    const again = { endpoint: server.endpoint, folder, stack: 'repeated', batch }
    const group = ['--log-group-name', '/ecs/cronledger-repeated']
    await call('logs', 'create-log-group', ...group)
    await expect(deployStack(again)).rejects.toThrow(/already exists/)
    const { TableNames } = await call('dynamodb', 'list-tables')
    expect(TableNames).not.toContain('repeated')
    await call('logs', 'delete-log-group', ...group)
    await call('cloudformation', 'delete-stack', '--stack-name', 'repeated')
    const { Table: table } = await deployStack(again)
    expect(table).toBe('repeated')
  })

  test('a second deployment with another schedule and image changes both', async () => {
    const batch = { schedule: '0 4 * * 1-5', parameters: PLACE.replace('batch:1', 'batch:2') }
    await deployStack({ endpoint: server.endpoint, folder, batch })
    await completeStack({ endpoint: server.endpoint })
    const { ScheduleExpression, Target } = await schedule('cronledger-nightly')
    expect(ScheduleExpression).toBe('cron(0 4 ? * 2-6 *)')
    const { container, env } = await environmentOf(Target.EcsParameters.TaskDefinitionArn)
    expect([container.image, env['CRONLEDGER_SCHEDULE']]).toEqual(['batch:2', '0 4 * * 1-5'])
  }, 300_000)
})
