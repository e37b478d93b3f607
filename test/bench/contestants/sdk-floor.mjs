// The same two calls by the SDK, which cronledger uses too: bundled by the benchmark, as well as esbuild does.
import { spawn } from 'node:child_process'
import { DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'

const client = new DynamoDBClient({})
const Key = { id: { S: process.env.BENCH_KEY } }
await client.send(
  new PutItemCommand({
    TableName: 'locks',
    Item: { ...Key, state: { S: 'PENDING' } },
    ConditionExpression: 'attribute_not_exists(id)',
  }),
)
const code = await new Promise((resolve) => spawn('true', { stdio: 'inherit' }).on('exit', resolve))
await client.send(
  new UpdateItemCommand({
    TableName: 'locks',
    Key,
    UpdateExpression: 'SET #s = :s',
    ExpressionAttributeNames: { '#s': 'state' },
    ExpressionAttributeValues: { ':s': { S: 'COMPLETED' } },
  }),
)
process.exit(code)
