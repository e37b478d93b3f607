// What a guard cannot go below, by Node alone. It claims, runs the batch, and writes the
// end: no SDK, no options, no retries, no log, no answer to anything that goes wrong.
const { spawn } = require('node:child_process')

const { BENCH_KEY } = process.env

function runChild() {
  const child = spawn('sh', ['-c', ': > "$BENCH_STARTED"'], { stdio: 'inherit', detached: true })
  return new Promise((resolve) => child.once('exit', resolve))
}

/** Two signed calls. */
function openDynamo() {
  const { createHash, createHmac } = require('node:crypto')
  const endpoint = new URL(process.env.AWS_ENDPOINT_URL_DYNAMODB)
  const { Agent, request } = require(endpoint.protocol === 'https:' ? 'node:https' : 'node:http')
  const { AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env
  const agent = new Agent({ keepAlive: true })
  const hash = (text) => createHash('sha256').update(text).digest('hex')
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest()
  const Key = { id: { S: BENCH_KEY } }

  function ask(action, input) {
    const body = JSON.stringify({ TableName: 'locks', ...input })
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    const target = `DynamoDB_20120810.${action}`
    const scope = `${date.slice(0, 8)}/${AWS_REGION}/dynamodb/aws4_request`
    const signed = 'content-type;host;x-amz-date;x-amz-target'
    const type = 'application/x-amz-json-1.0'
    const lines = `content-type:${type}\nhost:${endpoint.host}\nx-amz-date:${date}\nx-amz-target:${target}\n`
    const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(`POST\n/\n\n${lines}\n${signed}\n${hash(body)}`)}`
    const signature = hmac(scope.split('/').reduce(hmac, `AWS4${AWS_SECRET_ACCESS_KEY}`), toSign).toString('hex')
    const headers = {
      'content-type': type,
      'x-amz-date': date,
      'x-amz-target': target,
      'content-length': Buffer.byteLength(body),
      authorization: `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    }
    return new Promise((resolve, reject) => {
      const sent = request(endpoint, { method: 'POST', agent, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(text))))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }
  return {
    claim: () =>
      ask('PutItem', { Item: { ...Key, state: { S: 'PENDING' } }, ConditionExpression: 'attribute_not_exists(id)' }),
    finish: () =>
      ask('UpdateItem', {
        Key,
        UpdateExpression: 'SET #s = :s',
        ExpressionAttributeNames: { '#s': 'state' },
        ExpressionAttributeValues: { ':s': { S: 'COMPLETED' } },
      }),
  }
}

async function main() {
  const { claim, finish } = openDynamo()
  await claim()
  const code = await runChild()
  await finish()
  process.exit(code)
}
main()
