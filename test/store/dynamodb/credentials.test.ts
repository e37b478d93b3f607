import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronledger, start } from '../../support/cli.ts'
import {
  type Answer,
  awsEnv,
  openTestStore,
  type Server,
  startAnswering,
  startDynalite,
} from '../../support/servers.ts'
import { startOfToday } from '../../support/today.ts'

// A credentials endpoint as ECS and EKS have it. The SDK asks it again each second, four times, before it gives up.

const SLOT = startOfToday() - 21 * 3_600_000

describe.concurrent('a credentials endpoint that fails for a while', () => {
  let server: Server
  const endpoints: Server[] = []
  beforeAll(async () => {
    server = await startDynalite()
    await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  })
  afterAll(async () => {
    await Promise.all([server, ...endpoints].map(({ stop }) => stop()))
  })

  const credentials = (validMs: number) => ({
    status: 200,
    body: JSON.stringify({
      AccessKeyId: 'test',
      SecretAccessKey: 'test',
      Token: 'test',
      Expiration: new Date(Date.now() + validMs).toISOString(),
    }),
  })
  const FAILURE = { status: 500, body: '{"message":"try again"}' }

  async function withEndpoint(answerTo: (count: number) => Answer | null) {
    let count = 0
    const endpoint = await startAnswering(() => answerTo(++count))
    endpoints.push(endpoint)
    const { AWS_ENDPOINT_URL_DYNAMODB = '', AWS_REGION = '' } = awsEnv(server)
    return { AWS_ENDPOINT_URL_DYNAMODB, AWS_REGION, AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.endpoint }
  }
  const runArgs = (task: string, options: readonly string[], ...command: string[]) => {
    const slot = ['--schedule', '0 3 * * *', '--event-time', new Date(SLOT).toISOString()]
    return ['run', '--store', 'dynamodb:ledger', '--task', task, ...slot, ...options, '--', ...command]
  }
  const stateOf = async (task: string) => {
    const store = openTestStore(server.endpoint)
    const key = { task, slot: SLOT }
    const row = await store.get(key, { signal: AbortSignal.timeout(60_000) })
    store.close()
    return row === null || !('state' in row) ? null : row.state
  }

  // promise: credentials-unreachable
  test('credentials that fail for a while at the claim: the run waits for them, and runs', async () => {
    const env = await withEndpoint((count) => (count <= 6 ? FAILURE : credentials(3_600_000)))
    expect(await cronledger(runArgs('claim', ['--ledger-timeout', '2m'], 'echo', 'paid'), { env })).toMatchObject({
      code: 0,
      stdout: 'paid\n',
    })
    expect(await stateOf('claim')).toBe('COMPLETED')
  })

  test('a credentials endpoint that does not answer at the claim: 75 in order, although the SDK warns on the console', async () => {
    const env = await withEndpoint(() => null)
    const args = runArgs('slow', ['--ledger-timeout', '3s'], 'echo', 'no')
    const { code, stdout, stderr } = await cronledger(args, { env })
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' })
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('The slot is free for the next trigger.')])
  })

  // promise: credentials-unreachable
  test('credentials that fail at the claim for longer than the ledger timeout: 75, and the slot is free', async () => {
    const env = await withEndpoint(() => FAILURE)
    const args = runArgs('never', ['--ledger-timeout', '6s', '--log', 'text'], 'echo', 'no')
    const { code, stdout, stderr } = await cronledger(args, { env })
    expect({ code, stdout }).toEqual({ code: 75, stdout: '' })
    expect(stderr).toMatch(
      /not started: no AWS credentials .*AWS_CONTAINER_CREDENTIALS_FULL_URI is set, but gave none\. .* The slot is free for the next trigger\./,
    )
    expect(await stateOf('never')).toBeNull()
  })

  // promise: credentials-unreachable
  test('credentials that fail at a heartbeat and at the finish: the batch goes on, and its end is recorded', async () => {
    let isDown = false
    const env = await withEndpoint(() => (isDown ? FAILURE : credentials(1_500)))
    const options = ['--lease', '4m', '--heartbeat', '1s', '--skew', '1s']
    const run = start(runArgs('later', options, 'sh', '-c', 'echo started; read line; echo ended'), {
      env,
      input: null,
    })
    await run.printed('started')
    isDown = true
    await run.logged('renewal-failed')
    run.child.stdin?.end('go\n')
    await run.printed('ended')
    isDown = false
    const { code, stderr } = await run.ended
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('no AWS credentials') })
    expect(await stateOf('later')).toBe('COMPLETED')
  })

  // promise: credentials-unreachable
  test('without any source of credentials: 77 at once, and what to set', async () => {
    const { AWS_ENDPOINT_URL_DYNAMODB = '', AWS_REGION = '' } = awsEnv(server)
    const env = { AWS_ENDPOINT_URL_DYNAMODB, AWS_REGION, AWS_EC2_METADATA_DISABLED: 'true' }
    const { code, stderr } = await cronledger(runArgs('none', [], 'echo', 'no'), { env })
    expect({ code, stderr }).toMatchObject({ code: 77, stderr: expect.stringContaining('Give the ECS task a role') })
  })

  // promise: credentials-unreachable
  test('the metadata service of an instance fails for a while: 75, but 77 if the instance has no role', async () => {
    for (const [status, code, text] of [
      [503, 75, 'Check the role of the instance.'],
      [404, 77, 'Give the ECS task a role'],
    ] as const) {
      const { AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint, ...env } = await withEndpoint(() => ({ status, body: '' }))
      const own = { ...env, AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint }
      const args = runArgs('instance', ['--ledger-timeout', '10s'], 'echo', 'no')
      expect(await cronledger(args, { env: own })).toMatchObject({ code, stderr: expect.stringContaining(text) })
    }
  })
})
