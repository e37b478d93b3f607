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
  ['a slot that had completed', 'true', ['--status', 'completed']],
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
      /not started: attempt 1 on .* succeeded at .* \(run .*\)\n {2}run it again although it has completed: .*--status completed/,
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
    stderr: expect.stringMatching(/run it again although it has completed: .*--status completed/),
  })
  expect(await done.states()).toContain(`${day(10)} FAILED 2`)
  expect((await done.rerun(['--slot', day(10)], 'echo', 'no')).code).toBe(65)
  expect((await done.rerun([...WEEK, '--dry-run'])).stdout).toMatch(
    /Left out: 1 slot\. It has completed, and a later attempt failed\..*\n {2}done 2026-11-10 03:00 UTC\n/,
  )
  const again = await done.rerun(['--slot', day(10), '--status', 'failed,completed'], 'echo', 'ran')
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
      /^2026-11-11T\S+ {2}2026-11-11 03:00 UTC {2}failed: attempt 1 on \S+ failed \(exit code 1\) after \S+ \(work: may be half done\)\n(2026-11-1[236]T\S+ {2}2026-11-1[236] 03:00 UTC {2}missed\n){3}4 slots of 1 task, one after the other, on this host\. How long .*\n$/,
    ),
  })
  expect(await states()).toHaveLength(4)

  const ran = await rerun(WEEK, ...SAY_SLOT)
  expect(ran).toMatchObject({ stdout: [11, 12, 13, 16].map((date) => `${day(date)}\n`).join('') })
  expect(ran.stderr).toMatch(/\ncronledger: 4 done, 0 failed, 0 not run\.\n$/)
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
    stderr: 'cronledger: Nothing to run: no slot in the range is missed or failed.\n',
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
    [['--slot', 'soon'], /slot "soon" is not valid\. Use an instant/],
    [['--slot', day(10), '--from', '7d'], /--slot and --from cannot be used together/],
    [['--to', day(10)], /--slot or --from is required/],
    [['--from', '2026-11-10', '--status', 'mised'], /--status "mised" is not allowed. Did you mean missed\?/],
    [['--slot', day(10), '--timezone', 'UTC'], /unknown option --timezone\./],
    [['--from', day(11), '--to', day(11)], /--from .* is not earlier than --to /],
    [
      ['--from', '400d', '--retention', '100d'],
      /from 400d is too early: records are kept for 100d, .* Use a later start\./,
    ],
    [['--slot', day(10), '--task', 'night*'], /--slot is for one task\. Give --from for several tasks\./],
    [['--slot', day(10), '--task', '*'], /--slot is for one task\. Give --from for several tasks\./],
    [['--from', day(9), '--yes', '--dry-run'], /--yes has no effect with --dry-run, which starts nothing/],
    [['--from', day(9), '--json'], /--json requires --dry-run/],
    [['--from', day(9), '--script'], /unknown option --script/],
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
      /\ncronledger: 1 done, 1 failed, 2 not run\. Run the same command again to continue\.\n$/,
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
    expect(ran.stderr).toMatch(
      /\ncronledger: 2 done, 2 failed, 0 not run\. Run the same command again to continue\.\n$/,
    )
  })

  test('--status completed, and the summary for programs', async () => {
    const { rerun } = await week(newFile())
    const ran = await rerun([...WEEK, '--status', 'completed', '--log', 'json'], ...SAY_SLOT)
    expect(ran).toMatchObject({ stdout: `${day(10)}\n${day(15)}\n` })
    expect(JSON.parse(ran.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      event: 'rerun',
      ...{ done: 2, byOthers: 0, failed: 0, left: 0, exitCode: 0 },
    })
  })

  // promise: range-slot-completed
  test('a slot that another run has completed since the plan was made is done, and one that failed since ends the task', async () => {
    const { env, states } = await week(newFile())
    // The command of the 11th completes the 12th and lets the 13th fail, behind the back of the repair.
    const inside = (date: number, command: string) =>
      `node "$MAIN" run --task nightly --schedule '0 3 * * *' --event-time ${day(date)} -- ${command}`
    const script = `echo $CRONLEDGER_RUN_SLOT; case $CRONLEDGER_RUN_SLOT in *-11T*) ${inside(12, 'true')}; ${inside(13, 'false')};; esac; true`
    const args = ['rerun', '--reason', 'x', ...WEEK, '--', 'sh', '-c', script]
    const ran = await cronledger(args, { env: { ...env, MAIN } })
    expect(ran).toMatchObject({ code: 1, stdout: `${day(11)}\n` })
    expect(ran.stderr).toContain('nightly 2026-11-13 03:00 UTC: exit code 1 in another run')
    expect(ran.stderr).toMatch(/\n.*: 2 done \(1 of them by another run\), 1 failed, 1 not run\. Run the same/)
    expect(await states()).toContain(`${day(12)} COMPLETED 1`)
  })

  test('a ledger that goes away before the end is recorded ends the task', async () => {
    const server = await startDynalite()
    const store = { ...awsEnv(server), CRONLEDGER_STORE: 'dynamodb:ledger', CRONLEDGER_SKEW: '0s' }
    await cronledger(['setup'], { env: store })
    const { env } = await week(store)
    const [go, tool] = [newPath('go'), openShell(folder, env)]
    await tool(`mkfifo ${go}`)
    const short = ['--lease', '2s', '--heartbeat', '500ms', '--kill-after', '0s', '--ledger-timeout', '4s']
    const batch = ['sh', '-c', `echo ready; read -r _ <${go}; true`]
    const running = start(['rerun', '--reason', 'x', ...WEEK, ...short, '--', ...batch], { env })
    await running.printed('ready')
    await server.stop()
    await tool(`echo >${go}`)
    const { code, stdout, stderr } = await running.ended
    expect({ code, stdout }).toEqual({ code: 74, stdout: 'ready\n' })
    expect(stderr).toMatch(
      /it succeeded, and that is not recorded .*\n[\s\S]*: 0 done, 1 failed, 3 not run\. Run the same/,
    )
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
    const leftOut = 'Left out: 4 slots. It may not have been due. Read what check says first.\n'
    const step = /^ +see what check says: {2}(cronledger check .* --since 2026-11-10T05:00:00Z)$/m
    const ran = await rerun(range, 'echo', 'no')
    expect(ran).toMatchObject({ stdout: '', stderr: expect.stringMatching(step) })
    expect(ran.stderr).toContain(leftOut)
    const plan = await rerun([...range, '--dry-run'])
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringMatching(step), stderr: '' })
    expect(plan.stdout).toContain(leftOut)
    const json = JSON.parse((await rerun([...range, '--dry-run', '--json'])).stdout)
    expect(json).toHaveLength(4)
    expect(json[0]).toMatchObject({ task: 'nightly', leftOut: 'doubtful' })
    // A doubt is neither failed nor stale, so a range of these does not leave it out.
    expect((await rerun([...range, '--status', 'failed,failed', '--dry-run'])).stdout).toBe(
      'Nothing to run: no slot in the range is failed.\n',
    )

    const checked = await pasted(step.exec(ran.stderr)?.[1] ?? '', env)
    const pause = /(?<=if none of the 4 was due: +)cronledger pause .*$/m.exec(checked.stdout)?.[0] ?? ''
    expect((await pasted(pause.replace('YOUR REASON', 'moved'), env)).code).toBe(0)
    expect((await rerun(range, 'echo', 'no')).stderr).toMatch(/Nothing to run: no slot .*failed\.\n$/)
  })

  test('a future slot that an operator has resolved is not listed, and a slot within the grace is not missed', async () => {
    const { run, rerun, env } = task(newFile())
    const minutely = ['--schedule', '* * * * *']
    const now = new Date()
    const minute = (ago: number) => `${new Date(now.getTime() - ago * 60_000).toISOString().slice(0, 16)}:00Z`
    await run(minute(30), ['true'], [...minutely, '--grace', '20m'])
    const word = ['--slot', minute(-40), '--state', 'skipped', '--reason', 'not tonight']
    expect((await cronledger(['resolve', ...word], { env })).code).toBe(0)
    const plan = await rerun(['--from', '1h', '--to', minute(-60), '--dry-run', '--status', 'missed,skipped'])
    expect(plan.stdout).not.toContain(minute(-40))
    expect(plan.stdout).toContain(`${minute(29)}  `)
    // Five minutes within the grace, and the plan is made later than `now`.
    expect(plan.stdout).not.toContain(`${minute(15)}  `)
  })
})

