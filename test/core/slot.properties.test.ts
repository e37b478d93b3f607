import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseSchedule, type Schedule } from '../../src/core/schedule/schedule.ts'
import { slotAfter, slotBefore, slotsBetween, windowOf } from '../../src/core/schedule/slot.ts'

const DAY_MS = 86_400_000
const YEAR_MS = 366 * DAY_MS

/** Zones whose clocks do unusual things, with a year in which they do them. */
const ZONES = [
  ['Africa/Cairo', 2026],
  ['America/Havana', 2026],
  ['Asia/Beirut', 2026],
  ['Australia/Lord_Howe', 2026],
  ['Pacific/Chatham', 2026],
  ['Asia/Kathmandu', 1986],
  ['Pacific/Apia', 2011],
  ['Antarctica/Troll', 2026],
  ['America/New_York', 2026],
  ['America/Santiago', 2026],
  ['America/Sao_Paulo', 2018],
  ['Atlantic/Azores', 2026],
  ['Africa/Casablanca', 2026],
  ['Europe/Dublin', 2026],
  ['Pacific/Kwajalein', 1993],
  ['America/Recife', 2000],
  ['Africa/Monrovia', 1972],
  ['Asia/Pyongyang', 2018],
  ['UTC', 2026],
] as const

const hour = fc.integer({ min: 0, max: 23 })
const expression = fc.oneof(
  fc.tuple(fc.constantFrom('0', '30', '59', '*/20'), hour).map(([minutes, h]) => `${minutes} ${h} * * *`),
  fc.tuple(hour, hour).map(([a, b]) => `cron(0/45 ${a}-${b} ? * * *)`),
  fc.constantFrom('0 * * * *', '45 */2 * * *', '0,30 0-3,23 * * *', '15 0 * * *', '0 0 L * *', '0 12 13 * FRI'),
  fc.constantFrom('cron(30 0-2 ? * 1L *)', 'cron(0 0 LW * ? *)', 'cron(0 2 15W * ? *)', '59 59 23 * * *'),
)
const start = fc.integer({ min: -10, max: 10 }).map((days) => days * DAY_MS)
const scheduled = fc.tuple(fc.constantFrom(...ZONES), expression, start).map(([[zone, year], text, shift]) => ({
  schedule: parseSchedule({ expression: text, zone }),
  from: Date.UTC(year, 0, 1) + shift,
}))
const inYear = fc.integer({ min: 0, max: YEAR_MS })

/** A fresh one, so that no cache of the first walk helps the second. */
const again = (schedule: Schedule) => parseSchedule(schedule.spec)

it('slots are the same walked forward and backward over a year', () => {
  fc.assert(
    fc.property(scheduled, ({ schedule, from }) => {
      const to = from + YEAR_MS
      const forward = [...slotsBetween(schedule, from, to)]
      const backward: number[] = []
      const other = again(schedule)
      for (let slot = slotBefore(other, to); slot !== null && slot >= from; slot = slotBefore(other, slot)) {
        backward.unshift(slot)
      }
      expect(backward).toEqual(forward)
      expect(forward.length).toBeGreaterThan(0)
    }),
    { numRuns: 40 },
  )
})

it('slots are their own slot, and neighbours of each other', () => {
  fc.assert(
    fc.property(scheduled, inYear, ({ schedule, from }, after) => {
      const found = windowOf(schedule, from + after)
      if (found === null || found.next === null) throw new Error('no window')
      expect(windowOf(schedule, found.slot)).toEqual(found)
      expect(windowOf(schedule, found.next - 1)).toEqual(found)
      expect(slotBefore(schedule, found.next)).toBe(found.slot)
      expect(slotAfter(again(schedule), found.slot)).toBe(found.next)
    }),
    { numRuns: 300 },
  )
})
