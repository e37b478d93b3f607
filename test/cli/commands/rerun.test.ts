import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cronledger, type Loose, MAIN, pasted, refused, scratch, start } from '../../support/cli.ts'
import { openShell } from '../../support/pages/paste.ts'
import { linesOf, onTerminal } from '../../support/processes/terminal.ts'
import { awsEnv, startDynalite } from '../../support/servers.ts'

const folder = scratch()
const newPath = (
  (count = 0) =>
  (name: string) =>
    join(folder, `${name}-${++count}`)
)()

const HOLD = join(folder, 'hold.cjs')
writeFileSync(
  HOLD,
  `const { readSync, writeSync } = require('node:fs')
writeSync(1, 'held\\n')
readSync(0, Buffer.alloc(1))
`,
)

type Environment = Readonly<Record<string, string>>
const newFile = (): Environment => ({ CRONLEDGER_STORE: `file:${newPath('ledger')}` })

/** One task of a ledger, whose task record has the schedule since `first`. */
function task(store: Environment, name = 'nightly') {
  const env = { ...store, CRONLEDGER_LOG: 'text', CRONLEDGER_TASK: name }
  const rerunArgs = (args: readonly string[], command: readonly string[]) => [
    ...['rerun', '--reason', 'bad input', '--by', 'ada', ...args],
    ...(command.length === 0 ? [] : ['--', ...command]),
  ]
  const rows = async (): Promise<Loose[]> => {
    const { stdout } = await cronledger(['history', name, '--limit', '0', '--status', 'recorded', '--json'], { env })
    return JSON.parse(stdout).reverse()
  }
  return {
    env,
    run: (eventTime: string, command: readonly string[], schedule: readonly string[] = ['--schedule', '0 3 * * *']) =>
      cronledger(['run', ...schedule, '--event-time', eventTime, '--', ...command], { env }),
    rerun: (args: readonly string[], ...command: string[]) => cronledger(rerunArgs(args, command), { env }),
    start: (args: readonly string[], ...command: string[]) => start(rerunArgs(args, command), { env }),
    /** A process that prints `held` as it begins, and goes no further before it reads a line. */
    startHeld: (args: readonly string[], ...command: string[]) =>
      start(rerunArgs(args, command), { env: { ...env, NODE_OPTIONS: `--require=${HOLD}` }, input: null }),
    rows,
    /** Oldest first: `2026-11-10T03:00:00Z COMPLETED 2`, with its attempts. */
    states: async () => (await rows()).map(({ slot, state, attempts }) => `${slot} ${state} ${attempts.length}`),
  }
}
type Task = ReturnType<typeof task>

const SAY_SLOT = ['sh', '-c', 'echo $CRONLEDGER_RUN_SLOT']
const day = (date: number) => `2026-11-${String(date).padStart(2, '0')}T03:00:00Z`
const WEEK = ['--from', '2026-11-10', '--to', '2026-11-16'] as const

/** 10 completed, 11 failed, 12 and 13 missed, 14 skipped, 15 completed, 16 missed. */
async function week(store: Environment): Promise<Task> {
  const nightly = task(store)
  await nightly.run(day(10), ['true'])
  await nightly.run(day(11), ['false'])
  await nightly.run(day(15), ['true'])
  await cronledger(['resolve', '--slot', day(14), '--state', 'skipped', '--reason', 'holiday'], { env: nightly.env })
  return nightly
}

// promise: two-forces
test.each([
  ['a slot that had completed', 'true', ['--only', 'completed']],
  ['a slot that had failed', 'false', []],
])('two forces at once: the later one is told that the slot has completed: %s', async (_, before, only) => {
  const { run, rerun, startHeld } = task(newFile())
  await run(day(10), [before])
  const again = ['--slot', day(10), ...only]
  const late = startHeld(again, 'echo', 'no')
  await late.printed('held')
  expect(await rerun(again, 'echo', 'ran')).toMatchObject({ code: 0, stdout: 'ran\n' })
  late.child.stdin?.end('go on\n')
  expect(await late.ended).toMatchObject({
    code: 65,
    stdout: 'held\n',
    stderr: expect.stringMatching(/not started: .*attempt 2 on .* succeeded at .* \(run .*\)\n/),
  })
})

