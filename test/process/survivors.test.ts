import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { ProcessMark } from '../../src/core/types.ts'
import { readStat } from '../../src/process/proc.ts'
import { findSurvivor, markProcess } from '../../src/process/survivors.ts'
import { BATCHES } from '../support/processes/supervise.ts'

async function start(command: string, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sh', ['-c', `echo ready; ${command}`], { env: { PATH: process.env['PATH'], ...env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

const find = (attempts: Parameters<typeof findSurvivor>[0]['attempts']) => findSurvivor({ task: 'nightly', attempts })

function mark(pid: number): ProcessMark {
  const found = markProcess(pid)
  if (found === null) throw new Error(`no process ${pid}`)
  return found
}

test('a marked process survives until it has ended', async () => {
  const child = await start('exec sleep 60')
  const attempt = { runId: randomUUID(), process: mark(child.pid) }
  expect(find([attempt])).toEqual({ pid: child.pid, command: expect.stringMatching(/^(sleep|sh)$/) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(find([attempt])).toBe(null)
  expect(markProcess(child.pid)).toBe(null)
})

test('another process with the same pid is none', async () => {
  const child = await start('exec sleep 60')
  const real = mark(child.pid)
  const runId = randomUUID()
  expect(find([{ runId, process: { ...real, startTicks: Number(real.startTicks) - 1 } }])).toBe(null)
  expect(find([{ runId, process: { ...real, boot: '00000000:1' } }])).toBe(null)
})

test('a process without a mark is known by the run id in its environment', async () => {
  const runId = randomUUID()
  const child = await start('exec sleep 60', { CRONLEDGER_RUN_ID: runId, ZZZ: 'last' })
  expect(find([{ runId }])).toMatchObject({ pid: child.pid })
  expect(find([{ runId: randomUUID() }, { runId }])).toMatchObject({ pid: child.pid })
  expect(find([{ runId: runId.slice(0, -1) }])).toBe(null)
  expect(find([])).toBe(null)
})

test('the batch of a run of another task inside the attempt is a survivor of the attempt', async () => {
  const [runId, inner] = [randomUUID(), randomUUID()]
  const env = { CRONLEDGER_RUN_ID: inner, CRONLEDGER_RUN_ANCESTORS: `${runId} ${inner}` }
  // A batch may start its next run, which is not a part of it.
  const next = await start('exec sleep 60', { ...env, CRONLEDGER_RUN_TASK: 'nightly' })
  expect(find([{ runId }])).toBe(null)
  const child = await start('exec sleep 60', { ...env, CRONLEDGER_RUN_TASK: 'other' })
  expect(find([{ runId }])).toMatchObject({ pid: child.pid })
  expect(readStat(next.pid)?.living).toBe(true)
})

test('another variable that ends in the name does not count', async () => {
  const runId = randomUUID()
  await start('exec sleep 60', { OLD_CRONLEDGER_RUN_ID: runId })
  expect(find([{ runId }])).toBe(null)
})

test.each(['abandoned', 'failed', 'succeeded', 'interrupted'] as const)('an attempt that is %s', async (outcome) => {
  const runId = randomUUID()
  const child = await start('exec sleep 60', { CRONLEDGER_RUN_ID: runId })
  // A process in the background of an attempt that reported its end does not count, unless its end says that it lives on.
  const found = outcome === 'abandoned' ? { pid: child.pid } : null
  const survivor = find([{ runId, outcome }])
  expect(survivor && { pid: survivor.pid }).toEqual(found)
  expect(find([{ runId, process: mark(child.pid), outcome }])).toMatchObject({ pid: child.pid })
})

test('a zombie is none', async () => {
  const runId = randomUUID()
  const parent = spawn(join(BATCHES, 'zombie-keeper.sh'), [`CRONLEDGER_RUN_ID=${runId}`])
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  const attempt = { runId, process: mark(pid) }
  while (readStat(pid)?.living) await new Promise(setImmediate)
  expect(readStat(pid)).toMatchObject({ living: false })
  expect(find([attempt])).toBe(null)
})

test('this process is not a survivor of itself', () => {
  expect(find([{ runId: randomUUID(), process: mark(process.pid) }])).toBe(null)
})
