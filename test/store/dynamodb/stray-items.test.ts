import { DeleteItemCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredDocument, StoredValue } from '../../../src/core/row/stored-fields.ts'
import { encodeRow } from '../../../src/core/row/stored-row.ts'
import { finishRow } from '../../../src/core/row/transition.ts'
import { encodeTaskRecord } from '../../../src/core/task/task-record.ts'
import { toItem } from '../../../src/store/dynamodb/item.ts'
import { cronledger } from '../../support/cli.ts'
import { serve } from '../../support/pages/serve.ts'
import { FAILED, recordWith } from '../../support/rows.ts'
import { awsEnv, CREDENTIALS, openTestStore, REGION, type Server, startDynalite } from '../../support/servers.ts'
import { startOfToday } from '../../support/today.ts'
import { claimOf } from '../contract.ts'

// The policy of a task's role limits it to its own partition, in which it may write anything. IAM cannot limit that.

const DAY = new Date(startOfToday() - 86_400_000).toISOString().slice(0, 10)
const SLOT = Date.parse(`${DAY}T03:00:00Z`)
const SPEC = { expression: `at(${DAY}T03:00:00)`, zone: 'UTC' }
const RECORD = encodeTaskRecord(recordWith([{ since: SLOT, spec: SPEC }]))
const CLAIM = { ...claimOf('stray', { slot: SLOT }), schedule: SPEC }
const ROW = encodeRow(CLAIM)

const record = (document: StoredValue) => ({ slot: '#task', day: '#task', version: 1, document })

const STRAYS: Readonly<Record<string, readonly StoredDocument[]>> = {
  'an item that the index lists as a task': [
    { slot: 'x', day: '#task' },
    { slot: '#lock', day: '#task' },
  ],
  'items that the index lists in a day': [
    { slot: 'x', day: DAY },
    { slot: '#task', day: DAY },
    { slot: `${DAY}x`, day: DAY },
    { slot: `${DAY}T02:00:00.5Z`, day: DAY },
  ],
  'damaged rows': [
    { slot: `${DAY}T01:00:00Z`, day: DAY },
    { ...ROW, slot: `${DAY}T01:10:00Z`, zone: 'Mars/Base' },
    { ...ROW, slot: `${DAY}T01:20:00Z`, schedule: 'often' },
    { ...ROW, slot: `${DAY}T01:30:00Z`, attempts: 'none' },
    { ...ROW, slot: `${DAY}T01:40:00Z`, coveredBy: `${DAY}T01:00:00.5Z` },
    { ...ROW, slot: `${DAY}T01:50:00Z`, coveredBy: `${DAY}T01:00:00Z` },
  ],
  'a row of another version': [{ slot: `${DAY}T02:00:00Z`, day: DAY, schemaVersion: 99 }],
  'a record without a version': [{ ...ROW }, { slot: '#task', day: '#task' }],
  'a record that is a text': [{ ...ROW }, record('text')],
  'a record of another version': [{ ...ROW }, record({ schemaVersion: 99 })],
  'a record with a zone that does not exist': [
    record(encodeTaskRecord(recordWith([{ since: SLOT, spec: { ...SPEC, zone: 'Mars/Base' } }]))),
  ],
  'a record with a schedule that is none': [
    record(encodeTaskRecord(recordWith([{ since: SLOT, spec: { ...SPEC, expression: 'often' } }]))),
  ],
}

let server: Server
let client: DynamoDBClient
beforeAll(async () => {
  server = await startDynalite()
  client = new DynamoDBClient({ endpoint: server.endpoint, region: REGION, credentials: CREDENTIALS })
  await cronledger(['setup', '--store', 'dynamodb:ledger'], { env: awsEnv(server) })
  const store = openTestStore(server.endpoint)
  const call = { signal: AbortSignal.timeout(60_000) }
  for (const task of ['alpha', 'zeta']) {
    const claim = { ...CLAIM, task }
    await store.put(claim, 'absent', call)
    await store.put(finishRow(claim, FAILED, { writeId: 'w', now: SLOT + 2_000 }), claim, call)
    await store.writeEntry({ kind: '#task', task }, { version: 1, document: RECORD }, 'absent', call)
  }
  store.close()
})
afterAll(async () => {
  client.destroy()
  await server.stop()
})

async function refill(items: readonly StoredDocument[]): Promise<void> {
  const TableName = 'ledger'
  const { Items = [] } = await client.send(new ScanCommand({ TableName }))
  for (const { task, slot } of Items) {
    if (task?.S !== 'stray' || slot === undefined) continue
    await client.send(new DeleteItemCommand({ TableName, Key: { task, slot } }))
  }
  const usual = items.some(({ slot }) => slot === '#task') ? [] : [record(RECORD)]
  for (const item of [...usual, ...items])
    await client.send(new PutItemCommand({ TableName, Item: toItem({ ...item, task: 'stray' }) }))
}

const LISTINGS: readonly (readonly string[])[] = [
  ['tasks'],
  ['tasks', '--json'],
  ['check', '--since', DAY],
  ['history', '--format', 'csv', '--since', DAY],
  ['history', '--format', 'ndjson', '--since', DAY, '--status', 'missed,failed'],
  ['rerun', '--all', '--from', DAY, '--reason', 'x'],
  ['show', 'zetta', '--slot', DAY],
  ['pause', '--all', '--from', '2026-01-01', '--until', '2026-01-02', '--reason', 'x'],
]

/** Returns the lines about the other tasks that each command prints, without what depends on the time and on widths. */
async function saidOfOthers() {
  const env = { ...awsEnv(server), CRONLEDGER_STORE: 'dynamodb:ledger' }
  const said: Record<string, readonly string[]> = {}
  for (const args of LISTINGS) {
    const { stdout, stderr } = await cronledger(args, { env })
    const lines = `${stdout}${stderr}`.split('\n').filter((line) => /alpha|zeta/.test(line))
    // The lanes of a script are numbered over all tasks.
    const lanes = lines.map((line) => line.replace(/\b(run_|slot )\d+/g, '$1N'))
    said[args.join(' ')] = lanes.map((line) => line.replaceAll(/\d+:\d\d:\d\d(\.\d+)?| +|,$/g, ' ').trim())
    if (args[0] === 'pause') expect(`${stdout}${stderr}`.split('stray: ').length).toBeLessThanOrEqual(2)
  }
  return said
}

let usual: Record<string, readonly string[]> = {}
beforeAll(async () => {
  await refill([])
  // The second pause finds that of the first.
  await saidOfOthers()
  usual = await saidOfOthers()
  for (const [name, lines] of Object.entries(usual)) expect(lines.length, name).toBeGreaterThan(0)
})

// promise: stray-items
test.each(Object.entries(STRAYS))(
  '%s in the partition of one task: no command says anything else of another task',
  async (_, items) => {
    await refill(items)
    expect(await saidOfOthers()).toEqual(usual)
  },
)

test('the pages show the other tasks, whatever is in the partition of one task', async () => {
  const served = await serve('dynamodb:ledger', { env: awsEnv(server) })
  for (const [name, items] of Object.entries(STRAYS)) {
    await refill(items)
    for (const path of ['', 'task?task=alpha']) {
      const answer = await fetch(`${served.url}${path}`)
      expect(await answer.text(), `${name}: ${path}`).toMatch(/alpha.*03:00/s)
      expect(answer.status).toBe(200)
    }
  }
  await served.stop()
})
