// Each version must read and continue the ledgers of every version before it. CONTRIBUTING says how to freeze one.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { isUnreadable, statusOfRow } from '../../../src/core/row/status.ts'
import { decodeRow, encodeNotes, encodeRow } from '../../../src/core/row/stored-row.ts'
import { decodeTaskRecord, encodeTaskRecord, isNewerRecord } from '../../../src/core/task/task-record.ts'
import type { Status } from '../../../src/core/types.ts'
import { createLedger, type Ledger } from '../../../src/index.ts'
import { fromItem, type Item } from '../../../src/store/dynamodb/item.ts'
import { setUpTable } from '../../../src/store/dynamodb/setup-table.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import { scratch } from '../../support/cli.ts'
import { awsEnv, CREDENTIALS, openTestStore, REGION, type Server, startDynalite } from '../../support/servers.ts'
import { FROZEN_AT, writeStory } from './story.ts'

const LEDGERS = fileURLToPath(new URL('../../fixtures/ledgers', import.meta.url))
const VERSIONS = existsSync(LEDGERS) ? readdirSync(LEDGERS) : []
const folder = scratch()
const HOUR_MS = 3_600_000

let dynalite: Server
let client: DynamoDBClient
beforeAll(async () => {
  dynalite = await startDynalite()
  client = new DynamoDBClient({ endpoint: dynalite.endpoint, region: REGION, credentials: CREDENTIALS })
  for (const [name, value] of Object.entries(awsEnv(dynalite))) vi.stubEnv(name, value)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
  client.destroy()
  await dynalite.stop()
})

