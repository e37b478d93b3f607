import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { readStat } from '../../src/process/proc.ts'
import { cronledger, type Loose, NIGHTLY, type Running, scratch, start } from '../support/cli.ts'
import { expectCounted } from '../support/processes/crowd.ts'

const folder = scratch()
/** Looks often, and trusts long: ten processes at once are slow. */
const PATIENT = ['--lease', '10m', '--heartbeat', '500ms', '--ledger-timeout', '5m']
/** A lease that a test can wait for, and that a busy machine still renews in time. */
const SHORT = ['--lease', '10s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']
const DAYS = ['2026-11-22T03:00:05Z', '2026-11-23T03:00:05Z', '2026-11-24T03:00:05Z']

/** How often a test asks for the rows: each time costs the CPU that the runs need. */
const OFTEN = { interval: 200, timeout: 200_000 }

/** A batch that notices another one that runs at the same time. It ends when the file `go` exists. */
const BATCH = `mkdir busy || echo overlap >> bad
echo "$CRONLEDGER_RUN_SLOT" >> ran
echo began
until [ -e go ]; do sleep 0.02; done
rmdir busy`

let places = 0

async function task() {
  const cwd = join(folder, `place-${++places}`)
  mkdirSync(cwd)
  const store = `file:${join(cwd, 'ledger.db')}`
  expect((await cronledger(['setup', '--store', store])).code).toBe(0)
  const named = ['--store', store, ...NIGHTLY]
  const run = (day: number, overlap: string, ...more: string[]): Running => {
    const when = more.includes('--force-slot') ? [] : ['--event-time', DAYS[day] as string]
    const settings = more.includes('--lease') ? [] : PATIENT
    const args = ['run', ...named, ...when, '--overlap', overlap, ...settings, ...more, '--', 'sh', '-c', BATCH]
    return start(args, { cwd })
  }
  const rerun = (slot: string, ...more: string[]): Running => {
    const args = ['rerun', '--store', store, '--task', 'nightly', '--slot', slot, '--reason', 'again', ...more]
    return start([...args, '--', 'sh', '-c', BATCH], { cwd })
  }
  const rows = async (): Promise<Loose[]> => {
    const { stdout } = await cronledger(['history', 'nightly', '--store', store, '--status', 'recorded', '--json'])
    return JSON.parse(stdout).reverse()
  }
  const has = (name: string) => existsSync(join(cwd, name))
  return {
    run,
    rerun,
    rows,
    has,
    go: () => writeFileSync(join(cwd, 'go'), ''),
    stop: () => rmSync(join(cwd, 'go')),
    ran: () => readFileSync(join(cwd, 'ran'), 'utf8').trim().split('\n'),
  }
}

test('--overlap skip: of 10 processes beside a neighbour that runs, one is SKIPPED and 9 are duplicates', async () => {
  const { run, rows, go, ran, has } = await task()
  const holder = run(0, 'skip')
  await holder.printed('began')
  const others = await Promise.all(Array.from({ length: 10 }, () => run(1, 'skip').ended))
  expect(others.map(({ code }) => code)).toEqual(others.map(() => 0))
  go()
  expect((await holder.ended).code).toBe(0)
  const [first, second] = await rows()
  expect([first, second]).toMatchObject([{ state: 'COMPLETED' }, { state: 'SKIPPED' }])
  expectCounted(others, second as Loose, 9)
  expect(ran()).toEqual(['2026-11-22T03:00:00Z'])
  expect(has('bad')).toBe(false)
})

test('--overlap wait: 10 processes of two neighbouring slots: both run, one after the other', async () => {
  const { run, rows, go, ran, has } = await task()
  go()
  const all = await Promise.all(Array.from({ length: 10 }, (_, index) => run(index % 2, 'wait').ended))
  expect(all.map(({ code }) => code)).toEqual(all.map(() => 0))
  const found = await rows()
  expect(found).toMatchObject([{ state: 'COMPLETED' }, { state: 'COMPLETED' }])
  for (const slot of [0, 1]) {
    const ofSlot = all.filter((_, index) => index % 2 === slot)
    expectCounted(ofSlot, found[slot] as Loose, 4)
  }
  expect(ran().sort()).toEqual(['2026-11-22T03:00:00Z', '2026-11-23T03:00:00Z'])
  expect(has('bad')).toBe(false)
})

test('a rerun without --overlap uses the overlap lock if the runs of the task do', async () => {
  const { run, rerun, rows, go, stop, ran, has } = await task()
  go()
  expect((await run(0, 'skip').ended).code).toBe(0)
  stop()
  const holder = run(1, 'skip')
  await holder.printed('began')
  const completed = ['--status', 'completed'] as const
  const refused = await rerun('2026-11-22', ...completed).ended
  expect(refused.code).toBe(65)
  expect(JSON.parse(refused.stderr)).toMatchObject({ cause: 'overlap', holder: { slot: '2026-11-23T03:00:00Z' } })
  expect(JSON.stringify(JSON.parse(refused.stderr).steps)).toContain('--status completed --overlap skip')
  expect(has('bad')).toBe(false)
  const beside = rerun('2026-11-22', ...completed, '--overlap', 'allow')
  await beside.printed('began')
  expect(has('bad')).toBe(true)
  go()
  await Promise.all([holder.ended, beside.ended])

  stop()
  const again = rerun('2026-11-22', ...completed)
  await again.printed('began')
  expect((await run(2, 'skip').ended).code).toBe(0)
  expect(await rows()).toMatchObject([{ state: 'PENDING' }, {}, { state: 'SKIPPED' }])
  go()
  await again.ended
  expect(ran().filter((slot) => slot.startsWith('2026-11-22'))).toHaveLength(3)
})

