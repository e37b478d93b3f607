// The constructs: those of docs/guides/cdk-and-terraform.md synthesised, and a batch with more compared with batch.yaml. The
// packages of the CDK are not among those of the project.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { stackParameters } from '../../src/cli/commands/template/parameters.ts'
import { blocksIn } from '../docs/markdown.ts'
import { CASES } from '../support/aws/batch-rules.ts'
import { BATCH, OUTPUTS, outputsFile, readTemplate } from '../support/aws/stack.ts'
import { type Loose, scratch } from '../support/cli.ts'
import { EVERYTHING, evaluateTemplate, meaningOf } from './meaning.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(ROOT, 'node_modules/.bin/tsc')
const LINKS = { cronledger: ROOT, '@types/node': join(ROOT, 'node_modules/@types/node') }
const OPTIONS = ['--target', 'es2022', '--module', 'nodenext', '--strict', '--skipLibCheck', '--types', 'node']
const run = promisify(execFile)
const folder = scratch()

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf'
const { TableKey: KEY, BatchRoles: ROLE, PermissionsBoundary: BOUNDARY } = EVERYTHING
const PARTS = { Store: 'dynamodb:money', TableKey: KEY, ...OUTPUTS }
const TABLE = 'arn:aws:dynamodb:us-east-1:210987654321:table/old'
const MACHINE = 'arn:aws:states:eu-west-1:123456789012:stateMachine:start'
/** Two batches with the outputs of a stack, whose values are those of the parameters below. */
const COMPARED = `import { App, aws_ec2 as ec2, aws_ecs as ecs, aws_kms as kms, aws_logs as logs, aws_secretsmanager as secretsmanager, aws_sns as sns, aws_ssm as ssm, Size, Stack } from 'aws-cdk-lib'
import { GuardedScheduledTask, type GuardedScheduledTaskProps } from './guarded-scheduled-task.js'
import { Ledger, type LedgerOutputs } from './ledger.js'
const app = new App()
const runtimePlatform = { cpuArchitecture: ecs.CpuArchitecture.X86_64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX }
const image = ecs.ContainerImage.fromRegistry('batch:1')
function batch(name: string, container: string, more: Partial<GuardedScheduledTaskProps> = {}, outputs: Partial<LedgerOutputs> = {}) {
  const stack = new Stack(app, name)
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['a'] })
  const cluster = ecs.Cluster.fromClusterAttributes(stack, 'Cluster', { clusterName: 'batch', vpc })
  const subnets = ['subnet-1', 'subnet-2'].map((id) => ec2.Subnet.fromSubnetId(stack, id, id))
  const securityGroups = ['sg-1', 'sg-2'].map((id) => ec2.SecurityGroup.fromSecurityGroupId(stack, id, id))
  const taskDefinition = new ecs.FargateTaskDefinition(stack, 'Definition', { runtimePlatform })
  const secret = secretsmanager.Secret.fromSecretCompleteArn(stack, 'Secret', '${SECRET}')
  if (container !== 'batch') taskDefinition.addContainer('proxy', { image })
  taskDefinition.addContainer(container, {
    image,
    command: ['./batch.sh'],
    secrets: { PASSWORD: ecs.Secret.fromSecretsManager(secret, 'password') },
    logging: ecs.LogDrivers.awsLogs({
      streamPrefix: 'cronledger',
      mode: ecs.AwsLogDriverMode.NON_BLOCKING,
      maxBufferSize: Size.mebibytes(25),
      logGroup: new logs.LogGroup(stack, 'Log', { logGroupName: '/ecs/cronledger-nightly/1', retention: 90 }),
    }),
  })
  const ledger = Ledger.fromOutputs(stack, 'Ledger', { ...${JSON.stringify(PARTS)}, ...outputs })
  return new GuardedScheduledTask(stack, 'Nightly', {
    ledger, task: 'nightly', schedule: '0 3 * * *', timezone: 'Asia/Tokyo', after: ['import', 'bill/*'],
    taskDefinition, cluster, subnetSelection: { subnets }, securityGroups, enabled: false, ...more,
  })
}
batch('plain', 'batch')
batch('more', 'job', {
  containerName: 'job', capacityProvider: 'FARGATE_SPOT', platformVersion: '1.4.0', assignPublicIp: true,
  noRunHours: 30, alarmOnDuplicates: true, flexibleMinutes: 30,
}, { StateMachine: '${MACHINE}', FamilyPrefix: 'pay-' })
batch('known', 'job', { containerName: 'job' }, { Container: 'job' })
{
  const shared = new Stack(app, 'ssm-shared')
  const find = (name: string) => ssm.StringParameter.valueForStringParameter(shared, name)
  const ledger = new Ledger(shared, 'Ledger', {
    alarmTopic: sns.Topic.fromTopicArn(shared, 'Topic', find('/topic')), tableKey: kms.Key.fromKeyArn(shared, 'Key', find('/key')),
  })
  const stack = new Stack(app, 'ssm-batch')
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['a'] })
  const cluster = ecs.Cluster.fromClusterAttributes(stack, 'Cluster', { clusterName: 'batch', vpc })
  const taskDefinition = new ecs.FargateTaskDefinition(stack, 'Definition', { runtimePlatform })
  const logging = ecs.LogDrivers.awsLogs({ streamPrefix: 'x', logGroup: new logs.LogGroup(stack, 'Log') })
  taskDefinition.addContainer('batch', { image, command: ['./batch.sh'], logging })
  const subnets = [ec2.Subnet.fromSubnetId(stack, 'Subnet', 'subnet-1')]
  new GuardedScheduledTask(stack, 'Batch', {
    ledger, task: 'ssm', schedule: '0 3 * * *', taskDefinition, cluster, subnetSelection: { subnets },
  })
}
app.synth()
`

