import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  RestoreTableToPointInTimeCommand,
  ScanCommand,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import Libsql from 'libsql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDynamoStore } from '../../../../src/store/dynamodb/dynamodb-store.ts'
import { createTableInput, readTableDefinition } from '../../../../src/store/dynamodb/table-definition.ts'
import { claimOf } from '../../../store/contract.ts'
import { aws, awsEnv, hasAws } from '../../../support/aws.ts'
import { cronledger, NIGHTLY, scratch } from '../../../support/cli.ts'
import { startFaultyProxy } from '../../../support/proxy.ts'
import {
  type Answer,
  CREDENTIALS,
  hasMoto,
  REGION,
  type Server,
  startAnswering,
  startDynalite,
  startMoto,
} from '../../../support/servers.ts'

const folder = scratch()
const SECRETS = {
  AWS_ACCESS_KEY_ID: 'AKIAVERYPRIVATE',
  AWS_SECRET_ACCESS_KEY: 'very-secret',
  AWS_SESSION_TOKEN: 'my-token',
}
const at = ({ endpoint }: Server) => ({ AWS_ENDPOINT_URL_DYNAMODB: endpoint })
const NONE = { AWS_REGION: REGION, AWS_EC2_METADATA_DISABLED: 'true', HOME: folder }
const denied = (action: string): Answer => ({
  status: 400,
  body: JSON.stringify({
    __type: 'com.amazon.coral.service#AccessDeniedException',
    Message: `User: arn:aws:sts::123456789012:assumed-role/batch/1 is not authorized to perform: dynamodb:${action}`,
  }),
})

interface Checked {
  readonly code: number | null
  /** The findings, by the name of the check. */
  readonly lines: Readonly<Record<string, string>>
}

/** `setup --check`, whose every line says ok or wrong, and none a secret. */
async function check(store: string, env: Record<string, string>, ...args: readonly string[]): Promise<Checked> {
  const { code, stdout, stderr } = await cronledger(['setup', '--store', store, '--check', ...args], { env })
  expect(stderr).toBe('')
  expect(stdout).not.toMatch(/AKIAVERYPRIVATE|very-secret|my-token/)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [, verdict, what = '', text] = /^(ok {3}|wrong) {2}(\S+(?: \S+)*?) {2,}(.+)$/.exec(line) ?? []
      expect(verdict, line).toBeDefined()
      return [what, `${verdict?.trim()}: ${text}`]
    })
  return { code, lines: Object.fromEntries(lines) }
}

const wrongOnes = ({ lines }: Checked) => Object.keys(lines).filter((what) => lines[what]?.startsWith('wrong'))

