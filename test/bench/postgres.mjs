// A PostgreSQL server on a socket of this host, for the part `process`.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const VERSIONS = '/usr/lib/postgresql'
/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534
const user = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export const hasPostgres = existsSync(VERSIONS) && readdirSync(VERSIONS).length > 0

export async function startPostgres(folder) {
  mkdirSync(folder)
  if (user.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  const bin = join(VERSIONS, readdirSync(VERSIONS).sort().at(-1), 'bin')
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C'], {
    ...user,
    cwd: folder,
  })
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-h', ''], { ...user, cwd: folder })
  for await (const line of createInterface(server.stderr)) if (line.includes('ready to accept')) break
  server.stderr.resume()
  return {
    folder,
    store: `postgres:///postgres?host=${folder}&user=bench`,
    sql: (text) => execFileSync('psql', ['-h', folder, '-U', 'bench', '-d', 'postgres', '-XAtqc', text]),
    async stop() {
      server.kill('SIGQUIT')
      await once(server, 'exit')
    },
  }
}
