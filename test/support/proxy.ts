import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, listen } from './servers.ts'

export interface Passing {
  /** `UpdateItem`, `GetItem`, … */
  readonly action: string
  readonly state: string | null
  readonly taskRecord: boolean
  readonly task: string | null
  /** The partitions of the table, or of its index, that the keys of the request name. */
  readonly partitions: readonly string[]
  readonly indexName: string | null
  readonly index: number
}

export type Treatment =
  | 'pass'
  /** The server applies the request. The connection is cut instead of an answer. */
  | 'cutAnswer'
  /** The server applies the request. The connection is cut in the middle of the answer. */
  | 'cutInAnswer'
  /** The connection is cut before the server sees the request. */
  | 'cutRequest'
  /** The request is never answered and never passed on. */
  | 'stall'
  /** The server applies the request, which is never answered. */
  | 'stallAnswer'
  /** The request is answered, and passed on again when `release` is called, as when a network delivers it twice. */
  | 'twice'
  /** The request is passed on twice, one after the other. The answer is that to the second delivery. */
  | 'twiceAtOnce'
  /** The request is not answered. It is passed on when `release` is called. */
  | 'hold'
  /** The connection is cut at once. The request is passed on when `release` is called, after requests sent since. */
  | 'cutAndHold'
  /** The request is passed on and answered after this delay. */
  | { readonly delayMs: number }
  /** The request is passed on and answered when the promise resolves. */
  | { readonly until: Promise<unknown> }
  /** The request gets this answer. The server never sees it. */
  | { readonly answer: Answer }
  /** The request gets the answer of the server with another body. */
  // biome-ignore lint/suspicious/noExplicitAny: the body of an answer can have any shape
  | { readonly change: (body: any) => object }

export interface FaultyProxy {
  readonly url: string
  readonly seen: Passing[]
  /** Returns the largest number of requests so far that waited for an answer at the same time. */
  mostAtOnce(): number
  treat(decide: (passing: Passing) => Treatment): void
  arrived(which: (passing: Passing) => boolean): Promise<void>
  /** Passes the held requests on, and resolves when the server has answered every request that was sent to it. */
  release(): Promise<void>
  /** Keeps the open connections open and answers nothing on them from now on. New connections work. */
  deafen(): void
  unheard(): number
  /** Closes the connections without a request, as servers do after some time. */
  closeIdle(): void
  close(): void
}

/** Makes the faults of a bad network. `oneByOne`: moto checks a condition and writes in two steps, so requests must not meet. */
export async function startFaultyProxy(upstream: string, { oneByOne = false } = {}): Promise<FaultyProxy> {
  const seen: Passing[] = []
  const waiting = new Set<() => void>()
  const held: (() => Promise<unknown>)[] = []
  const open = new Set<Socket>()
  const deaf = new WeakSet<Socket>()
  let unanswered = 0
  let unheard = 0
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
    if (deaf.has(request.socket)) {
      unheard += 1
      return
    }
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
      case 'hold':
        if (treatment === 'cutAndHold') request.socket.destroy()
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
    // We must drop the headers of the server, since their checksum is that of the original body.
    send(response, { status: reply.status, headers: JSON_1_0, body: Buffer.from(changed) })
  }

  // If the server ended with its test, the proxy does not answer either.
  const server = createServer((request, response) => {
    unanswered += 1
    mostAtOnce = Math.max(mostAtOnce, unanswered)
    response.once('close', () => {
      unanswered -= 1
    })
    void treatOne(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 0
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  const { endpoint, stop } = await listen(server)
  return {
    url: endpoint,
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
      // This includes requests whose client does not wait any more, because the answer was cut or the process ended.
      await Promise.all(asked)
    },
    deafen() {
      for (const socket of open) deaf.add(socket)
    },
    unheard: () => unheard,
    closeIdle: () => server.closeIdleConnections(),
    close: () => void stop(),
  }
}

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
  const text = body.toString()
  return {
    action,
    state: /"(PENDING|COMPLETED|FAILED|SKIPPED)"/.exec(text)?.[1] ?? null,
    taskRecord: text.includes('"slot":{"S":"#task"}') || text.includes('":day":{"S":"#task"}'),
    task: action === 'Query' ? (/":task":\{"S":"([^"]+)"/.exec(text)?.[1] ?? null) : null,
    partitions: partitionsIn(action, body),
    indexName: /"IndexName":"([^"]+)"/.exec(text)?.[1] ?? null,
    index: seen.filter((passing) => passing.action === action).length,
  }
}

/** The part of the requests of the SDK that names partitions. */
interface KeysOfRequest {
  readonly Key?: StoredTask
  readonly Item?: StoredTask
  readonly ExpressionAttributeValues?: { readonly [name in ':task' | ':day']?: { readonly S: string } }
  readonly RequestItems?: Readonly<Record<string, { readonly Keys: readonly StoredTask[] }>>
}
interface StoredTask {
  readonly task: { readonly S: string }
}

function partitionsIn(action: string, body: Buffer): readonly string[] {
  const input: KeysOfRequest = body.length === 0 ? {} : JSON.parse(body.toString())
  const { ':task': task, ':day': day } = input.ExpressionAttributeValues ?? {}
  if (action === 'Query') return [task, day].flatMap((key) => key?.S ?? [])
  const batched = Object.values(input.RequestItems ?? {}).flatMap(({ Keys }) => Keys)
  return [input.Key, input.Item, ...batched].flatMap((key) => key?.task.S ?? [])
}

function forward(upstream: string, from: IncomingMessage, body: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { host: _, ...headers } = from.headers
    const passed = httpRequest(
      upstream,
      { method: from.method ?? 'POST', path: from.url ?? '/', headers },
      (answer) => {
        // DynamoDB does not announce how long a connection is kept, and Node's clients would follow it.
        const { connection: _, 'keep-alive': __, ...own } = answer.headers
        buffer(answer).then((whole) => resolve({ status: answer.statusCode ?? 500, headers: own, body: whole }), reject)
      },
    )
    passed.on('error', reject)
    passed.end(body)
  })
}