/** The ledgers that are compared with ledger.yaml: what the construct takes, and the same as parameters. */
const LEDGERS = {
  'with all defaults': ['', {}],
  'with everything': [
    `table: 'money', tableKey: key, batchRoles: [role], permissionsBoundary: boundary, familyPrefix: 'pay-', container: 'job',
     alarmEmail: 'ops@example.org', startAgain: true, alarmOnFailedStarts: true, mailEachTask: false, dashboard: true, clusters: [cluster],
     check: { image: ecs.ContainerImage.fromRegistry('check:1'), cluster, subnetSelection: { subnets }, securityGroups: [group],
       expression: 'cron(0 7 * * ? *)', timezone: 'Asia/Tokyo', assignPublicIp: true,
       architecture: ecs.CpuArchitecture.ARM64, cpu: 512, memoryLimitMiB: 1024, logKey: key }`,
    { ...EVERYTHING, AlarmEmail: 'ops@example.org' },
  ],
  'with a table of another account and Region, and a topic of yours': [
    `table: dynamodb.Table.fromTableArn(stack, 'Old', '${TABLE}'), tableKey: key, alarmTopic: topic`,
    { Table: TABLE, TableKey: KEY, AlarmTopic: OUTPUTS.AlarmTopic },
  ],
} as const
const LEDGER_APP = `import { App, aws_dynamodb as dynamodb, aws_ec2 as ec2, aws_ecs as ecs, aws_iam as iam, aws_kms as kms, aws_sns as sns, Stack } from 'aws-cdk-lib'
import { Ledger } from './ledger.js'
const app = new App()
${Object.entries(LEDGERS)
  .map(
    ([name, [props]]) => `{
  const stack = new Stack(app, '${name.replaceAll(/\W/g, '-')}')
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['a'] })
  const cluster = ecs.Cluster.fromClusterAttributes(stack, 'Cluster', { clusterName: 'batch', vpc })
  const subnets = ['subnet-1', 'subnet-2'].map((id) => ec2.Subnet.fromSubnetId(stack, id, id))
  const group = ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-1')
  const key = kms.Key.fromKeyArn(stack, 'Key', '${KEY}')
  const role = iam.Role.fromRoleArn(stack, 'Role', '${ROLE}')
  const boundary = iam.ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', '${BOUNDARY}')
  const topic = sns.Topic.fromTopicArn(stack, 'Own', '${OUTPUTS.AlarmTopic}')
  void [cluster, subnets, group, key, role, boundary, topic, dynamodb]
  new Ledger(stack, 'Ledger', { ${props} })
}`,
  )
  .join('\n')}
app.synth()
`

