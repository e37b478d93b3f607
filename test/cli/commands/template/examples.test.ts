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
        method: 'POST',
        body,
        headers: incoming.headers as Record<string, string>,
      }).then(async (one) => ({ status: one.status, bytes: Buffer.from(await one.arrayBuffer()) }))
      if (isWrite && status === 200)
        records.push({ eventName: OldImage ? 'MODIFY' : 'INSERT', dynamodb: { OldImage, NewImage: await image() } })
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

test('the pipe makes one event of each run that ends and each slot that an operator settles, and none of other writes', async () => {
  const dynalite = await startDynalite()
  const { server, records } = await startStream(dynalite.endpoint)
  const env = awsEnv(server)
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(dynalite) })
  expect(await run('paid', ['true'], env)).toMatchObject({ code: 0 })
  expect(await run('paid', ['true'], env)).toMatchObject({ code: 0 })
  expect(await run('broken', ['false'], env)).toMatchObject({ code: 1 })
  const slot = '2026-11-24T03:00:00Z'
  const { SourceParameters, TargetParameters } = read('outcome-events')['Resources'].Pipe.Properties
  const settle = (task: string, slot: string, state: string) =>
    cronledger(
      ['resolve', '--store', 'dynamodb:ledger', '--task', task, '--slot', slot, '--state', state, '--reason', 'x'],
      { env },
    )
  expect(await settle('broken', slot, 'completed')).toMatchObject({ code: 0 })
  expect(await settle('paid', '2026-11-23T03:00:00Z', 'skipped')).toMatchObject({ code: 0 })
  const patterns: Loose[] = SourceParameters.FilterCriteria.Filters.map(({ Pattern }: Loose) => JSON.parse(Pattern))
  expect(patterns.length).toBeLessThanOrEqual(5)
  const valueAt = (path: string, record: Loose): unknown =>
    path.split('.').reduce<unknown>((value, name) => (value as Loose)?.[name], record)
  const ended = records.filter((record) => patterns.some((pattern) => matches(pattern, record)))
  const events: Loose[] = ended.map((record) =>
    JSON.parse(
      TargetParameters.InputTemplate.replace(/<\$\.([\w.]+)>/g, (_: string, path: string) =>
        JSON.stringify(valueAt(path, record) ?? null),
      ),
    ),
  )
  expect(events).toEqual([
    { task: 'paid', slot, state: 'COMPLETED', run: expect.stringMatching(/^\w{20}$/) },
    { task: 'broken', slot, state: 'FAILED', run: expect.stringMatching(/^\w{20}$/) },
    { task: 'broken', slot, state: 'COMPLETED', run: expect.stringMatching(/^\w{20}$/) },
    { task: 'paid', slot: '2026-11-23T03:00:00Z', state: 'SKIPPED', run: expect.stringMatching(/^\w{20}$/) },
  ])
  expect(records.length).toBeGreaterThan(events.length + 3)
  await Promise.all([server.stop(), dynalite.stop()])
}, 60_000)

/** Returns the value of a condition in JSONata, as far as the example uses it. */
const isTrue = (condition: string, cause: string, tries: number): boolean =>
  Function(
    'cause',
    'tries',
    `return ${condition
      .replace(/^\{% | %\}$/g, '')
      .replaceAll(/\$contains\(\$cause, (\/.+?\/)\)/g, '$1.test(cause)')
      .replaceAll(/\$tries/g, 'tries')
      .replaceAll(/\$not\(/g, '!(')
      .replaceAll(/ = /g, ' === ')
      .replaceAll(/ and /g, ' && ')
      .replaceAll(/ or /g, ' || ')}`,
  )(cause, tries)

test('what comes after the batch starts once, after its success, and a second execution ends', async () => {
  const { States, TimeoutSeconds } = read('sync-batch')['Resources'].StateMachine.Properties.Definition
  const next = (exitCode?: number, tries = 2, stopCode = 'EssentialContainerExited'): string => {
    if (exitCode === 0) return States.Run.Next
    const container = { Name: 'batch', ...(exitCode === undefined ? {} : { ExitCode: exitCode }) }
    const cause = JSON.stringify({ Containers: [container], StopCode: stopCode, StoppedReason: 'exit code 75' })
    let state: string = States.Run.Catch[0].Next
    while (States[state].Type === 'Choice') {
      const { Choices, Default } = States[state]
      state = Choices.find(({ Condition }: Loose) => isTrue(Condition, cause, tries))?.Next ?? Default
    }
    return state
  }
  const [{ Environment }] = States.Run.Arguments.Overrides.ContainerOverrides
  const variables = Object.fromEntries(Environment.map(({ Name, Value }: Loose) => [Name, Value]))
  const onDuplicate = { CRONLEDGER_EXIT_ON_DUPLICATE: variables['CRONLEDGER_EXIT_ON_DUPLICATE'] }
  const dynalite = await startDynalite()
  const env = { ...awsEnv(dynalite), ...onDuplicate }
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env })
  const away = { ...env, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9', CRONLEDGER_LEDGER_TIMEOUT: '1s' }
  const ended = async (task: string, batch: string, at: Record<string, string>) =>
    next((await run(task, [batch], at)).code ?? undefined)
  expect(await ended('nightly', 'true', away)).toBe('Wait')
  expect(await ended('nightly', 'true', env)).toBe('Completed')
  expect(await ended('nightly', 'true', env)).toBe('Duplicate')
  expect(await ended('other', 'false', env)).toBe('Failed')
  expect(await ended('other', 'true', env)).toBe('Failed')
  // A second try after Spot may start a second attempt.
  expect(await ended('other', 'true', { ...env, CRONLEDGER_MAX_ATTEMPTS: '2' })).toBe('Completed')
  expect([next(), next(750), next(74), next(143)]).toEqual(['Wait', 'Failed', 'Failed', 'Failed'])
  expect([next(143, 2, 'SpotInterruption'), next(143, 6, 'SpotInterruption')]).toEqual(['Wait', 'Failed'])
  // Its own lost task looks as if it were running, until its lease ends. Then the ledger refuses.
  expect([next(3, 3), next(3, 6), next(65, 4)]).toEqual(['Wait', 'Duplicate', 'Failed'])
  expect(Object.keys(States)).toEqual(expect.arrayContaining([States.Wait.Next, 'Completed', 'Duplicate', 'Failed']))
  expect(TimeoutSeconds).toBe(86_400)
  await dynalite.stop()
}, 60_000)
