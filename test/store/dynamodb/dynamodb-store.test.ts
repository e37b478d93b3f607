import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addRejection, NO_NOTES, NOTED_RUN_IDS } from '../../../src/core/row/rejections.ts'
import { encodeNotes, encodeRow } from '../../../src/core/row/stored-row.ts'
import { openDynamoStore } from '../../../src/store/dynamodb/dynamodb-store.ts'
import { fromItem, toItem } from '../../../src/store/dynamodb/item.ts'
import { createTableInput } from '../../../src/store/dynamodb/table-definition.ts'
import { storedKey } from '../../../src/store/page.ts'
import type { Store } from '../../../src/store/store.ts'
import { largestRejection, largestRow, sizeOf, usualDuplicate, usualRows } from '../../support/largest-row.ts'
import { type FaultyProxy, startFaultyProxy } from '../../support/proxy.ts'
import { CREDENTIALS, hasMoto, REGION, type Server, startDynalite, startMoto } from '../../support/servers.ts'
import { claimOf, contract, type Subject } from '../contract.ts'

/** moto returns the row that made a condition fail. It is slow, and passes requests on one after the other. */
const SERVERS = [
  { name: 'dynalite', start: startDynalite, isThere: true, isMoto: false },
  { name: 'moto', start: startMoto, isThere: hasMoto, isMoto: true },
]

for (const { name, start, isThere, isMoto } of SERVERS) {
  // biome-ignore lint/suspicious/noConsole: a suite that is left out must say so.
  if (!isThere) console.log(`the DynamoDB store on ${name}: skipped, since ${name} is not installed`)
  describe.skipIf(!isThere)(`the DynamoDB store on ${name}`, () => {
    let server: Server
    let proxy: FaultyProxy
    let client: DynamoDBClient
    let store: Store

    beforeAll(async () => {
      server = await start()
      proxy = await startFaultyProxy(server.endpoint, { oneByOne: isMoto })
      const config = { endpoint: proxy.url, region: REGION, credentials: CREDENTIALS }
      client = new DynamoDBClient(config)
      await client.send(new CreateTableCommand(createTableInput('ledger')))
      store = openDynamoStore({ table: 'ledger', env: {}, config })
    })
    afterAll(async () => {
      store.close()
      client.destroy()
      proxy.close()
      await server.stop()
    })

    // promise: on-ecs
    it('keeps the row of a usual run on ECS under 1 KB, also with a duplicate', async () => {
      const call = { signal: AbortSignal.timeout(120_000) }
      const [claimed, renewed, ended] = usualRows()
      if (claimed === undefined || renewed === undefined || ended === undefined) throw new Error('three rows')
      const Key = toItem({ ...storedKey(claimed) })
      const sizes: number[] = []
      const measure = async (written: Promise<unknown>) => {
        await written
        const { Item = {} } = await client.send(new GetItemCommand({ TableName: 'ledger', Key, ConsistentRead: true }))
        sizes.push(sizeOf(Item))
      }
      await measure(store.put(claimed, 'absent', call))
      await measure(store.put(renewed, claimed, call))
      await measure(store.put(ended, renewed, call))
      await measure(store.note(ended, usualDuplicate(), call))
      expect(Math.max(...sizes)).toBeLessThan(1024)
    })

    const subject = (): Subject => ({
      store,
      async writeRaw(document) {
        await client.send(new PutItemCommand({ TableName: 'ledger', Item: toItem(document) }))
      },
      async readRaw(key) {
        const { Item } = await client.send(new GetItemCommand({ TableName: 'ledger', Key: toItem({ ...key }) }))
        return fromItem(Item ?? {})
      },
    })
    contract(subject, { crowds: !isMoto })
    if (isMoto) return

    // promise: row-size
    it('holds the largest row that there can be, with 18 KB to spare', async () => {
      const call = { signal: AbortSignal.timeout(280_000) }
      const task = 't'.repeat(128)
      const row = largestRow(task)
      const first = claimOf(task, { slot: row.slot })
      // Noted one by one, they would take seconds.
      let notes = NO_NOTES
      for (let index = 0; index < NOTED_RUN_IDS + 1; index += 1) notes = addRejection(notes, largestRejection(index))
      const noted = toItem({ ...encodeRow(first), ...encodeNotes(notes) })
      noted['rejectedBy'] = { SS: [...notes.rejectedBy] }
      await client.send(new PutItemCommand({ TableName: 'ledger', Item: noted }))
      expect(await store.put(row, first, call)).toEqual({ kind: 'ok' })
      expect(await store.note(row, largestRejection(NOTED_RUN_IDS + 2), call)).toBe(true)
      const Key = toItem({ ...storedKey(row) })
      const { Item = {} } = await client.send(new GetItemCommand({ TableName: 'ledger', Key, ConsistentRead: true }))
      const size = sizeOf(Item)
      expect(size).toBeGreaterThan(380_000)
      expect(size).toBeLessThan(400 * 1024 - 18_000)
      expect(await store.get(row, call)).toMatchObject({ attempts: row.attempts, rejections: { count: 202 } })
    })
  })
}
