import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request to DynamoDB, as it passes. */
export interface Passing {
  /** `UpdateItem`, `GetItem`, … */
  readonly action: string
  /** What the write makes of the row's state, where it is one: `PENDING`, `COMPLETED`, … */
  readonly state: string | null
  /** A request to the registry of tasks. */
  readonly registry: boolean
  /** The index that it reads, if any. */
  readonly indexName: string | null
  /** How many requests of this action came before. */
  readonly index: number
}

export type Treatment =
  | 'pass'
  /** The server applies it; the connection is cut instead of an answer. */
  | 'cutAnswer'
  /** Cut before the server sees it. */
  | 'cutRequest'
  /** Never answered, and never passed on. */
  | 'stall'
  /** Not answered; passed on when `release` is called. */
  | 'hold'

export interface FaultyProxy {
  readonly url: string
  /** All requests so far, in order. */
  readonly seen: Passing[]
  /** Decides each request from now on. */
  treat(decide: (passing: Passing) => Treatment): void
  /** Resolves when a request that `which` takes has arrived. */
  arrived(which: (passing: Passing) => boolean): Promise<void>
  /** Passes the held requests on, and resolves when the server has applied them. */
  release(): Promise<void>
  close(): void
}

/**
 * A proxy on loopback before a DynamoDB server: what a bad network does, at the moment that a test wants.
 *
 * `oneByOne` lets requests in one after the other, for moto: it checks a condition and writes the item in two steps, with
 * threads in between, which a real table never does.
 */
export async function startFaultyProxy(upstream: string, { oneByOne = false } = {}): Promise<FaultyProxy> {
  const seen: Passing[] = []
  const waiting = new Set<() => void>()
  const held: (() => Promise<void>)[] = []
  let decide: (passing: Passing) => Treatment = () => 'pass'

  let before: Promise<unknown> = Promise.resolve()
  const pass = (request: IncomingMessage, body: Buffer, response: ServerResponse | null) => {
    const turn = oneByOne
      ? before.then(() => forward(upstream, request, body, response))
      : forward(upstream, request, body, response)
    before = turn
    return turn
  }

  const server = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      const passing = describe(request, body, seen)
      seen.push(passing)
      for (const look of waiting) look()
      switch (decide(passing)) {
        case 'pass':
          return pass(request, body, response)
        case 'cutAnswer':
          await pass(request, body, null)
          return request.socket.destroy()
        case 'cutRequest':
          return request.socket.destroy()
        case 'hold':
          return held.push(() => pass(request, body, null))
        case 'stall':
          return
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    treat(next) {
      decide = next
    },
    arrived(which) {
      return new Promise((resolve) => {
        const look = () => {
          if (!seen.some(which)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
    },
    async release() {
      await Promise.all(held.splice(0).map((letThrough) => letThrough()))
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function describe(request: IncomingMessage, body: Buffer, seen: readonly Passing[]): Passing {
  const action = String(request.headers['x-amz-target']).split('.')[1] ?? ''
  const state = /"(PENDING|COMPLETED|FAILED|SKIPPED)"/.exec(body.toString())?.[1] ?? null
  const registry = body.includes('#registry')
  const indexName = /"IndexName":"([^"]+)"/.exec(body.toString())?.[1] ?? null
  return { action, state, registry, indexName, index: seen.filter((passing) => passing.action === action).length }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function forward(upstream: string, from: IncomingMessage, body: Buffer, to: ServerResponse | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const { host: _, ...headers } = from.headers
    const passed = httpRequest(
      upstream,
      { method: from.method ?? 'POST', path: from.url ?? '/', headers },
      (answer) => {
        to?.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.on('data', (chunk: Buffer) => to?.write(chunk))
        answer.on('end', () => {
          to?.end()
          resolve()
        })
      },
    )
    passed.on('error', reject)
    passed.end(body)
  })
}
