import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/process/clock.ts'
import { endFound, endLeftovers } from '../../src/process/leftovers.ts'
import { readStat } from '../../src/process/proc.ts'
import { signalProcess } from '../../src/process/process-group.ts'
import { openSearch, type ProcessSearch } from '../../src/process/process-search.ts'
import type { SearchedRun } from '../../src/process/surrounding-runs.ts'
import { BATCHES } from '../support/processes/supervise.ts'

const HOUR_MS = 3_600_000

async function start(
  env: NodeJS.ProcessEnv,
  script = 'echo ready; exec sleep 60',
): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sh', ['-c', script], { env: { PATH: process.env['PATH'], ...env }, detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

function end(
  run: Omit<SearchedRun, 'task'>,
  { killAfterMs = HOUR_MS, halt = new AbortController().signal, kill = signalProcess } = {},
) {
  return endLeftovers({ task: 'nightly', ...run }, killAfterMs, { clock: systemClock, halt, kill })
}

test('ends the processes of the attempt, and none of another attempt of the same run', async () => {
  const runId = randomUUID()
  const variables = (attempt: number) => ({ CRONLEDGER_RUN_ID: runId, CRONLEDGER_RUN_ATTEMPT: String(attempt) })
  const [first, second] = [await start(variables(1)), await start(variables(2))]
  expect(await end({ runId, attempt: 1 })).toBe(null)
  expect(readStat(first.pid)?.living ?? false).toBe(false)
  expect(readStat(second.pid)?.living).toBe(true)
})

test('ends the batch of a run of another task inside the attempt, and not the next run of the task', async () => {
  const [runId, inner] = [randomUUID(), randomUUID()]
  const env = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `first ${runId} ${inner}` }
  const part = await start({ ...env, CRONLEDGER_RUN_TASK: 'other' })
  const next = await start({ ...env, CRONLEDGER_RUN_TASK: 'nightly' })
  // Another variable of the same text, and a longer id.
  const own = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `${runId}0 ${inner}`, OLD_RUN_ID: runId }
  const other = await start(own)
  expect(await end({ runId, attempt: 1 })).toBe(null)
  expect(readStat(part.pid)?.living ?? false).toBe(false)
  expect(readStat(other.pid)?.living).toBe(true)
  expect(readStat(next.pid)?.living).toBe(true)
})

test('a stop ends the time that a process has before it is killed', async () => {
  const runId = randomUUID()
  const stubborn = await start({ CRONLEDGER_RUN_ID: runId }, 'trap "" TERM; echo ready; while :; do sleep 1; done')
  const halt = AbortSignal.abort()
  expect(await end({ runId }, { halt })).toBe(null)
  expect(readStat(stubborn.pid)?.living ?? false).toBe(false)
})

test('wakes a process that is stopped, so that it hears SIGTERM', async () => {
  const runId = randomUUID()
  const stopped = await start({ CRONLEDGER_RUN_ID: runId })
  stopped.kill('SIGSTOP')
  expect(await end({ runId })).toBe(null)
})

test('waits for a process that is starting a program for longer than 30 looks', async () => {
  const runId = randomUUID()
  const { pid } = await start({ CRONLEDGER_RUN_ID: runId })
  const search = openSearch({ task: 'nightly', runId })
  let looks = 0
  const starting: ProcessSearch = { pass: (onFound) => (++looks <= 60 ? 'starting' : search.pass(onFound)) }
  const io = { clock: systemClock, halt: new AbortController().signal, kill: signalProcess }
  expect(await endFound(starting, HOUR_MS, io)).toBe(null)
  expect(readStat(pid)?.living ?? false).toBe(false)
})

test('does not wait for ever for a process that is starting a program', async () => {
  const io = { clock: systemClock, halt: new AbortController().signal, kill: signalProcess }
  expect(await endFound({ pass: () => 'starting' }, HOUR_MS, io)).toBe(null)
})

