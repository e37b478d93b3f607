import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connectPostgres } from '../../../src/store/postgres/connection.ts'

const message = (type: string, body: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + Buffer.byteLength(body, 'latin1'))
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')])
}
const READY = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')])
const DOWN = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')

/** Starts a server that gets each connection with its number, from 0 on. Returns a ledger on it. */
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
  return (ms: number) => postgres.ask('a read', 'SELECT 1', [], { signal: AbortSignal.timeout(ms) })
}

test('a server that shuts down in the moment of the connection is an error of the request, and no crash', async () => {
  const ask = await connectTo((socket) => socket.once('data', () => socket.write(Buffer.concat([READY, DOWN]))))
  await expect(ask(60_000)).rejects.toMatchObject({ kind: 'unreachable' })
})
