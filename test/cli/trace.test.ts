import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { openSpanSender } from '../../src/process/otlp.ts'
import { cronledger, type Loose, NIGHTLY, newStore, scratch } from '../support/cli.ts'

// The trace of OpenTelemetry that a run is a part of, and the spans of its attempts.

const folder = scratch()
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const IN_TRACE = { TRACEPARENT: `00-${TRACE}-${PARENT}-01`, TRACESTATE: 'vendor=1' }
const SLOT = '2026-11-23T03:00:00Z'
const SAY = 'echo "$TRACEPARENT $TRACESTATE"'

async function run(env: Readonly<Record<string, string>>, script = SAY, ...options: readonly string[]) {
  const store = newStore(folder)
  const ask = (...args: readonly string[]) => cronledger([...args, '--store', store])
  const args = ['run', '--store', store, ...NIGHTLY, '--event-time', SLOT, '--log', 'json', ...options]
  const ended = await cronledger([...args, '--', 'sh', '-c', script], { env })
  const lines: Loose[] = ended.stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const show = ['show', 'nightly', '--slot', SLOT]
  const row = JSON.parse((await ask(...show, '--json')).stdout)
  const warnings = lines.flatMap(({ event, message }) => (event === 'warning' ? [message] : []))
  return { ...ended, lines, warnings, attempts: row.attempts as Loose[], shown: () => ask(...show, '--ids') }
}

