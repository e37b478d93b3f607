import { expect, test } from 'vitest'
import { localSlot, runKey, slotVariables } from '../../src/run/slot-variables.ts'

const at = (text: string) => Date.parse(text)

test('a program gets the slot in UTC, its date and local time in the zone of the schedule, and its key', () => {
  const slot = at('2026-11-24T18:00:00Z')
  expect(slotVariables({ task: 'nightly', slot, timezone: 'Asia/Tokyo' })).toEqual({
    CRONLEDGER_RUN_TASK: 'nightly',
    CRONLEDGER_RUN_SLOT: '2026-11-24T18:00:00Z',
    CRONLEDGER_RUN_DATE: '2026-11-25',
    CRONLEDGER_RUN_LOCAL: '2026-11-25T03:00:00+09:00',
    CRONLEDGER_RUN_TIMEZONE: 'Asia/Tokyo',
    CRONLEDGER_RUN_KEY: runKey('nightly', slot),
  })
})

test('the date and the local time of an unknown zone are empty, so that those of an outer run are not taken', () => {
  expect(slotVariables({ task: 'nightly', slot: 0, timezone: 'Mars/Base' })).toMatchObject({
    CRONLEDGER_RUN_DATE: '',
    CRONLEDGER_RUN_LOCAL: '',
    CRONLEDGER_RUN_TIMEZONE: 'Mars/Base',
  })
})

test.each([
  ['2026-11-24T18:00:00Z', 'UTC', '2026-11-24T18:00:00+00:00'],
  ['2026-11-24T04:30:00Z', 'America/St_Johns', '2026-11-24T01:00:00-03:30'],
  // The two passes in autumn.
  ['2026-11-01T05:30:00Z', 'America/New_York', '2026-11-01T01:30:00-04:00'],
  ['2026-11-01T06:30:00Z', 'America/New_York', '2026-11-01T01:30:00-05:00'],
  // Seconds, of the slot and of the offset, and milliseconds that are not zero.
  ['2026-11-24T18:00:15Z', 'Asia/Tokyo', '2026-11-25T03:00:15+09:00'],
  ['1971-01-01T00:44:30Z', 'Africa/Monrovia', '1971-01-01T00:00:00-00:44:30'],
  ['2026-11-24T18:00:00.5Z', 'UTC', '2026-11-24T18:00:00.500+00:00'],
  ['2026-12-31T15:00:00Z', 'Asia/Tokyo', '2027-01-01T00:00:00+09:00'],
  // Six digits after the year 9999 and before the year 0.
  ['+010000-01-01T00:00:00Z', 'UTC', '+010000-01-01T00:00:00+00:00'],
  ['-000001-01-01T00:00:00Z', 'UTC', '-000001-01-01T00:00:00+00:00'],
])('the local time of the slot %s in %s is %s', (slot, timezone, local) => {
  expect(localSlot({ slot: at(slot), timezone })).toEqual({ date: local.split('T')[0], local })
})
