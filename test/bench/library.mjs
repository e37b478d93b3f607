// Part `library`: a guarded call that does nothing, in one process, against the raw requests that it makes.
import { GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { createLedger } from '../../dist/index.js'
import { counter, ENV, interleave, measure, ours, startServer, target } from './lab.mjs'

const CONCURRENCIES = [1, 16, 64]
/** Calls of one sample at each concurrency. */
const CALLS = 320

export async function run({ rounds }) {
  const server = await startServer()
  Object.assign(process.env, ENV, { AWS_ENDPOINT_URL_DYNAMODB: server.direct })
  const ledger = createLedger({ store: 'dynamodb:ledger' })
  try {
    await measure([...ours()[0][1], 'setup', '--store', 'dynamodb:ledger'], process.env)
    const next = counter()
    const guarded = () =>
      ledger.run(
        { task: 'bench', schedule: '* * * * *', eventTime: new Date(Date.UTC(1980, 0, 1) + next() * 60_000) },
        () => undefined,
      )
    const raw = async (registry) => {
      const key = `key-${next()}`
      await server.client.send(new PutItemCommand(claim(key)))
      await Promise.all([
        registry ? server.client.send(new GetItemCommand(TASK_RECORD)) : null,
        server.client.send(new UpdateItemCommand(finish(key))),
      ])
    }
    const medians = await interleave(
      rounds,
      CONCURRENCIES.flatMap((concurrency) => [
        rate(`cronledger × ${concurrency}`, concurrency, guarded),
        rate(`raw, 3 requests × ${concurrency}`, concurrency, () => raw(true)),
        rate(`raw, 2 requests × ${concurrency}`, concurrency, () => raw(false)),
      ]),
    )
    return { medians, targets: CONCURRENCIES.flatMap((concurrency) => targetsOf(medians, concurrency)) }
  } finally {
    await ledger.close()
    server.stop()
  }
}

function rate(name, concurrency, call) {
  return {
    name,
    async run() {
      let left = CALLS
      const before = process.cpuUsage()
      const started = performance.now()
      await Promise.all(
        Array.from({ length: concurrency }, async () => {
          while (left-- > 0) await call()
        }),
      )
      const { user, system } = process.cpuUsage(before)
      return { callsPerS: CALLS / ((performance.now() - started) / 1000), cpuMsPerCall: (user + system) / 1000 / CALLS }
    },
  }
}

function targetsOf(medians, concurrency) {
  const of = (name) => medians.get(`${name} × ${concurrency}`)
  return ['raw, 2 requests', 'raw, 3 requests'].map((name) =>
    target(`calls × ${concurrency} / ${name}`, of('cronledger').callsPerS / of(name).callsPerS, '>=', 0.9),
  )
}

const TASK_RECORD = {
  TableName: 'ledger',
  Key: { task: { S: 'bench' }, slot: { S: '#task' } },
  ConsistentRead: true,
}

/** An item as large as a row. */
const ATTEMPT = {
  number: { N: '1' },
  runId: { S: '31488e933340f2479a24' },
  trigger: { M: { kind: { S: 'scheduled' }, eventTime: { S: '2026-11-24T18:00:00Z' }, source: { S: 'event-time' } } },
  host: { S: 'ip-10-0-1-17' },
  startedAt: { S: '2026-11-25T02:03:10.593Z' },
}
const ROW = {
  day: { S: '2026-11-24' },
  schemaVersion: { N: '1' },
  windowEnd: { S: '2026-11-25T18:00:00Z' },
  state: { S: 'PENDING' },
  version: { N: '1' },
  writeId: { S: '31488e933340f2479a24' },
  owner: { S: '31488e933340f2479a24' },
  schedule: { S: '0 3 * * *' },
  zone: { S: 'Asia/Tokyo' },
  zoneData: { S: '2026b' },
  attempts: { L: [{ M: ATTEMPT }] },
}

function claim(key) {
  return {
    TableName: 'ledger',
    Item: { task: { S: 'raw' }, slot: { S: key }, ...ROW },
    ConditionExpression: 'attribute_not_exists(task)',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

function finish(key) {
  const names = Object.keys(ROW)
  return {
    TableName: 'ledger',
    Key: { task: { S: 'raw' }, slot: { S: key } },
    UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
    ConditionExpression: '#version = :expectedVersion AND #owner = :expectedOwner',
    ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: {
      ...Object.fromEntries(Object.entries(ROW).map(([name, value]) => [`:${name}`, value])),
      ':state': { S: 'COMPLETED' },
      ':version': { N: '2' },
      ':expectedVersion': ROW.version,
      ':expectedOwner': ROW.owner,
    },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}
