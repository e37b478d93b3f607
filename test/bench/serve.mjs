// Part `serve`: the pages of `cronledger serve` on file ledgers. The overview of 100 tasks of 60 slots against the raw reads
// that it needs, through the library; a page at the depth of many rows against the first one; the server's memory.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createLedger } from '../../dist/index.js'
import { atMost, interleave, load, serve, timed } from './lab.mjs'
import { seedFile } from './rows.mjs'

const TASKS = 100
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
  seedFile(wide, names, { count: CELLS, newest: newest(DAY_MS), stepMs: DAY_MS, expression: '0 0 * * *' })
  seedFile(deep, ['minutely'], { count: rows, newest: minute, stepMs: MINUTE_MS, expression: '* * * * *' })
  const ledger = createLedger({ store: `file:${wide}` })
  const servers = [await serve({}, '--store', `file:${wide}`), await serve({}, '--store', `file:${deep}`)]
  try {
    const page = (before) => `${servers[1].url}task?task=minutely&before=${new Date(before).toISOString()}`
    const wall = async (work) => ({ wallMs: (await timed(work)).wallMs })
    const overview = async () => {
      const figures = await wall(() => load(servers[0].url))
      await delay(SHARED * figures.wallMs)
      return figures
    }
    const medians = await interleave(rounds, [
      { name: 'raw reads of an overview', run: () => wall(() => rawReads(ledger)) },
      { name: 'overview, 100 tasks of 60 slots', run: overview },
      { name: 'page of the history, the first', run: () => wall(() => load(page(minute + 1))) },
      { name: 'page of the history, at depth', run: () => wall(() => load(page(minute - (rows - 200) * MINUTE_MS))) },
    ])
    const pages = Array.from({ length: AT_ONCE }, (_, index) => load(page(minute - index * 100 * MINUTE_MS)))
    await Promise.all([...pages, ...pages.map(() => load(servers[0].url))].map((one) => one.catch(() => null)))
    const peakMb = Math.max(...servers.map(({ peakMb }) => peakMb()))
    const [reads, whole, first, atDepth] = [...medians.values()].map(({ wallMs }) => wallMs)
    return {
      medians: medians.set('server under 80 requests at once', { peakMb }),
      targets: [
        atMost('overview: wall / its raw reads', whole / reads, 3),
        atMost('page at depth: wall / the first', atDepth / first, 1.5),
        atMost('server: peak memory, MB', peakMb, 256),
      ],
    }
  } finally {
    for (const { stop } of servers) await stop()
    await ledger.close()
    rmSync(folder, { recursive: true })
  }
}

async function rawReads(ledger) {
  const now = Date.now()
  for await (const { task } of ledger.tasks()) {
    for await (const _ of ledger.history({ task, limit: CELLS }));
  }
  for await (const _ of ledger.check({ since: new Date(now - 7 * DAY_MS), until: new Date(now), graceMs: 900_000 }));
}