// promise: no-overlap
test.concurrent('the holder is killed by kill -9: the other slot waits for its lease, and for the child that it left behind', async () => {
  const { run, rows, go, ran, has } = await task()
  const holder = run(0, 'wait', ...SHORT)
  await holder.printed('began')
  // From its first renewal on, the row knows the child.
  await vi.waitFor(async () => expect((await rows())[0]?.['attempts'][0].process).toBeDefined(), OFTEN)
  // Only the lease of the holder has to end.
  const waiting = run(1, 'wait', ...PATIENT, '--skew', '0s')
  await vi.waitFor(async () => expect(await rows()).toHaveLength(2), OFTEN)
  holder.child.kill('SIGKILL')
  await holder.exited
  await vi.waitFor(async () => expect(Date.parse((await rows())[0]?.['leaseUntil'])).toBeLessThan(Date.now()), OFTEN)
  // The child of the killed one still runs.
  expect((await rows())[1]).toMatchObject({ state: 'PENDING', attempts: [{ phase: 'waiting' }] })
  go()
  expect((await waiting.ended).code).toBe(0)
  expect(await rows()).toMatchObject([{ state: 'PENDING' }, { state: 'COMPLETED' }])
  expect(ran()).toEqual(['2026-11-22T03:00:00Z', '2026-11-23T03:00:00Z'])
  expect(has('bad')).toBe(false)
})

/** Says so if the process of an earlier attempt, whose id is in the file `worker`, is still alive. A zombie is not. */
const SAY_IF_BESIDE = `if [ "$CRONLEDGER_RUN_ATTEMPT" = 2 ] && grep -qs '^State:\\s*[A-WY]' "/proc/$(cat worker)/status"; then
      echo beside
    fi`

describe.concurrent('retries in the same process', () => {
  const host = () => {
    const cwd = join(folder, `retry-${++places}`)
    mkdirSync(cwd)
    const store = `file:${join(cwd, 'ledger.db')}`
    const named = ['--store', store, ...NIGHTLY, '--event-time', DAYS[0] as string]
    return {
      cwd,
      run: (options: readonly string[], script: string) =>
        start(['run', ...named, ...options, '--', 'sh', '-c', script], { cwd }),
      row: async (): Promise<Loose | undefined> => {
        const { stdout } = await cronledger(['history', 'nightly', '--store', store, '--status', 'recorded', '--json'])
        // Before the run has made the ledger there is nothing to read.
        return stdout === '' ? undefined : JSON.parse(stdout)[0]
      },
    }
  }

  // promise: retry-in-one-write
  test('what a failed attempt left behind is ended before the next one starts, also if it cleared its environment', async () => {
    const { run } = host()
    // The shell is killed as the OOM killer does it, and its worker would go on.
    const script = `if [ "$CRONLEDGER_RUN_ATTEMPT" = 1 ]; then
      env -i PATH="$PATH" sh -c 'trap "" TERM; echo $$ > worker; echo worker began; while :; do echo >> ticks; sleep 0.02; done' &
      until [ -s ticks ]; do sleep 0.02; done
      kill -9 $$
    fi
    ${SAY_IF_BESIDE}
    echo second`
    const options = ['--max-attempts', '2', '--retry-delay', '0ms', '--kill-after', '300ms']
    const { code, stdout } = await run(options, script).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'worker began\nsecond\n' })
  })

  // promise: left-process-group
  test('a process of attempt n that left the process group: attempt n+1 does not start beside it', async () => {
    const { run, cwd } = host()
    const script = `if [ "$CRONLEDGER_RUN_ATTEMPT" = 1 ]; then
      setsid sh -c 'trap "echo told > said; exit" TERM; echo $$ > worker; while :; do echo >> ticks; sleep 0.02; done' > log 2>&1 < /dev/null &
      until [ -s ticks ]; do sleep 0.02; done
      exit 1
    fi
    ${SAY_IF_BESIDE}
    echo second`
    // It has all the time that it needs for its trap, also on a busy machine.
    const options = ['--max-attempts', '2', '--retry-delay', '0ms', '--kill-after', '5m']
    const { code, stdout } = await run(options, script).ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'second\n' })
    expect(readFileSync(join(cwd, 'said'), 'utf8')).toBe('told\n')
  })

  // promise: left-behind-no-retry
  test('what the last attempt left behind is left alone, because no attempt follows', async () => {
    const { run, cwd } = host()
    const script = `[ "$CRONLEDGER_RUN_ATTEMPT" = 2 ] || exit 1
      sleep 300 > log 2>&1 < /dev/null &
      echo $! > pids
      setsid sh -c 'echo $$ >> pids; exec sleep 300' > log 2>&1 < /dev/null &
      until [ "$(wc -l < pids)" = 2 ]; do sleep 0.02; done
      exit 1`
    expect((await run(['--max-attempts', '2', '--retry-delay', '0ms'], script).ended).code).toBe(1)
    const pids = readFileSync(join(cwd, 'pids'), 'utf8').trim().split('\n').map(Number)
    expect(pids.map((pid) => readStat(pid)?.living)).toEqual([true, true])
    for (const pid of pids) process.kill(pid, 'SIGKILL')
  })

  test('--timeout ends an attempt, not the run', async () => {
    const { run, row } = host()
    const script = '[ "$CRONLEDGER_RUN_ATTEMPT" = 2 ] || exec sleep 60'
    // The second attempt has this time too.
    const options = ['--max-attempts', '2', '--retry-delay', '0ms', '--timeout', '10s']
    expect((await run(options, script).ended).code).toBe(0)
    expect(await row()).toMatchObject({ attempts: [{ outcome: 'timedOut' }, { outcome: 'succeeded' }] })
  })
})
