import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createLedger } from '../../../../src/ledger.ts'
import { beginNeeds } from '../../../../src/web/server/read/needs.ts'
import { readOverview, slotsPerTask } from '../../../../src/web/server/read/overview.ts'
import type { Reading } from '../../../../src/web/server/read/reading.ts'
import { readTask, readTaskPage } from '../../../../src/web/server/read/task.ts'
import type { OverviewQuery } from '../../../../src/web/views/frame/links.ts'
import { Overview } from '../../../../src/web/views/overview/overview.tsx'
import { scratch } from '../../../support/cli.ts'
import { fillFile, type PlannedTask } from '../../../support/pages/ledger.ts'

const HOUR_MS = 3_600_000
/** Not in the last minutes of an hour, because then all tasks are due next at the same time. */
const NOW = Date.now() - Math.max(0, (Date.now() % HOUR_MS) - 57 * 60_000)
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

async function overview(query: OverviewQuery, own: Reading) {
  const needs = beginNeeds(own.now - 7 * 24 * HOUR_MS, own).whole
  const modelWith = await readOverview(query, needs, own)
  return modelWith(await needs)
}

test('slots that are resolved ahead are not on the axis, which ends now', async () => {
  const path = join(folder, 'ahead.db')
  await fillFile(path, [hourly('a', (ago) => (ago < 10 ? 'skipped' : 'succeeded'))], NOW)
  // Half of its slots are still to come, and all of them are resolved.
  const now = NOW - 10 * HOUR_MS
  const { lines, axis } = await overview({ span: '24h' }, { ...reading(path), now })
  const marks = lines[0]?.cells.flatMap((cell) => (cell === null ? [] : [cell.mark]))
  expect(marks).toEqual(Array(10).fill('completed'))
  expect(axis.columns.at(-1)?.from).toBeLessThanOrEqual(now)
  expect(lines[0]?.lastSuccess).toBe(Math.floor(now / HOUR_MS) * HOUR_MS)
})

test('the columns before the slots that were read are marked as not read', async () => {
  const path = join(folder, 'unread.db')
  const minutely = (task: string) => ({ ...hourly(task), spec: { expression: '* * * * *', zone: 'UTC' }, count: 1_500 })
  await fillFile(path, ['a', 'b'].map(minutely), NOW)
  const { lines } = await overview({ span: '24h' }, reading(path))
  const { unread = 0, cells = [] } = lines[0] ?? {}
  // 800 slots are between 13 and 14 hours, and each hour has two columns.
  expect(cells.filter((cell) => cell !== null).length).toBeGreaterThanOrEqual(26)
  expect(cells.slice(0, unread)).toEqual(Array(unread).fill(null))
  expect(cells.slice(unread).every((cell) => cell !== null)).toBe(true)
  const whole = await overview({ span: '24h', q: 'b' }, reading(path))
  expect(whole.lines.map(({ unread }) => unread)).toEqual([0])
})

