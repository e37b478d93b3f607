import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../src/core/task/findings.ts'
import { createLedger } from '../../../src/ledger.ts'
import { openFileDatabase } from '../../../src/store/file/database.ts'
import { readNeeds, readOverview } from '../../../src/web/server/read-overview.ts'
import { cronledger, scratch } from '../../support/cli.ts'
import { fillFile, type PlannedTask } from '../../support/page-ledger.ts'

const NOW = Date.now()
const HOUR_MS = 3_600_000
const folder = scratch()
const ledgers: ReturnType<typeof createLedger>[] = []
afterAll(() => Promise.all(ledgers.map((ledger) => ledger.close())))

function reading(path: string) {
  const ledger = createLedger({ store: `file:${path}` })
  ledgers.push(ledger)
  const signal = new AbortController().signal
  return { ledger, ledgerTimeoutMs: 10_000, signal, now: NOW, skewMs: 30_000, graceMs: 900_000 }
}

const hourly = (task: string, fateOf: PlannedTask['fateOf'] = () => 'succeeded'): PlannedTask => ({
  task,
  spec: { expression: '0 * * * *', zone: 'UTC' },
  count: 20,
  fateOf,
})

/** Three tasks. The first and the last one have a failure, and the one between them has a row that cannot be read. */
async function withMalformed(name: string): Promise<string> {
  const path = join(folder, name)
  await fillFile(
    path,
    ['a', 'b', 'c'].map((task) => hourly(task, (ago) => (ago === 3 ? 'failed' : 'succeeded'))),
    NOW,
  )
  const database = openFileDatabase(path)
  database.transact('write', ({ run }) =>
    run(`UPDATE rows SET document = json_set(document, '$.state', 'LOST') WHERE task = 'b'`),
  )
  database.close()
  return path
}

test('a row that cannot be read is named with its task, and the findings of the others are counted', async () => {
  const own = reading(await withMalformed('malformed.db'))
  const needs = await readNeeds({ span: { since: NOW - 24 * HOUR_MS, until: NOW }, when: 'today' }, own)
  expect(needs.count).toEqual({ ...NO_FINDINGS, failed: 2 })
  expect(needs.found.map(({ task, kind }) => `${task} ${kind}`)).toEqual(['a failed', 'c failed'])
  expect(needs.problems).toEqual([expect.stringMatching(/^task b: row b .*state is "LOST"/)])
})

test('late slots are found if --late-after is given, as by check', async () => {
  const path = join(folder, 'late.db')
  // In the middle of an hour: each starts some seconds after its slot, and has started by then.
  const until = NOW - (NOW % HOUR_MS) - 2.5 * HOUR_MS
  await fillFile(path, [hourly('a')], until)
  const args = ['--store', `file:${path}`, '--late-after', '1s', '--until', new Date(until).toISOString()]
  const report = await cronledger(['report', ...args, '--out', '-'])
  expect(report.stdout).toContain('<strong>20 slots need attention:</strong> 20 late')
  expect(report.stdout.match(/· late: started \d+(\.\d)?s after the scheduled time/g)).toHaveLength(20)
  expect((await cronledger(['check', ...args])).stdout).toMatch(/\n20 slots need attention: 20 late\n$/)
  const needs = await readNeeds({ span: { since: 0, until }, when: '' }, { ...reading(path), lateAfterMs: 1_000 })
  expect(needs.count).toEqual({ ...NO_FINDINGS, late: 20 })
})

test('a report tells it too, beside the chapters of the others', async () => {
  const store = `file:${await withMalformed('report.db')}`
  const { code, stdout } = await cronledger(['report', '--store', store, '--out', '-'])
  expect(code).toBe(0)
  expect(stdout).toContain('<strong>At least 2 slots need attention:</strong> 2 failed')
  expect(stdout).toMatch(/<h2>b<\/h2>.*<p class="problem">row b .*<h2>c<\/h2>.*<\/html>$/s)
  expect(stdout.match(/<article/g)).toHaveLength(40)
})

test('a task without a record is not said to be well', async () => {
  const path = join(folder, 'one.db')
  await fillFile(path, [hourly('a')], NOW)
  const span = { since: NOW - 24 * HOUR_MS, until: NOW }
  expect((await readNeeds({ span, when: 'today', task: 'x' }, reading(path))).problems).toEqual([
    'task x: no scheduled run is recorded, so its missed slots are unknown',
  ])
})

