import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { LedgerError } from '../../../src/core/errors.ts'
import type { DynamoOptions } from '../../../src/store/dynamodb/client.ts'
import { openDynamoStore } from '../../../src/store/dynamodb/dynamodb-store.ts'
import { FAKETIME_LIBRARY, scratch, start } from '../../support/cli.ts'
import {
  awsEnv,
  CREDENTIALS,
  listen,
  REGION,
  type Server,
  startAnswering,
  startDynalite,
} from '../../support/servers.ts'
import { claimOf, rejectionOf } from '../contract.ts'

const row = claimOf('nightly')
const servers: Server[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))
const keep = (server: Server) => {
  servers.push(server)
  return server
}

const openAt = (config: DynamoOptions['config'] & object, env = {}, table = 'ledger') =>
  openDynamoStore({ table, env, config: { region: REGION, credentials: CREDENTIALS, ...config } })

async function failure(
  config: DynamoOptions['config'] & object,
  { signal = AbortSignal.timeout(120_000), env = {}, table = 'ledger' } = {},
) {
  const store = openAt(config, env, table)
  const error = await store.put(row, 'absent', { signal }).catch((thrown: unknown) => thrown)
  store.close()
  if (!(error instanceof LedgerError)) throw new Error(`no LedgerError: ${error}`)
  expect(error.message).not.toContain('\n')
  const { kind, message, changedNothing } = error
  return { kind, message, changedNothing }
}

const answerOf = (status: number, type: string, message: string, more = {}) => ({
  status,
  body: JSON.stringify({ __type: `com.amazon.coral.service#${type}`, message, ...more }),
})
const answering = async (...answer: Parameters<typeof answerOf>) =>
  keep(await startAnswering(answerOf(...answer))).endpoint

// promise: no-connection
it.each([false, true])('DynamoDB does not listen: nothing was sent; the call ends early: %s', async (ends) => {
  const call = new AbortController()
  const watch = (message: unknown) =>
    (message as { socket: Socket }).socket.once('error', () => setImmediate(() => call.abort()))
  if (ends) subscribe('net.client.socket', watch)
  const error = await failure({ endpoint: 'http://127.0.0.1:9' }, { signal: call.signal })
  unsubscribe('net.client.socket', watch)
  const message =
    'cannot connect to DynamoDB (127.0.0.1:9) for dynamodb:PutItem on table "ledger": connect ECONNREFUSED 127.0.0.1:9. Check AWS_REGION and the network.'
  expect(error).toEqual({ kind: 'unreachable', changedNothing: true, message })
  expect(call.signal.aborted).toBe(ends)
})

// promise: no-connection
it('a lost answer, and then nobody listens: the write may have been applied', async () => {
  const server = await startAnswering(() => {
    void server.stop()
    return { status: 500, body: '{}' }
  })
  const message = expect.stringContaining('ECONNREFUSED')
  expect(await failure({ endpoint: server.endpoint })).toMatchObject({ changedNothing: false, message })
})

it('an endpoint without a scheme is a usage error', async () => {
  const { kind, message } = await failure({ endpoint: 'localhost:8000' })
  expect(kind).toBe('usage')
  expect(message).toMatch(/^the endpoint of DynamoDB is not a valid URL\./)
})

// promise: down-before-claim
it.each([
  // One request alone would wait for 5 s, and its message would say so.
  ['300 ms', 300, / in time$/],
  ['all the time', 120_000, /a request has exceeded the configured 5000 ms requestTimeout/],
])('DynamoDB accepts and says nothing, and the call has %s', async (_, ms, message) => {
  const { endpoint } = keep(await startAnswering(null))
  const error = await failure({ endpoint }, { signal: AbortSignal.timeout(ms) })
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringMatching(message) })
})

it('the credentials for DynamoDB never come', async () => {
  const credentials = () => new Promise<never>(() => {})
  // Without the time of the call this would never end.
  const error = await failure({ endpoint: 'http://127.0.0.1:9', credentials }, { signal: AbortSignal.timeout(300) })
  const message = expect.stringMatching(/^no AWS credentials in time for dynamodb:PutItem/)
  expect(error).toMatchObject({ kind: 'unreachable', changedNothing: true, message })
})

