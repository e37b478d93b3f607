import { readFileSync } from 'node:fs'
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { awsError } from '../../faults/faults.ts'
import { claimOf } from '../../store/contract.ts'
import { cronledger, type Loose } from '../../support/cli.ts'
import { type FaultyProxy, type Passing, startFaultyProxy } from '../../support/proxy.ts'
import { awsEnv, CREDENTIALS, openTestStore, REGION, type Server, startDynalite } from '../../support/servers.ts'

// A role that has the runner's policy of one task. No test server knows `dynamodb:LeadingKeys`, so a proxy reads the
// printed policy and denies what IAM would deny.

const STORE = 'dynamodb:ledger'
const DENIED = awsError(400, 'com.amazon.coral.service#AccessDeniedException', 'User: x is not authorized', 'Message')
const day = (date: number) => ['--event-time', `2026-11-${date}T03:00:09Z`]
const slot = (date: number) => ['--slot', `2026-11-${date}`]
const SCHEDULE = ['--schedule', '0 3 * * *']
const REASON = ['--reason', 'by hand']
const FAILS_ONCE = ['--', 'sh', '-c', 'test "$CRONLEDGER_RUN_ATTEMPT" -gt 1']

let server: Server
let proxy: FaultyProxy
let client: DynamoDBClient

beforeAll(async () => {
  server = await startDynalite()
  client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
  await cronledger(['setup', '--store', STORE], { env: awsEnv(server) })
  const store = openTestStore(server.endpoint)
  const call = { signal: AbortSignal.timeout(60_000) }
  await store.put(claimOf('other'), 'absent', call)
  await store.writeEntry({ task: 'other', kind: '#task' }, { version: 1, document: {} }, 'absent', call)
  store.close()
  proxy = await startFaultyProxy(server.endpoint)
  limitTo({ TASK: 'nightly', AFTER: 'extract' }, proxy)
})
afterAll(async () => {
  proxy.close()
  client.destroy()
  await server.stop()
})

/** Lets through what the runner's policy with these values allows. As with envsubst, a value that is left out is empty. */
function limitTo(given: Readonly<Record<string, string>>, proxy: FaultyProxy) {
  const file = new URL('../../../schema/iam/runner.json', import.meta.url)
  const values: typeof given = { TABLE_ARN: 'arn:table/ledger', ...given }
  const text = readFileSync(file, 'utf8').replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
  const policy = JSON.parse(text)
  proxy.treat((passing) => (isAllowed(policy, passing) ? 'pass' : DENIED))
}

/** Returns what IAM decides: a statement must allow the action on the resource, and each partition in the request. */
function isAllowed(policy: Loose, { action, indexName, partitions }: Passing): boolean {
  return policy['Statement'].some(({ Action, Resource, Condition }: Loose) => {
    const [[test, { 'dynamodb:LeadingKeys': keys }]] = Object.entries<Loose>(Condition) as [[string, Loose]]
    const fits = (key: string, partition: string) =>
      test.endsWith('StringLike') && key.endsWith('*') ? partition.startsWith(key.slice(0, -1)) : key === partition
    return (
      Action.includes(`dynamodb:${action}`) &&
      Resource.endsWith(indexName === null ? ':table/ledger' : `/index/${indexName}`) &&
      partitions.every((partition) => keys.some((key: string) => fits(key, partition)))
    )
  })
}

const asRole = ([command = '', ...args]: readonly string[]) =>
  cronledger([command, '--store', STORE, ...args], { env: awsEnv({ endpoint: proxy.url }) })

const itemsIn = async (partition: string) => {
  const { Items = [] } = await client.send(new ScanCommand({ TableName: 'ledger' }))
  return Items.filter(({ task }) => task?.S === partition)
}

/** The commands of one task with their exit codes, in the order in which they build on each other. */
const OF_ONE_TASK = (task: string): readonly (readonly [code: number, ...args: string[]])[] => {
  const run = ['run', '--task', task, ...SCHEDULE]
  return [
    // Unknown before its first run. The role may not list the tasks to find a name that is near.
    [64, 'history', '--task', task],
    [0, ...run, ...day(20), '--', 'true'],
    // A duplicate.
    [0, ...run, ...day(20), '--', 'false'],
    [0, ...run, ...day(21), '--overlap', 'wait', '--retention', '400d', '--', 'true'],
    // A role may read the rows of the task that its own comes after, and of no other.
    [64, ...run, ...day(22), '--after', 'extract', '--', 'true'],
    [77, ...run, ...day(22), '--after', 'other', '--', 'true'],
    [0, ...run, ...day(22), '--max-attempts', '2', '--retry-delay', '50ms', ...FAILS_ONCE],
    [0, ...run, ...day(22), '--heartbeat', '100ms', '--', 'false'],
    [3, ...run, ...day(23), '--', 'sh', '-c', 'exit 3'],
    // Refused, since it failed.
    [65, ...run, ...day(23), '--', 'true'],
    [0, ...run, '--force-slot', '2026-11-23', ...REASON, '--', 'true'],
    [0, 'rerun', '--task', task, ...slot(19), ...REASON, '--', 'true'],
    // The slot of today, and those of the last two days, which were missed.
    [0, ...run, '--catch-up', '2d', '--', 'true'],
    [0, 'show', '--task', task, ...slot(23)],
    [0, 'resolve', '--task', task, ...slot(18), '--state', 'skipped', ...REASON],
    [0, 'declare', '--task', task, ...SCHEDULE, '--from', '2099-01-01', '--grace', '1h'],
    [0, 'pause', '--task', task, ...REASON],
    [0, 'explain', '--task', task],
    [0, 'resume', '--task', task],
    [0, 'retire', '--task', task, ...REASON],
    [0, 'history', '--task', task],
    [0, 'history', '--task', task, '--since', '2026-11-18', '--until', '2026-11-24'],
    [0, 'setup', '--check', '--role', 'runner', '--task', task],
  ]
}

