import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  type TableDescription,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { setUpTable } from '../../src/store/dynamodb/setup-table.ts'
import { createTableInput, differences, readTableDefinition } from '../../src/store/dynamodb/table-definition.ts'
import { setUpStore } from '../../src/store/open.ts'
import { scratch } from '../support/cli.ts'
import { type Passing, startFaultyProxy, type Treatment } from '../support/proxy.ts'
import { CREDENTIALS, hasMoto, REGION, type Server, startDynalite, startMoto } from '../support/servers.ts'
import { claimOf } from './contract.ts'

const call = () => ({ signal: AbortSignal.timeout(120_000) })

type SetUp = (table: string) => ReturnType<typeof setUpTable>

const exception = (name: string, message: string) => ({
  status: 400,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }),
})

const SERVERS = [
  { name: 'dynalite', start: startDynalite, isThere: true, isComplete: false },
  { name: 'moto', start: startMoto, isThere: hasMoto, isComplete: true },
]

for (const { name, start, isThere, isComplete } of SERVERS) {
  describe.skipIf(!isThere)(`setup on ${name}`, () => {
    let server: Server
    let client: DynamoDBClient
    let tables = 0
    const newTable = () => `ledger-${++tables}`
    const config = () => ({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
    const setUp = (table: string) => setUpTable({ table, env: {}, config: config() }, call())
    const create = async (change: Partial<CreateTableCommandInput>) => {
      const TableName = newTable()
      await client.send(new CreateTableCommand({ ...createTableInput(TableName), ...change }))
      return TableName
    }
    const describeTable = async (TableName: string) => {
      const { Table } = await client.send(new DescribeTableCommand({ TableName }))
      return Table
    }

    beforeAll(async () => {
      server = await start()
      client = new DynamoDBClient(config())
    })
    afterAll(async () => {
      client.destroy()
      await server.stop()
    })

    it(`setup on ${name} makes the table, and finds it the next time`, async () => {
      const table = newTable()
      const features = ['timeToLive', 'deletionProtection', 'pointInTimeRecovery'] as const
      const steps = (table: string, feature: string) => [
        { what: 'table', did: table },
        ...features.map((what) => ({ what, did: isComplete ? feature : 'unsupported' })),
      ]
      expect(await setUp(table)).toEqual(steps('created', 'enabled'))
      const made = await describeTable(table)
      expect(made?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
      expect(await setUp(table)).toEqual(steps('found', 'found'))
      const store = openDynamoStore({ table, env: {}, config: config() })
      expect(await store.put(claimOf('nightly'), 'absent', call())).toEqual({ kind: 'ok' })
      store.close()
      if (!isComplete) return
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }))
      expect(TimeToLiveDescription?.AttributeName).toBe('expiresAt')
      expect(made?.DeletionProtectionEnabled).toBe(true)
      // Encrypted with a key that AWS owns.
      expect(made?.SSEDescription).toBeUndefined()
      const backups = await client.send(new DescribeContinuousBackupsCommand({ TableName: table }))
      expect(backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe(
        'ENABLED',
      )
    })

    it(`setup on ${name} works while another setup runs`, async () => {
      const table = newTable()
      const all = await Promise.all([setUp(table), setUp(table), setUp(table)])
      expect(all.flatMap(([table]) => table?.did).sort()).toEqual(['created', 'found', 'found'])
    })

    it(`setup on ${name} names what differs, and changes nothing`, async () => {
      const KeySchema = [
        { AttributeName: 'slot', KeyType: 'HASH' as const },
        { AttributeName: 'task', KeyType: 'RANGE' as const },
      ]
      const otherKey = await create({ KeySchema })
      await expect(setUp(otherKey)).rejects.toMatchObject({
        kind: 'shape',
        message: `table "${otherKey}" is not a ledger, and it was not changed: its key is slot(S) + task(S), not task(S) + slot(S). The key of a table cannot be changed. Create a table with another name: cronledger setup --store dynamodb:OTHER_TABLE`,
      })

      const before = await describeTable(otherKey)
      await expect(setUp(otherKey)).rejects.toThrow()
      expect(await describeTable(otherKey)).toEqual(before)
      if (!isComplete) return
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: otherKey }))
      expect(TimeToLiveDescription?.TimeToLiveStatus).toBe('DISABLED')
    })

    // The other server lacks the features that these tests are about.
    const whereComplete: typeof it | (() => void) = isComplete ? it : () => {}
    whereComplete('names a TTL on another attribute, and leaves it', async () => {
      const TableName = await create({})
      const TimeToLiveSpecification = { AttributeName: 'ttl', Enabled: true }
      await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
      await expect(setUp(TableName)).rejects.toThrow('its TTL attribute is ttl, not expiresAt')
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
      expect(TimeToLiveDescription?.AttributeName).toBe('ttl')
    })

    const behindProxy = async (treat: (passing: Passing) => Treatment, look: (setUp: SetUp) => Promise<void>) => {
      const proxy = await startFaultyProxy(server.endpoint)
      proxy.treat(treat)
      const behind = { ...config(), endpoint: proxy.url }
      await look((table) => setUpTable({ table, env: {}, config: behind }, call())).finally(() => proxy.close())
      return proxy.seen.map(({ action }) => action)
    }
    const stepsOf = async (setUp: SetUp, table: string) =>
      Object.fromEntries((await setUp(table)).map(({ what, did }) => [what, did]))

    whereComplete('goes on without TTL on a table with multi-Region strong consistency', async () => {
      const table = await create({})
      const treat = ({ action }: Passing): Treatment => {
        if (action.includes('TimeToLive')) return { answer: exception('ValidationException', 'no TTL here') }
        if (action !== 'DescribeTable') return 'pass'
        return { change: ({ Table }) => ({ Table: { ...Table, MultiRegionConsistency: 'STRONG' } }) }
      }
      const asked = await behindProxy(treat, async (setUp) => {
        expect(await stepsOf(setUp, table)).toMatchObject({ table: 'found', timeToLive: 'impossible' })
      })
      expect(asked.filter((action) => action.includes('TimeToLive'))).toEqual([])
    })

    // AWS does not document which error it answers, so any refusal of the request itself counts.
    whereComplete('goes on without TTL where the server refuses it', async () => {
      const table = await create({})
      const refused = exception('ValidationException', 'TTL is not supported for this table')
      await behindProxy(
        ({ action }) => (action === 'UpdateTimeToLive' ? { answer: refused } : 'pass'),
        async (setUp) => expect(await stepsOf(setUp, table)).toMatchObject({ timeToLive: 'impossible' }),
      )
    })

    whereComplete('waits until a new table can have point-in-time recovery', async () => {
      const table = newTable()
      const early = exception('ContinuousBackupsUnavailableException', 'Backups are being enabled for the table')
      const asked = await behindProxy(
        ({ action, index }) => (action === 'UpdateContinuousBackups' && index < 2 ? { answer: early } : 'pass'),
        async (setUp) => expect(await stepsOf(setUp, table)).toMatchObject({ pointInTimeRecovery: 'enabled' }),
      )
      expect(asked.filter((action) => action === 'UpdateContinuousBackups')).toHaveLength(3)
    })

    whereComplete('does not need the permission to read the backups of an existing table', async () => {
      const table = await create({})
      const denied = exception('AccessDeniedException', 'not authorized')
      await behindProxy(
        ({ action }) => (action === 'DescribeContinuousBackups' ? { answer: denied } : 'pass'),
        async (setUp) => expect(await stepsOf(setUp, table)).toMatchObject({ pointInTimeRecovery: 'unknown' }),
      )
    })
  })
}

