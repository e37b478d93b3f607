import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as idle } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { grouped } from '../../src/cli/output.ts'
import { writeRecord } from '../../src/run/task/task-record.ts'
import { openFileStore } from '../../src/store/file/file-store.ts'
import { clockAt, scratch, start } from '../support/cli.ts'
import { gate } from '../support/gate.ts'
import { seedLedger } from '../support/pages/big-ledger.ts'
import { linesOf, onTerminal } from '../support/processes/terminal.ts'
import { ON_ECS, recordWith } from '../support/rows.ts'

describe('what a command prints arrives whole, such as a plan of 5,760 slots for a batch that missed four days', () => {
  const SLOTS = 4 * 1_440
  const folder = scratch()
  const first = Date.parse('2026-11-26T00:00:00Z')
  const env = { ...clockAt('2026-11-30T01:00:00Z'), CRONLEDGER_STORE: `file:${join(folder, 'ledger.db')}` }
  const args = ['rerun', '--all', '--from', '2026-11-26', '--until', '2026-11-29', '--dry-run', '--json', '--', 'true']
  const toFile = (file: string) => ['bash', '-c', `"$@" >'${file}'`, 'bash']

  beforeAll(async () => {
    seedLedger(join(folder, 'ledger.db'), [])
    const store = openFileStore(join(folder, 'ledger.db'))
    const record = recordWith([{ since: first, spec: { expression: '* * * * *', zone: 'UTC' } }], { place: ON_ECS })
    await writeRecord('poll', record, 'absent', store, { signal: AbortSignal.timeout(300_000) })
    store.close()
  })

  function expectWhole(lines: readonly string[]): void {
    expect(JSON.parse(lines.join('\n'))).toHaveLength(SLOTS)
  }

  test('what a command prints arrives whole, such as a plan of 5,760 slots for a batch that missed four days: through a pipe', async () => {
    const { code, stdout } = await start(args, { env }).ended
    expect(code).toBe(0)
    expect(stdout.length).toBeGreaterThan(600_000)
    expectWhole(stdout.split('\n'))
  })

  test('through a pipe whose reader takes a little at a time', async () => {
    const reader = ['bash', '-c', 'set -o pipefail; "$@" | dd bs=512 status=none', 'bash']
    const { code, stdout } = await start(args, { env, launcher: reader }).ended
    expect(code).toBe(0)
    expectWhole(stdout.split('\n'))
  })

  test('what a command prints arrives whole, such as a plan of 5,760 slots for a batch that missed four days: into a file', async () => {
    const file = join(folder, 'night.json')
    expect(await start(args, { env, launcher: toFile(file) }).ended).toMatchObject({ code: 0, stderr: '' })
    expectWhole(readFileSync(file, 'utf8').split('\n'))
  })

  test('what a command prints arrives whole, such as a plan of 5,760 slots for a batch that missed four days on a terminal', async () =>
    expectWhole(linesOf(await onTerminal(args, env))))

  test('what a command prints arrives whole, or the exit code is 75, on a disk that becomes full', async (context) => {
    const mount = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount -t tmpfs -o size=4k none '${folder}/full' && exec "$@"`,
      'sh',
    ]
    execFileSync('mkdir', [join(folder, 'full')])
    const { status, stderr } = spawnSync(mount[0] as string, [...mount.slice(1), 'true'], { encoding: 'utf8' })
    if (status !== 0) context.skip(`no disk can be mounted here: ${stderr}`)
    const launcher = [...mount, ...toFile(join(folder, 'full', 'night.json'))]
    expect(await start(args, { env, launcher }).ended).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/^cronledger: standard output cannot be written: ENOSPC.*\n$/),
    })
  })
})

/** Each after a while in which there is nothing else to do. */
async function* oneByOne(count: number, told: (item: number) => void = () => {}) {
  for (let item = 1; item <= count; item++) {
    await idle()
    await idle()
    await idle()
    told(item)
    yield item
  }
}
const groupsOf = async (...given: Parameters<typeof grouped<number>>) => {
  const groups: (readonly number[])[] = []
  for await (const group of grouped(...given)) groups.push(group)
  return groups
}

test('items that come one by one are shown one by one', async () => {
  expect(await groupsOf(oneByOne(3), idle)).toEqual([[1], [2], [3]])
})

test('items that come one by one are one group where they all come in the time that a table waits for its first', async () => {
  const ever = new Promise(() => {})
  expect(await groupsOf(oneByOne(3), idle, ever)).toEqual([[1, 2, 3]])
  const sizes = (await groupsOf(oneByOne(103), idle, ever)).map(({ length }) => length)
  expect(sizes, 'and one by one after it').toEqual([100, 1, 1, 1])
})

test('items that come one by one are shown one by one from the end of that time on', async () => {
  const { opened: patience, open: end } = gate()
  const items = oneByOne(4, (item) => {
    if (item === 2) end()
  })
  expect(await groupsOf(items, idle, patience)).toEqual([[1, 2], [3], [4]])
})
