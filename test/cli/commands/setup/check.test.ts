import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
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
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { inspectSetup, type SetupCheckOptions } from '../../../../src/cli/commands/setup/check.ts'
import { setupStepText } from '../../../../src/cli/commands/setup.ts'
import type { ErrorKind } from '../../../../src/core/errors.ts'
import { gravestExit } from '../../../../src/exit-code.ts'
import { createTableInput, readTableDefinition } from '../../../../src/store/dynamodb/table-definition.ts'
import { setUpStore } from '../../../../src/store/open.ts'
import { claimOf } from '../../../store/contract.ts'
import { AWS_PATH, awsEnv, hasAws } from '../../../support/aws/aws.ts'
import { cronledger, newStore, scratch } from '../../../support/cli.ts'
import { startFaultyProxy, type Treatment } from '../../../support/proxy.ts'
import {
  type Answer,
  CREDENTIALS,
  hasMoto,
  openTestStore,
  REGION,
  type Server,
  startAnswering,
  startDynalite,
  startMoto,
} from '../../../support/servers.ts'

// The promises about a file are in ../../stories/setup.txt.

const folder = scratch()
const SECRETS = {
  AWS_ACCESS_KEY_ID: 'AKIAVERYPRIVATE',
  AWS_SECRET_ACCESS_KEY: 'very-secret',
  AWS_SESSION_TOKEN: 'my-token',
}
const NONE = { AWS_REGION: REGION, AWS_EC2_METADATA_DISABLED: 'true', HOME: folder }
const DEAD = { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' }
const denied = (action: string): Answer => ({
  status: 400,
  body: JSON.stringify({
    __type: 'com.amazon.coral.service#AccessDeniedException',
    Message: `User: arn:aws:sts::123456789012:assumed-role/batch/1 is not authorized to perform: dynamodb:${action}`,
  }),
})

interface Checked {
  readonly code: number
  readonly wrong: readonly string[]
  readonly lines: Readonly<Record<string, string>>
}

type Env = Readonly<Record<string, string | undefined>>

/** What `setup --check` finds in this environment, in this process. No finding has a secret. */
async function check(store: string, env: Env, options: Partial<SetupCheckOptions> = {}): Promise<Checked> {
  // The AWS SDK reads the environment of the process.
  for (const name of Object.keys(process.env)) if (/^(AWS|ECS)_/.test(name)) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const given = { store, task: env['CRONLEDGER_TASK'], role: undefined, ledgerTimeoutMs: undefined, ...options }
  const lines: Record<string, string> = {}
  const kinds = new Set<ErrorKind | null>()
  for await (const { what, wrong, text } of inspectSetup(given, env)) {
    lines[what] = `${wrong === null ? 'ok' : 'wrong'}: ${text}`
    kinds.add(wrong)
  }
  vi.unstubAllEnvs()
  expect(JSON.stringify(lines)).not.toMatch(/AKIAVERYPRIVATE|very-secret|my-token/)
  const wrong = Object.keys(lines).filter((what) => lines[what]?.startsWith('wrong'))
  return { code: gravestExit(kinds), wrong, lines }
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a table', () => {
  let server: Server
  let client: DynamoDBClient
  const env = (endpoint = server.endpoint) => ({ ...SECRETS, AWS_REGION: REGION, AWS_ENDPOINT_URL_DYNAMODB: endpoint })
  /** Checks a table behind a server that treats some requests itself. */
  const behind = async (
    treat: (action: string, partitions: readonly string[]) => Treatment,
    { table = 'good', more = {}, ...options }: Partial<SetupCheckOptions> & { table?: string; more?: Env } = {},
  ) => {
    const proxy = await startFaultyProxy(server.endpoint)
    proxy.treat(({ action, partitions }) => treat(action, partitions))
    return check(`dynamodb:${table}`, { ...env(proxy.url), ...more }, options).finally(() => proxy.close())
  }
  const denying =
    (...actions: readonly string[]) =>
    (action: string): Treatment =>
      actions.includes(action) ? { answer: denied(action) } : 'pass'
  const make = async (TableName: string, change: Partial<CreateTableCommandInput> = {}) => {
    const { PointInTimeRecoverySpecification, TimeToLiveSpecification } = readTableDefinition()
    await client.send(new CreateTableCommand({ ...createTableInput(TableName), ...change }))
    if (hasMoto && change.DeletionProtectionEnabled !== false)
      await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }))
    return { TableName, TimeToLiveSpecification }
  }
  /** What setup says that it did. */
  const setUp = async (table: string) => {
    for (const [name, value] of Object.entries(env())) vi.stubEnv(name, value)
    const { name, steps } = await setUpStore(`dynamodb:${table}`, env(), { signal: AbortSignal.timeout(60_000) })
    return steps.map((step) => setupStepText(name, step)).join('\n')
  }
  /** Runs the commands of AWS that a text has after these words. */
  const paste = async (text: string, after: string) => {
    const commands = text.split('\n').flatMap((line) => line.split(after)[1]?.replace(/\. When it.*/, '') ?? [])
    const path = `${AWS_PATH}:${process.env['PATH']}`
    for (const command of commands)
      await promisify(execFile)('sh', ['-c', command], { env: { ...awsEnv(server.endpoint), PATH: path } })
    return commands.length
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

  test('a table that is right: 0, a line for each thing, and nothing is written', async () => {
    const variables = { ...env(), CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z' }
    const found = await check('dynamodb:good', variables)
    expect(found).toMatchObject({ code: 0, wrong: [] })
    expect(Object.keys(found.lines)).toEqual([
      'event time',
      'region',
      'credentials',
      'answer',
      'clock',
      'table',
      'time to live',
      'deletion protection',
      'point-in-time recovery',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:Query',
      'dynamodb:Query on index by-day',
      'dynamodb:BatchGetItem',
    ])
    expect(found.lines).toMatchObject({
      'event time': 'ok: 2026-11-24T03:00:00Z, from CRONLEDGER_EVENT_TIME',
      region: expect.stringContaining(`${REGION}, from AWS_REGION`),
      credentials: 'ok: from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment',
      clock: "ok: equal to the server's clock, within a second",
    })
    const { Count } = await client.send(new ScanCommand({ TableName: 'good' }))
    expect(Count).toBe(0)
    // The command prints the same, and has the exit code.
    const printed = await cronledger(['setup', '--store', 'dynamodb:good', '--check'], { env: variables })
    expect(printed).toMatchObject({ code: 0, stderr: '' })
    expect(printed.stdout.split('\n').slice(0, -1)).toEqual(
      Object.entries(found.lines).map(([what, line]) => line.replace('ok: ', `ok     ${what.padEnd(22)}  `)),
    )
  })

  test('setup --check of a table in the partition of a task that is there: nothing is written', async () => {
    await make('ledger')
    const store = openTestStore(server.endpoint)
    await store.put(claimOf('here'), 'absent', { signal: AbortSignal.timeout(60_000) })
    store.close()
    const items = async () => (await client.send(new ScanCommand({ TableName: 'ledger' }))).Items
    const before = await items()
    expect(await check('dynamodb:ledger', env(), { task: 'here' })).toMatchObject({ wrong: [] })
    expect(await items()).toEqual(before)
    expect(before).toHaveLength(1)
  })

  // Only moto restores a table, and has its protection.
  // promise: restored
  test.runIf(hasAws)('a table that was restored, or is not protected: 64, with what to do', async () => {
    const restore = { SourceTableName: 'good', TargetTableName: 'restored', UseLatestRestorableTime: true }
    await client.send(new RestoreTableToPointInTimeCommand(restore))
    const found = await check('dynamodb:restored', env())
    expect(found).toMatchObject({ code: 64, wrong: ['restore', 'deletion protection', 'point-in-time recovery'] })
    expect(found.lines['restore']).toMatch(
      /this table is a copy, restored to its state of \S+Z\. .* cronledger pause --all --store dynamodb:restored --from \S+Z --reason /,
    )
    expect(await paste(Object.values(found.lines).join('\n'), 'Turn it on: ')).toBe(2)
    expect(await check('dynamodb:restored', env())).toMatchObject({ wrong: ['restore'] })
  })

  test('a table without its index: 78, and right after what the finding says', async () => {
    const AttributeDefinitions = readTableDefinition().AttributeDefinitions.slice(0, 2)
    await make('no-index', { GlobalSecondaryIndexes: undefined, AttributeDefinitions })
    const found = await check('dynamodb:no-index', env())
    expect(found).toMatchObject({ code: 78, wrong: ['table', 'dynamodb:Query on index by-day'] })
    expect(found.lines['table']).toMatch(
      /^wrong: it has no index by-day\. .*cronledger setup --store dynamodb:no-index/,
    )
    // Setup would change nothing yet.
    expect(found.lines['time to live']).toBeUndefined()
    if (!hasAws) return
    expect(await paste(found.lines['table'] ?? '', 'Add it: ')).toBe(1)
    await setUp('no-index')
    expect(await check('dynamodb:no-index', env())).toMatchObject({ code: 0, wrong: [] })
  })

  test('a table with another key: 78, also for a role that may not see its description', async () => {
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
    const hidden = denying('DescribeTable', 'DescribeTimeToLive', 'DescribeContinuousBackups')
    const runner = await behind(hidden, { table: 'other-key', role: 'runner' })
    expect(runner.code).toBe(78)
    expect(runner.lines['table']).toMatch(/^ok: not checked/)
    expect(runner.lines['dynamodb:PutItem']).toMatch(/^wrong: table "other-key" .* rejects dynamodb:PutItem/)
  })

  test.skipIf(!hasAws)(
    'a table whose protection is off: setup leaves it, and prints the commands that turn it on',
    async () => {
      await make('open', { DeletionProtectionEnabled: false })
      const before = await setUp('open')
      expect(before).toContain('deletion protection is off, and was left off. To turn it on: aws ')
      expect(before).toContain('point-in-time recovery is off, and was left off. To turn it on: aws ')
      expect(await paste(before, 'To turn it on: ')).toBe(2)
      const features = ['time to live', 'deletion protection', 'point-in-time recovery'].map(
        (feature) => `${feature} is on already`,
      )
      expect(await setUp('open')).toBe(['table already exists, nothing to change', ...features].join('\n'))
    },
  )

  const RETENTION = { CRONLEDGER_RETENTION: '400d' }

  test.skipIf(!hasMoto)('a table with its time to live off: 0, or 78 if a retention is given', async () => {
    await make('ttl-off')
    const off = await check('dynamodb:ttl-off', env())
    expect(off).toMatchObject({ code: 0, wrong: [] })
    expect(off.lines['time to live']).toBe(
      'ok: off; only --retention needs it. To turn it on: cronledger setup --store dynamodb:ttl-off',
    )
    const needed = await check('dynamodb:ttl-off', { ...env(), ...RETENTION })
    expect(needed).toMatchObject({ code: 78, wrong: ['time to live'] })
    expect(needed.lines['time to live']).toContain('Turn it on: cronledger setup --store dynamodb:ttl-off')
  })

  test('a table with multi-Region strong consistency, which has no time to live: 0, and 64 with a retention', async () => {
    const treat = (action: string): Treatment => {
      if (action.includes('TimeToLive')) return { answer: denied(action) }
      if (action !== 'DescribeTable') return 'pass'
      return { change: ({ Table }) => ({ Table: { ...Table, MultiRegionConsistency: 'STRONG' } }) }
    }
    const without = await behind(treat)
    expect(without).toMatchObject({ code: 0, wrong: [] })
    expect(without.lines['time to live']).toMatch(
      /^ok: a global table with multi-Region strong consistency cannot have/,
    )
    const needed = await behind(treat, { more: RETENTION })
    expect(needed).toMatchObject({ code: 64, wrong: ['time to live'] })
    expect(needed.lines['time to live']).toMatch(/Unset CRONLEDGER_RETENTION\.$/)
  })

  test.skipIf(!hasMoto)('a table with a time to live on another attribute: 78', async () => {
    const { TableName } = await make('no-ttl')
    const TimeToLiveSpecification = { AttributeName: 'ttl', Enabled: true }
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
    const other = await check('dynamodb:no-ttl', env())
    expect(other).toMatchObject({ code: 78, wrong: ['time to live'] })
    expect(other.lines['time to live']).toContain('its TTL attribute is ttl, not expiresAt')
  })

  test('a table that is not there: 78', async () => {
    const found = await check('dynamodb:nowhere', env())
    expect(found).toMatchObject({ code: 78, wrong: ['table'] })
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
    const found = await behind(denying(action))
    expect(found).toMatchObject({ code: 77, wrong })
    expect(found.lines[wrong[0] ?? '']).toMatch(new RegExp(`dynamodb:${action} on table "good" .* was denied.*policy`))
  })

  test.each([
    ['runner', ['BatchGetItem', 'DescribeTable', 'DescribeTimeToLive']],
    ['auditor', ['PutItem', 'UpdateItem', 'DescribeTable', 'DescribeTimeToLive']],
    ['checker', ['UpdateItem', 'DescribeTable', 'DescribeTimeToLive']],
  ] as const)('what a %s does not need is not tried, or does not count', async (role, forbidden) => {
    expect(await behind(denying(...forbidden), { role })).toMatchObject({ code: 0, wrong: [] })
  })

  test('a checker that may not write what it has told: 77, and the policy that allows it', async () => {
    const found = await behind(denying('PutItem'), { role: 'checker' })
    expect(found).toMatchObject({ code: 77, wrong: ['dynamodb:PutItem of #told/*'] })
    expect(found.lines['dynamodb:PutItem of #told/*']).toMatch(/was denied.*template checker-policy/)
  })

  test('a task that the run comes after, whose rows its role may not read: 77', async () => {
    const more = { CRONLEDGER_TASK: 'nightly', CRONLEDGER_AFTER: 'import,billing,self' }
    const treat = (action: string, [task]: readonly string[]) =>
      task === 'billing' ? { answer: denied(action) } : ('pass' as const)
    const { code, wrong, lines } = await behind(treat, { role: 'runner', more })
    expect([code, wrong, lines['after import']]).toEqual([77, ['after billing'], 'ok: its rows can be read'])
    expect(lines['after billing']).toMatch(/GetItem .* was denied.* statement After of the policy: .* runner-policy/)
  })

  test.each([
    // The time of a request is in doubt as long as it takes, so a slow answer moves the seconds.
    [95_000, /^wrong: about (8[5-9]|9\d|10[0-5])s behind the server's.*NTP/],
    [-60_000, /^wrong: about [56]\ds ahead of the server's/],
    [10_000, /^ok: about 1?\ds behind/],
  ])('a table whose server has a clock that is %i ms ahead', async (clockMs, line) => {
    const { now } = Date
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - clockMs)
    const found = await check('dynamodb:good', env())
    const lenient = await check('dynamodb:good', { ...env(), CRONLEDGER_SKEW: '4m' })
    // Of two findings, the graver one gives the exit code.
    const both = await behind(denying('UpdateItem'))
    clock.mockRestore()
    expect(found.lines['clock']).toMatch(line)
    expect(found.code).toBe(found.lines['clock']?.startsWith('wrong') ? 64 : 0)
    expect(lenient.code).toBe(0)
    expect(both.code).toBe(77)
  })
})

describe('a server that cannot be asked', () => {
  const env = { ...SECRETS, AWS_REGION: REGION }
  const answering = async (answer: Answer | null, variables: (server: Server) => Env, ledgerTimeoutMs?: number) => {
    const server = await startAnswering(answer)
    return check('dynamodb:good', variables(server), { ledgerTimeoutMs }).finally(() => server.stop())
  }
  const to = ({ endpoint }: Server) => ({ ...env, AWS_ENDPOINT_URL_DYNAMODB: endpoint })

  test('a dead endpoint: 75', async () => {
    const found = await check('dynamodb:good', { ...env, ...DEAD })
    expect(found).toMatchObject({ code: 75, wrong: ['answer'] })
    expect(found.lines['answer']).toMatch(/127\.0\.0\.1:9.*Check the network/)
  })

  test('a server that never answers: 75, within the ledger timeout', async () => {
    expect(await answering(null, to, 1_000)).toMatchObject({ code: 75, wrong: ['answer'] })
  })

  test('credentials that are refused: 77', async () => {
    // The text of such an error may quote the token.
    const body = JSON.stringify({ __type: 'com.amazon.coral.service#ExpiredTokenException', message: 'no: my-token' })
    const found = await answering({ status: 400, body }, to)
    expect(found).toMatchObject({ code: 77, wrong: ['credentials'] })
    expect(found.lines['credentials']).toMatch(/Expired.*from AWS_ACCESS_KEY_ID.*\. Renew or correct them\.$/)
  })

  test.each([
    [{}, 77, /no AWS credentials.*Give the ECS task a role/],
    [{ AWS_PROFILE: 'nosuch' }, 77, /AWS_PROFILE is "nosuch"\. Check that .* has this profile/],
    [
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:9/my-token' },
      75,
      /_FULL_URI is set, but gave none\. Check that the container can reach/,
    ],
  ])('no credentials from %j: %i, and that is named', async (source, code, why) => {
    const found = await check('dynamodb:good', { ...NONE, ...source })
    expect(found).toMatchObject({ code, wrong: ['credentials'] })
    expect(found.lines['credentials']).toMatch(why)
  })

  test.each([
    [500, ''],
    [403, '<html>Who are you?</html>'],
  ])('HTTP status %i of something else is named, and what that says is not: %j', async (status, body) => {
    const found = await answering({ status, body }, to)
    expect(found).toMatchObject({ code: 75, wrong: ['answer'] })
    expect(found.lines['answer']).toContain(`HTTP status ${status}`)
    expect(found.lines['answer']).not.toMatch(/UnknownError|html/)
  })

  test('credentials that never come: 75, within the ledger timeout', async () => {
    const source = ({ endpoint }: Server) => ({ ...NONE, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/role` })
    expect(await answering(null, source, 1_000)).toMatchObject({ code: 75, wrong: ['credentials'] })
  })

  describe('in an ECS task without AWS_REGION, as on EC2', () => {
    const task = { TaskARN: 'arn:aws:ecs:ap-northeast-1:123456789012:task/batch/0123456789abcdef' }
    const config = join(folder, 'config')
    writeFileSync(config, '[default]\nregion = eu-central-1\n')

    test.each([
      [task, {}, /^ok: ap-northeast-1, from the ARN of the ECS task/],
      [task, { AWS_CONFIG_FILE: config }, /^ok: eu-central-1, from the shared files/],
      [task, { AWS_REGION: REGION }, /^ok: eu-west-1, from AWS_REGION/],
      [{}, {}, /^wrong: no AWS region is set\. Set AWS_REGION\.$/],
    ])('the Region of an ECS task with metadata %j and environment %j', async (metadata, more, region) => {
      const found = await answering({ status: 200, body: JSON.stringify(metadata) }, ({ endpoint }) => {
        return { ...SECRETS, HOME: folder, ...DEAD, ECS_CONTAINER_METADATA_URI_V4: endpoint, ...more }
      })
      expect(found.lines['region']).toMatch(region)
      expect(found.code).toBe(found.lines['region']?.startsWith('ok') ? 75 : 64)
    })
  })

  test('credentials of a role and of a profile are named by their source', async () => {
    const role = {
      AccessKeyId: SECRETS.AWS_ACCESS_KEY_ID,
      SecretAccessKey: 'very-secret',
      Token: 'my-token',
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    }
    const container = await answering({ status: 200, body: JSON.stringify(role) }, ({ endpoint }) => {
      return { ...NONE, ...DEAD, AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint }
    })
    expect(container.lines['credentials']).toContain("ok: from the container's role")

    const file = join(folder, 'credentials')
    writeFileSync(file, '[batch]\naws_access_key_id = AKIAVERYPRIVATE\naws_secret_access_key = very-secret\n')
    const profile = { AWS_PROFILE: 'batch', AWS_SHARED_CREDENTIALS_FILE: file }
    const shared = await check('dynamodb:good', { ...NONE, ...DEAD, ...profile })
    expect(shared.lines['credentials']).toContain('ok: from a profile')
  })
})

describe('the environment of a run', () => {
  const TIME = { CRONLEDGER_EVENT_TIME: '2026-11-24T03:00:00Z' }
  const SCHEDULE = { CRONLEDGER_SCHEDULE: '0 4 * * *', ...TIME }
  const NOT_SET = /^ok: not set here\. Without it, a run uses the time of its own start\. Let the scheduler pass it/
  const networkOf = (subnets: readonly string[], securityGroups: readonly string[] = []) => ({
    CRONLEDGER_ECS_NETWORK: JSON.stringify({ awsvpcConfiguration: { subnets, securityGroups } }),
  })
  const store = newStore(folder)
  beforeAll(() => cronledger(['setup', '--store', store]))

  test.each<[Env, string, RegExp]>([
    [{ CRONLEDGER_EVENT_TIME: '<aws.scheduler.scheduled-time>' }, 'event time', /^wrong: .*was not replaced/],
    [{ CRONLEDGER_EVENT_TIME: '' }, 'event time', NOT_SET],
    [{ CRONLEDGER_STRICT: 'true' }, 'event time', /^ok: .* a run starts nothing \(64\)\./],
    [{ CRONLEDGER_EVENT_TIME: '{"time":"2026-11-24T03:00:00Z"}' }, 'event time', /^ok: 2026-11-24T03:00:00Z, from C/],
    [{ CRONLEDGER_EVENT_TIME: '-' }, 'event time', /^ok: from standard input/],
    [
      { CRONLEDGER_FORCE_SLOT: '2026-11-24T09:00', CRONLEDGER_REASON: 'x' },
      'event time',
      /^ok: none: CRONLEDGER_FORCE_SLOT/,
    ],
    [SCHEDULE, 'event time', /^ok: .*does not match the schedule/],
    [{ ...SCHEDULE, CRONLEDGER_STRICT: 'true' }, 'event time', /^wrong: .*does not match the schedule/],
    [{ CRONLEDGER_SCHEDULE: 'at(2099-01-01T00:00:00)', ...TIME }, 'event time', /^wrong: schedule .* has no slot/],
    [{ CRONLEDGER_TASK: 'no spaces' }, 'task', /^wrong: task "no spaces" is not a valid name/],
    [{ CRONLEDGER_SCHEDULE: '61 3 * * *' }, 'schedule', /^wrong: .*61/],
    [{ CRONLEDGER_TIMEZONE: 'JST' }, 'schedule', /^wrong: timezone "JST" is not an IANA time zone name/],
    [{ CRONLEDGER_LEASE: '1m' }, 'options', /^wrong: --lease 1m is too short/],
    [{ CRONLEDGER_FORCE_SLOT: '2026-11-24' }, 'options', /^wrong: --reason is missing\. Give --reason TEXT /],
    [{ CRONLEDGER_TZ: 'Asia/Tokyo' }, 'options', /^wrong: CRONLEDGER_TZ is not an option of run, .* another slot/],
    [
      { CRONLEDGER_MAX_LATNESS: '1h' },
      'options',
      /^ok: warning: CRONLEDGER_MAX_LATNESS is not an option of cronledger and/,
    ],
    [{ CRONLEDGER_TASK: 'nightly' }, 'task', /^ok: nightly$/],
    [{ NODE_OPTIONS: '--require apm' }, 'NODE_OPTIONS', /^ok: warning: Node applies "--require apm" to cronledger/],
    [networkOf(['subnet-1', 'subnet-2'], ['sg-1']), 'network', /^ok: subnet-1, subnet-2, sg-1$/],
    [networkOf(['subnet-1']), 'network', /^ok: subnet-1\. If its Availability Zone has no capacity, .* give two$/],
    [networkOf(['subnet-1', 'vpc-2'], ['default']), 'network', /^wrong: .* has "vpc-2", "default"\. Use ids/],
    [{ CRONLEDGER_ECS_NETWORK: 'subnet-1' }, 'network', /^wrong: .* is not the network of a task/],
    [{ ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:9' }, 'network', /^ok: CRONLEDGER_ECS_NETWORK is not set, so/],
    [{ CRONLEDGER_SECRETS: 'A,B,,,', A: 'very-secret', B: 'my-token' }, 'secrets', /^ok: A, B$/],
    [
      { CRONLEDGER_SECRETS: 'A,B,C,,', A: 'very-secret', B: '' },
      'secrets',
      /^wrong: B, C are empty\. Look at the value/,
    ],
    [{ ...SCHEDULE, CRONLEDGER_TIMEZONE: 'Asia/Tokyo' }, 'schedule', /^ok: 0 4 \* \* \* in Asia\/Tokyo$/],
    [
      { ...SCHEDULE, CRONLEDGER_TIMEZONE: 'Etc/GMT+9' },
      'schedule',
      /^ok: .* is 9 hours behind UTC.* use Etc\/GMT-9, or/,
    ],
  ])('the environment of a run: %j: %s', async (env, what, line) => {
    const found = await check(store, env)
    const isRight = line.source.startsWith('^ok')
    expect(found).toMatchObject({ code: isRight ? 0 : 64, wrong: isRight ? [] : [what] })
    expect(found.lines[what]).toMatch(line)
  })
})
