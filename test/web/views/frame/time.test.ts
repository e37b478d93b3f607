import { expect, test } from 'vitest'
import { Time } from '../../../../src/web/views/frame/time.tsx'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { textOf } from '../../../support/pages/text.ts'

const at = Date.parse('2026-11-24T18:00:00Z')
const HOUR_MS = 3_600_000
const textIn = (zone: string, now?: number) =>
  textOf(Time({ at, clock: wallClock(zone), ...(now !== undefined && { now }) }))

test('a time has its offset, and UTC in the copy and under the pointer', () => {
  expect(textIn('Asia/Tokyo')).toBe('2026-11-25 03:00 +09:00 2026-11-24 18:00 UTC')
  expect(textIn('UTC')).toBe('2026-11-24 18:00 UTC')
  expect(String(Time({ at, clock: wallClock('Asia/Tokyo') }))).toContain('title="2026-11-24T18:00:00Z"')
})

test.each([
  [at, 'now'],
  [at + 59_999, 'now'],
  [at + 60_000, '1 min ago'],
  [at + 8.9 * HOUR_MS, '8 h ago'],
  [at - 3 * HOUR_MS, 'in 3 h'],
])('a time of the last or the next day says how far away it is: %i, %s', (now, age) => {
  expect(textIn('UTC', now)).toBe(`2026-11-24 18:00 UTC (${age})`)
})

test('an older time does not', () => {
  expect(textIn('UTC', at + 24 * HOUR_MS)).toBe('2026-11-24 18:00 UTC')
})