// promise: force-completed
test('a force on a completed slot: refused unless it says so', async () => {
  const done = task(newFile(), 'done')
  await done.run(day(10), ['true'])
  const refused = await done.rerun(['--slot', day(10)], 'echo', 'no')
  expect(refused).toMatchObject({
    code: 65,
    stdout: '',
    stderr: expect.stringMatching(
      /not started: attempt 1 on .* succeeded at .* \(run .*\)\n {2}run it again although it has completed: .*--only completed/,
    ),
  })
  expect((await done.rows())[0]).toMatchObject({
    state: 'COMPLETED',
    attempts: [{}],
    rejections: { refused: 1, latest: { kind: 'refused', cause: 'completed' } },
  })

  // The command below the refusal works as it is, and it is needed again after the forced run failed.
  const command = /(?<=completed: +)cronledger .*$/m.exec(refused.stderr)?.[0] ?? ''
  const filled = command.replace('YOUR REASON', 'new input').replace('YOUR_COMMAND', 'false')
  const failed = await pasted(filled, done.env)
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/run it again although it has completed: .*--only completed/),
  })
  expect(await done.states()).toContain(`${day(10)} FAILED 2`)
  expect((await done.rerun(['--slot', day(10)], 'echo', 'no')).code).toBe(65)
  expect((await done.rerun([...WEEK, '--dry-run'])).stdout).not.toContain(day(10))
  const again = await done.rerun(['--slot', day(10), '--only', 'failed,completed'], 'echo', 'ran')
  expect(again).toMatchObject({ code: 0, stdout: 'ran\n' })
})

test('a range: what is undone and nothing else, oldest first, and then nothing is left', async () => {
  const { rerun, states, rows } = await week(newFile())
  const plan = await rerun([...WEEK, '--dry-run'])
  expect(plan).toEqual({
    code: 0,
    signal: null,
    stderr: '',
    stdout: expect.stringMatching(
      /^2026-11-11T\S+ {2}2026-11-11 03:00 UTC {2}failed: attempt 1 on \S+ failed \(exit code 1\) after \S+ \(work: may be half done\)\n(2026-11-1[236]T\S+ {2}2026-11-1[236] 03:00 UTC {2}missed\n){3}3 missed, 1 failed\n$/,
    ),
  })
  expect(await states()).toHaveLength(4)

  const ran = await rerun(WEEK, ...SAY_SLOT)
  expect(ran).toMatchObject({ stdout: [11, 12, 13, 16].map((date) => `${day(date)}\n`).join('') })
  expect(ran.stderr).toMatch(/cronledger: nightly: 4 succeeded\n$/)
  expect(await states()).toEqual([
    `${day(10)} COMPLETED 1`,
    `${day(11)} COMPLETED 2`,
    `${day(12)} COMPLETED 1`,
    `${day(13)} COMPLETED 1`,
    `${day(14)} SKIPPED 0`,
    `${day(15)} COMPLETED 1`,
    `${day(16)} COMPLETED 1`,
  ])
  expect((await rows())[1]).toMatchObject({
    attempts: [{}, { trigger: { kind: 'forced', by: 'ada', reason: 'bad input' } }],
  })
  expect(await rerun(WEEK, ...SAY_SLOT)).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'cronledger: nightly: nothing to do: no slot in the range is missed, failed or stale\n',
  })
})

test('two reruns at once of one range: no slot runs twice', async () => {
  const shared = task(newFile(), 'shared')
  await shared.run(day(1), ['true'])
  const range = ['--from', '2026-11-01', '--to', '2026-11-09', '--keep-going']
  const both = await Promise.all([1, 2].map(() => shared.rerun(range, ...SAY_SLOT)))
  const slots = both.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
  expect(slots.sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map(day))
})

