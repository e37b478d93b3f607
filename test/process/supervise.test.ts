import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/process/clock.ts'
import { readStat } from '../../src/process/proc.ts'
import type { Stops } from '../../src/process/signals.ts'
import { type ChildHooks, type ChildRequest, superviseChild } from '../../src/process/supervise.ts'
import { scratch } from '../support/cli.ts'
import { canStartAsOther } from '../support/processes/programs.ts'
import { BATCHES, childrenOf, DUE_AT_SIGWINCH, supervise } from '../support/processes/supervise.ts'

const folder = scratch()
const batch = (name: string) => join(BATCHES, name)
const isLiving = (pid: string | undefined) => readStat(Number(pid))?.living === true
/** Longer than any test: what waits for it hangs. */
const HOUR_MS = 3_600_000
const FACTS = { pid: expect.any(Number) }

function quietStops(): Stops {
  return {
    first: () => null,
    onSignal: () => () => undefined,
    onSuspend: () => () => undefined,
    aborted: new AbortController().signal,
  }
}

async function superviseHere(
  argv: ChildRequest['argv'],
  hooks: Partial<ChildHooks> = {},
  more: Partial<ChildRequest> = {},
) {
  const started: number[] = []
  const env = { PATH: process.env['PATH'] }
  const limits = { timeoutMs: null, killAfterMs: 20_000, stopTimeoutMs: 30_000, endsWhole: false }
  const end = await superviseChild(
    { argv, env, ...limits, ...more },
    {
      stops: quietStops(),
      leaseLost: new AbortController().signal,
      mayStart: () => true,
      clock: systemClock,
      onStarted: (pid) => started.push(pid),
      ...hooks,
    },
  )
  return { ...end, starts: started.length }
}

function script(name: string, text: string, mode = 0o755): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

test.each([
  ['exit 0', { outcome: 'succeeded', exitCode: 0 }],
  ['exit 3', { outcome: 'failed', exitCode: 3 }],
  ['exit 255', { outcome: 'failed', exitCode: 255 }],
  ['kill -KILL $$', { outcome: 'failed', signal: 'SIGKILL' }],
  ['kill -SEGV $$', { outcome: 'failed', signal: 'SIGSEGV' }],
  ['kill -TERM $$', { outcome: 'failed', signal: 'SIGTERM' }],
])('a child that ends by itself: %s', async (text, end) => {
  expect(await superviseHere(['sh', '-c', text])).toEqual({ ...end, starts: 1 })
})

// promise: killed-by-signal
test('no signal from 1 to 31 that kills a child is taken for a success', async () => {
  const harmless = ['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH']
  const deadly = Object.entries(constants.signals).filter(([name]) => !harmless.includes(name))
  expect(deadly.length).toBeGreaterThan(22)
  for (const [name, number] of deadly) {
    const { outcome, signal = '' } = await superviseHere(['sh', '-c', `ulimit -c 0; kill -${number} $$`])
    expect([outcome, constants.signals[signal as NodeJS.Signals], name]).toEqual(['failed', number, name])
  }
})

test.each([
  ['gets its arguments as they are, and its environment only', `[ "$1" = 'a  b;*$HOME' ] && [ -z "$HOME" ]`],
  ['leads a process group of its own', '[ "$(ps -o pgid= -p $$ | tr -d " ")" = $$ ]'],
])('a child that ends by itself %s', async (_, text) => {
  expect(await superviseHere(['sh', '-c', text, 'sh', 'a  b;*$HOME'])).toMatchObject({ outcome: 'succeeded' })
})

test('a child that ends by itself leaves its background process alone, and is not kept waiting by it', async () => {
  const run = supervise({ argv: [batch('background.sh')] })
  const [, pid] = await run.printed(/background (\d+)\n/)
  onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'))
  expect(await run.end).toEqual({ outcome: 'succeeded', exitCode: 0, ...FACTS })
  expect(isLiving(pid)).toBe(true)
})

const PYTHON = '/usr/bin/python3'

// If a version of Node tells the signal, this fails, and the promises can say so.
test.runIf(process.platform === 'linux').each([32, 40, 64])(
  'a batch that the signal %i kills looks to Node like exit code 0',
  async (signal) => {
    const end = await superviseHere([PYTHON, '-c', `import os; os.kill(os.getpid(), ${signal})`])
    expect(end).toEqual({ outcome: 'succeeded', exitCode: 0, starts: 1 })
  },
)

