import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { firstLine, usageError } from '../../core/errors.ts'

/** How long a client may take to send a request. A request is one line and some headers, so a browser is faster. */
const REQUEST_MS = 10_000
/** A client that reads nothing for this long has gone away. A page of two megabytes must not stay in memory for it. */
const STALLED_MS = 30_000
/** Enough for about twenty browsers, because a browser opens up to six connections to a server. */
const MAX_CONNECTIONS = 128

/** With Node's default of 30 s, a limit of 10 s could become 40 s. */
const LOOK_MS = 1_000

/** A client that reads nothing for `stalledMs` is disconnected. Throws a usage error when it cannot listen. */
export async function listen(app: Hono, host: string, port: number, stalledMs = STALLED_MS): Promise<string> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: LOOK_MS },
  }) as Server
  server.maxConnections = MAX_CONNECTIONS
  const answers = new WeakMap<Socket, ServerResponse>()
  server.on('request', ({ socket }, response) => answers.set(socket, response))
  server.setTimeout(stalledMs, (socket) => {
    // The connection is also silent while the server prepares an answer. We must keep it open for that time, otherwise
    // the client would get no answer. The first bytes of the answer start the time again.
    if (answers.get(socket)?.headersSent !== false) socket.destroy()
  })
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
      return `port ${port} is already in use on ${host}. Use another --port, or 0 for any free port.`
    case 'EACCES':
      return `this user is not allowed to use port ${port}. Use a --port of 1024 or higher, or 0 for any free port.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `--host ${JSON.stringify(host)} is not an address of this machine. Use one of its addresses or names, for example 127.0.0.1.`
    default:
      return `cannot listen on port ${port} of ${host}: ${firstLine(error)}`
  }
}
