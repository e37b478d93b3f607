import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AWS_PATH, aws, awsEnv, hasAws } from '../../support/aws/aws.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { CONTAINER, serveMetadata, TASK } from '../../support/aws/ecs-metadata.ts'
import { cronledger, type Ended, type Loose, newStore, scratch, writeProgram } from '../../support/cli.ts'
import { type Server, startMoto } from '../../support/servers.ts'
import { slotOn } from '../../support/today.ts'
import { filledIn } from '../../verdict/pasted.ts'

// What the program prints on ECS, pasted into a shell with the AWS command line, against a server that has the cluster,
// the task definition and the log.

const folder = scratch()
const REGION = FARGATE.place.region
/** Another name than that of the task definition, with each kind of character that ECS allows. */
const NAME = 'The_batch-1'
const STREAM = FARGATE.place.logStream
const HOSTILE = `it's "bad" input: $(touch /tmp/no) \`id\` \\ ;&|<>*? 入力`

/** Serves the metadata of a container whose log is in this stream. Returns the environment that names the endpoint. */
async function metadataOf(logStream: string = STREAM) {
  const LogOptions = { ...CONTAINER.LogOptions, 'awslogs-stream': logStream }
  const { env } = await serveMetadata({
    container: { ...CONTAINER, Name: NAME, LogOptions },
    task: { ...TASK, Revision: '1' },
  })
  return env
}

/** A batch in the container with this metadata, and a ledger of its own. All options are in its environment, as in a task definition. */
async function batch(metadata: Readonly<Record<string, string>>) {
  const store = newStore(folder)
  const env = {
    ...metadata,
    CRONLEDGER_STORE: store,
    CRONLEDGER_TASK: 'nightly',
    CRONLEDGER_SCHEDULE: '0 3 * * *',
    CRONLEDGER_STRICT: 'true',
    CRONLEDGER_CATCH_UP: '3d',
    CRONLEDGER_MAX_LATENESS: '366d',
    CRONLEDGER_MAX_ATTEMPTS: '2',
    CRONLEDGER_RETRY_DELAY: '0s',
    CRONLEDGER_OVERLAP: 'wait',
    CRONLEDGER_OVERLAP_TIMEOUT: '1m',
    CRONLEDGER_GRACE: '15m',
    CRONLEDGER_METRICS: 'cronledger',
    CRONLEDGER_LOG: 'json',
  }
  await cronledger(['setup', '--store', store])
  return {
    run: (overrides: Readonly<Record<string, string>>, script = 'echo $CRONLEDGER_RUN_SLOT') =>
      cronledger(['run', '--', 'sh', '-c', script], { env: { ...env, ...overrides } }),
    /** Runs a command of an operator, who is not on ECS. */
    ask: (...args: readonly string[]) => cronledger(args, { env: { CRONLEDGER_STORE: store } }),
  }
}

function logged({ stderr }: Ended, event: string): Loose {
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line)).findLast((line) => line.event === event) ?? {}
}

/** Returns the command of the next step with these words, from text or from a `steps`. */
function stepOf(source: string | readonly Loose[] | undefined, what: string): string {
  const found =
    typeof source === 'string'
      ? source
          .split('\n')
          .flatMap((line) => (line.startsWith(`  ${what}:`) ? [line.slice(what.length + 3).trim()] : []))
      : source?.flatMap((step) => (step['what'] === what ? [step['command'] as string] : []))
  if (found?.[0] === undefined) throw new Error(`no step ${what}: ${JSON.stringify(source)}`)
  return found[0]
}

