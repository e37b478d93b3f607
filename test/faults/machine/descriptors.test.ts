import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { expect, test } from 'vitest'
import { noDescriptors } from '../../../src/store/descriptors.ts'
import { MAIN, messageLines, scratch } from '../../support/cli.ts'

const folder = scratch()

function node(limit: number, args: readonly string[]) {
  const limited = ['-c', 'ulimit -n "$0" && exec "$@"', String(limit), process.execPath, ...args]
  const env = { PATH: process.env['PATH'] ?? '', AWS_REGION: 'eu-west-1' }
  // Only a hang takes that long, and no time limit of the test can end this call.
  const { status, stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8', env, timeout: 120_000 })
  return { code: status, stdout, stderr }
}

function runWith(limit: number, store: string) {
  const slot = ['--task', `t${limit}`, '--schedule', '0 3 * * *', '--event-time', '2026-01-02T03:00:05Z']
  const run = [MAIN, 'run', '--store', store, ...slot, '--log', 'text', '--', 'echo', 'paid']
  const { code, stdout, stderr } = node(limit, run)
  return { code, stdout, lines: messageLines(stderr) }
}

// promise: file-descriptors
test('too few file descriptors for a ledger: 77, one line that says what to raise, and nothing starts', () => {
  const file = `file:${join(folder, 'ledger.db')}`
  // Node 20 itself needs 20 descriptors to start, and later versions need a few more.
  const ended = [24, 26, 28, 30, 32, 34].map((limit) => runWith(limit, file))
  const refused = ended.filter(({ code }) => code !== 0)
  expect(refused.length).toBeGreaterThan(0)
  for (const one of [...refused, runWith(24, 'dynamodb:ledger')]) {
    const line = expect.stringMatching(/not started: .*this process has too few file descriptors left\. .*ulimit -n/)
    expect(one).toEqual({ code: 77, stdout: '', lines: [line] })
  }
  expect(runWith(64, file)).toMatchObject({ code: 0, stdout: 'paid\n' })
})

/** Runs a program that takes all descriptors, and that imports parts of cronledger by `load`. Returns what it prints. */
function printedBy(program: string): string {
  const source = (name: string) => fileURLToPath(new URL(`../../../src/process/${name}.ts`, import.meta.url))
  const entryPoints = ['notifier', 'clock'].map(source)
  const form = { bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' } } as const
  buildSync({ entryPoints, outdir: folder, ...form })
  const takeAll = `
    import { openSync } from 'node:fs'
    const load = (name) => import(process.argv[1] + '/' + name + '.mjs')
    function takeAll() {
      try {
        for (;;) openSync('/dev/null', 'r')
      } catch {}
    }`
  const script = ['--input-type=module', '-e', `${takeAll}${program}`]
  const { stdout, ...rest } = node(64, [...script, pathToFileURL(folder).href])
  expect(rest).toEqual({ code: 0, stderr: '' })
  return stdout
}

test('the limit of the whole machine is another one, which the error names', () => {
  expect(noDescriptors(new Error('ENFILE: file table overflow'))?.message).toContain('Raise fs.file-max')
})

// promise: notification-fails
test('too few file descriptors for a notification: it fails, and the process that sent it goes on', () => {
  const printed = printedBy(`
    const { openNotifier } = await load('notifier')
    const { systemClock } = await load('clock')
    const notifier = openNotifier('true', systemClock)
    takeAll()
    notifier.send({ kind: 'failed', slot: 'a', input: '{}', env: process.env })
    process.stdout.write(await notifier.end(new AbortController().signal))`)
  expect(printed).toMatch(/^1 of 1 notifications failed\. .*the command could not be started: spawn \/bin\/sh EMFILE$/)
})

// promise: file-descriptors
test('too few file descriptors for a program that opens a file ledger late: one error, and the program goes on', () => {
  const program = `
    import { closeSync, openSync } from 'node:fs'
    const [module, path, left] = process.argv.slice(1)
    const { setUpFile } = await import(module)
    const opened = []
    try {
      for (;;) opened.push(openSync('/dev/null', 'r'))
    } catch {
      for (const descriptor of opened.slice(0, Number(left))) closeSync(descriptor)
    }
    const io = { signal: AbortSignal.timeout(60_000) }
    console.log(await setUpFile(path, io).catch((error) => error.kind + ': ' + error.message))`
  const module = new URL('../../../dist/store/file/file-store.js', import.meta.url).href
  for (const left of [0, 8]) {
    const path = join(folder, `late-${left}.db`)
    const ended = node(64, ['--input-type=module', '-e', program, module, path, String(left)])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^denied: .*this process has too few file descriptors left/)
  }
})
