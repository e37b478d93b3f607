import { spawn } from 'node:child_process'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb'
import { dynamoDBLockClientFactory } from '@deliveryhero/dynamodb-lock'

const client = dynamoDBLockClientFactory(DynamoDBDocument.from(new DynamoDBClient({})), {
  tableName: 'grouped-locks',
})
const lock = await client.lock('bench', process.env.BENCH_KEY, { leaseDurationInMs: 20_000 })
const code = await new Promise((resolve) => spawn('true', { stdio: 'inherit' }).on('exit', resolve))
await client.releaseLock(lock)
process.exit(code)