describe('several tasks', () => {
  const HALF = ['--schedule', '30 2 * * *']
  /** Four slots of nightly, and one of each other task, which one owner has. */
  async function night(store: Environment) {
    await week(store)
    for (const name of ['other/mail', 'other/report'])
      for (const date of [14, 16]) await task(store, name).run(day(date), ['true'], [...HALF, '--owner', 'Ops'])
    const args = (...more: string[]) => [
      'rerun',
      ...more.slice(0, 1),
      ...WEEK,
      '--reason',
      "it's late",
      ...more.slice(1),
    ]
    // What belongs to another run: a batch of a repair must get none of it.
    const env = {
      ...store,
      ...{ CRONLEDGER_TASK: 'nightly', CRONLEDGER_TIMEOUT: '1ms', CRONLEDGER_EVENT_TIME: 'x', CRONLEDGER_RUN_ID: 'x' },
    }
    return { ask: (...more: string[]) => cronledger(args(...more), { env }), args, env }
  }
  const SAY = ['--', 'sh', '-c', 'echo $CRONLEDGER_RUN_TASK $CRONLEDGER_RUN_SLOT $CRONLEDGER_STATUS$CRONLEDGER_TASK']
  const OTHERS = ['mail', 'report'].map((name) => `other/${name} 2026-11-15T02:30:00Z`)
  const ALL = [...OTHERS, ...[11, 12, 13, 16].map((date) => `nightly ${day(date)}`)]

  test('without a terminal and --yes, nothing starts, so a script that once printed starts no night', async () => {
    const { ask } = await night(newFile())
    const refusedOne = await ask('--all', ...SAY)
    expect(refusedOne).toMatchObject({ code: 64, stdout: '' })
    expect(refusedOne.stderr).toContain('To start without a question, add --yes. To print the plan, add --dry-run.')
    expect((await ask('--all', '--dry-run', '--format', 'commands', ...SAY)).stdout.split('\n')).toHaveLength(7)
    expect((await ask('othr/*', ...SAY)).stderr).toContain('no task matches "othr/*"')
  })

  test('one command for all tasks, in the order of the plan: tasks for which no work was done come first', async () => {
    const { ask } = await night(newFile())
    const ran = await ask('--all', '--yes', ...SAY)
    expect(ran).toMatchObject({ code: 0, stdout: [...ALL, ''].join('\n') })
    expect(ran.stderr).toMatch(/6 slots of 3 tasks of 1 owner, one after the other, on this host\./)
    expect(ran.stderr).toMatch(/6 done, 0 failed, 0 not run\./)
    expect((await ask('--all', '--yes', ...SAY)).stderr).toMatch(
      /Nothing to run: no slot in the range is missed or failed/,
    )
  })

  test('--owner and a prefix: the tasks of a team, side by side; those without a command are left out and named', async () => {
    const { ask } = await night(newFile())
    const plan = JSON.parse((await ask('--owner=ops', '--dry-run', '--json', ...SAY)).stdout)
    expect(plan.map(({ task: name, place }: Loose) => [name, place])).toEqual([
      ['other/mail', 'this host'],
      ['other/report', 'this host'],
    ])
    expect((await ask('--owner=ops', '--task', 'night*', ...SAY)).stderr).toContain(
      'no task matches "night*" and owner "ops". To see all tasks: cronledger tasks',
    )
    const none = await ask('other/*', '--yes')
    expect(none).toMatchObject({ code: 65, stdout: '' })
    const [left] = none.stderr.split('\n').map((line) => JSON.parse(line || '{}'))
    expect(left).toMatchObject({ event: 'rerun', task: 'other/mail', slot: '2026-11-15T02:30:00Z' })
    expect(left.message).toContain('No place is recorded where it runs, and no command is given after --.')
    expect(left.steps[0].command).toMatch(/^cronledger rerun .*--task other\/mail .* -- YOUR_COMMAND$/)
    const ran = await ask('other/*', '--yes', '--jobs', '2', ...SAY)
    expect(ran.stdout.trim().split('\n').sort()).toEqual(OTHERS)
  })

  test.each([1, 2])('Ctrl-C with --jobs %s starts nothing more, and what runs goes on to its end', async (jobs) => {
    const { run, states, env } = task(newFile())
    await run(day(10), ['true'])
    await run(day(14), ['true'])
    const [go, tool] = [newPath('go'), openShell(folder, env)]
    await tool(`mkfifo ${go}`)
    const batch = ['sh', '-c', `echo $CRONLEDGER_RUN_SLOT; read -r _ <${go}`]
    const args = ['rerun', 'night*', ...WEEK, '--yes', '--jobs', `${jobs}`, '--reason', 'x', '--', ...batch]
    const running = start(args, { env, launcher: ['setsid'] })
    await running.printed(day(11))
    // The terminal sends it to all processes that are in the foreground.
    process.kill(-(running.child.pid ?? 0), 'SIGINT')
    await running.logged('Nothing more starts. Waiting for the 1 that run.')
    await tool(`echo >${go}`)
    expect([(await running.ended).code, await states()]).toEqual([
      ...[130, [`${day(10)} COMPLETED 1`, `${day(11)} COMPLETED 1`, `${day(14)} COMPLETED 1`]],
    ])
    // The same command goes on with the rest.
    const rest = start(args, { env })
    for (const _ of [12, 13, 15, 16]) await tool(`echo >${go}`)
    expect((await rest.ended).stdout).toBe([12, 13, 15, 16].map((date) => `${day(date)}\n`).join(''))
    expect(await states()).toHaveLength(7)
  })

  test.each(['SIGKILL', 'second SIGINT'])(
    'after %s of the repair, what runs goes on to its end and is recorded, and the next repair waits for it',
    async (signal) => {
      const { run, states, env } = task(newFile())
      await run(day(10), ['true'])
      await run(day(13), ['true'])
      const [go, tool] = [newPath('go'), openShell(folder, env)]
      await tool(`mkfifo ${go}`)
      const effects = newPath('effects')
      const batch = ['sh', '-c', `echo $CRONLEDGER_RUN_SLOT >>${effects}; echo ready; read -r _ <${go}`]
      const args = ['rerun', 'night*', ...WEEK.slice(0, 2), '--to', day(13), '--yes', '--reason', 'x', '--', ...batch]
      const running = start(args, { env })
      await running.printed('ready')
      if (signal === 'SIGKILL') running.child.kill('SIGKILL')
      else {
        running.child.kill('SIGINT')
        await running.logged('Nothing more starts')
        running.child.kill('SIGINT')
        await running.logged('1 slot goes on to its end: nightly 2026-11-11 03:00 UTC')
      }
      await running.exited
      const next = start(args, { env })
      await next.logged('nightly 2026-11-11 03:00 UTC: runs already: waiting for its end')
      expect(readFileSync(effects, 'utf8')).toBe(`${day(11)}\n`)
      for (const _ of [11, 12]) await tool(`echo >${go}`)
      const ended = await next.ended
      expect(ended.stderr).toContain('2 done (1 of them by another run), 0 failed, 0 not run.')
      expect(ended.code).toBe(0)
      expect(readFileSync(effects, 'utf8')).toBe(`${day(11)}\n${day(12)}\n`)
      expect(await states()).toContain(`${day(11)} COMPLETED 1`)
    },
  )

  test('two operators at once, one of whom is killed: each slot has its effect once, and none is lost', async () => {
    const store = newFile()
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const name of names) for (const date of [1, 12]) await task(store, name).run(day(date), ['true'])
    const effects = newPath('effects')
    const batch = ['sh', '-c', `echo $CRONLEDGER_RUN_TASK $CRONLEDGER_RUN_SLOT >>${effects}`]
    const args = [
      'rerun',
      '--all',
      '--from',
      day(1),
      '--to',
      day(12),
      '--yes',
      '--jobs',
      '3',
      '--reason',
      'x',
      '--',
      ...batch,
    ]
    const [killed, other] = [start(args, { env: store }), start(args, { env: store })]
    await killed.logged('(50 left)')
    killed.child.kill('SIGKILL')
    await killed.exited
    expect(await other.ended).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/60 done.*, 0 failed, 0 not run/),
    })
    const slots = names.flatMap((name) => [2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((date) => `${name} ${day(date)}`))
    expect(readFileSync(effects, 'utf8').trim().split('\n').sort()).toEqual(slots.sort())
  })

  test('on a terminal, it asks, and no is no', async () => {
    const { args, env } = await night(newFile())
    const typed = (answer: string) => {
      const command = [process.execPath, MAIN, ...args('--all', ...SAY)]
        .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
        .join(' ')
      const launcher = ['sh', '-c', 'printf "$2\\n" | script -qec "$1" /dev/null', 'sh', command, answer]
      return start([], { env, launcher }).ended
    }
    expect((await typed('n')).stdout).toMatch(/Run them\? \[y\/N\][\s\S]*Nothing was started/)
    expect((await typed('y')).stdout).toMatch(/6 done, 0 failed, 0 not run/)
  })
})