/** Forty batches for a ledger whose parts are made by the same app, before and after a change of the ledger. */
const CHANGED = `import { App, aws_dynamodb as dynamodb, aws_ec2 as ec2, aws_ecs as ecs, aws_iam as iam, aws_kms as kms, aws_logs as logs, aws_sns as sns, Stack } from 'aws-cdk-lib'
import { GuardedScheduledTask } from './guarded-scheduled-task.js'
import { Ledger, type LedgerProps } from './ledger.js'
const image = ecs.ContainerImage.fromRegistry('batch:1')
function makeApp(outdir: string, props: (own: Stack) => LedgerProps) {
  const app = new App({ outdir })
  const own = new Stack(app, 'own')
  const vpc = new ec2.Vpc(own, 'Vpc', { maxAzs: 2 })
  const cluster = new ecs.Cluster(own, 'Cluster', { vpc })
  const securityGroups = [new ec2.SecurityGroup(own, 'Group', { vpc })]
  const shared = new Stack(app, 'shared')
  const ledger = new Ledger(shared, 'Ledger', { ...props(own), check: { image, cluster, securityGroups } })
  for (let number = 0; number < 40; number++) {
    const stack = new Stack(app, \`batch-\${number}\`)
    const taskDefinition = new ecs.FargateTaskDefinition(stack, 'Definition')
    const logging = ecs.LogDrivers.awsLogs({ streamPrefix: 'cronledger', logGroup: new logs.LogGroup(stack, 'Log') })
    taskDefinition.addContainer('batch', { image, command: ['./batch.sh'], logging })
    new GuardedScheduledTask(stack, 'Batch', {
      ledger, task: \`batch-\${number}\`, schedule: '0 3 * * *', taskDefinition, cluster, securityGroups,
    })
  }
  app.synth()
}
makeApp('cdk.before', () => ({}))
makeApp('cdk.after', (own) => ({
  startAgain: true,
  alarmTopic: new sns.Topic(own, 'Topic'),
  tableKey: new kms.Key(own, 'Key'),
  batchRoles: [new iam.Role(own, 'Role', { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') })],
  table: new dynamodb.Table(own, 'Table', { partitionKey: { name: 'task', type: dynamodb.AttributeType.STRING } }),
}))
`

const synthesise = (app: string) =>
  run(process.execPath, [app], { cwd: folder, env: { ...process.env, CDK_OUTDIR: 'cdk.out' } })

function readStack(stack: string, app = 'cdk.out'): Loose {
  return JSON.parse(readFileSync(join(folder, app, `${stack}.template.json`), 'utf8'))
}

const resources = (stack: string, type: string, app?: string): readonly Loose[] =>
  Object.values<Loose>(readStack(stack, app)['Resources']).flatMap(({ Type, Properties }) =>
    Type === type ? Properties : [],
  )

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...quiet, 'aws-cdk-lib@2', 'constructs@10'], { cwd: folder })
  for (const [name, target] of Object.entries(LINKS)) {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  for (const file of ['ledger.ts', 'guarded-scheduled-task.ts'])
    copyFileSync(join(ROOT, 'schema/cdk', file), join(folder, file))
  const guide = new URL('../../docs/guides/cdk-and-terraform.md', import.meta.url)
  const [app] = blocksIn(guide).filter(({ isHidden, kind }) => !isHidden && kind === 'ts')
  writeFileSync(join(folder, 'app.ts'), app?.text ?? '')
  writeFileSync(join(folder, 'compared.ts'), COMPARED)
  writeFileSync(join(folder, 'ledgers.ts'), LEDGER_APP)
  writeFileSync(join(folder, 'changed.ts'), CHANGED)
  await run(TSC, [...OPTIONS, 'app.ts', 'compared.ts', 'ledgers.ts', 'changed.ts'], { cwd: folder }).catch(
    ({ stdout }) => expect(stdout).toBe(''),
  )
  await synthesise('app.js')
  await synthesise('compared.js')
  await synthesise('ledgers.js')
  await synthesise('changed.js')
}, 600_000)

test.each([
  ['plain', '', {}],
  [
    'more',
    'CapacityProvider=FARGATE_SPOT PlatformVersion=1.4.0 AssignPublicIp=ENABLED NoRunHours=30 AlarmOnDuplicates=true FlexibleMinutes=30',
    { FamilyPrefix: 'pay-', Container: 'job', StateMachine: MACHINE },
  ],
])('the batch %s makes what batch.yaml makes', (stack, more, outputs) => {
  const parameters = `SecurityGroups=sg-1,sg-2 After=import,bill/* Secrets=PASSWORD=${SECRET}:password:: ScheduleState=DISABLED`
  const options = { ...BATCH, timezone: 'Asia/Tokyo', parameters: `${BATCH.parameters} ${parameters} ${more}` }
  const all = stackParameters(
    { ...options, outputs: outputsFile({ ...OUTPUTS, TableKey: KEY, ...outputs }) },
    Date.UTC(2026, 10, 24),
  )
  const resources = evaluateTemplate(JSON.parse(JSON.stringify(readStack(stack)).replaceAll('26214400b', '25m')))
  const isOfBatch = ([, { Type }]: readonly [string, Loose]) => Type !== 'AWS::Events::Rule'
  const made = meaningOf(Object.fromEntries(Object.entries(resources).filter(isOfBatch)))
  const expected = meaningOf(evaluateTemplate(readTemplate('batch'), JSON.parse(all.text).Parameters))
  // The CDK makes the roles, so the execution role has its own grants, and both may be assumed by ECS in any account.
  const roleOf = ({ path, statements }: Loose) => ({ path, statements })
  const ofConstruct = ({ definitions: [definition], logs: _, ...meaning }: Loose) => ({
    ...meaning,
    definition: {
      ...definition,
      ContainerDefinitions: definition.ContainerDefinitions.filter(({ Name }: Loose) => Name !== 'proxy'),
      TaskRoleArn: roleOf(definition.TaskRoleArn),
      ExecutionRoleArn: definition.ExecutionRoleArn.path,
    },
  })
  expect(ofConstruct(made)).toEqual(ofConstruct(expected))
})

