// Also covers src/run/command.ts, since the work of a command is a process.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FARGATE } from '../../support/aws/ecs.ts'
import { serveMetadata } from '../../support/aws/ecs-metadata.ts'
import {
  cronledger,
  type Ended,
  type Loose,
  MAIN,
  NIGHTLY,
  type Options,
  refused,
  scratch,
  start,
} from '../../support/cli.ts'

const folder = scratch()
let files = 0

function ledger() {
  const store = `file:${join(folder, `ledger-${++files}.db`)}`
  const base = ['--store', store, ...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
  return {
    store,
    base,
    path: store.slice('file:'.length),
    run: (command: readonly string[], options: readonly string[] = [], more?: Options) =>
      cronledger(['run', ...base, ...options, '--', ...command], more),
    start: (command: readonly string[], options: readonly string[] = [], more?: Options) =>
      start(['run', ...base, ...options, '--', ...command], more),
    async rows(): Promise<Loose[]> {
      const history = ['history', 'nightly', '--store', store, '--status', 'recorded', '--json']
      return JSON.parse((await cronledger(history)).stdout)
    },
  }
}

/** The log without the warning that the event times of these tests are long ago. */
const wholeLogOf = ({ stderr }: Ended): Loose[] =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ message }) => !/ is more than a year ago\. /.test(message))

/** The log without the line about the file, which the first run of each test makes. */
const logOf = (ended: Ended): Loose[] => wholeLogOf(ended).filter(({ event }) => event !== 'ledger-created')

test('a batch that goes on in the background is told once, kept in the row, and shown', async () => {
  const { run, rows, store } = ledger()
  const inBackground = 'setsid sleep 300 >/dev/null 2>&1 & echo $!'
  const ended = await run(['sh', '-c', inBackground], ['--log', 'text'])
  const pid = Number(ended.stdout)
  onTestFinished(() => void process.kill(pid, 'SIGKILL'))
  expect(ended.stderr.match(/: process .*/g)).toEqual([
    `: process ${pid} (sleep) of attempt 1 still runs in the background, and its end will not be recorded. If it does the work of the batch, run it in the foreground.`,
  ])
  const [row] = await rows()
  expect(row).toMatchObject({ status: 'completed', attempts: [{ background: { pid, command: 'sleep' } }] })
  const shown = await cronledger(['show', 'nightly', '--store', store, '--slot', '2026-11-23T03:00:00Z'])
  expect(shown.stdout.replace(/\s+/g, ' ')).toContain(`, and its process ${pid} (sleep) went on`)
  const checked = await cronledger(['check', '--store', store, '--since', '2026-11-23', '--until', '2026-11-23T12:00Z'])
  expect(checked).toMatchObject({ code: 0 })
})

test.each([
  ['an own process in the background, with quiet', 'sleep 300 >/dev/null 2>&1 & echo $!', ['--log', 'quiet']],
  ['a process that ends with the batch', 'exec > >(cat); echo 0', ['--log', 'text']],
])('%s is no line in the log', async (_, script, options) => {
  const ended = await ledger().run(['bash', '-c', script], options)
  const pid = Number(ended.stdout)
  if (pid > 0) process.kill(pid, 'SIGKILL')
  expect(ended.stderr).not.toContain('in the background')
})

