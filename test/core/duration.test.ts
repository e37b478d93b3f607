import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../src/core/duration.ts'

test('a duration is a number and a unit', () => {
  const texts = ['500ms', '30s', '10m', '1.5h', '2d', '0s', '0.001s']
  expect(texts.map((text) => parseDuration(text))).toEqual([500, 30_000, 600_000, 5_400_000, 172_800_000, 0, 1])
})

test.each(['', '10', '10 m', 'm', '-1s', '1e3s', '1.5.5s', '١s', '10min', '1s ', '9999999999s', '04:00'])(
  '%j is refused as a duration, not guessed at',
  (text) => {
    const why = /^--lease ".*" (has no unit|is a time of day|is not a valid duration)\. Use a number and a unit/
    expect(() => parseDuration(text, '--lease')).toThrow(why)
  },
)

test('property: a printed duration is read back as the same duration', () => {
  fc.assert(
    fc.property(fc.nat(1e9), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms)
    }),
  )
  expect([90_000, 600_000, 1_500, 86_400_000, 0].map(formatDuration)).toEqual(['90s', '10m', '1.5s', '1d', '0ms'])
})