/** A server in front of another one, that answers some requests by itself, and whose clock is off. */
async function startBefore(upstream: string, answer: (action: string) => Answer | null, clockMs = 0): Promise<Server> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const own = answer(String(request.headers['x-amz-target']).split('.')[1] ?? '')
    const { host: _, connection: __, ...headers } = request.headers as Record<string, string>
    const body = Buffer.concat(chunks)
    const reply = own === null ? await fetch(upstream, { method: 'POST', headers, body }) : null
    response.writeHead(own?.status ?? reply?.status ?? 500, {
      'content-type': 'application/x-amz-json-1.0',
      date: new Date(Date.now() + clockMs).toUTCString(),
    })
    response.end(own?.body ?? (await reply?.text()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a table', () => {
  let server: Server
  let client: DynamoDBClient
  const env = (endpoint = server.endpoint) => ({ ...SECRETS, AWS_REGION: REGION, AWS_ENDPOINT_URL_DYNAMODB: endpoint })
  const behind = async (
    answer: Parameters<typeof startBefore>[1],
    clockMs: number,
    look: (env: Record<string, string>) => Promise<void>,
  ) => {
    const before = await startBefore(server.endpoint, answer, clockMs)
    await look(env(before.endpoint)).finally(() => before.stop())
  }
  const turnRecoveryOn = (TableName: string) => {
    const { PointInTimeRecoverySpecification } = readTableDefinition()
    return client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }))
  }
  const make = async (TableName: string, change: Partial<CreateTableCommandInput> = {}) => {
    await client.send(new CreateTableCommand({ ...createTableInput(TableName), ...change }))
    if (hasMoto && change.DeletionProtectionEnabled !== false) await turnRecoveryOn(TableName)
    return { TableName, TimeToLiveSpecification: readTableDefinition().TimeToLiveSpecification }
  }

  beforeAll(async () => {
    server = await (hasMoto ? startMoto() : startDynalite())
    client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
    const made = await make('good')
    if (hasMoto) await client.send(new UpdateTimeToLiveCommand(made))
  })
  afterAll(async () => {
    client.destroy()
    await server.stop()
  })

  test('that is right: 0, a line for each thing, and nothing is written', async () => {
    const found = await check('dynamodb:good', { ...env(), CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z' })
    expect(wrongOnes(found)).toEqual([])
    expect(found.code).toBe(0)
    expect(Object.keys(found.lines)).toEqual([
      'event time',
      'region',
      'credentials',
      'answer',
      'clock',
      'table',
      'time to live',
      'deletion protection',
      'recovery',
      ...['GetItem', 'PutItem', 'UpdateItem', 'Query', 'Query on index by-day', 'BatchGetItem'].map(
        (one) => `dynamodb:${one}`,
      ),
    ])
    expect(found.lines).toMatchObject({
      'event time': 'ok: 2026-11-24T03:00:00Z, from CRONLEDGER_EVENT_TIME',
      region: expect.stringContaining(`${REGION}, from AWS_REGION`),
      credentials: 'ok: from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment',
      clock: "ok: equal to the server's clock, within a second",
    })
    const { Count } = await client.send(new ScanCommand({ TableName: 'good' }))
    expect(Count).toBe(0)
  })

  test('in the partition of a task that is there: nothing is written', async () => {
    const store = openDynamoStore({
      table: 'good',
      env: {},
      config: { endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS },
    })
    await store.put(claimOf('here'), 'absent', { signal: AbortSignal.timeout(60_000) })
    store.close()
    const items = async () => (await client.send(new ScanCommand({ TableName: 'good' }))).Items
    const before = await items()
    const found = await check('dynamodb:good', env(), '--task', 'here')
    expect(wrongOnes(found)).toEqual([])
    expect(await items()).toEqual(before)
    expect(before).toHaveLength(1)
  })

  // Only moto restores a table, and has its protection.
  test.runIf(hasAws)('that was restored, or is not protected: 64, with what to do', async () => {
    const restore = { SourceTableName: 'good', TargetTableName: 'restored', UseLatestRestorableTime: true }
    await client.send(new RestoreTableToPointInTimeCommand(restore))
    const found = await check('dynamodb:restored', env())
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({
      code: 64,
      wrong: ['restore', 'deletion protection', 'recovery'],
    })
    expect(found.lines['restore']).toMatch(
      /this table is a copy, restored to its state of \S+Z\. .* cronledger pause --all --store dynamodb:restored --from \S+Z --reason /,
    )
    for (const [, command] of Object.values(found.lines).flatMap((line) => [
      ...line.matchAll(/Turn it on: aws (.*)$/g),
    ])) {
      await aws(server.endpoint, ...String(command).split(' '))
    }
    expect(wrongOnes(await check('dynamodb:restored', env()))).toEqual(['restore'])
  })

  test('without its index: 78', async () => {
    const AttributeDefinitions = readTableDefinition().AttributeDefinitions.slice(0, 2)
    await make('no-index', { GlobalSecondaryIndexes: undefined, AttributeDefinitions })
    const found = await check('dynamodb:no-index', env())
    expect(found.code).toBe(78)
    expect(found.lines['table']).toMatch(
      /^wrong: it has no index by-day\. .*cronledger setup --store dynamodb:no-index/,
    )
    // Setup would change nothing yet.
    expect(found.lines['time to live']).toBeUndefined()
    expect(found.lines['dynamodb:Query on index by-day']).toMatch(/^wrong/)
    expect(found.lines['dynamodb:Query']).toBe('ok: allowed')
  })

  test.skipIf(!hasAws)('without its index, and then with it, as the finding says', async () => {
    const AttributeDefinitions = readTableDefinition().AttributeDefinitions.slice(0, 2)
    await make('mended', { GlobalSecondaryIndexes: undefined, AttributeDefinitions })
    const command = /Add it: (aws .*)\. When it is active/.exec(
      (await check('dynamodb:mended', env())).lines['table'] ?? '',
    )?.[1]
    await promisify(execFile)('sh', ['-c', command ?? 'exit 9'], {
      env: { ...awsEnv(server.endpoint), PATH: `/usr/bin:${process.env['PATH']}` },
    })
    expect((await cronledger(['setup', '--store', 'dynamodb:mended'], { env: env() })).code).toBe(0)
    expect(wrongOnes(await check('dynamodb:mended', env()))).toEqual([])
  })

  test('with another key: 78, also for a role that may not see its description', async () => {
    const KeySchema = [
      { AttributeName: 'day', KeyType: 'HASH' as const },
      { AttributeName: 'slot', KeyType: 'RANGE' as const },
    ]
    const AttributeDefinitions = readTableDefinition().AttributeDefinitions.slice(1)
    await make('other-key', { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes: undefined })
    const found = await check('dynamodb:other-key', env())
    expect(found.code).toBe(78)
    expect(found.lines['table']).toMatch(
      /^wrong: its key is day\(S\) \+ slot\(S\), not task\(S\) \+ slot\(S\).*cannot be changed\. Create a table with another name: cronledger setup --store dynamodb:OTHER_TABLE$/,
    )
    expect(found.lines['time to live']).toBeUndefined()
    await behind(
      (action) => (action.startsWith('Describe') ? denied(action) : null),
      0,
      async (hidden) => {
        const runner = await check('dynamodb:other-key', hidden, '--role', 'runner')
        expect(runner.code).toBe(78)
        expect(runner.lines['table']).toMatch(/^ok: not checked/)
        expect(runner.lines['dynamodb:PutItem']).toMatch(/^wrong: table "other-key" .* rejects dynamodb:PutItem/)
      },
    )
  })

  test.skipIf(!hasAws)(
    'whose protection is off: setup leaves it, and prints the commands that turn it on',
    async () => {
      await make('open', { DeletionProtectionEnabled: false })
      const setUp = async () => (await cronledger(['setup', '--store', 'dynamodb:open'], { env: env() })).stdout
      const before = await setUp()
      expect(before).toContain('dynamodb:open: deletion protection is off, and was left off. To turn it on: aws ')
      expect(before).toContain('dynamodb:open: point-in-time recovery is off, and was left off. To turn it on: aws ')
      for (const [, command = ''] of before.matchAll(/To turn it on: (aws .*)/g)) {
        await promisify(execFile)('sh', ['-c', command], {
          env: { ...awsEnv(server.endpoint), PATH: `/usr/bin:${process.env['PATH']}` },
        })
      }
      expect(await setUp()).toBe(
        [
          'table already exists, nothing to change',
          'time to live is on already',
          'deletion protection is on already',
          'point-in-time recovery is on already',
        ]
          .map((line) => `dynamodb:open: ${line}\n`)
          .join(''),
      )
    },
  )

  const RETENTION = { CRONLEDGER_RETENTION: '400d' }

  test.skipIf(!hasMoto)('with its time to live off: 0, and 78 with a retention', async () => {
    await make('ttl-off')
    const off = await check('dynamodb:ttl-off', env())
    expect({ code: off.code, wrong: wrongOnes(off) }).toEqual({ code: 0, wrong: [] })
    expect(off.lines['time to live']).toBe(
      'ok: off; only --retention needs it. To turn it on: cronledger setup --store dynamodb:ttl-off',
    )
    const needed = await check('dynamodb:ttl-off', { ...env(), ...RETENTION })
    expect({ code: needed.code, wrong: wrongOnes(needed) }).toEqual({ code: 78, wrong: ['time to live'] })
    expect(needed.lines['time to live']).toContain('Turn it on: cronledger setup --store dynamodb:ttl-off')
  })

  test('with multi-Region strong consistency, which has no time to live: 0, and 64 with a retention', async () => {
    const proxy = await startFaultyProxy(server.endpoint)
    proxy.treat(({ action }) => {
      if (action.includes('TimeToLive')) return { answer: denied(action) }
      if (action !== 'DescribeTable') return 'pass'
      return { change: ({ Table }) => ({ Table: { ...Table, MultiRegionConsistency: 'STRONG' } }) }
    })
    const without = await check('dynamodb:good', env(proxy.url))
    expect({ code: without.code, wrong: wrongOnes(without) }).toEqual({ code: 0, wrong: [] })
    expect(without.lines['time to live']).toMatch(
      /^ok: a global table with multi-Region strong consistency cannot have/,
    )
    const needed = await check('dynamodb:good', { ...env(proxy.url), ...RETENTION })
    proxy.close()
    expect({ code: needed.code, wrong: wrongOnes(needed) }).toEqual({ code: 64, wrong: ['time to live'] })
    expect(needed.lines['time to live']).toMatch(/Unset CRONLEDGER_RETENTION\.$/)
  })

  test.skipIf(!hasMoto)('with a time to live on another attribute: 78', async () => {
    const { TableName } = await make('no-ttl')
    const TimeToLiveSpecification = { AttributeName: 'ttl', Enabled: true }
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
    const other = await check('dynamodb:no-ttl', env())
    expect({ code: other.code, wrong: wrongOnes(other) }).toEqual({ code: 78, wrong: ['time to live'] })
    expect(other.lines['time to live']).toContain('its TTL attribute is ttl, not expiresAt')
  })

  test('that is not there: 78', async () => {
    const found = await check('dynamodb:nowhere', env())
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 78, wrong: ['table'] })
    expect(found.lines['table']).toMatch(/nowhere.*cronledger setup/)
  })

  test.each([
    ['GetItem', ['dynamodb:GetItem']],
    ['PutItem', ['dynamodb:PutItem']],
    ['UpdateItem', ['dynamodb:UpdateItem']],
    ['Query', ['dynamodb:Query', 'dynamodb:Query on index by-day']],
    ['BatchGetItem', ['dynamodb:BatchGetItem']],
    ['DescribeTable', ['table']],
    ['DescribeTimeToLive', ['time to live']],
  ])('%s denied: 77, and that one is named', async (action, wrong) => {
    await behind(
      (asked) => (asked === action ? denied(action) : null),
      0,
      async (before) => {
        const found = await check('dynamodb:good', before)
        expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 77, wrong })
        expect(found.lines[wrong[0] ?? '']).toMatch(
          new RegExp(`dynamodb:${action} on table "good" .* was denied.*policy`),
        )
      },
    )
  })

  test('what a role does not need is not tried, or does not count', async () => {
    const notFor = (role: string, ...forbidden: string[]) =>
      behind(
        (action) => (forbidden.includes(action) ? denied(action) : null),
        0,
        async (before) => {
          const found = await check('dynamodb:good', before, '--role', role)
          expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 0, wrong: [] })
        },
      )
    await notFor('runner', 'BatchGetItem', 'DescribeTable', 'DescribeTimeToLive')
    await notFor('auditor', 'PutItem', 'UpdateItem', 'DescribeTable', 'DescribeTimeToLive')
  })

  test('of two findings the graver one gives the exit code', async () => {
    await behind(
      (action) => (action === 'UpdateItem' ? denied(action) : null),
      3_600_000,
      async (before) => {
        const found = await check('dynamodb:good', before)
        expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({
          code: 77,
          wrong: ['clock', 'dynamodb:UpdateItem'],
        })
      },
    )
  })

  test.each([
    // The time of a request is in doubt as long as it takes, so a slow answer moves the seconds.
    [95_000, /^wrong: about 9[2-8]s behind the server's.*NTP/],
    [-95_000, /^wrong: about 9[2-8]s ahead of the server's.*NTP/],
    [25_000, /^wrong: about 2[2-8]s behind/],
    [-25_000, /^wrong: about 2[2-8]s ahead/],
    [8_000, /^ok: about ([5-9]|1[01])s behind/],
  ])('whose server has a clock that is %i ms ahead', async (clockMs, line) => {
    await behind(
      () => null,
      clockMs,
      async (before) => {
        const found = await check('dynamodb:good', before)
        expect(found.lines['clock']).toMatch(line)
        expect(found.code).toBe(found.lines['clock']?.startsWith('wrong') ? 64 : 0)
        const lenient = await check('dynamodb:good', before, '--skew', '10m')
        expect(lenient.code).toBe(0)
      },
    )
  })
})