// promise: file-relative-path
test('a run that makes the ledger file says where, so that a relative path in another folder is noticed', async () => {
  const args = ['run', '--store', 'file:./ledger.db', ...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z', '--', 'true']
  const places = ['one', 'other'].map((name) => join(folder, name))
  for (const place of places) {
    mkdirSync(place)
    const first = await cronledger(args, { cwd: place })
    expect(wholeLogOf(first).map(({ event, path }) => [event, path])).toEqual([
      ['ledger-created', join(place, 'ledger.db')],
      ['claimed', undefined],
      ['completed', undefined],
    ])
    expect(first.stderr).toContain('slots that ran before are not known to it')
    expect(logOf(await cronledger(args, { cwd: place })).map(({ event }) => event)).toEqual(['duplicate'])
  }
})

test('the first run of a task in a ledger that has others says so once, and not with quiet', async () => {
  const { store, run } = ledger()
  await run(['true'])
  const other = (task: string, ...more: readonly string[]) =>
    cronledger(['run', '--store', store, '--task', task, '--schedule', '0 3 * * *', ...more, '--', 'true'])
  const warnings = (ended: Ended) =>
    wholeLogOf(ended).flatMap(({ level, message }) => (level === 'warn' ? [message] : []))
  const message = 'first run of this task: slots that ran under another name are not known to it'
  expect(warnings(await other('nightyl', '--event-time', '2026-11-23T03:00:05Z'))).toEqual([message])
  expect(warnings(await other('nightyl', '--event-time', '2026-11-24T03:00:05Z'))).toEqual([])
  expect(warnings(await other('Nightly', '--force-slot', '2026-11-23', '--reason', 'x'))).toEqual([message])
  expect((await other('nightly2', '--event-time', '2026-11-23T03:00:05Z', '--log', 'quiet')).stderr).toBe('')
})

// As in an image whose entrypoint is `cronledger run --`, when its command is overridden.
test('a command of cronledger is refused, and takes no slot', async () => {
  const { base, path } = ledger()
  const { code, stdout, stderr } = await refused(['run', ...base, '--', '/usr/bin/cronledger', 'setup', '--check'])
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toMatch(/^cronledger: the batch command after -- is "cronledger .*docker run --entrypoint [^\n]*\n$/)
  expect(existsSync(path)).toBe(false)
})

test('a program that only has the name of cronledger is a batch', async () => {
  const { run } = ledger()
  const file = join(folder, 'cronledger')
  writeFileSync(file, '#!/bin/sh\necho ran\n')
  chmodSync(file, 0o755)
  expect(await run([file, 'pay'])).toMatchObject({ code: 0, stdout: 'ran\n' })
  expect(await ledger().run(['echo', 'run'])).toMatchObject({ code: 0, stdout: 'run\n' })
})

test('a batch runs; its duplicate after the end starts nothing; both are on record', async () => {
  const { run, rows } = ledger()
  const first = await run(['echo', 'paid'])
  expect(first).toMatchObject({ code: 0, stdout: 'paid\n' })
  expect(logOf(first).map(({ event }) => event)).toEqual(['claimed', 'completed'])

  const second = await run(['echo', 'paid'])
  expect(second).toMatchObject({ code: 0, stdout: '' })
  const [duplicate] = logOf(second)
  const [row] = await rows()
  expect(duplicate).toMatchObject({
    event: 'duplicate',
    task: 'nightly',
    slot: '2026-11-23T03:00:00Z',
    winner: { state: 'COMPLETED', runId: row?.['attempts'][0].runId, outcome: 'succeeded', host: expect.any(String) },
  })
  expect(Date.parse(duplicate?.['winner'].endedAt)).toBeGreaterThanOrEqual(Date.parse(duplicate?.['winner'].startedAt))
  expect(row).toMatchObject({
    state: 'COMPLETED',
    schedule: '0 3 * * *',
    zone: 'UTC',
    zoneData: process.versions['tz'],
    attempts: [{ number: 1, outcome: 'succeeded', exitCode: 0, trigger: { source: 'event-time' } }],
    rejections: { count: 1, first: [{ kind: 'duplicate', cause: 'completed' }] },
  })
})

test('a command that fails gives its own exit code, and the duplicate is refused with what to do', async () => {
  const { run, store } = ledger()
  expect(await run(['sh', '-c', 'exit 3'])).toMatchObject({ code: 3 })
  const second = await run(['echo', 'no'])
  expect(second).toMatchObject({ code: 65, stdout: '' })
  const [refused] = logOf(second)
  expect(refused).toMatchObject({ event: 'refused', cause: 'failed', noted: true })
  expect(refused?.['steps']).toContainEqual({
    what: 'run it again',
    command: `cronledger rerun --store ${store} --task nightly --slot 2026-11-23T03:00:00Z --reason 'YOUR REASON' -- YOUR_COMMAND`,
  })
})

test('--exit-on-duplicate is the exit code of a duplicate, also while the other run is running', async () => {
  const { run, start } = ledger()
  const first = start(['sh', '-c', 'echo ready; exec sleep 60'])
  await first.printed('ready')
  expect((await run(['true'])).code).toBe(0)
  expect((await run(['true'], ['--exit-on-duplicate', '7'])).code).toBe(7)
  first.child.kill('SIGTERM')
  expect((await first.ended).code).toBe(143)
})

test('a batch has its attempt in its environment, and nothing that forces a slot', async () => {
  const { store } = ledger()
  const { stdout } = await cronledger(['run', '--', 'env'], {
    env: {
      CRONLEDGER_STORE: store,
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_SCHEDULE: '0 3 * * *',
      CRONLEDGER_TIMEZONE: 'Asia/Tokyo',
      CRONLEDGER_FORCE_SLOT: '2026-11-23',
      CRONLEDGER_STATUS: 'missed',
      CRONLEDGER_REASON: 'bad input file',
      CRONLEDGER_BY: 'ada',
      CRONLEDGER_MAX_ATTEMPTS: '',
      OTHER: 'kept',
    },
  })
  const variables = stdout.split('\n').filter((line) => /^(CRONLEDGER_|OTHER)/.test(line))
  expect(variables).toEqual(
    expect.arrayContaining([
      ...['CRONLEDGER_RUN_TASK=nightly', 'CRONLEDGER_RUN_ATTEMPT=1', 'CRONLEDGER_RUN_SLOT=2026-11-22T18:00:00Z'],
      ...['CRONLEDGER_RUN_WINDOW_END=2026-11-23T18:00:00Z', 'CRONLEDGER_RUN_DATE=2026-11-23', 'OTHER=kept'],
      expect.stringMatching(/^CRONLEDGER_RUN_ID=.{10,}/),
    ]),
  )
  expect(variables.join()).not.toMatch(/FORCE_SLOT|STATUS|REASON|CRONLEDGER_BY/)
})

test('a batch has a file for its report, which is kept with its attempt, however it ended, and then removed', async () => {
  const { run, rows } = ledger()
  const TMPDIR = join(folder, `tmp-${files}`)
  mkdirSync(TMPDIR)
  const script =
    'echo "in $CRONLEDGER_RUN_ATTEMPT" >"$CRONLEDGER_RUN_REPORT"; [ $CRONLEDGER_RUN_ATTEMPT = 2 ] || kill -9 $$'
  const options = ['--max-attempts', '2', '--retry-delay', '0s']
  expect(await run(['sh', '-c', script], options, { env: { TMPDIR } })).toMatchObject({ code: 0 })
  expect((await rows())[0]?.['attempts']).toMatchObject([
    { outcome: 'failed', report: 'in 1' },
    { outcome: 'succeeded', report: 'in 2' },
  ])
  expect(readdirSync(TMPDIR)).toEqual([])
})

// promise: no-report-folder
test('a batch has no file for its report if none can be made, and not that of a run around it', async () => {
  const { run } = ledger()
  const env = { TMPDIR: '/proc/none', CRONLEDGER_RUN_REPORT: join(folder, 'outer') }
  const ended = await run(['sh', '-c', '[ -z "$CRONLEDGER_RUN_REPORT" ]'], [], { env })
  expect(ended.code).toBe(0)
  expect(logOf(ended).map(({ event, message }) => [event, message])).toEqual([
    ['warning', expect.stringMatching(/^the batch has no files for a report/)],
    ['claimed', expect.any(String)],
    ['completed', expect.any(String)],
  ])
})

test('the command gets its arguments untouched by any shell or option parser', async () => {
  const { run } = ledger()
  const args = ['a b', '$HOME', '--task', '*', '', '--', "it's", '-5', '007']
  const { stdout } = await run(['node', '-e', 'console.log(JSON.stringify(process.argv.slice(1)))', 'x', ...args])
  expect(JSON.parse(stdout)).toEqual(['x', ...args])
})

/** The script that a crontab starts: a run of the current slot, without an event time. */
const scriptFor = (store: string, ...more: string[]) => [
  ...[process.execPath, MAIN, 'run', '--store', store, '--task', 'nightly', '--schedule', '0 3 * * *'],
  ...[...more, '--', 'echo', 'ran'],
]
const rerunIn = (store: string, command: readonly string[], only: string, options?: Options) =>
  cronledger(
    [
      ...['rerun', '--store', store, '--task', 'nightly', '--slot', '2026-11-23T03:00:00Z', '--status', only],
      ...['--reason', 'x', '--', ...command],
    ],
    options,
  )

// promise: run-inside-run
test.each([
  ['run', (args: string[]) => ['run', ...args]],
  ['rerun', (args: string[]) => ['rerun', ...args.slice(0, 4), '--slot', '2026-11-23', '--reason', 'again']],
])(
  'cronledger inside of a run of the same slot: 64 with what to do, and no duplicate on record: %s',
  async (_, inner) => {
    const { run, store, rows } = ledger()
    const options = ['--schedule', '0 3 * * *', '--event-time', '2026-11-23T03:00:05Z']
    const script = [process.execPath, MAIN, ...inner(['--store', store, '--task', 'nightly', ...options])]
    const outer = await run([...script, '--', 'echo', 'ran'])
    expect(outer).toMatchObject({ code: 64, stdout: '' })
    const [row] = await rows()
    const [attempt] = row?.['attempts'] ?? []
    expect(outer.stderr).toContain(`cronledger was called inside run ${attempt.runId} of the same task and slot`)
    expect(row).toMatchObject({ state: 'FAILED', rejections: { count: 0 }, attempts: [{ exitCode: 64 }] })
  },
)

// promise: run-inside-run
test('cronledger inside of a run without an event time: 64, since the slot of the outer run would look completed', async () => {
  const { run, store, rows } = ledger()
  // The operator starts a script for yesterday that calls cronledger as the crontab does.
  const outer = await run(scriptFor(store))
  expect(outer).toMatchObject({ code: 64, stdout: '' })
  const [row] = await rows()
  const [attempt] = row?.['attempts'] ?? []
  expect(outer.stderr).toContain(
    `cronledger was called without an event time inside run ${attempt.runId} of the same task, which is for the slot 2026-11-23T03:00:00Z. This call would run the slot `,
  )
  expect(await rows()).toMatchObject([{ state: 'FAILED', attempts: [{ exitCode: 64 }] }])
  // It may mean another slot, and says so then. What it leaves behind may start the next run later.
  const meant = scriptFor(store, '--event-time', '2026-11-22T03:00:00Z')
  expect(await rerunIn(store, meant, 'failed')).toMatchObject({ code: 0, stdout: 'ran\n' })
  const env = { CRONLEDGER_RUN_ID: attempt.runId, CRONLEDGER_RUN_ANCESTORS: attempt.runId }
  const left = { ...env, CRONLEDGER_RUN_TASK: 'nightly', CRONLEDGER_RUN_SLOT: '2026-11-23T03:00:00Z' }
  expect(await cronledger(scriptFor(store).slice(2), { env: left })).toMatchObject({ code: 0, stdout: 'ran\n' })
})

test('cronledger inside of a rerun: 64, also if the environment has the event time of the container, which is for another slot', async () => {
  const { run, store, rows } = ledger()
  await run(['false'])
  const env = { CRONLEDGER_EVENT_TIME: '2026-11-22T03:00:00Z' }
  expect((await rerunIn(store, ['env'], 'failed', { env })).stdout).not.toMatch(/CRONLEDGER_EVENT/)
  const ended = await rerunIn(store, scriptFor(store), 'completed', { env })
  expect(ended).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('without an event time') })
  expect(await rows()).toHaveLength(1)
  // A scheduled run is for the slot of the event.
  const usual = await cronledger(['run', '--store', store, ...NIGHTLY, '--', 'env'], { env })
  expect(usual.stdout).toMatch(/^CRONLEDGER_EVENT_TIME=2026-11-22T03:00:00Z$/m)
})