// promise: one-task-role
test('a role that is limited to one task runs that task with every option, and is denied everything of another', async () => {
  for (const [code, ...args] of OF_ONE_TASK('nightly')) {
    const ended = await asRole(args)
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).toBe(code)
  }
  const kinds = (await itemsIn('nightly')).map((item) => String(item['slot']?.S))
  expect(kinds).toEqual(expect.arrayContaining(['#task', '#lock', '2026-11-20T03:00:00Z']))

  const before = await itemsIn('other')
  expect(before).toHaveLength(2)
  // All at once: each one tries a denied request again for some seconds, since the role could be new.
  const denied = OF_ONE_TASK('other').map(async ([, ...args]) => {
    const ended = await asRole(args)
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).toBe(77)
  })
  await Promise.all(denied)
  expect(await itemsIn('other')).toEqual(before)
})

test('a task that it came after and may not read is named, and can be removed from its record', async () => {
  const admin = (...args: string[]) => cronledger([...args, '--store', STORE], { env: awsEnv(server) })
  expect(await admin('declare', 'billing', ...SCHEDULE)).toMatchObject({ code: 0 })
  expect(await admin('declare', 'nightly', ...SCHEDULE, '--after', 'billing')).toMatchObject({ code: 0 })
  const force = ['rerun', '--task', 'nightly', ...slot(17), ...REASON, '--', 'true']
  const check = ['setup', '--check', '--role', 'runner', '--task', 'nightly']
  const forced = await asRole(force)
  expect(forced).toMatchObject({ code: 77, stderr: expect.stringMatching(/comes after billing .*--ignore-after/) })
  expect(await asRole(check)).toMatchObject({ code: 77, stdout: expect.stringMatching(/^wrong {2}after billing/m) })
  const declared = await asRole(['declare', '--task', 'nightly', ...SCHEDULE, '--after', ''])
  expect(declared, declared.stderr).toMatchObject({ code: 0 })
  const ended = await Promise.all([force, check].map(asRole))
  expect(ended.map(({ code }) => code)).toEqual([0, 0])
})

test('a role that comes after a prefix lists the tasks and reads these, and setup --check says which statement is missing', async () => {
  const admin = (...args: string[]) => cronledger(args, { env: { ...awsEnv(server), CRONLEDGER_STORE: STORE } })
  for (const name of ['a', 'b'])
    expect(await admin('run', `imp/${name}`, ...SCHEDULE, ...day(20), '--', 'true')).toMatchObject({ code: 0 })
  const total = await startFaultyProxy(server.endpoint)
  const asTotal = (...args: string[]) =>
    cronledger(args, { env: { ...awsEnv({ endpoint: total.url }), CRONLEDGER_STORE: STORE } })
  const run = () => asTotal('run', 'total', ...SCHEDULE, ...day(20), '--after', 'imp/*', '--', 'true')
  const check = () => asTotal('setup', '--check', '--role', 'runner', '--task', 'total')
  limitTo({ TASK: 'total', AFTER: 'imp/*' }, total)
  expect(await run()).toMatchObject({ code: 77, stderr: expect.stringContaining('comes after imp/* (--after)') })
  limitTo({ TASK: 'total', AFTER: 'imp/*', AFTER_LIST: '#task' }, total)
  const ran = await run()
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
  const good = await check()
  expect(good, good.stdout).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {5}after imp\/\*/m) })
  for (const values of [{ AFTER: 'imp/*' }, { AFTER: 'imp/a', AFTER_LIST: '#task' }]) {
    limitTo({ TASK: 'total', ...values }, total)
    expect(await check()).toMatchObject({
      code: 77,
      stdout: expect.stringMatching(/^wrong {2}after imp\/\* .* AfterPrefix/m),
    })
  }
  expect((await asTotal('tasks')).code).toBe(77)
  total.close()
})

test('what walks all tasks is denied to it, and says how to look at its own', async () => {
  const commands = ['tasks', 'check', 'history'] as const
  const env = { ...awsEnv({ endpoint: proxy.url }), CRONLEDGER_TASK: 'nightly' }
  const ended = await Promise.all(commands.map((name) => cronledger([name, '--store', STORE], { env })))
  for (const [index, name] of commands.entries()) {
    const hint = ` If this role may read one task only, give its name: cronledger ${name} nightly\n`
    expect(ended[index]).toMatchObject({ code: 77, stderr: expect.stringContaining(hint) })
  }
})

test('setup --check without a task says that a role of one task needs --task', async () => {
  const { code, stdout } = await asRole(['setup', '--check', '--role', 'runner'])
  expect(code).toBe(77)
  expect(stdout).toMatch(/^wrong {2}dynamodb:GetItem .*If this role is limited to one task, give --task NAME/m)
  const given = await asRole(['setup', '--check', '--role', 'runner', '--task', 'other'])
  expect(given.code).toBe(77)
  expect(given.stdout).not.toContain('limited to one task')
})

test('setup --check takes the task from the environment too', async () => {
  const env = { ...awsEnv({ endpoint: proxy.url }), CRONLEDGER_TASK: 'nightly' }
  const checked = await cronledger(['setup', '--store', STORE, '--check', '--role', 'runner'], { env })
  expect(checked.code, checked.stdout).toBe(0)
  const lines = checked.stdout.split('\n').filter((line) => line.includes('dynamodb:'))
  expect(lines.map((line) => line.split(/ {2,}/)[1])).toEqual([
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
    'dynamodb:Query',
  ])
})
