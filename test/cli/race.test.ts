import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cronledger, scratch } from '../support/cli.ts'

test('50 processes at once on a fresh file: one child runs, 49 are recorded as duplicates', {
  timeout: 180_000,
}, async () => {
  const store = `file:${join(scratch(), 'ledger.db')}`
  const slot = ['--task', 'nightly', '--schedule', '0 3 * * *', '--event-time', '2026-11-23T03:00:05Z']
  const run = () => cronledger(['run', '--store', store, ...slot, '--', 'echo', 'paid'])
  const ended = await Promise.all(Array.from({ length: 50 }, run))
  expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0))
  expect(ended.filter(({ stdout }) => stdout === 'paid\n')).toHaveLength(1)
  const events = ended.flatMap(({ stderr }) =>
    stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event),
  )
  expect(events.sort()).toEqual(['claimed', 'completed', ...Array(49).fill('duplicate')])
  const { stdout } = await cronledger(['history', '--store', store, '--task', 'nightly', '--json'])
  expect(JSON.parse(stdout)).toMatchObject([{ state: 'COMPLETED', rejections: { count: 49 } }])
})
