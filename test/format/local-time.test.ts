import { IANAZone } from 'luxon'
import { expect, test, vi } from 'vitest'
import { timeNear, zonedTime } from '../../src/format/local-time.ts'

const at = (text: string) => Date.parse(text)

test.each([
  ['UTC', '2026-11-24 18:00 UTC'],
  ['Asia/Tokyo', '2026-11-25 03:00 JST'],
  ['America/New_York', '2026-11-24 13:00 EST'],
  ['Europe/Berlin', '2026-11-24 19:00 CET'],
  ['Europe/London', '2026-11-24 18:00 GMT'],
  ['Australia/Sydney', '2026-11-25 05:00 AEDT'],
  ['Asia/Kolkata', '2026-11-24 23:30 IST'],
  ['Asia/Shanghai', '2026-11-25 02:00 +08:00'],
  ['Asia/Kathmandu', '2026-11-24 23:45 +05:45'],
])('a local time in %s has the abbreviation where people have one, otherwise the offset', (zone, text) => {
  expect(zonedTime(at('2026-11-24T18:00:00Z'), zone)).toBe(text)
})

test('a local time has seconds only where they are not zero', () => {
  expect(zonedTime(at('2026-11-24T18:00:15Z'), 'Asia/Tokyo')).toBe('2026-11-25 03:00:15 JST')
})

test('a local time is in UTC if this Node does not know the zone', () => {
  expect(zonedTime(at('2026-11-24T18:00:00Z'), 'Mars/Olympus')).toBe('2026-11-24 18:00 UTC')
})

test('a time near a slot has a date only on another day, and its zone only if clocks were changed in between', () => {
  const slot = at('2026-11-24T18:00:00Z')
  expect(timeNear(at('2026-11-24T18:06:48Z'), slot, 'Asia/Tokyo')).toBe('03:06:48')
  expect(timeNear(at('2026-11-25T15:00:00Z'), slot, 'Asia/Tokyo')).toBe('2026-11-26 00:00:00')
  expect(timeNear(at('2026-11-25T00:00:00Z'), slot, 'UTC')).toBe('2026-11-25 00:00:00')
  const summer = at('2026-11-01T05:30:00Z')
  expect(timeNear(at('2026-11-01T06:30:00Z'), summer, 'America/New_York')).toBe('01:30:00 EST')
  expect(timeNear(summer, at('2026-11-02T08:00:00Z'), 'America/New_York')).toBe('2026-11-01 01:30:00 EDT')
})

test('the name of an offset is asked for once a month, since ICU takes 30 kB for each answer', () => {
  const asked = vi.spyOn(IANAZone.prototype, 'offsetName')
  for (let minute = 0; minute < 1000; minute += 1) zonedTime(at('2031-11-24T18:00:00Z') + minute * 60_000, 'Asia/Tokyo')
  expect(asked.mock.calls.length).toBeLessThanOrEqual(5)
})

test('a zone that keeps its offset and loses the name of it has none from then on', () => {
  expect(zonedTime(at('2016-08-01T00:00:00Z'), 'America/Fort_Nelson')).toBe('2016-07-31 17:00 MST')
  expect(zonedTime(at('2014-08-01T00:00:00Z'), 'America/Fort_Nelson')).toBe('2014-07-31 17:00 PDT')
})