describe('a command that cannot be started', () => {
  const notExecutable = join(folder, 'not-executable')
  writeFileSync(notExecutable, '#!/bin/sh\n')
  chmodSync(notExecutable, 0o644)
  const windows = join(folder, 'windows')
  writeFileSync(windows, '#!/bin/sh\r\n', { mode: 0o755 })
  for (const [code, command, message] of [
    [127, 'no-such-command', /command not found: "no-such-command"/],
    [126, notExecutable, /is not an executable file/],
    [127, windows, /the interpreter in its first line .* Windows line ends/],
  ] as const) {
    test(`a command that cannot be started: ${code}, the slot stays free, and the record says why: ${message}`, async () => {
      const { run, rows, store } = ledger()
      const ended = await run([command])
      expect(ended.code).toBe(code)
      expect(logOf(ended).at(-1)).toMatchObject({
        event: 'failed',
        outcome: 'notStarted',
        message: expect.stringMatching(message),
        report: expect.stringMatching(message),
      })
      const range = ['--since', '2026-11-23', '--until', '2026-11-23']
      const read = [
        ['show', '--slot', '2026-11-23'],
        ['check', ...range],
      ].map(([command = '', ...args]) => cronledger([command, '--store', store, '--task', 'nightly', ...args]))
      for (const { stdout } of await Promise.all(read)) expect(stdout).toMatch(message)
      expect(await run(['echo', 'now'])).toMatchObject({ code: 0, stdout: 'now\n' })
      const why = expect.stringMatching(message)
      expect(await rows()).toMatchObject([
        { state: 'COMPLETED', attempts: [{ outcome: 'notStarted', report: why }, {}] },
      ])
    })
  }
})

