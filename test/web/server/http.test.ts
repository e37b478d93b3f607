import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cronledger, scratch } from '../../support/cli.ts'
import { parseOpenMetrics } from '../../support/metrics/openmetrics.ts'
import { companyTasks, fillFile, type PlannedTask } from '../../support/pages/ledger.ts'
import { type Served, serve, untilChecked } from '../../support/pages/serve.ts'
import { awsEnv, startAnswering } from '../../support/servers.ts'

const folder = scratch()
const NOW = Date.now()
const path = join(folder, 'ledger.db')
const store = `file:${path}`
let served: Served

beforeAll(async () => {
  await fillFile(path, companyTasks(NOW), NOW)
  served = await serve(store)
})
afterAll(() => served.stop())

interface Reply {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** By `node:http`, since `fetch` does not allow a Host header. */
function ask(address: string, { method = 'GET', headers = {}, base = served.url } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(address, base), { method, headers, agent: false }, async (answer) => {
      resolve({ status: answer.statusCode, headers: answer.headers, body: await text(answer) })
    })
    sent.on('error', reject).end()
  })
}

const VIEWS = [
  '/',
  '/needs',
  '/task?task=heartbeat',
  '/healthz',
  '/metrics',
  '/page.js',
  '/page.css',
  '/nothing',
  '/task?task=nobody',
  '/slot',
]

test.each(VIEWS)('%s lets no other site in, and nothing of another site', async (address) => {
  const { headers } = await ask(address)
  const policy = Object.fromEntries(
    String(headers['content-security-policy'])
      .split('; ')
      .map((part) => part.split(/ (.*)/s).slice(0, 2) as [string, string]),
  )
  expect(policy).toEqual({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': "'self'",
    'img-src': "'self' data:",
    'form-action': "'self'",
    'base-uri': "'none'",
    'frame-ancestors': "'none'",
  })
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  })
  expect(headers).not.toHaveProperty('access-control-allow-origin')
})

test('a page has no inline script or style', async () => {
  for (const address of VIEWS.slice(0, 3)) {
    const { body } = await ask(address)
    expect(body).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i)
    expect(body.match(/<script[^>]*>/g)).toEqual(['<script src="/page.js" defer="" blocking="render">'])
  }
})

test('only its own host is answered', async () => {
  const body = expect.not.stringContaining('heartbeat')
  expect(await ask('/', { headers: { host: 'evil.example:1' } })).toMatchObject({ status: 403, body })
  expect((await ask('/', { headers: { host: 'localhost' } })).status).toBe(200)
})

test('/healthz says to a probe with any Host that the process serves, and nothing else', async () => {
  expect(await ask('/healthz', { headers: { host: 'evil.example:1' } })).toMatchObject({
    status: 200,
    body: 'serving\n',
  })
  expect((await ask('/healthz', { method: 'POST' })).status).toBe(405)
})

test('/metrics has the findings of the pages and their age, and follows the rule about the Host', async () => {
  await untilChecked(served)
  const { status, body } = await ask('/metrics')
  const samples = parseOpenMetrics(body)
  const sumOf = (wanted: string) => samples.reduce((sum, { name, value }) => (name === wanted ? sum + value : sum), 0)
  expect(status).toBe(200)
  const [, shown] = /([\d,]+) slots need attention/.exec((await ask('/needs')).body) ?? []
  expect(sumOf('cronledger_findings')).toBe(Number(shown))
  expect(samples).toContainEqual({ name: 'cronledger_tasks', labels: {}, value: companyTasks(NOW).length })
  expect(samples).toContainEqual({ name: 'cronledger_tasks_unreadable', labels: {}, value: 0 })
  expect(sumOf('cronledger_findings_age_seconds')).toBeGreaterThan(0)
  expect((await ask('/metrics', { headers: { host: 'evil.example:1' } })).status).toBe(403)
})

test('another site may lead here, and fetch nothing', async () => {
  const from = (mode: string) => ask('/', { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode } })
  expect((await from('navigate')).status).toBe(200)
  for (const mode of ['no-cors', 'cors', 'websocket']) expect((await from(mode)).status).toBe(403)
})

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused', async (method) => {
  expect(await ask('/', { method })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
})

test('an answer is compressed for a client that accepts it', async () => {
  const answer = await fetch(new URL('/', served.url), { headers: { 'accept-encoding': 'gzip' } })
  expect(answer.headers.get('content-encoding')).toBe('gzip')
  expect(await answer.text()).toContain('</html>')
  expect((await ask('/')).headers).not.toHaveProperty('content-encoding')
})