test('names a process that cannot be ended', async () => {
  const runId = randomUUID()
  const { pid } = await start({ CRONLEDGER_RUN_ID: runId })
  const sent: string[] = []
  const kill = (to: number, signal: string) => sent.push(`${signal} ${to === pid}`) > 0
  const left = await end({ runId }, { halt: AbortSignal.abort(), kill })
  expect(left).toEqual({ pid, command: expect.stringMatching(/^(sleep|sh)$/) })
  expect(sent).toEqual(['SIGTERM true', 'SIGCONT true', 'SIGSTOP true', 'SIGKILL true'])
})

/** A machine on which SIGKILL takes effect only after `lateMs`, and whose waits take no time. */
function slowMachine(lateMs: number) {
  let atMs = 0
  const dueMs = new Map<number, number>()
  const kill = (pid: number, signal: NodeJS.Signals) => {
    if (signal === 'SIGKILL') dueMs.set(pid, atMs + lateMs)
    return signal === 'SIGKILL' || signalProcess(pid, signal)
  }
  const wait = async (ms: number) => {
    atMs += ms
    for (const pid of [...dueMs.keys()].filter((pid) => (dueMs.get(pid) ?? 0) <= atMs)) {
      signalProcess(pid, 'SIGKILL')
      while (readStat(pid)?.living) await yieldToEventLoop()
    }
  }
  return { clock: { now: systemClock.now, monotonicMs: () => atMs, wait }, kill }
}

test.each([
  ['is waited for', new AbortController().signal, null],
  ['is not waited for after a stop', AbortSignal.abort(), expect.objectContaining({ pid: expect.any(Number) })],
])('a process that takes 5 s to go after SIGKILL %s', async (_, halt, left) => {
  const runId = randomUUID()
  await start({ CRONLEDGER_RUN_ID: runId }, 'trap "" TERM; echo ready; while :; do sleep 1; done')
  const { clock, kill } = slowMachine(5_000)
  expect(await endLeftovers({ task: 'nightly', runId }, 0, { clock, halt, kill })).toEqual(left)
})

/**
 * Starts a process that forks and exits again and again. `stop` lets it end by itself, and returns what it and all its
 * successors printed.
 */
async function hop(runId: string, [file, ...args]: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-hopper-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  onTestFinished(remove)
  const env = { PATH: process.env['PATH'], CRONLEDGER_RUN_ID: runId }
  const { stdout } = spawn(join(BATCHES, file as string), [folder, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const closed = once(stdout, 'close')
  await once(stdout, 'data')
  return {
    async stop() {
      remove()
      await closed
      return printed
    },
  }
}

describe.runIf(process.platform === 'linux')('a process that forks and exits again and again', () => {
  const KINDS: readonly [string, readonly string[]][] = [
    ['a shell', ['hopper.sh']],
    ['a fast program', ['hopper.py']],
    ['a shell that ignores SIGTERM', ['hopper.sh', 'stubborn']],
    ['a fast program that ignores SIGTERM', ['hopper.py', 'stubborn']],
  ]

  test.each(KINDS)('%s: is ended', async (_, command) => {
    for (const count of [1, 1, 1, 5]) {
      const runId = randomUUID()
      const hoppers = await Promise.all(Array.from({ length: count }, () => hop(runId, command)))
      expect(await end({ runId }, { killAfterMs: 200 })).toBe(null)
      expect(await Promise.all(hoppers.map(({ stop }) => stop()))).toEqual(hoppers.map(() => 'ready\n'))
    }
  })

  test.each(KINDS)('%s: is named if it cannot be ended', async (_, command) => {
    const runId = randomUUID()
    const hopper = await hop(runId, command)
    const left = await end({ runId }, { halt: AbortSignal.abort(), kill: () => true })
    expect(left).toEqual({ pid: expect.any(Number), command: expect.any(String) })
    expect(await hopper.stop()).toBe('ready\nalive\n')
  })
})

test.runIf(process.platform === 'linux')(
  'processes of others that fork and exit again and again do not hold the search up',
  async () => {
    const others = await Promise.all([hop(randomUUID(), ['hopper.py']), hop(randomUUID(), ['hopper.sh'])])
    expect(await end({ runId: randomUUID() })).toBe(null)
    expect(await Promise.all(others.map(({ stop }) => stop()))).toEqual(['ready\nalive\n', 'ready\nalive\n'])
  },
)
