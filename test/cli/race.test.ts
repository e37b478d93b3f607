import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, type Ended, scratch } from '../support/cli.ts'

const SCHEDULE = ['--schedule', '0 3 * * *']
const eventsOf = ({ stderr }: Ended): string[] =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event)

test('50 processes at once on a fresh file: one child runs, 49 are recorded as duplicates', {
  timeout: 180_000,
}, async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  const slot = ['--task', 'nightly', ...SCHEDULE, '--event-time', '2026-11-23T03:00:05Z']
  const run = () => cronledger(['run', '--store', store, ...slot, '--', 'echo', 'paid'])
  const ended = await Promise.all(Array.from({ length: 50 }, run))
  expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0))
  expect(ended.filter(({ stdout }) => stdout === 'paid\n')).toHaveLength(1)
  expect(ended.flatMap(eventsOf).sort()).toEqual(['claimed', 'completed', ...Array(49).fill('duplicate')])
  const { stdout } = await cronledger(['history', '--store', store, '--task', 'nightly', '--json'])
  expect(JSON.parse(stdout)).toMatchObject([{ state: 'COMPLETED', rejections: { count: 49 } }])
})

// More processes were measured by hand: see docs/decisions/0028-waiting-for-the-lock-of-a-file.md.
test('100 tasks due at once on one file, a fresh and a used one: all run, none gives up', {
  timeout: 300_000,
}, async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  for (const day of ['23', '24']) {
    const run = (_: unknown, index: number) => {
      const slot = ['--task', `task-${index}`, ...SCHEDULE, '--event-time', `2026-11-${day}T03:00:05Z`]
      return cronledger(['run', '--store', store, ...slot, '--', 'echo', 'paid'])
    }
    const ended = await Promise.all(Array.from({ length: 100 }, run))
    const failed = ended.filter(({ code, stdout }) => code !== 0 || stdout !== 'paid\n')
    expect(failed).toEqual([])
    expect(ended.filter((one) => eventsOf(one).includes('completed'))).toHaveLength(100)
  }
})
