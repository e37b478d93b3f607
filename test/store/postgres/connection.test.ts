import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { LedgerError } from '../../../src/core/errors.ts'
import { connectPostgres } from '../../../src/store/postgres/connection.ts'

const message = (type: string, body: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + Buffer.byteLength(body, 'latin1'))
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')])
}
const READY = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')])
const PARTS = Object.entries({ 1: '', 2: '', n: '', C: 'SELECT 0\0', Z: 'I' }).map((part) => message(...part))
const DONE = Buffer.concat(PARTS)
const DOWN = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')

function serve(socket: Socket, onStatement: (answer: () => void) => void): void {
  socket.once('data', () => {
    socket.write(READY)
    socket.on('data', () => onStatement(() => socket.write(DONE)))
  })
}

async function connectTo(onConnection: (socket: Socket, number: number) => void) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    onConnection(socket, sockets.push(socket) - 1)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const postgres = connectPostgres(`postgres://ada@127.0.0.1:${(server.address() as AddressInfo).port}/x`, {})
  onTestFinished(() => {
    postgres.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (ms = 60_000) => postgres.ask('a read', 'SELECT 1', [], { signal: AbortSignal.timeout(ms) })
}

function stopTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

// promise: postgres-interrupted
test('a server that shuts down in the moment of the connection is an error of the request, and no crash', async () => {
  const ask = await connectTo((socket) => socket.once('data', () => socket.write(Buffer.concat([READY, DOWN]))))
  await expect(ask()).rejects.toMatchObject({ kind: 'unreachable' })
})

// promise: postgres-interrupted
test.each([
  ['that asks for Kerberos', message('R', '\0\0\0\x07')],
  ['whose length is damaged', Buffer.from('R\0\0\0\0')],
  ['of another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
])('an answer %s is an error of the request, and no crash', async (_, answer) => {
  const ask = await connectTo((socket) => socket.once('data', () => socket.end(answer)))
  await expect(ask()).rejects.toMatchObject({ kind: 'unreachable', changedNothing: true })
})

test.each(['1', '2', 'n', 'C', 'Z'])(
  'an answer with the message %s twice is whole, or an error of the request',
  async (type) => {
    const answer = PARTS.flatMap((part) => (part.toString('latin1', 0, 1) === type ? [part, part] : [part]))
    const ask = await connectTo((socket) => serve(socket, () => socket.write(Buffer.concat(answer))))
    for (let time = 1; time <= 2; time += 1) {
      const reply = await ask().catch((error: LedgerError) => error.kind)
      expect([[], 'unreachable']).toContainEqual(reply)
    }
  },
)

test.each(['40001', '40P01'])(
  'a statement that the server ends with %s is sent again, four times at most',
  async (code) => {
    const lost = Buffer.concat([message('E', `SERROR\0C${code}\0Mended for another one\0\0`), message('Z', 'I')])
    let sent = 0
    let failures = 1
    const ask = await connectTo((socket) =>
      serve(socket, (answer) => (++sent > failures ? answer() : socket.write(lost))),
    )
    expect([await ask(), sent]).toEqual([[], 2])
    sent = 0
    failures = Number.POSITIVE_INFINITY
    await expect(ask()).rejects.toMatchObject({ kind: 'unreachable', changedNothing: true })
    expect(sent).toBe(5)
  },
)

test('a connection that is not accepted in the time of its request does not hold up the next request', async () => {
  const ask = await connectTo((socket, number) => {
    if (number > 0) serve(socket, (answer) => answer())
  })
  // Only the time of the request may end it, not that of a connection.
  stopTimers()
  await expect(ask(50)).rejects.toMatchObject({ kind: 'unreachable', changedNothing: true })
  expect(await ask()).toEqual([])
})

const statements = new EventEmitter()
const connect = () => {
  stopTimers()
  return connectTo((socket) => serve(socket, (answer) => statements.emit('sent', answer)))
}

test('a request waits for others as long as it may, also longer than for a connection', async () => {
  const ask = await connect()
  const replies = Promise.all([ask(), ask(), ask(), ask()])
  for (let left = 4; left > 0; left -= 1) {
    const [answer] = await once(statements, 'sent')
    vi.advanceTimersByTime(4_900)
    answer()
  }
  expect(await replies).toEqual([[], [], [], []])
})

test('a statement without an answer is given up after 5 s of the clock, whatever is collected as garbage', async () => {
  const ask = await connect()
  const reply = ask()
  await once(statements, 'sent')
  const startMs = performance.now()
  vi.advanceTimersByTime(5_000)
  await expect(reply).rejects.toMatchObject({ kind: 'unreachable', changedNothing: false })
  // Without the timer, the call would end it after 60 s.
  expect(performance.now() - startMs).toBeLessThan(30_000)
})