test('the tasks of a page: by a part or the begin of the name, by owner, and in three orders', async () => {
  const path = join(folder, 'filters.db')
  const slow = (ago: number) => (ago === 7 ? 'failed' : 'succeeded')
  await fillFile(path, [hourly('pay/a', slow), hourly('pay/b'), hourly('repay/c')], NOW)
  const own = reading(path)
  await own.ledger.declare({ task: 'pay/b', schedule: '0 * * * *', owner: 'payments' })
  const shown = async (query: OverviewQuery) => {
    const model = await overview(query, own)
    const rows = [...String(Overview({ model, now: NOW })).matchAll(/<tr id="[^"]*" data-task="([^"]*)"/g)]
    return rows.map(([, task]) => task)
  }
  expect(await shown({ q: 'pay/' })).toEqual(['pay/a', 'pay/b', 'repay/c'])
  expect(await shown({ q: 'PAY/*' })).toEqual(['pay/a', 'pay/b'])
  expect(await shown({ owner: 'PAY' })).toEqual(['pay/b'])
  expect((await overview({}, own)).owners).toEqual(['payments'])
  expect((await shown({ sort: 'duration' })).toSorted()).toEqual(await shown({ sort: 'name' }))
  await expect(overview({ sort: 'size' }, own)).rejects.toThrow('sort "size" is not allowed')
})

test.each([
  [1, 31 * 24 * 60],
  [50, 800],
  [100, 500],
])('of %d tasks, at most %d slots each are read', (tasks, slots) => {
  expect(slotsPerTask(tasks)).toBe(slots)
})

test('the last success may be older than the axis', async () => {
  const path = join(folder, 'monthly.db')
  await fillFile(path, [{ ...hourly('a'), spec: { expression: '0 0 1 * *', zone: 'UTC' }, count: 3 }], NOW)
  const now = Date.UTC(new Date(NOW).getUTCFullYear(), new Date(NOW).getUTCMonth(), 20)
  const { lines } = await overview({}, { ...reading(path), now })
  expect(lines[0]?.lastSuccess).not.toBe(null)
})

test('a status filters the tasks, and the counts stay', async () => {
  const { own } = await withSuspended('filter.db')
  const all = await overview({}, own)
  expect(all.counts).toEqual([
    { state: 'missed', count: 1 },
    { state: 'paused', count: 1 },
    { state: 'retired', count: 1 },
  ])
  expect(all.total).toBe(3)
  expect(['well', 'paused', 'retired'].map(all.hasFindings)).toEqual([true, false, false])
  for (const [status, task] of [
    ['missed', 'well'],
    ['paused', 'paused'],
    ['retired', 'retired'],
  ]) {
    const { lines, counts } = await overview({ status }, own)
    expect(lines.map(({ task }) => task)).toEqual([task])
    expect(counts).toEqual(all.counts)
  }
  expect((await overview({ status: 'late' }, own)).lines).toEqual([])
  await expect(overview({ status: 'bad' }, own)).rejects.toThrow(
    /status "bad" is not allowed. Use one of failed, stale/,
  )
  await expect(overview({ span: '2d' }, own)).rejects.toThrow('span "2d" is not allowed. Use one of 24h, 7d, 30d.')
})

test('a status of a large ledger is looked for on all pages, and each order holds over all of them', async () => {
  const path = join(folder, 'large.db')
  const names = Array.from({ length: 130 }, (_, index) => `task-${String(index).padStart(3, '0')}`)
  const special: Readonly<Record<string, Partial<PlannedTask>>> = {
    'task-121': { fateOf: () => 'failed' },
    'task-122': { count: 20 },
    'task-123': { spec: { expression: '*/2 * * * *', zone: 'UTC' } },
  }
  await fillFile(
    path,
    names.map((task) => {
      const zone = task < 'task-100' ? 'UTC' : 'Asia/Tokyo'
      return { ...hourly(task), spec: { expression: '0 * * * *', zone }, count: 2, ...special[task] }
    }),
    NOW,
  )
  const own = reading(path)
  await own.ledger.pause({ task: 'task-125', reason: 'holiday', by: 'ada', from: new Date(NOW - HOUR_MS) })
  const first = await overview({}, own)
  expect(first).toMatchObject({
    total: 130,
    matching: 130,
    before: 0,
    counts: [
      { state: 'failed', count: 1 },
      { state: 'paused', count: 1 },
    ],
  })
  const second = await overview({ page: '2' }, own)
  // All pages have the zone of most tasks, and so have the problems.
  const { zone } = await beginNeeds(NOW - HOUR_MS, own).whole
  expect([zone, second.axis.clock.zone]).toEqual(['UTC', 'UTC'])
  const pages = [first, second].map(({ lines }) => lines.map(({ task }) => task))
  expect(pages.map((tasks) => tasks.length)).toEqual([100, 30])
  expect(pages.flat().toSorted()).toEqual(names)
  const firstBy = async (sort: string) => (await overview({ sort }, own)).lines[0]?.task
  expect([pages[0]?.[0], await firstBy('duration'), await firstBy('next'), await firstBy('name')]).toEqual([
    'task-121',
    'task-122',
    'task-123',
    'task-000',
  ])
  await expect(overview({ page: '0' }, own)).rejects.toThrow('page "0" is not allowed')
  const tasksOf = async (status: string) => (await overview({ status }, own)).lines.map(({ task }) => task)
  expect(await tasksOf('failed')).toEqual(['task-121'])
  expect(await tasksOf('paused')).toEqual(['task-125'])
  expect(await tasksOf('late')).toEqual([])
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

// promise: paused-is-not-missed
test('slots in a pause or after a retirement are not shown as missed', async () => {
  const { own } = await withSuspended('suspended.db')
  const { lines } = await overview({ span: '24h' }, own)
  expect(lines.map(({ task, suspended, next }) => [task, suspended?.kind, next === null])).toEqual([
    ['paused', 'pause', true],
    ['retired', 'retirement', true],
    ['well', undefined, false],
  ])
  const missed = lines.map(({ cells }) => cells.filter((cell) => cell?.mark === 'missed').length)
  // The grace period of the newest slot may not be over yet.
  expect([
    [0, 0, 9],
    [0, 0, 10],
  ]).toContainEqual(missed)
  const needs = await beginNeeds(NOW - 24 * HOUR_MS, own).whole
  expect([...needs.byTask.keys()]).toEqual(['well'])
})

test('a filtered history has its total on the first page', async () => {
  const path = join(folder, 'total.db')
  const plan = hourly('a', (ago) => (ago % 4 === 0 ? 'failed' : 'succeeded'))
  await fillFile(path, [{ ...plan, count: 200, rejectedOf: (ago) => (ago === 8 ? 2 : 0) }], NOW)
  const own = reading(path)
  const read = (await readTask('a', own)) ?? expect.unreachable()
  const page = await readTaskPage(read, { status: 'failed' }, own)
  expect([page.slots.length, page.total]).toEqual([31, { counts: { failed: 50 }, isWhole: true }])
  const next = { status: 'failed', before: new Date(page.before ?? expect.unreachable()).toISOString() }
  const second = await readTaskPage(read, next, own)
  expect([second.slots.length, second.total]).toEqual([19, null])
  expect((await readTaskPage(read, {}, own)).total).toBe(null)
})