describe('one slot', () => {
  test('rerun of a slot without a row is a backfill, also from before the task was known', async () => {
    const { run, rerun, states } = task(newFile())
    await run(day(10), ['true'])
    expect(await rerun(['--slot', '2026-10-01T03:00'], ...SAY_SLOT)).toMatchObject({ stdout: '2026-10-01T03:00:00Z\n' })
    expect(await states()).toEqual(['2026-10-01T03:00:00Z COMPLETED 1', `${day(10)} COMPLETED 1`])
  })

  test('a task that was only forced: it runs under the schedule of the force, and after declare under that one', async () => {
    const { rerun, env } = task(newFile())
    const call = (...args: string[]) => cronledger(args, { env })
    const force = ['--force-slot', '2026-11-09T05:00', '--reason', 'x', '--', 'false']
    expect((await call('run', '--schedule', '@hourly', ...force)).code).toBe(1)
    for (const hour of ['05', '06'])
      expect(await rerun(['--slot', `2026-11-09T${hour}:00:00Z`], ...SAY_SLOT)).toMatchObject({
        stdout: `2026-11-09T${hour}:00:00Z\n`,
      })
    await call('declare', '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo', '--from', '2026-11-01')
    expect(await rerun(['--slot', '2026-11-10'], ...SAY_SLOT)).toMatchObject({
      code: 0,
      stdout: '2026-11-09T18:00:00Z\n',
    })
  })

  test('rerun has --timeout, and the exit code of a command that is not found, as run has', async () => {
    const { run, rerun } = task(newFile())
    await run(day(10), ['false'])
    expect((await rerun(['--slot', day(10), '--timeout', '100ms'], 'sleep', '60')).code).toBe(124)
    expect((await rerun(['--slot', day(10)], 'no-such-command')).code).toBe(127)
  })
})

describe('wrong input: 64, one line that names it, and nothing starts', () => {
  const known = task(newFile())
  beforeAll(() => known.run(day(10), ['true']))

  for (const [args, message] of [
    [
      ['--slot', '2026-11-10T04:00:00Z'],
      /not a slot of 0 3 \* \* \* in UTC. The nearest slots are 2026-11-10T03:.*and 2026-11-11T03/,
    ],
    [['--slot', '2199-11-10'], /slot 2199-11-10T03:00:00Z is not due yet/],
    [['--slot', 'tomorrow'], /slot "tomorrow" is not valid. Use an instant .*, a date .*, or latest/],
    [['--slot', day(10), '--dry-run'], /--slot and --dry-run cannot be used together/],
    [['--slot', day(10), '--from', '7d'], /--slot and --from cannot be used together/],
    [['--to', day(10)], /--slot or --from is required/],
    [['--from', '2026-11-10', '--only', 'mised'], /--only "mised" is not allowed. Did you mean missed\?/],
    [['--slot', day(10), '--timezone', 'UTC'], /unknown option --timezone\./],
    [['--from', day(11), '--to', day(11)], /--from .* is not earlier than --to /],
    [
      ['--from', '400d', '--retention', '100d'],
      /from 400d is too early: records are kept for 100d, .* Use a later start\./,
    ],
    [['--slot', day(10), '--task', 'night*'], /--slot is for one task\. Give --from for several tasks\./],
    [['--slot', day(10), '--all', '--script'], /--slot is for one task\. Give --from for several tasks\./],
    [['--from', day(10), '--script', '--dry-run'], /--dry-run has no effect with --script, which prints a script and/],
    [
      ['--from', day(10), '--script', '--timeout', '3h'],
      /--timeout has no effect with --script, which prints a script and/,
    ],
    [['--from', day(10), '--task', '*', '--fresh'], /--fresh has no effect with the prefix \*, which prints a script/],
    [['--from', 'yesterdy', '--task', '*'], /^cronledger: --from "yesterdy" is not a valid time/],
    [['--from', day(9), '--reason', 'YOUR REASON'], /the reason is still the placeholder "YOUR REASON"/],
  ] as const) {
    test(`rerun ${args.join(' ')} is refused in one line, and nothing starts`, async () => {
      const { env, states } = known
      const reason = args.includes('--reason' as never) ? [] : ['--reason', 'x']
      const { code, stdout, stderr } = await refused(['rerun', ...reason, ...args, '--', 'echo', 'no'], env)
      expect({ code, stdout, stderr }).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(message) })
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(await states()).toEqual([`${day(10)} COMPLETED 1`])
    })
  }

  test('rerun without a command, and without a reason, is refused', async () => {
    const { rerun, env } = known
    expect(await rerun(['--slot', day(10)])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/no batch command is given. Put it after --/),
    })
    const prefix = await refused(['rerun', 'pay/', '--from', day(10), '--reason', 'x'], env)
    expect(prefix.stderr).toContain(`"pay/" is one task. For all tasks whose names begin with it, use 'pay/*'.`)
    const bare = await refused(['rerun', '--slot', day(10), '--', 'true'], env)
    expect(bare).toMatchObject({ code: 64, stderr: expect.stringMatching(/--reason is missing.*CRONLEDGER_REASON/) })
  })
})

