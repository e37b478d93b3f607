import { expect, test } from 'vitest'
import { type KnownTask, knownTask, readTaskRecords } from '../../src/audit/tasks.ts'
import { LedgerError } from '../../src/core/errors.ts'
import { encodeTaskRecord } from '../../src/core/task/task-record.ts'
import { systemClock } from '../../src/process/clock.ts'
import type { CallOptions, Store } from '../../src/store/store.ts'
import { recordWith } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const document = encodeTaskRecord(recordWith([{ since: 0, spec: { expression: '0 3 * * *', zone: 'UTC' } }]))
const NAMES = Array.from({ length: 250 }, (_, index) => `task-${String(index).padStart(3, '0')}`)

async function storeOf(read: (batch: number, call: CallOptions) => Promise<void> = async () => undefined) {
  const inner = memoryStore()
  const call = { signal: new AbortController().signal }
  for (const task of NAMES) await inner.writeEntry({ task, kind: '#task' }, { version: 1, document }, 'absent', call)
  const batches: (readonly string[])[] = []
  const store: Store = {
    ...inner,
    async readTaskEntries(tasks, options) {
      batches.push(tasks)
      await read(batches.length, options)
      return inner.readTaskEntries(tasks, options)
    },
  }
  const records = readTaskRecords({ store, clock: systemClock, pageTimeoutMs: 60_000, signals: [] })
  return { records, batches }
}

async function collect(records: AsyncIterable<KnownTask>): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { task } of records) names.push(task)
  return names
}

test('task records come in the order of their names, from batches of 100', async () => {
  const { records, batches } = await storeOf()
  expect(await collect(records)).toEqual(NAMES)
  expect(batches.map(({ length }) => length)).toEqual([100, 100, 50])
})

// promise: many-tasks
test('the next batch is read while the caller works on this one, and no further one', async () => {
  const { records, batches } = await storeOf()
  await records.next()
  expect(batches).toHaveLength(2)
  for (let count = 1; count < 100; count += 1) await records.next()
  expect(batches).toHaveLength(2)
  await records.next()
  expect(batches).toHaveLength(3)
})

test('an error of a batch comes after the records of the batch before it', async () => {
  const failure = new LedgerError('unreachable', 'no answer')
  const { records } = await storeOf(async (batch) => {
    if (batch === 2) throw failure
  })
  const names: string[] = []
  const read = async () => {
    for await (const { task } of records) names.push(task)
  }
  await expect(read()).rejects.toBe(failure)
  expect(names).toEqual(NAMES.slice(0, 100))
})

test('a caller that stops ends the request for the next batch', async () => {
  const aborted: number[] = []
  const { records } = await storeOf(async (batch, { signal }) => {
    if (batch === 1) return
    await new Promise<void>((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted.push(batch)
        reject(new LedgerError('unreachable', 'no answer'))
      })
    })
  })
  for await (const { task } of records) {
    expect(task).toBe('task-000')
    break
  }
  expect(aborted).toEqual([2])
})

test('a task is reported as unknown also if a newer cronledger wrote the record of another task', async () => {
  const store = memoryStore()
  const call = { signal: new AbortController().signal }
  const newer = { ...document, schemaVersion: 99 }
  for (const [task, stored] of [
    ['nightly', document],
    ['weekly', newer],
  ] as const)
    await store.writeEntry({ task, kind: '#task' }, { version: 1, document: stored }, 'absent', call)
  const deps = { store, clock: systemClock, pageTimeoutMs: 60_000, signals: [] }
  await expect(knownTask('nigthly', deps)).rejects.toMatchObject({
    kind: 'usage',
    message: 'unknown task: nigthly.',
  })
  await expect(knownTask('weekly', deps)).rejects.toMatchObject({ kind: 'shape' })
})
