import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatInstant, parseInstant } from '../../src/core/instant.ts'

it.each([
  ['2026-11-24T03:00:00Z', Date.UTC(2026, 10, 24, 3)],
  ['2026-11-24T03:00Z', Date.UTC(2026, 10, 24, 3)],
  ['2026-11-24T12:00:00+09:00', Date.UTC(2026, 10, 24, 3)],
  ['2026-11-24T12:00:00+0900', Date.UTC(2026, 10, 24, 3)],
  ['2026-11-23T22:30:00.5-04:30', Date.UTC(2026, 10, 24, 3, 0, 0, 500)],
  ['2026-11-24T03:00:00.123456789Z', Date.UTC(2026, 10, 24, 3, 0, 0, 123)],
  ['2026-11-24T03:00:00.9999Z', Date.UTC(2026, 10, 24, 3, 0, 0, 999)],
  ['2024-02-29T00:00:00-00:00', Date.UTC(2024, 1, 29)],
  ['1970-01-01T00:00:00Z', 0],
])('parseInstant reads %s', (text, instant) => {
  expect(parseInstant(text)).toBe(instant)
})

it.each([
  '',
  '2026-11-24',
  '2026-11-24T03:00:00',
  '2026-11-24 03:00:00Z',
  '2026-11-24T03:00:00z',
  '2026-11-24T03:00:00+09',
  '2026-11-24T03:00:00+24:00',
  '2026-11-24T03:00:00,5Z',
  ' 2026-11-24T03:00:00Z',
  '2026-11-24T03:00:00Z\n',
  '2026-11-24T24:00:00Z',
  '2026-11-24T03:00:60Z',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '1970-01-01T00:00:00+00:01',
  '2200-01-01T00:00:00Z',
  '1764000000',
])('parseInstant refuses %j with one line that shows it', (text) => {
  expect(() => parseInstant(text, 'event time')).toThrow(/^event time "[^\n]*$/)
})

it('parseInstant says what is wrong', () => {
  expect(() => parseInstant('2026-11-24T03:00:00', 'event time')).toThrow(
    'event time "2026-11-24T03:00:00" has no offset. Use ISO 8601 with Z or an offset',
  )
  expect(() => parseInstant('2026-02-30T03:00:00Z')).toThrow('time "2026-02-30T03:00:00Z" is not a valid date and time')
  expect(() => parseInstant('2201-02-03T03:00:00Z')).toThrow('Use the years 1970 to 2199')
  expect(() => parseInstant('\u001b[2J\u009b1A\u202e')).toThrow('time "\\u001b[2J\\u009b1A\\u202e"')
  expect(() => parseInstant('9'.repeat(5000))).toThrow(/^.{300,600}$/)
})

it('formatInstant is read back as the same instant, and sorts by time', () => {
  const instant = fc.integer({ min: 0, max: Date.UTC(2199, 11, 31) })
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      expect(parseInstant(formatInstant(a))).toBe(a)
      const [first, second] = [a, b].map((at) => formatInstant(at - (at % 1000)))
      expect(Math.sign(a - (a % 1000) - (b - (b % 1000)))).toBe(
        first === second ? 0 : (first ?? '') < (second ?? '') ? -1 : 1,
      )
    }),
  )
})