describe('a range', () => {
  /** Fails on the 12th with 3 and on the 13th with 4. */
  const FAILS = 'echo $CRONLEDGER_RUN_SLOT; case $CRONLEDGER_RUN_SLOT in *-12T*) exit 3;; *-13T*) exit 4;; esac'

  test('a range ends with the first failure, and the same command goes on from there', async () => {
    const { rerun } = await week(newFile())
    const first = await rerun(WEEK, 'sh', '-c', FAILS)
    expect(first).toMatchObject({ code: 3, stdout: `${day(11)}\n${day(12)}\n` })
    expect(first.stderr).toMatch(
      /nightly: 1 succeeded, 1 failed, 2 not run\. Run the same command again to continue\.\n$/,
    )
    expect((await rerun(WEEK, ...SAY_SLOT)).stdout).toBe(`${day(12)}\n${day(13)}\n${day(16)}\n`)
  })

  test('--keep-going: all of them run, the exit code is that of the first failure, and each failure is notified', async () => {
    const { rerun } = await week(newFile())
    const told = newPath('told')
    const ran = await rerun([...WEEK, '--keep-going', '--notify', `cat >> ${told}`], 'sh', '-c', FAILS)
    const notices = readFileSync(told, 'utf8').trim().split('\n')
    expect(notices.map((line) => JSON.parse(line).exitCode).sort()).toEqual([3, 4])
    expect(ran).toMatchObject({ code: 3, stdout: [11, 12, 13, 16].map((date) => `${day(date)}\n`).join('') })
    expect(ran.stderr).toMatch(/cronledger: nightly: 2 succeeded, 2 failed\n$/)
  })

  test('--only completed, and the summary for programs', async () => {
    const { rerun } = await week(newFile())
    const ran = await rerun([...WEEK, '--only', 'completed', '--log', 'json'], ...SAY_SLOT)
    expect(ran).toMatchObject({ stdout: `${day(10)}\n${day(15)}\n` })
    expect(JSON.parse(ran.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'rerun',
      ...{ task: 'nightly', completed: 2, failed: 0, refused: 0, left: 0, exitCode: 0 },
    })
  })

  // promise: range-slot-completed
  test('a slot that another run has completed since the list was made does not run again', async () => {
    const { env, states } = await week(newFile())
    // The command of the 11th completes the 12th and lets the 13th fail, behind the range's back.
    const inside = (date: number, command: string) =>
      `node "$MAIN" run --schedule '0 3 * * *' --event-time ${day(date)} -- ${command}`
    const script = `echo $CRONLEDGER_RUN_SLOT; case $CRONLEDGER_RUN_SLOT in *-11T*) ${inside(12, 'true')}; ${inside(13, 'false')};; esac; true`
    const args = ['rerun', '--reason', 'x', ...WEEK, '--only', 'missed,failed', '--', 'sh', '-c', script]
    const ran = await cronledger(args, { env: { ...env, MAIN } })
    expect(ran).toMatchObject({ stdout: `${day(11)}\n${day(13)}\n${day(16)}\n` })
    expect(ran.stderr).toMatch(/3 succeeded, 1 already completed or skipped\n$/)
    expect(await states()).toContain(`${day(12)} COMPLETED 1`)
  })

  test('a ledger that goes away ends a range, also with --keep-going', async () => {
    const server = await startDynalite()
    const store = { ...awsEnv(server), CRONLEDGER_STORE: 'dynamodb:ledger', CRONLEDGER_SKEW: '0s' }
    await cronledger(['setup'], { env: store })
    const { env } = await week(store)
    const short = ['--lease', '2s', '--heartbeat', '500ms', '--kill-after', '0s', '--ledger-timeout', '4s']
    const batch = ['sh', '-c', 'echo ready; read line; true']
    const args = ['rerun', '--reason', 'x', ...WEEK, '--keep-going', ...short, '--', ...batch]
    const running = start(args, { env, input: null })
    await running.printed('ready')
    await server.stop()
    running.child.stdin?.end('go on\n')
    const { code, stdout, stderr } = await running.ended
    expect({ code, stdout }).toEqual({ code: 74, stdout: 'ready\n' })
    expect(stderr).toMatch(
      /nightly: 1 succeeded but not recorded, 3 not run\. Run the same command again to continue\.\n$/,
    )
  })

  test('a stop ends a range, also with --keep-going, and the same command goes on', async () => {
    const { rerun, start: begin } = await week(newFile())
    const script = 'echo $CRONLEDGER_RUN_SLOT; case $CRONLEDGER_RUN_SLOT in *-12T*) exec sleep 60;; esac'
    const running = begin([...WEEK, '--keep-going'], 'sh', '-c', script)
    await running.printed(day(12))
    running.child.kill('SIGINT')
    const first = await running.ended
    expect(first).toMatchObject({ code: 130, stdout: `${day(11)}\n${day(12)}\n` })
    expect(first.stderr).toMatch(
      /nightly: 1 succeeded, 1 failed, 2 not run\. Run the same command again to continue\.\n$/,
    )
    expect((await rerun(WEEK, ...SAY_SLOT)).stdout).toBe(`${day(12)}\n${day(13)}\n${day(16)}\n`)
  })

  test('over a clock change, and over a change of the schedule, each slot with the window of its time', async () => {
    const { run, rerun, rows } = task(newFile())
    const newYork = ['--schedule', '30 1 * * *', '--timezone', 'America/New_York']
    await run('2026-10-31T05:30:00Z', ['true'], newYork)
    // Without this run, the slots between the two schedules may not have been due, and a range leaves them out.
    await run('2026-11-05T06:30:00Z', ['true'], newYork)
    await run('2026-11-05T12:00:00Z', ['true'], ['--schedule', '0 */12 * * *'])
    const range = ['--from', '2026-11-01T00:00:00Z', '--to', '2026-11-06T00:00:00Z']
    const say = 'echo $CRONLEDGER_RUN_SLOT $CRONLEDGER_RUN_WINDOW_END'
    expect((await rerun(range, 'sh', '-c', say)).stdout.split('\n')).toEqual([
      '2026-11-01T05:30:00Z 2026-11-02T06:30:00Z',
      '2026-11-02T06:30:00Z 2026-11-03T06:30:00Z',
      '2026-11-03T06:30:00Z 2026-11-04T06:30:00Z',
      '2026-11-04T06:30:00Z 2026-11-05T06:30:00Z',
      '',
    ])
    expect((await rows()).map(({ zone }) => zone)).toEqual([...Array(6).fill('America/New_York'), 'UTC'])
  })

  test('slots that may not have been due are left out, and it says how many and what to do', async () => {
    const { run, rerun, env } = task(newFile())
    await run(day(10), ['true'])
    await run('2026-11-12T05:00:00Z', ['true'], ['--schedule', '0 5 * * *'])
    const range = ['--from', '2026-11-10', '--to', '2026-11-12']
    const leftOut =
      'Left out: 4 slots of the range that may not have been due. Read what check says before you run them.\n'
    const step = /^ {2}see what check says: {2}(cronledger check .* --since 2026-11-10T05:00:00Z)$/m
    const ran = await rerun(range, 'echo', 'no')
    expect(ran).toMatchObject({ stdout: '', stderr: expect.stringMatching(step) })
    expect(ran.stderr).toContain(`cronledger: nightly: nothing to run. ${leftOut}`)
    const plan = await rerun([...range, '--dry-run'])
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringMatching(step), stderr: '' })
    expect(plan.stdout).toContain(`nothing to run. ${leftOut}`)
    const json = await rerun([...range, '--dry-run', '--json'])
    expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({ code: 0, stdout: [] })
    expect(json.stderr).toContain(`cronledger: nightly: ${leftOut}`)
    // A doubt is neither failed nor stale, so a range of these does not leave it out.
    expect((await rerun([...range, '--only', 'failed,failed', '--dry-run'])).stdout).toBe(
      'nothing to do: no slot in the range is failed\n',
    )

    const checked = await pasted(step.exec(ran.stderr)?.[1] ?? '', env)
    const pause = /(?<=if none of the 4 was due: +)cronledger pause .*$/m.exec(checked.stdout)?.[0] ?? ''
    expect((await pasted(pause.replace('YOUR REASON', 'moved'), env)).code).toBe(0)
    expect((await rerun(range, 'echo', 'no')).stderr).toMatch(/nothing to do: no slot .*stale\n$/)
  })

  test('a future slot that an operator has resolved is not listed, and a slot within the grace is not missed', async () => {
    const { run, rerun, env } = task(newFile())
    const minutely = ['--schedule', '* * * * *']
    const now = new Date()
    const minute = (ago: number) => `${new Date(now.getTime() - ago * 60_000).toISOString().slice(0, 16)}:00Z`
    await run(minute(30), ['true'], [...minutely, '--grace', '20m'])
    const word = ['--slot', minute(-40), '--state', 'skipped', '--reason', 'not tonight']
    expect((await cronledger(['resolve', ...word], { env })).code).toBe(0)
    const plan = await rerun(['--from', '1h', '--to', minute(-60), '--dry-run', '--only', 'missed,skipped'])
    expect(plan.stdout).not.toContain(minute(-40))
    expect(plan.stdout).toContain(`${minute(29)}  `)
    // Five minutes within the grace, and the plan is made later than `now`.
    expect(plan.stdout).not.toContain(`${minute(15)}  `)
  })
})

