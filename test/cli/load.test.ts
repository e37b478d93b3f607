import { isAscii } from 'node:buffer'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { MAIN, NIGHTLY, scratch } from '../support/cli.ts'
import { awsEnv, startAnswering } from '../support/servers.ts'

const folder = scratch()
const CACHE = `app-${process.version}-${process.platform}-${process.arch}.cache`
const LEDGER = `file:${join(folder, 'ledger.db')}`
let copies = 0

/** Runs the command line as it is built, in a place of its own, in which `change` has changed a file. */
function runChanged(name: string, change: (file: Buffer) => Buffer | null) {
  const cli = join(folder, `copy-${++copies}`)
  cpSync(dirname(MAIN), cli, { recursive: true })
  const changed = change(readFileSync(join(cli, name)))
  if (changed === null) rmSync(join(cli, name))
  else writeFileSync(join(cli, name), changed)
  // Only a hang takes that long, also on a busy machine.
  const options = { encoding: 'utf8', timeout: 120_000 } as const
  const { status, signal, stderr } = spawnSync(process.execPath, [join(cli, 'main.js'), 'xyz'], options)
  return { status, signal, stderr }
}

function runAfter(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const file = join(folder, 'before.cjs')
  writeFileSync(file, script)
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  return spawnSync(process.execPath, ['--require', file, MAIN, ...args], options)
}

test('a program of another build is compiled again, even if it has the same length', () => {
  const change = (file: Buffer) => Buffer.from(file.toString('latin1').replace('unknown command', 'another command'))
  expect(runChanged('app.js', change)).toMatchObject({
    status: 64,
    stderr: expect.stringMatching(/^cronledger: another command "xyz"/),
  })
})

test('the bundled program that is missing or cut off: 70, one line', () => {
  expect(runChanged('app.js', (file) => file.subarray(0, 1_000))).toMatchObject({
    status: 70,
    stderr: expect.stringMatching(/^cronledger: cannot be loaded: .*\n$/),
  })
  expect(runChanged('app.js', () => null)).toMatchObject({
    status: 70,
    stderr: 'cronledger: cannot be loaded: app.js is missing. Install cronledger again.\n',
  })
})

test('the bundled program that waits for something that never comes: 70, and not 0', () => {
  const waiting = '(function (exports) { exports.main = () => new Promise(() => {}) })'
  expect(runChanged('app.js', () => Buffer.from(waiting))).toMatchObject({
    status: 70,
    stderr: 'cronledger: this is a bug, please report it: the command ended before it was done\n',
  })
})

const flip = (at: (length: number) => number) => (file: Buffer) => {
  const position = at(file.length)
  file[position] = (file[position] ?? 0) ^ (1 << (position % 8))
  return file
}

// promise: damaged-cache
test.each([
  ['a bit of the checksum is flipped', flip(() => 3)],
  ['a bit of its head is flipped', flip(() => 16)],
  ['a bit in its middle is flipped', flip((length) => length >> 1)],
  ['the last bit is flipped', flip((length) => length - 1)],
  ['only 4 bytes are left', (file: Buffer) => file.subarray(0, 4)],
  ['half of it is left', (file: Buffer) => file.subarray(0, file.length >> 1)],
])('a damaged compiled form is not used: %s', (_, damage) => {
  const stderr = expect.stringMatching(/^cronledger: unknown command "xyz"/)
  expect(runChanged(CACHE, damage)).toEqual({ status: 64, signal: null, stderr })
})

test('the compiled form fits the program and the Node that made it', () => {
  const source = readFileSync(join(dirname(MAIN), 'app.js'))
  const compiled = readFileSync(join(dirname(MAIN), CACHE))
  const cachedData = compiled.subarray(8)
  const sum = crc32(cachedData, crc32(source))
  expect(compiled.toString('latin1', 0, 8)).toBe(sum.toString(16).padStart(8, '0'))
  const { cachedDataRejected } = new Script(source.toString('latin1'), { filename: 'app.js', cachedData })
  expect(cachedDataRejected).toBe(false)
})

test('the program is ASCII, so the characters of a message arrive', () => {
  expect(isAscii(readFileSync(join(dirname(MAIN), 'app.js')))).toBe(true)
})

test('the compiled form is not used under other flags of Node', () => {
  const args = ['--no-opt', '--stack-size=900', MAIN, '--version']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^cronledger \d/),
    stderr: '',
  })
})

