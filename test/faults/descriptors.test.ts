import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { expect, test } from 'vitest'
import { MAIN, messageLines, scratch } from '../support/cli.ts'

const folder = scratch()

/** Runs a batch in a process that may open that many files. `limiter` sets another limit. */
function runWith(
  limit: number,
  store: string,
  limiter: readonly string[] = ['sh', '-c', 'ulimit -n "$0" && exec "$@"'],
) {
  const slot = ['--task', `t${limit}`, '--schedule', '0 3 * * *', '--event-time', '2026-01-02T03:00:05Z']
  const run = [MAIN, 'run', '--store', store, ...slot, '--log', 'text', '--', 'echo', 'paid']
  const [shell = '', ...limited] = [...limiter, String(limit), process.execPath, ...run]
  const env = { PATH: process.env['PATH'] ?? '', AWS_REGION: 'eu-west-1' }
  const { status, stdout, stderr } = spawnSync(shell, limited, { encoding: 'utf8', env })
  return { code: status, stdout, lines: messageLines(stderr) }
}

// Node 20 itself needs 20 descriptors to start, and later versions need a few more.
const LIMITS = Array.from({ length: 11 }, (_, index) => 24 + index)

test('too few file descriptors for a file ledger: 77, one line that says what to raise, and nothing starts', () => {
  const store = `file:${join(folder, 'ledger.db')}`
  const ended = LIMITS.map((limit) => runWith(limit, store))
  const refused = ended.filter(({ code }) => code !== 0)
  expect(refused.length).toBeGreaterThan(0)
  for (const one of refused) {
    expect(one).toEqual({
      code: 77,
      stdout: '',
      lines: [expect.stringMatching(/not started: .*this process has too few file descriptors left\. .*ulimit -n/)],
    })
  }
  expect(runWith(64, store)).toMatchObject({ code: 0, stdout: 'paid\n' })
})

test.runIf(process.getuid?.() === 0)(
  'too few processes for a file ledger: 77, and one line that says what to raise',
  () => {
    chmodSync(folder, 0o777)
    const store = `file:${join(folder, 'crowded.db')}`
    // The limit does not hold for root.
    const user = 'exec setpriv --reuid 54323 --clear-groups prlimit --nproc="$0" -- "$@"'
    for (const limit of [10, 12]) {
      expect(runWith(limit, store, ['sh', '-c', user])).toEqual({
        code: 77,
        stdout: '',
        lines: [expect.stringMatching(/not started: .* more processes and threads are allowed, .*ulimit -u/)],
      })
    }
    expect(runWith(200, store, ['sh', '-c', user])).toMatchObject({ code: 0, stdout: 'paid\n' })
  },
)

test('too few file descriptors for a table: 77, and nothing is sent', () => {
  const ended = runWith(24, 'dynamodb:ledger')
  expect(ended).toEqual({ code: 77, stdout: '', lines: [expect.stringContaining('too few file descriptors left')] })
})

