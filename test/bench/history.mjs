// `npm run build && node test/bench/history.mjs [ROWS]`: what `history` costs on a file ledger with that many rows.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { NO_NOTES } from '../../dist/core/rejections.js'
import { encodeNotes, encodeRow, formatSlot } from '../../dist/core/row.js'
import { claimed, finished } from '../../dist/core/transition.js'
import { createLedger } from '../../dist/index.js'
import { openFileDatabase } from '../../dist/store/file-database.js'

const ROWS = Number(process.argv[2] ?? 100_000)
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** Prints the peak of the process's memory, in KB, when it ends. */
const PEAK = `data:text/javascript,process.on('exit',()=>process._rawDebug(process.resourceUsage().maxRSS))`

const folder = mkdtempSync(join(tmpdir(), 'cronledger-bench-'))
try {
  const path = join(folder, 'ledger.db')
  seed(path)
  for (const format of ['ndjson', 'json', 'csv', 'table']) print(format, await measure(path, format))
  print('pages', await pageTimes(path))
} finally {
  rmSync(folder, { recursive: true })
}

function seed(path) {
  openFileDatabase(path).transact('create', ({ run }) => {
    for (let index = 0; index < ROWS; index += 1) {
      const slot = Date.UTC(2026, 0, 1) + index * 60_000
      const claim = {
        task: 'minutely',
        window: { slot, end: slot + 60_000 },
        schedule: { expression: '* * * * *', zone: 'Asia/Tokyo' },
        zoneData: '2026a',
        runId: `run${index}`,
        trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
        place: { host: 'host' },
      }
      const ending = { outcome: 'succeeded', exitCode: 0 }
      const row = finished(claimed(null, claim, { writeId: 'a', now: slot }, 600_000), ending, {
        writeId: 'b',
        now: slot + 5_000,
      })
      run(
        'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[formatSlot(slot).slice(0, 10), row.version, row.schemaVersion, JSON.stringify(encodeRow(row))],
        ...[JSON.stringify(encodeNotes(NO_NOTES)), row.task, formatSlot(slot)],
      )
    }
  })
}

async function measure(path, format) {
  const args = [MAIN, 'history', '--store', `file:${path}`, '--task', 'minutely', '--all', '--format', format]
  const before = performance.now()
  const child = spawn(process.execPath, ['--import', PEAK, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [firstMs, lines, peakKb] = [0, 0, '']
  child.stdout.on('data', (chunk) => {
    firstMs ||= performance.now() - before
    for (const byte of chunk) if (byte === 10) lines += 1
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    peakKb += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, lines, firstMs, allMs: performance.now() - before, peakMb: Number(peakKb) / 1024 }
}

async function pageTimes(path) {
  const times = []
  let [count, before] = [0, performance.now()]
  for await (const _ of createLedger({ store: `file:${path}` }).history({ task: 'minutely' })) {
    count += 1
    if (count % 100 !== 0) continue
    times.push(performance.now() - before)
    before = performance.now()
  }
  const median = (some) => some.sort((one, other) => one - other)[Math.floor(some.length / 2)]
  const share = Math.ceil(times.length / 10)
  // The very first pages also compile the code.
  const [firstMs, lastMs] = [median(times.slice(share, 2 * share)), median(times.slice(-share))]
  return { firstMs, lastMs, ratio: lastMs / firstMs }
}

function print(name, figures) {
  const texts = Object.entries(figures).map(([key, value]) => `${key} ${Math.round(value * 100) / 100}`)
  process.stdout.write(`${name}: ${texts.join(', ')}\n`)
}
