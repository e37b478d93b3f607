import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cronledger, type Loose, MAIN, NIGHTLY, scratch, start } from '../support/cli.ts'
import { childrenOf } from '../support/processes/supervise.ts'
import { awsEnv, startDynalite } from '../support/servers.ts'

const folder = scratch()
let files = 0

/** A lease that a test can wait for. A busy machine still renews it in time, and records the end of a run in time. */
const SHORT = ['--lease', '8s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']

interface Where {
  readonly store: string
  readonly env: Readonly<Record<string, string>>
}

const newFile = (): Where => ({ store: `file:${join(folder, `ledger-${++files}.db`)}`, env: {} })

function ledger(options: readonly string[] = [], { store, env }: Where = newFile()) {
  const args = ['--store', store, ...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
  const run = (...command: string[]) => ['run', ...args, ...options, '--', ...command]
  const row = async (): Promise<Loose> => {
    const { stdout } = await cronledger(
      ['history', '--store', store, '--task', 'nightly', '--status', 'recorded', '--json'],
      {
        env,
      },
    )
    // Before the claim, the task is unknown.
    return JSON.parse(stdout || '[{}]')[0]
  }
  return {
    store,
    run,
    row,
    /** Waits until the condition holds. The time limit of the test ends the wait. */
    async until(holds: (row: Loose, now: number) => boolean) {
      for (;;) {
        const found = await row()
        if (holds(found, Date.now())) return found
      }
    },
  }
}

/** Living processes whose environment names this run. */
function familyOf(runId: string): number[] {
  const pids = execFileSync('ls', ['/proc'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`CRONLEDGER_RUN_ID=${runId}`)) return false
      return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    } catch {
      return false
    }
  })
}

const isOver = ({ leaseUntil }: Loose, now: number) => now > Date.parse(leaseUntil)

describe.concurrent('kill -9 in mid-run', () => {
  test('a stale row that says so; never silently COMPLETED; refused while the child lives, and then until a person forces it', async () => {
    const { store, run, row, until } = ledger(SHORT)
    const first = start(run('sh', '-c', 'echo ready; sleep 300 & wait'))
    await first.printed('ready')
    first.child.kill('SIGKILL')
    await first.exited
    const runId = (await row())['attempts'][0].runId
    expect((await cronledger(run('echo', 'no'))).stdout).toBe('')

    const stale = await until(isOver)
    expect(stale).toMatchObject({ state: 'PENDING', attempts: [{ number: 1 }] })
    expect(stale['attempts'][0]).not.toHaveProperty('outcome')
    const force = ['--store', store, ...NIGHTLY, '--force-slot', 'latest', '--reason', 'x']
    const forced = () => cronledger(['run', ...force.with(7, '2026-11-23'), ...SHORT, '--', 'echo', 'forced'])
    for (const attempt of [await cronledger(run('echo', 'no')), await forced()]) {
      expect(attempt).toMatchObject({
        code: 65,
        stdout: '',
        stderr: expect.stringMatching(/process \d+ \((sh|sleep)\) .* still runs/),
      })
    }

    for (const pid of familyOf(runId)) process.kill(pid, 'SIGKILL')
    while (familyOf(runId).length > 0);
    const refused = await cronledger(run('echo', 'no'))
    expect(refused).toMatchObject({ code: 65, stdout: '', stderr: expect.stringMatching(/stopped reporting/) })
    expect(await forced()).toMatchObject({ code: 0, stdout: 'forced\n' })
    expect(await row()).toMatchObject({
      state: 'COMPLETED',
      attempts: [{ outcome: 'abandoned' }, { outcome: 'succeeded', trigger: { kind: 'forced' } }],
    })
  })

  test('with attempts left a later trigger takes over', async () => {
    const { run, row, until } = ledger([...SHORT, '--max-attempts', '2'])
    const first = start(run('sh', '-c', 'echo ready; exec sleep 300'))
    await first.printed('ready')
    first.child.kill('SIGKILL')
    await first.exited
    for (const pid of familyOf((await row())['attempts'][0].runId)) process.kill(pid, 'SIGKILL')
    await until(isOver)
    expect(await cronledger(run('sh', '-c', 'echo $CRONLEDGER_RUN_ATTEMPT'))).toMatchObject({ code: 0, stdout: '2\n' })
  })
})

