import { expect, test } from 'vitest'
import { firstLine } from '../../src/core/errors.ts'

test('a failed connection to a name with several addresses says why the first one failed', () => {
  const failed = new AggregateError(['::1', '127.0.0.1'].map((ip) => new Error(`connect ECONNREFUSED ${ip}:5432`)))
  expect(firstLine(failed)).toBe('connect ECONNREFUSED ::1:5432')
})
