import { describe, expect, test } from 'vitest'
import { wallClock } from '../../../src/web/views/frame/time.tsx'
import { axisUntil, labelsOf, SPANS } from '../../../src/web/views/overview/axis.ts'

const HOUR_MS = 3_600_000

const begins = (zone: string, axis: { readonly columns: readonly { readonly from: number }[] }) =>
  axis.columns.map(({ from }) => wallClock(zone).time(from))

describe.each(['UTC', 'Asia/Tokyo', 'Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana'])(
  'in %s',
  (zone) => {
    // The days around the changes of the clocks, and times at the edge of a column.
    const times = [
      Date.parse('2026-11-26T03:00:00Z'),
      Date.parse('2026-11-26T02:59:59.999Z'),
      Date.parse('2026-03-08T12:00:00Z'),
      Date.parse('2026-11-01T16:17:18Z'),
      Date.parse('2026-04-05T01:00:00Z'),
      Date.parse('2026-10-04T01:00:00Z'),
    ]
    test.each(['24h', '7d', '30d'] as const)('%s: the columns follow each other, and the last one has now', (span) => {
      for (const now of times) {
        const { columns, ahead } = axisUntil(now, zone, span)
        // A time that the clocks skip has no column.
        expect(SPANS[span].columns - columns.length).toBeLessThanOrEqual(span === '24h' ? 2 : 0)
        for (const [index, { from, to }] of columns.entries()) {
          expect(from).toBeLessThan(to)
          expect(to).toBe(columns[index + 1]?.from ?? to)
        }
        const last = columns.at(-1)
        expect(last && last.from <= now && now < last.to).toBe(true)
        // The rest of that column comes after now, and then the columns of the slots to come.
        const later = ahead.filter(({ from, to }) => from < to)
        expect(ahead[0]).toEqual({ from: now + 1, to: last?.to })
        for (const [index, { to }] of later.entries()) expect(to).toBe(later[index + 1]?.from ?? to)
      }
    })
  },
)

test('columns begin at round local times, also in a zone of half an hour', () => {
  const now = Date.parse('2026-11-26T03:10:00Z')
  const week = begins('Asia/Kolkata', axisUntil(now, 'Asia/Kolkata', '7d'))
  expect(week.slice(-3)).toEqual(['2026-11-26 00:00', '2026-11-26 04:00', '2026-11-26 08:00'])
  expect(begins('Asia/Kolkata', axisUntil(now, 'Asia/Kolkata', '24h')).at(-1)).toBe('2026-11-26 08:30')
  expect(begins('Asia/Kolkata', axisUntil(now, 'Asia/Kolkata', '30d')).at(-1)).toBe('2026-11-26 00:00')
})

test('now at the begin of a column is in it', () => {
  const now = Date.parse('2026-11-26T04:00:00Z')
  expect(axisUntil(now, 'UTC', '7d').columns.at(-1)).toEqual({ from: now, to: now + 4 * HOUR_MS })
  expect(axisUntil(now - 1, 'UTC', '7d').columns.at(-1)).toEqual({ from: now - 4 * HOUR_MS, to: now })
})

test('a change of the clocks: no column is empty, and the column of a time that comes twice is longer', () => {
  const spring = begins('America/New_York', axisUntil(Date.parse('2026-03-08T08:00:00Z'), 'America/New_York', '24h'))
  expect(spring.slice(-4)).toEqual(['2026-03-08 01:30', '2026-03-08 03:00', '2026-03-08 03:30', '2026-03-08 04:00'])
  const autumn = begins('America/New_York', axisUntil(Date.parse('2026-11-01T07:00:00Z'), 'America/New_York', '24h'))
  expect(autumn.slice(-5)).toEqual([
    '2026-11-01 00:00',
    '2026-11-01 00:30',
    '2026-11-01 01:00',
    '2026-11-01 01:30',
    '2026-11-01 02:00',
  ])
  for (let quarter = 0; quarter < 24; quarter += 1) {
    const now = Date.parse('2026-11-01T04:00:00Z') + quarter * 900_000
    const { from, to } = axisUntil(now, 'America/New_York', '24h').columns.at(-1) ?? { from: 0, to: 0 }
    expect(from <= now && now < to).toBe(true)
  }
  const lengths = (at: string, span: '7d' | '30d') => {
    const { from, to } = axisUntil(Date.parse(at), 'America/New_York', span).columns.at(-1) ?? { from: 0, to: 0 }
    return (to - from) / HOUR_MS
  }
  expect(lengths('2026-03-08T06:00:00Z', '7d')).toBe(3)
  expect(lengths('2026-11-01T06:30:00Z', '7d')).toBe(5)
  expect(lengths('2026-03-08T12:00:00Z', '30d')).toBe(23)
  expect(lengths('2026-11-01T12:00:00Z', '30d')).toBe(25)
})

test('labels have room up to the next label', () => {
  const labels = (at: string, span: '24h' | '7d' | '30d') => labelsOf(axisUntil(Date.parse(at), 'UTC', span))
  const shown = (at: string, span: '24h' | '7d' | '30d') => labels(at, span).filter(Boolean).join(', ')
  expect(shown('2026-11-26T13:10:00Z', '7d')).toBe('19, Fri 20, Sat 21, Sun 22, Mon 23, Tue 24, Wed 25, 26')
  // The oldest and the newest day have one to six columns of four hours.
  const ends = (hour: number) => shown(new Date(Date.UTC(2026, 10, 26, hour, 10)).toISOString(), '7d')
  expect(ends(3)).toMatch(/^Thu 19, .*, Wed 25$/)
  for (const hour of [7, 11, 15]) expect(ends(hour)).toMatch(/^19, .*, 26$/)
  expect(ends(19)).toMatch(/^Fri 20, .*, Thu 26$/)
  // In the newest block of four hours, four columns of half an hour have room for the time.
  expect(labels('2026-11-26T13:10:00Z', '24h').at(-3)).toBe(null)
  expect(labels('2026-11-26T13:40:00Z', '24h').at(-4)).toBe('12:00')
  expect(shown('2026-11-26T03:10:00Z', '24h')).toBe('Wed 25, 08:00, 12:00, 16:00, 20:00, Thu 26')
  expect(shown('2026-11-26T03:10:00Z', '30d')).toBe('28 Oct, 2 Nov, 9 Nov, 16 Nov, 23')
})
