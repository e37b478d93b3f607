// `npm run bench [-- PART… --rounds N --rows N --tasks N --json FILE]`: what cronledger costs, against a floor and against what people use instead.
import { execFileSync } from 'node:child_process'

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { dirname, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { here } from './lab.mjs'

const PARTS = ['process', 'library', 'claims', 'slots', 'audit', 'serve', 'scale']
/** An odd number, so that a median is one of the samples; below 15 the second digit of a ratio moves from run to run. */
const ROUNDS = 15
const ROWS = 100_000
const TASKS = 1_000
/** The peers are 140 MB; a registry that takes longer is out of order. */
const INSTALL_TIMEOUT_MS = 300_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: String(ROUNDS) },
    rows: { type: 'string', default: String(ROWS) },
    tasks: { type: 'string', default: String(TASKS) },
    json: { type: 'string', default: here('../../tmp/bench.json') },
  },
})
const unknown = positionals.find((part) => !PARTS.includes(part))
if (unknown !== undefined) throw new Error(`part is "${unknown}"; allowed are ${PARTS.join(', ')}`)

installPeers()
const parts = positionals.length > 0 ? positionals : PARTS
if (parts.includes('process') && process.env.CRONLEDGER_BINARY === undefined) buildBinary()
// It is one of the peers' packages.
const { default: Table } = await import('cli-table3')
const machine = {
  date: new Date().toISOString(),
  command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
  node: `Node ${process.version}`,
  cpu: `${cpus().length} × ${cpus()[0].model}`,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
}
print(Object.values(machine).join(' · '))
const results = { machine, parts: {}, targets: [] }
for (const part of parts) {
  const { run } = await import(`./${part}.mjs`)
  const { medians, targets } = await run({
    rounds: Number(values.rounds),
    rows: Number(values.rows),
    tasks: Number(values.tasks),
  })
  results.parts[part] = Object.fromEntries(medians)
  results.targets.push(...targets)
  printMedians(part, medians)
}
printTargets(results.targets)
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
print(`written to ${relative(process.cwd(), values.json)}`)

/** The peers, as the lock file has them, where they are not there yet. Scripts of theirs only print and check. */
function installPeers() {
  const installed = here('node_modules/.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(here('package-lock.json')).mtimeMs) return
  const args = ['ci', '--prefix', here('.'), '--ignore-scripts', '--no-audit', '--no-fund']
  execFileSync('npm', args, { stdio: 'inherit', timeout: INSTALL_TIMEOUT_MS })
}

/** The executable of this build, not of an earlier one. The Node of a Linux distribution may be unable to hold a program. */
function buildBinary() {
  rmSync(here('../../dist-bin/cronledger'), { force: true })
  try {
    execFileSync(process.execPath, [here('../../build/binary.mjs')], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    print(`the binary is not measured: ${/^\w*Error: .*/m.exec(error.stderr)?.[0] ?? error.message}`)
  }
}

function printMedians(part, medians) {
  const figures = [...new Set([...medians.values()].flatMap(Object.keys))]
  const table = new Table({ head: [part, ...figures], style: { head: [], border: [] } })
  for (const [name, values] of medians) table.push([name, ...figures.map((figure) => shown(values[figure]))])
  print(table.toString())
}

function printTargets(targets) {
  const table = new Table({ head: ['target', 'measured', 'limit', ''], style: { head: [], border: [] } })
  for (const { what, value, comparison, limit, met } of targets) {
    table.push([what, shown(value), `${comparison} ${limit}`, met ? 'met' : 'MISSED'])
  }
  print(table.toString())
}

function shown(value) {
  if (value === undefined) return ''
  return value.toLocaleString('en-US', value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 })
}

function print(text) {
  process.stdout.write(`${text}\n`)
}
