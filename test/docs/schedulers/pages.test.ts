// The snippets of the guides for other schedulers and without AWS: their form, and the run that they start with the values that the scheduler puts in.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { readSchema } from '../../../src/store/schema.ts'
import { cronledger, type Ended, type Loose, STOPPED_CLOCK, scratch } from '../../support/cli.ts'
import { blocksIn } from '../markdown.ts'

const pages = ['other-schedulers', 'without-aws'].map(
  (name) => new URL(`../../../docs/guides/${name}.md`, import.meta.url),
)
const blocks = pages.flatMap(blocksIn).filter(({ isHidden }) => !isHidden)
const folder = scratch()

/** The scheduled time of the snippets: 03:00 in Tokyo. */
const SLOT = '2026-01-05T18:00:00Z'
const NIGHTLY = {
  CRONLEDGER_TASK: 'nightly',
  CRONLEDGER_SCHEDULE: '0 3 * * *',
  CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
}

function blockWith(kind: string, text: string): string {
  const found = blocks.filter((block) => block.kind === kind && block.text.includes(text))
  expect(found, text).toHaveLength(1)
  return found[0]?.text ?? ''
}

function clockAt(instant: string) {
  return { NODE_OPTIONS: STOPPED_CLOCK, DOCS_CLOCK: String(Date.parse(instant)) }
}

/** Returns a runner on a ledger of its own. The ledger of the snippet may be in AWS. */
function runner() {
  const CRONLEDGER_STORE = `file:${join(mkdtempSync(join(folder, 'ledger-')), 'ledger.db')}`
  return (env: Readonly<Record<string, string>>, startedAt?: string) => {
    const late = startedAt === undefined ? {} : clockAt(startedAt)
    return cronledger(['run', '--', 'true'], { env: { ...env, ...late, CRONLEDGER_STORE, CRONLEDGER_LOG: 'json' } })
  }
}

/** The log without the warning that the scheduled times of these tests are long ago. */
function logOf({ stderr }: Ended): readonly Loose[] {
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ message }) => !/ is more than a year ago\. /.test(message))
}

const eventsOf = (ended: Ended) => logOf(ended).map((line) => line['event'])

/** Runs two triggers of the same scheduled time: the first one runs its slot, and the second one is a duplicate. */
async function expectOneRun(env: Readonly<Record<string, string>>, startedAt?: string): Promise<void> {
  const run = runner()
  const first = await run(env, startedAt)
  expect({ code: first.code, log: eventsOf(first) }).toEqual({
    code: 0,
    log: ['ledger-created', 'claimed', 'completed'],
  })
  expect(logOf(first)[0]).toMatchObject({ task: 'nightly', slot: SLOT })
  expect(eventsOf(await run(env, startedAt))).toEqual(['duplicate'])
}