describe('on a terminal', () => {
  test('a bar before each slot of a range, and the output of the command as it is', async () => {
    const { env } = await week(newFile())
    const flood = newPath('flood')
    writeFileSync(flood, Array.from({ length: 5_000 }, (_, index) => `line ${index}\n`).join(''))
    const shown = await onTerminal(['rerun', '--reason', 'x', ...WEEK, '--', 'cat', flood], env)
    const lines = linesOf(shown)
    const local = (date: number) => `2026-11-${date} 03:00 UTC`
    expect(lines.filter((line) => line.startsWith('['))).toEqual([
      `[....................] 0%  0 of 4 done, next nightly ${local(11)} (failed)`,
      `[#####...............] 25%  1 of 4 done, next nightly ${local(12)} (missed)`,
      `[##########..........] 50%  2 of 4 done, next nightly ${local(13)} (missed)`,
      `[###############.....] 75%  3 of 4 done, next nightly ${local(16)} (missed)`,
    ])
    const output = lines.filter((line) => line.startsWith('line'))
    const once = readFileSync(flood, 'utf8').trimEnd().split('\n')
    expect(output).toEqual([...once, ...once, ...once, ...once])
    expect(lines.filter((line) => !/^(\[|line|cronledger: (nightly|4 )|$)/.test(line))).toEqual([])
  })

  test('rerun shows no bar on a terminal without a cursor', async () => {
    const { env } = await week(newFile())
    const shown = await onTerminal(['rerun', '--reason', 'x', ...WEEK, '--status', 'completed', '--', 'true'], {
      ...env,
      TERM: 'dumb',
    })
    expect(shown).not.toMatch(/\[#|\[\./)
  })
})

test('a slot that a later run has done is run again only with --status completed, and if that fails, check reports it', async () => {
  const { env, run } = task({ ...newFile(), CRONLEDGER_SINCE_LAST_SUCCESS: 'true' })
  for (const day of [23, 26]) await run(`2026-11-${day}T03:00:00Z`, ['true'])
  const check = () => cronledger(['check', 'nightly', '--since', '2026-11-24', '--until', '2026-11-25'], { env })
  const again = (...args: string[]) =>
    cronledger(['rerun', 'nightly', '--slot', '2026-11-24', '--reason', 'x', ...args], { env })
  expect((await check()).code).toBe(0)
  expect(await again('--', 'echo', 'no')).toMatchObject({ code: 65, stdout: '' })
  expect(await again('--status', 'completed', '--', 'sh', '-c', 'echo started; exit 3')).toMatchObject({
    code: 3,
    stdout: 'started\n',
  })
  const { code, stdout } = await check()
  expect(code).toBe(1)
  expect(stdout).toContain('1 failed')
  expect(await again('--status', 'failed', '--', 'true')).toMatchObject({ code: 0 })
  expect((await check()).code).toBe(0)
})
