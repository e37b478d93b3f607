// Also covers src/run/run-trigger.ts, the path from the options of a caller to the result.
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readableRow } from '../src/core/row/status.ts'
import {
  type Attempt,
  createLedger,
  LedgerError,
  type LedgerOptions,
  type RunEvent,
  type RunOptions,
  slotOf,
} from '../src/index.ts'
import { FARGATE } from './support/aws/ecs.ts'
import { serveMetadata } from './support/aws/ecs-metadata.ts'
import { scratch } from './support/cli.ts'

const folder = scratch()
let files = 0
function newLedger(log?: LedgerOptions['log'], path = `ledger-${++files}.db`) {
  const ledger = createLedger({ store: `file:${join(folder, path)}`, log })
  onTestFinished(() => ledger.close())
  return ledger
}
const NIGHT: RunOptions = {
  task: 'nightly',
  schedule: '0 3 * * *',
  timezone: 'Asia/Tokyo',
  eventTime: '2026-11-23T18:00:05Z',
}

test('run calls the function once in a slot, and gives its value', async () => {
  const ledger = newLedger()
  const seen: unknown[] = []
  const work = async ({ signal, env: _, report: __, saveCheckpoint: ___, ...attempt }: Attempt) => {
    seen.push(attempt)
    expect(signal.aborted).toBe(false)
    return 42
  }
  const first = await ledger.run(NIGHT, work)
  expect(first).toMatchObject({ status: 'completed', value: 42, attempt: 1, slot: new Date('2026-11-23T18:00:00Z') })
  expect(seen).toEqual([
    {
      task: 'nightly',
      slot: new Date('2026-11-23T18:00:00Z'),
      date: '2026-11-24',
      local: '2026-11-24T03:00:00+09:00',
      timezone: 'Asia/Tokyo',
      key: '515a9eaf-9045-5116-97e5-c45013199f52',
      checkpoint: null,
      windowEnd: new Date('2026-11-24T18:00:00Z'),
      number: 1,
      runId: first.runId,
      since: null,
    },
  ])
  expect(await ledger.run({ ...NIGHT, eventTime: new Date('2026-11-23T20:00:00Z') }, work)).toMatchObject({
    status: 'duplicate',
    cause: 'completed',
    row: { attempts: [{ runId: first.runId }] },
  })
  expect(seen).toHaveLength(1)
})

test('on ECS: a ledger that is kept open asks again if ECS did not answer completely', async () => {
  onTestFinished(() => void vi.unstubAllEnvs())
  const ledger = newLedger()
  for (const [answer, eventTime, place] of [
    [{ container: {} }, '2026-11-23T18:00:05Z', undefined],
    [{}, '2026-11-24T18:00:05Z', FARGATE.place],
  ] as const) {
    const { env } = await serveMetadata(answer)
    vi.stubEnv('ECS_CONTAINER_METADATA_URI_V4', env.ECS_CONTAINER_METADATA_URI_V4)
    const { slot } = await ledger.run({ ...NIGHT, eventTime }, () => null)
    const row = readableRow(await ledger.get({ task: 'nightly', slot }))
    expect(row?.attempts[0]?.place).toEqual(place)
  }
})

test('a ledger that could not be opened is opened by a later call', async () => {
  const ledger = newLedger(undefined, join('later', 'ledger.db'))
  await expect(ledger.run(NIGHT, () => 1)).rejects.toMatchObject({ kind: 'shape' })
  mkdirSync(join(folder, 'later'))
  expect(await ledger.run(NIGHT, () => 1)).toMatchObject({ status: 'completed' })
})

test('each run logs once that the ledger cannot be used', async () => {
  const events: RunEvent[] = []
  const ledger = newLedger((event) => events.push(event), join('nowhere', 'ledger.db'))
  const runs = [1, 2].map(() => ledger.run(NIGHT, () => expect.fail('it was started')))
  for (const run of runs) await expect(run).rejects.toMatchObject({ kind: 'shape' })
  // A run also warns of its event time once that is more than a year ago.
  const said = events.flatMap(({ event }) => (event === 'warning' ? [] : [event]))
  expect(said).toEqual(['unusable', 'unusable'])
})

test('a force on a slot that completed is refused, unless status says so; in a range it is a duplicate', async () => {
  const ledger = newLedger()
  const { eventTime: _, ...night } = NIGHT
  const force = { slot: '2026-11-24', reason: 'again' }
  await ledger.run(NIGHT, () => 1)
  expect(await ledger.tryRun({ ...night, force }, () => 2)).toMatchObject({ status: 'refused', cause: 'completed' })
  const partOfRepair = { ...force, partOfRepair: true }
  expect(await ledger.run({ ...night, force: partOfRepair }, () => 2)).toMatchObject({ status: 'duplicate' })
  const status = ['completed'] as const
  const again = await ledger.run({ ...night, force: { ...force, status } }, () => 3)
  expect(again).toMatchObject({ status: 'completed', attempt: 2, value: 3 })
  const early = { ...force, status, askedAt: new Date(Date.now() - 60_000) }
  expect(await ledger.tryRun({ ...night, force: early }, () => 4)).toMatchObject({ cause: 'newerAttempt' })
})

