import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { clockAt, commandsAt, NIGHTLY, newStore, refused, scratch } from '../../support/cli.ts'
import { linesOf, onTerminal } from '../../support/processes/terminal.ts'

const folder = scratch()

const { cronledger } = commandsAt('2026-11-24T18:00:00Z')

/** A ledger in which the slot of 24 November, 03:00 in Tokyo, ran and rejected a duplicate. */
async function ledger() {
  const store = newStore(folder)
  const tokyo = ['--store', store, ...NIGHTLY, '--timezone', 'Asia/Tokyo']
  const run = (eventTime: string) => cronledger(['run', ...tokyo, '--event-time', eventTime, '--', 'true'])
  for (let tries = 0; tries < 2; tries += 1) await run('2025-11-23T18:00:00Z')
  const show = (...args: readonly string[]) => cronledger(['show', '--store', store, '--task', 'nightly', ...args])
  return { store, run, show }
}

test('show prints a slot as a timeline, and as JSON', async () => {
  const { show } = await ledger()
  const { code, stdout, stderr } = await show('--slot', '2025-11-23T18:00:00Z')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^nightly 2025-11-24 03:00 JST \(2025-11-23T18:00:00Z\)\n {2}status +completed\n/)
  expect(stdout).toMatch(/schedule +0 3 \* \* \* \(Asia\/Tokyo\), zone data/)
  expect(stdout).toMatch(/attempt 1 started .*\n.*attempt 1 succeeded .*\n.*duplicate trigger ignored \(completed\) /)

  const row = JSON.parse((await show('--slot', '2025-11-23T18:00:00Z', '--json')).stdout)
  expect(row).toMatchObject({
    ...{ schemaVersion: 2, slot: '2025-11-23T18:00:00Z', status: 'completed', state: 'COMPLETED', leaseUntil: null },
  })
  expect(row.rejections).toMatchObject({ count: 1, first: [{ cause: 'completed' }] })
})

test('show of the slot latest is that of the newest slot that is due, with a row or without', async () => {
  const { show, run } = await ledger()
  // It is also the slot if none is given.
  const missing = await show()
  expect(missing).toMatchObject({ code: 1, stderr: '' })
  expect(missing.stdout).toMatch(
    /^nightly .* 03:00 JST \(2026-11-24T18:00:00Z\)\n +status +due\n +happened +was due .* ago, no run /,
  )
  await run('2026-11-24T18:00:00Z')
  expect(await show('--slot', 'latest')).toMatchObject({ code: 0, stderr: '' })
})

test('show of a slot without a row: exit code 1, and what the schedule says of it, on stdout', async () => {
  const { show, store } = await ledger()
  const absent = async (slot: string, ...more: readonly string[]) => {
    const { code, stdout, stderr } = await show('--slot', slot, ...more)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    return stdout
  }
  const slot = `--store ${store} --task nightly --slot 2025-11-24T18:00:00Z`
  const commands = [
    `cronledger rerun ${slot} --reason 'YOUR REASON' -- YOUR_COMMAND`,
    `cronledger resolve ${slot} --state completed --reason 'YOUR REASON'`,
  ]
  const text = await absent('2025-11-24T18:00:00Z')
  expect(text).toMatch(
    /^nightly 2025-11-25 03:00 JST \(2025-11-24T18:00:00Z\)\n +status +missed\n +happened +was due .* ago, no run is recorded\n/,
  )
  for (const command of commands) expect(text).toContain(`:  ${command}\n`.slice(1))
  expect(JSON.parse(await absent('2025-11-24T18:00:00Z', '--json'))).toMatchObject({
    ...{ status: 'missed', state: null, slot: '2025-11-24T18:00:00Z', schedule: '0 3 * * *', zone: 'Asia/Tokyo' },
    ...{ work: 'not done', nextTrigger: 'starts', steps: commands.map((command) => ({ command })) },
  })
  expect(await absent('2099-11-24T18:00:00Z')).toMatch(/status +scheduled\n +happened +is due in \d+d \d+h\n/)
  const notExpected = (happened: string) =>
    expect.stringMatching(new RegExp(`status +not expected\\n +happened +was not expected to run${happened}\\n`))
  expect(await absent('2025-11-23T18:00:00.500Z')).toEqual(notExpected(', no run is recorded'))
  expect(await absent('2025-11-22T18:00:00Z')).toEqual(
    notExpected(': its schedule is recorded from 2025-11-24 03:00:00 on'),
  )
})

test.each([
  ['show', []],
  ['history', []],
  ['history', ['--status', 'missed']],
  ['check', []],
  ['tasks', []],
  ['resolve', ['--slot', 'latest', '--state', 'failed', '--reason', 'looked']],
  ['rerun', ['--from', '7d', '--reason', 'x', '--', 'true']],
  ['pause', ['--reason', 'x']],
])('an unknown task of %s %j: the nearest one, and nothing is written', async (command, args) => {
  const { store } = await ledger()
  const ended = await refused([command, '--store', store, '--task', 'nigthly', ...args])
  expect(ended).toMatchObject({ code: 64, stdout: '' })
  expect(ended.stderr).toBe('cronledger: unknown task: nigthly. Did you mean nightly?\n')
  expect(JSON.parse((await cronledger(['tasks', '--store', store, '--json'])).stdout)).toHaveLength(1)
})

test('no line of show is wider than the screen, but each of a pipe is whole', async () => {
  const { show, store } = await ledger()
  const slot = ['--slot', '2025-11-23T18:00:00Z']
  await cronledger([
    'resolve',
    '--store',
    store,
    '--task',
    'nightly',
    ...slot,
    '--state',
    'completed',
    '--reason',
    `looked at ${'all of the data, '.repeat(9)}`,
  ])
  const shown = await onTerminal(
    ['show', '--store', store, '--task', 'nightly', ...slot],
    clockAt('2026-11-24T18:00:00Z'),
    80,
  )
  const lines = linesOf(shown)
  expect(lines.filter((line) => stringWidth(line) > 80)).toEqual([])
  const inPipe = (await show(...slot)).stdout.split('\n')
  expect(lines.join(' ').replace(/ +/g, ' ')).toBe(inPipe.join(' ').replace(/ +/g, ' '))
  expect(inPipe.some((line) => line.length > 120)).toBe(true)
})
