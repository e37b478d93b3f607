import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { ProcessMark } from '../../src/core/types.ts'
import { systemClock } from '../../src/process/clock.ts'
import { readStat } from '../../src/process/proc.ts'
import { sendSignal } from '../../src/process/process-group.ts'
import type { SearchedRun } from '../../src/process/surrounding-runs.ts'
import { endLeftovers, findSurvivor, markProcess } from '../../src/process/survivors.ts'
import { startFutureZombie } from '../support/processes/zombie.ts'

const HOUR_MS = 3_600_000
const STUBBORN = 'trap "" TERM'

type Child = ChildProcess & { readonly pid: number }

/** Waits in the shell by default: while a process loads its program, the kernel shows no environment of it. */
async function start(env: NodeJS.ProcessEnv = {}, trap = ':', command = 'read _'): Promise<Child> {
  const options = { env: { PATH: process.env['PATH'], ...env }, detached: true }
  const child = spawn('sh', ['-c', `${trap}; echo ready; ${command}`], options)
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child as Child
}

const isLiving = ({ pid }: Child) => readStat(pid)?.living === true

function mark(pid: number): ProcessMark {
  const found = markProcess(pid)
  if (found === null) throw new Error(`no process ${pid}`)
  return found
}

const find = (attempts: Parameters<typeof findSurvivor>[0]['attempts']) => findSurvivor({ task: 'nightly', attempts })

test('a process of the last attempt is found by its mark, until it has ended', async () => {
  const child = await start()
  const real = mark(child.pid)
  const runId = randomUUID()
  expect(find([{ runId, process: real }])).toEqual({ pid: child.pid, command: 'sh' })
  expect(find([{ runId, process: { ...real, startTicks: Number(real.startTicks) - 1 } }])).toBe(null)
  expect(find([{ runId, process: { ...real, boot: '00000000:1' } }])).toBe(null)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(find([{ runId, process: real }])).toBe(null)
  expect(markProcess(child.pid)).toBe(null)
  expect(find([{ runId, process: mark(process.pid) }])).toBe(null)
})

test('a process that an attempt left behind is found by the run id in its environment', async () => {
  const runId = randomUUID()
  const child = await start({ LARGE: 'x'.repeat(100_000), CRONLEDGER_RUN_ID: runId, ZZZ: 'last' })
  expect(find([{ runId }])).toMatchObject({ pid: child.pid })
  expect(find([{ runId: randomUUID() }, { runId }])).toMatchObject({ pid: child.pid })
  expect(find([{ runId: runId.slice(0, -1) }])).toBe(null)
  expect(find([])).toBe(null)
  const other = randomUUID()
  await start({ OLD_CRONLEDGER_RUN_ID: other })
  expect(find([{ runId: other }])).toBe(null)
})

test('the batch of a run of another task inside the attempt, and not the next run of the task', async () => {
  const [runId, inner] = [randomUUID(), randomUUID()]
  const env = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `${runId} ${inner}` }
  const next = await start({ ...env, CRONLEDGER_RUN_TASK: 'nightly' })
  expect(find([{ runId }])).toBe(null)
  const child = await start({ ...env, CRONLEDGER_RUN_TASK: 'other' })
  expect(find([{ runId }])).toMatchObject({ pid: child.pid })
  expect(isLiving(next)).toBe(true)
})

// promise: unsignalled-batch
test('an attempt that reported its end may have one in the background, unless its end says that it lives on', async () => {
  const runId = randomUUID()
  const child = await start({ CRONLEDGER_RUN_ID: runId })
  for (const outcome of ['failed', 'succeeded', 'interrupted'] as const) {
    expect(find([{ runId, outcome }])).toBe(null)
    expect(find([{ runId, process: mark(child.pid), outcome }])).toMatchObject({ pid: child.pid })
  }
  expect(find([{ runId, outcome: 'abandoned' }])).toMatchObject({ pid: child.pid })
})

test('a zombie is none', async () => {
  const runId = randomUUID()
  const zombie = await startFutureZombie([`CRONLEDGER_RUN_ID=${runId}`])
  const attempt = { runId, process: mark(zombie.pid) }
  await zombie.die()
  expect(readStat(zombie.pid)).toMatchObject({ living: false })
  expect(find([attempt])).toBe(null)
})

function end(
  run: Omit<SearchedRun, 'task'>,
  { killAfterMs = HOUR_MS, halt = new AbortController().signal, kill = sendSignal, clock = systemClock } = {},
) {
  return endLeftovers({ task: 'nightly', ...run }, null, killAfterMs, { clock, halt, kill })
}

