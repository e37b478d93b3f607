import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { MAIN, scratch } from '../support/cli.ts'

const folder = scratch()
let copies = 0

/** The command line as it is built, in a place of its own. */
function copy() {
  const cli = join(folder, `copy-${++copies}`)
  cpSync(dirname(MAIN), cli, { recursive: true })
  const run = () => {
    const { status, stderr } = spawnSync(process.execPath, [join(cli, 'main.js'), 'xyz'], { encoding: 'utf8' })
    return { status, stderr }
  }
  return { app: join(cli, 'app.js'), run }
}

describe('the bundled program', () => {
  test('of another build is compiled again, even if it has the same length', () => {
    const { app, run } = copy()
    expect(run()).toEqual({ status: 64, stderr: expect.stringMatching(/^cronledger: unknown command "xyz"/) })
    const text = readFileSync(app, 'latin1').slice(12).replace('unknown command', 'another command')
    writeFileSync(app, `/*${crc32(text).toString(16).padStart(8, '0')}*/${text}`, 'latin1')
    expect(run()).toEqual({ status: 64, stderr: expect.stringMatching(/^cronledger: another command "xyz"/) })
  })

  test('that is not whole: 70, one line', () => {
    const { app, run } = copy()
    truncateSync(app, 1_000)
    expect(run()).toEqual({ status: 70, stderr: expect.stringMatching(/^cronledger: cannot be loaded: .*\n$/) })
    rmSync(app)
    expect(run()).toEqual({
      status: 70,
      stderr: 'cronledger: cannot be loaded: app.js is missing. Install cronledger again.\n',
    })
  })
})

test('a run loads only its own program, also if the batch has the option -h', () => {
  const { app } = copy()
  rmSync(app)
  // For the one package that is not in the bundle.
  symlinkSync(join(dirname(MAIN), '../../node_modules'), join(dirname(app), 'node_modules'))
  const ledger = [
    '--store',
    `file:${join(folder, 'own.db')}`,
    '--task',
    'nightly',
    '--event-time',
    '2026-11-23T18:00:05Z',
  ]
  const schedule = ['--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']
  const args = [join(dirname(app), 'main.js'), 'run', ...ledger, ...schedule, '--', 'echo', '-h', '--help']
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '-h --help\n' })
})

describe('the compiled form', () => {
  test.each(['app', 'run'])('of %s fits its program and the Node that made it', (name) => {
    const source = readFileSync(join(dirname(MAIN), `${name}.js`))
    const file = `${name}-${process.version}-${process.platform}-${process.arch}.cache`
    const compiled = readFileSync(join(dirname(MAIN), file))
    const cachedData = compiled.subarray(8)
    const sum = crc32(cachedData, crc32(source.subarray(12)))
    expect(compiled.toString('latin1', 0, 8)).toBe(sum.toString(16).padStart(8, '0'))
    const { cachedDataRejected } = new Script(source.toString('latin1'), { filename: name, cachedData })
    expect(cachedDataRejected).toBe(false)
  })

  test('is not used under other flags of Node', () => {
    const args = ['--no-opt', '--stack-size=900', MAIN, '--version']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^cronledger \d/),
      stderr: '',
    })
  })
})

describe('a warning of Node', () => {
  const warn = (text: string, env: NodeJS.ProcessEnv = {}) => {
    const hook = join(folder, 'warn.cjs')
    // The program has begun when it looks at its own command line.
    writeFileSync(
      hook,
      `const fs = require('node:fs')
       const { readFileSync } = fs
       fs.readFileSync = (path, ...rest) => {
         if (path === '/proc/self/cmdline') process.emitWarning(${JSON.stringify(text)})
         return readFileSync(path, ...rest)
       }`,
    )
    const args = ['--require', hook, MAIN, 'history', '--store', `file:${join(folder, 'none.db')}`, '--task', '\ufffd']
    return spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, ...env } }).stderr
  }

  test('is one line of the log', () => {
    expect(warn('the certificate\nis not checked')).toContain(
      'cronledger: Node warns: Warning: the certificate\\u000ais not checked\n',
    )
  })

  test('about the version that a later AWS SDK needs is not in the log', () => {
    expect(warn('NodeVersionSupportWarning: The AWS SDK for JavaScript (v3)')).not.toContain('NodeVersion')
  })

  test('is not in the log if the user wants none', () => {
    expect(warn('the certificate is not checked', { NODE_NO_WARNINGS: '1' })).not.toContain('certificate')
  })
})

describe('a command with a fast start', () => {
  const loadedBy = (...args: string[]): string => {
    const list = join(folder, 'list.cjs')
    writeFileSync(list, "process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.join('\\n')))")
    const { status, stderr } = spawnSync(process.execPath, ['--require', list, MAIN, ...args], { encoding: 'utf8' })
    expect(status).toBe(0)
    return stderr
  }

  test.each([[['--help']], [['explain', '--schedule', '0 3 * * *', '--timezone', 'Asia/Tokyo']]])(
    '%s loads neither HTTP nor TLS nor cryptography',
    (args) => {
      expect(loadedBy(...args).match(/^NativeModule (http|https|tls|crypto)$/gm)).toBe(null)
    },
  )
})
