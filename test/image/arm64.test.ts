// cronledger for arm64 (Graviton, Apple's processors in a container), made and started on x64: the executable and the npm
// package, by an emulator of the processor and the libraries of Debian's arm64.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratch } from '../support/cli.ts'
import { CREDENTIALS, REGION, type Server, startDynalite } from '../support/servers.ts'
import { nodeOfDockerfile, SUITE, whyNot } from './podman.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const QEMU = 'qemu-aarch64-static'
const run = promisify(execFile)

// On arm64 itself, test/cli/binary.test.ts and test/package.test.ts test the same without an emulator.
const reason = process.arch === 'arm64' ? 'this machine is one' : whyNot(['mmdebstrap', QEMU])
if (reason !== null) process.stderr.write(`arm64 is NOT emulated here: ${reason}\n`)

const TRIGGER = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-11-24T03:00:00Z']
const START = ['run', ...TRIGGER, '--', 'sh', '-c', 'echo "$CRONLEDGER_RUN_SLOT"']
const HISTORY = ['history', 'nightly', '--status', 'recorded', '--format', 'json']
const RAN_ONCE = [{ state: 'COMPLETED', attempts: [{ outcome: 'succeeded' }], rejections: { count: 1 } }]

describe.skipIf(reason !== null)('on arm64', () => {
  const folder = scratch()
  const system = join(folder, 'system')
  let server: Server
  let node: Record<'x64' | 'arm64', string>

  beforeAll(async () => {
    server = await startDynalite()
    node = await fetchNodes(folder)
    await run('mmdebstrap', [
      '--quiet',
      '--variant=extract',
      '--architectures=arm64',
      '--include=libstdc++6',
      SUITE,
      system,
    ])
    // No script of a package runs in a system that is only extracted, so the links of its top folder are missing.
    if (!existsSync(join(system, 'lib'))) symlinkSync('usr/lib', join(system, 'lib'))
  })
  afterAll(() => server?.stop())

  const emulated = (program: string, args: readonly string[], env: Record<string, string> = {}) =>
    run(QEMU, ['-L', system, program, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], CRONLEDGER_LOG: 'text', ...env },
    })

  test('the executable runs a batch once, on a table', async () => {
    const build = { cwd: ROOT, env: { ...process.env, PATH: `${join(node.x64, '..')}:${process.env['PATH']}` } }
    await emulated(node.arm64, [join(ROOT, 'build/compile.mjs')])
    const { stderr } = await run(node.x64, [join(ROOT, 'build/binary.mjs'), node.arm64], build)
    expect(stderr).not.toContain('starts more slowly')
    const binary = join(ROOT, 'dist-bin/cronledger-linux-arm64')
    const env = {
      AWS_ENDPOINT_URL_DYNAMODB: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      CRONLEDGER_STORE: 'dynamodb:cronledger',
    }
    const cronledger = async (...args: string[]) => (await emulated(binary, args, env)).stdout
    expect(await cronledger('--version')).toMatch(`cronledger 0.1.0 (Node v${nodeOfDockerfile(ROOT)}.`)
    await cronledger('setup')
    expect(await cronledger(...START)).toBe('2026-11-24T03:00:00Z\n')
    expect(await cronledger(...START)).toBe('')
    expect(JSON.parse(await cronledger(...HISTORY))).toMatchObject(RAN_ONCE)
  })

  test('the npm package runs a batch once, on a file, with the native module for arm64', async () => {
    const user = join(folder, 'user')
    mkdirSync(user)
    writeFileSync(join(user, 'package.json'), '{ "private": true }')
    const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', user], { cwd: ROOT })
    const [{ filename }] = JSON.parse(packed.stdout)
    const processor = ['--os', 'linux', '--cpu', 'arm64', '--libc', 'glibc']
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...processor, `./${filename}`], {
      cwd: user,
    })
    const main = join(user, 'node_modules/cronledger/dist/cli/main.js')
    const env = { CRONLEDGER_STORE: `file:${join(user, 'ledger.db')}` }
    const cronledger = async (...args: string[]) => (await emulated(node.arm64, [main, ...args], env)).stdout
    expect(await cronledger(...START)).toBe('2026-11-24T03:00:00Z\n')
    expect(await cronledger(...START)).toBe('')
    expect(JSON.parse(await cronledger(...HISTORY))).toMatchObject(RAN_ONCE)
  })
})

/** Fetches the newest Node of the Dockerfile's major version that npm has for both processors. */
async function fetchNodes(folder: string) {
  const [x64, arm64] = await Promise.all([versionsOn('x64'), versionsOn('arm64')])
  const version = x64.filter((one) => arm64.includes(one)).at(-1)
  if (version === undefined) throw new Error('npm has no version of Node for both processors')
  const fetchNode = async (arch: string) => {
    const { stdout } = await run(join(ROOT, '.ci/fetch-node'), [join(folder, `node-${arch}`), version, arch])
    return stdout.trim()
  }
  return { x64: await fetchNode('x64'), arm64: await fetchNode('arm64') }
}

async function versionsOn(arch: string): Promise<readonly string[]> {
  const { stdout } = await run('npm', ['view', '--json', `node-linux-${arch}@${nodeOfDockerfile(ROOT)}`, 'version'])
  return [JSON.parse(stdout)].flat().sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}
