import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { cronledger, start } from '../support/cli.ts'
import { type FaultyProxy, startFaultyProxy } from '../support/proxy.ts'
import { CALL } from '../support/rows.ts'
import { awsEnv, openTestStore, type Server, startDynalite } from '../support/servers.ts'

describe.concurrent('the connection during a long child', () => {
  let server: Server
  let store: Store
  beforeAll(async () => {
    server = await startDynalite()
    store = openTestStore(server.endpoint)
    await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  })
  afterAll(async () => {
    store.close()
    await server.stop()
  })

  // promise: connection-closed
  test.for<readonly [string, (proxy: FaultyProxy) => void]>([
    ['closed by the server', (proxy) => proxy.closeIdle()],
    ['gone dead without a word', (proxy) => proxy.deafen()],
  ])(
    'a connection that was %s: the finish is not sent on it, which would cost the time of a stop',
    async ([what, happen]) => {
      const proxy = await startFaultyProxy(server.endpoint)
      const task = what.replaceAll(' ', '-')
      const env = { ...awsEnv({ endpoint: proxy.url }), CRONLEDGER_STORE: 'dynamodb:ledger', CRONLEDGER_TASK: task }
      const args = ['run', '--schedule', '0 3 * * *', '--event-time', '2026-01-02T03:00:05Z']
      // Longer than a connection is kept.
      const run = start([...args, '--', 'sleep', '6'], { env })
      await proxy.arrived(({ taskRecord, action }) => taskRecord && action === 'PutItem')
      happen(proxy)
      const { code, stderr } = await run.ended
      const row = await store.get({ task, slot: Date.parse('2026-01-02T03:00:00Z') }, CALL)
      proxy.close()
      const done = { code: 0, unheard: 0, row: { state: 'COMPLETED' } }
      expect({ code, row, unheard: proxy.unheard() }, stderr).toMatchObject(done)
    },
  )
})
