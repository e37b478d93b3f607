// Part `serve`: the pages of `cronledger serve` on file ledgers. The overview of 200 tasks of 60 slots against the raw reads
// that it needs, through the library; a page at the depth of many rows against the first one; the server's memory.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { NO_NOTES } from '../../dist/core/row/rejections.js'
import { encodeNotes } from '../../dist/core/row/stored-rejections.js'
import { encodeRow, formatSlot } from '../../dist/core/row/stored-row.js'
import { claimRow, finishRow } from '../../dist/core/row/transition.js'
import { EMPTY_TASK_RECORD, encodeTaskRecord } from '../../dist/core/task/task-record.js'
import { createLedger } from '../../dist/index.js'
import { openFileDatabase } from '../../dist/store/file/database.js'
import { ENV, interleave, ours, target } from './lab.mjs'

const TASKS = 200
const CELLS = 60
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** `serve` reuses an answer for five times as long as it took to make. A sample waits until the answer is made again. */
const SHARED = 6
const AT_ONCE = 40

export async function run({ rounds, rows }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const [wide, deep] = [join(folder, 'wide.db'), join(folder, 'deep.db')]
  const newest = (stepMs) => Math.floor(Date.now() / stepMs) * stepMs
  const minute = newest(MINUTE_MS)
  const names = Array.from({ length: TASKS }, (_, index) => `task-${String(index).padStart(4, '0')}`)
  seed(wide, { names, count: CELLS, newest: newest(DAY_MS), stepMs: DAY_MS, expression: '0 0 * * *' })
  seed(deep, { names: ['minutely'], count: rows, newest: minute, stepMs: MINUTE_MS, expression: '* * * * *' })
  const ledger = createLedger({ store: `file:${wide}` })
  const servers = [await serve(wide), await serve(deep)]
  try {
    const page = (before) => `${servers[1].url}task?task=minutely&before=${new Date(before).toISOString()}`
    const anew = async (url) => {
      const figures = await timed(() => load(url))
      await delay(SHARED * figures.wallMs)
      return figures
    }
    const medians = await interleave(rounds, [
      { name: 'raw reads of an overview', run: () => timed(() => rawReads(ledger)) },
      { name: 'overview, 200 tasks of 60 slots', run: () => anew(servers[0].url) },
      { name: 'page of the history, the first', run: () => timed(() => load(page(minute + 1))) },
      { name: 'page of the history, at depth', run: () => timed(() => load(page(minute - (rows - 200) * MINUTE_MS))) },
    ])
    const of = (name) => medians.get(name).wallMs
    const pages = Array.from({ length: AT_ONCE }, (_, index) => load(page(minute - index * 100 * MINUTE_MS)))
    await Promise.all([...pages, ...pages.map(() => load(servers[0].url))].map((one) => one.catch(() => null)))
    const peakMb = Math.max(...servers.map(({ peakMb }) => peakMb()))
    return {
      medians: medians.set('server under 80 requests at once', { peakMb }),
      targets: [
        target(
          'overview: wall / its raw reads',
          of('overview, 200 tasks of 60 slots') / of('raw reads of an overview'),
          '<=',
          3,
        ),
        target(
          'page at depth: wall / the first',
          of('page of the history, at depth') / of('page of the history, the first'),
          '<=',
          1.5,
        ),
        target('server: peak memory, MB', peakMb, '<=', 256),
      ],
    }
  } finally {
    for (const { stop } of servers) await stop()
    await ledger.close()
    rmSync(folder, { recursive: true })
  }
}

/** The registry, the newest 60 rows of each task, and what `check` reads of the last seven days. */
async function rawReads(ledger) {
  const now = Date.now()
  for await (const { task } of ledger.tasks()) {
    for await (const _ of ledger.history({ task, limit: CELLS }));
  }
  for await (const _ of ledger.check({ since: new Date(now - 7 * DAY_MS), until: new Date(now), graceMs: 900_000 }));
}

async function load(url) {
  const answer = await fetch(url)
  await answer.text()
  if (!answer.ok) throw new Error(`${url} is answered with ${answer.status}`)
}

async function timed(work) {
  const started = performance.now()
  await work()
  return { wallMs: performance.now() - started }
}

function seed(path, { names, count, newest, stepMs, expression }) {
  const schedule = { expression, zone: 'UTC' }
  const database = openFileDatabase(path)
  database.transact('create', ({ run }) => {
    for (const task of names) {
      for (let index = 0; index < count; index += 1) {
        const row = rowOf(task, newest - index * stepMs, stepMs, schedule)
        run(
          'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)',
          ...[formatSlot(row.slot).slice(0, 10), row.version, row.schemaVersion, JSON.stringify(encodeRow(row))],
          ...[JSON.stringify(encodeNotes(NO_NOTES)), task, formatSlot(row.slot)],
        )
      }
      const document = encodeTaskRecord({
        ...EMPTY_TASK_RECORD,
        schedules: [{ since: newest - (count - 1) * stepMs, spec: schedule }],
      })
      const sql = 'INSERT INTO entries (version, document, kind, task) VALUES (1, ?, ?, ?)'
      run(sql, JSON.stringify(document), '#task', task)
    }
  })
  database.close()
}

function rowOf(task, slot, stepMs, schedule) {
  const claim = {
    task,
    window: { slot, end: slot + stepMs },
    schedule,
    zoneData: '2026a',
    runId: `run${slot}`,
    trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
    host: { host: 'host' },
  }
  const begun = claimRow(null, claim, { writeId: 'a', now: slot }, 600_000)
  return finishRow(begun, { outcome: 'succeeded', exitCode: 0 }, { writeId: 'b', now: slot + 5_000 })
}

async function serve(path) {
  const [[, [program, ...args]]] = ours()
  const child = spawn(program, [...args, 'serve', '--store', `file:${path}`, '--port', '0'], {
    env: ENV,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return {
    url: line.trim(),
    peakMb: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    async stop() {
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
}
