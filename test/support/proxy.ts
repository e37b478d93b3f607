import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from './servers.ts'

/** A request to DynamoDB, as it passes. */
export interface Passing {
  /** `UpdateItem`, `GetItem`, … */
  readonly action: string
  /** What the write makes of the row's state, where it is one: `PENDING`, `COMPLETED`, … */
  readonly state: string | null
  /** A request to the registry of tasks. */
  readonly registry: boolean
  /** The task whose rows it reads, where it is a query of one task. */
  readonly task: string | null
  /** The index that it reads, if any. */
  readonly indexName: string | null
  /** How many requests of this action came before. */
  readonly index: number
}

export type Treatment =
  | 'pass'
  /** The server applies it; the connection is cut instead of an answer. */
  | 'cutAnswer'
  /** The server applies it; the connection is cut in the middle of the answer. */
  | 'cutInAnswer'
  /** Cut before the server sees it. */
  | 'cutRequest'
  /** Never answered, and never passed on. */
  | 'stall'
  /** The server applies it; never answered. */
  | 'stallAnswer'
  /** Answered, and passed on once more when `release` is called: the network delivers it twice. */
  | 'twice'
  /** Passed on twice, one after the other; the answer is the one to the second delivery. */
  | 'twiceAtOnce'
  /** Not answered; passed on when `release` is called. */
  | 'hold'
  /** The connection is cut at once; passed on when `release` is called, after whatever was sent since. */
  | 'cutAndHold'
  /** Answered, that much later. */
  | { readonly delayMs: number }
  /** Passed on and answered when the promise resolves. */
  | { readonly until: Promise<unknown> }
  /** Answered so; the server never sees it. */
  | { readonly answer: Answer }
  /** The server's answer, with another body. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of a server, as it came
  | { readonly change: (body: any) => object }

export interface FaultyProxy {
  readonly url: string
  /** All requests so far, in order. */
  readonly seen: Passing[]
  /** The most requests so far that had arrived and were not answered, at one time. */
  mostAtOnce(): number
  /** Decides each request from now on. */
  treat(decide: (passing: Passing) => Treatment): void
  /** Resolves when a request that `which` takes has arrived. */
  arrived(which: (passing: Passing) => boolean): Promise<void>
  /** Passes the held requests on, and resolves when the server has applied all that it was ever sent. */
  release(): Promise<void>
  /** From now on nothing is answered on the connections that are open, which stay open; new ones work. */
  deafen(): void
  /** Closes the connections that wait for a request, as servers do after a while. */
  closeIdle(): void
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
  const held: (() => Promise<unknown>)[] = []
  const open = new Set<Socket>()
  const deaf = new WeakSet<Socket>()
  let unanswered = 0
  let mostAtOnce = 0
  let decide: (passing: Passing) => Treatment = () => 'pass'

  let before: Promise<unknown> = Promise.resolve()
  const asked = new Set<Promise<unknown>>()
  const ask = (request: IncomingMessage, body: Buffer): Promise<Reply> => {
    const turn = oneByOne ? before.then(() => forward(upstream, request, body)) : forward(upstream, request, body)
    before = turn.catch(() => undefined)
    const answered: Promise<unknown> = before.then(() => asked.delete(answered))
    asked.add(answered)
    return turn
  }

  async function treatOne(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    if (deaf.has(request.socket)) return
    const passing = describe(request, body, seen)
    seen.push(passing)
    for (const look of waiting) look()
    const treatment = decide(passing)
    switch (treatment) {
      case 'pass':
        return send(response, await ask(request, body))
      case 'twice': {
        const reply = await ask(request, body)
        held.push(() => ask(request, body))
        return send(response, reply)
      }
      case 'twiceAtOnce':
        await ask(request, body)
        return send(response, await ask(request, body))
      case 'cutAnswer':
        await ask(request, body)
        return void request.socket.destroy()
      case 'cutInAnswer': {
        const { status, headers, body: answer } = await ask(request, body)
        response.writeHead(status, { ...headers, 'content-length': answer.length })
        return void response.write(answer.subarray(0, answer.length >> 1), () => request.socket.destroy())
      }
      case 'cutRequest':
        return void request.socket.destroy()
      case 'cutAndHold':
        request.socket.destroy()
        return void held.push(() => ask(request, body))
      case 'hold':
        return void held.push(() => ask(request, body))
      case 'stall':
        return
      case 'stallAnswer':
        return void (await ask(request, body))
    }
    if ('answer' in treatment) {
      const { status, body: answer } = treatment.answer
      return send(response, { status, headers: JSON_1_0, body: Buffer.from(answer) })
    }
    if ('until' in treatment) await treatment.until
    if ('delayMs' in treatment) await delay(treatment.delayMs)
    const reply = await ask(request, body)
    if (!('change' in treatment)) return send(response, reply)
    const changed = JSON.stringify(treatment.change(JSON.parse(reply.body.toString())))
    // The checksum would be that of the answer before.
    send(response, { status: reply.status, headers: JSON_1_0, body: Buffer.from(changed) })
  }

  // A server that goes away with its test answers nothing; neither do we.
  const server = createServer((request, response) => {
    unanswered += 1
    mostAtOnce = Math.max(mostAtOnce, unanswered)
    response.once('close', () => {
      unanswered -= 1
    })
    void treatOne(request, response).catch(() => response.destroy())
  })
  // DynamoDB says nothing about how long it keeps a connection; Node's servers do, and its clients heed it.
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    mostAtOnce: () => mostAtOnce,
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
      // Also what nobody waits for any more: an answer that was cut, a process that has left.
      await Promise.all(asked)
    },
    deafen() {
      for (const socket of open) deaf.add(socket)
    },
    closeIdle: () => server.closeIdleConnections(),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** What the server answers, with its body whole. */
interface Reply {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

const JSON_1_0 = { 'content-type': 'application/x-amz-json-1.0' }

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers).end(body)
}

function describe(request: IncomingMessage, body: Buffer, seen: readonly Passing[]): Passing {
  const action = String(request.headers['x-amz-target']).split('.')[1] ?? ''
  const state = /"(PENDING|COMPLETED|FAILED|SKIPPED)"/.exec(body.toString())?.[1] ?? null
  const registry = body.includes('#registry')
  const task = action === 'Query' ? (/":task":\{"S":"([^"]+)"/.exec(body.toString())?.[1] ?? null) : null
  const indexName = /"IndexName":"([^"]+)"/.exec(body.toString())?.[1] ?? null
  return { action, state, registry, task, indexName, index: seen.filter((passing) => passing.action === action).length }
}

function forward(upstream: string, from: IncomingMessage, body: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { host: _, ...headers } = from.headers
    const passed = httpRequest(
      upstream,
      { method: from.method ?? 'POST', path: from.url ?? '/', headers },
      (answer) => {
        buffer(answer).then(
          (whole) => resolve({ status: answer.statusCode ?? 500, headers: answer.headers, body: whole }),
          reject,
        )
      },
    )
    passed.on('error', reject)
    passed.end(body)
  })
}
