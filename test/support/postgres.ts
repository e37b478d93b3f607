import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { childrenOf } from './processes/supervise.ts'

const VERSIONS = '/usr/lib/postgresql'
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().at(-1) : undefined
/** Debian's PostgreSQL, which is not on PATH. */
const BIN = `${VERSIONS}/${version}/bin`

export const hasPostgres = version !== undefined

const BOUNCER = '/usr/sbin/pgbouncer'
export const hasBouncer = hasPostgres && existsSync(BOUNCER)

/** PostgreSQL refuses to run as root. This user owns nothing else. */
const NOBODY = 65_534
const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export const OWNER = 'owner'

export interface PostgresServer {
  readonly folder: string
  /** The address of a ledger for that user, by the socket. */
  address(user?: string, more?: string): string
  sql(script: string): string
  /** Ends the server with a signal: SIGINT (fast), SIGQUIT (at once), or SIGKILL for all of its processes. */
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

/** It has data of its own, and listens on a socket only, so no port can be taken, unless `settings` say otherwise. */
export async function startPostgres(settings: readonly string[] = [], from?: PostgresServer): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-pg-'))
  const port = /^port=(\d+)$/m.exec(settings.join('\n'))?.[1] ?? '5432'
  if (asNobody.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  const run = (tool: string, args: readonly string[], input = '') => {
    const done = spawnSync(join(BIN, tool), args, { ...asNobody, cwd: folder, input, encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`${tool}: ${done.stderr}`)
    return done.stdout
  }
  const plain = ['--auth=trust', '--no-sync', '--no-instructions', '--encoding=UTF8', '--locale=C']
  if (from === undefined) run('initdb', ['-D', data, '-U', OWNER, ...plain])
  else run('pg_basebackup', ['-D', data, '-h', from.folder, '-U', OWNER, '-R', '--checkpoint=fast', '--no-sync'])

  let child: ReturnType<typeof spawn> | null = null
  const server: PostgresServer = {
    folder,
    address: (user = OWNER, more = '') => `postgres:///postgres?host=${folder}&port=${port}&user=${user}${more}`,
    sql: (script) =>
      run(
        'psql',
        ['-h', folder, '-p', port, '-U', OWNER, '-d', 'postgres', '-XAtq', '-v', 'ON_ERROR_STOP=1'],
        script,
      ).trim(),
    async start() {
      const usual = ['listen_addresses=', 'fsync=off', 'shared_buffers=16MB']
      const options = [...usual, ...settings].flatMap((setting) => ['-c', setting])
      const started = spawn(join(BIN, 'postgres'), ['-D', data, '-k', folder, ...options], {
        ...asNobody,
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child = started
      const lines: string[] = []
      for await (const line of createInterface(started.stderr)) {
        lines.push(line)
        if (!line.includes('database system is ready to accept')) continue
        started.stderr.resume()
        return
      }
      throw new Error(`PostgreSQL ended before it listened:\n${lines.join('\n')}`)
    },
    async stop(signal = 'SIGINT') {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return
      // Its processes have its stderr, and a new server cannot start before all of them have ended.
      const ended = once(child, 'close')
      child.stderr?.resume()
      const others = signal === 'SIGKILL' ? childrenOf(child.pid) : []
      child.kill(signal)
      // Those that have ended already are none of our concern.
      spawnSync('kill', ['-9', ...others.map(String)])
      await ended
    },
    async remove() {
      await server.stop('SIGQUIT')
      rmSync(folder, { recursive: true })
    },
  }
  await server.start()
  return server
}

export async function startBouncer(
  server: PostgresServer,
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bouncer-'))
  if (asNobody.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  const file = join(folder, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `postgres = host=${server.folder} user=${OWNER}`,
    '[pgbouncer]',
    'pool_mode = transaction',
    'auth_type = any',
    `unix_socket_dir = ${folder}`,
    'default_pool_size = 2',
    'max_client_conn = 500',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn(BOUNCER, [file], { ...asNobody, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  for await (const line of createInterface(child.stderr)) {
    if (!line.includes('process up')) continue
    child.stderr.resume()
    return {
      address: `postgres:///postgres?host=${folder}&port=6432&user=${OWNER}`,
      async stop() {
        child.kill('SIGINT')
        await exited
        rmSync(folder, { recursive: true })
      },
    }
  }
  throw new Error('PgBouncer ended before it listened')
}
