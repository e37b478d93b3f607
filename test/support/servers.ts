import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import type { Store } from '../../src/store/store.ts'

export interface Server {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Credentials that the servers accept. A test never uses the `AWS_…` variables of this machine. */
export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' }
export const REGION = 'eu-west-1'

export function awsEnv({ endpoint }: Pick<Server, 'endpoint'>): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  }
}

export function openTestStore(endpoint: string): Store {
  return openDynamoStore({ table: 'ledger', env: {}, config: { endpoint, region: REGION, credentials: CREDENTIALS } })
}

/** Debian's moto is a package of Debian's Python. */
export const PYTHON = '/usr/bin/python3'
const MOTO = fileURLToPath(new URL('start_moto.py', import.meta.url))
export const hasMoto = existsSync('/usr/bin/moto_server')

export async function startDynalite(): Promise<Server> {
  const dynalite: (options: object) => HttpServer = createRequire(import.meta.url)('dynalite')
  return listen(dynalite({ createTableMs: 0 }))
}

export async function startMoto(): Promise<Server> {
  const child = spawn(PYTHON, [MOTO], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  for await (const line of createInterface(child.stderr)) {
    const endpoint = /Running on (http:\S+)/.exec(line)?.[1]
    if (endpoint === undefined) continue
    child.stderr.resume()
    return {
      endpoint,
      async stop() {
        child.kill('SIGKILL')
        await exited
      },
    }
  }
  throw new Error('moto ended before it listened')
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Starts a server that answers each request with `answer`. A request that gets null is never answered. */
export async function startAnswering(
  answer: Answer | null | ((action: string, body: string) => Answer | null),
): Promise<Server> {
  return listen(
    createServer(async (incoming, outgoing) => {
      const body = await text(incoming)
      const action = actionOf(incoming)
      const reply = typeof answer === 'function' ? answer(action, body) : answer
      if (reply === null) return
      outgoing.writeHead(reply.status, { 'content-type': 'application/x-amz-json-1.0' }).end(reply.body)
    }),
  )
}

function actionOf({ headers }: IncomingMessage): string {
  return String(headers['x-amz-target']).replace(/^.*\./, '')
}

export async function listen(server: HttpServer): Promise<Server> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
