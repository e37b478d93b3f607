import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDynamoStore } from '../../../src/store/dynamodb/dynamodb-store.ts'
import { createTableInput } from '../../../src/store/dynamodb/table-definition.ts'
import type { Store } from '../../../src/store/store.ts'
import { type FaultyProxy, startFaultyProxy } from '../../support/proxy.ts'
import { CREDENTIALS, REGION, type Server, startDynalite } from '../../support/servers.ts'
import { claimOf } from '../contract.ts'

/** The error of a global table with strong consistency while another Region writes the same item. */
const CONFLICT = {
  status: 400,
  body: JSON.stringify({
    __type: 'com.amazonaws.dynamodb.v20120810#ReplicatedWriteConflictException',
    message: 'One or more items in this request are being modified by a request in another Region.',
  }),
}

describe('a write of a global table that another Region is in the way of', () => {
  const call = () => ({ signal: AbortSignal.timeout(120_000) })
  let server: Server
  let proxy: FaultyProxy
  let store: Store

  beforeAll(async () => {
    server = await startDynalite()
    proxy = await startFaultyProxy(server.endpoint)
    const config = { endpoint: proxy.url, region: REGION, credentials: CREDENTIALS }
    const client = new DynamoDBClient(config)
    await client.send(new CreateTableCommand(createTableInput('ledger')))
    client.destroy()
    store = openDynamoStore({ table: 'ledger', env: {}, config })
  })
  afterAll(async () => {
    store.close()
    proxy.close()
    await server.stop()
  })

  // promise: global-table-conflict
  it('a write that another Region is in the way of is sent again, and succeeds when that Region has written', async () => {
    proxy.treat(({ action, index }) => (action === 'PutItem' && index === 0 ? { answer: CONFLICT } : 'pass'))
    expect(await store.put(claimOf('nightly'), 'absent', call())).toEqual({ kind: 'ok' })
    expect(proxy.seen.filter(({ action }) => action === 'PutItem')).toHaveLength(2)
  })

  // promise: global-table-conflict
  it('a write is like one without an answer while another Region is still writing: the caller tries again later', async () => {
    proxy.treat(({ action }) => (action === 'PutItem' ? { answer: CONFLICT } : 'pass'))
    await expect(store.put(claimOf('hourly'), 'absent', call())).rejects.toMatchObject({ kind: 'unreachable' })
    proxy.treat(() => 'pass')
    expect(await store.put(claimOf('hourly'), 'absent', call())).toEqual({ kind: 'ok' })
  })
})
