// The examples for AWS, with real runs in the place of the containers, and of the writes in the stream.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { cronledger, type Loose } from '../../../support/cli.ts'
import { awsEnv, CREDENTIALS, listen, REGION, startDynalite } from '../../../support/servers.ts'

const read = (name: string): Loose =>
  parse(readFileSync(new URL(`../../../../docs/examples/${name}.yaml`, import.meta.url), 'utf8'), {
    logLevel: 'silent',
  })
const SLOT = ['--schedule', '0 3 * * *', '--event-time', '2026-11-24T03:00:12Z', '--log', 'quiet']
const run = (task: string, batch: readonly string[], env: Record<string, string>) =>
  cronledger(['run', '--store', 'dynamodb:ledger', '--task', task, ...SLOT, '--', ...batch], { env })

/** Starts a proxy that collects the images of each write, as a stream has them. */
async function startStream(endpoint: string) {
  const client = new DynamoDBClient({ endpoint, region: REGION, credentials: CREDENTIALS })
  const records: Loose[] = []
  const server = await listen(
    createServer(async (incoming, outgoing) => {
      const body = await text(incoming)
      const { TableName, Item, Key: { task, slot } = Item ?? {} } = JSON.parse(body)
      const isWrite = /Put|Update/.test(String(incoming.headers['x-amz-target'])) && slot !== undefined
      const image = async () => {
        const command = new GetItemCommand({ TableName, Key: { task, slot }, ConsistentRead: true })
        return isWrite ? (await client.send(command)).Item : undefined
      }
      const OldImage = await image()
      const { status, ...answer } = await fetch(endpoint, {
        ...{ method: 'POST', body, headers: incoming.headers as Record<string, string> },
      }).then(async (one) => ({ status: one.status, bytes: Buffer.from(await one.arrayBuffer()) }))
      if (isWrite && status === 200) records.push({ dynamodb: { OldImage, NewImage: await image() } })
      outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.bytes)
    }),
  )
  return { server, records }
}

/** Returns whether an event has one of the values that a pattern lists, in each of its members. */
const matches = (pattern: Loose, event: Loose | undefined): boolean =>
  Object.entries(pattern).every(([name, part]) =>
    Array.isArray(part) ? part.includes(event?.[name]) : matches(part, event?.[name]),
  )

test('the pipe makes one event of each run that ends, and none of other writes', async () => {
  const dynalite = await startDynalite()
  const { server, records } = await startStream(dynalite.endpoint)
  const env = awsEnv(server)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(dynalite) })
  expect(await run('paid', ['true'], env)).toMatchObject({ code: 0 })
  expect(await run('paid', ['true'], env)).toMatchObject({ code: 0 })
  expect(await run('broken', ['false'], env)).toMatchObject({ code: 1 })
  const { SourceParameters, TargetParameters } = read('outcome-events')['Resources'].Pipe.Properties
  const pattern: Loose = JSON.parse(SourceParameters.FilterCriteria.Filters[0].Pattern)
  const valueAt = (path: string, record: Loose): unknown =>
    path.split('.').reduce<unknown>((value, name) => (value as Loose)[name], record)
  const ended = records.filter((record) => matches(pattern, record))
  const events: Loose[] = ended.map((record) =>
    JSON.parse(
      TargetParameters.InputTemplate.replace(/<\$\.([\w.]+)>/g, (_: string, path: string) =>
        JSON.stringify(valueAt(path, record)),
      ),
    ),
  )
  const slot = '2026-11-24T03:00:00Z'
  expect(events).toEqual([
    { task: 'paid', slot, state: 'COMPLETED', run: expect.stringMatching(/^\w{20}$/) },
    { task: 'broken', slot, state: 'FAILED', run: expect.stringMatching(/^\w{20}$/) },
  ])
  expect(records.length).toBeGreaterThan(events.length + 3)
  await Promise.all([server.stop(), dynalite.stop()])
}, 60_000)

test('the state machine starts only a batch again that was not started, and ends each other failure', async () => {
  const { States } = read('sync-batch')['Resources'].StateMachine.Properties.Definition
  const [{ Condition, Next }] = States.WasStarted.Choices
  const [is75, hasCode] = [...Condition.matchAll(/\/(.+?)\/\)/g)].map(([, pattern]) => new RegExp(pattern))
  const isAgain = (cause: string) => is75?.test(cause) || !hasCode?.test(cause)
  const next = (exitCode?: number) => {
    const container = {
      Name: 'batch',
      LastStatus: 'STOPPED',
      ...(exitCode === undefined ? {} : { ExitCode: exitCode }),
    }
    const cause = JSON.stringify({ Containers: [container], StoppedReason: 'exit code 75' })
    return exitCode === 0 ? States.Run.Next : isAgain(cause) ? Next : States.WasStarted.Default
  }
  const dynalite = await startDynalite()
  const env = awsEnv(dynalite)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env })
  const away = { ...env, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9', CRONLEDGER_LEDGER_TIMEOUT: '1s' }
  const path = []
  for (const [batch, at] of [
    ['true', away],
    ['true', env],
    ['true', env],
  ] as const) {
    path.push(next((await run('nightly', [batch], at)).code ?? undefined))
  }
  path.push(next((await run('other', ['false'], env)).code ?? undefined))
  path.push(next((await run('other', ['true'], env)).code ?? undefined))
  expect(path).toEqual(['Wait', 'Completed', 'Completed', 'Failed', 'Failed'])
  expect([next(), next(750), next(74)]).toEqual(['Wait', 'Failed', 'Failed'])
  const names = [Next, States.WasStarted.Default, States.Wait.Next, States.Run.Next, States.Run.Catch[0].Next]
  expect(Object.keys(States)).toEqual(expect.arrayContaining(names))
  await dynalite.stop()
}, 60_000)
