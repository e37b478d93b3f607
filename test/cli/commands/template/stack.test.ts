import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aws, awsEnv, hasAws } from '../../../support/aws/aws.ts'
import { deployBatch, deployLedger, PLACE } from '../../../support/aws/stack.ts'
import { cronledger, type Loose, scratch } from '../../../support/cli.ts'
import { type Server, startMoto } from '../../../support/servers.ts'

const folder = scratch()
const TABLE = 'dynamodb:money'

describe.skipIf(!hasAws)('the stack on a server', () => {
  let server: Server
  let ledger: Readonly<Record<string, string>>
  let made: Readonly<Record<string, string>>
  const call = (...args: readonly string[]) => aws(server.endpoint, ...args)
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    cronledger(args, { env: { ...awsEnv(server.endpoint), ...env } })
  const schedule = (name: string) =>
    call('scheduler', 'get-schedule', '--group-name', ledger['ScheduleGroup'] ?? '', '--name', name)

  beforeAll(async () => {
    server = await startMoto()
    const check = ['CheckImage=check:1', 'Cluster=batch', 'Subnets=subnet-1,subnet-2']
    ledger = await deployLedger(server.endpoint, ['Table=money', ...check])
    made = await deployBatch({ endpoint: server.endpoint, folder })
  }, 300_000)
  afterAll(() => server.stop())

  async function environmentOf(definition: string, overrides: Loose = {}) {
    const args = ['describe-task-definition', '--task-definition', definition]
    const { taskDefinition } = await call('ecs', ...args)
    const [container] = taskDefinition.containerDefinitions
    const [override] = overrides['containerOverrides'] ?? [{ name: container.name, environment: [] }]
    expect(override.name).toBe(container.name)
    const variables: Loose[] = [...container.environment, ...override.environment]
    const env = Object.fromEntries(variables.map(({ name, value }) => [name, value]))
    return { definition: taskDefinition, container, env }
  }

  test('the stack makes a table on which the command line works, and keeps it', async () => {
    const { Table } = await call('dynamodb', 'describe-table', '--table-name', 'money')
    expect(Table).toMatchObject({
      DeletionProtectionEnabled: true,
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
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
      image: 'batch:1',
      stopTimeout: 120,
      linuxParameters: { initProcessEnabled: true },
      logConfiguration: { options: { 'awslogs-group': made['LogGroup'], mode: 'non-blocking' } },
      entryPoint: ['cronledger'],
      command: ['run', '--', './batch.sh'],
    })
    expect(env).toMatchObject({
      CRONLEDGER_STORE: TABLE,
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
      CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
      CRONLEDGER_STRICT: 'true',
      CRONLEDGER_LEDGER_TIMEOUT: '15m',
      CRONLEDGER_STOP_TIMEOUT: `${container.stopTimeout}s`,
      CRONLEDGER_KILL_AFTER: '110s',
      CRONLEDGER_METRICS: 'cronledger',
      CRONLEDGER_LOG: 'text',
      CRONLEDGER_DELIVERY_ATTEMPT: '<aws.scheduler.attempt-number>',
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

  test('the stack lets the scheduler start the tasks of this ledger, with the roles of batches, and nothing else', async () => {
    const { Target } = await schedule('cronledger-nightly')
    const role = ['--role-name', ledger['SchedulerRole'] ?? '']
    expect(Target.RoleArn).toMatch(new RegExp(`:role/${ledger['SchedulerRole']}$`))
    const { PolicyDocument } = await call('iam', 'get-role-policy', ...role, '--policy-name', 'deliver')
    expect(PolicyDocument.Statement).toMatchObject([
      { Action: 'sqs:SendMessage', Resource: Target.DeadLetterConfig.Arn },
    ])
    const version = ['--policy-arn', ledger['StartPolicy'] ?? '', '--version-id', 'v1']
    const { PolicyVersion } = await call('iam', 'get-policy-version', ...version)
    expect(PolicyVersion.Document.Statement).toMatchObject([
      { Action: 'ecs:RunTask', Resource: 'arn:aws:ecs:eu-west-1:123456789012:task-definition/cronledger-*' },
      { Action: 'ecs:TagResource', Resource: 'arn:aws:ecs:eu-west-1:123456789012:task/*' },
      { Action: 'iam:PassRole', Resource: ['arn:aws:iam::123456789012:role/cronledger/*'] },
    ])
    const { Role } = await call('iam', 'get-role', ...role)
    const group = `arn:aws:scheduler:eu-west-1:123456789012:schedule-group/${ledger['ScheduleGroup']}`
    expect(Role.AssumeRolePolicyDocument.Statement).toMatchObject([
      {
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': '123456789012', 'aws:SourceArn': group } },
      },
    ])
  })

  test('sends its alarms and its failed tasks to the topic, which allows both to publish', async () => {
    const { MetricAlarms } = await call('cloudwatch', 'describe-alarms')
    // A rule sends the alarm on a missing run, so that a new one is silent until the first run.
    const isOfRule = ({ AlarmName }: Loose) => AlarmName === 'cronledger-nightly-no-run'
    expect(MetricAlarms.map(({ AlarmActions }: Loose) => AlarmActions ?? [])).toEqual(
      MetricAlarms.map((one: Loose) => (isOfRule(one) ? [] : [ledger['Alarms']])),
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
    const queue = ledger['DeadLetters']?.replace(/^.*\//, '')
    const nameOf = (one: Loose) => (isOfRule(one) ? 'NoRunAlarm' : one['AlarmName'].split('-')[1])
    const metrics = Object.fromEntries(MetricAlarms.map((one: Loose) => [nameOf(one), metricOf(one)]))
    expect(metrics).toEqual({
      RefusedAlarm: ours('Refused'),
      FailedAlarm: ours('Failed'),
      NoRunAlarm: ours('Completed'),
      DeadLetterAlarm: {
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Dimensions: [{ Name: 'QueueName', Value: queue }],
      },
      DroppedAlarm: {
        Namespace: 'AWS/Scheduler',
        MetricName: 'InvocationDroppedCount',
        Dimensions: [{ Name: 'ScheduleGroup', Value: ledger['ScheduleGroup'] }],
      },
    })
    const { Rules } = await call('events', 'list-rules')
    for (const { Name } of Rules) {
      const { Targets } = await call('events', 'list-targets-by-rule', '--rule', Name)
      expect(Targets).toMatchObject([{ Arn: ledger['Alarms'] }])
    }
    const { Attributes } = await call('sns', 'get-topic-attributes', '--topic-arn', ledger['Alarms'] ?? '')
    expect(JSON.parse(Attributes.Policy).Statement).toMatchObject([
      { Principal: { Service: 'cloudwatch.amazonaws.com' }, Resource: ledger['Alarms'] },
      { Principal: { Service: 'events.amazonaws.com' }, Resource: ledger['Alarms'] },
    ])
  })

  test('a second batch has its own command, file, secret, disk and file system, and the check of all tasks finds its missed slot', async () => {
    const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf'
    const key = 'arn:aws:kms:eu-west-1:123456789012:key/1'
    const more = `EnvironmentFile=arn:aws:s3:::bucket/weekly.env Command=python3,batch.py Secrets=PASSWORD=${secret}:password::`
    const limits = 'CapacityProvider=FARGATE_SPOT EphemeralStorage=100 ReadonlyRoot=true ScheduleState=DISABLED'
    const parameters = `${PLACE} ${more} ${limits} DecryptKeys=${key} SecurityGroups=sg-1,sg-2`
    const batch = { task: 'weekly', schedule: '0 3 * * 1', timezone: undefined, parameters }
    const weekly = await deployBatch({ endpoint: server.endpoint, folder, stack: 'weekly', batch })
    const { container, env, definition } = await environmentOf('cronledger-weekly')
    expect(container).toMatchObject({
      command: ['run', '--', 'python3', 'batch.py'],
      environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/weekly.env' }],
      secrets: [{ name: 'PASSWORD', valueFrom: `${secret}:password::` }],
      mountPoints: [{ sourceVolume: 'tmp', containerPath: '/tmp' }],
    })
    expect(definition).toMatchObject({ ephemeralStorage: { sizeInGiB: 100 }, volumes: [{ name: 'tmp' }] })
    const awsvpcConfiguration = {
      subnets: ['subnet-1', 'subnet-2'],
      securityGroups: ['sg-1', 'sg-2'],
      assignPublicIp: 'DISABLED',
    }
    expect(JSON.parse(env['CRONLEDGER_ECS_NETWORK'])).toEqual({ awsvpcConfiguration })
    const { State, Target } = await schedule('cronledger-weekly')
    const { CapacityProviderStrategy, LaunchType } = Target.EcsParameters
    expect([State, CapacityProviderStrategy, LaunchType]).toEqual([
      'DISABLED',
      [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
      undefined,
    ])
    const allowed = async (policy: string) => {
      const role = ['--role-name', weekly['PullRole'] ?? '', '--policy-name', policy]
      return (await call('iam', 'get-role-policy', ...role)).PolicyDocument.Statement
    }
    expect(await allowed('environment')).toMatchObject([
      { Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/weekly.env' },
      { Action: 's3:GetBucketLocation', Resource: 'arn:aws:s3:::bucket' },
    ])
    expect(await allowed('secrets')).toMatchObject([{ Resource: [secret] }])
    expect(await allowed('keys')).toMatchObject([{ Action: 'kms:Decrypt', Resource: [key] }])
    expect(await run(['declare', '--from', '2026-11-20'], env)).toMatchObject({ code: 0 })
    const check = await environmentOf('cronledger--check')
    expect([...check.container.entryPoint, ...check.container.command]).toEqual([
      'cronledger',
      'check',
      '--once',
      'daily',
    ])
    const found = await run(['check', '--since', '2026-11-20', '--until', '2026-11-25'], check.env)
    expect(found).toMatchObject({ code: 1, stdout: expect.stringMatching(/^missed · weekly/m) })
  })

  test('a batch with roles of its own makes none, and the state machine starts it with the same network', async () => {
    const roles = 'TaskRole=arn:aws:iam::123456789012:role/task ExecutionRole=arn:aws:iam::123456789012:role/pull'
    const outputs = { StateMachine: 'arn:aws:states:eu-west-1:123456789012:stateMachine:start' }
    const batch = { task: 'own', parameters: `${PLACE} ${roles} SecurityGroups=sg-1` }
    const own = await deployBatch({ endpoint: server.endpoint, folder, stack: 'own', outputs, batch })
    expect(Object.keys(own).sort()).toEqual([
      'BatchSchedule',
      'FailedAlarm',
      'LogGroup',
      'NoRunAlarm',
      'RefusedAlarm',
      'TaskDefinition',
    ])
    const { definition, env } = await environmentOf('cronledger-own')
    expect([definition.taskRoleArn, definition.executionRoleArn].map((arn) => arn.split('/')[1])).toEqual([
      'task',
      'pull',
    ])
    const { Target } = await schedule('cronledger-own')
    const request = JSON.parse(Target.Input)
    expect(request).toMatchObject({
      Cluster: 'batch',
      TaskDefinition: definition.taskDefinitionArn,
      LaunchType: 'FARGATE',
    })
    const { subnets, securityGroups, assignPublicIp } = JSON.parse(env['CRONLEDGER_ECS_NETWORK']).awsvpcConfiguration
    const network = { Subnets: subnets, SecurityGroups: securityGroups, AssignPublicIp: assignPublicIp }
    expect(request.NetworkConfiguration).toEqual({ AwsvpcConfiguration: network })
    expect(request.Overrides.ContainerOverrides[0].Environment[0]).toEqual({
      Name: 'CRONLEDGER_EVENT_TIME',
      Value: '<aws.scheduler.scheduled-time>',
    })
  })

  test('the table of another account is used by its ARN, by the batch and by people', async () => {
    const arn = 'arn:aws:dynamodb:eu-west-1:210987654321:table/money'
    const far = await deployLedger(server.endpoint, [`Table=${arn}`, 'FamilyPrefix=far-'], 'far')
    expect(Object.keys(far)).not.toContain('LedgerTable')
    const version = ['--policy-arn', far['AuditorPolicy'] ?? '', '--version-id', 'v1']
    const { PolicyVersion } = await call('iam', 'get-policy-version', ...version)
    const resources = PolicyVersion.Document.Statement.map(({ Resource }: Loose) => Resource)
    expect(resources).toEqual([arn, `${arn}/index/by-day`])
    const batch = { task: 'far', store: `dynamodb:${arn}` }
    const made = await deployBatch({ endpoint: server.endpoint, folder, stack: 'far-batch', batch })
    const inline = ['--role-name', made['BatchRole'] ?? '', '--policy-name', 'runner']
    const { PolicyDocument } = await call('iam', 'get-role-policy', ...inline)
    expect(PolicyDocument.Statement[0].Resource).toBe(arn)
    expect((await environmentOf('cronledger-far')).env['CRONLEDGER_STORE']).toBe(`dynamodb:${arn}`)
  })

  test('a deleted ledger leaves its table and the policy that a person has, and is deployed again on that table', async () => {
    const place = ['CheckImage=check:1', 'Cluster=batch', 'Subnets=subnet-1']
    const first = await deployLedger(server.endpoint, ['Table=kept', 'FamilyPrefix=kept-', ...place], 'kept')
    const ada = ['--user-name', 'ada']
    await call('iam', 'create-user', ...ada)
    await call('iam', 'attach-user-policy', ...ada, '--policy-arn', first['OperatorPolicy'] ?? '')
    await call('cloudformation', 'delete-stack', '--stack-name', 'kept')
    const { AttachedPolicies } = await call('iam', 'list-attached-user-policies', ...ada)
    expect(AttachedPolicies).toMatchObject([{ PolicyArn: first['OperatorPolicy'] }])
    const { Table } = await call('dynamodb', 'describe-table', '--table-name', 'kept')
    const second = await deployLedger(server.endpoint, [`Table=${Table.TableArn}`, 'FamilyPrefix=kept2-'], 'kept')
    // Alarms of batches name the topic until they are deployed again.
    const { Topics } = await call('sns', 'list-topics')
    expect(Topics).toContainEqual({ TopicArn: first['Alarms'] })
    expect([second['LedgerTable'], second['ScheduleGroup'] === first['ScheduleGroup']]).toEqual([undefined, false])
  })

  test('a task gets another name in its stack, and its log stays', async () => {
    const stack = { endpoint: server.endpoint, folder, stack: 'renamed' }
    const before = await deployBatch({ ...stack, batch: { task: 'before' } })
    await deployBatch({ ...stack, batch: { task: 'after' } })
    await expect(schedule('cronledger-before')).rejects.toThrow(/does not exist/)
    const { Target } = await schedule('cronledger-after')
    expect(Target.EcsParameters.TaskDefinitionArn).toContain(':task-definition/cronledger-after:1')
    const { logGroups } = await call('logs', 'describe-log-groups', '--log-group-name-prefix', '/ecs/cronledger-before')
    expect(logGroups.map(({ logGroupName }: Loose) => logGroupName)).toEqual([before['LogGroup']])
  })

  // promise: stack-redeployed
  test('a second deployment with another schedule and image changes both', async () => {
    const batch = { schedule: '0 4 * * 1-5', parameters: PLACE.replace('batch:1', 'batch:2') }
    await deployBatch({ endpoint: server.endpoint, folder, batch })
    const { ScheduleExpression, Target } = await schedule('cronledger-nightly')
    expect(ScheduleExpression).toBe('cron(0 4 ? * 2-6 *)')
    const { container, env } = await environmentOf(Target.EcsParameters.TaskDefinitionArn)
    expect([container.image, env['CRONLEDGER_SCHEDULE']]).toEqual(['batch:2', '0 4 * * 1-5'])
  }, 300_000)
})