describe.runIf(process.platform === 'linux')(
  'a batch that ended before its timeout or stop while the event loop was late',
  () => {
    /** Its waits are over before the event loop hears that a child has ended. */
    const hasty = { ...systemClock, wait: async () => undefined }
    const untilEnded = (pid: number) => {
      while (readStat(pid)?.living) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }

    // promise: ended-before-stop
    test.each([
      ['exit 0', { outcome: 'succeeded', exitCode: 0 }],
      ['exit 3', { outcome: 'failed', exitCode: 3 }],
      ['kill -KILL $$', { outcome: 'failed', signal: 'SIGKILL' }],
    ])(
      'a batch that ended before its timeout while the event loop was late (%s) is recorded as it ended',
      async (text, end) => {
        const hooks = { clock: hasty, onStarted: untilEnded }
        expect(await superviseHere(['sh', '-c', text], hooks, { timeoutMs: 1 })).toEqual({ ...end, starts: 0 })
      },
    )

    // promise: ended-before-stop
    test('a batch that Node has waited for, but not told of, is recorded as it ended', async () => {
      const other = spawn('true')
      const lost = new AbortController()
      // Node tells of this process first, although it has waited for both.
      other.once('exit', () => lost.abort({ killInMs: 0 }))
      const onStarted = (pid: number) => [pid, other.pid as number].forEach(untilEnded)
      const end = await superviseHere(['sh', '-c', 'exit 3'], { leaseLost: lost.signal, onStarted })
      expect(lost.signal.aborted).toBe(true)
      expect(end).toEqual({ outcome: 'failed', exitCode: 3, starts: 0 })
    })

    // promise: ended-before-stop
    test('a stop and a lost lease that come late: what the batch left behind gets no signal', async () => {
      const stop = new AbortController()
      const lost = new AbortController()
      let background = ''
      const stops: Stops = {
        ...quietStops(),
        onSignal: (listener) => {
          stop.signal.addEventListener('abort', () => listener('SIGTERM'))
          return () => undefined
        },
        aborted: stop.signal,
      }
      const path = join(folder, 'background')
      const onStarted = (pid: number) => {
        untilEnded(pid)
        background = readFileSync(path, 'utf8').trim()
        queueMicrotask(() => {
          stop.abort({ signal: 'SIGTERM', atMs: 0 })
          lost.abort({ killInMs: 0 })
        })
      }
      const argv = ['sh', '-c', 'sleep 60 & echo $! > "$0"; exit 0', path] as const
      const end = await superviseHere(argv, { clock: hasty, stops, leaseLost: lost.signal, onStarted })
      onTestFinished(() => void process.kill(Number(background), 'SIGKILL'))
      expect(end).toEqual({ outcome: 'succeeded', exitCode: 0, starts: 0 })
      expect(isLiving(background)).toBe(true)
    })
  },
)

describe.runIf(process.getuid?.() === 0)('a batch that may not be signalled', () => {
  const bound = ['setpriv', '--bounding-set', '-kill', '--inh-caps', '-kill']
  const other =
    'import os, time; os.setresuid(65534, 65534, 65534); print("ready", os.getpid(), flush=True); time.sleep(60)'

  // promise: unsignalled-batch
  test.each([
    ['the batch itself', [PYTHON, '-c', other]],
    ['only its child', ['sh', '-c', '"$@" & wait', 'sh', PYTHON, '-c', other]],
  ] as const)('is alive after its timeout: %s', async (_, argv) => {
    const run = supervise({ argv, timeoutMs: DUE_AT_SIGWINCH, killAfterMs: 0 }, bound)
    const [, pid] = await run.printed(/ready (\d+)/)
    onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'))
    run.process.kill('SIGWINCH')
    const end = await run.end
    expect(end).toMatchObject({ outcome: 'timedOut', left: Number(pid), process: { pid: Number(pid) } })
    expect(end.detail).toMatch(/^process \d+ still runs, and this user may not end it\. End it before/)
    expect(isLiving(pid)).toBe(true)
  })

  // promise: unsignalled-batch
  test('a batch that may not be signalled is alive after its parent failed, also if no retry follows', async () => {
    const leave = `import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), flush=True)
sys.exit(3)`
    const run = supervise({ argv: [PYTHON, '-c', leave, other] }, bound)
    const [, pid] = await run.printed(/ready (\d+)/)
    onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'))
    const left = { left: Number(pid), process: { pid: Number(pid) } }
    expect(await run.end).toMatchObject({ outcome: 'failed', exitCode: 3, ...left })
  })
})

