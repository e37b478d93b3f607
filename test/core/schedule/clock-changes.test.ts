import { DateTime } from 'luxon'
import { expect, test } from 'vitest'
import { parseInstant } from '../../../src/core/instant.ts'
import { clockNotes } from '../../../src/core/schedule/clock-changes.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'

const DAY_MS = 86_400_000
const schedule = (expression: string, zone: string) => parseSchedule({ expression, zone })

function notes(expression: string, zone: string, from = '2026-10-01T00:00:00Z', to = '2027-10-01T00:00:00Z') {
  const local = (ms: number) => new Date(ms).toISOString().slice(0, 19)
  return clockNotes(schedule(expression, zone), parseInstant(from), parseInstant(to)).map(({ kind, times, last }) => [
    kind,
    times.map(local).join(' '),
    local(last),
  ])
}

test.each([
  // The edges of gap and fold: the clocks go from 02:00 to 03:00, and from 02:00 back to 01:00.
  ['0 2 * * *', [['skipped', '2027-03-14T02:00:00', '2027-03-14T02:00:00']]],
  ['59 2 * * *', [['skipped', '2027-03-14T02:59:00', '2027-03-14T02:59:00']]],
  ['0 3 * * *', []],
  ['59 1 * * *', [['once', '2026-11-01T01:59:00', '2026-11-01T01:59:00']]],
  ['0 1 * * *', [['once', '2026-11-01T01:00:00', '2026-11-01T01:00:00']]],
  ['59 0 * * *', []],
  // Both changes fall on a Sunday.
  ['30 2 * * 1-6', []],
])('a daily schedule: %s', (expression, expected) => {
  expect(notes(expression, 'America/New_York')).toEqual(expected)
})

test('every hour: both passes are slots', () => {
  expect(notes('15 * * * *', 'Europe/Berlin')).toEqual([
    ['twice', '2026-10-25T02:15:00', '2026-10-25T02:15:00'],
    ['skipped', '2027-03-28T02:15:00', '2027-03-28T02:15:00'],
  ])
})

test('every second: four times and the last, not 3600', () => {
  expect(notes('* * * * * *', 'Australia/Lord_Howe')).toEqual([
    [
      'skipped',
      '2026-10-04T02:00:00 2026-10-04T02:00:01 2026-10-04T02:00:02 2026-10-04T02:00:03',
      '2026-10-04T02:29:59',
    ],
    ['twice', '2027-04-04T01:30:00 2027-04-04T01:30:01 2027-04-04T01:30:02 2027-04-04T01:30:03', '2027-04-04T01:59:59'],
  ])
})

test('a gap at midnight, and one of a whole day', () => {
  expect(notes('@daily', 'America/Havana')).toEqual([
    ['once', '2026-11-01T00:00:00', '2026-11-01T00:00:00'],
    ['skipped', '2027-03-14T00:00:00', '2027-03-14T00:00:00'],
  ])
  expect(notes('0 9 * * *', 'Pacific/Apia', '2011-12-29T00:00:00Z', '2012-01-02T00:00:00Z')).toEqual([
    ['skipped', '2011-12-30T09:00:00', '2011-12-30T09:00:00'],
  ])
})

test('at(…) in a fold; a rate, and zones that keep their clocks, have nothing to tell', () => {
  expect(notes('at(2026-11-01T01:30:00)', 'America/New_York')).toEqual([
    ['once', '2026-11-01T01:30:00', '2026-11-01T01:30:00'],
  ])
  expect(notes('* * * * *', 'Asia/Tokyo')).toEqual([])
  expect(notes('* * * * *', 'UTC')).toEqual([])
  const rate = parseSchedule({ expression: 'rate(1 minute)', zone: 'America/New_York', anchor: 0 })
  expect(clockNotes(rate, parseInstant('2026-10-01T00:00:00Z'), parseInstant('2027-10-01T00:00:00Z'))).toEqual([])
})

test('a span of centuries is bounded', () => {
  expect(notes('30 2 * * *', 'America/New_York', '1970-01-01T00:00:00Z', '2199-01-01T00:00:00Z')).toHaveLength(10)
})

test.each(['America/New_York', 'Africa/Casablanca', 'Antarctica/Troll', 'America/Nuuk'])(
  'in %s, what luxon says of each half hour of the days near a clock change',
  (zone) => {
    const from = Date.UTC(2026, 9, 1)
    const expected: (readonly [string, string])[] = []
    const offsetAt = (at: number) => DateTime.fromMillis(at, { zone }).offset
    for (let local = from; local < from + 365 * DAY_MS; local += 1_800_000) {
      // The days without a change have nothing to tell, and to ask luxon about all of them takes seconds.
      if (local % DAY_MS === 0 && offsetAt(local - DAY_MS) === offsetAt(local + 2 * DAY_MS)) {
        local += DAY_MS - 1_800_000
        continue
      }
      const text = new Date(local).toISOString().slice(0, 19)
      const shown = DateTime.fromISO(text, { zone })
      if (shown.toFormat("yyyy-MM-dd'T'HH:mm:ss") !== text) expected.push(['skipped', text])
      else if (shown.getPossibleOffsets().length > 1) expected.push(['once', text])
    }
    // Not at noon: with each hour in its field, both passes would be slots.
    const found = notes('0,30 0-11,13-23 * * *', zone).flatMap(([kind, times]) =>
      String(times)
        .split(' ')
        .map((time) => [kind, time]),
    )
    expect(found).toEqual(expected)
  },
)
