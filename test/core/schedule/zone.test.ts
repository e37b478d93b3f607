import { expect, test } from 'vitest'
import { commonZone } from '../../../src/core/schedule/zone.ts'

test('the zone is the one of more than half of the tasks, or else UTC', () => {
  const [tokyo, berlin] = [{ zone: 'Asia/Tokyo' }, { zone: 'Europe/Berlin' }]
  expect(commonZone([tokyo, tokyo])).toBe('Asia/Tokyo')
  expect(commonZone([tokyo, berlin, tokyo])).toBe('Asia/Tokyo')
  expect(commonZone([tokyo, berlin])).toBe('UTC')
  expect(commonZone([])).toBe('UTC')
})