test.each(Object.entries(LEDGERS))(
  'the ledger %s makes what ledger.yaml makes, under its ids',
  (name, [, parameters]) => {
    const made = evaluateTemplate(readStack(name.replaceAll(/\W/g, '-')))
    const expected = evaluateTemplate(readTemplate('ledger'), parameters)
    expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort())
    expect(meaningOf(made)).toEqual(meaningOf(expected))
  },
)

test('a change of the ledger and of its parts waits for none of forty stacks of batches, and holds no token in a condition', () => {
  const apps = ['cdk.before', 'cdk.after']
  const importsOf = (app: string) =>
    [...Array(40).keys()].map((number) =>
      [...JSON.stringify(readStack(`batch-${number}`, app)).matchAll(/"Fn::ImportValue":"([^"]*)"/g)].map(
        ([, one]) => one,
      ),
    )
  // Only of the network of the app, which no setting of the ledger changes.
  const [before = [], after = []] = apps.map(importsOf)
  expect(after.map((names) => new Set(names))).toEqual(before.map((names) => new Set(names)))
  expect([...new Set(before.flat())].filter((name) => !name?.startsWith('own:'))).toEqual([])
  for (const app of apps) {
    const texts = ['shared', 'own', 'batch-7'].map((stack) => JSON.stringify(readStack(stack, app)['Conditions'] ?? {}))
    expect(texts).toEqual(['{}', '{}', '{}'])
    expect(JSON.stringify(readStack('shared', app)['Outputs'] ?? {})).not.toContain('"Export"')
  }
  expect(JSON.stringify(readStack('batch-7', 'cdk.after'))).toContain('Fn::GetStackOutput')
  // A table of the app is known by its ARN, which no text is compared with.
  const [policy] = resources('batch-7', 'AWS::IAM::Policy', 'cdk.after')
  expect(JSON.stringify(policy)).not.toContain('table/')
})

test.each([
  ["table: Fn.importValue('table')", /table is a token/],
  ["familyPrefix: Fn.importValue('prefix')", /familyPrefix is a token/],
  ["container: Fn.importValue('container')", /container is a token/],
  ["familyPrefix: 'cronledger-dev-'", /familyPrefix is cronledger-dev-\. Use .* no prefix begins with another one/],
  [
    "alarmTopic: sns.Topic.fromTopicArn(shared, 'T', 'arn:aws:sns:x:y:z'), alarmEmail: 'a@b'",
    /alarmEmail is for the topic/,
  ],
])('a name that must be known is refused at the synthesis as a token: %s', async (prop, message) => {
  const source = readFileSync(join(folder, 'app.js'), 'utf8')
  const wrong = source.replace("alarmEmail: 'ops@example.org'", prop).replace('{ App,', '{ App, aws_sns as sns, Fn,')
  writeFileSync(join(folder, 'wrong.js'), wrong)
  await expect(synthesise('wrong.js')).rejects.toThrow(message)
})

test('a container whose name the ledger does not know has a rule of its own, which is that of the ledger for this batch', () => {
  expect(['plain', 'known'].flatMap((stack) => resources(stack, 'AWS::Events::Rule'))).toEqual([])
  const ruleOf = (template: Loose, parameters: Loose = {}) =>
    Object.values(evaluateTemplate(template, parameters)).find(({ Type }) => Type === 'AWS::Events::Rule')
      ?.Properties ?? {}
  const [made, expected] = [ruleOf(readStack('more')), ruleOf(readTemplate('ledger'), { Container: 'job' })]
  const { $or, taskDefinitionArn, ...detail } = expected['EventPattern'].detail
  const prefix = taskDefinitionArn[0].prefix.replace('cronledger-', 'pay-nightly:')
  expect(made['EventPattern']).toEqual({
    ...expected['EventPattern'],
    detail: { ...detail, $or: [$or[0], $or[2]], taskDefinitionArn: [{ prefix }] },
  })
  const [{ Arn, InputTransformer }] = made['Targets']
  expect(Arn).toBe(OUTPUTS.AlarmTopic)
  const pathsOf = ({ InputPathsMap }: Loose) => Object.values(InputPathsMap).sort()
  expect(pathsOf(InputTransformer)).toEqual(pathsOf(expected['Targets'][0].InputTransformer))
  expect(InputTransformer.InputTemplate).toContain('cronledger check --store dynamodb:money --task nightly')
})

