import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'

/**
 * Throws if the table cannot be used. We must not start the tests then: one of them runs `cronledger setup`, which would
 * create a table with a misspelt name, under deletion protection.
 */
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