describe('Kubernetes', () => {
  const cronJob: Loose = parseYaml(readSchema('cronjob.yaml'))
  const spec = cronJob['spec']
  const job = spec.jobTemplate.spec
  const pod = job.template.spec
  const [container] = pod.containers

  /** Returns the environment of the container, as Kubernetes makes it for a Job with this name. */
  function envOf(jobName: string): Record<string, string> {
    const fields: Readonly<Record<string, string>> = {
      'metadata.namespace': 'batch',
      'metadata.name': `${jobName}-x7k2p`,
      "metadata.labels['batch.kubernetes.io/job-name']": jobName,
    }
    const env: Record<string, string> = {}
    for (const { name, value, valueFrom } of container.env) {
      // A reference to a variable that is defined before is replaced.
      env[name] =
        fields[valueFrom?.fieldRef.fieldPath] ?? value.replace(/\$\((\w+)\)/g, (_: string, other: string) => env[other])
    }
    return env
  }

  test('the CronJob of the guide tries again only what the ledger asks for, and has texts as variables', () => {
    // A rule with NotIn must not have the value 0. `podFailurePolicy` needs `restartPolicy: Never`.
    expect(job.podFailurePolicy.rules).toEqual([
      { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [75] } },
    ])
    expect(pod.restartPolicy).toBe('Never')
    for (const { name, value } of container.env)
      if (value !== undefined) expect([name, typeof value]).toEqual([name, 'string'])
  })

  test('the CronJob of the guide takes the password of a ledger in PostgreSQL from the Secret that is made, and no AWS', () => {
    const variables: Loose[] = parseYaml(blockWith('yaml', 'PGPASSWORD'))
    const env = Object.fromEntries(variables.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]))
    const [, secret, key] = /secret generic (\S+) --from-file=(\w+)=/.exec(blockWith('sh', 'create secret')) ?? []
    expect(env).toEqual({
      CRONLEDGER_STORE: expect.stringMatching(/^postgres:/),
      PGPASSWORD: { secretKeyRef: { name: secret, key } },
    })
  })

  test('the CronJob of the guide gives both sides the same schedule, zone and time to stop', () => {
    const env = envOf('nightly-1')
    expect(env).toMatchObject({ CRONLEDGER_SCHEDULE: spec.schedule, CRONLEDGER_TIMEZONE: spec.timeZone })
    expect(env['CRONLEDGER_STOP_TIMEOUT']).toBe(`${pod.terminationGracePeriodSeconds}s`)
  })

  test('the Job of a scheduled time runs its slot once', async () => {
    // As getJobName of the controller: the name of the CronJob, and the scheduled time in minutes since 1970.
    await expectOneRun(envOf(`${cronJob['metadata'].name}-${Date.parse(SLOT) / 60_000}`))
  })

  test('a Job that was made by hand is refused: it does not say which slot it is for', async () => {
    const refused = await runner()(envOf('nightly-manual-1'))
    expect(refused.code).toBe(64)
    expect(refused.stderr).toMatch(/To run a slot by hand, force that slot instead of giving an event time/)
  })
})

describe('AWS', () => {
  test('Batch: the event time is the scheduled time that EventBridge Scheduler puts into the input', async () => {
    const schedule: Loose = JSON.parse(blockWith('json', 'aws-sdk:batch:submitJob'))
    expect(schedule).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Asia/Tokyo',
    })
    const input: Loose = JSON.parse(schedule['Target'].Input.replace('<aws.scheduler.scheduled-time>', SLOT))
    const env = input['ContainerOverrides'].Environment.map(({ Name, Value }: Record<string, string>) => [Name, Value])
    await expectOneRun({ ...NIGHTLY, ...Object.fromEntries(env) })
    const { retryStrategy }: Loose = JSON.parse(blockWith('json', 'retryStrategy'))
    expect(retryStrategy.evaluateOnExit).toEqual([
      { onExitCode: '75', action: 'RETRY' },
      { onReason: '*', action: 'EXIT' },
    ])
  })
})

