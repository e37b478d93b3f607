import { expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { scheduleWarnings } from '../../../src/core/schedule/warnings.ts'

const NOW = Date.parse('2026-11-24T00:00:00Z')

function warnings(expression: string, { zone = 'UTC', anchor, zoneData = '2026c' }: Options = {}): readonly string[] {
  const schedule = parseSchedule({ expression, zone, ...(anchor !== undefined && { anchor: Date.parse(anchor) }) })
  return scheduleWarnings(schedule, NOW, zoneData)
}

interface Options {
  readonly zone?: string
  readonly anchor?: string
  readonly zoneData?: string
}

const undocumented = (form: string) => `AWS does not document ${form}. Check that AWS accepts it.`

test.each([
  ['cron(0 3 * * ?)', ['cron(…) with five fields (write the year as the sixth field, "*")']],
  ['cron(0 3 L-2 * ? *)', ['"L-2" (a day before the last of the month)']],
  ['cron(0 3 1,L * ? *)', ['"L" in a list']],
  ['cron(0 3 LW,15 * ? *)', ['"LW" in a list']],
  ['cron(0 3 ? * 2L,3 *)', ['"2L" in a list']],
  ['cron(0 3 ? * FRI-MON *)', ['"FRI-MON" in day of week, a range that runs over the end of the field']],
  ['cron(50-10 3 ? * MON *)', ['"50-10" in minutes, a range that runs over the end of the field']],
  ['cron(0 3 1 NOV-FEB ? *)', ['"NOV-FEB" in month, a range that runs over the end of the field']],
])('a form that AWS does not document is a warning: %s', (expression, forms) => {
  expect(warnings(expression)).toEqual(forms.map(undocumented))
})

test.each([
  // AWS's guides have these.
  'cron(0/30 20-2 ? * MON-FRI *)',
  'cron(0 1 ? * SUNL *)',
  'cron(0 3 ? * MON-SUN *)',
  'cron(0 3 ? * SAT-SUN *)',
  'cron(0 3 ? * 2/2 *)',
  'cron(0 /8 * * ? *)',
  'cron(0 3 ? * SAT,SUN *)',
  'cron(0 3 ? JUL,APR * *)',
  'cron(0 3 3W * ? *)',
  'cron(0 3 LW * ? *)',
  'cron(0 3 ? * TUE#2 2026-2030)',
  // These are not forms of AWS.
  '0 3 * * FRI-SUN',
  '@daily',
])('a form that AWS documents has no warning: %s', (expression) => {
  expect(warnings(expression)).toEqual([])
})

test('an anchor with seconds is a warning', () => {
  expect(warnings('rate(1 hour)', { anchor: '2026-01-01T00:00:30Z' })).toEqual([
    'The anchor 2026-01-01T00:00:30Z has seconds, but EventBridge fires on whole minutes, so an event can go to the slot before. Use 2026-01-01T00:00:00Z.',
  ])
  expect(warnings('rate(1 hour)', { anchor: '2026-01-01T00:01:00Z' })).toEqual([])
})

test('a schedule that never fires again is a warning', () => {
  expect(warnings('at(2026-11-24T00:00:00)')).toEqual([
    'The schedule never fires again. Its last slot was 2026-11-24T00:00:00Z.',
  ])
  expect(warnings('cron(0 0 1 1 ? 2020-2025)')).toEqual([
    'The schedule never fires again. Its last slot was 2025-01-01T00:00:00Z.',
  ])
  expect(warnings('at(2026-11-24T00:00:01)')).toEqual([])
})

test('zone data that is older than a change of law is a warning', () => {
  expect(warnings('0 3 * * *', { zone: 'America/Vancouver', zoneData: '2025c' })).toEqual([
    'The time zone data of this Node is 2025c, which is older than a change of law: British Columbia has UTC-7 all year (in 2026b). Slots from 2026-11-01 on can be wrong. Use a Node with newer time zone data.',
  ])
  expect(warnings('0 3 * * *', { zone: 'africa/casablanca', zoneData: '2026b' })).toHaveLength(1)
  for (const zoneData of ['2026b', '2026c', '2027a', 'unknown', '']) {
    expect(warnings('0 3 * * *', { zone: 'America/Vancouver', zoneData })).toEqual([])
  }
  expect(warnings('0 3 * * *', { zone: 'Asia/Tokyo', zoneData: '2023a' })).toEqual([])
  // A rate counts real time.
  const rate = { zone: 'America/Vancouver', zoneData: '2025c', anchor: '2026-01-01T00:00:00Z' }
  expect(warnings('rate(1 hour)', rate)).toEqual([])
})

test.each([
  ['Etc/GMT+9', 'Etc/GMT+9 is 9 hours behind UTC, because its sign is reversed. If UTC+9 is meant, use Etc/GMT-9,'],
  ['Etc/GMT-5', 'Etc/GMT-5 is 5 hours ahead of UTC, because its sign is reversed. If UTC-5 is meant, use Etc/GMT+5,'],
  ['EST', 'EST has no daylight saving time. If you want it, use America/New_York.'],
])('a zone that is easily mistaken is a warning: %s', (zone, message) => {
  expect(warnings('0 3 * * *', { zone })).toEqual([expect.stringContaining(message)])
  expect(warnings('0 3 * * *', { zone: 'Etc/GMT' })).toEqual([])
})
