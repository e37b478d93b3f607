// Part `process`: the whole process around a batch that does nothing, as a scheduler starts it, as installed: the npm package
// with the cache that its first run keeps, and the executable. By each Node, for each ledger, beside what people use there.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { build } from 'esbuild'
import { atMost, here, interleave, measure, startServer } from './lab.mjs'

const ROOT = here('../..')
/** What each of them runs. The time of the file is when the batch began. */
const BATCH = ['sh', '-c', ': > "$BENCH_STARTED"']
const RUN = ['run', '--', ...BATCH]
const contestant = (file) => here(`contestants/${file}`)
const peer = (name) => here(`node_modules/${name}`)

const LEDGERS = ['https', 'http']
/** The CPU of a run, to that of the floor. */
const TO_FLOOR = { https: 2, http: 2.5 }
/** The server waits 5 ms in each direction. */
const REQUEST_MS = 10
/** By each Node if `by` is 'each', or without one (null). `needs`: a file without which it is left out. */
const CONTESTANTS = [
  { name: 'node -e 0', by: 'each', ledgers: ['none'], argv: () => ['node', '-e', '0'] },
  { name: 'floor', by: 'each', ledgers: LEDGERS, argv: () => ['node', contestant('floor.cjs')] },
  { name: 'cronledger', by: 'each', ledgers: LEDGERS, argv: ({ npm }) => [npm, ...RUN] },
  // As in a container that is used once: no start has a cache from an earlier one.
  {
    name: 'cronledger, no cache',
    by: 'each',
    ledgers: LEDGERS,
    argv: ({ npm }) => [npm, ...RUN],
    home: 'absent',
  },
  { name: 'cronledger, executable', by: null, ledgers: LEDGERS, argv: ({ executable }) => [executable, ...RUN] },
  {
    name: 'Powertools',
    by: 'each',
    ledgers: LEDGERS,
    argv: () => ['node', contestant('powertools.mjs')],
    needs: peer('@aws-lambda-powertools'),
  },
  {
    name: 'Powertools, bundled',
    by: 'each',
    ledgers: LEDGERS,
    argv: ({ bundle }) => ['node', bundle],
    needs: peer('@aws-lambda-powertools'),
  },
  {
    name: 'two calls of aws',
    by: null,
    ledgers: ['https'],
    argv: () => ['sh', contestant('aws.sh')],
    needs: '/usr/bin/aws',
  },
]

export async function run({ rounds, nodes, ledgers = LEDGERS }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const ends = [() => rmSync(folder, { recursive: true })]
  try {
    const programs = await install(folder, nodes)
    const server = await startServer('server.mjs')
    ends.unshift(server.stop)
    const places = await openLedgers(server, programs)
    const medians = await interleave(rounds, jobsOf(folder, server, places, programs, ledgers))
    return { medians, targets: targetsOf(medians, nodes, ledgers) }
  } finally {
    for (const end of ends) await end()
  }
}

async function install(folder, versions) {
  const silent = { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }
  if (!existsSync(peer('@aws-lambda-powertools'))) {
    const options = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
    execFileSync('npm', ['install', '--prefix', here('.'), ...options], { stdio: 'inherit' })
  }
  const nodes = versions.map((version) =>
    execFileSync('.ci/fetch-node', [join(ROOT, `tmp/node-${version}`), version], silent).trim(),
  )
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
  const file = join(folder, execFileSync('npm', pack, silent).trim())
  execFileSync('npm', ['install', '--global', '--prefix', folder, '--no-audit', '--no-fund', file], silent)
  execFileSync(nodes.at(-1), ['build/compile.mjs'], silent)
  execFileSync(nodes.at(-1), ['build/binary.mjs'], silent)
  const bundle = join(folder, 'powertools.mjs')
  const powertools = { entryPoints: [contestant('powertools.mjs')], outfile: bundle, logLevel: 'error' }
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" }
  if (existsSync(peer('@aws-lambda-powertools')))
    await build({ ...powertools, banner, bundle: true, platform: 'node', format: 'esm' })
  // The first run of a user keeps the compiled program there. In a container, it does not make the folder.
  mkdirSync(join(folder, 'home/.cache'), { recursive: true })
  return { versions, nodes, npm: join(folder, 'bin/cronledger'), executable: join(ROOT, 'dist-bin/cronledger'), bundle }
}