describe('wrong input: 64, one line that names it, and nothing written', () => {
  const ok = [...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
  const force = [...NIGHTLY, '--force-slot', '2026-11-23T03:00:00Z']
  const without = (name: string) => ok.filter((word, index) => word !== name && ok[index - 1] !== name)

  // The unit tests of the options, settings, schedules and triggers have the other errors.
  test.each<[readonly string[], RegExp, Readonly<Record<string, string>>?]>([
    [[...ok, '--lease', '3m'], /lease 3m is too short: .* Use at least /],
    [
      without('--event-time'),
      /CRONLEDGER_EVENT is not an option of run, .*\. Set CRONLEDGER_EVENT_TIME/,
      { CRONLEDGER_EVENT: '-' },
    ],
    [[...ok, '--reason', 'x'], /--reason requires --force-slot/],
    [ok, /--status requires --force-slot. Give both, or remove/, { CRONLEDGER_STATUS: 'completed' }],
    [[...ok, '--fresh'], /--fresh requires --force-slot/],
    [[...force, '--status', 'running'], /--status "running" is not allowed. Use missed, failed, stale/],
    [['--event-time', '@no-such-file', ...without('--event-time')], /"@no-such-file" cannot be read: there is no such/],
    [['--strict', ...without('--event-time')], /an event time is required/],
    [[...ok, `--${'x'.repeat(5000)}`], /^cronledger: unknown option --x{98}…. See cronledger run --help.\n$/],
    [[...ok, '--pasword=hunter2'], /^cronledger: unknown option --pasword. See cronledger run --help.\n$/],
  ])('wrong input: 64, one line that names it, and nothing written: %j: %s', async (args, message, env) => {
    const { store, path } = ledger()
    const { code, stdout, stderr } = await refused(['run', ...args, '--store', store, '--', 'echo', 'no'], env)
    expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(existsSync(path)).toBe(false)
  })

  test.each<[readonly string[], RegExp]>([
    [['run', '--store', 'redis:x', ...ok, '--', 'true'], /DATABASE or file:PATH/],
    [['run', '--store', 'file:/tmp/x.db', ...ok], /no batch command is given. Put it after --/],
    [['setup', '--store', 'file:/tmp/x.db', '--role', 'runner'], /--role requires --check\./],
  ])('wrong input: 64, one line that names it, and nothing written: %j: %s', async (args, message) => {
    const { code, stdout, stderr } = await refused(args, { CRONLEDGER_STORE: '' })
    expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  test('a word that only a shell reads is a warning, and with --strict nothing starts', async () => {
    const { run, path } = ledger()
    const words = ['true', '&&', './b.sh']
    expect(await run(words, ['--strict'])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(
        /^cronledger: the batch command "true" gets "&&" as an argument, .* --strict is set/,
      ),
    })
    expect(existsSync(path)).toBe(false)
    expect(logOf(await run(words)).map(({ event, level }) => [event, level])).toEqual([
      ['warning', 'warn'],
      ['claimed', 'info'],
      ['completed', 'info'],
    ])
  })

  test('variables that are no option are ignored with one warning', async () => {
    const { run } = ledger()
    const env = {
      ...{
        CRONLEDGER_MAX_LATNESS: '1h',
        CRONLEDGER_ON_MISMATCH: 'refuse',
        CRONLEDGER_SHEDULE: '@daily',
        CRONLEDGER_LEAS: '',
        // Of Kubernetes, for a service with the name cronledger.
        ...{ CRONLEDGER_PORT: 'tcp://10.0.0.1:80', CRONLEDGER_SERVICE_HOST: '10.0.0.1', CRONLEDGER_SERVICE_PORT: '80' },
      },
      // Options of rerun, what another cronledger tells its child, and what the stack gives to the container.
      ...{ CRONLEDGER_FROM: '7d', CRONLEDGER_TO: 'now', CRONLEDGER_RUN_LOG: 'x', CRONLEDGER_ECS_NETWORK: 'x' },
    }
    const ended = await run(['true'], [], { env })
    expect(logOf(ended).map(({ event, message }) => (event === 'warning' ? message : event))).toEqual([
      'CRONLEDGER_MAX_LATNESS and 4 more are not options of cronledger and have no effect. Did you mean CRONLEDGER_MAX_LATENESS? For all options: cronledger help run --all',
      'claimed',
      'completed',
    ])
  })

  test.each([
    ['1', []],
    [
      '3',
      ['EventBridge Scheduler delivered this trigger at its attempt 3, with the scheduled time 2026-11-24T03:00:00Z'],
    ],
  ])('attempt %s of the scheduler to deliver a trigger: %j', async (attempt, notes) => {
    const { run } = ledger()
    const time = { CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z', CRONLEDGER_DELIVERY_ATTEMPT: attempt }
    const ended = await run(['true'], [], { env: { ...time, CRONLEDGER_SECRETS: ',,,,' } })
    const warnings = logOf(ended).filter(({ event }) => event === 'warning')
    expect(warnings.map(({ message }) => message)).toEqual(notes)
  })

  const ANOTHER = 'take another slot'
  const EXCLUDED = 'start in a slot that you exclude'
  test.each([
    ['run', 'TIME_ZONE', 'TIMEZONE', ANOTHER],
    ['run', 'TZ', 'TIMEZONE', ANOTHER],
    ['run', 'ANCHR', 'ANCHOR', ANOTHER],
    ['run', 'EVENTTIME', 'EVENT_TIME', ANOTHER],
    ['run', 'event_time', 'EVENT_TIME', ANOTHER],
    // The options of rerun.
    ['run', 'SLOT', 'FORCE_SLOT', ANOTHER],
    ['run', 'FORCE_ONLY', 'STATUS', EXCLUDED],
    ['rerun', 'ONLY', 'STATUS', EXCLUDED],
  ])(
    '%s: a variable that is nearly an option that chooses the slot is an error: %s',
    async (command, name, meant, harm) => {
      const own = {
        run: [...NIGHTLY, ...(harm === EXCLUDED ? force.slice(-2) : [])],
        rerun: ['--task', 'nightly', '--slot', 'latest'],
      }
      const args = [command, '--store', ledger().store, ...own[command as 'run'], '--', 'echo', 'no']
      const env = { [`CRONLEDGER_${name}`]: 'failed', ...(harm === EXCLUDED && { CRONLEDGER_REASON: 'x' }) }
      const { code, stdout, stderr } = await refused(args, env)
      expect({ code, stdout, stderr }).toEqual({
        ...{ code: 64, stdout: '' },
        stderr: `cronledger: CRONLEDGER_${name} is not an option of ${command}, and without CRONLEDGER_${meant} the run could ${harm}. Set CRONLEDGER_${meant}, or remove CRONLEDGER_${name}.\n`,
      })
    },
  )

  test('a variable that is nearly an option has no effect if the option is given', async () => {
    const { run } = ledger()
    expect((await run(['true'], ['--timezone', 'UTC'], { env: { CRONLEDGER_TZ: 'Asia/Tokyo' } })).code).toBe(0)
  })

  test('a time zone that only TZ names is a warning', async () => {
    const { run } = ledger()
    const warnings = async (args: readonly string[], TZ: string) =>
      logOf(await run(['true'], args, { env: { TZ } })).flatMap(({ event, message }) =>
        event === 'warning' ? [message] : [],
      )
    expect(await warnings([], 'Asia/Tokyo')).toEqual([
      'the schedule is read in UTC, but TZ is "Asia/Tokyo". Give --timezone Asia/Tokyo, or --timezone UTC if UTC is meant.',
    ])
    expect(await warnings(['--timezone', 'UTC'], 'Asia/Tokyo')).toEqual([])
    expect(await warnings([], 'Etc/UTC')).toEqual([])
  })

  test.each([
    ['argument "a\ufffdb"', 'exec "$@" "$(printf "$value")"', ['echo'], 'a\\377b'],
    [
      'environment variable "OUT_DIR"',
      'OUT_DIR="$(printf "$value")" exec "$@"',
      ['sh', '-c', 'echo "$OUT_DIR"'],
      'a\\244b',
    ],
  ])('what Node would change is refused: %s', (what, script, command, changed) => {
    const { store, path } = ledger()
    const shell = (value: string) => {
      const args = ['-c', script, 'sh', process.execPath, MAIN, 'run', '--store', store, ...ok, '--', ...command]
      return spawnSync('sh', args, { encoding: 'utf8', env: { ...process.env, value } })
    }
    const refused = shell(changed)
    expect(refused).toMatchObject({ status: 64, stdout: '' })
    expect(refused.stderr).toMatch(/^cronledger: [^\n]* is not valid UTF-8[^\n]*\n$/)
    expect(refused.stderr).toContain(what)
    expect(existsSync(path)).toBe(false)
    expect(shell('a\\357\\277\\275b')).toMatchObject({ status: 0, stdout: 'a\ufffdb\n' })
  })

  test.runIf(process.getuid?.() === 0)('a user without a name and a home, as a container can have one', () => {
    const args = [MAIN, 'run', '--store', 'postgres://db/x', ...ok, '--', 'echo', 'no']
    const ended = spawnSync(process.execPath, args, { encoding: 'utf8', uid: 54_321, gid: 54_321, env: {} })
    const message = 'Add user=NAME, or set PGUSER'
    expect(ended).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining(message) })
  })

  test('a relative path in a folder that was deleted is not a ledger', () => {
    const gone = join(folder, 'gone')
    const args = ['run', '--store', 'file:x.db', ...ok, '--', 'echo', 'no']
    const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
    const ended = spawnSync('sh', ['-c', script, 'sh', gone, process.execPath, MAIN, ...args], { encoding: 'utf8' })
    expect(ended).toMatchObject({ status: 78, stdout: '' })
    expect(JSON.parse(ended.stderr).message).toMatch(/^not started: the folder of file ledger "x.db" does not exist/)
  })
})

test('the event of EventBridge is JSON, a file, or on standard input', async () => {
  const event = JSON.stringify({ id: 'x', time: '2026-11-23T03:00:00Z', resources: ['arn:aws:events:::rule/nightly'] })
  const file = join(folder, 'event.json')
  writeFileSync(file, event)
  for (const value of [event, `@${file}`, '-']) {
    const args = ['run', '--store', ledger().store, ...NIGHTLY, '--event-time', value, '--', 'true']
    const ended = await cronledger(args, { input: event })
    expect(logOf(ended)[0]).toMatchObject({ slot: '2026-11-23T03:00:00Z', source: 'event' })
  }
})

test('an event in a pipe is refused, and not waited for', async () => {
  const { store } = ledger()
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const base = ['--store', store, ...NIGHTLY, '--event-time', `@${pipe}`]
  const { code, stderr } = await refused(['run', ...base, '--', 'echo', 'no'])
  expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringMatching(/it is not a file/) })
})

