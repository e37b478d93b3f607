import { expect, test } from 'vitest'
import { formatInstant } from '../../../src/core/instant.ts'
import {
  daysIn,
  needsZone,
  parseTimeRange,
  type RangeText,
  withTimesOfDay,
} from '../../../src/core/schedule/time-range.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')

function read(text: RangeText, zone = 'UTC') {
  const { since, until } = parseTimeRange(text, zone, NOW)
  return [since, until].map((at) => (at === undefined ? null : formatInstant(at)))
}

test.each([
  [{}, 'UTC', [null, null]],
  [{ since: '2026-11-24T03:00:00+09:00' }, 'UTC', ['2026-11-23T18:00:00Z', null]],
  [{ since: '7d', until: '12h' }, 'Asia/Tokyo', ['2026-11-17T12:00:00Z', '2026-11-24T00:00:00Z']],
  [{ since: '1.5h' }, 'UTC', ['2026-11-24T10:30:00Z', null]],
  [{ since: '999999999d' }, 'UTC', ['1970-01-01T00:00:00Z', null]],
  // A local time, in the zone.
  [{ since: '2026-11-24T03:00' }, 'Asia/Tokyo', ['2026-11-23T18:00:00Z', null]],
  [{ until: '2026-11-24 03:00:30' }, 'UTC', [null, '2026-11-24T03:00:30Z']],
  // A date is the whole day, in the zone.
  [{ since: '2026-11-24', until: '2026-11-24' }, 'UTC', ['2026-11-24T00:00:00Z', '2026-11-25T00:00:00Z']],
  [{ since: '2026-11-24', until: '2026-11-24' }, 'Asia/Tokyo', ['2026-11-23T15:00:00Z', '2026-11-24T15:00:00Z']],
  [{ since: 'yesterday', until: 'today' }, 'UTC', ['2026-11-23T00:00:00Z', '2026-11-25T00:00:00Z']],
  // 12:00 UTC is 01:00 of the next day in Auckland.
  [{ since: 'yesterday', until: 'tomorrow' }, 'Pacific/Auckland', ['2026-11-23T11:00:00Z', '2026-11-26T11:00:00Z']],
  // Days of 23 and 25 hours, and one that has no midnight.
  [{ since: '2027-03-14', until: '2027-03-14' }, 'America/New_York', ['2027-03-14T05:00:00Z', '2027-03-15T04:00:00Z']],
  [{ since: '2026-11-01', until: '2026-11-01' }, 'America/New_York', ['2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z']],
  // A day with two midnights begins at the first one. An evening occurs twice.
  [{ since: '2026-11-01', until: '2026-11-01' }, 'America/Havana', ['2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z']],
  [{ since: '2026-10-25' }, 'Atlantic/Azores', ['2026-10-25T00:00:00Z', null]],
  [{ since: '2026-10-24', until: '2026-10-24' }, 'Asia/Beirut', ['2026-10-23T21:00:00Z', '2026-10-24T22:00:00Z']],
  [{ since: '2027-03-14', until: '2027-03-14' }, 'America/Havana', ['2027-03-14T05:00:00Z', '2027-03-15T04:00:00Z']],
  // Beyond the years that a slot can have.
  [{ since: '1970-01-01' }, 'Asia/Tokyo', ['1970-01-01T00:00:00Z', null]],
  [{ until: '2199-12-31' }, 'America/New_York', [null, '2199-12-31T23:59:59.999Z']],
] as const)('the ends of a range: %j in %s', (text, zone, expected) => {
  expect(read(text, zone)).toEqual(expected)
})