test('the script of rerun for several tasks, with the command of each batch filled in: one paste runs the slots of all of them', async () => {
  const store = newFile()
  const [capture, report] = [await week(store), task(store, 'other/report')]
  const third = task(store, 'other/mail')
  for (const one of [report, third]) {
    await one.run(day(14), ['true'], ['--schedule', '30 2 * * *'])
    await one.run(day(16), ['true'], ['--schedule', '30 2 * * *'])
  }
  const ask = (...args: string[]) =>
    cronledger(['rerun', ...args, ...WEEK, '--reason', "it's late"], {
      env: { ...store, CRONLEDGER_TASK: 'nightly' },
    })
  expect(await ask('othr/*')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('no task matches "othr/*"'),
  })
  expect((await ask('other/*')).stdout.match(/--task [a-z]\S+/g)).toEqual(['--task other/mail', '--task other/report'])
  const { code, stdout } = await ask('--all')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^# 6 slots of 3 tasks, one after the other, the oldest first\. .*\n/m)
  expect(stdout).toContain('# Replace first: YOUR_COMMAND. Each task has its own command.\n')
  const script = stdout.replaceAll(' -- YOUR_COMMAND', ` -- sh -c 'echo $CRONLEDGER_RUN_TASK $CRONLEDGER_RUN_SLOT'`)
  const ran = await openShell(folder, store)(script, 'sh')
  const slots = [11, 12, 13, 16].map((date) => `nightly ${day(date)}`)
  const others = ['mail', 'report'].map((name) => `other/${name} 2026-11-15T02:30:00Z`)
  expect(ran).toMatchObject({ stdout: [...others, ...slots, ''].join('\n') })
  expect((await ask('--all')).stdout).toBe('# Nothing to run.\n')
  expect((await capture.rows()).at(-1)).toMatchObject({ state: 'COMPLETED' })
})

