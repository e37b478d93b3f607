// The other promises of run are in ../stories/run.txt.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { FARGATE } from '../../support/aws/ecs.ts'
import { serveMetadata } from '../../support/aws/ecs-metadata.ts'
import { cronledger, type Loose, MAIN, NIGHTLY, newStore, scratch, start } from '../../support/cli.ts'
import { canStartAsOther } from '../../support/processes/programs.ts'

const folder = scratch()

test.runIf(canStartAsOther)('a user without a name and a home, as a container can have one', () => {
  const args = [MAIN, 'run', '--store', 'postgres://db/x', ...NIGHTLY, '--', 'echo', 'no']
  const ended = spawnSync(process.execPath, args, { encoding: 'utf8', uid: 54_321, gid: 54_321, env: {} })
  const message = 'Add user=NAME, or set PGUSER'
  expect(ended).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining(message) })
})

test('SIGTERM ends the wait for standard input: 143, one line, and nothing starts', async () => {
  const store = newStore(folder)
  const base = ['--store', store, ...NIGHTLY, '--event-time', '-']
  const running = start(['run', ...base, '--', 'echo', 'no'], { input: null })
  while (!handlesStops(running.child.pid as number)) await new Promise(setImmediate)
  running.child.kill('SIGTERM')
  expect(await running.ended).toEqual({
    code: 143,
    signal: null,
    stdout: '',
    stderr: 'cronledger: not started: a signal stopped this run before it had read its event time\n',
  })
  expect(existsSync(store.slice('file:'.length))).toBe(false)
})

/** Returns whether the process handles SIGQUIT, the last stop signal that cronledger asks for. Node itself handles SIGTERM. */
function handlesStops(pid: number): boolean {
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${caught}`) >> 2n) & 1n) === 1n
}

describe('under ECS', () => {
  const { awsvpc: _, kind: __, ...texts } = FARGATE.place
  const ecs = { ...texts, networkMode: 'awsvpc' }

  // promise: on-ecs
  test('the container of a run on ECS is recorded: with the attempt, with the task, and in the log where the batch starts', async () => {
    const { asked, env } = await serveMetadata({})
    const store = newStore(folder)
    const { stderr } = await cronledger(['run', '--store', store, ...NIGHTLY, '--', 'true'], { env })
    expect(asked).toHaveLength(2)
    const log: Loose[] = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(log.map((line) => [line['event'], line['ecs']])).toEqual([
      ['ledger-created', undefined],
      ['claimed', ecs],
      ['completed', undefined],
    ])
    const rows = await cronledger(['history', 'nightly', '--store', store, '--status', 'recorded', '--json'])
    expect(JSON.parse(rows.stdout)).toMatchObject([{ attempts: [{ ecsTask: FARGATE.host.ecsTask, ecs }] }])
    const { logStream, ...lasting } = ecs
    const { stdout } = await cronledger(['tasks', '--store', store, '--json'])
    expect(JSON.parse(stdout)[0].ecs).toEqual(lasting)
  })

  test('a run that moved off ECS is no longer expected there, and one that ECS does not answer changes nothing', async () => {
    const store = newStore(folder)
    const runOn = async (day: number, env: Record<string, string>) => {
      const time = ['--event-time', `2026-11-0${day}T03:00:00Z`]
      await cronledger(['run', '--store', store, ...NIGHTLY, ...time, '--', 'true'], { env })
      const { stdout } = await cronledger(['tasks', '--store', store, '--json'])
      return JSON.parse(stdout)[0].ecs
    }
    const answering = (await serveMetadata({})).env
    expect(await runOn(1, answering)).toMatchObject({ taskDefinition: 'nightly:7' })
    expect(await runOn(2, (await serveMetadata({ container: '<html>' })).env)).toMatchObject({
      taskDefinition: 'nightly:7',
    })
    expect(await runOn(3, {})).toBe(undefined)
  })
})
