import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { CreateTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTableInput } from '../../src/store/dynamodb/table-definition.ts'
import { type FaultyProxy, startFaultyProxy } from '../support/proxy.ts'
import { awsEnv, CREDENTIALS, hasMoto, REGION, type Server, startMoto } from '../support/servers.ts'

const MAIN = fileURLToPath(new URL('../aws/main.mjs', import.meta.url))
const TABLE = 'cronledger-test'

async function testAws(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

/** Runs it with a terminal as its standard input, on which a person gives this answer. No test has the name `nothing`. */
async function answer(typed: string, env: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env
  const child = spawn('script', ['-qec', `'${process.execPath}' '${MAIN}' nothing`, '/dev/null'], {
    env: { PATH, NODE_NO_WARNINGS: '1', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.end(`${typed}\n`)
  const [stdout] = await Promise.all([text(child.stdout), once(child, 'close')])
  return stdout
}

describe.skipIf(!hasMoto)('npm run test:aws', () => {
  let server: Server
  let proxy: FaultyProxy
  let client: DynamoDBClient
  const env = () => ({ ...awsEnv({ endpoint: proxy.url }), CRONLEDGER_TEST_TABLE: TABLE })
  const itemsLeft = async () => (await client.send(new ScanCommand({ TableName: TABLE }))).Items ?? []

  beforeAll(async () => {
    server = await startMoto()
    proxy = await startFaultyProxy(server.endpoint)
    client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
    await client.send(new CreateTableCommand(createTableInput(TABLE)))
  })
  afterAll(async () => {
    client.destroy()
    proxy.close()
    await server.stop()
  })

  test('npm run test:aws asks before it starts, and sends nothing until then', async () => {
    const { code, stdout } = await testAws([], env())
    expect(code).toBe(64)
    expect(stdout).toMatch(/against table cronledger-test \(http.*It costs less than 1 US cent.*Nothing was done/s)
    expect(proxy.seen).toEqual([])
  })

  test('npm run test:aws starts only if the answer is yes', async () => {
    expect(await answer('y', env())).toContain('Nothing was done.')
    expect(proxy.seen).toEqual([])
    expect(await answer('yes', env())).toContain('removed 0 items')
    expect(proxy.seen.map(({ action }) => action)).toEqual(['DescribeTable', 'Scan'])
    proxy.seen.length = 0
  })

  test('npm run test:aws with a table that does not exist: 64, and none is created', async () => {
    const { code, stderr } = await testAws(['--yes'], { ...env(), CRONLEDGER_TEST_TABLE: 'misspelt' })
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr:
        'table "misspelt" does not exist. Create it: cronledger setup --store dynamodb:misspelt. Nothing was done.\n',
    })
    expect(proxy.seen.map(({ action }) => action)).toEqual(['DescribeTable'])
    proxy.seen.length = 0
  })

  test('npm run test:aws passes, removes its own items and no others, and writes no more than it said', async () => {
    const Item = { task: { S: 'nightly' }, slot: { S: '2026-11-01T18:00:00Z' } }
    await client.send(new PutItemCommand({ TableName: TABLE, Item }))
    const { code, stdout, stderr } = await testAws(['--yes', 'promises'], env())
    expect({ code, stdout: code === 0 ? '' : stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(stdout).toMatch(/removed [1-9]\d* items/)
    expect(await itemsLeft()).toEqual([Item])
    expect(proxy.seen.filter(({ action }) => /^(Put|Update|Delete)Item$/.test(action)).length).toBeLessThan(3_500)
  })

  test('npm run test:aws removes what an interrupted run left', async () => {
    const left = { task: { S: 'task-0123abcd-1' }, slot: { S: '2026-11-24T03:00:00Z' } }
    await client.send(new PutItemCommand({ TableName: TABLE, Item: left }))
    const { code, stdout } = await testAws(['--remove', '0123abcd'], env())
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'removed 1 items of run 0123abcd from table cronledger-test\n',
    })
    expect(await itemsLeft()).toHaveLength(1)
  })
})

test.each([
  [[], {}, 'CRONLEDGER_TEST_TABLE is not set.'],
  [['--remove', 'task'], { CRONLEDGER_TEST_TABLE: TABLE }, '--remove "task" is not the name of a run.'],
])('npm run test:aws -- %j with %j: 64', async (args, env, message) => {
  const { code, stderr } = await testAws(args, env as Record<string, string>)
  expect(code).toBe(64)
  expect(stderr).toContain(message)
})
