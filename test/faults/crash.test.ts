import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openFileStore } from '../../src/store/file/file-store.ts'
import { cronledger, type Loose, MAIN, NIGHTLY, scratch, start } from '../support/cli.ts'

const folder = scratch()
let files = 0
const SLOT = Date.parse('2026-11-23T03:00:00Z')

/** A lease that a test can wait for. A busy machine still renews it in time, and records the end of a run in time. */
const SHORT = ['--lease', '8s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']

function ledger(options: readonly string[] = []) {
  const path = join(folder, `ledger-${++files}.db`)
  const args = ['--store', `file:${path}`, ...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
  const run = (...command: string[]) => ['run', ...args, ...options, '--', ...command]
  const store = openFileStore(path)
  onTestFinished(() => store.close())
  const row = async (): Promise<Loose> =>
    (await store.get({ task: 'nightly', slot: SLOT }, { signal: AbortSignal.timeout(120_000) })) as Loose
  return { path, run, row }
}

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

async function untilOver(row: () => Promise<Loose>): Promise<Loose> {
  for (;;) {
    const found = await row()
    if (Date.now() > found['leaseUntil']) return found
    await delay(100)
  }
}

// promise: killed
test('kill -9 in mid-run leaves a stale row: never silently COMPLETED, refused while the child lives, and then until a person forces it', async () => {
  const { path, run, row } = ledger(SHORT)
  const first = start(run('sh', '-c', 'echo ready; sleep 300 & wait'))
  await first.printed('ready')
  first.child.kill('SIGKILL')
  await first.exited
  const runId = (await row())['attempts'][0].runId
  expect((await cronledger(run('echo', 'no'))).stdout).toBe('')

  const stale = await untilOver(row)
  expect(stale).toMatchObject({ state: 'PENDING', attempts: [{ number: 1 }] })
  expect(stale['attempts'][0]).not.toHaveProperty('outcome')
  const force = ['--store', `file:${path}`, ...NIGHTLY, '--force-slot', 'latest', '--reason', 'x']
  const forced = () => cronledger(['run', ...force.with(7, '2026-11-23'), ...SHORT, '--', 'echo', 'forced'])
  for (const attempt of [await cronledger(run('echo', 'no')), await forced()]) {
    expect(attempt).toMatchObject({ code: 65, stdout: '' })
    expect(attempt.stderr).toMatch(/process \d+ \((sh|sleep)\) still runs/)
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

// promise: slow-log-reader
describe('batch with much output and a slow reader, or a closed stderr', () => {
  const flood = `for (let i = 0; i < 40_000; i++) console.log(String(i).padStart(49, '.'))`

  test('nothing of much output of a batch is lost: 2 MB through a pipe that is shared with the log', async () => {
    const { run, row } = ledger()
    const sh = `"$0" "$@" 2>&1 | { sleep 0.3; cat; }`
    const args = ['-c', sh, process.execPath, MAIN, ...run('node', '-e', flood)]
    const output = execFileSync('sh', args, { encoding: 'utf8', maxBuffer: 10_000_000 })
    const lines = output.trimEnd().split('\n')
    const own = lines.filter((line) => line.startsWith('{'))
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual(
      Array.from({ length: 40_000 }, (_, index) => String(index).padStart(49, '.')),
    )
    const events = own.map((line) => JSON.parse(line).event)
    expect(events).toEqual(expect.arrayContaining(['ledger-created', 'claimed', 'completed']))
    expect(await row()).toMatchObject({ state: 'COMPLETED' })
  })

  for (const closing of ['2>&-', '2>/dev/full', '>&- 2>&-']) {
    test(`a closed output orphans no batch: ${closing}`, async () => {
      const { run, row } = ledger()
      const done = join(folder, `done-${files}`)
      const sh = `"$0" "$@" ${closing}`
      execFileSync('sh', ['-c', sh, process.execPath, MAIN, ...run('touch', done)])
      expect(existsSync(done)).toBe(true)
      expect(await row()).toMatchObject({ state: 'COMPLETED' })
    })
  }
})