/** Runs a program that takes all descriptors, and that imports parts of cronledger by `load`. Returns what it prints. */
function printedBy(program: string): string {
  const source = (name: string) => fileURLToPath(new URL(`../../src/process/${name}.ts`, import.meta.url))
  const entryPoints = ['notifier', 'clock', 'parent-thread'].map(source)
  buildSync({ entryPoints, outdir: folder, bundle: true, platform: 'node', format: 'esm' })
  const script = ['--input-type=module', '-e', `${TAKE_ALL}${program}`, pathToFileURL(folder).href]
  const limited = ['-c', 'ulimit -n 64 && exec "$@"', 'sh', process.execPath, ...script]
  // Only a hang takes that long, and no time limit of the test can end this call.
  const { status, stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8', timeout: 120_000 })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const TAKE_ALL = `
  import { once } from 'node:events'
  import { closeSync, openSync } from 'node:fs'
  const load = (name) => import(process.argv[1] + '/' + name + '.js')
  const taken = []
  function takeAll() {
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'))
    } catch {}
  }
`

const NOTIFY_LATE = `
  const { openNotifier } = await load('notifier')
  const { systemClock } = await load('clock')
  const notifier = openNotifier('true', systemClock)
  takeAll()
  notifier.send({ kind: 'failed', slot: 'a', input: '{}', env: process.env })
  process.stdout.write(await notifier.end(new AbortController().signal))
`

/** The process is killed by SIGRTMIN while no descriptor is left to read why it ended. */
const KILLED_LATE = `
  const { startOnParentThread } = await load('parent-thread')
  const { pid, ended } = await startOnParentThread({ file: 'sleep', args: ['600'], env: process.env }, () => true)
  takeAll()
  process.kill(pid, 34)
  await once(process, 'SIGCHLD')
  for (const descriptor of taken) closeSync(descriptor)
  process.stdout.write(JSON.stringify(await ended))
`

test('too few file descriptors for a notification: it fails, and the process that sent it goes on', () => {
  expect(printedBy(NOTIFY_LATE)).toMatch(
    /^1 of 1 notifications failed\. .*the command could not be started: spawn \/bin\/sh EMFILE$/,
  )
})

/** The process ends by itself with that exit code, while no descriptor is left. The wait for one is made short. */
const ENDED_LATE = (code: number) => `
  const { setTimeout } = globalThis
  globalThis.setTimeout = (call, ms, ...more) => setTimeout(call, ms === 100 ? 0 : ms, ...more)
  const { startOnParentThread } = await load('parent-thread')
  const args = ['-c', 'trap "exit ${code}" TERM; kill -USR2 $PPID; while :; do sleep 0.01; done']
  const isReady = once(process, 'SIGUSR2')
  const { pid, ended } = await startOnParentThread({ file: 'sh', args, env: process.env }, () => true)
  await isReady
  takeAll()
  process.kill(pid, 'SIGTERM')
  process.stdout.write(JSON.stringify(await ended))
`

test('no file descriptor for a minute to read why a batch ended: exit code 0 counts as unknown, another one is true', () => {
  const lost = 'this process had no file descriptor left to read how it ended'
  expect(JSON.parse(printedBy(ENDED_LATE(0)))).toEqual({ code: null, signal: null, lost })
  expect(JSON.parse(printedBy(ENDED_LATE(3)))).toEqual({ code: 3, signal: null })
})

test('too few file descriptors to read why a batch ended: the signal that killed it is found later', () => {
  expect(JSON.parse(printedBy(KILLED_LATE))).toEqual({ code: null, signal: 'SIGRTMIN' })
})

/** Opens files until only some descriptors are left, and then a ledger. */
const OPEN_LATE = `
  import { closeSync, openSync } from 'node:fs'
  const [module, path, left] = process.argv.slice(1)
  const { setUpFile } = await import(module)
  const opened = []
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'))
  } catch {
    for (const descriptor of opened.slice(0, Number(left))) closeSync(descriptor)
  }
  const text = await setUpFile(path, { signal: AbortSignal.timeout(60_000) }).catch((error) => error.kind + ': ' + error.message)
  console.log(text)
`

test('too few file descriptors for a program that opens a file ledger late: one error, and the program goes on', () => {
  const module = new URL('../../dist/store/file/file-store.js', import.meta.url).href
  for (const left of [0, 3, 4, 8]) {
    const script = ['--input-type=module', '-e', OPEN_LATE, module, join(folder, `late-${left}.db`), String(left)]
    const limited = ['-c', 'ulimit -n 64 && exec "$@"', 'sh', process.execPath, ...script]
    const { status, stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
    expect({ left, status, stdout, stderr }).toEqual({
      left,
      status: 0,
      stdout: expect.stringMatching(/^denied: .*this process has too few file descriptors left/),
      stderr: '',
    })
  }
})
