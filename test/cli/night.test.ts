import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insideQuotes } from '../../src/format/text.ts'
import { AWS_PATH, aws, awsEnv, hasAws } from '../support/aws/aws.ts'
import { FARGATE } from '../support/aws/ecs.ts'
import { serveMetadata, TASK } from '../support/aws/ecs-metadata.ts'
import { startRunningEcs } from '../support/aws/running-ecs.ts'
import { cronledger, scratch, writeProgram } from '../support/cli.ts'
import { type Server, startMoto } from '../support/servers.ts'
import { slotOn } from '../support/today.ts'

// A night in which the batches of a team failed on ECS, repaired by what cronledger prints, pasted into a shell.

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
    ecs = await startRunningEcs(moto, (family, overrides) =>
      container(family, overrides, broken.has(family) ? 'exit 3' : 'exit 0'),
    )
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
        ...['ecs', 'register-task-definition', '--family', family, '--network-mode', 'awsvpc', '--cpu', '256'],
        ...['--memory', '512', '--requires-compatibilities', 'FARGATE', '--container-definitions', containers],
      )
      envs.set(family, {
        CRONLEDGER_ECS_NETWORK: JSON.stringify({ awsvpcConfiguration: { ...network, assignPublicIp: 'ENABLED' } }),
        CRONLEDGER_TASK: task,
        CRONLEDGER_SCHEDULE: `0 ${index + 1} * * *`,
        CRONLEDGER_LOG: 'text',
        // The killed attempt is soon stale.
        ...{
          CRONLEDGER_LEASE: '8s',
          CRONLEDGER_HEARTBEAT: '1s',
          CRONLEDGER_SKEW: '0s',
          CRONLEDGER_KILL_AFTER: '500ms',
        },
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

  // promise: night-on-ecs
  test('a night of five failed batches and a stale one is repaired by what check prints, pasted into sh, in one go', async () => {
    await playNight()
    const range = ['--since', slotOf(0), '--until', slotOf(12)]
    const { stdout: checked } = await cronledger(['check', ...range], { env: env() })
    const command = /^To print the script that runs .*: (cronledger rerun .* --all)$/m.exec(checked)?.[1] ?? ''
    const repair = command.replace('YOUR REASON', () => insideQuotes(REASON))
    // The comments about the killed attempt, which may be stale by now, have blanks.
    expect((await paste(repair)).stdout).not.toMatch(/^[^#\n].*(YOUR_|\$USER)/m)

    broken.add('pay-report')
    const first = await paste(`${repair} --jobs 3 | sh`)
    expect(first).toMatchObject({ code: 3, stderr: expect.stringContaining(`pay/report ${told(3)}: exit code 3`) })
    expect(first.stderr).toMatch(
      /^5 slots of 5 tasks, 3 tasks side by side\.[\s\S]*\n4 done, 1 failed, 0 not run\. Run the same command again to continue\.\nTo send/,
    )
    broken.clear()
    const again = (await paste(repair)).stdout
    const second = await paste(`${repair} | sh`)
    expect([second.code, second.stderr]).toEqual([0, expect.stringMatching(/\n1 done, 0 failed, 0 not run\.\n/)])
    // One that failed stops no other task, and the same command goes on from there.
    const once = ['pay/capture', 'pay/refund', 'pay/report', 'crm/export', 'crm/mail'].map(
      (task, index) => `${task} ${slotOf(index + 1)}`,
    )
    expect([...ran].sort()).toEqual([...once, `pay/report ${slotOf(3)}`].sort())
    // A slot that is done by then is no failure, and is not run again.
    expect(await paste(again)).toMatchObject({ code: 0, stderr: expect.stringMatching(/\n1 done, 0 failed, 0 not/) })
    expect(ran).toHaveLength(6)
    const left = async () => JSON.parse((await cronledger(['check', ...range, '--json'], { env: env() })).stdout)
    // The killed attempt is stale when its lease is over, which may be after the repair of the others.
    while ((await left()).length === 0);
    expect(await left()).toMatchObject([{ task: 'crm/sync', status: 'stale' }])
    const shown = JSON.parse(
      (await cronledger(['show', 'pay/refund', '--slot', slotOf(2), '--json'], { env: env() })).stdout,
    )
    expect(shown.attempts[0].trigger).toMatchObject({ kind: 'forced', reason: REASON })

    // The stale slot is listed with its caution and its commands, and is run if the operator names its status.
    const rerun = `cronledger rerun 'crm/*' --store ${store} --from ${slotOf(0)} --to ${slotOf(12)} --reason 'looked at it'`
    const { stdout: listed } = await paste(rerun)
    expect(listed).toMatch(/^# Nothing to run\.\n# Left out: 1 stale slot\. .*Look at each of them before/)
    expect(listed).toMatch(/^# +or mark it as completed: +cronledger resolve .*--task crm\/sync/m)
    expect((await paste(`${rerun} --only stale | sh`)).code).toBe(0)
    expect(ran.at(-1)).toBe(`crm/sync ${slotOf(6)}`)
  })

  test('a task that ECS does not start is said, with the reason of ECS, and nothing waits for it', async () => {
    const { stdout } = await paste(
      `cronledger rerun pay/capture --store ${store} --slot ${slotOf(1)} --only completed --ecs --reason again`,
    )
    const refusing = stdout.replaceAll(/aws ecs run-task .*/g, 'echo RESOURCE:MEMORY')
    expect(await paste(refusing)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`\npay/capture ${told(1)}: ECS started nothing: RESOURCE:MEMORY\n`),
    })
  })
})