describe('Airflow', () => {
  const dag = blockWith('python', 'CronTriggerTimetable')
  const env = Object.fromEntries(
    [...dag.matchAll(/'(CRONLEDGER_\w+)': '([^']*)'/g)].map(([, name, value]) => [name, value]),
  )

  test('the event time is the end of the data interval, as the filter ts writes it', async () => {
    expect(env).toMatchObject(NIGHTLY)
    expect(dag).toContain(
      `CronTriggerTimetable('${NIGHTLY.CRONLEDGER_SCHEDULE}', timezone='${NIGHTLY.CRONLEDGER_TIMEZONE}')`,
    )
    expect(env['CRONLEDGER_EVENT_TIME']).toBe('{{ data_interval_end | ts }}')
    await expectOneRun({ ...env, CRONLEDGER_EVENT_TIME: '2026-01-05T18:00:00+00:00' })
  })

  test.skipIf(spawnSync('python3', ['--version']).status !== 0)('the DAG is valid Python', () => {
    const { status, stderr } = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], {
      input: dag,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('GitHub Actions', () => {
  const workflow: Loose = parseYaml(blockWith('yaml', 'workflow_dispatch'))
  const { nightly } = workflow['jobs']
  const action: Loose = parseYaml(readFileSync(new URL('../../../action.yml', import.meta.url), 'utf8'))
  const [install, { run, env: ofAction }] = action['runs'].steps
  const given = nightly.steps.at(-1).with
  const inputOf = (value: string) =>
    value.replace(/^\$\{\{ inputs\.(\w+) \}\}$/, (all, name: string) => given[name] ?? all)
  const env = Object.fromEntries(Object.entries<string>(ofAction).map(([name, value]) => [name, inputOf(value)]))
  const envWith = (inputs: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries<string>(env).map(([name, value]) => [
        name,
        value.replace(/^\$\{\{ (.*) \}\}$/, (_, expression: string) => inputs[expression] ?? ''),
      ]),
    )

  test('the workflow of the guide has the members that a workflow has at these places, and the same schedule on both sides', () => {
    expect(Object.keys(workflow)).toEqual(['name', 'on', 'jobs'])
    expect(Object.keys(nightly)).toEqual(['runs-on', 'permissions', 'steps'])
    expect(workflow['on'].schedule).toEqual([{ cron: env['CRONLEDGER_SCHEDULE'] }])
    expect(env['CRONLEDGER_TIMEZONE']).toBe('UTC')
    expect(Object.keys(action['inputs'])).toEqual(expect.arrayContaining(Object.keys(given)))
  })

  test('the action takes the executable only with the checksum that is given, and puts it into the PATH of later steps', () => {
    const temp = mkdtempSync(join(folder, 'action-'))
    const program = join(temp, 'download')
    writeFileSync(program, '#!/bin/sh\necho "cronledger $*"\n')
    const sum = createHash('sha256').update(readFileSync(program)).digest('hex')
    const step = (text: string, more: Readonly<Record<string, string>>) =>
      spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', text], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], RUNNER_TEMP: temp, GITHUB_PATH: join(temp, 'path'), ...more },
      })
    const installed = (SHA256: string) => step(install.run, { EXECUTABLE: String(pathToFileURL(program)), SHA256 })
    expect(installed('0'.repeat(64)).status).toBe(1)
    expect(existsSync(join(temp, 'path'))).toBe(false)
    expect(installed(sum)).toMatchObject({ status: 0, stderr: '' })
    const bin = readFileSync(join(temp, 'path'), 'utf8').trim()
    const started = step(run, { PATH: `${bin}:${process.env['PATH']}`, BATCH: 'echo a | cat' })
    expect(started.stdout).toBe('cronledger run -- bash -eo pipefail -c echo a | cat\n')
    for (const BATCH of ['', ' \n'])
      expect(step(run, { PATH: `${bin}:${process.env['PATH']}`, BATCH })).toMatchObject({
        status: 64,
        stdout: '::error::run is empty. Give it the command line of the batch.\n',
      })
  })

  test('a scheduled run has no inputs, and starts late in its slot', async () => {
    const start = runner()
    const first = await start(envWith({}), '2026-01-05T23:40:00Z')
    expect({ code: first.code, slot: logOf(first)[0]?.['slot'] }).toEqual({ code: 0, slot: '2026-01-05T18:17:00Z' })
    expect(eventsOf(await start(envWith({}), '2026-01-05T23:50:00Z'))).toEqual(['duplicate'])
  })

  test('beside EventBridge: each slot runs once, also if a start without an event time is later than one period', async () => {
    const start = runner()
    const late = (startedAt: string) => start(envWith({}), startedAt)
    const onTime = (slot: string) => start({ ...envWith({}), CRONLEDGER_EVENT_TIME: slot }, slot)
    const runs = [
      await late('2026-01-05T23:40:00Z'),
      await onTime('2026-01-05T18:17:00Z'),
      await onTime('2026-01-06T18:17:00Z'),
      // The start for the 6th. It takes the slot of the 7th, which EventBridge then finds done.
      await late('2026-01-07T18:30:00Z'),
      await onTime('2026-01-07T18:17:00Z'),
    ]
    expect(runs.map((ended) => [logOf(ended).at(-1)?.['slot'], eventsOf(ended).at(-1)])).toEqual([
      ['2026-01-05T18:17:00Z', 'completed'],
      ['2026-01-05T18:17:00Z', 'duplicate'],
      ['2026-01-06T18:17:00Z', 'completed'],
      ['2026-01-07T18:17:00Z', 'completed'],
      ['2026-01-07T18:17:00Z', 'duplicate'],
    ])
  })

  test('a run by hand is for the slot of its input', async () => {
    const inputs = {
      'inputs.slot': '2026-01-03',
      'inputs.reason': 'bad input file',
      'inputs.slot && github.actor': 'ada',
    }
    const forced = await runner()(envWith(inputs), '2026-01-05T23:40:00Z')
    expect({ code: forced.code, slot: logOf(forced)[0]?.['slot'] }).toEqual({ code: 0, slot: '2026-01-03T18:17:00Z' })
  })
})

describe('systemd', () => {
  const timer = blockWith('ini', '[Timer]')
  const service = blockWith('ini', '[Service]')

  /** Returns the variables of `Environment=`, as systemd splits them. */
  const env = Object.fromEntries(
    [...service.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line = '']) =>
      [...line.matchAll(/"([^"=]+)=([^"]*)"|([^\s=]+)=(\S+)/g)].map(([, a, b, c, d]) => [a ?? c, b ?? d]),
    ),
  )

  test('a start that RandomizedDelaySec or a downtime has delayed runs the slot of that day once', async () => {
    expect(env).toMatchObject(NIGHTLY)
    await expectOneRun(env, '2026-01-05T18:05:00Z')
    await expectOneRun(env, '2026-01-06T09:00:00Z')
  })

  test('the timer and the schedule have the same time and zone, and the service the same time to stop', () => {
    expect(timer).toMatch(/^OnCalendar=\*-\*-\* 03:00:00 Asia\/Tokyo$/m)
    expect(timer).toMatch(/^Persistent=true$/m)
    expect(service).toContain(`TimeoutStopSec=${env['CRONLEDGER_STOP_TIMEOUT']}\n`)
    expect(service).toMatch(/^RestartForceExitStatus=75$/m)
  })
})

