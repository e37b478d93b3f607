// The code of docs/guides/cdk.md, compiled and synthesised. The packages of the CDK are not among those of the project.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { blocksIn } from '../docs/markdown.ts'
import { type Loose, scratch } from '../support/cli.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(ROOT, 'node_modules/.bin/tsc')
/** Node types and the compiler are those of the project. */
const LINKS = { cronledger: ROOT, '@types/node': join(ROOT, 'node_modules/@types/node') }
const OPTIONS = ['--target', 'es2022', '--module', 'nodenext', '--strict', '--skipLibCheck', '--types', 'node']
const run = promisify(execFile)
const folder = scratch()
const STACKS = ['nightly', 'hourly']
const templates = new Map<string, Loose>()

/** Returns the names and types of the resources of the template in the package. */
function packagedResources(): Readonly<Record<string, string>> {
  const text = readFileSync(join(ROOT, 'schema/batch.yaml'), 'utf8')
  const { Resources } = parseYaml(text, { logLevel: 'silent' })
  return Object.fromEntries(Object.entries<Loose>(Resources).map(([name, { Type }]) => [name, Type]))
}

const synthesise = () =>
  run(process.execPath, ['app.js'], { cwd: folder, env: { ...process.env, CDK_OUTDIR: 'cdk.out' } })

function readTemplate(stack: string): Loose {
  return JSON.parse(readFileSync(join(folder, 'cdk.out', `${stack}.template.json`), 'utf8'))
}

/** Returns the synthesised resources of a stack. */
function resourcesOf(stack: string): Loose {
  return templates.get(stack)?.['Resources'] ?? {}
}

function environmentOf(stack: string): Readonly<Record<string, unknown>> {
  const [container] = resourcesOf(stack)['TaskDefinition'].Properties.ContainerDefinitions
  return Object.fromEntries(container.Environment.map(({ Name, Value }: Loose) => [Name, Value]))
}

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts']
  await run('npm', ['install', ...quiet, 'aws-cdk-lib@2', 'constructs@10'], { cwd: folder })
  for (const [name, target] of Object.entries(LINKS)) {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  const guide = new URL('../../docs/guides/cdk.md', import.meta.url)
  for (const { isComment, kind, attributes, text } of blocksIn(guide)) {
    if (!isComment && kind === 'ts') writeFileSync(join(folder, attributes['file'] ?? ''), text)
  }
  await run(TSC, [...OPTIONS, 'app.ts', 'batch-stack.ts'], { cwd: folder })
  await synthesise()
  for (const stack of STACKS) templates.set(stack, readTemplate(stack))
}, 600_000)

describe.each(STACKS)('the stack %s', (stack) => {
  test('has all resources of the template, and no parameter that a deployment could keep', () => {
    const types = Object.entries<Loose>(resourcesOf(stack)).map(([name, { Type }]) => [name, Type])
    expect(Object.fromEntries(types)).toMatchObject(packagedResources())
    expect(Object.keys(templates.get(stack)?.['Parameters'])).toEqual(['BootstrapVersion'])
  })

  test('starts the task in the cluster and the subnets of the app', () => {
    const { Target } = resourcesOf(stack)['BatchSchedule'].Properties
    expect(JSON.stringify(Target.Arn)).toContain('ClusterEB0386A7')
    const [, , parameters] = Target.EcsParameters['Fn::If']
    const { Subnets, SecurityGroups } = parameters.NetworkConfiguration.AwsvpcConfiguration
    expect(Subnets).toHaveLength(2)
    for (const subnet of Subnets) expect(JSON.stringify(subnet)).toContain('VpcPrivateSubnet')
    expect(JSON.stringify(SecurityGroups)).toContain('GroupC77FDACD')
  })
})

test('EventBridge and the container have the same schedule', () => {
  const schedules = Object.fromEntries(
    STACKS.map((stack) => {
      const { ScheduleExpression, ScheduleExpressionTimezone } = resourcesOf(stack)['BatchSchedule'].Properties
      const { CRONLEDGER_SCHEDULE, CRONLEDGER_TIMEZONE } = environmentOf(stack)
      return [stack, { ScheduleExpression, ScheduleExpressionTimezone, CRONLEDGER_SCHEDULE, CRONLEDGER_TIMEZONE }]
    }),
  )
  const tokyo = { ScheduleExpressionTimezone: 'Asia/Tokyo', CRONLEDGER_TIMEZONE: 'Asia/Tokyo' }
  expect(schedules).toEqual({
    nightly: { ...tokyo, ScheduleExpression: 'cron(0 3 * * ? *)', CRONLEDGER_SCHEDULE: '0 3 * * *' },
    hourly: { ...tokyo, ScheduleExpression: 'cron(0 * * * ? *)', CRONLEDGER_SCHEDULE: '0 * * * *' },
  })
})

test('the batches use the table and the group of the ledger, and the other parameters are those of the app', () => {
  expect(JSON.stringify(environmentOf('nightly')['CRONLEDGER_STORE'])).toContain('dynamodb:cronledger')
  expect(JSON.stringify(resourcesOf('nightly')['BatchSchedule'].Properties.GroupName)).toContain('ScheduleGroup')
  const { TaskDefinition } = resourcesOf('nightly')
  expect(String(TaskDefinition.Properties.Memory)).toBe('1024')
  expect(TaskDefinition.Properties.ContainerDefinitions[0].Image).toMatch(/\/nightly:1$/)
})

test('another schedule changes the template', async () => {
  const source = readFileSync(join(folder, 'app.js'), 'utf8')
  writeFileSync(join(folder, 'app.js'), source.replace("'0 3 * * *'", "'30 4 * * *'"))
  await synthesise()
  const { BatchSchedule } = readTemplate('nightly')['Resources']
  expect(BatchSchedule.Properties.ScheduleExpression).toBe('cron(30 4 * * ? *)')
})