const setClock = (now: number) => vi.useFakeTimers({ toFake: ['Date'], now })
const textOf = (version: string, file: string) => readFileSync(join(LEDGERS, version, file), 'utf8')
const itemsOf = (version: string): readonly Item[] =>
  textOf(version, 'items.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const rowsOf = (version: string) =>
  Object.entries<Status>(JSON.parse(textOf(version, 'statuses.json'))).map(([name, status]) => {
    const [task = '', slot = ''] = name.split(' ')
    return { task, slot, status }
  })

const openers: Readonly<Record<string, (version: string) => Promise<Ledger>>> = {
  async file(version) {
    const path = join(folder, `${version}.db`)
    copyFileSync(join(LEDGERS, version, 'ledger.db'), path)
    return createLedger({ store: `file:${path}` })
  },
  async dynamodb(version) {
    await setUpTable({ table: version, env: process.env }, { signal: AbortSignal.timeout(60_000) })
    for (const Item of itemsOf(version)) await client.send(new PutItemCommand({ TableName: version, Item }))
    return createLedger({ store: `dynamodb:${version}` })
  },
}

describe.each(VERSIONS)('a ledger of %s', (version) => {
  describe.each(Object.entries(openers))('in a store of the kind %s', (_, open) => {
    let ledger: Ledger
    beforeAll(async () => {
      setClock(FROZEN_AT)
      ledger = await open(version)
    })
    afterAll(() => ledger.close())

    const trigger = (task: string, slot: string, more = {}) =>
      ledger.run({ task, ...scheduleOf(task), eventTime: slot, ...more }, () => 'done')

    test('every row is read, with the status that it had', async () => {
      setClock(FROZEN_AT)
      for (const { task, slot, status } of rowsOf(version)) {
        const row = await ledger.get({ task, slot })
        if (row === null) throw new Error(`${task} ${slot} has no row`)
        expect(statusOfRow(row, { now: FROZEN_AT, skewMs: 30_000 }), `${task} ${slot}`).toBe(status)
      }
    })

    test('every listing has every row, and every task', async () => {
      setClock(FROZEN_AT)
      const names = new Set(rowsOf(version).map(({ task }) => task))
      const known = await all(ledger.tasks())
      expect(known.map(({ task }) => task)).toEqual([...names].sort())
      for (const name of names) {
        const wanted = rowsOf(version).filter(({ task }) => task === name)
        const found = (await all(ledger.slots({ task: name }))).filter(({ row }) => row !== null)
        expect(found).toHaveLength(wanted.length)
      }
      expect(await all(ledger.history({ since: new Date('2026-11-20') }))).toHaveLength(rowsOf(version).length)
    })

    test('a check finds what failed, is stale and was missed', async () => {
      setClock(FROZEN_AT)
      const range = { since: new Date('2026-11-20T00:00:00Z'), until: new Date(FROZEN_AT) }
      const findings = await all(ledger.check({ task: 'every-kind', ...range }))
      const wanted = rowsOf(version).filter(({ status }) => status === 'failed' || status === 'stale')
      expect(findings.map(({ slot }) => slot)).toEqual(
        expect.arrayContaining(wanted.map(({ slot }) => Date.parse(slot))),
      )
      expect(findings.some(({ kind }) => kind === 'missed')).toBe(true)
    })

    test('nothing starts in a slot that is done, was skipped, or is running', async () => {
      setClock(FROZEN_AT)
      const done: readonly Status[] = ['completed', 'skipped', 'running', 'waiting']
      for (const { task, slot } of rowsOf(version).filter(({ status }) => done.includes(status))) {
        expect(await trigger(task, slot), `${task} ${slot}`).toMatchObject({ status: 'duplicate' })
      }
    })

    test('an operator resolves a stale slot', async () => {
      setClock(FROZEN_AT)
      const stale = rowsOf(version).find(({ status }) => status === 'stale')
      if (stale === undefined) throw new Error('no stale row')
      const resolution = { task: stale.task, slot: stale.slot, reason: 'looked at the data', by: 'ada' }
      expect(await ledger.resolve({ ...resolution, state: 'completed' })).toMatchObject({ kind: 'resolved' })
    })

    test('each task goes on: its next slot runs, and a paused one does not', async () => {
      setClock(FROZEN_AT + HOUR_MS)
      const next = '2026-11-24T13:00:00Z'
      for (const task of ['every-kind', 'waiting', 'retired']) {
        expect(await trigger(task, next), task).toMatchObject({ status: 'completed', value: 'done' })
      }
      expect(await trigger('running', next, { overlap: 'skip' })).toMatchObject({ status: 'completed' })
      expect(await trigger('paused', next)).toMatchObject({ status: 'paused' })
    })
  })

  test('a write of this version keeps every value of its rows and records', () => {
    for (const stored of itemsOf(version).map(fromItem)) {
      if (stored['slot'] === '#lock') continue
      const [before, after] =
        stored['slot'] === '#task' ? [stored['document'], recordAgain(stored)] : [stored, rowAgain(stored)]
      // A later version may have another layout, as long as it reads this one.
      expect(after).toMatchObject({ ...Object(before), schemaVersion: expect.any(Number) })
    }
  })
})

type Stored = Readonly<Record<string, unknown>>

function rowAgain(stored: Stored): Stored {
  const row = decodeRow(stored)
  if (isUnreadable(row)) throw new Error('a newer row')
  // The run ids of the notes are only for the store, and no other code reads them.
  const { rejectedBy } = stored
  return { ...encodeRow(row), ...encodeNotes({ ...row.rejections, rejectedBy: [] }), rejectedBy }
}

function recordAgain({ task, document }: Stored): Stored {
  const record = decodeTaskRecord(document, String(task))
  if (isNewerRecord(record)) throw new Error('a newer record')
  return encodeTaskRecord(record)
}

function scheduleOf(task: string) {
  if (task === 'once') return { schedule: 'at(2026-11-24T12:00:00)' }
  if (task === 'running') return { schedule: 'rate(1 hour)', anchor: '2026-11-22T00:00:00Z' }
  return { schedule: '0 * * * *', timezone: task === 'waiting' || task === 'every-kind' ? 'Asia/Tokyo' : 'UTC' }
}

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

test.runIf(process.env['FREEZE'])('freezes a ledger of this version', async () => {
  const target = join(LEDGERS, String(process.env['FREEZE']))
  mkdirSync(target, { recursive: true })
  const file = openFileStore(join(target, 'ledger.db'))
  const statuses = await writeStory(file)
  file.close()
  await setUpTable({ table: 'ledger', env: process.env }, { signal: AbortSignal.timeout(60_000) })
  const table = openTestStore(dynalite.endpoint)
  await writeStory(table)
  table.close()
  const { Items = [] } = await client.send(new ScanCommand({ TableName: 'ledger' }))
  const lines = Items.map((item) => JSON.stringify(item)).sort()
  writeFileSync(join(target, 'items.jsonl'), `${lines.join('\n')}\n`)
  writeFileSync(join(target, 'statuses.json'), `${JSON.stringify(statuses, null, 1)}\n`)
})
