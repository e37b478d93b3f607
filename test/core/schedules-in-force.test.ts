import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../../src/core/schedule.ts'
import { resolveBySchedules, scheduleWith } from '../../src/core/schedules-in-force.ts'

const at = (text: string) => Date.parse(text)
/** Daily until 10 November, then each hour. */
const SCHEDULES = [
  { since: at('2026-11-01T03:00:00Z'), spec: { expression: '0 3 * * *', zone: 'UTC' } },
  { since: at('2026-11-10T00:00:00Z'), spec: { expression: '0 * * * *', zone: 'UTC' } },
]
const IN_FORCE = SCHEDULES.map(({ since, spec }) => ({ since, schedule: parseSchedule(spec) }))

describe('a slot has the window of the schedule that was in force', () => {
  for (const [slot, expression, end] of [
    ['2026-11-05T03:00:00Z', '0 3 * * *', '2026-11-06T03:00:00Z'],
    ['2026-11-10T03:00:00Z', '0 * * * *', '2026-11-10T04:00:00Z'],
    // The old one has no such slot: the new one names it all the same.
    ['2026-11-05T04:00:00Z', '0 * * * *', '2026-11-05T05:00:00Z'],
    // From before anybody ran it.
    ['2026-10-05T03:00:00Z', '0 * * * *', '2026-10-05T04:00:00Z'],
  ] as const) {
    test(`${slot}: ${expression}`, () => {
      const found = resolveBySchedules(SCHEDULES, slot, at('2026-11-20T00:00:00Z'))
      expect(found).toEqual({ window: { slot: at(slot), end: at(end) }, spec: { expression, zone: 'UTC' } })
      expect(scheduleWith(IN_FORCE, at(slot))?.spec.expression).toBe(expression)
    })
  }

  test('a slot of none of them', () => {
    expect(scheduleWith(IN_FORCE, at('2026-11-05T03:30:00Z'))).toBe(null)
    expect(() => resolveBySchedules(SCHEDULES, '2026-11-05T03:30:00Z', at('2026-11-20T00:00:00Z'))).toThrow(
      /is no slot of 0 \* \* \* \* in UTC; near it: 2026-11-05T03:00:00Z and 2026-11-05T04:00:00Z/,
    )
  })
})