test('the app of the guide starts its task in the cluster, for the ledger of another stack, and no parameter stays', () => {
  expect(Object.keys(readStack('nightly')['Parameters'])).toEqual(['BootstrapVersion'])
  // A condition of the ledger does not exist in this stack.
  expect(JSON.stringify(readStack('nightly')['Resources'])).not.toContain('Fn::If')
  const [schedule] = resources('nightly', 'AWS::Scheduler::Schedule')
  expect(schedule).toMatchObject({ Name: 'cronledger-nightly', ScheduleExpression: 'cron(0 3 * * ? *)' })
  expect(JSON.stringify(schedule?.['GroupName'])).toContain('ScheduleGroup')
  expect(JSON.stringify(schedule?.['Target'].Arn)).toContain('ClusterEB0386A7')
  const [definition] = resources('nightly', 'AWS::ECS::TaskDefinition')
  const [container] = definition?.['ContainerDefinitions'] ?? []
  const env = Object.fromEntries(container.Environment.map(({ Name, Value }: Loose) => [Name, Value]))
  expect(env).toMatchObject({ CRONLEDGER_STORE: 'dynamodb:cronledger', CRONLEDGER_CATCH_UP: '3d' })
  expect(JSON.stringify(env['CRONLEDGER_ECS_NETWORK'])).toContain('VpcPrivateSubnet')
  expect(resources('shared', 'AWS::DynamoDB::Table')).toMatchObject([{ TableName: 'cronledger' }])
})

const PROP = "task: 'nightly',"
test.each<readonly [string, string, RegExp]>([
  ...CASES.flatMap(({ cdk, message }) => (typeof cdk === 'string' ? [] : [[...cdk, message] as const])),
  [PROP, `${PROP} containerName: 'main',`, /no essential container named main/],
  ["addContainer('batch', {", "addContainer('batch', { essential: false,", /no essential container\. Add/],
  [
    "addContainer('batch', {",
    "addContainer('batch', { stopTimeout: Duration.seconds(5),",
    /stopTimeout is 5 s\. Use 15 to/,
  ],
  ["'0 3 * * *'", "'0 3 1 * 5'", /AWS/],
  [
    "schedule: '0 3 * * *'",
    "schedule: Fn.importValue('x')",
    /Nightly: schedule is a token\. Give a value that is known/,
  ],
  [PROP, "task: Fn.importValue('x'),", /Nightly: task is a token/],
  [PROP, `${PROP} after: Fn.split(',', Fn.importValue('x')),`, /Nightly: after is a token/],
  [PROP, `${PROP} platformVersion: '1',`, /PlatformVersion=1" is not allowed/],
  ['logging:', 'unused:', /the container needs logging/],
  [
    "new Stack(app, 'nightly')",
    "new Stack(app, 'nightly', { env: { account: '210987654321', region: 'eu-west-1' } })",
    /the ledger is in aws:\/\/unknown.*Make a Ledger in the account and Region of the batch/,
  ],
  [
    'const stack = new',
    "new Ledger(shared, 'Second', {})\nconst stack = new",
    /the stack has a Ledger already, shared\/Ledger/,
  ],
])('%s as %s is refused', async (from, to, message) => {
  const source = readFileSync(join(folder, 'app.js'), 'utf8').replace('{ App,', '{ App, Duration, Fn,')
  expect(source).toContain(from)
  writeFileSync(join(folder, 'wrong.js'), source.replace(from, to))
  await expect(synthesise('wrong.js')).rejects.toThrow(message)
})

test('a topic and a key that the stack of the ledger finds in Parameter Store reach a batch without an export', () => {
  const batch = JSON.stringify(readStack('ssm-batch'))
  expect(batch).not.toContain('Fn::ImportValue')
  expect(batch.match(/Fn::GetStackOutput/g)?.length).toBeGreaterThan(2)
  expect(JSON.stringify(readStack('ssm-shared')['Outputs'])).not.toContain('"Export"')
})
