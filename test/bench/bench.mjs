// `npm run bench [-- PART… --rounds N --node VERSION… --ledger KIND… --tasks N --json FILE]`: what cronledger costs, against a floor
// and against what people use instead.
import { Console } from 'node:console'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { dirname, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { here, TAKEN } from './lab.mjs'

const PARTS = ['process', 'scale', 'zones']

const screen = new Console(process.stdout)
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // An odd number, so that a median is one of the samples. Below 15, the second digit of a ratio moves from run to run.
    rounds: { type: 'string', default: '15' },
    tasks: { type: 'string', default: '1000' },
    // Versions of Node, as npm has them.
    node: { type: 'string', multiple: true, default: ['20', '22', '24'] },
    ledger: { type: 'string', multiple: true },
    json: { type: 'string', default: here('../../tmp/bench.json') },
  },
})
const unknown = positionals.find((part) => !PARTS.includes(part))
if (unknown !== undefined) throw new Error(`part is "${unknown}"; allowed are ${PARTS.join(', ')}`)

const machine = {
  date: new Date().toISOString(),
  node: `Node ${process.version}`,
  cpu: `${cpus().length} × ${cpus()[0].model}`,
  memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
  kernel: release(),
  load: `load ${loadavg().map((load) => load.toFixed(1))}`,
  without: `without ${TAKEN.join(', ') || 'any change of the environment'}`,
}
screen.log(Object.values(machine).join(' · '))
const results = { machine, parts: {}, targets: [] }
for (const part of positionals.length > 0 ? positionals : PARTS) {
  const { run } = await import(`./${part}.mjs`)
  const { medians, targets } = await run({
    rounds: Number(values.rounds),
    tasks: Number(values.tasks),
    nodes: values.node,
    ledgers: values.ledger,
  })
  results.parts[part] = Object.fromEntries(medians)
  results.targets.push(...targets)
  screen.table(rounded(results.parts[part]))
}
screen.table(linesOf(results.targets))
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
screen.log(`written to ${relative(process.cwd(), values.json)}`)

function linesOf(targets) {
  const lines = {}
  for (const { what, column, value, limit, met } of targets) {
    lines[what] = { ...lines[what], limit, [column]: `${short(value)}${met ? '' : ' MISSED'}` }
  }
  return lines
}

function rounded(part) {
  const figuresOf = (figures) =>
    Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, short(value)]))
  return Object.fromEntries(Object.entries(part).map(([name, figures]) => [name, figuresOf(figures)]))
}

function short(value) {
  return Number(value < 100 ? value.toPrecision(3) : value.toFixed(0))
}