it('a DynamoDB that does not answer is unreachable within the time of the call: it throttles', async () => {
  const endpoint = await answering(400, 'ProvisionedThroughputExceededException', 'The level of … was exceeded')
  const message = expect.stringMatching(
    /^DynamoDB in 127\S+ throttled dynamodb:PutItem on table "ledger" \(ProvisionedThroughputExceededException\)\. Start fewer runs/,
  )
  // Each try was answered: nothing was written.
  expect(await failure({ endpoint })).toEqual({ kind: 'unreachable', message, changedNothing: true })
})

it.each([
  ['ProvisionedThroughputExceededException', 'ThrottlingReasons'],
  ['ThrottlingException', 'throttlingReasons'],
])('DynamoDB throttles one key (%s): more capacity is no advice', async (type, member) => {
  const reasons = [{ reason: 'TableWriteKeyRangeThroughputExceeded', resource: 'arn:aws:dynamodb:x' }]
  const endpoint = await answering(400, type, 'Rate exceeded', { [member]: reasons })
  const { message } = await failure({ endpoint })
  expect(message).toContain(`(${type}: TableWriteKeyRangeThroughputExceeded). One key `)
  expect(message).not.toContain('give the table more capacity')
})

it('DynamoDB throttles after a try that failed: the write may have been applied', async () => {
  let asked = 0
  const throttled = () => answerOf(++asked === 1 ? 500 : 400, 'ThrottlingException', 'Rate exceeded')
  const { endpoint } = keep(await startAnswering(throttled))
  expect(await failure({ endpoint })).toMatchObject({ kind: 'unreachable', changedNothing: false })
})

it.each([
  ['fails', answerOf(500, 'InternalServerError', 'The request processing has failed')],
  ['is another server', { status: 200, body: '<html>It works!</html>' }],
])('a DynamoDB that does not answer is unreachable within the time of the call: it %s', async (_, answer) => {
  const { endpoint } = keep(await startAnswering(answer))
  expect(await failure({ endpoint })).toMatchObject({ kind: 'unreachable' })
})

it('DynamoDB denies access: the error names the action and the table', async () => {
  const message =
    'User: arn:aws:sts::1:assumed-role/batch is not authorized to perform: dynamodb:PutItem on resource: x'
  const endpoint = await answering(400, 'AccessDeniedException', message)
  const error = await failure({ endpoint })
  expect(error).toMatchObject({
    kind: 'denied',
    message: expect.stringContaining('dynamodb:PutItem on table "ledger"'),
  })
  expect(error.message).toContain(message)
})

// promise: new-role
it('a new role that is denied for some seconds: the first request is sent again, and later ones are not', async () => {
  let asked = 0
  const denied = answerOf(400, 'AccessDeniedException', 'not authorized')
  const { endpoint } = keep(await startAnswering(() => (++asked === 3 ? { status: 200, body: '{}' } : denied)))
  const store = openAt({ endpoint })
  const call = { signal: AbortSignal.timeout(60_000) }
  expect(await store.put(row, 'absent', call)).toEqual({ kind: 'ok' })
  expect(asked).toBe(3)
  await expect(store.put(row, 'absent', call)).rejects.toMatchObject({ kind: 'denied' })
  expect(asked).toBe(4)
  store.close()
})

