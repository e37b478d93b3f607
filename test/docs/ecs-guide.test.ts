import { execFile } from 'node:child_process'
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { awsExpression } from '../../src/core/schedule/aws-expression.ts'
import { readSchedule } from '../../src/core/schedule/schedule-options.ts'
import { AWS_PATH, aws, awsEnv, hasAws } from '../support/aws/aws.ts'
import { cronledger, type Loose, NIGHTLY, scratch } from '../support/cli.ts'
import { type Server, startAnswering, startMoto } from '../support/servers.ts'
import { blocksOf } from './markdown.ts'

const GUIDE = ['guides/ecs', 'reference/ecs', 'explanation/alternatives']
  .map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'))
  .join('\n')
const folder = scratch()
const STORE = ['--store', 'dynamodb:cronledger']
const TRIGGER = [...NIGHTLY, '--event-time', '2026-11-24T03:00:12Z']

function blocks(): readonly string[] {
  return blocksOf(GUIDE)
    .filter(({ kind }) => kind === 'sh')
    .map(({ text }) => text)
}

test('a second batch, or another table, needs no change but that of the values at the top', () => {
  const [values, ...commands] = blocks()
  expect(values).toContain('STACK=')
  const literal = /--(stack-name|table-name|task|cluster) (?!locks)[a-z]\S*/
  expect(commands.flatMap((code) => literal.exec(code)?.[0] ?? [])).toEqual([])
})

function block(text: string): string {
  const found = blocks().find((code) => code.includes(text))
  if (found === undefined) throw new Error(`the guide has no block with ${text}`)
  return found
}

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
  chmodSync(join(folder, name), 0o755)
}

describe.skipIf(!hasAws)('the guide for ECS', () => {
  let server: Server
  let runs = 0
  beforeAll(async () => {
    server = await startMoto()
    program('locked.sh', block('put-item'))
    program('batch.sh', '#!/bin/sh\necho paid >>paid.txt\n')
    const key = 'AttributeName=name,KeyType=HASH --attribute-definitions AttributeName=name,AttributeType=S'
    const table = `create-table --table-name locks --billing-mode PAY_PER_REQUEST --key-schema ${key}`
    await aws(server.endpoint, 'dynamodb', ...table.split(' '))
    await cronledger(['setup', ...STORE], { env: awsEnv(server.endpoint) })
  })
  afterAll(() => server.stop())

  /** How often the batch ran under one trigger: the script's, or cronledger's. */
  async function ranBy(trigger: () => Promise<unknown>): Promise<number> {
    await trigger()
    appendFileSync(join(folder, 'paid.txt'), '')
    const before = runs
    runs = readFileSync(join(folder, 'paid.txt'), 'utf8').split('\n').length - 1
    return runs - before
  }
  // The aws of the test comes first on the path.
  const env = () => ({ ...awsEnv(server.endpoint), PATH: `${AWS_PATH}:${process.env['PATH']}` })
  const script = () => promisify(execFile)('./locked.sh', { cwd: folder, env: env() })
  const ledger = () => cronledger(['run', ...STORE, ...TRIGGER, '--', './batch.sh'], { cwd: folder, env: env() })

  test('a second trigger after the first has finished: the script runs again, cronledger does not', async () => {
    expect([await ranBy(script), await ranBy(script)]).toEqual([1, 1])
    expect([await ranBy(ledger), await ranBy(ledger)]).toEqual([1, 0])
  })

  test('the overrides of run-task run the slot again', async () => {
    program('batch.sh', '#!/bin/sh\necho "$CRONLEDGER_RUN_SLOT"\n')
    const overrides = /--overrides '(.*?)'/s.exec(block('CRONLEDGER_FORCE_SLOT'))?.[1] ?? ''
    const { environment } = JSON.parse(overrides).containerOverrides[0]
    const variables = Object.fromEntries(environment.map(({ name, value }: Loose) => [name, value]))
    // The slot of the other tests has completed.
    const batch = ['run', ...STORE, '--task', 'failing', ...TRIGGER.slice(2)]
    expect((await cronledger([...batch, '--', 'false'], { env: env() })).code).toBe(1)
    const args = [...batch.slice(0, -2), '--', './batch.sh']
    const forced = await cronledger(args, { cwd: folder, env: { ...env(), ...variables } })
    expect(forced).toMatchObject({ code: 0, stdout: '2026-11-24T03:00:00Z\n' })
    const shown = await cronledger(['show', ...STORE, '--task', 'failing', '--slot', '2026-11-24'], { env: env() })
    expect(shown.stdout).toContain('forced by Ada Lovelace: bad input file')
  })

  test('the AWS command line accepts each run-task command, and sends it', async () => {
    const requests: Loose[] = []
    const ecs = await startAnswering((_, body) => {
      requests.push(JSON.parse(body))
      return { status: 200, body: '{}' }
    })
    const network = 'awsvpcConfiguration={subnets=[subnet-1,subnet-2]}'
    const names = { CLUSTER: 'batch', NETWORK: network, FAMILY: 'cronledger-nightly' }
    const env = { PATH: `${AWS_PATH}:/bin`, ...awsEnv(ecs.endpoint), ...names }
    const overrides = readFileSync(new URL('../fixtures/aws/scheduler-input.json', import.meta.url))
    writeFileSync(join(folder, 'trigger.json'), overrides)
    const script = blocks().filter((code) => code.includes('aws ecs run-task'))
    expect(script.length).toBe(5)
    await promisify(execFile)('sh', ['-euc', script.join('\n')], { cwd: folder, env })
    await ecs.stop()
    const request = {
      cluster: 'batch',
      launchType: 'FARGATE',
      taskDefinition: 'cronledger-nightly',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'] } },
      overrides: { containerOverrides: [{ name: 'batch' }] },
    }
    expect(requests).toMatchObject(script.map(() => request))
  })
})

test.each([
  ['0 3 * * 1-5', '2-6'],
  ['0 3 * * *', '* * ? *'],
])('the guide has the form of %s on EventBridge', (schedule, part) => {
  const { expression } = awsExpression(readSchedule({ schedule }), Date.now())
  expect(expression).toContain(part)
  expect(GUIDE).toContain(expression)
})