test.each<[string, () => ChildRequest['argv'], number, RegExp]>([
  ['not found in PATH', () => ['no-such-command'], 127, /^command not found: "no-such-command"$/],
  ['a line for a shell', () => ['a && b'], 127, /^command not found: .* need a shell: -- sh -c '…'$/],
  ['a file in the folder', () => ['package.json'], 127, /^command not found: .* not in PATH: \.\/package\.json$/],
  ['a ~ of a shell', () => ['~/batch.sh'], 127, / No shell replaces the ~ here\. Write the whole path$/],
  ['a variable of a shell', () => ['FOO=1', 'x'], 127, / need a shell: -- sh -c '…'$/],
  ['no such file', () => ['./no-such-file'], 127, /^command not found/],
  ['no interpreter', () => [script('bad', '#!/no/such\n')], 127, /interpreter/],
  ['Windows line ends', () => [script('crlf', '#!/bin/sh\r\nexit 0\r\n')], 127, /Windows line ends/],
  ['not executable', () => [script('plain', '#!/bin/sh\n', 0o644)], 126, /not an executable file/],
  ['a folder', () => [folder], 126, /not an executable file/],
  ['below a file', () => [`${script('file', '')}/x`], 126, /ENOTDIR/],
  ['empty', () => [''], 126, /empty/],
  ['a NUL byte', () => ['echo', 'secret\0'], 126, /NUL byte/],
  ['too large', () => ['true', 'x'.repeat(200_000)], 126, /larger than the system allows/],
])('a command that cannot be started: %s', async (_, argv, exitCode, detail) => {
  const end = await superviseHere(argv())
  expect(end).toEqual({ outcome: 'notStarted', exitCode, detail: expect.stringMatching(detail), starts: 0 })
  expect(end.detail).not.toMatch(/\n|secret/)
})

test('a script without #! is run by sh, as execvp(3) does', async () => {
  expect(await superviseHere([script('bare', 'exit 4\n')])).toMatchObject({ outcome: 'failed', exitCode: 4 })
})

test('the PATH that counts is the one of the child', async () => {
  const end = await superviseHere(['sh'], {}, { env: { PATH: folder } })
  expect(end).toMatchObject({ outcome: 'notStarted', exitCode: 127 })
})

// promise: no-resources
test.runIf(process.platform === 'linux' && canStartAsOther).each([
  // Root has no limit of processes. It counts those of a user, who has no other ones here.
  ['nproc:0', ['setpriv', '--reuid', '54321', '--clear-groups'], 'EAGAIN'],
  ['nofile:0', [], 'EMFILE'],
])('a start for which the system lacks something (%s): 126 and one line', async (limit, user, why) => {
  const { outcome, exitCode, detail } = await supervise({ argv: ['true'] }, ['env', `LIMIT=${limit}`, ...user]).end
  expect({ outcome, exitCode }).toEqual({ outcome: 'notStarted', exitCode: 126 })
  expect(detail).toMatch(/^"true" cannot be .*: processes, open files or memory are short \(.*\)\. Raise the limit .*$/)
  expect(detail).toContain(why)
})

test.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
  'the end of a batch is seen where /proc is that of another PID namespace',
  async () => {
    // The first processes of the namespace take numbers that are also those of processes outside.
    const wrap = ['unshare', '--pid', '--fork', '--kill-child', 'sh', '-c', 'true | true | true; "$@"', 'sh']
    const { end } = supervise({ argv: ['sh', '-c', 'exit 3'] }, wrap)
    expect(await end).toMatchObject({ outcome: 'failed', exitCode: 3 })
  },
)