test('slots that are resolved ahead do not push out earlier ones', async () => {
  const path = join(folder, 'ahead.db')
  await fillFile(path, [hourly('a', (ago) => (ago < 10 ? 'skipped' : 'succeeded'))], NOW)
  // Half of its slots are still to come, and all of them are resolved.
  const now = NOW - 10 * HOUR_MS
  const { lines } = await readOverview({}, { ...reading(path), now })
  const statuses = lines[0]?.cells.map(({ slot, status }) => (slot > now ? `ahead ${status}` : status))
  expect(statuses).toEqual([...Array(10).fill('completed'), ...Array(3).fill('ahead skipped')])
  expect(lines[0]?.lastSuccess).toBe(Math.floor(now / HOUR_MS) * HOUR_MS)
})

test('a report of a task without a record has the words and the zone of its newest row', async () => {
  const path = join(folder, 'lone.db')
  await fillFile(path, [hourly('other')], NOW)
  const store = `file:${path}`
  const given = ['--store', store, '--task', 'lone']
  const slot = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo', '--slot', '2026-11-23T18:00:00Z']
  const resolved = await cronledger(['resolve', ...given, ...slot, '--state', 'skipped', '--reason', 'holiday'])
  expect(resolved.code).toBe(0)
  const { stdout } = await cronledger([
    'report',
    ...given,
    '--since',
    '2026-11-24',
    '--until',
    '2026-11-24',
    '--out',
    '-',
  ])
  expect(stdout.match(/At 03:00 · Asia\/Tokyo/g)).toHaveLength(2)
  expect(stdout).toContain('<h1>Report from 2026-11-24 00:00 Asia/Tokyo (2026-11-23T15:00:00Z) to ')
  expect(stdout).toContain('(from its newest run, because no scheduled run is recorded)')
})

/** Two tasks that missed their ten newest slots. The first one was paused for that time, and the second one is retired. */
async function withSuspended(name: string) {
  const path = join(folder, name)
  const missed = (task: string) => hourly(task, (ago) => (ago < 10 ? 'missed' : 'succeeded'))
  await fillFile(path, ['paused', 'retired', 'well'].map(missed), NOW)
  const own = reading(path)
  const by = 'ada'
  await own.ledger.pause({ task: 'paused', reason: 'database upgrade', by, from: new Date(NOW - 11 * HOUR_MS) })
  await own.ledger.retire({ task: 'retired', reason: 'replaced', by })
  return { path, own }
}

test('slots in a pause or after a retirement are not shown as missed', async () => {
  const { own } = await withSuspended('suspended.db')
  const { lines } = await readOverview({}, own)
  expect(lines.map(({ task, suspended, next }) => [task, suspended?.kind, next === null])).toEqual([
    ['paused', 'pause', true],
    ['retired', 'retirement', true],
    ['well', undefined, false],
  ])
  const missed = lines.map(({ cells }) => cells.filter(({ status }) => status === 'missed').length)
  // The grace period of the newest slot may not be over yet.
  expect([
    [0, 0, 9],
    [0, 0, 10],
  ]).toContainEqual(missed)
  const needs = await readNeeds({ span: { since: NOW - 24 * HOUR_MS, until: NOW }, when: 'today' }, own)
  expect(needs.found.map(({ task }) => task)).toEqual(Array(needs.count.missed).fill('well'))
})

test('a report says who paused a task, and lists the retired tasks apart', async () => {
  const { path } = await withSuspended('suspended-report.db')
  const { stdout } = await cronledger(['report', '--store', `file:${path}`, '--out', '-'])
  expect(stdout).toMatch(/>paused<\/a>.*<strong>paused<\/strong> since .* by ada: database upgrade/s)
  expect(stdout).toMatch(/>well<\/a>.*>Retired tasks<\/h3>.*>retired<\/a>.*<strong>retired<\/strong> since /s)
  expect(stdout.match(/>Pauses and retirements<\/h3>/g)).toHaveLength(2)
  expect(stdout.match(/>retired<\/a>/g)).toHaveLength(1)
})

test('a report of retired tasks only has them in their part', async () => {
  const path = join(folder, 'retired-only.db')
  await fillFile(path, [hourly('a')], NOW)
  const { ledger } = reading(path)
  await ledger.retire({ task: 'a', reason: 'replaced', by: 'ada' })
  const { stdout } = await cronledger(['report', '--store', `file:${path}`, '--out', '-'])
  expect(stdout).toMatch(/>Retired tasks<\/h3>.*>a<\/a>/s)
  expect(stdout).not.toContain('Tasks appear here after their first run.')
})
