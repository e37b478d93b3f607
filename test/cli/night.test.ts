import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insideQuotes } from '../../src/format/text.ts'
import { AWS_PATH, aws, awsEnv, hasAws } from '../support/aws/aws.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import { serveMetadata, TASK } from '../support/aws/ecs-metadata.ts'
import { startRunningEcs } from '../support/aws/running-ecs.ts'
import { cronledger, scratch, start, writeProgram } from '../support/cli.ts'
import { type Server, startMoto } from '../support/servers.ts'
import { slotOn } from '../support/today.ts'

// A night in which the batches of a team failed on ECS, repaired by the command that cronledger prints.

const folder = scratch()
const REGION = FARGATE.place.region
const TASKS = ['pay/capture', 'pay/refund', 'pay/report', 'crm/export', 'crm/mail', 'crm/sync'] as const
const REASON = `it's the "network": $5 \`id\` \\n \\`
const store = `file:${join(folder, 'ledger.db')}`
const slotOf = (hour: number, days = 2) => slotOn(days, hour)
/** As the log of the script has it. */
const told = (hour: number) => slotOf(hour).replace(/T(\d\d:\d\d).*/, ' $1 UTC')

describe.skipIf(!hasAws)('a night of five failed batches and a stale one', () => {
  let moto: Server
  let ecs: Server
  const envs = new Map<string, Record<string, string>>()
  const ran: string[] = []
  /** The tasks whose batch still fails. */
  const broken = new Set<string>()
  const env = () => ({ CRONLEDGER_STORE: store })

  async function container(family: string, overrides: Readonly<Record<string, string>>, script = 'exit 0') {
    const { code, stdout } = await cronledger(
      ['run', '--', 'sh', '-c', `echo $CRONLEDGER_RUN_TASK $CRONLEDGER_RUN_SLOT; ${script}`],
      { env: { ...env(), ...envs.get(family), ...overrides } },
    )
    if (stdout !== '') ran.push(stdout.trim())
    return code ?? 137
  }
  const familyOf = (task: string) => task.replace('/', '-')

  beforeAll(async () => {
    moto = await startMoto()
    ecs = await startRunningEcs(moto, async (family, overrides, _, TaskARN) => {
      const metadata = await serveMetadata({ task: { ...TASK, TaskARN, Family: family, Revision: '1' } })
      return container(family, { ...overrides, ...metadata.env }, broken.has(family) ? 'exit 3' : 'exit 0')
    })
    const on = (...args: readonly string[]) => aws(moto.endpoint, ...args, '--region', REGION)
    await on('ecs', 'create-cluster', '--cluster-name', 'batch')
    const { Subnets } = await on('ec2', 'describe-subnets')
    const { SecurityGroups } = await on('ec2', 'describe-security-groups')
    const network = { subnets: [Subnets[0].SubnetId], securityGroups: [SecurityGroups[0].GroupId] }
    writeProgram(folder)
    await cronledger(['setup'], { env: env() })
    for (const [index, task] of TASKS.entries()) {
      const family = familyOf(task)
      const containers = JSON.stringify([{ name: 'batch', image: 'batch:7', memory: 512 }])
      await on(
        'ecs',
        'register-task-definition',
        '--family',
        family,
        '--network-mode',
        'awsvpc',
        '--cpu',
        '256',
        '--memory',
        '512',
        '--requires-compatibilities',
        'FARGATE',
        '--container-definitions',
        containers,
      )
      envs.set(family, {
        CRONLEDGER_ECS_NETWORK: JSON.stringify({ awsvpcConfiguration: { ...network, assignPublicIp: 'ENABLED' } }),
        CRONLEDGER_TASK: task,
        CRONLEDGER_SCHEDULE: `0 ${index + 1} * * *`,
        CRONLEDGER_LOG: 'text',
        // The killed attempt is soon stale.
        CRONLEDGER_LEASE: '8s',
        CRONLEDGER_HEARTBEAT: '1s',
        CRONLEDGER_SKEW: '0s',
        CRONLEDGER_KILL_AFTER: '500ms',
      })
    }
  })
  afterAll(async () => {
    await ecs?.stop()
    await moto?.stop()
  })

  /** The day before, all of them succeed. In the night, the first two are never started, and the last one is killed. */
  async function playNight() {
    for (const [index, task] of TASKS.entries()) {
      const family = familyOf(task)
      const metadata = await serveMetadata({ task: { ...TASK, Family: family, Revision: '1' } })
      envs.set(family, { ...envs.get(family), ...metadata.env })
      await container(family, { CRONLEDGER_EVENT_TIME: slotOf(index + 1, 3) })
      const failing = index === 5 ? 'kill -9 $PPID' : 'exit 2'
      if (index > 1) await container(family, { CRONLEDGER_EVENT_TIME: slotOf(index + 1) }, failing)
    }
    ran.length = 0
  }

  /** Runs a command line in sh, as an operator pastes it. */
  async function paste(command: string) {
    const ofAws = awsEnv(ecs.endpoint)
    const options = { env: { ...ofAws, PATH: `${folder}:${AWS_PATH}:/bin`, LANG: 'C.UTF-8', USER: 'ada' } }
    return promisify(execFile)('sh', ['-c', command], options).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  }

  const EVENING = () => ['--from', slotOf(0), '--until', slotOf(12)]
  const rerun = (task: string, ...args: readonly string[]) =>
    start(['rerun', task, ...EVENING(), ...args], { env: operator() }).ended
  const operator = () => ({
    ...awsEnv(ecs.endpoint),
    ...env(),
    PATH: `${folder}:${AWS_PATH}:/bin`,
    CRONLEDGER_LOG: 'text',
  })

  // promise: night-on-ecs
  test('a night of five failed batches and a stale one is repaired by what check prints, in one go', async () => {
    await playNight()
    const range = ['--since', slotOf(0), '--until', slotOf(12)]
    const { stdout: checked } = await cronledger(['check', ...range], { env: env() })
    const command = /^To run .* again: (cronledger rerun .* --all)$/m.exec(checked)?.[1] ?? ''
    expect(command).toMatch(/ --jobs 4 --reason 'YOUR REASON' --all$/)
    const repair = `${command.replace('YOUR REASON', () => insideQuotes(REASON))} --yes --log text`
    expect((await paste(`${repair.replace('--yes', '--dry-run')}`)).stdout).toMatch(
      /^pay\/capture {2}.*, on ECS batch\/pay-capture\n[\s\S]*5 slots of 5 tasks, 4 tasks side by side, on ECS batch\/pay-capture, /,
    )

    broken.add('pay-report')
    const first = await paste(repair)
    expect(first).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining(`pay/report ${told(3)}: exit code 3`),
    })
    expect(first.stderr).toMatch(/4 done, 1 failed, 0 not run\. Run the same command again to continue\./)
    broken.clear()
    const second = await paste(repair)
    expect([second.code, second.stderr]).toEqual([0, expect.stringMatching(/\n.*: 1 done, 0 failed, 0 not run\./)])
    // One that failed stops no other task, and the same command goes on from there.
    const once = ['pay/capture', 'pay/refund', 'pay/report', 'crm/export', 'crm/mail'].map(
      (task, index) => `${task} ${slotOf(index + 1)}`,
    )
    expect([...ran].sort()).toEqual([...once, `pay/report ${slotOf(3)}`].sort())
    const left = async () => JSON.parse((await cronledger(['check', ...range, '--json'], { env: env() })).stdout)
    // The killed attempt is stale when its lease is over, which may be after the repair of the others.
    while ((await left()).length === 0);
    expect(await left()).toMatchObject([{ task: 'crm/sync', status: 'stale' }])
    const shown = JSON.parse(
      (await cronledger(['show', 'pay/refund', '--slot', slotOf(2), '--json'], { env: env() })).stdout,
    )
    expect(shown.attempts[0].trigger).toMatchObject({ kind: 'forced', reason: REASON })

    // The stale slot is listed with its caution and its commands, and is run if the operator names its status.
    const looked = ['--reason', 'looked at it']
    const { stderr: listed, code } = await rerun('crm/*', ...looked, '--yes')
    expect([code, listed]).toEqual([
      0,
      expect.stringMatching(/^Left out: 1 slot\. .*Look at each of them before[\s\S]*Nothing to run\.$/m),
    ])
    expect(listed).toMatch(/or mark it as completed: +cronledger resolve .*--task crm\/sync/)
    expect((await rerun('crm/*', ...looked, '--yes', '--status', 'stale')).code).toBe(0)
    expect(ran.at(-1)).toBe(`crm/sync ${slotOf(6)}`)
  })

  test('one named slot runs where its task runs, and what supervises a batch here is refused', async () => {
    const named = (...args: readonly string[]) =>
      start(['rerun', 'pay/capture', '--slot', slotOf(1), '--reason', 'again', ...args], { env: operator() }).ended
    expect(await named('--timeout', '1h', '--status', 'completed')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--timeout has no effect, because no slot runs on this host'),
    })
    expect(await named()).toMatchObject({ code: 65, stderr: expect.stringContaining('refused: it is completed') })
    const before = ran.length
    expect((await named('--status', 'completed')).code).toBe(0)
    expect(ran.slice(before)).toEqual([`pay/capture ${slotOf(1)}`])
  })

  test.each([
    [
      'no capacity, and then some',
      'RESOURCE:MEMORY',
      0,
      /not started: ECS started nothing: RESOURCE:MEMORY\. Trying again/,
    ],
    ['a reason that stays', 'MISSING', 1, /not started: ECS started nothing: MISSING \(0 left\)/],
  ])('what ECS does not start is said, with its reason: %s', async (_, reason, code, said) => {
    // Answers the first request as ECS does, with success, and gives the others to the AWS command line.
    const answer = JSON.stringify({ tasks: [], failures: [{ reason }] })
    const own = join(folder, `aws-${reason.replace(':', '-')}`)
    mkdirSync(own)
    const program = `#!/bin/sh\nif [ "$2" = run-task ] && mkdir '${own}/asked' 2>/dev/null; then echo '${answer}'; else PATH='${AWS_PATH}:/bin' exec aws "$@"; fi\n`
    writeFileSync(join(own, 'aws'), program, { mode: 0o755 })
    const args = ['rerun', 'pay/capture', '--slot', slotOf(1), '--status', 'completed', '--reason', 'again']
    const { PATH, ...more } = operator()
    const ended = await start(args, { env: { ...more, PATH: `${own}:${PATH}` } }).ended
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(said)])
  })
})
