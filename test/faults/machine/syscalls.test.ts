import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Libsql from 'libsql'
import pLimit from 'p-limit'
import { beforeAll, describe, expect, test } from 'vitest'
import { cronledger, MAIN, NIGHTLY, scratch } from '../../support/cli.ts'

// A real run under strace, which kills it or answers with an error at each system call on the ledger file and its journal.

const strace = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
const whyNot = strace.error?.message ?? (strace.status === 0 ? null : strace.stderr.trim())
if (whyNot !== null) {
  process.stdout.write(`strace cannot trace here (${whyNot}): the tests of each system call are skipped\n`)
}

const folder = scratch()
const template = join(folder, 'template.db')
const CALLS = ['openat', 'fcntl', 'pread64', 'pwrite64', 'fsync', 'unlink'] as const
type Call = (typeof CALLS)[number]

/** What ends an error that stays. Elsewhere, a renewal between claim and finish would be one more commit. */
const SHORT = ['--ledger-timeout', '2s', '--lease', '12s', '--heartbeat', '3s', '--skew', '0s', '--kill-after', '500ms']

const slotOf = (store: string, day: number) => [
  '--store',
  store,
  ...NIGHTLY,
  '--event-time',
  `2026-01-0${day}T03:00:05Z`,
  '--log',
  'text',
]

let cases = 0

async function play(inject: readonly string[], times: readonly string[] = []) {
  cases += 1
  const own = join(folder, String(cases))
  mkdirSync(own)
  const [ledger, log, marks] = [join(own, 'ledger.db'), join(own, 'strace.log'), join(own, 'marks')]
  cpSync(template, ledger)
  const store = `file:${ledger}`
  const run = ['run', ...slotOf(store, 2), ...times, '--', 'sh', '-c', 'echo started >> "$0"', marks]
  // The folder is synced, too. `-y` names the file of a descriptor.
  const paths = ['-y', '-P', own, '-P', ledger, '-P', `${ledger}-journal`, '-e', `trace=${CALLS.join(',')}`]
  const traced = ['-f', '-qq', '-o', log, ...paths, ...inject, process.execPath, MAIN, ...run]
  const child = spawn('strace', traced, { stdio: ['ignore', 'ignore', 'pipe'] })
  const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'close')])
  const starts = () => (existsSync(marks) ? readFileSync(marks, 'utf8').split('\n').length - 1 : 0)
  const state = async () => {
    const args = ['history', 'nightly', '--store', store, '--since', '2026-01-02', '--status', 'recorded', '--json']
    const { code: asked, stdout } = await cronledger(args)
    // Without a row, the task is unknown.
    expect([0, 64]).toContain(asked)
    return (JSON.parse(stdout || '[]')[0]?.state ?? 'absent') as string
  }
  const first = { own, code, signal, stderr, starts: starts(), state: await state(), calls: readFileSync(log, 'utf8') }
  const database = new Libsql(ledger)
  expect(database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  database.close()
  const second = await cronledger(run)
  return { first, second: { code: second.code, starts: starts(), state: await state() } }
}

const counts = new Map<Call, number>()

/** Which of the calls of one kind are hit: at most that many, evenly spread. With EVERY=1, all of them. */
function points(call: Call, most: number): number[] {
  const count = counts.get(call) ?? 0
  expect(count).toBeGreaterThan(0)
  const wanted = process.env['EVERY'] === undefined ? Math.min(most, count) : count
  return Array.from({ length: wanted }, (_, index) => Math.round(1 + (index * (count - 1)) / Math.max(wanted - 1, 1)))
}

async function playAll(
  injections: readonly string[],
  check: (played: Awaited<ReturnType<typeof play>>) => void,
  times: readonly string[] = [],
) {
  const limit = pLimit(2)
  const one = async (injection: string) => {
    const played = await play(['-e', `inject=${injection}`], times)
    try {
      check(played)
    } catch (error) {
      throw new Error(`${injection}: ${(error as Error).message}\n${played.first.stderr}`, { cause: error })
    }
  }
  await Promise.all(injections.map((injection) => limit(() => one(injection))))
}

