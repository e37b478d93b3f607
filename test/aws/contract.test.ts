import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, describe } from 'vitest'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { fromItem, toItem } from '../../src/store/dynamodb/item.ts'
import { contract } from '../store/contract.ts'

const TABLE = process.env['CRONLEDGER_TEST_TABLE']
if (TABLE === undefined)
  throw new Error('CRONLEDGER_TEST_TABLE is not set: the name of a table that cronledger setup made.')
/** How long a read that is eventually consistent may lag. It is mostly below a second. */
const LAG_MS = 60_000

describe(`the DynamoDB store on table ${TABLE}`, () => {
  const client = new DynamoDBClient({})
  const store = openDynamoStore({ table: TABLE, env: process.env })
  afterAll(() => {
    store.close()
    client.destroy()
  })

  contract(() => ({
    store,
    listingLagMs: LAG_MS,
    async writeRaw(document) {
      await client.send(new PutItemCommand({ TableName: TABLE, Item: toItem(document) }))
    },
    async readRaw(key) {
      const read = { TableName: TABLE, Key: toItem({ ...key }), ConsistentRead: true }
      const { Item } = await client.send(new GetItemCommand(read))
      return fromItem(Item ?? {})
    },
  }))
})