/** A collector that answers with this status, or never. */
async function collector(status: number | null = 200, more: OutgoingHttpHeaders = {}) {
  const received: { url: string; headers: IncomingHttpHeaders; body: Loose }[] = []
  const server = createServer(async (incoming, outgoing) => {
    const { url = '', headers } = incoming
    received.push({ url, headers, body: JSON.parse(await text(incoming)) })
    if (status !== null) outgoing.writeHead(status, more).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { received, env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } }
}

const spansIn = ({ body }: { body: Loose }) => body['resourceSpans'][0].scopeSpans[0].spans
const values = (attributes: readonly Loose[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))

test('a run in no trace keeps nothing of one, and the batch gets none', async () => {
  const { stdout, attempts } = await run({})
  expect(stdout).toBe(' \n')
  expect(Object.keys(attempts[0] ?? {})).toEqual(expect.not.arrayContaining(['traceId', 'spanId']))
})

test('a run in a trace gives the batch a span of its own in it, which the row, show and the log have', async () => {
  const { stdout, attempts, lines, shown } = await run(IN_TRACE)
  const [{ traceId, spanId } = {}] = attempts
  expect([traceId, stdout]).toEqual([TRACE, `00-${TRACE}-${spanId}-01 vendor=1\n`])
  expect(spanId).not.toBe(PARENT)
  expect(lines.find(({ event }) => event === 'claimed')).toMatchObject({ traceId: TRACE })
  expect((await shown()).stdout).toContain(`, trace ${TRACE}, `)
})

test('a disabled SDK: the batch gets what the run got', async () => {
  const { stdout, attempts } = await run({ ...IN_TRACE, OTEL_SDK_DISABLED: 'true' })
  expect([stdout, attempts[0]?.['traceId']]).toEqual([`${IN_TRACE.TRACEPARENT} vendor=1\n`, undefined])
})

test('a collector gets one span for each attempt, in the trace of the caller', async () => {
  const { received, env } = await collector()
  const { code, warnings, attempts } = await run(
    {
      ...env,
      ...IN_TRACE,
      OTEL_SERVICE_NAME: 'billing',
      OTEL_RESOURCE_ATTRIBUTES: 'team=pay%20in,service.name=x',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-tenant=1',
    },
    'exit $((2 - CRONLEDGER_RUN_ATTEMPT))',
    '--max-attempts',
    '2',
    '--retry-delay',
    '0ms',
  )
  expect([code, warnings]).toEqual([0, []])
  expect(received.map(({ url, headers }) => [url, headers.authorization, headers['x-tenant']])).toEqual([
    ...Array(2).fill(['/v1/traces', 'Bearer abc', '1']),
  ])
  const [resource] = received[0]?.body['resourceSpans'] ?? []
  expect(values(resource.resource.attributes)).toEqual({ 'service.name': 'billing', team: 'pay in' })
  const spans = received
    .flatMap(spansIn)
    .sort((one, other) => (one.startTimeUnixNano < other.startTimeUnixNano ? -1 : 1))
  expect(spans).toMatchObject([
    { traceId: TRACE, parentSpanId: PARENT, spanId: attempts[0]?.['spanId'], name: 'nightly', status: { code: 2 } },
    { traceId: TRACE, parentSpanId: PARENT, spanId: attempts[1]?.['spanId'], status: { code: 1 } },
  ])
  expect(values(spans[0].attributes)).toMatchObject({
    'cronledger.task': 'nightly',
    'cronledger.slot': SLOT,
    'cronledger.attempt': 1,
    'cronledger.outcome': 'failed',
    'process.exit.code': 1,
  })
  const started = Date.parse(attempts[0]?.['startedAt'])
  expect(spans[0].startTimeUnixNano).toBe(`${started}000000`)
  expect(Number(spans[0].endTimeUnixNano.slice(0, -6))).toBeGreaterThanOrEqual(started)
})

test('without a trace of the caller, a new one begins, and a caller that does not sample gets no span', async () => {
  const { received, env } = await collector()
  const { attempts, stdout } = await run({ ...env, TRACEPARENT: 'no', TRACESTATE: 'vendor=1' })
  const [span] = received.flatMap(spansIn)
  expect(span).toMatchObject({ traceId: attempts[0]?.['traceId'], spanId: attempts[0]?.['spanId'] })
  expect(span).not.toHaveProperty('parentSpanId')
  expect(stdout).toBe(`00-${span.traceId}-${span.spanId}-01 \n`)
  await run({ ...env, TRACEPARENT: `00-${TRACE}-${PARENT}-00` })
  expect(received).toHaveLength(1)
})

// promise: otel-collector-down
test('a collector that refuses, is not there, or never answers is one warning, and does not change the exit code', async () => {
  const refusing = await collector(503)
  const silent = await collector(null)
  const cases = [
    [refusing.env, /^1 of 1 spans were not sent: http:\S+ answered 503$/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:2' }, /^1 of 1 spans were not sent: .*ECONNREFUSED/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'no url' }, /^1 of 1 spans were not sent: .* not a valid address/],
    [silent.env, /^1 of 1 spans were not sent: .*: no answer in time$/],
  ] as const
  await Promise.all(
    cases.map(async ([env, message]) => {
      const { code, warnings } = await run(env, 'exit 3')
      expect([code, warnings]).toEqual([3, [expect.stringMatching(message)]])
    }),
  )
})

test('a collector gets the user and the password of its address as a header, and a redirect is not followed', async () => {
  const other = await collector()
  const { received, env } = await collector(307, { location: other.env.OTEL_EXPORTER_OTLP_ENDPOINT })
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT
  const OTEL_EXPORTER_OTLP_ENDPOINT = endpoint.replace('//', '//ada%40x:s3%3Acret@')
  const { warnings } = await run({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'api-key=t0ken' })
  expect(warnings).toEqual([`1 of 1 spans were not sent: ${endpoint} answered 307`])
  const authorization = `Basic ${Buffer.from('ada@x:s3:cret').toString('base64')}`
  expect(received).toMatchObject([{ url: '/v1/traces', headers: { authorization, 'api-key': 't0ken' } }])
  expect(other.received).toEqual([])
})

test.each([
  'http://ada:s3cret@127.0.0.1:2',
  'http://s3cret@127.0.0.1:2',
  'http://127.0.0.1:2/s3cret',
  'http://127.0.0.1:2/?api_key=s3cret',
  'http://127.0.0.1:2/#s3cret',
  'http://ada:s3/cret@127.0.0.1:2',
  'http://ada:2/s3cret@127.0.0.1:2',
  'http://ada:2?s3cret@127.0.0.1:2',
  'http://ada:2#s3cret@127.0.0.1:2',
  'http://ada:2\\s3cret@127.0.0.1:2',
  'http://ada:s3 cret@127.0.0.1:2',
  'http://ada:s3%cret@127.0.0.1:2',
  'http://ada:s3%0Acret@127.0.0.1:2',
  'http://ada:s3cret@',
  'http://ada:s3cret@:2',
  'http://:s3cret@127.0.0.1:2',
  'http://ada:s3cret@127.0.0.1:1e9',
  'http:ada:s3cret@127.0.0.1:2',
  'ada:s3cret@127.0.0.1:2',
  's3cret',
  's3cret://127.0.0.1:2',
  'https:///ada:s3cret@127.0.0.1:2',
  'grpc://ada:s3cret@127.0.0.1:2',
  'data:s3cret',
  'file:///s3cret',
])('a collector at %s gets nothing, and no part of a secret is in the warning', async (address) => {
  for (const name of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
    const warning = await warningOf({ [name]: address })
    expect(warning).toMatch(/^1 of 1 spans were not sent: /)
    expect(warning).not.toMatch(/s3|cret|ada/)
  }
})

test.each(['key=s3cret%0A', 'key=s3cret%00', 's3cret%3A', 's3 cret=1', 'key=s3cret\u3042', 's3cret\u3042=1'])(
  'a collector with the header %j: no part of a secret is in the warning',
  async (OTEL_EXPORTER_OTLP_HEADERS) => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:2'
    expect(await warningOf({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS })).not.toMatch(/s3|cret/)
  },
)

async function warningOf(env: Readonly<Record<string, string>>): Promise<string | null | undefined> {
  const sender = openSpanSender(env)
  sender?.send('{}')
  return sender?.end(AbortSignal.timeout(60_000))
}