describe('paused past its lease, then woken', () => {
  test('stops its child, and cannot overwrite the new owner', async () => {
    // Not a file: who is stopped in the middle of a transaction keeps its lock.
    const server = await startDynalite()
    onTestFinished(() => server.stop())
    const where = { store: 'dynamodb:ledger', env: awsEnv(server) }
    await cronledger(['setup', '--store', where.store], where)
    const lease = ['--lease', '20s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']
    const { run, row, until } = ledger([...lease, '--max-attempts', '2'], where)
    // The new owner must keep its lease, also on a busy machine.
    const { run: runPatiently } = ledger(['--skew', '0s', '--max-attempts', '2'], where)
    // The child ends while its supervisor is stopped: nothing of it keeps another run from taking over.
    const first = start(run('sh', '-c', 'echo ready; exec sleep 0.5'), where)
    await first.printed('ready')
    first.child.kill('SIGSTOP')
    await until(isOver)
    const second = start(runPatiently('sh', '-c', 'echo ready; exec sleep 300'), where)
    await second.printed('ready')
    first.child.kill('SIGCONT')
    const { code, stderr } = await first.ended
    // Whether the end of the child or the loss of the lease is seen first is chance.
    expect([73, 74]).toContain(code)
    expect(stderr).toMatch(/another run took over this slot/)
    second.child.kill('SIGTERM')
    expect((await second.ended).code).toBe(143)
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'abandoned' }, { number: 2, outcome: 'interrupted' }] })
  })
})

describe('a lease that another run took over', () => {
  test('tells the child, ends one that does not mind too, and exits with 73', async () => {
    const { store, run, row } = ledger(['--heartbeat', '200ms', '--kill-after', '2s'])
    const running = start(run('sh', '-c', "trap 'echo told' TERM; echo ready; while :; do sleep 0.1; done"))
    await running.printed('ready')
    const runId = (await row())['attempts'][0].runId
    // The row is deleted, and another run claims the slot. The version is the same, and the owner is another one.
    const { default: Libsql } = await import('libsql')
    const database = new Libsql(store.slice('file:'.length))
    // Heartbeats, and the task record after the start of the child, use the file now and then.
    database.exec('PRAGMA busy_timeout = 60000')
    database.exec(
      "UPDATE rows SET document = json_set(document, '$.owner', 'another', '$.attempts[0].runId', 'another')",
    )
    database.close()
    expect(await running.ended).toMatchObject({
      code: 73,
      stdout: 'ready\ntold\n',
      stderr: expect.stringMatching(/"event":"lease-lost"/),
    })
    expect(familyOf(runId)).toEqual([])
    expect(await row()).toMatchObject({ state: 'PENDING', owner: 'another' })
  })
})

