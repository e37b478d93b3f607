import { join } from 'node:path'
import { test } from 'vitest'
import { cronledger, scratch } from '../support/cli.ts'
import { expectOneRan } from '../support/crowd.ts'

test('50 processes at once on a fresh file: one child runs, 49 are recorded as duplicates', async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  const slot = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-11-23T03:00:05Z']
  const run = () => cronledger(['run', '--store', store, ...slot, '--ledger-timeout', '5m', '--', 'echo', 'paid'])
  const ended = await Promise.all(Array.from({ length: 50 }, run))
  const { stdout } = await cronledger(['history', '--store', store, '--task', 'nightly', '--json'])
  const [row] = JSON.parse(stdout)
  expectOneRan(ended, row)
})
