import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, describe } from 'vitest'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { fromItem, toItem } from '../../src/store/dynamodb/item.ts'
import { contract } from '../store/contract.ts'
import { AWS_ENV, LAG_MS, TABLE } from './account.ts'

describe(`the DynamoDB store on table ${TABLE}`, () => {
  const client = new DynamoDBClient({})
  const store = openDynamoStore({ table: TABLE, env: AWS_ENV })
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
