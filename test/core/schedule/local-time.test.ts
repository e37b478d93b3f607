import { expect, test } from 'vitest'
import { monthsIn } from '../../../src/core/schedule/local-time.ts'

test('a month begins with the first of two midnights', () => {
  const { from, to } = monthsIn('2026-11', '2027-02', 'America/Havana')
  expect([new Date(from), new Date(to)]).toEqual([new Date('2026-11-01T04:00Z'), new Date('2027-03-01T05:00Z')])
  expect(monthsIn('1970-01', '1970-12', 'UTC')).toEqual({ from: 0, to: 365 * 86_400_000 })
})
