// Part `postgres`: the whole process around a batch that does nothing, with a ledger in PostgreSQL on a socket of this host.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { atMost, here, interleave, measure, ours } from './lab.mjs'

const VERSIONS = '/usr/lib/postgresql'
/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534
const user = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export async function run({ rounds }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  if (user.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  const bin = join(VERSIONS, readdirSync(VERSIONS).sort().at(-1), 'bin')
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust', '--locale=C'], { ...user, cwd: folder })
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-h', ''], { ...user, cwd: folder })
  try {
    for await (const line of createInterface(server.stderr)) if (line.includes('ready to accept')) break
    server.stderr.resume()
    const sql = (text) =>
      execFileSync('psql', ['-h', folder, '-U', 'bench', '-d', 'postgres', '-XAtqc', text], { encoding: 'utf8' })
    return await race(rounds, folder, sql)
  } finally {
    server.kill('SIGQUIT')
    await once(server, 'exit')
    rmSync(folder, { recursive: true })
  }
}

async function race(rounds, folder, sql) {
  const store = `postgres:///postgres?host=${folder}&user=bench`
  await measure([...ours(), 'setup', '--store', store])
  sql('CREATE TABLE locks (id text PRIMARY KEY, state text)')
  let last = 0
  const job = (name, ...argv) => ({
    name,
    run() {
      last += 1
      return measure(argv, {
        CRONLEDGER_STORE: store,
        CRONLEDGER_TASK: 'bench',
        CRONLEDGER_SCHEDULE: '* * * * *',
        CRONLEDGER_EVENT_TIME: new Date(Date.UTC(2024, 0, 1) + last * 60_000).toISOString(),
        BENCH_SERVER: folder,
        BENCH_STARTED: join(folder, 'started'),
        BENCH_KEY: `key-${last}`,
      })
    },
  })
  const batch = ['sh', '-c', ': > "$BENCH_STARTED"']
  const medians = await interleave(rounds, [
    job('floor', process.execPath, here('contestants/floor-postgres.cjs')),
    job('cronledger', ...ours(), 'run', '--', ...batch),
  ])
  const of = (name) => medians.get(name)
  return { medians, targets: [atMost('PostgreSQL: CPU / floor', of('cronledger').cpuMs / of('floor').cpuMs, 1.6)] }
}
