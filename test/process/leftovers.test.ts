import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/process/clock.ts'
import { endLeftovers } from '../../src/process/leftovers.ts'
import { readStat } from '../../src/process/proc.ts'
import { signalProcess } from '../../src/process/process-group.ts'

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
  variables: readonly string[],
  { killAfterMs = HOUR_MS, halt = new AbortController().signal, kill = signalProcess } = {},
) {
  return endLeftovers(variables, killAfterMs, { clock: systemClock, halt, kill })
}

test('ends the processes of the attempt, and none of another attempt of the same run', async () => {
  const runId = randomUUID()
  const variables = (attempt: number) => ({ CRONLEDGER_RUN_ID: runId, CRONLEDGER_RUN_ATTEMPT: String(attempt) })
  const [first, second] = [await start(variables(1)), await start(variables(2))]
  expect(await end([`CRONLEDGER_RUN_ID=${runId}`, 'CRONLEDGER_RUN_ATTEMPT=1'])).toBe(null)
  expect(readStat(first.pid)?.living ?? false).toBe(false)
  expect(readStat(second.pid)?.living).toBe(true)
})

test('a stop ends the time that a process has before it is killed', async () => {
  const runId = randomUUID()
  const stubborn = await start({ CRONLEDGER_RUN_ID: runId }, 'trap "" TERM; echo ready; while :; do sleep 1; done')
  const halt = AbortSignal.abort()
  expect(await end([`CRONLEDGER_RUN_ID=${runId}`], { halt })).toBe(null)
  expect(readStat(stubborn.pid)?.living ?? false).toBe(false)
})

test('wakes a process that is stopped, so that it hears SIGTERM', async () => {
  const runId = randomUUID()
  const stopped = await start({ CRONLEDGER_RUN_ID: runId })
  stopped.kill('SIGSTOP')
  expect(await end([`CRONLEDGER_RUN_ID=${runId}`])).toBe(null)
})

test('names a process that cannot be ended', async () => {
  const runId = randomUUID()
  const { pid } = await start({ CRONLEDGER_RUN_ID: runId })
  const sent: string[] = []
  const kill = (to: number, signal: string) => sent.push(`${signal} ${to === pid}`) > 0
  const left = await end([`CRONLEDGER_RUN_ID=${runId}`], { killAfterMs: 0, kill })
  expect(left).toEqual({ pid, command: expect.stringMatching(/^(sleep|sh)$/) })
  expect(sent).toEqual(['SIGTERM true', 'SIGCONT true', 'SIGKILL true'])
})
