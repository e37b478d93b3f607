import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { firstLine, usageError } from '../../core/errors.ts'

/** How long a client may take to send a request. A request is one line and some headers, so a browser is faster. */
const REQUEST_MS = 10_000
/** A client that reads nothing for this long has gone away. A page of two megabytes must not stay in memory for it. */
const STALLED_MS = 30_000
/** Enough for about twenty browsers, because a browser opens up to six connections to a server. */
const MAX_CONNECTIONS = 128

/**
 * How often Node looks for requests that take too long. With its default of 30 s, a limit of 10 s could become 40 s.
 */
const LOOK_MS = 1_000

/** Serves `app` over HTTP and returns its address. Throws a usage error when it cannot listen on `host` and `port`. */
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
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : port
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
