// The examples of the library run as a user would run them: compiled, with the package in node_modules.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { runKey } from '../../src/run/slot-variables.ts'
import { outputsFile } from '../support/aws/stack.ts'
import { cronledger, scratch } from '../support/cli.ts'
import { hasPostgres, startPostgres } from '../support/postgres.ts'
import { awsEnv, listen, type Server, startDynalite } from '../support/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIME = '2026-11-23T18:00:00Z'
const KEY = runKey('nightly', Date.parse(TIME))
const SLOT = ['--task', 'nightly', '--slot', TIME]
const folder = scratch()
const run = promisify(execFile)

beforeAll(async () => {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/cronledger'))
  for (const name of ['@types', 'croner'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noImplicitReturns: true,
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    outDir: '.',
    rootDir: 'examples',
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

test.each(['python', 'shell'])('the crontab of the example in %s runs the batch once', async (name) => {
  const example = join(ROOT, 'docs/examples', name)
  const lines = readFileSync(join(example, 'crontab'), 'utf8').trim().split('\n')
  const command = (lines.at(-1) ?? '').split(/\s+/).slice(5).join(' ')
  expect(command).toContain(` --schedule '${lines.at(-1)?.split(' ').slice(0, 5).join(' ')}' `)
  const variables = Object.fromEntries(lines.filter((line) => /^[A-Z_]+=/.test(line)).map((line) => line.split('=')))
  const [, argv = ''] = command.replace(/\/opt\/\w+/, example).split('cronledger ')
  const own = { CRONLEDGER_STORE: `file:${join(folder, `${name}.db`)}`, EXPORTS: folder, CRONLEDGER_LOG: 'text' }
  const words = [...argv.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '')
  const fire = () =>
    cronledger([...words.slice(0, 2), '--event-time', TIME, ...words.slice(2)], {
      env: { ...variables, PATH: process.env['PATH'] ?? '', ...own },
    })
  expect(await fire()).toMatchObject({ code: 0, stderr: expect.stringContaining('succeeded') })
  expect(await fire()).toMatchObject({ code: 0, stderr: expect.stringContaining('duplicate trigger ignored') })
})

test.each(['python', 'shell'])('the parameters of the example in %s are those of the stack', async (name) => {
  const outputs = join(folder, 'outputs.json')
  writeFileSync(outputs, outputsFile())
  const parameters = readFileSync(join(ROOT, 'docs/examples', name, 'ecs-parameters.txt'), 'utf8')
  const schedule = ['--store', 'dynamodb:cronledger', '--task', name, '--schedule', '0 3 * * *', '--outputs', outputs]
  const { code, stdout } = await cronledger(['template', 'parameters', ...schedule, '--parameters', parameters])
  expect({ code, command: JSON.parse(stdout).Parameters.Command }).toMatchObject({
    code: 0,
    command: /^Command=(.*)$/m.exec(parameters)?.[1],
  })
})

test('each example is compiled', () => {
  const examples = readdirSync(join(ROOT, 'docs/examples')).filter((name) => name.endsWith('.ts'))
  expect(examples).toEqual(['lambda.ts', 'script.ts', 'timer.ts'])
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(['lambda.js', 'script.js', 'timer.js']))
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
  let server: Server
  let service: Server
  beforeAll(async () => {
    writeFileSync(join(folder, 'invoke.mjs'), INVOKE)
    server = await startDynalite()
    service = await listen(payments)
  })
  afterAll(() => Promise.all([service.stop(), server.stop()]))

  async function newLedger() {
    const store = `dynamodb:ledger${Math.random().toString(36).slice(2)}`
    const env = { ...awsEnv(server), CRONLEDGER_STORE: store, PAYMENTS_URL: service.endpoint }
    expect(await cronledger(['setup'], { env })).toMatchObject({ code: 0 })
    keys.length = 0
    return env
  }
  const invoke = (env: Readonly<Record<string, string>>, remaining = '900000') =>
    program('invoke.mjs', [TIME, remaining], env)

  test('the Lambda function does the work once, under the key of the slot', async () => {
    status = 200
    const env = await newLedger()
    expect((await invoke(env)).stdout).toMatch(/^returned paid the invoices of 2026-11-24$/m)
    expect((await invoke(env)).stdout).toMatch(/^returned undefined$/m)
    expect(keys).toEqual([KEY])
  })

  test('the Lambda function fails if the work throws; the two retries of Lambda run it again, and a later invocation fails as refused', async () => {
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

  test('the Lambda function stops the work before the function times out, and records that', async () => {
    status = 0
    const env = await newLedger()
    const ended = await invoke(env, 'over')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('TimeoutError') })
    expect(ended.stdout).toMatch(/^timeout 890000$/m)
    expect(await rowOf(env)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted' }] })
  })

  test('the Lambda function starts nothing if there is no time left', async () => {
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

  test('the script says what it did, and that a duplicate does nothing', async () => {
    const { cwd, store } = newFolder('A-17\nA-18\n')
    expect(await program('script.js', [], ENV, cwd)).toEqual({ code: 0, stdout: 'paid 2 invoices\n', stderr: '' })
    expect(await program('script.js', [], ENV, cwd)).toEqual({
      code: 0,
      stdout: 'nothing to do: the slot of 2026-11-23T18:00:00.000Z is already completed\n',
      stderr: '',
    })
    expect(await rowOf(store)).toMatchObject({ state: 'COMPLETED' })
  })

  // promise: function-throws
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

/** A wall clock that stands at CLOCK, and goes on from each instant that the parent sends. It answers when the program has read it. */
const CLOCK = `
const RealDate = Date
let now = () => Number(process.env.CLOCK)
let isNew = false
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(Date.now())
    else super(...args)
  }
  static now() {
    if (isNew) process.send('read')
    isNew = false
    return now()
  }
}
process.on('message', (at) => {
  const offset = at - RealDate.now()
  now = () => RealDate.now() + offset
  isNew = true
})
`

describe.each(['a file', ...(hasPostgres ? ['PostgreSQL'] : [])])('the program with timers, on %s', (ledger) => {
  const seen: string[] = []
  const held = new Map<string, () => void>()
  const holds = new Set<string>()
  const worker = createServer(({ url = '', headers }, response) => {
    seen.push(`${url.slice(1)} ${headers['idempotency-key']}`)
    if (holds.has(url.slice(1))) held.set(url.slice(1), () => response.end())
    else response.end()
  })
  let service: Server
  let store = `file:${join(folder, 'timer.db')}`
  beforeAll(async () => {
    writeFileSync(join(folder, 'clock.mjs'), CLOCK)
    service = await listen(worker)
    if (ledger === 'a file') return
    const postgres = await startPostgres()
    store = postgres.address()
    expect(await cronledger(['setup', '--store', store])).toMatchObject({ code: 0 })
    return () => postgres.remove()
  })
  afterAll(() => service.stop())

  /** Starts a copy of the program at that time. Its output is awaited line by line. */
  function copyAt(time: string) {
    const env = { PATH: process.env['PATH'], CLOCK: String(Date.parse(time)), CRONLEDGER_STORE: store }
    const child = spawn(process.execPath, ['--import', './clock.mjs', 'timer.js'], {
      cwd: folder,
      env: { ...env, WORK_URL: service.endpoint },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stdout?.on('data', (text) => {
      said += text
    })
    return { child, says: (line: string) => vi.waitFor(() => expect(said).toContain(line), { timeout: 100_000 }) }
  }
  async function setClock(child: ChildProcess, time: string) {
    const read = once(child, 'message')
    child.send(Date.parse(time))
    await read
  }
  async function stop({ child }: { readonly child: ChildProcess }) {
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
  }
  const works = () => seen.map((line) => line.split(' ')[0])

  test('two copies do the work of each slot once, and both say what became of it', async () => {
    const copies = [copyAt('2026-11-24T17:59:29Z'), copyAt('2026-11-24T17:59:29Z')]
    for (const { says } of copies) {
      await says('invoices 2026-11-23T18:00:00.000Z: ')
      await says('cleanup 2026-11-24T17:00:00.000Z: ')
    }
    for (const { child } of copies) await setClock(child, '2026-11-24T17:59:57Z')
    for (const { says } of copies) {
      await says('invoices 2026-11-24T18:00:00.000Z: ')
      await says('cleanup 2026-11-24T18:00:00.000Z: ')
    }
    expect(works().sort()).toEqual([
      'cleanup/2026-11-24T17:00:00+00:00',
      'cleanup/2026-11-24T18:00:00+00:00',
      'invoices/2026-11-24T03:00:00+09:00',
      'invoices/2026-11-25T03:00:00+09:00',
    ])
    for (const copy of copies) await stop(copy)
  })

  test('a stop in the middle is recorded, the process ends by the signal, and the next start does the work again', async () => {
    seen.length = 0
    const own = 'invoices/2026-11-26T03:00:00+09:00'
    holds.add(own)
    const first = copyAt('2026-11-25T18:00:00Z')
    await vi.waitFor(() => expect(held.has(own)).toBe(true), { timeout: 100_000 })
    await stop(first)
    holds.clear()
    const slot = ['--store', store, '--task', 'invoices', '--slot', '2026-11-25T18:00:00Z', '--json']
    expect(JSON.parse((await cronledger(['show', ...slot])).stdout)).toMatchObject({
      attempts: [{ outcome: 'interrupted' }],
    })
    const again = copyAt('2026-11-25T18:05:00Z')
    await again.says('invoices 2026-11-25T18:00:00.000Z: completed')
    const key = runKey('invoices', Date.parse('2026-11-25T18:00:00Z'))
    expect(seen.filter((line) => line.startsWith(own))).toEqual([`${own} ${key}`, `${own} ${key}`])
    await stop(again)
  })

  test('what was missed while no copy ran is run at the next start, and a clock that jumps repeats nothing', async () => {
    seen.length = 0
    const copy = copyAt('2026-11-27T19:30:00Z')
    await copy.says('invoices 2026-11-27T18:00:00.000Z: completed')
    await copy.says('cleanup 2026-11-27T19:00:00.000Z: completed')
    expect(works().filter((work) => work?.startsWith('invoices'))).toEqual([
      'invoices/2026-11-27T03:00:00+09:00',
      'invoices/2026-11-28T03:00:00+09:00',
    ])
    await setClock(copy.child, '2026-11-27T22:30:00Z')
    await copy.says('cleanup 2026-11-27T20:00:00.000Z: completed')
    await setClock(copy.child, '2026-11-27T19:30:00Z')
    await setClock(copy.child, '2026-11-27T23:00:00Z')
    await copy.says('cleanup 2026-11-27T20:00:00.000Z: duplicate')
    await stop(copy)
    expect(new Set(seen).size).toBe(seen.length)
  })
})
