// The other promises of notifications are in ../stories/notify.txt.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openNotify } from '../../../src/cli/options/notify.ts'
import { RUN_KINDS } from '../../../src/cli/options/options.ts'
import { livingMember } from '../../../src/process/process-group.ts'
import { commandsAt, type Ended, type Loose, MAIN, NIGHTLY, type Options, scratch } from '../../support/cli.ts'

const folder = scratch()
const { cronledger, start } = commandsAt('2026-11-24T12:00:00Z')
let files = 0

const SLOT = '2026-11-23T03:00:00Z'

/** A ledger of its own for each test, and a file that notifications can write to. */
function ledger() {
  const store = `file:${join(folder, `ledger-${++files}.db`)}`
  const told = join(folder, `told-${files}`)
  const base = ['--store', store, ...NIGHTLY, '--event-time', SLOT]
  const args = (command: readonly string[], options: readonly string[]) => [
    'run',
    ...base,
    ...options,
    '--',
    ...command,
  ]
  return {
    store,
    told,
    args,
    keep: ['--notify', `cat >> ${told}`],
    run: (command: readonly string[], options: readonly string[] = [], more?: Options) =>
      cronledger(args(command, options), more),
    start: (command: readonly string[], options: readonly string[] = []) => start(args(command, options)),
    events(): Loose[] {
      return existsSync(told) ? logOf(readFileSync(told, 'utf8')) : []
    },
    async written(): Promise<string> {
      while (!existsSync(told) || statSync(told).size === 0) await new Promise(setImmediate)
      return readFileSync(told, 'utf8').trim()
    },
  }
}

function logOf(text: string): Loose[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const warningsOf = ({ stderr }: Ended) => logOf(stderr).filter(({ event }) => event === 'warning')

/** Hangs, ignores SIGTERM, and has a child that does so too; writes the id of its process group. */
const STUBBORN = 'trap "" TERM; (sleep 300) & cut -d " " -f 5 /proc/$$/stat >'

async function expectGone(group: string): Promise<void> {
  while (livingMember(Number(group)) !== null) await new Promise(setImmediate)
}

test('a run that starts nothing counts as failed, and a pause sends nothing, because an operator wanted it', async () => {
  const { told } = ledger()
  const values = {
    notify: `echo $CRONLEDGER_RUN_KIND $CRONLEDGER_RUN_EVENT >> ${told}`,
    store: 'file:a.db',
    notifyFormat: undefined,
    notifyOn: undefined,
  }
  const notify = openNotify(values, { argv: [], env: process.env }, RUN_KINDS)
  const about = { task: 'nightly', slot: Date.parse(SLOT), timezone: 'UTC', owner: undefined, cause: '' }
  const common = { time: SLOT, level: 'warn', task: 'nightly', slot: SLOT, message: '' } as const
  for (const event of ['paused', 'withdrawn', 'stopped', 'waiting', 'claimed'] as const)
    notify?.emit({ ...common, event }, about)
  expect(await notify?.end(AbortSignal.timeout(60_000))).toBe(null)
  expect(readFileSync(told, 'utf8').split('\n').sort()).toEqual(['', 'failed stopped', 'failed withdrawn'])
})

const on = (kinds: string) => ['--notify-on', kinds]

// promise: notification-fails
test('a start that hangs delays neither the batch nor its record', async () => {
  const { start: begin, told } = ledger()
  const command = `until [ -e ${told}.recorded ]; do :; done; echo seen > ${told}`
  const running = begin(['true'], [...on('started'), '--notify', command])
  await running.logged('"event":"completed"')
  writeFileSync(`${told}.recorded`, '')
  const ended = await running.ended
  expect(ended.code).toBe(0)
  expect(warningsOf(ended)).toEqual([])
  expect(readFileSync(told, 'utf8')).toBe('seen\n')
})

// promise: notification-fails
test('a notification that hangs when the run gets a stop is killed in time, and the batch keeps its exit code', async () => {
  const { start: begin, written, told } = ledger()
  const options = ['--stop-timeout', '1s', '--notify', `${STUBBORN} ${told}; wait`]
  const running = begin(['sh', '-c', 'exit 3'], options)
  const group = await written()
  running.child.kill('SIGTERM')
  const ended = await running.ended
  expect(ended.code).toBe(3)
  expect(warningsOf(ended)).toMatchObject([{ message: expect.stringMatching(/killed$/) }])
  await expectGone(group)
})

const range = ['--since', '2026-11-23', '--until', '2026-11-24']

test('check sends what it found also if the reader of its output has gone', async () => {
  const { store, keep, events } = ledger()
  await cronledger(['setup', '--store', store])
  await cronledger(['declare', 'hourly', '--store', store, '--schedule', '0 * * * *', '--from', '2026-11-01'])
  const days = ['--since', '2026-11-23', '--until', '2026-11-24', '--task', 'hourly']
  const command = [process.execPath, MAIN, 'check', '--store', store, ...days, ...keep]
  // A pipe whose reader is gone before anything is printed.
  execFileSync('bash', ['-c', 'exec 3> >(exit 0); wait $!; "$@" >&3 || [ $? = 1 ]', 'bash', ...command])
  expect(events()).toMatchObject([{ event: 'digest', slots: 48 }])
})

test('a stop leaves nothing of them behind', async () => {
  const { run, store, told, written } = ledger()
  await run(['false'])
  const options = ['--notify', `${STUBBORN} ${told}; wait`, '--notify-on', 'failed']
  const running = start(['check', '--store', store, ...range, ...options])
  const group = await written()
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(143)
  await expectGone(group)
})
