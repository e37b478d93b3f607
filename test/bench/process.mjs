// Part `process`: the whole process around `true`, as a scheduler starts it.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { counter, hasAws, here, interleave, measure, ours, startServer, target } from './lab.mjs'

const SDK = { bundle: true, platform: 'node', format: 'esm', minify: true, mainFields: ['module', 'main'] }
/** Libraries in CommonJS, inside of a bundle in ESM, ask for Node's modules. */
const BANNER = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`

export async function run({ rounds }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const server = await startServer()
  try {
    const sdkFloor = join(folder, 'sdk-floor.mjs')
    const { build } = createRequire(import.meta.url)('esbuild')
    const entryPoints = [here('contestants/sdk-floor.mjs')]
    await build({ ...SDK, entryPoints, outfile: sdkFloor, banner: { js: BANNER }, logLevel: 'error' })
    return await race(rounds, server, sdkFloor)
  } finally {
    server.stop()
    rmSync(folder, { recursive: true })
  }
}

async function race(rounds, server, sdkFloor) {
  const node = process.execPath
  const setting = {
    CRONLEDGER_STORE: 'dynamodb:ledger',
    CRONLEDGER_TASK: 'bench',
    CRONLEDGER_SCHEDULE: '* * * * *',
  }
  const forms = ours()
  const [[, main]] = forms
  await measure([...main, 'setup', '--store', 'dynamodb:ledger'], { AWS_ENDPOINT_URL_DYNAMODB: server.direct })

  const next = counter()
  const nextMinute = () => new Date(Date.UTC(2024, 0, 1) + next() * 60_000).toISOString()
  /** A process, measured and counted at the server. */
  const job = (name, door, argv, env = () => ({})) => ({
    name: door === 'near' ? name : `${name}, ${door}`,
    async run() {
      const trust = door === 'https' ? { NODE_EXTRA_CA_CERTS: server.ca } : {}
      const usage = await measure(argv, { AWS_ENDPOINT_URL_DYNAMODB: server[door], ...trust, ...env() })
      const { requests, connections } = await server.counts()
      return { ...usage, requests, connections }
    },
  })
  const keyed = (name, door, ...argv) => job(name, door, argv, () => ({ BENCH_KEY: `key-${next()}` }))
  const bare = (door) => [
    keyed('floor', door, node, here('contestants/floor.cjs')),
    keyed('SDK floor', door, node, sdkFloor),
    ...forms.map(([name, argv]) =>
      job(name, door, [...argv, 'run', '--', 'true'], () => ({ ...setting, CRONLEDGER_EVENT_TIME: nextMinute() })),
    ),
  ]
  const guarded = (door) => [
    ...bare(door),
    keyed('powertools', door, node, here('contestants/powertools.mjs')),
    keyed('dynamodb-lock-client', door, node, here('contestants/lock-client.cjs')),
    keyed('@deliveryhero/dynamodb-lock', door, node, here('contestants/dynamodb-lock.mjs')),
    ...(hasAws ? [keyed('shell script', door, 'sh', here('contestants/script.sh'))] : []),
  ]
  const duplicate = { ...setting, CRONLEDGER_EVENT_TIME: '2024-01-01T00:00:00Z' }
  await measure([...main, 'run', '--', 'true'], { ...duplicate, AWS_ENDPOINT_URL_DYNAMODB: server.direct })

  const medians = await interleave(rounds, [
    job('node -e 0', 'near', [node, '-e', '0']),
    ...guarded('near'),
    job('cronledger, duplicate', 'near', [...main, 'run', '--', 'true'], () => duplicate),
    job('cronledger --help', 'near', [...main, '--help']),
    job('cronledger explain', 'near', [...main, 'explain', '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']),
    ...guarded('far'),
    ...(server.https === undefined ? [] : bare('https')),
  ])
  return { medians, targets: targetsOf(medians, forms) }
}

function targetsOf(medians, forms) {
  const of = (name) => medians.get(name)
  const floor = of('floor')
  const peers = ['powertools', 'dynamodb-lock-client', '@deliveryhero/dynamodb-lock']
  const bestPeerMs = Math.min(...peers.map((name) => of(name).cpuMs))
  return [
    ...forms.flatMap(([name]) => [
      target(`${name}: CPU / floor`, of(name).cpuMs / floor.cpuMs, '<=', 2),
      ...(of('floor, https') === undefined
        ? []
        : [target(`${name}: CPU / floor, https`, of(`${name}, https`).cpuMs / of('floor, https').cpuMs, '<=', 1.5)]),
      ...(hasAws ? [target(`${name}: CPU / shell script`, of(name).cpuMs / of('shell script').cpuMs, '<=', 0.12)] : []),
      target(`${name}: CPU / best peer`, of(name).cpuMs / bestPeerMs, '<=', 0.45),
      target(`${name}: wall / floor, 10 ms a call`, of(`${name}, far`).wallMs / of('floor, far').wallMs, '<=', 1.5),
      target(`${name}: peak memory / SDK floor`, of(name).peakMb / of('SDK floor').peakMb, '<=', 1.15),
      // Claim, registry, finish.
      target(`${name}: requests`, of(name).requests, '<=', 3),
      target(`${name}: connections`, of(name).connections, '<=', 1),
    ]),
    // dynalite does not return the row found: claim, read, note.
    target('duplicate: requests', of('cronledger, duplicate').requests, '<=', 3),
    target('--help: CPU / node -e 0', of('cronledger --help').cpuMs / of('node -e 0').cpuMs, '<=', 2.2),
    target('explain: CPU / node -e 0', of('cronledger explain').cpuMs / of('node -e 0').cpuMs, '<=', 1.9),
  ]
}
