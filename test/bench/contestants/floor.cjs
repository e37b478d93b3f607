// The floor: what a guard that keeps the same promise cannot go below. Two signed HTTPS calls by Node alone, and a thread that
// waits for the child, so that its end is known (docs/development/decisions/0019): no SDK, no options, no retries, no log, no answer to
// anything that goes wrong.
const { createHash, createHmac } = require('node:crypto')
const https = require('node:https')
const { startThread } = require('./child.cjs')

const { AWS_ENDPOINT_URL_DYNAMODB, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, BENCH_KEY } = process.env
const endpoint = new URL(AWS_ENDPOINT_URL_DYNAMODB)
const agent = new https.Agent({ keepAlive: true })
const hash = (text) => createHash('sha256').update(text).digest('hex')
const hmac = (key, text) => createHmac('sha256', key).update(text).digest()

function ask(action, input) {
  const body = JSON.stringify(input)
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const target = `DynamoDB_20120810.${action}`
  const scope = `${date.slice(0, 8)}/${AWS_REGION}/dynamodb/aws4_request`
  const signed = 'content-type;host;x-amz-date;x-amz-target'
  const headers = `content-type:application/x-amz-json-1.0\nhost:${endpoint.host}\nx-amz-date:${date}\nx-amz-target:${target}\n`
  const canonical = `POST\n/\n\n${headers}\n${signed}\n${hash(body)}`
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`
  const key = scope.split('/').reduce(hmac, `AWS4${AWS_SECRET_ACCESS_KEY}`)
  const signature = hmac(key, toSign).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
  return new Promise((resolve, reject) => {
    const request = https.request(
      endpoint,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-date': date,
          'x-amz-target': target,
          'content-length': Buffer.byteLength(body),
          authorization,
        },
      },
      (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(text))))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

const Key = { id: { S: BENCH_KEY } }
async function main() {
  const runChild = startThread()
  await ask('PutItem', {
    TableName: 'locks',
    Item: { ...Key, state: { S: 'PENDING' } },
    ConditionExpression: 'attribute_not_exists(id)',
  })
  const code = await runChild()
  await ask('UpdateItem', {
    TableName: 'locks',
    Key,
    UpdateExpression: 'SET #s = :s',
    ExpressionAttributeNames: { '#s': 'state' },
    ExpressionAttributeValues: { ':s': { S: 'COMPLETED' } },
  })
  process.exit(code)
}
main()