test('cron: the line has its schedule twice and the zone of the variables, and the second host is a duplicate', async () => {
  const lines = `${blockWith('text', 'MAILTO')}${blockWith('text', 'CRONLEDGER_STORE=postgres')}`.trim().split('\n')
  const isVariable = (line: string) => /^[A-Z_]+=/.test(line)
  const env = Object.fromEntries(lines.filter(isVariable).map((line) => line.split(/=(.*)/s).slice(0, 2)))
  const jobs = lines.filter((line) => !isVariable(line))
  const { CRONLEDGER_TASK, CRONLEDGER_SCHEDULE, CRONLEDGER_TIMEZONE } = NIGHTLY
  expect(env).toMatchObject({ CRONLEDGER_TIMEZONE })
  const command = `cronledger run ${CRONLEDGER_TASK} --schedule '${CRONLEDGER_SCHEDULE}' -- `
  expect(jobs).toEqual([expect.stringContaining(`${CRONLEDGER_SCHEDULE} ${command}`)])
  await expectOneRun({ ...NIGHTLY, ...env }, '2026-01-05T18:00:02Z')
})

describe('the Lambda function', () => {
  function handlerOn(store: string) {
    const lambda = mkdtempSync(join(folder, 'lambda-'))
    mkdirSync(join(lambda, 'node_modules'))
    symlinkSync(new URL('../../..', import.meta.url).pathname, join(lambda, 'node_modules', 'cronledger'))
    const file = join(lambda, 'handler.mjs')
    writeFileSync(file, blockWith('js', 'export const handler'))
    const code = `import(${JSON.stringify(pathToFileURL(file))}).then(({ handler }) => handler({ time: '${SLOT}' })).then(console.log)`
    return () =>
      spawnSync(process.execPath, ['--eval', code], {
        encoding: 'utf8',
        env: { ...process.env, CRONLEDGER_STORE: store },
      })
  }

  test('the Lambda function does not fail while the task is paused, and fails if its run is refused', async () => {
    const store = `file:${join(mkdtempSync(join(folder, 'ledger-')), 'ledger.db')}`
    const env = { ...NIGHTLY, CRONLEDGER_STORE: store }
    const invoke = handlerOn(store)
    await cronledger(['run', '--event-time', '2026-01-04T18:00:00Z', '--', 'true'], { env })
    const paused = { ...env, ...clockAt('2026-01-05T00:00:00Z') }
    expect((await cronledger(['pause', '--reason', 'maintenance'], { env: paused })).code).toBe(0)
    expect(invoke()).toMatchObject({ status: 0, stdout: 'undefined\n' })
    const other = { ...env, CRONLEDGER_STORE: `${store}.refused` }
    await cronledger(['run', '--event-time', SLOT, '--', 'false'], { env: other })
    const refused = handlerOn(other.CRONLEDGER_STORE)()
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('refused (failed)') })
  })
})