describe.skipIf(!hasAws)('pasted from a batch on ECS', () => {
  let server: Server
  let network: { readonly subnets: string; readonly securityGroups: string }
  const on = (...args: readonly string[]) => aws(server.endpoint, ...args, '--region', REGION)

  beforeAll(async () => {
    server = await startMoto()
    const containers = JSON.stringify([{ name: NAME, image: 'batch:7', memory: 512 }])
    await on('ecs', 'create-cluster', '--cluster-name', 'batch')
    await on(
      'ecs',
      'register-task-definition',
      '--family',
      'nightly',
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
    const { Subnets } = await on('ec2', 'describe-subnets')
    const { SecurityGroups } = await on('ec2', 'describe-security-groups')
    network = { subnets: Subnets[0].SubnetId, securityGroups: SecurityGroups[0].GroupId }
    await on('logs', 'create-log-group', '--log-group-name', '/ecs/nightly')
  })
  afterAll(() => server.stop())

  async function paste(command: string) {
    writeProgram(folder)
    // The command names the Region of the batch. The environment of the operator has another one.
    const env = { ...awsEnv(server.endpoint), PATH: `${folder}:${AWS_PATH}:/bin`, LANG: 'C.UTF-8' }
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { env })
    return stdout
  }

  /** Pastes a command that starts a task. Returns the environment that the task in the cluster has in its overrides. */
  async function started(command: string, reason = 'the input file was fixed') {
    const arn = (await paste(filledIn(command, { ...network, reason, by: 'Ada Lovelace' }))).trim()
    const found = await on('ecs', 'describe-tasks', '--cluster', 'batch', '--tasks', arn)
    const [{ taskDefinitionArn, launchType, overrides }] = found.tasks
    expect([taskDefinitionArn, launchType]).toEqual([expect.stringMatching(/:task-definition\/nightly:1$/), 'FARGATE'])
    const [{ name, environment }] = overrides.containerOverrides
    expect(name).toBe(NAME)
    return Object.fromEntries(environment.map((one: Loose) => [one['name'], one['value']]))
  }

  test('the line of a failure: its log, and a task that runs the slot again', async () => {
    const { run, ask } = await batch(await metadataOf())
    const failed = await run({ CRONLEDGER_EVENT_TIME: slotOn(2) }, 'exit 2')
    const { steps } = logged(failed, 'failed')

    const events = [
      { timestamp: Date.now() - 3_600_000, message: 'the run before' },
      { timestamp: Date.now() + 1_000, message: 'no such invoice' },
    ]
    const stream = ['--log-group-name', '/ecs/nightly', '--log-stream-name', STREAM]
    await on('logs', 'create-log-stream', ...stream)
    await on('logs', 'put-log-events', ...stream, '--log-events', JSON.stringify(events))
    const log = await paste(stepOf(steps, 'check its log'))
    expect(log).toContain('no such invoice')
    expect(log).not.toContain('the run before')

    const again = await run(await started(stepOf(steps, 'run it again'), HOSTILE))
    expect(again).toMatchObject({ code: 0, stdout: `${slotOn(2)}\n` })
    const shown = JSON.parse((await ask('show', 'nightly', '--slot', slotOn(2), '--json')).stdout)
    expect(shown.attempts.at(-1).trigger).toEqual({ kind: 'forced', by: 'Ada Lovelace', reason: HOSTILE })
  })

  test('the line of a refusal: the log of the attempt that failed, and a decision from another host', async () => {
    const { run, ask } = await batch(await metadataOf())
    await run({ CRONLEDGER_EVENT_TIME: slotOn(2), CRONLEDGER_MAX_ATTEMPTS: '1', CRONLEDGER_RETRY_DELAY: '' }, 'exit 2')
    const later = await metadataOf('cronledger/batch/later')
    const refused = await run({
      ...later,
      CRONLEDGER_EVENT_TIME: slotOn(2),
      CRONLEDGER_MAX_ATTEMPTS: '1',
      CRONLEDGER_RETRY_DELAY: '',
    })
    expect(refused.code).toBe(65)
    const { steps } = logged(refused, 'refused')
    expect(stepOf(steps, 'check its log')).toContain(`--log-stream-names ${STREAM} `)
    await paste(filledIn(stepOf(steps, 'or mark it as completed'), { ...network, reason: 'done by hand', by: '' }))
    expect((await ask('show', 'nightly', '--slot', slotOn(2))).stdout).toContain('resolved as completed')
  })

  test('check and show: a slot that failed, and slots that were missed', async () => {
    const { run, ask } = await batch(await metadataOf())
    await run({ CRONLEDGER_EVENT_TIME: slotOn(5) })
    await run({ CRONLEDGER_EVENT_TIME: slotOn(2), CRONLEDGER_CATCH_UP: '' }, 'exit 2')
    const range = ['--since', slotOn(5), '--until', slotOn(1)]

    const check = await ask('check', ...range)
    expect(check.code).toBe(1)
    expect(stepOf(check.stdout, 'check the latest log')).toContain(`--log-stream-names ${STREAM} `)
    const list = await paste(stepOf(check.stdout, 'list these slots'))
    expect(list).toMatch(
      /^Nothing to run\.\nLeft out: 3 slots\. .* does not know its network: set CRONLEDGER_ECS_NETWORK/,
    )
    expect(list.match(/run it: +aws ecs run-task /g)).toHaveLength(3)
    expect(stepOf(check.stdout, 'run them, the oldest first')).toMatch(/^cronledger rerun .*--reason 'YOUR REASON'$/)

    const oldest = /run it: +(aws ecs run-task .*)/.exec(list)?.[1] ?? ''
    expect(await run(await started(oldest))).toMatchObject({ code: 0, stdout: `${slotOn(4)}\n` })

    // Each finding has the commands for its own slot.
    const [failed, missed] = JSON.parse((await ask('check', ...range, '--json')).stdout)
    expect([failed.kind, missed.kind]).toEqual(['failed', 'missed'])
    expect(await run(await started(stepOf(missed.steps, 'run it now')))).toMatchObject({ stdout: `${slotOn(3)}\n` })

    const shown = await ask('show', 'nightly', '--slot', slotOn(2))
    const command = stepOf(shown.stdout, 'run it again')
    expect(stepOf(failed.steps, 'run it again')).toBe(command)
    expect(await run(await started(command))).toMatchObject({ code: 0, stdout: `${slotOn(2)}\n` })
    expect((await ask('check', ...range)).code).toBe(0)
  })

  test('a slot that has completed: its work is done twice only by a force that says so', async () => {
    const { run, ask } = await batch(await metadataOf())
    await run({ CRONLEDGER_EVENT_TIME: slotOn(2) })
    const twice = { CRONLEDGER_FORCE_SLOT: slotOn(2), CRONLEDGER_REASON: 'the data changed', CRONLEDGER_BY: 'Ada' }
    expect((await run(twice)).code).toBe(65)
    await run({ ...twice, CRONLEDGER_STATUS: 'completed' }, 'exit 2')
    const { stdout } = await ask('show', 'nightly', '--slot', slotOn(2))
    const overrides = await started(stepOf(stdout, 'or run it again although it has completed'))
    expect(overrides).toMatchObject({ CRONLEDGER_STATUS: 'completed' })
    expect(await run(overrides)).toMatchObject({ code: 0, stdout: `${slotOn(2)}\n` })
  })

  test('after a change of the schedule, the commands run slots of the old one', async () => {
    const { run, ask } = await batch(await metadataOf())
    const once = { CRONLEDGER_STRICT: '', CRONLEDGER_CATCH_UP: '' }
    const old = { ...once, CRONLEDGER_SCHEDULE: '0 4 * * *' }
    const at = (daysAgo: number) => slotOn(daysAgo, 4)
    await run(
      { ...old, CRONLEDGER_EVENT_TIME: at(5), CRONLEDGER_MAX_ATTEMPTS: '1', CRONLEDGER_RETRY_DELAY: '' },
      'exit 2',
    )
    await run({ ...old, CRONLEDGER_EVENT_TIME: at(3) })
    await run({ ...once, CRONLEDGER_EVENT_TIME: slotOn(2) })
    const found: Loose[] = JSON.parse((await ask('check', '--since', at(6), '--until', slotOn(2), '--json')).stdout)
    expect(found.map(({ kind, slot }) => [kind, slot])).toEqual([
      ['missed', at(4)],
      ['failed', at(5)],
    ])
    for (const { kind, slot, steps } of found) {
      const again = await started(stepOf(steps, kind === 'missed' ? 'run it now' : 'run it again'))
      expect(await run(again)).toMatchObject({ code: 0, stdout: `${slot}\n` })
    }
  })
})
