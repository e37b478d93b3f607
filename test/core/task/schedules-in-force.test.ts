import { expect, test } from 'vitest'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { windowOf } from '../../../src/core/schedule/slot.ts'
import { parseSlotBySchedules, scheduleInForce, scheduleWith } from '../../../src/core/task/schedules-in-force.ts'

const at = (text: string) => Date.parse(text)
/** Daily until 10 November, then each hour. */
const SCHEDULES = [
  { since: at('2026-11-01T03:00:00Z'), spec: { expression: '0 3 * * *', zone: 'UTC' } },
  { since: at('2026-11-10T00:00:00Z'), spec: { expression: '0 * * * *', zone: 'UTC' } },
]
const NOW = at('2026-11-20T00:00:00Z')
const IN_FORCE = SCHEDULES.map(({ since, spec }) => ({ since, schedule: parseSchedule(spec) }))

test.each([
  ['2026-11-05T03:00:00Z', '0 3 * * *', '2026-11-06T03:00:00Z'],
  ['2026-11-10T03:00:00Z', '0 * * * *', '2026-11-10T04:00:00Z'],
  // The old one has no such slot: the new one names it all the same.
  ['2026-11-05T04:00:00Z', '0 * * * *', '2026-11-05T05:00:00Z'],
  // From before anybody ran it.
  ['2026-10-05T03:00:00Z', '0 * * * *', '2026-10-05T04:00:00Z'],
])('a slot has the window of the schedule that was in force: %s: %s', (slot, expression, end) => {
  const found = parseSlotBySchedules(SCHEDULES, slot, NOW)
  expect(found).toEqual({ window: { slot: at(slot), end: at(end) }, spec: { expression, zone: 'UTC' } })
  expect(scheduleWith(IN_FORCE, at(slot))?.spec.expression).toBe(expression)
})

test('a slot that no schedule has is refused', () => {
  expect(scheduleWith(IN_FORCE, at('2026-11-05T03:30:00Z'))).toBe(null)
  expect(() => parseSlotBySchedules(SCHEDULES, '2026-11-05T03:30:00Z', NOW)).toThrow(
    /is not a slot of 0 \* \* \* \* in UTC. The nearest slots are 2026-11-05T03:00:00Z and 2026-11-05T04:00:00Z/,
  )
})
const resolve = (date: string, [before, after]: readonly [string, string]) => {
  const [first, second] = SCHEDULES
  const schedules = [
    { since: first?.since ?? 0, spec: { expression: before, zone: 'UTC' } },
    { since: second?.since ?? 0, spec: { expression: after, zone: 'UTC' } },
  ]
  return parseSlotBySchedules(schedules, date, NOW).window.slot
}
const several = /there are several slots on that day in UTC. Use one of 2026-11-\d\dT00:00:00Z, .*/

test('a date goes by the schedule of that day alone: its one slot', () => {
  expect(resolve('2026-11-05', ['0 3 * * *', '0 4 * * *'])).toBe(at('2026-11-05T03:00:00Z'))
  expect(resolve('2026-11-12', ['0 3 * * *', '0 4 * * *'])).toBe(at('2026-11-12T04:00:00Z'))
})

test('a date with several slots is refused: the one of the schedule before or after is not meant', () => {
  expect(() => resolve('2026-11-05', ['0 */6 * * *', '0 4 * * *'])).toThrow(several)
  expect(() => resolve('2026-11-12', ['0 3 * * *', '0 */6 * * *'])).toThrow(several)
})

test('a date without a slot is refused', () => {
  expect(() => resolve('2026-11-14', ['0 3 * * *', '0 4 * * 1-5'])).toThrow(/has no slots on that day in UTC/)
})

test('a local time that comes twice goes by the schedule of that day, not by the one before', () => {
  const [since = 0, later = 0] = SCHEDULES.map((one) => one.since)
  const zone = 'Europe/Berlin'
  const schedules = [
    { since: since - 60 * 86_400_000, spec: { expression: '30 2 * * *', zone: 'UTC' } },
    { since: later - 60 * 86_400_000, spec: { expression: '*/30 * * * *', zone } },
  ]
  const find = () => parseSlotBySchedules(schedules, '2026-10-25T02:30', NOW)
  expect(find).toThrow(/occurs twice in Europe\/Berlin/)
  // In UTC it comes once, also on that day.
  const [first = { since: 0, spec: { expression: '30 2 * * *', zone: 'UTC' } }] = schedules
  expect(parseSlotBySchedules([first], '2026-10-25T02:30', NOW).window.slot).toBe(at('2026-10-25T02:30:00Z'))
})

test('a date from before the first run goes by the latest schedule that has it', () => {
  expect(resolve('2026-10-05', ['0 3 * * *', '0 4 * * *'])).toBe(at('2026-10-05T04:00:00Z'))
})

test('the first slot that was run by a schedule is its own, also where an older or a later one has it too', () => {
  const [first, second] = SCHEDULES
  if (first === undefined || second === undefined) throw new Error('two schedules')
  const since = at('2026-11-10T03:00:00Z')
  const schedules = [first, { ...second, since }, { since: at('2026-11-15T03:00:00Z'), spec: first.spec }]
  const { spec } = parseSlotBySchedules(schedules, '2026-11-10T03:00:00Z', NOW)
  expect(spec).toEqual(second.spec)
  const inForce = schedules.map((one) => ({ since: one.since, schedule: parseSchedule(one.spec) }))
  expect(scheduleWith(inForce, since)?.spec.expression).toBe(second.spec.expression)
})

const inForceAt = (time: string) => {
  const found = scheduleInForce(SCHEDULES, (schedule) => windowOf(schedule, at(time))?.slot ?? null)
  return found === null ? null : [found.schedule.spec.expression, found.until]
}
const CHANGED = at('2026-11-10T00:00:00Z')

test.each([
  ['2026-11-09T23:59:59Z', '0 3 * * *', CHANGED],
  ['2026-11-10T00:00:00Z', '0 * * * *', null],
  ['2026-11-20T00:00:00Z', '0 * * * *', null],
  // Before the first slot of all of them, it is the oldest one.
  ['2026-10-01T00:00:00Z', '0 3 * * *', CHANGED],
])('the schedule that was in force at the slot of a time: %s', (time, expression, until) => {
  expect(inForceAt(time)).toEqual([expression, until])
})

test('a schedule without a slot at that time was not in force, unless it is the only one', () => {
  const once = { since: at('2026-12-01T00:00:00Z'), spec: { expression: 'at(2026-12-01T00:00:00)', zone: 'UTC' } }
  expect(scheduleInForce([...SCHEDULES, once], () => null)?.schedule.spec.expression).toBe('0 3 * * *')
  expect(scheduleInForce([once], () => null)?.schedule.spec.expression).toBe('at(2026-12-01T00:00:00)')
  expect(scheduleInForce([], () => null)).toBe(null)
})
