// The examples of the library run as a user would run them: compiled, with the package in node_modules.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runKey } from '../../src/run/slot-variables.ts'
import { cronledger, scratch } from '../support/cli.ts'
import { awsEnv, startDynalite } from '../support/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIME = '2026-11-23T18:00:00Z'
const KEY = runKey('nightly', Date.parse(TIME))
const SLOT = ['--task', 'nightly', '--slot', TIME]
const folder = scratch()
const run = promisify(execFile)

beforeAll(async () => {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/cronledger'))
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noImplicitReturns: true },
    ...{ target: 'es2023', module: 'nodenext', types: ['node'], outDir: '.', rootDir: 'examples' },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['examples'], exclude: [] }))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  cpSync(join(ROOT, 'docs/examples'), join(folder, 'examples'), { recursive: true })
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '--project', folder]).catch(({ stdout }) => expect(stdout).toBe(''))
}, 300_000)

async function program(name: string, args: readonly string[], env: Readonly<Record<string, string>>, cwd = folder) {
  const { PATH = '' } = process.env
  const options = { cwd, env: { PATH, ...env } }
  return run(process.execPath, [join(folder, name), ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

async function rowOf(env: Readonly<Record<string, string>>) {
  const { stdout } = await cronledger(['show', ...SLOT, '--json'], { env })
  return JSON.parse(stdout)
}

test('each example is compiled', () => {
  const examples = readdirSync(join(ROOT, 'docs/examples')).filter((name) => name.endsWith('.ts'))
  expect(examples).toEqual(['lambda.ts', 'script.ts'])
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['lambda.js', 'script.js']))
})

/**
 * Calls the handler as Lambda does. If the remaining time is `over`, the timeout of the work comes as soon as it has called
 * the payment service.
 */
const INVOKE = `
const [time, remaining] = process.argv.slice(2)
if (remaining === 'over') {
  const timeout = new AbortController()
  AbortSignal.timeout = (ms) => { console.log('timeout', ms); return timeout.signal }
  const { fetch } = globalThis
  globalThis.fetch = (...args) => {
    const answer = fetch(...args)
    timeout.abort(new DOMException('The operation timed out', 'TimeoutError'))
    return answer
  }
}
const { handler } = await import('./lambda.js')
console.log('returned', await handler({ time }, { getRemainingTimeInMillis: () => Number(remaining === 'over' ? 900000 : remaining) }))
`

describe('the Lambda function', () => {
  const keys: unknown[] = []
  let status = 200
  const payments = createServer((request, response) => {
    keys.push(request.headers['idempotency-key'])
    if (status !== 0) response.writeHead(status).end()
  })
  let server: Awaited<ReturnType<typeof startDynalite>>
  beforeAll(async () => {
    writeFileSync(join(folder, 'invoke.mjs'), INVOKE)
    server = await startDynalite()
    await new Promise<void>((resolve) => payments.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    payments.closeAllConnections()
    payments.close()
    await server.stop()
  })

  async function newLedger() {
    const store = `dynamodb:ledger${Math.random().toString(36).slice(2)}`
    const { port } = payments.address() as AddressInfo
    const env = { ...awsEnv(server), CRONLEDGER_STORE: store, PAYMENTS_URL: `http://127.0.0.1:${port}` }
    expect(await cronledger(['setup'], { env })).toMatchObject({ code: 0 })
    keys.length = 0
    return env
  }
  const invoke = (env: Readonly<Record<string, string>>, remaining = '900000') =>
    program('invoke.mjs', [TIME, remaining], env)

  test('does the work once, under the key of the slot', async () => {
    status = 200
    const env = await newLedger()
    expect((await invoke(env)).stdout).toMatch(/^returned paid the invoices of 2026-11-24$/m)
    expect((await invoke(env)).stdout).toMatch(/^returned undefined$/m)
    expect(keys).toEqual([KEY])
  })

  test('fails if the work throws; the two retries of Lambda run it again, and a later invocation fails as refused', async () => {
    status = 500
    const env = await newLedger()
    for (const _ of [1, 2, 3]) {
      expect(await invoke(env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('the payment service answered 500'),
      })
    }
    expect(keys).toEqual([KEY, KEY, KEY])
    expect(await invoke(env)).toMatchObject({ code: 1, stderr: expect.stringContaining('refused (failed)') })
    expect(await rowOf(env)).toMatchObject({ state: 'FAILED', attempts: [{}, {}, { outcome: 'failed' }] })
    expect(keys).toHaveLength(3)
  })

  test('stops the work before the function times out, and records that', async () => {
    status = 0
    const env = await newLedger()
    const ended = await invoke(env, 'over')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('TimeoutError') })
    expect(ended.stdout).toMatch(/^timeout 890000$/m)
    expect(await rowOf(env)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted' }] })
  })

  test('starts nothing if there is no time left', async () => {
    status = 200
    const env = await newLedger()
    expect(await invoke(env, '5000')).toMatchObject({ code: 1, stderr: expect.stringContaining('TimeoutError') })
    expect(keys).toEqual([])
  })
})

describe('the script', () => {
  const ENV = { CRONLEDGER_STORE: 'file:ledger.db', CRONLEDGER_EVENT_TIME: TIME }
  const DATE = '2026-11-24'

  function newFolder(invoices: string | null) {
    const cwd = mkdtempSync(join(folder, 'script-'))
    mkdirSync(join(cwd, 'invoices'))
    if (invoices !== null) writeFileSync(join(cwd, 'invoices', `${DATE}.txt`), invoices)
    return { cwd, store: { CRONLEDGER_STORE: `file:${join(cwd, 'ledger.db')}` } }
  }

  test('says what it did, and that a duplicate does nothing', async () => {
    const { cwd, store } = newFolder('A-17\nA-18\n')
    expect(await program('script.js', [], ENV, cwd)).toEqual({ code: 0, stdout: 'paid 2 invoices\n', stderr: '' })
    expect(await program('script.js', [], ENV, cwd)).toEqual({
      code: 0,
      stdout: 'nothing to do: the slot of 2026-11-23T18:00:00.000Z is already completed\n',
      stderr: '',
    })
    expect(await rowOf(store)).toMatchObject({ state: 'COMPLETED' })
  })

  test('fails if its work throws, and the slot is recorded as failed', async () => {
    const { cwd, store } = newFolder(null)
    const ended = await program('script.js', [], ENV, cwd)
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`invoices/${DATE}.txt`) })
    expect(await rowOf(store)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }] })
    expect(await program('script.js', [], ENV, cwd)).toMatchObject({
      code: 65,
      stderr: 'nothing was started: refused (failed)\n',
    })
  })
})
