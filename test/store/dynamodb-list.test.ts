import { afterEach, expect, it, test } from 'vitest'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import type { Row } from '../../src/core/types.ts'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { pageQueryInput } from '../../src/store/dynamodb/expressions.ts'
import { type Item, toItem } from '../../src/store/dynamodb/item.ts'
import { storedKey } from '../../src/store/page.ts'
import { CREDENTIALS, REGION, type Server, startAnswering } from '../support/servers.ts'
import { claimOf } from './contract.ts'

let server: Server | null = null
afterEach(() => server?.stop())

const DAY = '2026-11-24'
const rowsOf = (count: number) => Array.from({ length: count }, (_, index) => claimOf(`task-${index}`))
const indexKey = (row: Row) => toItem({ ...storedKey(row), day: DAY })

/** Gives pages of `perQuery` keys and at most `perBatch` rows, as real tables do under load, and test servers never. */
async function tableOf(keys: readonly Row[], there: readonly Row[], { perQuery = 1000, perBatch = 100 } = {}) {
  const taken: string[] = []
  const items = new Map<string, Item>(
    there.map((row) => [JSON.stringify(toItem({ ...storedKey(row) })), toItem(encodeRow(row))]),
  )
  server = await startAnswering((action, body) => {
    taken.push(action)
    const input = JSON.parse(body)
    const reply = action === 'Query' ? query(input) : batch(input.RequestItems.ledger.Keys)
    return { status: 200, body: JSON.stringify(reply) }
  })
  function query(input: { ExclusiveStartKey?: Item }) {
    const after = JSON.stringify(input.ExclusiveStartKey)
    const start = keys.findIndex((row) => JSON.stringify(indexKey(row)) === after) + 1
    const page = keys.slice(start, start + perQuery)
    const last = page.at(-1)
    const more = last !== undefined && start + perQuery < keys.length
    return { Items: page.map(indexKey), ...(more ? { LastEvaluatedKey: indexKey(last) } : {}) }
  }
  function batch(wanted: readonly Item[]) {
    expect(wanted.length).toBeLessThanOrEqual(100)
    const rest = wanted.slice(perBatch)
    const found = wanted.slice(0, perBatch).flatMap((key): Item[] => {
      const item = items.get(JSON.stringify(key))
      return item === undefined ? [] : [item]
    })
    // In no order, as DynamoDB gives them.
    return {
      Responses: { ledger: found.reverse() },
      UnprocessedKeys: rest.length === 0 ? {} : { ledger: { Keys: rest } },
    }
  }
  const config = { endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS }
  const store = openDynamoStore({ table: 'ledger', env: {}, config })
  const list = (ms = 120_000) => store.list({ kind: 'day', day: DAY, limit: 1000 }, { signal: AbortSignal.timeout(ms) })
  return { list, taken }
}

test('a reader that decides something gets a strongly consistent read of the table, and any other one does not', () => {
  const query = { kind: 'task', task: 'nightly', limit: 10 } as const
  expect(pageQueryInput({ ...query, consistent: true })).toMatchObject({ ConsistentRead: true })
  expect(pageQueryInput(query)).not.toHaveProperty('ConsistentRead')
})

it('the rows of a day are fetched 100 at a time, and keep the order of the index', async () => {
  const rows = rowsOf(250)
  const { list, taken } = await tableOf(rows, rows)
  expect(await list()).toEqual({ rows })
  expect(taken).toEqual(['Query', 'BatchGetItem', 'BatchGetItem', 'BatchGetItem'])
})

// promise: incomplete-queries
it('rows of a day are asked for again where the table did not give all of them', async () => {
  const rows = rowsOf(100)
  const { list, taken } = await tableOf(rows, rows, { perBatch: 40 })
  expect(await list()).toEqual({ rows })
  expect(taken).toEqual(['Query', 'BatchGetItem', 'BatchGetItem', 'BatchGetItem'])
})

it('the rows of a day are given up where the table never gives them', async () => {
  const { list, taken } = await tableOf(rowsOf(3), [], { perBatch: 0 })
  await expect(list()).rejects.toMatchObject({ kind: 'unreachable', message: expect.stringContaining('throttles') })
  expect(taken).toHaveLength(7)
})

// promise: incomplete-queries
it('rows that the index names and that are gone are left out, and a page of such is passed over', async () => {
  const rows = rowsOf(5)
  const there = rows.slice(3)
  const { list, taken } = await tableOf(rows, there, { perQuery: 2 })
  const { rows: first, next } = await list()
  expect(first).toEqual(there.slice(0, 1))
  expect(next).toBeDefined()
  expect(taken).toEqual(['Query', 'BatchGetItem', 'Query', 'BatchGetItem'])
})

it('what a decision depends on is read consistently: the row, and an entry', async () => {
  const consistent: unknown[] = []
  server = await startAnswering((_, body) => {
    consistent.push(JSON.parse(body).ConsistentRead)
    return { status: 200, body: '{}' }
  })
  const config = { endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS }
  const store = openDynamoStore({ table: 'ledger', env: {}, config })
  const call = { signal: AbortSignal.timeout(120_000) }
  await store.get({ task: 'nightly', slot: 0 }, call)
  await store.readEntry({ kind: '#task', task: 'nightly' }, call)
  expect(consistent).toEqual([true, true])
})
