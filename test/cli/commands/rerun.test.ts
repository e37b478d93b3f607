// The other promises of rerun are in ../stories/rerun.txt.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cronledger, type Loose, MAIN, scratch, start } from '../../support/cli.ts'
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
    'rerun',
    '--reason',
    'bad input',
    '--by',
    'ada',
    ...args,
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
const WEEK = ['--from', '2026-11-10', '--until', '2026-11-16'] as const

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

test('two reruns at once of one range: no slot runs twice', async () => {
  const shared = task(newFile(), 'shared')
  await shared.run(day(1), ['true'])
  const range = ['--from', '2026-11-01', '--until', '2026-11-09', '--keep-going']
  const both = await Promise.all([1, 2].map(() => shared.rerun(range, ...SAY_SLOT)))
  const slots = both.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
  expect(slots.sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map(day))
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
    const args = ['rerun', 'night*', ...WEEK.slice(0, 2), '--until', day(13), '--yes', '--reason', 'x', '--', ...batch]
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
    '--until',
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
  // What the killed one had done before this one looked is no part of its plan.
  expect(await other.ended).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/\d+ done.*, 0 failed, 0 not run/),
  })
  const slots = names.flatMap((name) => [2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((date) => `${name} ${day(date)}`))
  expect(readFileSync(effects, 'utf8').trim().split('\n').sort()).toEqual(slots.sort())
})

// promise: plan-runs
test('two repairs of one user with one reason at once: one runs a slot, the other one says that another run did it', async () => {
  const { run, env } = task(newFile())
  await run(day(10), ['true'])
  await run(day(13), ['true'])
  const [go, tool] = [newPath('go'), openShell(folder, env)]
  await tool(`mkfifo ${go}`)
  const batch = ['sh', '-c', `echo ready; read -r _ <${go}`]
  const args = ['rerun', 'night*', ...WEEK.slice(0, 2), '--until', day(13), '--yes', '--reason', 'x', '--', ...batch]
  const first = start(args, { env })
  await first.printed('ready')
  const second = start(args, { env })
  await second.logged('nightly 2026-11-11 03:00 UTC: runs already: waiting for its end')
  for (const _ of [11, 12]) await tool(`echo >${go}`)
  const ended = await Promise.all([first.ended, second.ended])
  const lines = ended.flatMap(({ stderr }) => stderr.match(/2026-11-1[12] 03:00 UTC: done[^(]*/g) ?? []).sort()
  expect(lines).toEqual(
    [11, 12].flatMap((date) => ['done ', 'done by another run '].map((end) => `2026-11-${date} 03:00 UTC: ${end}`)),
  )
  expect(ended.map(({ code }) => code)).toEqual([0, 0])
  const rows = await task(env).rows()
  const plans = rows.flatMap(({ attempts }) => attempts.at(-1).trigger.plan ?? [])
  expect(plans).toHaveLength(2)
  for (const plan of plans) expect(plan).toMatch(/^[\da-f-]{36}$/)
})

describe('on a terminal', () => {
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
      CRONLEDGER_TASK: 'nightly',
      CRONLEDGER_TIMEOUT: '1ms',
      CRONLEDGER_EVENT_TIME: 'x',
      CRONLEDGER_RUN_ID: 'x',
    }
    return { ask: (...more: string[]) => cronledger(args(...more), { env }), args, env }
  }
  test('on a terminal, it asks, and no is no', async () => {
    const { args, env } = await night(newFile())
    const typed = (answer: string) => {
      const command = [process.execPath, MAIN, ...args('--all', '--', 'true')]
        .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
        .join(' ')
      const launcher = ['sh', '-c', 'printf "$2\\n" | script -qec "$1" /dev/null', 'sh', command, answer]
      return start([], { env, launcher }).ended
    }
    expect((await typed('n')).stdout).toMatch(/Run them\? \[y\/N\][\s\S]*Nothing was started/)
    expect((await typed('y')).stdout).toMatch(/6 done, 0 failed, 0 not run/)
  })

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
