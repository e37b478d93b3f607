import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AWS_PATH, aws, awsEnv, hasAws } from '../support/aws/aws.ts'
import { CONTAINER, serveMetadata, TASK } from '../support/aws/ecs-metadata.ts'
import { startRunningEcs } from '../support/aws/running-ecs.ts'
import { cronledger, type Loose, scratch } from '../support/cli.ts'
import { type Server, startMoto } from '../support/servers.ts'

const PROGRAM = fileURLToPath(new URL('../aws/in-account.mjs', import.meta.url))
const REGION = 'ap-northeast-1'
/** An `aws` for which a new role is not visible at the first deployment of a batch. */
const NEW_ROLE = `#!/bin/sh
case "$*" in
*deploy*-first*) [ -e "$0.tried" ] || { : >"$0.tried"; exit 255; } ;;
*describe-stack-events*)
  echo '{"StackEvents":[{"ResourceStatusReason":"The execution role you provide must allow AWS EventBridge Scheduler to assume the role."}]}'
  exit ;;
esac
PATH="\${PATH#*:}"
exec aws "$@"
`

describe.skipIf(!hasAws)('npm run test:account', () => {
  const folder = scratch()
  const newRole = scratch()
  const told: string[] = []
  const said: string[] = []
  let moto: Server
  let ecs: Server
  /** How many requests are answered before the program is broken off. */
  let untilBroken = Number.POSITIVE_INFINITY
  let breakOff: () => void = () => {}
  const env = () => ({
    ...awsEnv(ecs.endpoint),
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_MAX_ATTEMPTS: '1',
    CRONLEDGER_TEST_POLL_MS: '100',
  })
  const on = (...args: readonly string[]) => aws(moto.endpoint, ...args, '--region', REGION)

  async function container(family: string, overrides: Readonly<Record<string, string>>, command?: readonly string[]) {
    const { taskDefinition } = await on('ecs', 'describe-task-definition', '--task-definition', family)
    const [definition] = taskDefinition.containerDefinitions
    const variables = definition.environment.map(({ name, value }: Loose) => [name, value])
    const cluster = family.replace(/^cl(\w+)-.*/, 'cl-$1')
    const named = (part: unknown) =>
      JSON.parse(JSON.stringify(part).replaceAll(/(cluster|task)\/batch/g, `$1/${cluster}`))
    const task = { ...named(TASK), Family: family, Revision: String(taskDefinition.revision) }
    const metadata = command === undefined ? (await serveMetadata({ container: named(CONTAINER), task })).env : {}
    const own = {
      ...awsEnv(moto.endpoint),
      AWS_REGION: REGION,
      ...Object.fromEntries(variables),
      ...metadata,
      ...overrides,
    }
    const { code, stdout, stderr } = await cronledger(command ?? definition.command, { env: own })
    told.push(`${family} ${command ?? ''} ${code} ${stdout} ${stderr}`)
    // As the rule of the stack does, which moto does not do.
    if (code !== 0) await on('sns', 'publish', '--topic-arn', await output('AlarmTopic'), '--message', `Task ${family}`)
    return code ?? 137
  }

  async function output(key: string): Promise<string> {
    const { Stacks } = await on('cloudformation', 'describe-stacks')
    const found = Stacks.flatMap(({ Outputs = [] }: Loose) => Outputs).find((one: Loose) => one['OutputKey'] === key)
    return found.OutputValue
  }

  /** Moto's EventBridge Scheduler delivers nothing. */
  async function loseStart() {
    const [GroupName, QueueUrl] = [await output('ScheduleGroup'), await output('DeadLetterQueue')]
    const { Schedules } = await on('scheduler', 'list-schedules', '--group-name', GroupName)
    const { Name } = Schedules.find((one: Loose) => one['Name'].endsWith('-gone'))
    const { Target } = await on('scheduler', 'get-schedule', '--name', Name, '--group-name', GroupName)
    await on('sqs', 'send-message', '--queue-url', QueueUrl, '--message-body', Target.Input)
  }

  /** Delivers the trigger of the schedule that is enabled to Step Functions, as EventBridge Scheduler does. */
  async function fire() {
    const { Schedules } = await on('scheduler', 'list-schedules')
    const { Name, GroupName } = Schedules.find(({ State }: Loose) => State === 'ENABLED')
    const { Target } = await on('scheduler', 'get-schedule', '--name', Name, '--group-name', GroupName)
    const slot = new Date(Math.floor(Date.now() / 300_000) * 300_000).toISOString()
    expect(Target.Arn).toBe(await output('StateMachine'))
    const { Overrides }: Loose = JSON.parse(Target.Input.replace('<aws.scheduler.scheduled-time>', slot))
    const variables = Overrides.ContainerOverrides[0].Environment.map(({ Name: key, Value }: Loose) => [key, Value])
    await container(Name, Object.fromEntries(variables))
  }

  async function run(args: readonly string[], onStep: (step: string) => void, own: Record<string, string> = {}) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'] as const,
      env: { PATH: `${newRole}:${AWS_PATH}:/bin`, NODE_NO_WARNINGS: '1', ...env(), ...own },
    })
    breakOff = () => process.kill(-(child.pid ?? 0), 'SIGKILL')
    const exited = once(child, 'close')
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const lines: string[] = []
    for await (const line of createInterface(child.stdout)) {
      lines.push(line)
      said.push(line)
      if (line.startsWith('step: ')) onStep(line)
      if (line.startsWith('waiting for the schedule')) await fire()
      if (line.startsWith('waiting for the dead letter')) await loseStart()
    }
    const [code] = await exited
    return { code, stderr, lines }
  }

  async function leftovers() {
    const lists = await Promise.all([
      on('cloudformation', 'list-stacks').then(({ StackSummaries }) =>
        StackSummaries.filter(({ StackStatus }: Loose) => StackStatus !== 'DELETE_COMPLETE'),
      ),
      on('dynamodb', 'list-tables').then(({ TableNames }) => TableNames),
      on('iam', 'list-roles').then(({ Roles }) => Roles),
      on('iam', 'list-policies', '--scope', 'Local').then(({ Policies }) => Policies),
      on('sqs', 'list-queues').then((answer) => answer?.QueueUrls ?? []),
      on('sns', 'list-topics').then(({ Topics }) => Topics),
      on('events', 'list-rules').then(({ Rules }) => Rules),
      on('logs', 'describe-log-groups').then(({ logGroups }) => logGroups),
      on('cloudwatch', 'describe-alarms').then(({ MetricAlarms }) => MetricAlarms),
      on('ecs', 'list-clusters').then(async ({ clusterArns }) =>
        (await on('ecs', 'describe-clusters', '--clusters', ...clusterArns)).clusters.filter(
          ({ status }: Loose) => status === 'ACTIVE',
        ),
      ),
      on('ecs', 'list-task-definitions').then(async ({ taskDefinitionArns }) => {
        const describe = (arn: string) => on('ecs', 'describe-task-definition', '--task-definition', arn)
        const all = await Promise.all<Loose>(taskDefinitionArns.map(describe))
        return all.filter(({ taskDefinition }: Loose) => taskDefinition.status === 'ACTIVE')
      }),
      on('scheduler', 'list-schedules').then(({ Schedules }) => Schedules),
      on('stepfunctions', 'list-state-machines').then(({ stateMachines }) => stateMachines),
      on('scheduler', 'list-schedule-groups').then(({ ScheduleGroups }) =>
        ScheduleGroups.filter(({ Name }: Loose) => Name !== 'default'),
      ),
    ])
    return lists.flat()
  }

  beforeAll(async () => {
    writeFileSync(`${newRole}/aws`, NEW_ROLE, { mode: 0o755 })
    moto = await startMoto()
    ecs = await startRunningEcs(moto, container, () => {
      untilBroken -= 1
      if (untilBroken === 0) breakOff()
      return untilBroken === 0
    })
  })
  afterAll(async () => {
    await ecs?.stop()
    await moto?.stop()
  })

  test('npm run test:account asks first', async () => {
    const { code, lines } = await run(['--image', 'batch:1'], () => {})
    expect([code, lines.at(-1)]).toEqual([64, expect.stringContaining('Nothing was done')])
    expect(readdirSync(folder)).toEqual([])
  })

  test('npm run test:account needs the Region, and goes on in no other one', async () => {
    const ended = await run(['--image', 'batch:1', '--yes'], () => {}, { AWS_REGION: '' })
    expect([ended.code, ended.stderr]).toEqual([64, expect.stringMatching(/^AWS_REGION is missing: [^\n]*\n$/)])
    const state = `${folder}/account-abcdef.json`
    writeFileSync(state, JSON.stringify({ run: 'abcdef', region: 'us-east-1', account: '1', done: [], resources: [] }))
    const other = await run(['--remove', '--yes'], () => {})
    expect(other).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/was begun in account 1, Region us-east-1\./),
    })
    rmSync(state)
  })

  test('npm run test:account goes through all its steps, although it is broken off in each of them, and leaves nothing but the report', async () => {
    const broken = new Set<string>()
    const begin = (step: string) => {
      untilBroken = broken.has(step) ? Number.POSITIVE_INFINITY : 2
      broken.add(step)
    }
    let ended = await run(['--image', 'batch:1', '--yes'], begin)
    for (let tries = 1; ended.code === null && tries < 20; tries += 1) ended = await run(['--yes'], begin)
    expect(ended, told.join('\n')).toMatchObject({ code: 0, stderr: '' })
    expect(broken.size).toBe(11)
    expect(said).toContain('A new role is not visible everywhere yet. Once more, in a minute.')
    const [name = ''] = readdirSync(folder)
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^account-[0-9a-f]{6}\.md$/)])
    expect(readFileSync(`${folder}/${name}`, 'utf8')).toMatch(
      /## repair by the printed command[\s\S]*no problems found/,
    )
    expect(await leftovers()).toEqual([])
  }, 600_000)
})
