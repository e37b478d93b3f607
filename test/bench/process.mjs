// Part `process`: the whole process around a batch that does nothing, as a scheduler starts it, with a ledger behind TLS.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, here, interleave, measure, ours, startServer } from './lab.mjs'

/** What each of them runs. The time of the file is when the batch began. */
const BATCH = ['sh', '-c', ': > "$BENCH_STARTED"']
const INSTALL_TIMEOUT_MS = 300_000

export async function run({ rounds }) {
  installPeers()
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const server = await startServer('server.mjs')
  try {
    return await race(rounds, server, join(folder, 'started'))
  } finally {
    server.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Installs what is in package.json, in its exact versions. Its dependencies are the newest that fit. */
function installPeers() {
  if (existsSync(here('node_modules/@aws-lambda-powertools'))) return
  const args = ['install', '--prefix', here('.'), '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  execFileSync('npm', args, { stdio: 'inherit', timeout: INSTALL_TIMEOUT_MS })
}

async function race(rounds, server, started) {
  const node = process.execPath
  const main = ours()
  let last = 0
  const setting = {
    CRONLEDGER_STORE: 'dynamodb:ledger',
    CRONLEDGER_TASK: 'bench',
    CRONLEDGER_SCHEDULE: '* * * * *',
  }
  await measure([...main, 'setup', '--store', 'dynamodb:ledger'], { AWS_ENDPOINT_URL_DYNAMODB: server.direct })
  await makeLocks(server.direct)

  /** A process, measured and counted at the server. Each has a key, or a minute, that was not used before. */
  const job = (name, ...argv) => ({
    name,
    async run() {
      last += 1
      const usage = await measure(argv, {
        ...setting,
        AWS_ENDPOINT_URL_DYNAMODB: server.away,
        AWS_CA_BUNDLE: server.ca,
        NODE_EXTRA_CA_CERTS: server.ca,
        BENCH_STARTED: started,
        BENCH_KEY: `key-${last}`,
        CRONLEDGER_EVENT_TIME: new Date(Date.UTC(2024, 0, 1) + last * 60_000).toISOString(),
      })
      return { ...usage, ...(await server.counts()) }
    },
  })
  const medians = await interleave(rounds, [
    job('node -e 0', node, '-e', '0'),
    job('floor', node, here('contestants/floor.cjs')),
    job('cronledger', ...main, 'run', '--', ...BATCH),
    job('Powertools', node, here('contestants/powertools.mjs')),
    ...(existsSync('/usr/bin/aws') ? [job('shell script', 'sh', here('contestants/script.sh'))] : []),
    job('cronledger --help', ...main, '--help'),
    job('cronledger explain', ...main, 'explain', '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo'),
  ])
  return { medians, targets: targetsOf(medians) }
}

async function makeLocks(endpoint) {
  const { CreateTableCommand, DynamoDBClient } = createRequire(import.meta.url)('@aws-sdk/client-dynamodb')
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' }
  const client = new DynamoDBClient({ endpoint, region: 'eu-west-1', credentials })
  await client.send(
    new CreateTableCommand({
      TableName: 'locks',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  )
  client.destroy()
}

function targetsOf(medians) {
  const of = (name) => medians.get(name)
  const peer = (figure) =>
    Math.min(...['Powertools', 'shell script'].flatMap((name) => medians.get(name)?.[figure] ?? []))
  return [
    atMost('CPU / floor', of('cronledger').cpuMs / of('floor').cpuMs, 1.6),
    atMost('CPU / best peer', of('cronledger').cpuMs / peer('cpuMs'), 1),
    atMost('wall until the batch starts / best peer', of('cronledger').startMs / peer('startMs'), 1),
    atMost('peak memory / best peer', of('cronledger').peakMb / peer('peakMb'), 1),
    // Claim, task record, finish.
    atMost('requests', of('cronledger').requests, 3),
    atMost('connections', of('cronledger').connections, 1),
  ]
}
