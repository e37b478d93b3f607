import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MAIN, scratch } from '../support/cli.ts'

const folder = scratch()

/** Runs a batch in a process that may open that many files. */
function runWith(limit: number, store: string) {
  const slot = ['--task', `t${limit}`, '--schedule', '0 3 * * *', '--event-time', '2026-01-02T03:00:05Z']
  const run = [MAIN, 'run', '--store', store, ...slot, '--log', 'text', '--', 'echo', 'paid']
  const limited = ['-c', 'ulimit -n "$0" && exec "$@"', String(limit), process.execPath, ...run]
  const env = { PATH: process.env['PATH'] ?? '', AWS_REGION: 'eu-west-1' }
  const { status, stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8', env })
  return { code: status, stdout, lines: stderr.trim().split('\n') }
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
      lines: [expect.stringMatching(/this process has too few file descriptors left\. .*ulimit -n.*nothing started$/)],
    })
  }
  expect(runWith(64, store)).toMatchObject({ code: 0, stdout: 'paid\n' })
})

test('too few file descriptors for a table: 77, and nothing is sent', () => {
  const ended = runWith(24, 'dynamodb:ledger')
  expect(ended).toEqual({ code: 77, stdout: '', lines: [expect.stringContaining('too few file descriptors left')] })
})