describe.skipIf(whyNot !== null)('each system call on a ledger file and its journal', () => {
  beforeAll(async () => {
    expect(await cronledger(['run', ...slotOf(`file:${template}`, 1), '--', 'true'])).toMatchObject({ code: 0 })
    const { first, second } = await play([])
    expect(first).toMatchObject({ code: 0, starts: 1, state: 'COMPLETED' })
    expect(second).toEqual({ code: 0, starts: 1, state: 'COMPLETED' })
    for (const call of CALLS) counts.set(call, first.calls.split(` ${call}(`).length - 1)
    // The claim and the finish. The run before has kept the task record.
    expect(counts.get('unlink')).toBe(2)
  })

  // promise: file-power-loss
  test('a commit: the folder is synced after the journal is removed, so that a power loss does not bring it back', async () => {
    const { own, calls } = (await play([])).first
    const steps = calls.split('\n').flatMap((line) => {
      if (/ unlink\(".*-journal"\) += 0/.test(line)) return ['journal removed']
      return line.includes(' fsync(') && line.includes(`<${own}>)`) ? ['folder synced'] : []
    })
    const commit = ['folder synced', 'journal removed', 'folder synced']
    expect(steps).toEqual([...commit, ...commit])
  })

  // promise: file-crash
  test('a kill at it: the file is whole, the row says what was committed, and nothing starts twice', async () => {
    const most = { openat: 2, fcntl: 1, pread64: 1, pwrite64: 3, fsync: 4, unlink: 2 }
    const kills = CALLS.flatMap((call) => points(call, most[call]).map((at) => `${call}:signal=KILL:when=${at}`))
    const states = new Set<string>()
    await playAll(kills, ({ first, second }) => {
      states.add(first.state)
      expect(first.signal).toBe('SIGKILL')
      // A commit is done when SQLite has removed the journal.
      const commits = first.calls.match(/ unlink\(.*\) += 0$/gm)?.length ?? 0
      expect(first.state).toBe(['absent', 'PENDING', 'COMPLETED'][commits])
      if (first.starts > 0) expect(first.state).not.toBe('absent')
      if (first.state === 'COMPLETED') expect(first.starts).toBe(1)
      expect(second.code).toBe(0)
      if (first.state === 'absent') expect(second).toMatchObject({ starts: 1, state: 'COMPLETED' })
      else expect(second).toMatchObject({ starts: first.starts, state: first.state })
    })
    expect([...states].sort()).toEqual(['COMPLETED', 'PENDING', 'absent'])
  })

  const isSound = ({ first, second }: Awaited<ReturnType<typeof play>>) => {
    expect(first.stderr).not.toContain('this is a bug')
    // 78: SQLite says of a page that cannot be read that the file is damaged.
    expect([0, 74, 75, 77, 78]).toContain(first.code)
    // One start and a record of it, or none and the reason why; an unrecorded success stays PENDING.
    if (first.code === 0) expect(first).toMatchObject({ starts: 1, state: 'COMPLETED' })
    else if (first.code === 74) expect(first).toMatchObject({ starts: 1, state: 'PENDING' })
    else expect(first).toMatchObject({ starts: 0, stderr: expect.stringContaining('not started') })
    expect(second.starts).toBeLessThanOrEqual(1)
    // The lease of an unrecorded success may be over.
    expect(first.code === 74 ? [0, 65] : [0]).toContain(second.code)
    if (second.state === 'COMPLETED') expect(second.starts).toBe(1)
  }

  // promise: file-crash
  test('an error of it that passes: the run is recorded, or one line says why nothing started', async () => {
    const most = { openat: 2, fcntl: 1, pread64: 1, pwrite64: 2, fsync: 2, unlink: 2 }
    const errors = CALLS.flatMap((call) => points(call, most[call]).map((at) => `${call}:error=EIO:when=${at}`))
    const full = points('pwrite64', 1).map((at) => `pwrite64:error=ENOSPC:when=${at}`)
    await playAll([...errors, ...full], isSound)
  })

  test('a read of the first page that fails once: the run is recorded, although SQLite says that the file is not a database', async () => {
    const { first } = await play(['-e', 'inject=pread64:error=EIO:when=2'])
    expect(first.calls).toMatch(/ pread64\(.* EIO .*INJECTED/)
    expect(first).toMatchObject({ code: 0, starts: 1, state: 'COMPLETED' })
  })

  // promise: file-crash
  test('an error of it that stays: the run is recorded, or one line says why nothing started', async () => {
    const lasting = ['EIO', 'EACCES', 'EMFILE'].map((error) => `openat:error=${error}:when=3+`)
    const writes = (['pwrite64', 'fsync', 'unlink'] as const).flatMap((call) => [`${call}:error=EIO:when=1+`])
    await playAll([...lasting, ...writes, 'pwrite64:error=ENOSPC:when=15+'], isSound, SHORT)
  })

  // promise: file-threads
  test('only SQLite opens the file: closing another descriptor of it would drop the locks of this process', () => {
    const [ledger, log] = [join(folder, 'opened.db'), join(folder, 'opened.log')]
    const traced = ['-f', '-qq', '-o', log, '-P', ledger, '-e', 'trace=open,openat', process.execPath, MAIN]
    const { status } = spawnSync('strace', [...traced, 'run', ...slotOf(`file:${ledger}`, 2), '--', 'true'])
    expect(status).toBe(0)
    const opened = readFileSync(log, 'utf8').match(/ open(at)?\(.*/g) ?? []
    expect(opened.length).toBeGreaterThan(1)
    // SQLite opens its files with O_NOFOLLOW, and Node does not.
    expect(opened.filter((one) => !one.includes('O_NOFOLLOW'))).toEqual([])
  })

  // promise: disk-full
  test('a disk quota that is used up: the line says so, although SQLite speaks of an I/O error', () => {
    const inject = ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=pwrite64:error=EDQUOT']
    const check = ['setup', '--store', `file:${template}`, '--check']
    const checked = spawnSync('strace', [...inject, process.execPath, MAIN, ...check], { encoding: 'utf8' })
    expect(checked).toMatchObject({
      status: 75,
      stdout: expect.stringMatching(/^wrong {2}writing .*the disk quota is/m),
    })
  })
})
