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
import { BATCH, OUTPUTS, outputsFile, readTemplate } from '../support/aws/stack.ts'
import { type Loose, scratch } from '../support/cli.ts'
import { evaluateTemplate, meaningOf } from './meaning.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(ROOT, 'node_modules/.bin/tsc')
/** Node types and the compiler are those of the project. */
const LINKS = { cronledger: ROOT, '@types/node': join(ROOT, 'node_modules/@types/node') }
const OPTIONS = ['--target', 'es2022', '--module', 'nodenext', '--strict', '--skipLibCheck', '--types', 'node']
const run = promisify(execFile)
const folder = scratch()

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf'
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1'
const PARTS = { table: 'money', tableKey: KEY, ...withSmallLetters(OUTPUTS) }
const MACHINE = 'arn:aws:states:eu-west-1:123456789012:stateMachine:start'
/** Two batches with the outputs of a stack, whose values are those of the parameters below. */
const COMPARED = `import { App, aws_ec2 as ec2, aws_ecs as ecs, aws_logs as logs, aws_secretsmanager as secretsmanager, Size, Stack } from 'aws-cdk-lib'
import { GuardedScheduledTask, type GuardedScheduledTaskProps, type LedgerParts } from './guarded-scheduled-task.js'
const app = new App()
const runtimePlatform = { cpuArchitecture: ecs.CpuArchitecture.X86_64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX }
const image = ecs.ContainerImage.fromRegistry('batch:1')
function batch(name: string, container: string, more: Partial<GuardedScheduledTaskProps> = {}, parts: Partial<LedgerParts> = {}) {
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
  const ledger = { ...${JSON.stringify(PARTS)}, ...parts }
  return new GuardedScheduledTask(stack, 'Nightly', {
    ledger, task: 'nightly', schedule: '0 3 * * *', timezone: 'Asia/Tokyo', after: ['import', 'billing'],
    taskDefinition, cluster, subnetSelection: { subnets }, securityGroups, enabled: false, ...more,
  })
}
batch('plain', 'batch')
batch('more', 'job', {
  containerName: 'job', capacityProvider: 'FARGATE_SPOT', platformVersion: '1.4.0', assignPublicIp: true,
  noRunHours: 30, alarmOnDuplicates: true,
}, { stateMachine: '${MACHINE}', familyPrefix: 'pay-' })
batch('known', 'job', { containerName: 'job' }, { container: 'job' })
app.synth()
`

/** The outputs of a stack as those who give them to the construct write them. */
function withSmallLetters(outputs: Loose) {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, one]) => [name.replace(/^./, (letter) => letter.toLowerCase()), one]),
  )
}

const synthesise = (app: string) =>
  run(process.execPath, [app], { cwd: folder, env: { ...process.env, CDK_OUTDIR: 'cdk.out' } })

function readStack(stack: string): Loose {
  return JSON.parse(readFileSync(join(folder, 'cdk.out', `${stack}.template.json`), 'utf8'))
}

const resources = (stack: string, type: string): readonly Loose[] =>
  Object.values<Loose>(readStack(stack)['Resources']).flatMap(({ Type, Properties }) =>
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
  copyFileSync(join(ROOT, 'schema/cdk/guarded-scheduled-task.ts'), join(folder, 'guarded-scheduled-task.ts'))
  const guide = new URL('../../docs/guides/cdk-and-terraform.md', import.meta.url)
  const [app] = blocksIn(guide).filter(({ isHidden, kind }) => !isHidden && kind === 'ts')
  writeFileSync(join(folder, 'app.ts'), app?.text ?? '')
  writeFileSync(join(folder, 'compared.ts'), COMPARED)
  await run(TSC, [...OPTIONS, 'app.ts', 'compared.ts'], { cwd: folder }).catch(({ stdout }) => expect(stdout).toBe(''))
  await synthesise('app.js')
  await synthesise('compared.js')
}, 600_000)

test.each([
  ['plain', '', {}],
  [
    'more',
    'CapacityProvider=FARGATE_SPOT PlatformVersion=1.4.0 AssignPublicIp=ENABLED NoRunHours=30 AlarmOnDuplicates=true',
    { FamilyPrefix: 'pay-', Container: 'job', StateMachine: MACHINE },
  ],
])('the batch %s makes what batch.yaml makes', (stack, more, outputs) => {
  const parameters = `SecurityGroups=sg-1,sg-2 After=import,billing TableKey=${KEY} Secrets=PASSWORD=${SECRET}:password:: ScheduleState=DISABLED`
  const options = { ...BATCH, timezone: 'Asia/Tokyo', parameters: `${BATCH.parameters} ${parameters} ${more}` }
  const all = stackParameters({ ...options, outputs: outputsFile({ ...OUTPUTS, ...outputs }) }, Date.UTC(2026, 10, 24))
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
    detail: { ...detail, ...$or[0], taskDefinitionArn: [{ prefix }] },
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

test.each([
  ["task: 'nightly',", "task: 'nightly', containerName: 'main',", /no essential container named main/],
  ["addContainer('batch', {", "addContainer('batch', { essential: false,", /no essential container\. Add/],
  ["command: ['./batch.sh'],", '', /the container has no command/],
  ["'0 3 * * *'", "'0 3 1 * 5'", /AWS/],
  ['logging:', 'unused:', /the container needs logging/],
])('%s as %s is refused', async (from, to, message) => {
  const source = readFileSync(join(folder, 'app.js'), 'utf8')
  writeFileSync(join(folder, 'wrong.js'), source.replace(from, to))
  await expect(synthesise('wrong.js')).rejects.toThrow(message)
})
