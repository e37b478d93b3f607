import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { PostgresServer } from './postgres.ts'

export type StatementFault =
  | 'pass'
  /** The connection is cut before the server sees the statement. */
  | 'cutRequest'
  /** The server runs the statement. The connection is cut instead of an answer. */
  | 'cutAnswer'
  /** The statement is never passed on and never answered. */
  | 'stall'
  /** The server runs the statement, which is never answered. */
  | 'stallAnswer'

export interface PostgresProxy {
  readonly port: number
  readonly connections: () => number
  treat(decide: (statement: string) => StatementFault): void
  /** Cuts all connections, and leads new ones to another server, as an address does after a failover. */
  leadTo(server: PostgresServer): void
  close(): void
}

/** Faults the statements that a test chooses. */
export async function startPostgresProxy(server: PostgresServer): Promise<PostgresProxy> {
  let decide: (statement: string) => StatementFault = () => 'pass'
  let { folder } = server
  let connections = 0
  const open = new Set<Socket>()
  const cutAll = () => {
    for (const socket of open) socket.destroy()
  }
  const listener = createServer((client) => {
    connections += 1
    const upstream = connect(`${folder}/.s.PGSQL.5432`)
    let fault: StatementFault = 'pass'
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', cut).on('close', () => open.delete(socket))
    }
    client.on('data', (bytes: Buffer) => {
      const statement = bytes.toString('latin1')
      if (fault === 'pass' && /SELECT|INSERT|UPDATE/.test(statement)) fault = decide(statement)
      if (fault === 'cutRequest') cut()
      else if (fault !== 'stall') upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (fault === 'cutAnswer') cut()
      else if (fault === 'pass') client.write(bytes)
    })
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    connections: () => connections,
    treat(next) {
      decide = next
    },
    leadTo(next) {
      folder = next.folder
      cutAll()
    },
    close() {
      listener.close()
      cutAll()
    },
  }
}
