import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { firstLine } from '../../../core/errors.ts'
import type { Environment } from '../../../core/types.ts'
import type { Ask } from '../../../verdict/command.ts'

/** A place that does not answer for this long is asked again later. */
const ANSWER_MS = 60_000

export function hasTool(name: string, { PATH = '' }: Environment): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Returns a function that runs the tool of a place with the sign-in of the operator, in a session of its own: Ctrl-C must not
 * end it after it has started something, and before it says so.
 */
export function askWith(env: Environment, answerMs = ANSWER_MS): Ask {
  return async ([file = '', ...args], input = '') => {
    try {
      const child = spawn(file, args, { env, detached: true, stdio: 'pipe', timeout: answerMs, killSignal: 'SIGKILL' })
      const failed = new Promise<never>((_, reject) => child.once('error', reject))
      // A tool that does not read its input says why on standard error.
      child.stdin.on('error', () => undefined).end(input)
      const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
      const [stdout, stderr, code] = await Promise.race([
        Promise.all([text(child.stdout), text(child.stderr), closed]),
        failed,
      ])
      return { code, stdout, stderr }
    } catch (error) {
      return { code: null, stdout: '', stderr: `${file} cannot be started: ${firstLine(error)}` }
    }
  }
}

/** The cluster of kubectl's current context. `ids`: the identities that its certificate authority may have in the ledger. */
export interface Cluster {
  readonly context: string
  readonly ids: readonly string[]
}

/** Asks for no credentials: the path names the only parts that are printed. */
const CONTEXT = `jsonpath={.current-context}{"\\n"}{.clusters[0].cluster.certificate-authority-data}{"\\n"}{.clusters[0].cluster.certificate-authority}`

export async function currentCluster(ask: Ask): Promise<Cluster> {
  const { stdout } = await ask(['kubectl', 'config', 'view', '--minify', '--raw', `--output=${CONTEXT}`])
  const [context = '', data = '', file = ''] = stdout.split('\n')
  const authority = data === '' ? readOrEmpty(file) : Buffer.from(data, 'base64').toString()
  // The file in a Pod may have another line end at its end.
  const forms = authority === '' ? [] : [authority, authority.trimEnd(), `${authority.trimEnd()}\n`]
  return { context: context || 'no current context', ids: forms.map(clusterIdOf) }
}

function readOrEmpty(path: string): string {
  try {
    return path === '' ? '' : readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function clusterIdOf(authority: string): string {
  return createHash('sha256').update(authority).digest('hex').slice(0, 12)
}