/** Returns the environment of each ledger, with an empty table for cronledger and one for the others. */
async function openLedgers(server, { nodes, npm }) {
  const dynamo = (url) => ({
    CRONLEDGER_STORE: 'dynamodb:ledger',
    AWS_ENDPOINT_URL_DYNAMODB: url,
    AWS_CA_BUNDLE: server.ca,
  })
  const places = {
    none: {},
    http: dynamo(server.http),
    // Node reads the certificates that it trusts, as for DynamoDB, and accepts that of our server, which is not among them.
    https: { ...dynamo(server.https), NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  }
  const PATH = pathWith(nodes[0])
  await measure([npm, 'setup'], { ...dynamo(server.direct), PATH })
  await makeLocks(server.direct)
  return places
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

/** Each process has a task of its own, and each start a key, or a minute, that was not used before. */
function jobsOf(folder, server, places, programs, ledgers) {
  const { versions, nodes } = programs
  const missing = CONTESTANTS.filter(({ needs }) => needs !== undefined && !existsSync(needs))
  for (const { name } of missing) sayLeftOut(name)
  let last = 0
  const job = (ledger, index, { name, by, argv, home = 'home' }) => ({
    name: rowName(ledger, by === null ? null : versions[index], name),
    async run() {
      last += 1
      const usage = await measure(argv(programs), {
        ...places[ledger],
        HOME: join(folder, home),
        PATH: pathWith(nodes[index]),
        CRONLEDGER_TASK: rowName(ledger, index, name).replaceAll(/\W+/g, '-'),
        CRONLEDGER_SCHEDULE: '* * * * *',
        CRONLEDGER_EVENT_TIME: new Date(Date.UTC(2024, 0, 1) + last * 60_000).toISOString(),
        BENCH_STARTED: join(folder, 'started'),
        BENCH_KEY: `key-${last}`,
      })
      return { ...usage, ...(await server.counts()) }
    },
  })
  const isBy = (index, by) => by === 'each' || index === nodes.length - 1
  const there = CONTESTANTS.filter((one) => !missing.includes(one))
  return ['none', ...ledgers].flatMap((ledger) =>
    nodes.flatMap((_, index) =>
      there.filter((one) => one.ledgers.includes(ledger) && isBy(index, one.by)).map((one) => job(ledger, index, one)),
    ),
  )
}

function sayLeftOut(name) {
  process.stdout.write(`left out, because it is not installed: ${name}\n`)
}

function pathWith(node) {
  return [dirname(node), process.env.PATH].join(delimiter)
}

function rowName(ledger, version, name) {
  return [ledger === 'none' ? null : ledger, version === null ? null : `Node ${version}`, name]
    .filter((part) => part !== null)
    .join(', ')
}

/** docs/development/performance.md has the reasons of these limits. */
function targetsOf(medians, versions, ledgers) {
  const of = (ledger, version, name) => medians.get(rowName(ledger, version, name))
  const targets = ledgers.flatMap((ledger) => {
    const forms = versions.map((version) => [`Node ${version}`, version, of(ledger, version, 'cronledger')])
    const executable = ['executable', versions.at(-1), of(ledger, null, 'cronledger, executable')]
    return [...forms, executable].flatMap(([form, version, ours]) =>
      targetsOfForm(ours, (name) => of(ledger, version, name), ledger, form),
    )
  })
  const { requests, connections } = of(ledgers[0], versions[0], 'cronledger')
  // Claim, task record, finish.
  return [...targets, atMost('requests', requests, 3), atMost('connections', connections, 1)]
}

function targetsOfForm(ours, other, ledger, form) {
  const target = (what, value, limit) => atMost(`${ledger}: ${what}`, value, limit, form)
  const [installed, bundled] = [other('Powertools'), other('Powertools, bundled')]
  const toFloor = target('CPU / floor', ours.cpuMs / other('floor').cpuMs, TO_FLOOR[ledger])
  if (installed === undefined) return [toFloor]
  return [
    toFloor,
    target('CPU / Powertools', ours.cpuMs / installed.cpuMs, 0.75),
    target('CPU / Powertools, bundled', ours.cpuMs / bundled.cpuMs, 0.88),
    target('peak memory / Powertools, bundled', ours.peakMb / bundled.peakMb, 1),
    target('ms until the batch starts, after Powertools, bundled', ours.startMs - bundled.startMs, REQUEST_MS),
  ]
}
