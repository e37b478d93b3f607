import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

/** Throws if the table cannot be used: a test runs `cronledger setup`, which would create one with a misspelt name. */
export async function checkTable(table) {
  const client = new DynamoDBClient({})
  try {
    await client.send(new DescribeTableCommand({ TableName: table }))
  } catch (error) {
    if (error.name === 'ResourceNotFoundException')
      throw new Error(`table "${table}" does not exist. Create it: cronledger setup --store dynamodb:${table}.`)
    throw new Error(`table "${table}" cannot be read: ${error.message}. Check the region and the credentials.`)
  } finally {
    client.destroy()
  }
}