test('a batch is started although its folder was deleted', async () => {
  const gone = join(folder, 'gone')
  const wrap = ['sh', '-c', 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', gone]
  expect(await supervise({ argv: ['sh', '-c', 'exit 4'] }, wrap).end).toMatchObject({ outcome: 'failed', exitCode: 4 })
})

test('a stop signal before the start: no child', async () => {
  const stops: Stops = { ...quietStops(), first: () => ({ signal: 'SIGINT', atMs: 0 }) }
  const end = await superviseHere(['sh', '-c', 'exit 0'], { stops })
  expect(end).toEqual({ outcome: 'notStarted', stoppedBy: 'SIGINT', starts: 0 })
})

test.each([
  ['the loss of the lease before the start', { leaseLost: AbortSignal.abort({ killInMs: 0 }) }],
  ['a lease that became too old before the start', { mayStart: () => false }],
])('%s: no child', async (_, hooks) => {
  const end = await superviseHere(['sh', '-c', 'exit 0'], hooks)
  expect(end).toEqual({ outcome: 'notStarted', detail: expect.stringContaining('lease'), starts: 0 })
})

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)('a stop: %s is passed on', async (signal) => {
  const run = supervise({ argv: [process.execPath, batch('tell-signal.mjs')] })
  await run.printed(/ready/)
  run.process.kill(signal)
  expect(await run.end).toEqual({ outcome: 'interrupted', stoppedBy: signal, exitCode: 7, ...FACTS })
  await run.printed(new RegExp(`got ${signal}`))
})

test('a later signal is passed on too, the first one stays the reason', async () => {
  const traps = 'trap "echo term" TERM; trap "echo int; exit 5" INT'
  const run = supervise({ argv: ['sh', '-c', `${traps}; echo ready; while :; do sleep 0.02; done`] })
  await run.printed(/ready/)
  run.process.kill('SIGTERM')
  await run.printed(/term/)
  run.process.kill('SIGINT')
  expect(await run.end).toEqual({ outcome: 'interrupted', stoppedBy: 'SIGTERM', exitCode: 5, ...FACTS })
})

test.each([
  ['stay', { killAfterMs: 100 }, { signal: 'SIGKILL' }],
  ['stay', { stopTimeoutMs: 5_100, killAfterMs: HOUR_MS }, { signal: 'SIGKILL' }],
  ['leave', { killAfterMs: DUE_AT_SIGWINCH, stopTimeoutMs: 5 * HOUR_MS }, { exitCode: 0 }],
] as const)('a stop ends the whole group: family.sh %s with %j', async (how, settings, end) => {
  const run = supervise({ argv: [batch('family.sh'), how], ...settings })
  const [, grandchild] = await run.printed(/grandchild (\d+)\n/)
  expect(isLiving(grandchild)).toBe(true)
  const [leader] = childrenOf(run.process.pid)
  run.process.kill('SIGTERM')
  if (how === 'leave') while (isLiving(String(leader))) await new Promise(setImmediate)
  run.process.kill('SIGWINCH')
  expect(await run.end).toMatchObject({ outcome: 'interrupted', stoppedBy: 'SIGTERM', ...end })
  expect(isLiving(grandchild)).toBe(false)
})

test('a stop waits for a group whose leader left first, as long as it has time', async () => {
  const slow = `sh -c 'trap "sleep 0.3; echo cleaned; exit 0" TERM; echo grandchild; while :; do sleep 0.02; done' &`
  const run = supervise({ argv: ['sh', '-c', `trap 'exit 0' TERM; ${slow} while :; do wait; done`] })
  await run.printed(/grandchild/)
  run.process.kill('SIGTERM')
  expect(await run.end).toMatchObject({ outcome: 'interrupted', exitCode: 0 })
  await run.printed(/cleaned/)
})

test('a stop wakes a child that is stopped', async () => {
  const run = supervise({ argv: [process.execPath, batch('tell-signal.mjs')] })
  await run.printed(/ready/)
  process.kill(Number(childrenOf(run.process.pid)), 'SIGSTOP')
  run.process.kill('SIGTERM')
  expect(await run.end).toMatchObject({ outcome: 'interrupted', exitCode: 7 })
})

test('a stop as PID 1 gives the child its time, and does not wait for zombies', async (context) => {
  const unshare = ['unshare', '--pid', '--fork', '--mount-proc']
  try {
    execFileSync('unshare', [...unshare.slice(1), 'true'], { stdio: 'pipe' })
  } catch (error) {
    context.skip(`no PID namespaces here: ${(error as Error).message}`)
  }
  const run = supervise({ argv: [batch('zombie.sh')] }, unshare)
  await run.printed(/ready/)
  process.kill(Number(childrenOf(run.process.pid)), 'SIGTERM')
  expect(await run.end).toEqual({ outcome: 'interrupted', stoppedBy: 'SIGTERM', exitCode: 0, pid: 1 })
  await run.printed(/stopped/)
})

