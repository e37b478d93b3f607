// Keeps V8's compiled form of the program in dist/cli, for the Node that runs this file, as app-VERSION-….cache. It has the
// code that a run needs, because one runs here first and prints to the output of this process.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { installStops } from '../dist/process/signals.js'

const CLI = new URL('../dist/cli/', import.meta.url)
const MAIN = new URL('main.js', CLI)
const SLOT = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo', '--event-time', '2026-11-24T18:00:00Z']
const RUN = ['run', '--store', 'dynamodb:cronledger', '--task', 'nightly', ...SLOT, '--', 'true']

// A run needs a server. This one accepts every request.
const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.env = {
  PATH: process.env.PATH,
  AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${server.address().port}`,
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
}
const source = readFileSync(new URL('app.js', CLI))
const script = new Script(source.toString('latin1'), { filename: 'app.js' })
const module = { exports: {} }
script.runInThisContext()(module.exports, createRequire(MAIN), module, MAIN.href)
const code = await module.exports.main(RUN, process.env, installStops())
if (code !== 0) throw new Error(`cronledger ${RUN.join(' ')} exited with ${code}`)
const data = script.createCachedData()
// src/cli/load.ts checks this sum of the text and the compiled form.
const sum = crc32(data, crc32(source)).toString(16).padStart(8, '0')
const name = `app-${process.version}-${process.platform}-${process.arch}.cache`
writeFileSync(new URL(name, CLI), Buffer.concat([Buffer.from(sum), data]))
process.exit()
