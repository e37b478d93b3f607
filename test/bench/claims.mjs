// Part `claims`: 200 processes' worth of claims on one key at once, against as many raw conditional puts.
import { ConditionalCheckFailedException, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { createLedger } from '../../dist/index.js'
import { systemClock } from '../../dist/process/clock.js'
import { claimSlot } from '../../dist/run/claim.js'
import { openDynamoStore } from '../../dist/store/dynamodb/dynamodb-store.js'
import { CREDENTIALS, counter, ENV, hasMoto, interleave, measure, ours, REGION, startServer, target } from './lab.mjs'

const CLAIMS = 200
const SETTINGS = {
  maxAttempts: 1,
  maxLatenessMs: null,
  leaseMs: 600_000,
  heartbeatMs: 60_000,
  skewMs: 30_000,
  stopTimeoutMs: 30_000,
  ledgerTimeoutMs: 30_000,
}

export async function run({ rounds }) {
  const medians = new Map()
  const targets = []
  // moto returns the row that a condition failed on, as DynamoDB does; dynalite has to be asked for it.
  for (const kind of hasMoto ? ['dynalite', 'moto'] : ['dynalite']) {
    const found = await race(kind, rounds)
    for (const [name, figures] of found) medians.set(`${name}: ${kind}`, figures)
    const raw = kind === 'moto' ? 'raw puts' : 'raw puts, losers read'
    const ratio = found.get('claims').wallMs / found.get(raw).wallMs
    targets.push(target(`${CLAIMS} claims / ${raw}, ${kind}`, ratio, '<=', 1.3))
  }
  return { medians, targets }
}

async function race(kind, rounds) {
  const server = await startServer(kind)
  Object.assign(process.env, ENV, { AWS_ENDPOINT_URL_DYNAMODB: server.direct })
  await measure([...ours()[0][1], 'setup', '--store', 'dynamodb:ledger'], process.env)
  const config = { endpoint: server.direct, region: REGION, credentials: CREDENTIALS }
  const store = openDynamoStore({ table: 'ledger', env: {}, config })
  const ledger = createLedger({ store: 'dynamodb:ledger' })
  const next = counter()
  const io = {
    store,
    clock: systemClock,
    newId: () => `id-${next()}`,
    random: Math.random,
    findSurvivor: () => null,
  }
  const jobs = [
    together('raw puts', async () => rawPut(server.client, `key-${next()}`, false)),
    together('raw puts, losers read', async () => rawPut(server.client, `key-${next()}`, true)),
    together('claims', async () => {
      const slot = Date.UTC(1980, 0, 1) + next() * 60_000
      return async () => {
        const request = {
          task: 'bench',
          window: { slot, end: slot + 60_000 },
          schedule: { expression: '* * * * *', zone: 'UTC' },
          zoneData: '2026b',
          runId: io.newId(),
          trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
          host: { host: 'host' },
          objection: null,
        }
        const { kind } = await claimSlot(request, SETTINGS, { ...io, stop: new AbortController().signal })
        if (kind !== 'claimed' && kind !== 'duplicate') throw new Error(`a claim became ${kind}`)
        return kind === 'claimed'
      }
    }),
    together('whole triggers', async () => {
      const eventTime = new Date(Date.UTC(1990, 0, 1) + next() * 60_000)
      return async () => {
        const { status } = await ledger.run({ task: 'bench', schedule: '* * * * *', eventTime }, () => undefined)
        if (status !== 'completed' && status !== 'duplicate') throw new Error(`a trigger became ${status}`)
        return status === 'completed'
      }
    }),
  ]
  try {
    return await interleave(rounds, jobs)
  } finally {
    await ledger.close()
    store.close()
    server.stop()
  }
}

/** A claim as one would write it by hand. `reads`: a loser reads the row, because the answer does not contain it. */
function rawPut(client, slot, reads) {
  const Key = { task: { S: 'raw' }, slot: { S: slot } }
  return async (index) => {
    const Item = { ...Key, owner: { S: String(index) }, state: { S: 'PENDING' }, day: { S: '2026-11-24' } }
    const ConditionExpression = 'attribute_not_exists(task)'
    const put = { TableName: 'ledger', Item, ConditionExpression, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
    try {
      await client.send(new PutItemCommand(put))
      return true
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error
      if (reads && error.Item === undefined) {
        await client.send(new GetItemCommand({ TableName: 'ledger', Key, ConsistentRead: true }))
      }
      return false
    }
  }
}

/** All at once; exactly one must win. */
function together(name, prepare) {
  return {
    name,
    async run() {
      const claim = await prepare()
      const started = performance.now()
      const won = await Promise.all(Array.from({ length: CLAIMS }, (_, index) => claim(index)))
      const wallMs = performance.now() - started
      const winners = won.filter(Boolean).length
      if (winners !== 1) throw new Error(`${name}: ${winners} winners`)
      return { wallMs, winners }
    },
  }
}