test.each([
  [
    { since: 'last week' },
    'UTC',
    /^since "last week" is not a valid time. Use an instant .*, a local time .*, a date .*, or how long ago/,
  ],
  [{ since: '1764547200' }, 'UTC', /^since "1764547200" is a Unix time. Use ISO 8601: 2025-12-01T00:00:00Z$/],
  [{ since: 'constructor' }, 'UTC', /a date \(2026-11-24, yesterday\)/],
  [{ until: '7' }, 'UTC', /^until "7" is not a valid time. Use/],
  [{ since: '-7d' }, 'UTC', /^since "-7d" is not a valid time. Use/],
  [{ since: '2026-11-24T03:00:00.5' }, 'UTC', /^since .* has no offset/],
  [{ since: '2026-11-24 24:00' }, 'UTC', /^since "2026-11-24 24:00" is not a valid date and time/],
  [{ since: '2026-03-08T02:30' }, 'America/New_York', /does not exist: the clocks in America\/New_York skip it/],
  [
    { since: '2026-11-01T01:30' },
    'America/New_York',
    /occurs twice in America\/New_York, because the clocks go back. Use 2026-11-01T05:30:00Z or 2026-11-01T06:30:00Z/,
  ],
  [{ since: '2026-02-30' }, 'UTC', /^since "2026-02-30" is not a valid date. Use YYYY-MM-DD/],
  [{ until: '2011-12-30' }, 'Pacific/Apia', /^until "2011-12-30" does not exist: Pacific\/Apia skipped that day/],
  [{ since: '2026-11-24' }, 'No/Where', /^timezone "No\/Where" is not an IANA time zone name/],
  [{ since: '0001-01-01' }, 'UTC', /^since "0001-01-01" is not allowed. Use the years 1970 to 2199/],
  [{ since: '1969-12-31 23:00' }, 'UTC', /^since "1969-12-31 23:00" is not allowed. Use the years 1970 to 2199/],
  [{ until: '9999-01-01' }, 'UTC', /^until "9999-01-01" is not allowed. Use the years 1970 to 2199/],
  [{ since: '1d', until: '7d' }, 'UTC', /^since "1d" is not earlier than until "7d"/],
  [{ since: '2026-11-25', until: '2026-11-24' }, 'UTC', /they are 2026-11-25T00:00:00Z and 2026-11-25T00:00:00Z/],
] as const)('the ends of a range: %j in %s is refused', (text, zone, message) => {
  expect(() => read(text, zone)).toThrow(message)
})

test('the ends of a range only a date and a local time take a zone', () => {
  expect(needsZone({ since: '7d', until: '2026-11-24T03:00:00Z' })).toBe(false)
  expect(needsZone({ until: '2026-11-24' })).toBe(true)
  expect(needsZone({ since: '2026-11-24 03:00' })).toBe(true)
})

test('the days of a range, newest first: the end is outside', () => {
  const days = (since: string, until: string) => [...daysIn(Date.parse(since), Date.parse(until))]
  expect(days('2026-11-22T23:59:59Z', '2026-11-24T00:00:01Z')).toEqual(['2026-11-24', '2026-11-23', '2026-11-22'])
  expect(days('2026-11-23T00:00:00Z', '2026-11-24T00:00:00Z')).toEqual(['2026-11-23'])
  expect(days('2026-11-24T00:00:00Z', '2026-11-24T00:00:00Z')).toEqual([])
})

test.each([
  // 12:00 UTC is 21:00 in Tokyo, and 01:00 of the next day in Auckland.
  [{ since: '20:59', until: '21:01' }, 'Asia/Tokyo', { since: '2026-11-24T20:59', until: '2026-11-23T21:01' }],
  [{ since: '02:00' }, 'Pacific/Auckland', { since: '2026-11-24T02:00' }],
  [{ since: '7d', until: 'constructor' }, 'UTC', { since: '7d', until: 'constructor' }],
] as const)('%j in %s is %j: a time of day is the latest one', (text, zone, expected) => {
  expect(withTimesOfDay(text, zone, NOW)).toEqual({ until: undefined, ...expected })
  expect(needsZone(text)).toBe('since' in text && text.since !== '7d')
})