test('--owner: a script for the tasks of a team, of all tasks or of those with a prefix', async () => {
  const store = newFile()
  for (const [name, owner] of [
    ['pay/a', 'Payments'],
    ['pay/b', 'Payments'],
    ['crm/a', 'Customers'],
  ] as const) {
    const { run } = task(store, name)
    await run(day(10), ['true'], ['--schedule', '0 3 * * *', '--owner', owner])
    await run(day(12), ['true'], ['--schedule', '0 3 * * *', '--owner', owner])
  }
  const ask = (...args: string[]) =>
    cronledger(['rerun', ...args, ...WEEK.slice(0, 2), '--to', '2026-11-12', '--reason', 'x'], {
      env: { ...store, CRONLEDGER_TASK: 'crm/a' },
    })
  const { stdout } = await ask('--owner', 'payment', '--jobs', '2')
  expect(stdout).toMatch(/^# 2 slots of 2 tasks of 1 owner, 2 tasks side by side\./m)
  expect(stdout.match(/--task [a-z]\S+/g)).toEqual(['--task pay/a', '--task pay/b'])
  expect((await ask('--owner', 'payment', '--task', '*/b')).code).toBe(64)
  expect((await ask('--owner', 'payment', '--task', 'crm/*')).stderr).toContain(
    'no task matches "crm/*" and owner "payment". To see all tasks: cronledger tasks',
  )
})

test.each([1, 2])(
  'Ctrl-C in a script with --jobs %s starts nothing more, and what runs goes on to its end',
  async (jobs) => {
    const store = newFile()
    const { run, states, env } = task(store)
    await run(day(10), ['true'])
    await run(day(14), ['true'])
    const [go, tool] = [newPath('go'), openShell(folder, env)]
    await tool(`mkfifo ${go}`)
    const batch = ['sh', '-c', `echo $CRONLEDGER_RUN_SLOT; read -r _ <${go}`]
    const args = ['rerun', 'night*', ...WEEK, '--jobs', `${jobs}`, '--reason', 'x', '--', ...batch]
    const { stdout: script } = await cronledger(args, { env })
    const path = newPath('night')
    writeFileSync(path, script)
    const PATH = `${join(folder, 'programs')}:/usr/bin:/bin`
    const night = start([], { launcher: ['setsid', 'sh', path], env: { ...env, PATH } })
    await night.printed(day(11))
    process.kill(-(night.child.pid ?? 0), 'SIGINT')
    if (jobs > 1) await night.logged('Nothing more starts. Waiting for the 1 that run.')
    await tool(`echo >${go}`)
    expect([(await night.ended).code, await states()]).toEqual([
      ...[130, [`${day(10)} COMPLETED 1`, `${day(11)} COMPLETED 1`, `${day(14)} COMPLETED 1`]],
    ])
    // The same script goes on with the rest.
    const rest = tool(`sh ${path}`)
    for (const _ of [12, 13, 15, 16]) await tool(`echo >${go}`)
    expect((await rest).stdout).toBe([12, 13, 15, 16].map((date) => `${day(date)}\n`).join(''))
    expect(await states()).toHaveLength(7)
  },
)

describe('on a terminal', () => {
  test('a bar before each slot of a range, and the output of the command as it is', async () => {
    const { env } = await week(newFile())
    const flood = newPath('flood')
    writeFileSync(flood, Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join(''))
    const shown = await onTerminal(['rerun', '--reason', 'x', ...WEEK, '--', 'cat', flood], env)
    const lines = linesOf(shown)
    const local = (date: number) => `2026-11-${date} 03:00 UTC`
    expect(lines.filter((line) => line.startsWith('['))).toEqual([
      `[....................] 0%  0 of 4 done, next ${local(11)} (failed)`,
      `[#####...............] 25%  1 of 4 done, next ${local(12)} (missed)`,
      `[##########..........] 50%  2 of 4 done, next ${local(13)} (missed)`,
      `[###############.....] 75%  3 of 4 done, next ${local(16)} (missed)`,
    ])
    const output = lines.filter((line) => line.startsWith('line'))
    const once = readFileSync(flood, 'utf8').trimEnd().split('\n')
    expect(output).toEqual([...once, ...once, ...once, ...once])
    expect(lines.filter((line) => !/^(\[|line|cronledger: nightly|$)/.test(line))).toEqual([])
  })

  test('rerun shows no bar on a terminal without a cursor', async () => {
    const { env } = await week(newFile())
    const shown = await onTerminal(['rerun', '--reason', 'x', ...WEEK, '--only', 'completed', '--', 'true'], {
      ...env,
      TERM: 'dumb',
    })
    expect(shown).not.toMatch(/\[#|\[\./)
  })
})

test('a slot that a later run has done is run again only with --only completed, and if that fails, check reports it', async () => {
  const { env, run } = task({ ...newFile(), CRONLEDGER_SINCE_LAST_SUCCESS: 'true' })
  for (const day of [23, 26]) await run(`2026-11-${day}T03:00:00Z`, ['true'])
  const check = () => cronledger(['check', 'nightly', '--since', '2026-11-24', '--until', '2026-11-25'], { env })
  const again = (...args: string[]) =>
    cronledger(['rerun', 'nightly', '--slot', '2026-11-24', '--reason', 'x', ...args], { env })
  expect((await check()).code).toBe(0)
  expect(await again('--', 'echo', 'no')).toMatchObject({ code: 65, stdout: '' })
  expect(await again('--only', 'completed', '--', 'sh', '-c', 'echo started; exit 3')).toMatchObject({
    code: 3,
    stdout: 'started\n',
  })
  const { code, stdout } = await check()
  expect(code).toBe(1)
  expect(stdout).toContain('1 failed')
  expect(await again('--only', 'failed', '--', 'true')).toMatchObject({ code: 0 })
  expect((await check()).code).toBe(0)
})
