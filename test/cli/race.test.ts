import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, scratch } from '../support/cli.ts'
import { eventsOf, expectOneRan } from '../support/processes/crowd.ts'

const SCHEDULE = ['--schedule', '0 3 * * *']
// promise: two-triggers
test('50 processes at once on a fresh file: one child runs, 49 are recorded as duplicates', async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  const slot = ['--task', 'nightly', ...SCHEDULE, '--event-time', '2026-11-23T03:00:05Z']
  const run = () => cronledger(['run', '--store', store, ...slot, '--ledger-timeout', '5m', '--', 'echo', 'paid'])
  const ended = await Promise.all(Array.from({ length: 50 }, run))
  const { stdout } = await cronledger(['history', 'nightly', '--store', store, '--status', 'recorded', '--json'])
  const [row] = JSON.parse(stdout)
  expectOneRan(ended, row)
  expect(ended.flatMap(eventsOf).filter(({ event }) => event === 'ledger-created')).toHaveLength(1)
  // A note waits for the lock of the file as long as the claim does.
  expect(row.rejections.count).toBe(49)
})

/** `EVERY=1` starts as many as were measured: see docs/development/decisions/0018-the-ledger-file.md. */
const TASKS = process.env['EVERY'] ? 200 : 15

// How long the lock is waited for depends on how busy the machine is, so the limit here is longer than the default.
// promise: busy-file
test('all tasks due at once on one file, a fresh and a used one: all run, none gives up', {
  timeout: 1_200_000,
}, async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  for (const day of ['23', '24']) {
    const run = (_: unknown, index: number) => {
      const slot = ['--task', `task-${index}`, ...SCHEDULE, '--event-time', `2026-11-${day}T03:00:05Z`]
      return cronledger(['run', '--store', store, ...slot, '--ledger-timeout', '10m', '--', 'echo', 'paid'])
    }
    const ended = await Promise.all(Array.from({ length: TASKS }, run))
    const failed = ended.filter(({ code, stdout }) => code !== 0 || stdout !== 'paid\n')
    expect(failed).toEqual([])
    expect(ended.filter((one) => eventsOf(one).some(({ event }) => event === 'completed'))).toHaveLength(TASKS)
    // Each task has its record, too.
    const warnings = ended.flatMap(eventsOf).filter(({ event }) => event === 'warning')
    expect(warnings.filter(({ message }) => !message.startsWith('first run of this task'))).toEqual([])
  }
})