test('the processes of the attempt are ended, and none of another attempt of the same run', async () => {
  const runId = randomUUID()
  const variables = (attempt: number) => ({ CRONLEDGER_RUN_ID: runId, CRONLEDGER_RUN_ATTEMPT: String(attempt) })
  const [first, second] = [await start(variables(1)), await start(variables(2))]
  first.kill('SIGSTOP')
  expect(await end({ runId, attempt: 1 })).toBe(null)
  expect([isLiving(first), isLiving(second)]).toEqual([false, true])
})

// promise: left-process-group
test('the batch of a run of another task inside the attempt is ended, and not the next run of the task', async () => {
  const [runId, inner] = [randomUUID(), randomUUID()]
  const env = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `first ${runId} ${inner}` }
  const part = await start({ ...env, CRONLEDGER_RUN_TASK: 'other' })
  const next = await start({ ...env, CRONLEDGER_RUN_TASK: 'nightly' })
  // Another variable of the same text, and a longer id.
  const own = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `${runId}0 ${inner}`, OLD_RUN_ID: runId }
  const other = await start(own)
  expect(await end({ runId, attempt: 1 })).toBe(null)
  expect([part, next, other].map(isLiving)).toEqual([false, true, true])
})

test('before a retry, a process that ignores SIGTERM is killed, and at once if the run was stopped', async () => {
  const runId = randomUUID()
  const stubborn = await start({ CRONLEDGER_RUN_ID: runId }, STUBBORN)
  expect(await end({ runId }, { halt: AbortSignal.abort() })).toBe(null)
  expect(isLiving(stubborn)).toBe(false)
})

test('before a retry, a process that starts another one before it ends: that one is killed too', async () => {
  const runId = randomUUID()
  const trap = `trap 'setsid sh -c "echo \\$\\$; while :; do sleep 1; done" & read _; exit' TERM`
  const parent = await start({ CRONLEDGER_RUN_ID: runId }, trap, 'while :; do sleep 0.02; done')
  const printed = once(parent.stdout as Readable, 'data')
  // The parent must not end before the new process has printed, otherwise that one may be killed earlier.
  const wait = async () => {
    await printed
    parent.stdin?.end()
    await yieldToEventLoop()
  }
  const clock = { ...systemClock, wait }
  expect(await end({ runId }, { clock })).toBe(null)
  expect(readStat(Number((await printed)[0]))?.living ?? false).toBe(false)
})

// promise: left-process-group
test('before a retry, a process that cannot be ended is named', async () => {
  const runId = randomUUID()
  const { pid } = await start({ CRONLEDGER_RUN_ID: runId })
  const sent: string[] = []
  const kill = (to: number, signal: string) => sent.push(`${signal} ${to === pid}`) > 0
  const left = await end({ runId }, { halt: AbortSignal.abort(), kill })
  expect(left).toEqual({ pid, command: 'sh' })
  expect(sent).toEqual(['SIGTERM true', 'SIGCONT true', 'SIGKILL true'])
})

/** A machine on which SIGKILL takes effect only after `lateMs`, and whose waits take no time. */
function slowMachine(lateMs: number) {
  let atMs = 0
  const dueMs = new Map<number, number>()
  const kill = (pid: number, signal: NodeJS.Signals) => {
    if (signal === 'SIGKILL') dueMs.set(pid, atMs + lateMs)
    return signal === 'SIGKILL' || sendSignal(pid, signal)
  }
  const wait = async (ms: number) => {
    atMs += ms
    for (const pid of [...dueMs.keys()].filter((pid) => (dueMs.get(pid) ?? 0) <= atMs)) {
      sendSignal(pid, 'SIGKILL')
      while (readStat(pid)?.living) await yieldToEventLoop()
    }
  }
  return { clock: { now: systemClock.now, monotonicMs: () => atMs, wait }, kill }
}

test.each([
  ['is waited for', new AbortController().signal, null],
  ['is not waited for after a stop', AbortSignal.abort(), expect.objectContaining({ pid: expect.any(Number) })],
])('before a retry, a process that takes 5 s to go after SIGKILL %s', async (_, halt, left) => {
  const runId = randomUUID()
  await start({ CRONLEDGER_RUN_ID: runId }, STUBBORN)
  expect(await end({ runId }, { killAfterMs: 0, halt, ...slowMachine(5_000) })).toEqual(left)
})