it.each(['UnrecognizedClientException', 'AccessDeniedException'])(
  'the new role of a container, for 7 seconds (%s): the first request is sent again',
  async (type) => {
    let asked = 0
    const denied = answerOf(400, type, 'x')
    const { endpoint } = keep(await startAnswering(() => (++asked < 5 ? denied : { status: 200, body: '{}' })))
    const store = openAt({ endpoint }, { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/x' })
    expect(await store.put(row, 'absent', { signal: AbortSignal.timeout(60_000) })).toEqual({ kind: 'ok' })
    store.close()
  },
)

it('a time that AWS does not accept, although the SDK has corrected it: the clock', async () => {
  const message = 'Signature expired: 20261130T091500Z is now earlier than 20261130T093000Z'
  const error = await failure({ endpoint: await answering(400, 'InvalidSignatureException', message) })
  expect(error.message).toMatch(/\(InvalidSignatureException\)\. Check the clock of this host \(NTP\)\.$/)
})

it.skipIf(FAKETIME_LIBRARY === undefined)(
  'a certificate that is only valid at another time than that of this host: the clock',
  async () => {
    const folder = scratch()
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const request = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-days', '2']
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', [...request, ...name, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    const secure = createServer({ key: readFileSync(key), cert: readFileSync(certificate) })
    const { endpoint } = keep(await listen(secure))
    const ask = (FAKETIME: string) => {
      const time = { FAKETIME, FAKETIME_DONT_FAKE_MONOTONIC: '1', LD_PRELOAD: FAKETIME_LIBRARY ?? '' }
      const env = { ...awsEnv({ endpoint: endpoint.replace('http:', 'https:') }), NODE_EXTRA_CA_CERTS: certificate }
      return start(['history', '--store', 'dynamodb:ledger', '--task', 'x'], { env: { ...env, ...time } }).ended
    }
    const says = (what: string) => ({
      code: 75,
      stderr: expect.stringContaining(`: certificate ${what}. Check the clock of this host (NTP).\n`),
    })
    expect(await ask('-30d')).toMatchObject(says('is not yet valid'))
    expect(await ask('+30d')).toMatchObject(says('has expired'))
  },
)

it.each(['UnrecognizedClientException', 'InvalidSignatureException', 'ExpiredTokenException'])(
  '%s: without its message, which may hold secrets',
  async (type) => {
    const endpoint = await answering(400, type, "The Canonical String\nshould have been 'x-amz-security-token:SECRET'")
    const error = await failure({ endpoint })
    expect(error).toMatchObject({ kind: 'denied', message: expect.stringContaining(type) })
    expect(error.message).not.toContain('SECRET')
  },
)

it('another shape of the table is an error of its shape', async () => {
  const endpoint = await answering(400, 'ValidationException', 'The provided key element does not match the schema')
  const message = expect.stringContaining('See what is wrong: cronledger setup --store dynamodb:ledger --check')
  expect(await failure({ endpoint })).toMatchObject({ kind: 'shape', message })
})

it('without a table, the error names it, where it was looked for, and what to run', async () => {
  const { endpoint } = keep(await startDynalite())
  const { kind, message } = await failure({ endpoint }, { table: 'no.such-table' })
  expect(kind).toBe('shape')
  expect(message).toMatch(/^table "no\.such-table" does not exist in 127\.0\.0\.1:\d+\. /)
  expect(message).toContain('create the table: cronledger setup --store dynamodb:no.such-table')
})

describe('from the environment', () => {
  afterEach(() => vi.unstubAllEnvs())
  const folder = scratch()
  const config = join(folder, 'config')
  const session = 'sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = dev\n'
  const start = 'sso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n'
  const failureWith = async (env: Record<string, string>, verb: 'put' | 'note' = 'put') => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    vi.stubEnv('HOME', folder)
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const store = openDynamoStore({ table: 'ledger', env: process.env })
    const call = { signal: AbortSignal.timeout(60_000) }
    const answer = verb === 'put' ? store.put(row, 'absent', call) : store.note(row, rejectionOf('x'), call)
    const error = await answer.then(String, (thrown: LedgerError) => `${thrown.kind}: ${thrown.message}`)
    store.close()
    return error
  }
  beforeAll(() => {
    const role = 'role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = prod\n'
    const profiles = `[default]\n${session}[profile prod]\n${session}[profile role]\n${role}`
    const sso = 'sso_account_id = 123456789012\nsso_role_name = dev\n'
    const others = '[profile console]\nlogin_session = arn:aws:iam::1:user/x\n'
    writeFileSync(config, `${profiles}${others}[profile expired]\n${start}${sso}[sso-session corp]\n${start}`)
    const token = { accessToken: 't', expiresAt: '2026-01-01T00:00:00Z', region: REGION }
    const cache = join(folder, '.aws/sso/cache')
    mkdirSync(cache, { recursive: true })
    const name = createHash('sha1').update('https://corp.awsapps.com/start').digest('hex')
    writeFileSync(join(cache, `${name}.json`), JSON.stringify(token))
  })
  const keys = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'SECRET' }
  const here = { AWS_REGION: REGION }
  const complete = { ...keys, ...here }
  const outside = { ...here, AWS_EC2_METADATA_DISABLED: 'true' }
  const logins = { ...outside, AWS_CONFIG_FILE: config }
  const ENDPOINT = 'AWS_ENDPOINT_URL_DYNAMODB'
  const unused = { AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }
  const noSso = (profile: string) =>
    new RegExp(
      `^denied: no AWS credentials .*\\. The SSO login is missing or has expired: aws sso login --profile ${profile}$`,
    )

  it.each<[string, Record<string, string>, RegExp]>([
    ['no region', keys, /^usage: no AWS region is set\. Set AWS_REGION\.$/],
    ['a wrong region', { ...keys, AWS_REGION: 'eu west 1' }, /^usage: .*"eu west 1".*AWS_REGION\.$/],
    [
      'a wrong profile, without the advice to set one',
      { ...here, AWS_PROFILE: 'nightlly' },
      /^denied: no AWS credentials .* AWS_PROFILE is "nightlly"\. Check that ~\/\.aws has this profile \(aws configure list-profiles\)(?!.*set AWS_PROFILE)/,
    ],
    [
      'a wrong profile without a region',
      { AWS_PROFILE: 'nightlly' },
      /^usage: no AWS region is set, and profile "nightlly" \(AWS_PROFILE\) has none\./,
    ],
    ['a profile that is a key, and not shown', { ...here, AWS_PROFILE: 'AKIAVERYPRIVATE00' }, /AWS_PROFILE is "AKIA…"/],
    [
      'half of a pair of keys',
      { ...outside, AWS_SECRET_ACCESS_KEY: 'SECRET' },
      /^denied: .* AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not\. Set both, or unset AWS_SECRET_ACCESS_KEY\.$/,
    ],
    ['no login with SSO, by AWS_PROFILE', { ...logins, AWS_PROFILE: 'prod' }, noSso('prod')],
    ['a login with SSO that has expired', { ...logins, AWS_PROFILE: 'expired' }, noSso('expired')],
    ['no login with SSO of the default profile', logins, noSso('default')],
    ['no login with SSO of the source profile', { ...logins, AWS_PROFILE: 'role' }, noSso('prod')],
    [
      'no login of `aws login`',
      { ...here, AWS_CONFIG_FILE: config, AWS_PROFILE: 'console' },
      /^denied: no AWS credentials .*\. The login is missing or has expired: aws login --profile console$/,
    ],
    [
      'an endpoint that is not a URL',
      { ...complete, [ENDPOINT]: 'localhost 8000' },
      new RegExp(`^usage: .*${ENDPOINT}`),
    ],
    [
      'an endpoint that is ignored and not used, so the request is sent with TLS',
      { ...keys, ...unused, AWS_REGION: 'test-nowhere-1' },
      /^unreachable: cannot connect to DynamoDB \(test-nowhere-1\) .*Check AWS_REGION and the network\.$/,
    ],
    [
      'an endpoint with a password, which is not shown',
      { ...complete, [ENDPOINT]: 'http://me:PASS@127.0.0.1:9' },
      /^unreachable: (?!.*PASS).*127\.0\.0\.1:9/,
    ],
  ])('credentials and Region from the environment: %s', async (_, env, message) => {
    expect(await failureWith(env)).toMatch(message)
  })

  it('no credentials', async () => {
    const error = await failureWith(outside, 'note')
    expect(error).toMatch(
      /^denied: no AWS credentials for dynamodb:UpdateItem on table "ledger" in eu-west-1\. Give the ECS task a role/,
    )
  })

  it('an endpoint from the environment', async () => {
    const endpoint = await answering(400, 'UnrecognizedClientException', 'x')
    const error = await failureWith({ ...complete, [ENDPOINT]: endpoint })
    expect(error).toContain(`in ${new URL(endpoint).host} was denied (UnrecognizedClientException)`)
    expect(error).not.toContain('SECRET')
  })
})
