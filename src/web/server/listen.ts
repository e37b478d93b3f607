import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { firstLine, usageError } from '../../core/errors.ts'

/** A request is a line and some headers: whoever takes longer to send them is no browser. */
const REQUEST_MS = 10_000
/** A reader that takes nothing for so long has gone away; a page of two megabytes must not stay in memory for it. */
const STALLED_MS = 30_000
/** A browser opens six for each of its windows. */
const MAX_CONNECTIONS = 128

/** How often Node looks for requests that took longer: by itself every 30 s, which would make forty of ten. */
const LOOK_MS = 1_000

/** Serves `app` over HTTP, and gives its address. Throws a usage error where that cannot be had. */
export async function listen(app: Hono, host: string, port: number): Promise<string> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: LOOK_MS },
  }) as Server
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(STALLED_MS, (socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(usageError(whyNot(error, host, port))))
    server.listen(port, host, resolve)
  })
  const { port: own } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${own}/`
}

function whyNot(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use; give another one (--port), or 0 for one that is free`
    case 'EACCES':
      return `port ${port} may not be used by this user; allowed are 1024 and more, or 0 for one that is free`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `host is ${JSON.stringify(host)}; allowed is an address or a name of this machine, such as 127.0.0.1`
    default:
      return `cannot listen on ${host}, port ${port}: ${firstLine(error)}`
  }
}
