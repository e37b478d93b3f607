import fc from 'fast-check'
import { DateTime } from 'luxon'
import { expect, test } from 'vitest'
import { wallClock, wordsIn } from '../../../../src/web/views/frame/wall-clock.ts'

test('shows what luxon shows, in any zone and at any time', () => {
  const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
  const seconds = fc.integer({ min: 0, max: Date.UTC(2199, 11, 31) / 1000 })
  fc.assert(
    fc.property(zones, seconds, (zone, second) => {
      const local = DateTime.fromSeconds(second, { zone, locale: 'en-US' })
      const format = local.second === 0 ? 'yyyy-MM-dd HH:mm' : 'yyyy-MM-dd HH:mm:ss'
      const clock = wallClock(zone)
      expect(clock.time(second * 1000)).toBe(local.toFormat(format))
      expect(clock.day(second * 1000)).toBe(local.toFormat('yyyy-MM-dd'))
    }),
  )
})

test('an unknown zone is UTC', () => {
  expect(wallClock('<script>')).toMatchObject({ zone: 'UTC' })
  expect(wallClock('Mars/Olympus').time(0)).toBe('1970-01-01 00:00')
})

test('in a sentence UTC stands beside the time of another zone', () => {
  const at = Date.parse('2026-11-24T03:00:05.123Z')
  expect(wallClock('Asia/Tokyo').both(at)).toBe('2026-11-24 12:00:05 Asia/Tokyo (2026-11-24T03:00:05Z)')
  expect(wallClock('UTC').both(at)).toBe('2026-11-24T03:00:05Z')
})

test('the zone stands beside a schedule once', () => {
  expect(wordsIn('Asia/Tokyo', 'At 03:00')).toBe('At 03:00 · Asia/Tokyo')
  expect(wordsIn('Asia/Tokyo', 'Once, at 2026-11-24 03:00 in Asia/Tokyo')).toBe(
    'Once, at 2026-11-24 03:00 in Asia/Tokyo',
  )
  expect(wordsIn('UTC', '')).toBe('UTC')
})