describe('the compiled form that a run of the npm package keeps', () => {
  const cli = join(folder, 'package')
  const caches = join(folder, 'caches')
  const names = () => readdirSync(join(caches, 'cronledger')).toSorted()
  const kept = () => join(caches, 'cronledger', names()[0] ?? '')
  let minute = 10

  function start(home: NodeJS.ProcessEnv, args: readonly string[]) {
    const env = { ...process.env, XDG_CACHE_HOME: '', HOME: '', ...home }
    // Only a hang takes that long. Nothing else ends a process that hangs before it handles signals.
    const options = { env, encoding: 'utf8', timeout: 120_000, killSignal: 'SIGKILL' } as const
    return spawnSync(process.execPath, [join(cli, 'main.js'), ...args], options)
  }
  const runOf = (store: string) => {
    const slot = ['--schedule', '* * * * *', '--event-time', `2026-11-29T00:${minute++}:00Z`]
    return ['run', '--store', store, '--task', 'kept', ...slot, '--']
  }
  const run = (home: NodeJS.ProcessEnv, ...batch: readonly string[]) => start(home, [...runOf(LEDGER), ...batch])

  beforeEach(() => {
    for (const path of [cli, caches]) rmSync(path, { recursive: true, force: true })
    cpSync(dirname(MAIN), cli, { recursive: true })
    rmSync(join(cli, CACHE))
    symlinkSync(resolve('node_modules'), join(cli, 'node_modules'))
    mkdirSync(caches)
  })

  /** Keeps the compiled form of a program with another text, as if it were of the program. Its use shows in the log. */
  function keepOther() {
    rmSync(join(caches, 'cronledger'), { recursive: true, force: true })
    const app = join(cli, 'app.js')
    const source = readFileSync(app)
    writeFileSync(app, source.toString('latin1').replaceAll('the scheduled time', 'THE SCHEDULED TIME'))
    run({ XDG_CACHE_HOME: caches }, 'true')
    writeFileSync(app, source)
    const path = kept()
    const data = readFileSync(path).subarray(8)
    rmSync(path)
    run({ XDG_CACHE_HOME: caches }, 'true')
    writeFileSync(kept(), Buffer.concat([Buffer.from(crc32(data, crc32(source)).toString(16).padStart(8, '0')), data]))
  }
  const log = () => run({ XDG_CACHE_HOME: caches }, 'true').stderr

  test('the compiled form that a run of the npm package keeps is in the folder of the caches of the user, which only this user can read', () => {
    expect(run({ XDG_CACHE_HOME: caches }, 'true').status).toBe(0)
    expect(names()).toEqual([expect.stringMatching(/^app-v.*-file-[0-9a-f]{8}\.cache$/)])
    expect(statSync(kept()).mode & 0o777).toBe(0o600)
    const [name] = names()
    rmSync(caches, { recursive: true })
    mkdirSync(join(folder, '.cache'), { recursive: true })
    expect(run({ HOME: folder, XDG_CACHE_HOME: 'relative' }, 'true').status).toBe(0)
    expect(readdirSync(join(folder, '.cache/cronledger'))).toEqual([name])
  })

  test('the compiled form that a run of the npm package keeps is used by the next start, unless another user owns it or may write it', () => {
    keepOther()
    expect(log()).toContain('THE SCHEDULED TIME')
    chmodSync(kept(), 0o620)
    expect(log()).toContain('the scheduled time')
    keepOther()
    if (process.getuid?.() === 0) {
      chownSync(kept(), 65_534, 65_534)
      expect(log()).toContain('the scheduled time')
    }
  })

  test('the compiled form that a run of the npm package keeps is replaced if it is damaged', () => {
    keepOther()
    const damaged = readFileSync(kept()).fill(0, 5_000, 5_100)
    writeFileSync(kept(), damaged)
    expect(log()).toContain('the scheduled time')
    expect(readFileSync(kept())).not.toEqual(damaged)
    expect(log()).toContain('the scheduled time')
  })

  test('the compiled form that a run of the npm package keeps is one for each build, kind of ledger and set of flags of Node', async () => {
    const server = await startAnswering({ status: 200, body: '{}' })
    onTestFinished(server.stop)
    const own = { ...process.env, ...awsEnv(server), XDG_CACHE_HOME: caches }
    const app = join(cli, 'app.js')
    const source = readFileSync(app)
    const program = async (store: string, { env = {}, end = '' }) => {
      writeFileSync(app, `${source.toString('latin1')}${end}`)
      const argv = [join(cli, 'main.js'), ...runOf(store), 'true']
      const child = spawn(process.execPath, argv, { env: { ...own, ...env }, stdio: 'ignore' })
      expect(await once(child, 'exit')).toEqual([0, null])
    }
    const runEach = async () => {
      await program(LEDGER, {})
      await program('dynamodb:ledger', {})
      await program(LEDGER, { env: { NODE_OPTIONS: '--max-old-space-size=900' } })
      await program(LEDGER, { end: '\n' })
      return names().map((name) => [name, statSync(join(caches, 'cronledger', name)).ino])
    }
    const first = await runEach()
    expect(first).toHaveLength(4)
    expect(await runEach()).toEqual(first)
  })

  test('the compiled form that a run of the npm package keeps may be a FIFO, which is not waited for, and is replaced', () => {
    run({ XDG_CACHE_HOME: caches }, 'true')
    const path = kept()
    rmSync(path)
    execFileSync('mkfifo', [path])
    expect(start({ XDG_CACHE_HOME: caches }, ['--version']).status).toBe(0)
    expect(run({ XDG_CACHE_HOME: caches }, 'true').status).toBe(0)
    expect(statSync(path).isFile()).toBe(true)
  })

  /** Only these files of a container exist, wherever the test runs. */
  function inHost(home: string, files: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const file = join(folder, 'host.cjs')
    writeFileSync(
      file,
      `const fs = require('node:fs')
       const { existsSync } = fs
       const ofContainers = ['/.dockerenv', '/run/.containerenv']
       fs.existsSync = (path) => (ofContainers.includes(path) ? ${JSON.stringify(files)}.includes(path) : existsSync(path))`,
    )
    const none = { ECS_CONTAINER_METADATA_URI_V4: '', KUBERNETES_SERVICE_HOST: '' }
    return run({ HOME: home, NODE_OPTIONS: `--require ${file}`, ...none, ...env }, 'true').status
  }

  test('the compiled form that a run of the npm package keeps is also that of a user without a folder for caches, which is made', () => {
    const home = join(folder, 'new-home')
    mkdirSync(home)
    expect(inHost(home, [])).toBe(0)
    expect(statSync(join(home, '.cache')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(home, '.cache/cronledger'))).toHaveLength(1)
  })

  test('the compiled form that a run of the npm package keeps is not made in a container without a folder for caches, or in a home that is missing or not of this user', () => {
    const home = join(folder, 'home')
    mkdirSync(home)
    expect(inHost(home, ['/.dockerenv'])).toBe(0)
    expect(inHost(home, ['/run/.containerenv'])).toBe(0)
    expect(inHost(home, [], { ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1/v4' })).toBe(0)
    expect(inHost(home, [], { KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toBe(0)
    expect(inHost(join(folder, 'absent'), [])).toBe(0)
    if (process.getuid?.() === 0) {
      chownSync(home, 65_534, 65_534)
      expect(inHost(home, [])).toBe(0)
    }
    expect([...readdirSync(home), existsSync(join(folder, 'absent'))]).toEqual([false])
    mkdirSync(join(home, '.cache'))
    expect(inHost(home, ['/.dockerenv'])).toBe(0)
    expect(readdirSync(join(home, '.cache/cronledger'))).toHaveLength(1)
  })

  test('the compiled form that a run of the npm package keeps is not made by a batch that failed, or by a program that has one', () => {
    expect(run({ XDG_CACHE_HOME: caches }, 'false').status).toBe(1)
    cpSync(join(dirname(MAIN), CACHE), join(cli, CACHE))
    expect(run({ XDG_CACHE_HOME: caches }, 'true').status).toBe(0)
    expect(readdirSync(caches)).toEqual([])
  })
})

const warn = (text: string, env?: NodeJS.ProcessEnv) => {
  // The program has begun when it looks at its own command line.
  const script = `const fs = require('node:fs')
       const { readFileSync } = fs
       fs.readFileSync = (path, ...rest) => {
         if (path === '/proc/self/cmdline') process.emitWarning(${JSON.stringify(text)})
         return readFileSync(path, ...rest)
       }`
  return runAfter(script, ['history', '--store', LEDGER, '--task', '\ufffd'], env).stderr
}

test('a warning of Node is one line of the log', () => {
  expect(warn('the certificate\nis not checked')).toContain(
    'cronledger: Node warns: Warning: the certificate\\u000ais not checked\n',
  )
})

test('a warning of Node about the version that a later AWS SDK needs is not in the log', () => {
  expect(warn('NodeVersionSupportWarning: The AWS SDK for JavaScript (v3)')).not.toContain('NodeVersion')
})

test('a warning of Node is not in the log if the user wants none', () => {
  expect(warn('the certificate is not checked', { NODE_NO_WARNINGS: '1' })).not.toContain('certificate')
})

test.each([[['--help']], [['explain', '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']]])(
  '%s loads neither HTTP nor TLS nor cryptography',
  (args) => {
    const script = "process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.join('\\n')))"
    const { status, stderr } = runAfter(script, args)
    expect(status).toBe(0)
    expect(stderr.match(/^NativeModule (http|https|tls|crypto)$/gm)).toBe(null)
  },
)

// Its first use in a process takes 9 ms and 8 MB. The tables on a screen need it, which a run must not load.
test('a command with a fast start: run does not use ICU in UTC', () => {
  const args = ['run', '--store', LEDGER, ...NIGHTLY, '--', 'true']
  const { status, stderr } = runAfter('globalThis.Intl = undefined', args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('"event":"completed"') })
})