describe('differences of a table', () => {
  const wanted = readTableDefinition()
  const index = wanted.GlobalSecondaryIndexes[0]
  if (index === undefined) throw new Error('no index')
  const found = { AttributeDefinitions: wanted.AttributeDefinitions, KeySchema: wanted.KeySchema }

  const numbered = wanted.AttributeDefinitions.map((one) =>
    one.AttributeName === 'slot' ? { ...one, AttributeType: 'N' as const } : one,
  )
  const other = { ...index, KeySchema: index.KeySchema?.slice(0, 1), Projection: { ProjectionType: 'ALL' as const } }

  it.each<[string, TableDescription, string[]]>([
    ['none, also with more indexes', { GlobalSecondaryIndexes: [{ ...index, IndexName: 'mine' }, index] }, []],
    ['no index', {}, ['it has no index by-day']],
    [
      'an index of another kind',
      { GlobalSecondaryIndexes: [other] },
      [
        'the key of index by-day is day(S), not day(S) + slot(S)',
        'the projection of index by-day is ALL, not KEYS_ONLY',
      ],
    ],
    [
      'a key of another type',
      { AttributeDefinitions: numbered, GlobalSecondaryIndexes: [index] },
      [
        'its key is task(S) + slot(N), not task(S) + slot(S)',
        'the key of index by-day is day(S) + slot(N), not day(S) + slot(S)',
      ],
    ],
  ])('differences of a table: %s', (_, change, different) => {
    expect(differences({ ...found, ...change }, wanted)).toEqual(different)
  })
})

describe('setup of a file', () => {
  const folder = scratch()

  it('setup of a file makes it, and finds it the next time', async () => {
    const name = `file:${join(folder, 'ledger.db')}`
    expect(await setUpStore(name, {}, call())).toMatchObject({ name, steps: [{ what: 'file', did: 'created' }] })
    expect(await setUpStore(name, {}, call())).toMatchObject({ name, steps: [{ what: 'file', did: 'found' }] })
  })

  it('setup of a file leaves a file alone that is something else', async () => {
    const path = join(folder, 'notes.txt')
    writeFileSync(path, 'buy milk')
    await expect(setUpStore(`file:${path}`, {}, call())).rejects.toMatchObject({ kind: 'shape' })
    expect(readFileSync(path, 'utf8')).toBe('buy milk')
  })
})
