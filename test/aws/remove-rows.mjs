import { DeleteItemCommand, DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb'
import pLimit from 'p-limit'

/** Removes the items of the tasks whose name contains the name of the run. Returns how many there were. */
export async function removeRows(table, run) {
  const client = new DynamoDBClient({})
  const atATime = pLimit(16)
  try {
    const removals = []
    const scan = {
      TableName: table,
      ConsistentRead: true,
      ProjectionExpression: '#task, #slot',
      FilterExpression: 'contains(#task, :run)',
      ExpressionAttributeNames: { '#task': 'task', '#slot': 'slot' },
      ExpressionAttributeValues: { ':run': { S: run } },
    }
    for await (const { Items = [] } of paginateScan({ client }, scan)) {
      for (const { task, slot } of Items) {
        const command = new DeleteItemCommand({ TableName: table, Key: { task, slot } })
        removals.push(atATime(() => client.send(command)))
      }
    }
    await Promise.all(removals)
    return removals.length
  } finally {
    client.destroy()
  }
}
