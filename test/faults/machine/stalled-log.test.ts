// A log without a reader. stderr is full before cronledger starts, so that its first line is stuck.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { cronledger, type Loose, MAIN, scratch } from '../../support/cli.ts'
import { canStartAsOther } from '../../support/processes/programs.ts'

const LAUNCHER = fileURLToPath(new URL('../../fixtures/stalled-log.py', import.meta.url))
const UNPRIVILEGED = 65_534
const folder = scratch()

interface Kind {
  readonly name: string
  readonly stderr: 'socket' | 'pipe' | 'terminal'
  readonly uid?: number
  /** cronledger can open the pipe or the terminal a second time, and needs no other process. */
  readonly opensAgain?: true
  readonly log?: 'text' | 'json'
  /** Done as root in a mount namespace of its own, before cronledger starts. */
  readonly mount?: string
}

const mayUnshare = (() => {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    process.stdout.write('unshare is not permitted here: the log without /proc is not tested\n')
    return false
  }
})()

const OF_ANOTHER_USER: Kind = { name: 'a pipe of another user, as in a container', stderr: 'pipe', uid: UNPRIVILEGED }
const WITHOUT_PROC: Kind = { name: 'a pipe without /proc', stderr: 'pipe', mount: 'mount -t tmpfs none /proc' }
const KINDS: readonly Kind[] = [
  { name: 'a pipe', stderr: 'pipe', opensAgain: true },
  { name: 'a terminal, as after Ctrl-S', stderr: 'terminal', opensAgain: true },
  { name: 'a Unix socket, as under systemd', stderr: 'socket' },
  ...(canStartAsOther ? [OF_ANOTHER_USER] : []),
  ...(mayUnshare ? [WITHOUT_PROC] : []),
]

/** Prints `ready` and its process ID in the last slot, then fails on SIGUSR2. */
const BATCH = `
  if (process.env.CRONLEDGER_RUN_SLOT !== '2026-11-23T00:00:00Z') process.exit(0)
  process.on('SIGUSR2', () => process.exit(5))
  process.on('SIGTERM', () => process.exit(0))
  setInterval(() => {}, 1e6)
  console.log('ready', process.pid)`

const TASK = ['--task', 'nightly', '--schedule', '@daily']
const SHORT_TIMES = ['--heartbeat', '300ms', '--kill-after', '1s', '--stop-timeout', '20s']
const SHORT_LEASE = ['--lease', '6s', '--skew', '1s']

async function start({ stderr, uid = 0, mount, log = 'json' }: Kind, command: readonly string[]) {
  const home = mkdtempSync(join(folder, 'ledger-'))
  chmodSync(home, 0o777)
  chmodSync(folder, 0o755)
  const store = ['--store', `file:${join(home, 'ledger.db')}`]
  // A range can only be run again if the task is on record.
  await cronledger(['setup', ...store], { uid, gid: uid })
  const [name = '', ...args] = command
  if (name === 'rerun') await cronledger(['declare', ...store, ...TASK, '--from', '2026-11-20'], { uid, gid: uid })
  const task = name === 'rerun' ? TASK.slice(0, 2) : TASK
  const times = name === 'rerun' ? SHORT_TIMES : [...SHORT_TIMES, ...SHORT_LEASE]
  const options = [...store, ...task, ...times, '--log', log, ...args]
  const own = [process.execPath, MAIN, name, ...options, '--', process.execPath, '-e', BATCH]
  const launched = mount === undefined ? own : ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...own]
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(CRONLEDGER|AWS|NODE_)/.test(key)))
  const launcher = spawn('python3', [LAUNCHER, stderr, String(uid), ...launched], {
    stdio: 'pipe',
    env: { ...env, TERM: 'xterm' },
  })
  let stdout = ''
  let report = ''
  // After a failure: the log has no reader any more, and a stop ends the batch.
  onTestFinished(() => {
    if (launcher.exitCode !== null) return
    launcher.kill('SIGKILL')
    const [, pid] = /^pid (\d+)$/m.exec(stdout) ?? []
    if (pid !== undefined) process.kill(Number(pid), 'SIGTERM')
  })
  launcher.stderr.setEncoding('utf8').on('data', (text: string) => {
    report += text
  })
  const ended = new Promise<{ code: number; log: string }>((resolve, reject) => {
    launcher.on('close', () => (report.startsWith('{') ? resolve(JSON.parse(report)) : reject(new Error(report))))
  })
  const ready = new Promise<{ pid: number; batchPid: number }>((resolve, reject) => {
    launcher.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const [, pid, batchPid] = /^pid (\d+)[\s\S]*^ready (\d+)$/m.exec(stdout) ?? []
      if (pid !== undefined) resolve({ pid: Number(pid), batchPid: Number(batchPid) })
    })
    ended.then(() => reject(new Error(`ended before the batch was ready: ${stdout}${report}`)), reject)
  })
  const file = openFileStore(join(home, 'ledger.db'))
  onTestFinished(() => file.close())
  const row = async (): Promise<Loose> => {
    await delay(50)
    const slot = Date.parse('2026-11-23T00:00:00Z')
    return (await file.get({ task: 'nightly', slot }, { signal: AbortSignal.timeout(120_000) })) as Loose
  }
  return { ready, ended, row, read: () => launcher.stdin.write('read\n') }
}

function relaysOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  // A child may end between the two looks.
  const commandOf = (child: string) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8')
    } catch {
      return BATCH
    }
  }
  return children.filter((child) => !commandOf(child).includes(BATCH)).map(Number)
}

const RUN = ['run', '--event-time', '2026-11-23T00:00:05Z']
const DAYS = ['20', '21', '22', '23'].map((day) => `2026-11-${day}`)
const RERUN = ['rerun', '--from', '2026-11-20', '--until', '2026-11-23', '--reason', 'x']

describe.each(KINDS)('stderr that is full and not read: $name', (kind) => {
  // promise: stalled-log
  test('heartbeats, signals and the finish go on; nothing starts under a lapsed lease', async () => {
    const { ready, ended, row } = await start(kind, RUN)
    const { pid } = await ready
    const readyMs = Date.now()
    const first = await row()
    expect(first).toMatchObject({ state: 'PENDING' })
    expect(first['leaseUntil']).toBeGreaterThan(readyMs)
    let renewed = first
    while (renewed['leaseUntil'] < first['leaseUntil'] + 600) renewed = await row()
    process.kill(pid, 'SIGUSR2')
    expect((await ended).code).toBe(5)
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed', exitCode: 5 }] })
  })

  // promise: stalled-log
  test('SIGTERM is answered within the stop timeout, with the outcome on record', async () => {
    const { ready, ended, row } = await start(kind, RUN)
    const { pid } = await ready
    const stoppedAt = Date.now()
    process.kill(pid, 'SIGTERM')
    expect((await ended).code).toBe(143)
    expect(Date.now() - stoppedAt).toBeLessThan(20_000)
    expect(await row()).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted', exitCode: 0 }] })
  })

  // promise: stalled-log
  test('a reader that comes back gets all lines, in order', async () => {
    const { ready, ended, read } = await start(kind, RUN)
    const { pid } = await ready
    const relays = relaysOf(pid)
    expect(relays).toHaveLength(kind.opensAgain ? 0 : 1)
    // systemd sends a stop to all processes of a service.
    for (const relay of relays) process.kill(relay, 'SIGTERM')
    read()
    process.kill(pid, 'SIGUSR2')
    const { code, log } = await ended
    expect(code).toBe(5)
    const lines = log.trimEnd().split('\n')
    const events = lines.map((line) => JSON.parse(line) as Loose).map(({ event, slot }) => [event, slot?.slice(0, 10)])
    expect(events).toEqual(['warning', 'claimed', 'failed'].map((event) => [event, '2026-11-23']))
  })
})

// promise: stopped-terminal
test('the progress of a rerun on a terminal that is not read does not hold it up, and is shown in order later', async () => {
  const kind: Kind = { name: 'a terminal', stderr: 'terminal', log: 'text' }
  const { ready, ended, row, read } = await start(kind, RERUN)
  const { batchPid } = await ready
  const first = await row()
  expect(first).toMatchObject({ state: 'PENDING' })
  while ((await row())['leaseUntil'] === first['leaseUntil']);
  read()
  process.kill(batchPid, 'SIGUSR2')
  const { code, log } = await ended
  expect(code).toBe(5)
  expect(log.split('\n').filter((line) => line.startsWith('['))).toEqual(
    DAYS.map((day, done) => expect.stringContaining(`%  ${done} of 4 done, next nightly ${day} 00:00 UTC (missed)`)),
  )
})
