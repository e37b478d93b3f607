import { spawn } from 'node:child_process'
import { makeIdempotent } from '@aws-lambda-powertools/idempotency'
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb'

const batch = () => spawn('sh', ['-c', ': > "$BENCH_STARTED"'], { stdio: 'inherit' })
const run = makeIdempotent((key) => new Promise((resolve) => batch().on('exit', (code) => resolve({ key, code }))), {
  persistenceStore: new DynamoDBPersistenceLayer({ tableName: 'locks' }),
})
const { code } = await run(process.env.BENCH_KEY)
process.exit(code)
