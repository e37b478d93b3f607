/** Runs the contract of the stores and some promises against a table: `CRONLEDGER_TEST_TABLE=cronledger-test npm run test:aws -- --yes`. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkTable } from './check-table.mjs'
import { removeRows } from './remove-rows.mjs'

const USAGE = 64

/**
 * A run was measured at 3,200 writes, of some 4,200 write units, and 720 read units. At 0.625 US dollars for a million
 * write units, that is a quarter of a cent. A test checks the number of writes.
 */
const COST = 'less than 1 US cent, at the prices of on-demand tables'

const { table, remove, yes, filters } = readArguments()
if (remove !== undefined) {
  await checkBefore()
  say(`removed ${await removeRows(table, remove)} items of run ${remove} from table ${table}`)
  process.exit(0)
}

const run = randomBytes(4).toString('hex')
const where = process.env.AWS_ENDPOINT_URL_DYNAMODB || process.env.AWS_ENDPOINT_URL || 'AWS'
say(`This runs the tests of cronledger against table ${table} (${where}).
It writes about 1,500 items, and removes them at the end. The names of all its tasks contain ${run}.
It reads the whole table once to find its items, so use a table of its own: cronledger setup --store dynamodb:${table}
It needs the permissions of an operator, and dynamodb:Scan and dynamodb:DeleteItem. It takes some minutes.
It costs ${COST}.
If it is interrupted, remove its items by: npm run test:aws -- --remove ${run}`)
if (!yes && !(await agrees())) {
  say('Nothing was done. To start without a question: npm run test:aws -- --yes')
  process.exit(USAGE)
}
await checkBefore()

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...filters], {
  stdio: 'inherit',
  env: { ...process.env, CRONLEDGER_TEST_TABLE: table, CRONLEDGER_TEST_RUN: run },
})
try {
  say(`removed ${await removeRows(table, run)} items`)
} catch (error) {
  complain(`The items were not removed: ${error.message}. Try again: npm run test:aws -- --remove ${run}`)
  process.exit(1)
}
process.exit(status ?? 1)

function readArguments() {
  const options = { yes: { type: 'boolean' }, remove: { type: 'string' } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const name = process.env.CRONLEDGER_TEST_TABLE
  if (!name) fail('CRONLEDGER_TEST_TABLE is not set. Set it to the name of a table that cronledger setup has created.')
  if (values.remove !== undefined && !/^[0-9a-f]{8}$/.test(values.remove)) {
    fail(`--remove "${values.remove}" is not the name of a run. It has eight hexadecimal digits.`)
  }
  return { table: name, filters: positionals, ...values }
}

async function checkBefore() {
  try {
    await checkTable(table)
  } catch (error) {
    fail(`${error.message} Nothing was done.`)
  }
}

function say(text) {
  process.stdout.write(`${text}\n`)
}

function complain(text) {
  process.stderr.write(`${text}\n`)
}

function fail(message) {
  complain(message)
  process.exit(USAGE)
}

async function agrees() {
  if (!process.stdin.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await lines.question('Type yes to start: ')
  lines.close()
  return answer.trim() === 'yes'
}
