// The single executable, alone: in an empty folder, on a PATH without Node.
import { type ExecFileException, execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Loose, scratch } from '../support/cli.ts'
import { hasPostgres, startPostgres } from '../support/postgres.ts'
import { awsEnv, type Server, startDynalite } from '../support/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Node's own builds have the place for a program in them; Linux distributions' may lack it. */
const node = readFileSync(process.execPath)
const canHold = node.includes('NODE_SEA_FUSE_')
if (!canHold) process.stderr.write(`the executable is NOT tested here: ${process.execPath} cannot hold a program\n`)

describe.skipIf(!canHold)('the executable', () => {
  const folder = scratch()
  const binary = join(folder, 'cronledger')
  const library = join(folder, 'cronledger-file.node')
  let server: Server
  let env: Record<string, string>

  beforeAll(async () => {
    execFileSync(process.execPath, ['build/binary.mjs'], { cwd: ROOT, stdio: 'ignore' })
    copyFileSync(join(ROOT, 'dist-bin/cronledger'), binary)
    copyFileSync(join(ROOT, 'dist-bin/cronledger-file.node'), library)
    server = await startDynalite()
    env = {
      PATH: '/usr/bin:/bin',
      ...awsEnv(server),
      CRONLEDGER_STORE: 'dynamodb:cronledger',
      CRONLEDGER_TASK: 'nightly',
    }
  })
  afterAll(() => server?.stop())

  const run = (...args: string[]) => runWith({}, ...args)
  const runWith = (more: Readonly<Record<string, string>>, ...args: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(
        binary,
        args,
        { cwd: folder, env: { ...env, ...more } },
        (error: ExecFileException | null, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
      )
    })

  test('the executable says what it is made of', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const { stdout } = await run('--version')
    expect(stdout).toMatch(
      new RegExp(`^cronledger ${version} \\(Node ${process.version}, AWS SDK 3[.\\d]+, zone data \\w+\\)\n$`),
    )
  })

  test.skipIf(spawnSync('strip', ['--version']).error)('the executable is smaller than the Node in it', () => {
    expect(statSync(binary).size).toBeLessThan(node.length)
  })

  test('the executable needs no library that a Debian or Amazon Linux image lacks', () => {
    const usual = ['linux-vdso', 'libdl', 'libstdc++', 'libm', 'libgcc_s', 'libpthread', 'libc', 'libatomic']
    const lines = execFileSync('ldd', [binary], { encoding: 'utf8' }).matchAll(/^\s+([a-z][^\s.]*)\.so/gm)
    expect(usual).toEqual(expect.arrayContaining(Array.from(lines, ([, name]) => name)))
  })

  test('the executable serves the whole DynamoDB store', async () => {
    expect(await run('setup')).toMatchObject({ code: 0, stdout: expect.stringContaining('table created') })
    const schedule = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
    const trigger = ['run', ...schedule, '--event-time', '2026-11-24T18:00:00Z']
    const first = await run(...trigger, '--', 'sh', '-c', 'echo "$CRONLEDGER_RUN_SLOT"')
    expect(first).toMatchObject({ code: 0, stdout: '2026-11-24T18:00:00Z\n' })
    expect(await run(...trigger, '--', 'echo', 'again')).toMatchObject({ code: 0, stdout: '' })
    const rows: Loose = JSON.parse((await run('history', 'nightly', '--status', 'recorded', '--format', 'json')).stdout)
    expect(rows).toMatchObject([{ state: 'COMPLETED', rejections: { count: 1 } }])
    expect((await run('show', '--slot', '2026-11-24T18:00:00Z')).stdout).toMatch(/status +completed/)
    expect((await run('explain', '--schedule', '@daily')).stdout).toContain('@daily')
    expect((await run('run', '--help')).stdout).toContain('--max-attempts')
    const served = spawn(binary, ['serve', '--port', '0'], { cwd: folder, env })
    onTestFinished(() => void served.kill('SIGKILL'))
    const [address] = await once(served.stdout, 'data')
    const textOf = async (path: string) => (await fetch(new URL(path, String(address).trim()))).text()
    expect(await textOf('/page.css')).toMatch(/^:root\{/)
    expect(await textOf('/task?task=nightly')).toContain('<h1>nightly</h1>')
  })

  const TRIGGER = ['--schedule', '0 3 * * *', '--event-time', '2026-11-24T03:00:00Z', '--', 'echo', 'paid']

  async function expectOneRun(store: readonly string[]) {
    expect(await run('run', ...store, ...TRIGGER)).toMatchObject({ code: 0, stdout: 'paid\n' })
    expect(await run('run', ...store, ...TRIGGER)).toMatchObject({ code: 0, stdout: '' })
  }

  test.skipIf(!hasPostgres)('the executable serves a ledger in PostgreSQL', async () => {
    const postgres = await startPostgres()
    onTestFinished(() => postgres.remove())
    const store = ['--store', postgres.address()]
    expect(await run('setup', ...store)).toMatchObject({ code: 0, stdout: expect.stringContaining('table created') })
    await expectOneRun(store)
  })

  test.skipIf(!node.includes('execArgvExtension')).each([
    ['a module that is missing', '--require dd-trace/init'],
    ['an option that Node does not know', '--no-such-option'],
    ['a module that ends its process', `--require ${join(folder, 'exit.cjs')}`],
  ])('the executable leaves NODE_OPTIONS to the batch: %s', async (name, options) => {
    writeFileSync(join(folder, 'exit.cjs'), 'process.exit(3)')
    const words = [
      'run',
      '--store',
      `file:${name}.db`,
      ...TRIGGER.slice(0, 4),
      '--',
      'sh',
      '-c',
      'echo "$NODE_OPTIONS"',
    ]
    const ended = await runWith({ NODE_OPTIONS: options }, ...words)
    expect(ended).toMatchObject({ code: 0, stdout: `${options}\n` })
  })

  test('the executable serves a ledger in a file with the library beside it, and without it says so in one line', async () => {
    const store = ['--store', 'file:ledger.db']
    await expectOneRun(store)
    rmSync(library)
    const ended = await run('history', ...store)
    expect(ended).toMatchObject({ code: 64, stdout: '' })
    expect(ended.stderr).toMatch(/^cronledger: SQLite, .*Put cronledger-file\.node .* use dynamodb:TABLE.*\n$/)
  })
})
