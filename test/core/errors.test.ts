import { expect, test } from 'vitest'
import { firstLine, withoutSecret } from '../../src/core/errors.ts'

test('a failed connection to a name with several addresses says why the first one failed', () => {
  const failed = new AggregateError(['::1', '127.0.0.1'].map((ip) => new Error(`connect ECONNREFUSED ${ip}:5432`)))
  expect(firstLine(failed)).toBe('connect ECONNREFUSED ::1:5432')
})

test('a long text without a password costs no more time for each character', () => {
  const text = ':'.repeat(100_000)
  const before = process.cpuUsage()
  expect(withoutSecret(text)).toBe(text)
  // In microseconds. A search from each colon to the end takes seconds.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000)
})