test('the history goes on to its limit, and no further', async () => {
  const ledger = newLedger()
  for (const day of [21, 22, 23]) await ledger.run({ ...NIGHT, eventTime: `2026-11-${day}T18:00:05Z` }, () => 1)
  const slots = []
  for await (const { slot } of ledger.history({ task: 'nightly', limit: 2 })) slots.push(new Date(slot).getUTCDate())
  expect(slots).toEqual([23, 22])
})

test('a schedule that this ledger saw in force is not asked for again; another one is recorded', async () => {
  const ledger = newLedger()
  const schedules = async () => {
    const known = []
    for await (const task of ledger.tasks()) known.push(...task.schedules.map(({ spec }) => spec.expression))
    return known
  }
  await ledger.run({ ...NIGHT, eventTime: '2026-11-21T18:00:05Z' }, () => 1)
  expect(await schedules()).toEqual(['0 3 * * *'])
  const { default: Libsql } = await import('libsql')
  const database = new Libsql(join(folder, `ledger-${files}.db`))
  database.exec('DELETE FROM entries')
  database.close()
  await ledger.run({ ...NIGHT, eventTime: '2026-11-22T18:00:05Z' }, () => 1)
  expect(await schedules()).toEqual([])
  await ledger.run({ ...NIGHT, schedule: '0 4 * * *', eventTime: '2026-11-23T19:00:05Z' }, () => 1)
  expect(await schedules()).toEqual(['0 4 * * *'])
})

const key = { task: 'nightly', slot: '2026-11-23T18:00:00Z' }

test('get reads the row of one slot, also while it is running', async () => {
  const ledger = newLedger()
  await ledger.run({ ...NIGHT, eventTime: '2026-11-22T18:00:05Z' }, () => 1)
  await ledger.run(NIGHT, async ({ slot, runId }) => {
    expect(await ledger.get({ ...key, slot })).toMatchObject({ state: 'PENDING', ownerRunId: runId })
  })
  expect(await ledger.get(key)).toMatchObject({ slot: Date.parse(key.slot), state: 'COMPLETED', attempts: [{}] })
  expect(await ledger.get({ ...key, slot: '2026-11-24T03:00:00+09:00' })).toEqual(await ledger.get(key))
})

test('get returns null if there is no row', async () => {
  const ledger = newLedger()
  await ledger.run(NIGHT, () => 1)
  expect(await ledger.get({ ...key, task: 'hourly' })).toBe(null)
  expect(await ledger.get({ ...key, slot: '2026-11-22T18:00:00Z' })).toBe(null)
  expect(await ledger.get({ ...key, slot: '2026-11-23T18:00:00.500Z' })).toBe(null)
})

test('a signal that has aborted ends the read with its reason, and not with a busy ledger', async () => {
  const ledger = newLedger()
  await ledger.run(NIGHT, () => 1)
  const stopped = new Error('stopped')
  await expect(ledger.get({ ...key, signal: AbortSignal.abort(stopped) })).rejects.toBe(stopped)
  await expect(ledger.history({ signal: AbortSignal.abort(stopped) }).next()).rejects.toBe(stopped)
})

test('slotOf', () => {
  const night = { schedule: '0 3 * * *', timezone: 'Asia/Tokyo' }
  expect(slotOf(night, '2026-11-23T18:00:00Z')).toEqual({
    slot: new Date('2026-11-23T18:00:00Z'),
    next: new Date('2026-11-24T18:00:00Z'),
  })
  expect(slotOf(night, new Date('2026-11-23T17:59:50Z'), 30_000)?.slot).toEqual(new Date('2026-11-23T18:00:00Z'))
  expect(slotOf({ schedule: 'rate(1 day)', anchor: '2026-11-24T00:00:00Z' }, '2026-11-23T00:00:00Z')).toBe(null)
  expect(() => slotOf(night, '2026-11-23')).toThrow(LedgerError)
})

test('runCommand in a worker thread is a usage error, and nothing is started', async () => {
  const store = `file:${join(folder, 'thread.db')}`
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.main).then(async ({ createLedger }) => {
      const command = { argv: ['true'], env: {}, stops: { aborted: new AbortController().signal, onSignal() {} }, timeoutMs: null }
      const ledger = createLedger({ store: workerData.store })
      const ran = ledger.runCommand({ task: 'nightly', schedule: '0 3 * * *' }, command)
      parentPort.postMessage(await ran.then(({ status }) => status, ({ kind, message }) => ({ kind, message })))
    })`
  const main = new URL('../dist/index.js', import.meta.url).href
  const worker = new Worker(script, { eval: true, workerData: { main, store } })
  const [answer] = await once(worker, 'message')
  expect(answer).toEqual({
    kind: 'usage',
    message: 'runCommand cannot be used in a worker thread. Call it in the main thread.',
  })
  expect(existsSync(store.slice('file:'.length))).toBe(false)
})