test('SIGTERM ends the wait for standard input: 143, one line, and nothing starts', async () => {
  const { store, path } = ledger()
  const base = ['--store', store, ...NIGHTLY, '--event-time', '-']
  const running = start(['run', ...base, '--', 'echo', 'no'], { input: null })
  while (!handlesStops(running.child.pid as number)) await new Promise(setImmediate)
  running.child.kill('SIGTERM')
  expect(await running.ended).toEqual({
    code: 143,
    signal: null,
    stdout: '',
    stderr: 'cronledger: not started: a signal stopped this run before it had read its event time\n',
  })
  expect(existsSync(path)).toBe(false)
})

/** Returns whether the process handles SIGQUIT, the last stop signal that cronledger asks for. Node itself handles SIGTERM. */
function handlesStops(pid: number): boolean {
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${caught}`) >> 2n) & 1n) === 1n
}

describe('under ECS', () => {
  const { awsvpc: _, kind: __, ...texts } = FARGATE.place
  const ecs = { ...texts, networkMode: 'awsvpc' }

  // promise: on-ecs
  test('the container of a run on ECS is recorded: with the attempt, with the task, and in the log where the batch starts', async () => {
    const { asked, env } = await serveMetadata({})
    const { run, rows, store } = ledger()
    const log = logOf(await run(['true'], [], { env }))
    expect(asked).toHaveLength(2)
    expect(log.map(({ event }) => event)).toEqual(['claimed', 'completed'])
    expect(log.map((line) => line['ecs'])).toEqual([ecs, undefined])
    expect(await rows()).toMatchObject([{ attempts: [{ ecsTask: FARGATE.host.ecsTask, ecs }] }])
    const { logStream, ...lasting } = ecs
    const { stdout } = await cronledger(['tasks', '--store', store, '--json'])
    expect(JSON.parse(stdout)[0].ecs).toEqual(lasting)
  })

  test('a run that moved off ECS is no longer expected there, and one that ECS does not answer changes nothing', async () => {
    const { store } = ledger()
    const runOn = async (day: number, env: Record<string, string>) => {
      const time = ['--event-time', `2026-11-0${day}T03:00:00Z`]
      await cronledger(['run', '--store', store, ...NIGHTLY, ...time, '--', 'true'], { env })
      const { stdout } = await cronledger(['tasks', '--store', store, '--json'])
      return JSON.parse(stdout)[0].ecs
    }
    const answering = (await serveMetadata({})).env
    expect(await runOn(1, answering)).toMatchObject({ taskDefinition: 'nightly:7' })
    expect(await runOn(2, (await serveMetadata({ container: '<html>' })).env)).toMatchObject({
      taskDefinition: 'nightly:7',
    })
    expect(await runOn(3, {})).toBe(undefined)
  })
})

test('the log is text, or quiet', async () => {
  const { run } = ledger()
  const text = await run(['true'], ['--log', 'text'])
  expect(text.stderr).toMatch(/^cronledger: nightly 2026-11-23 03:00 UTC: starting attempt 1 /m)
  expect((await run(['true'], ['--log', 'quiet'])).stderr).toBe('')
  const other = ledger()
  await other.run(['false'])
  expect((await other.run(['true'], ['--log', 'quiet'])).stderr).toMatch(/^cronledger: .*: not started: /)
})
