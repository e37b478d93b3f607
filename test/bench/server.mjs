// A DynamoDB server (dynalite) in a process of its own, behind two doors, one with TLS, that are 5 ms away and count what passes.
// Started by `startServer` of lab.mjs. It ends when its parent disconnects.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer as createPlainServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import dynalite from 'dynalite'

const AWAY_MS = 5

const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const direct = await portOf(dynalite({ createTableMs: 0, deleteTableMs: 0 }))
let counts = { connections: 0, requests: 0 }
process.on('disconnect', () => process.exit())
process.on('message', () => {
  process.send(counts)
  counts = { connections: 0, requests: 0 }
})
const { key, cert, ca } = makeCertificate()
process.send({
  direct: `http://127.0.0.1:${direct}`,
  http: `http://127.0.0.1:${await portOf(createPlainServer(enter))}`,
  https: `https://127.0.0.1:${await portOf(createServer({ key, cert }, enter))}`,
  ca,
})

async function portOf(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

function makeCertificate() {
  const [key, ca] = [join(folder, 'key.pem'), join(folder, 'ca.pem')]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...curve, '-days', '1', ...name, '-keyout', key, '-out', ca], {
    stdio: 'ignore',
  })
  return { key: readFileSync(key), cert: readFileSync(ca), ca }
}

function enter(client) {
  counts.connections += 1
  const server = connect(direct, '127.0.0.1').setNoDelay()
  client.setNoDelay()
  client.on('data', (chunk) => {
    counts.requests += chunk.toString('latin1').match(/x-amz-target: /gi)?.length ?? 0
  })
  carry(client, server)
  carry(server, client)
}

function carry(from, to) {
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), AWAY_MS))
  from.on('close', () => setTimeout(() => to.destroy(), AWAY_MS))
  from.on('error', () => undefined)
}
