import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterAll, afterEach, expect, onTestFinished, test } from 'vitest'
import { cronledger, type Loose, messageLines, NIGHTLY, scratch, start } from '../../support/cli.ts'

const folder = scratch()
const disk = join(folder, 'disk')
mkdirSync(disk)

/** A disk of its own that is soon full; only root may make one. */
const mounted = (() => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch {
    process.stdout.write('mounting a tmpfs is not permitted here: the tests of a full disk are skipped\n')
    return false
  }
})()
// Before `scratch` takes the folder away; lazily, since libsql keeps a file open until its statements are collected.
afterAll(() => void (mounted && execFileSync('umount', ['--lazy', disk])))

const store = `file:${join(disk, 'ledger.db')}`
const filler = join(disk, 'filler')
const fill = 'head -c 400000 /dev/zero > "$0" 2>/dev/null; echo paid'
const filled = () => {
  try {
    writeFileSync(filler, Buffer.alloc(400_000))
  } catch {
    // Until nothing more fits, as is wanted.
  }
}
/** In a process of its own: when that has ended, it frees no more room on the disk. */
const run = (task: string, settings: readonly string[], ...command: string[]) =>
  start([
    'run',
    '--store',
    store,
    '--task',
    task,
    '--schedule',
    '0 3 * * *',
    '--event-time',
    '2026-01-02T03:00:05Z',
    ...settings,
    '--',
    ...command,
  ]).ended
async function rowOf(task: string): Promise<Loose> {
  const { stdout } = await cronledger(['history', '--store', store, task, '--status', 'recorded', '--json'])
  return JSON.parse(stdout)[0]
}

afterEach(() => {
  rmSync(filler, { force: true })
  const database = new Libsql(join(disk, 'ledger.db'))
  expect(database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  database.close()
})

// promise: disk-full
test.skipIf(!mounted).each(['a new file', 'a file with rows'])(
  'a claim on a full disk (%s): 75, one line that says so, no child; and the slot is free when there is room',
  async (what) => {
    const task = what.replaceAll(' ', '-')
    if (what === 'a file with rows') expect(await run('before', [], 'true')).toMatchObject({ code: 0 })
    filled()
    const { code, stdout, stderr } = await run(task, ['--ledger-timeout', '3s', '--log', 'text'], 'echo', 'no')
    expect({ code, stdout, lines: messageLines(stderr) }).toEqual({
      code: 75,
      stdout: '',
      lines: [expect.stringMatching(/not started: .*disk is full\)\. Free some space, or inodes .* The slot is free/)],
    })
    if (what !== 'a new file') {
      const check = await cronledger(['setup', '--store', store, '--check'])
      expect(check).toMatchObject({ code: 75, stdout: expect.stringMatching(/^wrong {2}writing .*disk is full/m) })
    }
    rmSync(filler)
    expect(await run(task, [], 'echo', 'paid')).toMatchObject({ code: 0, stdout: 'paid\n' })
    expect(await rowOf(task)).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1, outcome: 'succeeded' }] })
  },
)

// promise: disk-full
test.skipIf(!mounted)(
  'a disk that is full at the finish: 74 after the finish timeout, and PENDING, not COMPLETED',
  async () => {
    const short = ['--lease', '4s', '--heartbeat', '500ms', '--skew', '0s', '--kill-after', '500ms']
    const ended = await run('full', short, 'sh', '-c', fill, filler)
    const stderr = expect.stringMatching(/"event":"unrecorded".*full/)
    expect(ended).toMatchObject({ code: 74, stdout: 'paid\n', stderr })
    expect(await rowOf('full')).toMatchObject({ state: 'PENDING', attempts: [{ number: 1 }] })
  },
)