describe('a stop', () => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
    ['SIGQUIT', 131],
  ] as const) {
    test(`${signal} is passed on; the attempt is interrupted regardless of the child's exit code, and the run exits with ${code}`, async () => {
      // A shell lets its background processes ignore SIGINT and SIGQUIT: SIGKILL ends those.
      const { run, row } = ledger(['--kill-after', '2s'])
      const running = start(
        run('sh', '-c', `trap 'echo told; exit 0' ${signal.slice(3)}; echo ready; sleep 300 & wait`),
      )
      await running.printed('ready')
      running.child.kill(signal)
      expect(await running.ended).toMatchObject({ code, stdout: 'ready\ntold\n' })
      const { attempts } = await row()
      expect(attempts).toMatchObject([{ outcome: 'interrupted', exitCode: 0 }])
      expect(familyOf(attempts[0].runId)).toEqual([])
    })
  }

  test('a child that ignores it, with grandchildren, is killed, and the end is recorded before the stop timeout', async () => {
    const { run, row } = ledger(['--kill-after', '500ms'])
    const running = start(run('sh', '-c', "trap '' TERM; sleep 300 & sleep 300 & echo ready; while :; do wait; done"))
    await running.printed('ready')
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(143)
    const { attempts } = await row()
    expect(attempts).toMatchObject([{ outcome: 'interrupted', signal: 'SIGKILL' }])
    expect(familyOf(attempts[0].runId)).toEqual([])
  })

  const unshare = ['--pid', '--fork', '--mount-proc']
  const mayUnshare = (() => {
    try {
      execFileSync('unshare', [...unshare, 'true'], { stdio: 'ignore' })
      return true
    } catch {
      process.stdout.write('unshare is not permitted here: the test as PID 1 is skipped\n')
      return false
    }
  })()

  test.skipIf(!mayUnshare)('as PID 1, with a slow child and orphans that no process collects', async () => {
    const { run, row } = ledger()
    const script = "trap 'sleep 0.5; echo stopped; exit 0' TERM; (sleep 0.01 &) ; echo ready; sleep 300 & wait"
    const outer = spawn('unshare', [...unshare, process.execPath, MAIN, ...run('sh', '-c', script)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    outer.stderr.setEncoding('utf8').on('data', (chunk) => {
      stderr += chunk
    })
    const ended = new Promise<number | null>((resolve) => outer.on('close', resolve))
    await new Promise<void>((resolve) =>
      outer.stdout.setEncoding('utf8').on('data', (chunk) => {
        stdout += chunk
        if (stdout.includes('ready')) resolve()
      }),
    )
    process.kill(Number(childrenOf(outer.pid)), 'SIGTERM')
    expect(await ended, stderr).toBe(143)
    expect(stdout).toBe('ready\nstopped\n')
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'interrupted', exitCode: 0 }] })
  })
})

describe('batch with much output and a slow reader, or a closed stderr', () => {
  const flood = `for (let i = 0; i < 40_000; i++) console.log(String(i).padStart(49, '.'))`

  test('nothing is lost: 2 MB through a pipe that is shared with the log', async () => {
    const { run, row } = ledger()
    const sh = `"$0" "$@" 2>&1 | { sleep 0.3; cat; }`
    const args = ['-c', sh, process.execPath, MAIN, ...run('node', '-e', flood)]
    const output = execFileSync('sh', args, { encoding: 'utf8', maxBuffer: 10_000_000 })
    const lines = output.trimEnd().split('\n')
    const own = lines.filter((line) => line.startsWith('{'))
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual(
      Array.from({ length: 40_000 }, (_, index) => String(index).padStart(49, '.')),
    )
    expect(own.map((line) => JSON.parse(line).event)).toEqual(['ledger-created', 'claimed', 'completed'])
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })

  for (const closing of ['2>&-', '2>/dev/full', '>&- 2>&-']) {
    test(`nothing is orphaned: ${closing}`, async () => {
      const { run, row } = ledger()
      const done = join(folder, `done-${files}`)
      const sh = `"$0" "$@" ${closing}`
      execFileSync('sh', ['-c', sh, process.execPath, MAIN, ...run('touch', done)])
      expect(existsSync(done)).toBe(true)
      expect(await row()).toMatchObject({ state: 'COMPLETED' })
    })
  }

  test('a reader of the log that goes away changes nothing', async () => {
    const { run, row } = ledger()
    const sh = `{ "$0" "$@"; echo "code $?" >&3; } 3>&1 2>&1 >/dev/null | true`
    const script = 'sleep 0.3; exit 5'
    execFileSync('sh', ['-c', sh, process.execPath, MAIN, ...run('sh', '-c', script)], { encoding: 'utf8' })
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'failed', exitCode: 5 }] })
  })
})
