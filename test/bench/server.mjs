// A DynamoDB server in a process of its own, behind doors that count what passes: one on loopback, one that is 5 ms away,
// and one with TLS, which needs the `openssl` program. moto gets its requests one by one, since it checks a condition and writes the item in two steps, with threads
// in between, which DynamoDB never does. Started by `startServer` of lab.mjs; ends when its parent lets go of it.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, request as httpRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { createServer as createTlsServer } from 'node:tls'
import dynalite from 'dynalite'

const FAR_MS = 5
const MOTO = '/usr/bin/moto_server'
const OPENSSL = '/usr/bin/openssl'

const kind = process.argv[2]
const port = kind === 'moto' ? await oneByOne(await startMoto()) : await startDynalite()
let counts = zero()
const near = await openDoor(0)
const far = await openDoor(FAR_MS)
process.on('message', () => {
  process.send(counts)
  counts = zero()
})
process.on('disconnect', () => process.exit())
const secure = existsSync(OPENSSL) ? await openTlsDoor(near) : null
process.send({ direct: url(port), near: url(near), far: url(far), ...secure })

function zero() {
  return { connections: 0, requests: 0, actions: {} }
}

function url(port) {
  return `http://127.0.0.1:${port}`
}

async function startDynalite() {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

async function startMoto() {
  const child = spawn(MOTO, ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  process.on('exit', () => child.kill('SIGKILL'))
  for await (const line of createInterface(child.stderr)) {
    const port = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    child.stderr.resume()
    return Number(port)
  }
  throw new Error('moto_server ended before it listened')
}

async function oneByOne(port) {
  let last = Promise.resolve()
  const queue = createHttpServer(async (request, response) => {
    const body = await buffer(request)
    last = last.then(async () => {
      const passed = httpRequest({ port, method: request.method, path: request.url, headers: request.headers })
      passed.end(body)
      const [answer] = await once(passed, 'response')
      const text = await buffer(answer)
      response.writeHead(answer.statusCode, answer.headers).end(text)
    })
  })
  queue.listen(0, '127.0.0.1')
  await once(queue, 'listening')
  return queue.address().port
}

async function openDoor(delayMs) {
  const door = createServer((client) => {
    counts.connections += 1
    const server = connect(port, '127.0.0.1')
    client.setNoDelay()
    server.setNoDelay()
    carry(client, server, delayMs, (chunk) => {
      for (const [, action] of chunk.toString('latin1').matchAll(/x-amz-target: *\w+\.(\w+)/gi)) {
        counts.requests += 1
        counts.actions[action] = (counts.actions[action] ?? 0) + 1
      }
    })
    carry(server, client, delayMs, () => undefined)
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  return door.address().port
}

/** Opens a door that takes TLS off. `ca` is the file of its certificate, which a client must trust. */
async function openTlsDoor(port) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  const [key, ca] = [join(folder, 'key.pem'), join(folder, 'ca.pem')]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync(OPENSSL, ['req', '-x509', ...curve, '-days', '1', ...name, '-keyout', key, '-out', ca], {
    stdio: 'ignore',
  })
  const door = createTlsServer({ key: readFileSync(key), cert: readFileSync(ca) }, (client) => {
    const server = connect(port, '127.0.0.1')
    carry(client, server, 0, () => undefined)
    carry(server, client, 0, () => undefined)
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  return { https: `https://127.0.0.1:${door.address().port}`, ca }
}

function carry(from, to, delayMs, look) {
  const later = delayMs === 0 ? (job) => job() : (job) => setTimeout(job, delayMs)
  from.on('data', (chunk) => {
    look(chunk)
    later(() => to.write(chunk))
  })
  from.on('close', () => later(() => to.destroy()))
  from.on('error', () => undefined)
}