// promise: file-mounted
test.skipIf(!mounted)(
  'a ledger file that is mounted into a folder on another disk: 78, because its journal would be there',
  async () => {
    const [file, place] = [join(disk, 'mounted.db'), join(folder, 'with a space.db')]
    // In a process of its own: one that lives on would hold the room of the removed file.
    expect(await start(['setup', '--store', `file:${file}`]).ended).toMatchObject({ code: 0 })
    writeFileSync(place, '')
    execFileSync('mount', ['--bind', file, place])
    onTestFinished(() => {
      execFileSync('umount', ['--lazy', place])
      rmSync(file)
    })
    const ended = await cronledger(['run', '--store', `file:${place}`, ...NIGHTLY, '--', 'echo', 'paid'])
    expect(ended).toMatchObject({ code: 78, stdout: '' })
    expect(ended.stderr).toMatch(/is a mount of its own, .* Mount the folder of the ledger instead of the file\./)
  },
)

// promise: disk-full
test.skipIf(!mounted)('a disk that has room again within the finish timeout: recorded', async () => {
  const free = `(sleep 1; rm "$0") >/dev/null 2>&1 & ${fill}`
  const ended = await run('freed', [], 'sh', '-c', free, filler)
  expect(ended).toMatchObject({ code: 0, stdout: 'paid\n' })
  expect(await rowOf('freed')).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1, outcome: 'succeeded' }] })
})

test.skipIf(!mounted)(
  'a duplicate that cannot be noted is one all the same, and the log says that it is not on record',
  async () => {
    expect(await run('twice', [], 'true')).toMatchObject({ code: 0 })
    filled()
    const { code, stdout, stderr } = await run('twice', ['--ledger-timeout', '2s'], 'echo', 'no')
    const line = { event: 'duplicate', noted: false, message: expect.stringContaining('disk is full') }
    expect({ code, stdout, line: JSON.parse(stderr) }).toMatchObject({ code: 0, stdout: '', line })
  },
)

// promise: file-no-journal-room
test.skipIf(!mounted)('a disk with no room for one more file: 75, and one line that says so', async () => {
  const made = join(folder, 'made.db')
  expect(await cronledger(['setup', '--store', `file:${made}`])).toMatchObject({ code: 0 })
  const small = join(folder, 'small')
  mkdirSync(small)
  // Its own folder is one of the two.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=2', 'tmpfs', small])
  try {
    copyFileSync(made, join(small, 'ledger.db'))
    const slot = [...NIGHTLY, '--event-time', '2026-01-02T03:00:05Z']
    const store = ['--store', `file:${join(small, 'ledger.db')}`, '--ledger-timeout', '2s', '--log', 'text']
    const { code, stdout, stderr } = await cronledger(['run', ...store, ...slot, '--', 'echo', 'no'])
    const line = expect.stringMatching(/not started: .* \(ENOSPC: .*\)\. Free some space, or inodes .* on its disk/)
    expect({ code, stdout, lines: messageLines(stderr) }).toEqual({ code: 75, stdout: '', lines: [line] })
    const check = await cronledger(['setup', '--store', `file:${join(small, 'ledger.db')}`, '--check'])
    expect(check).toMatchObject({ code: 75, stdout: expect.stringMatching(/^wrong {2}writing .*ENOSPC/m) })
  } finally {
    execFileSync('umount', ['--lazy', small])
  }
})

test.skipIf(!mounted)(
  'a file system that is read-only: 77, and no file is named that the user never made',
  async () => {
    const place = join(folder, 'read-only')
    mkdirSync(place)
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', place])
    try {
      const stores = ['ledger.db', 'new.db'].map((name) => `file:${join(place, name)}`)
      // In a process of its own, so that the file is closed.
      expect(await start(['setup', '--store', String(stores[0])]).ended).toMatchObject({ code: 0 })
      execFileSync('mount', ['-o', 'remount,ro', place])
      for (const store of stores) {
        const slot = [...NIGHTLY, '--event-time', '2026-01-02T03:00:05Z', '--log', 'text']
        const { code, stderr } = await cronledger(['run', '--store', store, ...slot, '--', 'echo', 'no'])
        const why = /not started: file ledger "[^"]*" cannot be written, because its file system is read/
        expect({ code, lines: messageLines(stderr) }).toEqual({ code: 77, lines: [expect.stringMatching(why)] })
      }
    } finally {
      execFileSync('umount', ['--lazy', place])
    }
  },
)