describe('a server that cannot be asked', () => {
  const env = { ...SECRETS, AWS_REGION: REGION }

  test('a dead endpoint: 75', async () => {
    const found = await check('dynamodb:good', { ...env, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' })
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 75, wrong: ['answer'] })
    expect(found.lines['answer']).toMatch(/127\.0\.0\.1:9.*Check the network/)
  })

  test('one that never answers: 75, within the ledger timeout', async () => {
    const server = await startAnswering(null)
    const endpoint = { AWS_ENDPOINT_URL_DYNAMODB: server.endpoint }
    const found = await check('dynamodb:good', { ...env, ...endpoint }, '--ledger-timeout', '2s')
    await server.stop()
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 75, wrong: ['answer'] })
  })

  test.each(['ExpiredTokenException', 'UnrecognizedClientException', 'InvalidSignatureException'])(
    '%s: 77',
    async (name) => {
      // The text of such an error may quote the token.
      const body = JSON.stringify({ __type: `com.amazon.coral.service#${name}`, message: 'no: my-token' })
      const server = await startAnswering({ status: 400, body })
      const found = await check('dynamodb:good', { ...env, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint })
      await server.stop()
      expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 77, wrong: ['credentials'] })
      expect(found.lines['credentials']).toMatch(
        new RegExp(`${name}.*from AWS_ACCESS_KEY_ID.*\\. Renew or correct them\\.$`),
      )
    },
  )

  test('no credentials: 77', async () => {
    const found = await check('dynamodb:good', NONE)
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 77, wrong: ['credentials'] })
    expect(found.lines['credentials']).toMatch(/no AWS credentials.*Give the ECS task a role/)
  })

  test.each([
    [{ AWS_PROFILE: 'nosuch' }, 77, /AWS_PROFILE is "nosuch"\. Check that .* has this profile/],
    [
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:9/my-token' },
      75,
      /_FULL_URI is set, but gave none\. Check that the container can reach/,
    ],
  ])('none from %j: %i, and that is named', async (source, code, why) => {
    const found = await check('dynamodb:good', { ...NONE, ...source })
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code, wrong: ['credentials'] })
    expect(found.lines['credentials']).toMatch(why)
  })

  test.each([
    [500, ''],
    [404, ''],
    [403, '<html>Who are you?</html>'],
    [200, '<html>Who are you?</html>'],
  ])('HTTP status %i of something else is named, and what that says is not: %j', async (status, body) => {
    const server = await startAnswering({ status, body })
    const found = await check('dynamodb:good', { ...env, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint })
    await server.stop()
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 75, wrong: ['answer'] })
    expect(found.lines['answer']).toContain(`HTTP status ${status}`)
    expect(found.lines['answer']).not.toMatch(/UnknownError|html/)
  })

  test('credentials that never come: 75, within the ledger timeout', async () => {
    const server = await startAnswering(null)
    const source = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.endpoint}/role` }
    const found = await check('dynamodb:good', { ...NONE, ...source }, '--ledger-timeout', '1s')
    await server.stop()
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 75, wrong: ['credentials'] })
  })

  test('no region: 64', async () => {
    const found = await check('dynamodb:good', { ...SECRETS, HOME: folder })
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 64, wrong: ['region'] })
  })

  describe('in an ECS task without AWS_REGION, as on EC2', () => {
    const region = (found: Checked) => found.lines['region']
    const inTask = async (metadata: object, more: Record<string, string> = {}) => {
      const server = await startAnswering({ status: 200, body: JSON.stringify(metadata) })
      const dead = { ...SECRETS, HOME: folder, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' }
      const found = await check('dynamodb:good', { ...dead, ECS_CONTAINER_METADATA_URI_V4: server.endpoint, ...more })
      await server.stop()
      return found
    }
    const task = { TaskARN: 'arn:aws:ecs:ap-northeast-1:123456789012:task/batch/0123456789abcdef' }

    test('the region of its ARN is used', async () => {
      expect(region(await inTask(task))).toMatch(/^ok: ap-northeast-1, from the ARN of the ECS task/)
    })

    test('the shared files come first', async () => {
      const file = join(folder, 'config')
      writeFileSync(file, '[default]\nregion = eu-central-1\n')
      expect(region(await inTask(task, { AWS_CONFIG_FILE: file }))).toMatch(/^ok: eu-central-1, from the shared files/)
    })

    test('AWS_REGION comes first', async () => {
      expect(region(await inTask(task, { AWS_REGION: REGION }))).toMatch(/^ok: eu-west-1, from AWS_REGION/)
    })

    test.each([[{}], [{ TaskARN: 'arn:aws:ecs' }]])('metadata without an ARN, %j: 64', async (metadata) => {
      const found = await inTask(metadata)
      expect({ code: found.code, region: region(found) }).toEqual({
        code: 64,
        region: 'wrong: no AWS region is set. Set AWS_REGION.',
      })
    })

    test.skipIf(!hasMoto)('a run finds its table', async () => {
      const aws = await startMoto()
      const store = ['--store', 'dynamodb:ledger']
      await cronledger(['setup', ...store], { env: { ...SECRETS, ...at(aws), AWS_REGION: REGION } })
      const body = JSON.stringify({ TaskARN: task.TaskARN.replace('ap-northeast-1', REGION) })
      const metadata = await startAnswering({ status: 200, body })
      const env = { ...SECRETS, ...at(aws), HOME: folder, ECS_CONTAINER_METADATA_URI_V4: metadata.endpoint }
      const ran = await cronledger(['run', ...store, ...NIGHTLY, '--', 'echo', 'paid'], { env })
      await Promise.all([aws.stop(), metadata.stop()])
      expect(ran).toMatchObject({ code: 0, stdout: 'paid\n' })
    })
  })

  test('credentials of a role and of a profile are named by their source', async () => {
    const Expiration = new Date(Date.now() + 3_600_000).toISOString()
    const role = {
      AccessKeyId: SECRETS.AWS_ACCESS_KEY_ID,
      SecretAccessKey: 'very-secret',
      Token: 'my-token',
      Expiration,
    }
    const server = await startAnswering({ status: 200, body: JSON.stringify(role) })
    const dead = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' }
    const container = await check('dynamodb:good', {
      ...NONE,
      ...dead,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: server.endpoint,
    })
    await server.stop()
    expect(container.lines['credentials']).toContain("ok: from the container's role")

    const file = join(folder, 'credentials')
    writeFileSync(file, '[batch]\naws_access_key_id = AKIAVERYPRIVATE\naws_secret_access_key = very-secret\n')
    const profile = { AWS_PROFILE: 'batch', AWS_SHARED_CREDENTIALS_FILE: file }
    const shared = await check('dynamodb:good', { ...NONE, ...dead, ...profile })
    expect(shared.lines['credentials']).toContain('ok: from a profile')
  })
})

const TIME = { CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z' }

describe('the event time', () => {
  const store = () => `file:${join(folder, 'events.db')}`
  beforeAll(async () => {
    await cronledger(['setup', '--store', store()])
  })

  test.each([
    [{ CRONLEDGER_EVENT_TIME: '<aws.scheduler.scheduled-time>' }, 64, /^wrong: .*was not replaced/],
    [{ CRONLEDGER_EVENT_TIME: '3 in the morning' }, 64, /^wrong: .*Use ISO 8601/],
    [
      { CRONLEDGER_EVENT_TIME: '' },
      0,
      /^ok: not set here\. The schedule must pass it: a run without it uses the time of its own start\./,
    ],
    [
      { CRONLEDGER_STRICT: 'true' },
      0,
      /^ok: not set here\. The schedule must pass it: a run without it starts nothing \(64\)\./,
    ],
    [
      { CRONLEDGER_EVENT_TIME: '{"time":"2026-11-24T03:00:00Z"}' },
      0,
      /^ok: 2026-11-24T03:00:00Z, from CRONLEDGER_EVENT_TIME$/,
    ],
    [{ CRONLEDGER_EVENT_TIME: '{"detail":{}}' }, 64, /^wrong: the event has no "time"/],
    [{ CRONLEDGER_EVENT_TIME: '-' }, 0, /^ok: from standard input/],
    [
      { CRONLEDGER_STRICT: 'false' },
      0,
      /^ok: not set here\. The schedule must pass it: a run without it uses the time of its own start\./,
    ],
    [{ CRONLEDGER_EVENT_TIME: '2099-01-01T00:00:00Z' }, 64, /^wrong: .*is in the future/],
    [{ CRONLEDGER_FORCE_SLOT: 'latest', CRONLEDGER_REASON: 'x', ...TIME }, 64, /^wrong: .*cannot be used together/],
    [{ CRONLEDGER_FORCE_SLOT: '2026-11-24T09:00', CRONLEDGER_REASON: 'x' }, 0, /^ok: none: CRONLEDGER_FORCE_SLOT/],
    [{ CRONLEDGER_SCHEDULE: '0 4 * * *', ...TIME }, 0, /^ok: .*does not match the schedule/],
    [
      { CRONLEDGER_SCHEDULE: '0 4 * * *', CRONLEDGER_STRICT: 'true', ...TIME },
      64,
      /^wrong: .*does not match the schedule/,
    ],
    [{ CRONLEDGER_SCHEDULE: 'at(2099-01-01T00:00:00)', ...TIME }, 64, /^wrong: schedule .* has no slot/],
  ])('%j: %i', async (env, code, line) => {
    const found = await check(store(), env as unknown as Record<string, string>)
    expect(found.code).toBe(code)
    expect(found.lines['event time']).toMatch(line)
  })

  // Whatever ends each run with 64 does so here too.
  test.each([
    [{ CRONLEDGER_TASK: 'no spaces' }, 'task', /^wrong: task "no spaces" is not a valid name/],
    [{ CRONLEDGER_SCHEDULE: '61 3 * * *' }, 'schedule', /^wrong: .*61/],
    [{ CRONLEDGER_SCHEDULE: 'rate(6 hours)' }, 'schedule', /^wrong: .*requires an anchor/],
    [
      { CRONLEDGER_SCHEDULE: '@daily', CRONLEDGER_TIMEZONE: 'JST' },
      'schedule',
      /^wrong: timezone "JST" is not an IANA time zone name/,
    ],
    [{ CRONLEDGER_TIMEZONE: 'JST' }, 'schedule', /^wrong: timezone "JST" is not an IANA time zone name/],
    [{ CRONLEDGER_MAX_ATTEMPTS: 'many' }, 'options', /^wrong: CRONLEDGER_MAX_ATTEMPTS "many" is not a whole number/],
    [{ CRONLEDGER_LEASE: '1m' }, 'options', /^wrong: lease 1m is too short/],
    [{ CRONLEDGER_REASON: 'x' }, 'options', /^wrong: --reason requires --force-slot/],
    [{ CRONLEDGER_FORCE_SLOT: '2026-11-24' }, 'options', /^wrong: --reason is missing\. Give --reason TEXT /],
    [{ CRONLEDGER_TZ: 'Asia/Tokyo' }, 'options', /^wrong: CRONLEDGER_TZ is not an option of run, .* another slot/],
  ])('%j is a finding', async (env, what, line) => {
    const all = { CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '0 3 * * *', ...TIME, ...env } as Record<
      string,
      string
    >
    const found = await check(store(), env as Record<string, string>)
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 64, wrong: [what] })
    expect(found.lines[what]).toMatch(line)
    const run = await cronledger(['run', '--', 'true'], { env: { CRONLEDGER_STORE: store(), ...all } })
    expect(run.code).toBe(64)
  })

  test('a variable that is nearly an option is shown, as a run warns about it', async () => {
    const { code, lines } = await check(store(), { CRONLEDGER_MAX_LATNESS: '1h', CRONLEDGER_TIMEZONE: 'UTC' })
    expect({ code, options: lines['options'] }).toEqual({
      code: 0,
      options:
        'ok: warning: CRONLEDGER_MAX_LATNESS is not an option of run and has no effect. Did you mean CRONLEDGER_MAX_LATENESS?',
    })
  })

  test('task and schedule are shown where they are set', async () => {
    const env = { CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '0 3 * * *', CRONLEDGER_TIMEZONE: 'Asia/Tokyo' }
    expect((await check(store(), env)).lines).toMatchObject({
      task: 'ok: nightly',
      schedule: 'ok: 0 3 * * * in Asia/Tokyo',
    })
  })
})

describe('a file', () => {
  const path = (name: string) => join(folder, name)
  const made = async (name: string) => {
    await cronledger(['setup', '--store', `file:${path(name)}`])
    return path(name)
  }

  test('that is right: 0, and not a byte of it changed', async () => {
    const file = await made('good.db')
    const before = readFileSync(file)
    const found = await check(`file:${file}`, {})
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 0, wrong: [] })
    expect(Object.keys(found.lines)).toEqual(['event time', 'disk', 'file', 'permissions', 'writing'])
    expect(readFileSync(file)).toEqual(before)
  })

  test('that a run finds, by a path through a folder that does not exist', async () => {
    await made('beyond.db')
    const found = await check(`file:${folder}/missing/../beyond.db`, {})
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 0, wrong: [] })
  })

  test('that is not there: 78, and none is made', async () => {
    const found = await check(`file:${path('none.db')}`, {})
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 78, wrong: ['file'] })
    expect(() => readFileSync(path('none.db'))).toThrow(/ENOENT/)
  })

  test('that is empty, of something else, or of a newer layout: 78', async () => {
    writeFileSync(path('empty.db'), '')
    writeFileSync(path('letter.txt'), 'Dear Sir or Madam')
    const newer = new Libsql(await made('newer.db'))
    newer.exec('PRAGMA user_version = 7')
    newer.close()
    for (const [name, why] of [
      ['empty.db', /is empty\. Make it a ledger: cronledger setup/],
      ['letter.txt', /is not a cronledger file/],
      ['newer.db', /a newer version of cronledger made file ledger .* \(layout 7\)/],
    ] as const) {
      const found = await check(`file:${path(name)}`, {})
      expect(found.code, name).toBe(78)
      expect(found.lines['file']).toMatch(why)
    }
  })

  test('that others may read: 64', async () => {
    const file = await made('open.db')
    chmodSync(file, 0o640)
    const found = await check(`file:${file}`, {})
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 64, wrong: ['permissions'] })
    expect(found.lines['permissions']).toContain(`(640). Remove it: chmod 600 "${file}"`)
  })

  test.each([
    ['file', 0o444, 0o777],
    ['folder', 0o666, 0o555],
  ])('whose %s this user may not write: 77', async (what, fileMode, folderMode) => {
    chmodSync(folder, 0o755)
    mkdirSync(path(what))
    const file = await made(join(what, 'ledger.db'))
    chmodSync(file, fileMode)
    chmodSync(path(what), folderMode)
    // root may write everywhere: another user must try.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const { code, stdout } = await cronledger(['setup', '--store', `file:${file}`, '--check'], asNobody)
    expect(stdout).toMatch(/^wrong {2}writing /m)
    expect(code).toBe(77)
  })

  test('whose lock another process holds: 75, within the ledger timeout', async () => {
    const holder = new Libsql(await made('locked.db'))
    holder.exec('BEGIN EXCLUSIVE')
    const found = await check(`file:${path('locked.db')}`, {}, '--ledger-timeout', '1s')
    holder.close()
    expect({ code: found.code, wrong: wrongOnes(found) }).toEqual({ code: 75, wrong: ['file'] })
  })
})

test('a run of a host whose clock was ahead is found by the task, as check finds it', async () => {
  const path = join(folder, 'ahead.db')
  const env = { CRONLEDGER_STORE: `file:${path}`, CRONLEDGER_TASK: 'nightly', CRONLEDGER_SCHEDULE: '@hourly' }
  await cronledger(['run', '--', 'true'], { env })
  expect((await cronledger(['setup', '--check'], { env })).stdout).not.toContain('wrong')
  const database = new Libsql(path)
  database.exec('UPDATE entries SET document = replace(document, \'"since":"20\', \'"since":"21\')')
  database.close()
  const ended = await cronledger(['setup', '--check'], { env })
  expect(ended).toMatchObject({
    code: 78,
    stdout: expect.stringMatching(/^wrong {2}record .*the clock of its host was ahead/m),
  })
})
