// Part `audit`: reading a big ledger. `history` and `check` over many rows in a file, and `check` over a year of minutes
// against a raw listing of the same rows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatSlot } from '../../dist/core/row/stored-row.js'
import { createLedger } from '../../dist/index.js'
import { atMost, interleave, measure, ours, timed } from './lab.mjs'
import { seedFile } from './rows.mjs'

const START = Date.UTC(2025, 0, 1)
const MINUTE_MS = 60_000
const YEAR_MINUTES = 525_600
/** A sample takes seconds: five of them show the median. */
const MOST_ROUNDS = 5

export async function run({ rounds, rows }) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
  const end = (count) => START + count * MINUTE_MS
  const file = (name, count) => {
    const path = join(folder, name)
    const seed = { count, newest: end(count - 1), stepMs: MINUTE_MS, expression: '* * * * *' }
    seedFile(path, ['minutely'], seed)
    return `file:${path}`
  }
  const command = (name, store, ...args) => ({
    name,
    run: () => measure([...ours(), ...args, '--store', store, '--task', 'minutely']),
  })
  const range = (count) => ['--since', formatSlot(START), '--until', formatSlot(end(count))]
  try {
    const [some, year] = [file('some.db', rows), file('year.db', YEAR_MINUTES)]
    const medians = await interleave(Math.min(rounds, MOST_ROUNDS), [
      command('history, ndjson', some, 'history', '--limit', '0', '--format', 'ndjson'),
      command('history, table', some, 'history', '--limit', '0', '--format', 'table'),
      command('check', some, 'check', ...range(rows)),
      command('check, a year of minutes', year, 'check', ...range(YEAR_MINUTES)),
      { name: 'library: raw listing of the year', run: () => timed(() => listing(year)) },
      { name: 'library: check of the year', run: () => timed(() => check(year, end(YEAR_MINUTES))) },
    ])
    const of = (name) => medians.get(`library: ${name} of the year`).cpuMs
    return { medians, targets: [atMost('check of a year: CPU / raw listing', of('check') / of('raw listing'), 1.5)] }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function listing(store) {
  const ledger = createLedger({ store })
  let count = 0
  for await (const _ of ledger.history({ task: 'minutely' })) count += 1
  await ledger.close()
  if (count !== YEAR_MINUTES) throw new Error(`${count} rows of ${YEAR_MINUTES}`)
}

async function check(store, until) {
  const ledger = createLedger({ store })
  const options = { task: 'minutely', since: new Date(START), until: new Date(until), graceMs: 0 }
  for await (const finding of ledger.check(options)) throw new Error(`a finding: ${JSON.stringify(finding)}`)
  await ledger.close()
}