test('HEAD has the headers of GET', async () => {
  expect(await ask('/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
})

test.each([
  ['/?span=2d', 400, 'Use one of 24h, 7d, 30d.'],
  ['/?status=bad', 400, 'Use one of failed, stale'],
  ['/task', 400, 'the address has no task'],
  ['/task?task=<b>', 400, 'is not a valid name'],
  ['/task?task=heartbeat&status=late', 400, 'Use one of running, waiting, stale, completed, failed'],
  ['/task?task=heartbeat&since=monday', 400, 'is not a valid time'],
  ['/task?task=heartbeat&before=monday', 400, 'is not a valid instant'],
  ['/slot?task=heartbeat&slot=2026', 400, 'or latest.'],
  ['/slot?task=heartbeat&slot=2026-01-01T00:00:00.5Z', 400, 'Slots are whole seconds'],
  ['/slot?task=heartbeat&slot=2001-01-01T00:07:00Z', 404, 'heartbeat has no slot at 2001-01-01 00:07 UTC'],
  ['/slot?task=nobody&slot=2001-01-01T00:07:00Z', 404, 'No task is named &quot;nobody&quot;.'],
  ['/task?task=nobody', 404, 'No task is named &quot;nobody&quot;.'],
  ['/%', 404, 'This address does not exist.'],
])('%s: %i', async (address, status, message) => {
  expect(await ask(address)).toMatchObject({ status, body: expect.stringContaining(message) })
})

test('a task with thousands of missed slots hides no other', async () => {
  const dead = join(folder, 'dead.db')
  const plans: PlannedTask[] = [
    {
      task: 'a',
      spec: { expression: '* * * * *', zone: 'UTC' },
      count: 12_000,
      fateOf: (ago) => (ago < 11_000 ? 'missed' : 'succeeded'),
    },
    {
      task: 'b',
      spec: { expression: '0 * * * *', zone: 'UTC' },
      count: 50,
      fateOf: (ago) => (ago === 30 ? 'failed' : 'succeeded'),
    },
  ]
  await fillFile(dead, plans, Date.now())
  const own = await serve(`file:${dead}`)
  await untilChecked(own)
  const top = /<section id="needs-line".*?<\/section>/s.exec((await ask('/', { base: own.url })).body)?.[0] ?? ''
  expect(top).toMatch(/[\d,]+ slots need attention<\/h1><p class="quiet">\d+ missed, 1 failed /)
  expect(top.match(/href="[^"]*"/g)).toEqual(['href="/needs"', 'href="/task?task=a"', 'href="/task?task=b"'])
  const list = (await ask('/needs', { base: own.url })).body
  expect(list.match(/<section class="case"/g)).toHaveLength(2)
  const filtered = (await ask('/task?task=a&status=failed', { base: own.url })).body
  expect(filtered).toMatch(/Search the slots before .*0 of the 10000 slots that were searched match\./s)
  await own.stop()
})

test('a port that is in use: one line', async () => {
  const { port } = new URL(served.url)
  const ended = await cronledger(['serve', '--store', store, '--port', port])
  expect(ended).toMatchObject({ code: 64, stdout: '' })
  expect(ended.stderr).toBe(
    `cronledger: port ${port} is already in use on 127.0.0.1. Use another --port, or 0 for any free port.\n`,
  )
})

test.each([
  [['--host', '203.0.113.7'], 64, /^cronledger: --host "203\.0\.113\.7" is not an address of this machine/],
  [['--port', '70000'], 64, /^cronledger: --port 70000 is not allowed. Use 0 to 65535/],
])('serve with %j is a usage error', async (args, code, message) => {
  const ended = await cronledger(['serve', '--store', store, ...args])
  expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
  expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1)
})

test('a file that is not a ledger is reported immediately', async () => {
  expect(await cronledger(['serve', '--store', `file:${join(folder, 'none.db')}`])).toMatchObject({
    code: 78,
    stdout: '',
  })
})

test('beyond loopback it warns that it has no login, and accepts its own address', async () => {
  const wide = await serve(store, { args: ['--host', '0.0.0.0'] })
  const { port } = new URL(wide.url)
  const base = `http://127.0.0.1:${port}/`
  expect((await ask('/', { base, headers: { host: `192.0.2.1:${port}` } })).status).toBe(200)
  expect((await ask('/', { base, headers: { host: 'evil.example' } })).status).toBe(403)
  await wide.stop()
  expect((await wide.running.ended).stderr).toMatch(
    /^cronledger: warning: the pages have no login, and 0\.0\.0\.0 can be reached from other machines/,
  )
})

test('Ctrl-C ends it at once, with connections that stay open', async () => {
  const own = await serve(store)
  const { port } = new URL(own.url)
  const socket = connect(Number(port), '127.0.0.1')
  // Kept alive after its answer, and one that never says what it wants.
  socket.write('GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const idle = connect(Number(port), '127.0.0.1')
  await new Promise((resolve) => socket.once('data', resolve))
  for (const one of [socket, idle]) one.on('error', () => {}).resume()
  expect(await own.stop()).toBe(130)
  socket.destroy()
  idle.destroy()
})

test('a ledger that does not answer does not make a viewer wait longer than --ledger-timeout', async () => {
  const server = await startAnswering(null)
  const own = await serve('dynamodb:ledger', { env: awsEnv(server), args: ['--ledger-timeout', '1s'] })
  for (const address of ['/', '/needs', '/task?task=a', '/slot?task=a&slot=2026-01-01T00:00:00Z']) {
    const { status, body } = await ask(address, { base: own.url })
    expect(status).toBe(503)
    expect(body).toContain('The ledger did not answer')
  }
  // Four are read at a time and 32 wait: the others are not kept. Four more find a place in each second that the requests
  // take to arrive: also on a busy machine, not all of so many.
  const many = Array.from({ length: 120 }, (_, index) => ask(`/task?task=t${index}`, { base: own.url }))
  const bodies = (await Promise.all(many)).map(({ status, body }) => `${status} ${/<h1[^>]*>(.*?)</.exec(body)?.[1]}`)
  const refused = bodies.filter((text) => text === '503 Too many requests').length
  expect(refused).toBeGreaterThan(0)
  expect(refused).toBeLessThanOrEqual(120 - 36)
  expect(bodies.filter((text) => text === '503 The ledger did not answer')).toHaveLength(120 - refused)
  await own.stop()
  await server.stop()
})
