import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { finishRow } from '../../src/core/row/transition.ts'
import type { Row } from '../../src/core/types.ts'
import type { Store } from '../../src/store/store.ts'
import { claimOf } from '../store/contract.ts'
import { cronledger, type Loose } from '../support/cli.ts'
import { inProcess, openTable } from '../support/in-process.ts'
import { type FaultyProxy, startFaultyProxy, type Treatment } from '../support/proxy.ts'
import { awsEnv, openTestStore, type Server, startDynalite } from '../support/servers.ts'
import { standingClock } from '../support/standing-clock.ts'
import { awsError } from './faults.ts'

// Answers that a query may get from DynamoDB and not from the servers of the tests, for everything that reads.

const DAYS = ['2026-01-02', '2026-01-03', '2026-01-04'] as const
const THROTTLED = awsError(400, 'com.amazon.coral.availability#ThrottlingException', 'Rate exceeded')

type Reading = ReturnType<ReturnType<typeof openTable>['reading']>
const range = { since: new Date('2026-01-02T00:00:00Z'), until: new Date('2026-01-05T00:00:00Z') }
const all = async (rows: AsyncIterable<unknown>): Promise<readonly Loose[]> => {
  const found: Loose[] = []
  for await (const row of rows) found.push(row as Loose)
  return found
}

const QUESTIONS = {
  'history of a task': (ledger: Reading) => all(ledger.history({ task: 'nightly' })),
  'history of all': (ledger: Reading) => all(ledger.history(range)),
  // Each slot has the time at which it was judged.
  'history with missed slots': async (ledger: Reading) =>
    (await all(ledger.slots({ task: 'nightly', ...range }))).map(({ of: _, ...judged }) => judged),
  'one slot': async (ledger: Reading) => [await ledger.get({ task: 'nightly', slot: '2026-01-04T03:00:00Z' })],
  check: (ledger: Reading) => all(ledger.check({ task: 'nightly', ...range })),
  tasks: (ledger: Reading) => all(ledger.tasks()),
} as const

let server: Server
let store: Store
let proxy: FaultyProxy
let table: ReturnType<typeof openTable>
const call = () => ({ signal: AbortSignal.timeout(120_000) })

async function putCompleted(task: string, day: string): Promise<Row> {
  const slot = Date.parse(`${day}T03:00:00Z`)
  const claim = { ...claimOf(task, { slot }), schedule: { expression: '0 3 * * *', zone: 'UTC' } }
  await store.put(claim, 'absent', call())
  const done = finishRow(claim, { outcome: 'succeeded', exitCode: 0 }, { writeId: 'w', now: slot + 2_000 })
  await store.put(done, claim, call())
  return done
}

beforeAll(async () => {
  server = await startDynalite()
  proxy = await startFaultyProxy(server.endpoint)
  store = openTestStore(server.endpoint)
  table = openTable(proxy.url)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  for (const day of DAYS) for (const task of ['nightly', 'other']) await putCompleted(task, day)
  const spec = {
    version: 1,
    document: { schemaVersion: 2, schedules: [{ since: '2026-01-02T03:00:00Z', schedule: '0 3 * * *', zone: 'UTC' }] },
  }
  await store.writeEntry({ kind: '#task', task: 'nightly' }, spec, 'absent', call())
})
afterAll(async () => {
  store.close()
  table.store.close()
  proxy.close()
  await server.stop()
})
beforeEach(() => {
  proxy.treat(() => 'pass')
  proxy.seen.length = 0
})

type Name = keyof typeof QUESTIONS

const ask = (name: Name, on = table) => QUESTIONS[name](on.reading(120_000))

describe.each(Object.keys(QUESTIONS) as Name[])('%s', (name) => {
  // promise: incomplete-queries
  test('a request that is cut, throttled or answered with 500 is asked again, and the answer is whole', async () => {
    const clean = await ask(name)
    const faults: Treatment[] = ['cutRequest', 'cutInAnswer', THROTTLED, awsError(500, 'x#InternalServerError', '')]
    for (const fault of faults) {
      let left = 1
      proxy.treat(() => (left-- > 0 ? fault : 'pass'))
      expect(await ask(name)).toEqual(clean)
    }
  })

  test('the last question is given up after --ledger-timeout like any other: no second try, which would come later', async () => {
    await ask(name)
    const questions = proxy.seen.length
    let left = questions
    proxy.seen.length = 0
    const { clock, endLimits } = standingClock()
    proxy.treat(() => {
      if (--left > 0) return 'pass'
      endLimits()
      return 'stall'
    })
    await expect(ask(name, inProcess(table.store, clock))).rejects.toMatchObject({ kind: 'unreachable' })
    expect(proxy.seen).toHaveLength(questions)
  })
})

// promise: incomplete-queries
test.each(['history of a task', 'history of all'] as const)('%s: pages that are empty, but go on', async (name) => {
  const clean = await ask(name)
  expect(clean).toHaveLength(name === 'history of all' ? 6 : 3)
  // Each page is asked for twice: the first time it comes empty, with the key that it would have started after.
  const asked = new Set<string>()
  let empty = 0
  proxy.treat(({ action }) =>
    action !== 'Query'
      ? 'pass'
      : {
          change(body) {
            const first = JSON.stringify(body.Items?.[0] ?? null)
            const day = body.Items?.[0]
            if (day === undefined || asked.has(first)) return body
            asked.add(first)
            empty += 1
            const { task, slot, day: date } = day
            // Newest first: the key of a row an hour later comes right before it.
            const key = { task, slot: { S: slot.S.replace('T03', 'T04') } }
            return {
              Count: 0,
              ScannedCount: 0,
              Items: [],
              LastEvaluatedKey: name === 'history of all' ? { ...key, day: date } : key,
            }
          },
        },
  )
  expect(await ask(name)).toEqual(clean)
  expect(empty).toBeGreaterThan(0)
})
