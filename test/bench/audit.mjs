// Part `audit`: reading a big ledger. `history` and `check` over many rows, in a file and in dynalite, and `check` over a
// year of minutes against a raw listing of the same rows.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchWriteItemCommand } from '@aws-sdk/client-dynamodb'
import Database from 'libsql'
import { NO_NOTES } from '../../dist/core/row/rejections.js'
import { encodeNotes } from '../../dist/core/row/stored-rejections.js'
import { encodeRow, formatSlot } from '../../dist/core/row/stored-row.js'
import { claimRow, finishRow } from '../../dist/core/row/transition.js'
import { createLedger } from '../../dist/index.js'
import { toItem } from '../../dist/store/dynamodb/item.js'
import { openFileDatabase } from '../../dist/store/file/database.js'
import { interleave, measure, ours, startServer, target } from './lab.mjs'

const START = Date.UTC(2025, 0, 1)
const MINUTE_MS = 60_000
const YEAR_MINUTES = 525_600
/** A sample takes seconds: five of them show the median, fifteen would take a quarter of an hour. */
const MOST_ROUNDS = 5
/** DynamoDB's own limit. */
const ROWS_PER_BATCH = 25
const BATCHES_AT_ONCE = 8

export async function run({ rounds, rows }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const server = await startServer()
  try {
    const [[, main]] = ours()
    const [some, year] = [join(folder, 'some.db'), join(folder, 'year.db')]
    seedFile(some, rows)
    seedFile(year, YEAR_MINUTES)
    const remote = { AWS_ENDPOINT_URL_DYNAMODB: server.direct }
    await measure([...main, 'setup', '--store', 'dynamodb:ledger'], remote)
    await seedDynamo(server.client, rows)

    const cli = (name, env, ...args) => ({ name, run: () => measure([...main, ...args], env) })
    const all = ['--task', 'minutely', '--all', '--format']
    const range = (minutes) => ['--since', formatSlot(START), '--until', formatSlot(START + minutes * MINUTE_MS)]
    const due = (minutes) => ['--task', 'minutely', ...range(minutes)]
    const minutely = ['--schedule', '* * * * *', '--from', formatSlot(START)]
    for (const store of [`file:${some}`, `file:${year}`, 'dynamodb:ledger'])
      await measure([...main, 'declare', 'minutely', '--store', store, ...minutely], remote)
    const jobs = [
      ...['ndjson', 'table'].map((format) =>
        cli(`history ${format}, file`, {}, 'history', '--store', `file:${some}`, ...all, format),
      ),
      cli('history ndjson, dynalite', remote, 'history', '--store', 'dynamodb:ledger', ...all, 'ndjson'),
      cli('check, file', {}, 'check', '--store', `file:${some}`, ...due(rows)),
      cli('check, dynalite', remote, 'check', '--store', 'dynamodb:ledger', ...due(rows)),
      cli('check, a year of minutes, file', {}, 'check', '--store', `file:${year}`, ...due(YEAR_MINUTES)),
      { name: 'library: raw listing of the year', run: () => timed(() => listing(year)) },
      { name: 'library: raw SQL of the year', run: () => timed(() => rawSql(year)) },
      { name: 'library: check of the year', run: () => timed(() => check(year)) },
    ]
    const medians = await interleave(Math.min(rounds, MOST_ROUNDS), jobs)
    const of = (name) => medians.get(`library: ${name} of the year`)
    const ratio = of('check').cpuMs / of('raw listing').cpuMs
    return { medians, targets: [target('check of a year of minutes: CPU / raw listing', ratio, '<=', 1.5)] }
  } finally {
    server.stop()
    rmSync(folder, { recursive: true })
  }
}

/** A finished row of each minute. */
function* minutes(count) {
  for (let index = 0; index < count; index += 1) {
    const slot = START + index * MINUTE_MS
    const claim = {
      task: 'minutely',
      window: { slot, end: slot + MINUTE_MS },
      schedule: { expression: '* * * * *', zone: 'UTC' },
      zoneData: '2026a',
      runId: `run${index}`,
      trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
      host: { host: 'host' },
    }
    const begun = claimRow(null, claim, { writeId: 'a', now: slot }, 600_000)
    yield finishRow(begun, { outcome: 'succeeded', exitCode: 0 }, { writeId: 'b', now: slot + 5_000 })
  }
}

/** In one transaction: through the store, each row would wait for the disk. */
function seedFile(path, count) {
  const database = openFileDatabase(path)
  database.transact('create', ({ run }) => {
    for (const row of minutes(count)) {
      run(
        'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[formatSlot(row.slot).slice(0, 10), row.version, row.schemaVersion, JSON.stringify(encodeRow(row))],
        ...[JSON.stringify(encodeNotes(NO_NOTES)), row.task, formatSlot(row.slot)],
      )
    }
  })
  database.close()
}

async function seedDynamo(client, count) {
  const rows = minutes(count)
  const batches = Array.from({ length: BATCHES_AT_ONCE }, async () => {
    for (let puts = take(rows); puts.length > 0; puts = take(rows)) {
      await client.send(new BatchWriteItemCommand({ RequestItems: { ledger: puts } }))
    }
  })
  await Promise.all(batches)
}

function take(rows) {
  const puts = []
  while (puts.length < ROWS_PER_BATCH) {
    const { done, value } = rows.next()
    if (done) break
    puts.push({ PutRequest: { Item: toItem(encodeRow(value)) } })
  }
  return puts
}

async function timed(work) {
  const before = process.cpuUsage()
  const started = performance.now()
  const count = await work()
  if (count !== YEAR_MINUTES) throw new Error(`${count} rows of ${YEAR_MINUTES}`)
  const { user, system } = process.cpuUsage(before)
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - started }
}

/** Every row by the library's own listing: what a check cannot go below. */
async function listing(path) {
  const ledger = createLedger({ store: `file:${path}` })
  let count = 0
  for await (const _ of ledger.history({ task: 'minutely' })) count += 1
  await ledger.close()
  return count
}

/** The same rows by SQLite alone, their JSON parsed and not looked at. */
function rawSql(path) {
  const database = new Database(path)
  let count = 0
  for (const { document, notes } of database
    .prepare('SELECT document, notes FROM rows WHERE task = ? ORDER BY slot DESC')
    .iterate('minutely')) {
    JSON.parse(document)
    JSON.parse(notes)
    count += 1
  }
  database.close()
  return count
}

async function check(path) {
  const ledger = createLedger({ store: `file:${path}` })
  const [since, until] = [new Date(START), new Date(START + YEAR_MINUTES * MINUTE_MS)]
  const options = { task: 'minutely', since, until, graceMs: 0 }
  for await (const finding of ledger.check(options)) throw new Error(`a finding: ${JSON.stringify(finding)}`)
  await ledger.close()
  return YEAR_MINUTES
}