describe.runIf(process.platform === 'linux')('Ctrl-Z on a terminal', () => {
  const stateOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.[0]

  const stopped = async (pid: number) => {
    while (stateOf(pid) !== 'T') await new Promise(setImmediate)
  }

  async function onShell() {
    const result = join(folder, 'terminal.json')
    const request = { argv: [process.execPath, batch('tell-signal.mjs')] }
    const driver = [process.execPath, batch('supervise.mjs'), result, JSON.stringify(request)]
    const shell = spawn(PYTHON, [batch('terminal.py'), ...driver], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void shell.kill('SIGKILL'))
    let output = ''
    shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
    const printed = async (text: string) => {
      while (!output.includes(text)) await once(shell.stdout, 'data')
    }
    const ended = once(shell, 'exit')
    await printed('ready')
    const supervisor = Number(/job (\d+)/.exec(output)?.[1])
    return { shell, printed, supervisor, leader: Number(childrenOf(supervisor)), result, ended }
  }

  // promise: ctrl-z
  test('Ctrl-Z on a terminal stops the supervisor and the batch, and both go on with SIGCONT', async () => {
    const { shell, printed, supervisor, leader, result, ended } = await onShell()
    shell.stdin.write('\x1a')
    await printed('shell: stopped')
    expect(stateOf(supervisor)).toBe('T')
    await stopped(leader)
    process.kill(-supervisor, 'SIGCONT')
    while (stateOf(leader) === 'T') await new Promise(setImmediate)
    expect(stateOf(supervisor)).not.toBe('T')
    process.kill(supervisor, 'SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(JSON.parse(readFileSync(result, 'utf8'))).toMatchObject({ outcome: 'interrupted', exitCode: 7 })
  })

  // promise: ctrl-z
  test('Ctrl-Z without a shell that could wake them, as PID 1 or under an orchestrator: cronledger and batch go on', async () => {
    const run = supervise({ argv: [process.execPath, batch('tell-signal.mjs')] }, ['setsid'])
    await run.printed(/ready/)
    const leader = Number(childrenOf(run.process.pid))
    run.process.kill('SIGTSTP')
    run.process.kill('SIGTERM')
    expect(await run.end).toEqual({ outcome: 'interrupted', stoppedBy: 'SIGTERM', exitCode: 7, ...FACTS })
    expect(isLiving(String(leader))).toBe(false)
  })
})

test('the timeout kills what ignores it', async () => {
  const run = supervise({ argv: [batch('family.sh'), 'stay'], timeoutMs: DUE_AT_SIGWINCH, killAfterMs: 100 })
  const [, grandchild] = await run.printed(/grandchild (\d+)\n/)
  run.process.kill('SIGWINCH')
  expect(await run.end).toEqual({ outcome: 'timedOut', signal: 'SIGKILL', ...FACTS })
  expect(isLiving(grandchild)).toBe(false)
})

test('the timeout stays the reason when a stop follows', async () => {
  const traps = 'trap "echo term" TERM; trap "exit 5" INT'
  const argv = ['sh', '-c', `${traps}; echo ready; while :; do sleep 0.02; done`] as const
  const run = supervise({ argv, timeoutMs: DUE_AT_SIGWINCH })
  await run.printed(/ready/)
  run.process.kill('SIGWINCH')
  await run.printed(/term/)
  run.process.kill('SIGINT')
  expect(await run.end).toEqual({ outcome: 'timedOut', exitCode: 5, ...FACTS })
})

test('a lost lease ends the group in the time that it leaves', async () => {
  const run = supervise({ argv: [batch('family.sh'), 'stay'], killAfterMs: HOUR_MS })
  const [, grandchild] = await run.printed(/grandchild (\d+)\n/)
  run.process.kill('SIGALRM')
  expect(await run.end).toEqual({ outcome: 'leaseLost', signal: 'SIGKILL', ...FACTS })
  expect(isLiving(grandchild)).toBe(false)
})
