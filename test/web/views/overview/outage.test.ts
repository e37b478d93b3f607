import { expect, test } from 'vitest'
import { findOutage, outageText } from '../../../../src/web/views/overview/outage.ts'

const HOUR_MS = 3_600_000
const at = (text: string) => Date.parse(`2026-11-${text}Z`)

/** Finds the outage of these findings of each task. */
function outageOf(tasks: Readonly<Record<string, readonly number[]>>) {
  const { add, outage } = findOutage()
  for (const [task, slots] of Object.entries(tasks)) {
    for (const slot of slots.toSorted((one, other) => other - one)) add({ task, slot })
  }
  return outage()
}

test('three tasks with problems at most an hour apart are one outage', () => {
  const tasks = { a: [at('25T17:00')], b: [at('25T18:00')], c: [at('25T18:40')] }
  expect(outageOf(tasks)).toEqual({ tasks: 3, from: at('25T17:00'), to: at('25T18:40') })
  expect(outageOf({ ...tasks, c: [at('25T19:01')] })).toBe(null)
  expect(outageOf({ a: [at('25T17:00'), at('25T17:30')], b: [at('25T18:00')] })).toBe(null)
  expect(outageOf({})).toBe(null)
})

test('the outage with the most tasks is told, and the newest one of equal ones', () => {
  const [early, late] = [at('20T03:00'), at('25T03:00')]
  expect(outageOf({ a: [early, late], b: [early, late], c: [early, late] })?.from).toBe(late)
  expect(outageOf({ a: [early, late], b: [early, late], c: [early, late], d: [early] })?.from).toBe(early)
})

test('a task that fails for days does not join the problems of other days', () => {
  const hourly = Array.from({ length: 100 }, (_, index) => at('20T00:00') + index * HOUR_MS)
  expect(outageOf({ a: hourly, b: [at('20T02:00')], c: [at('23T02:00')], d: [at('23T02:30')] })).toBe(null)
  expect(outageOf({ a: hourly, b: [at('20T02:00')], c: [at('20T03:00')] })).toEqual({
    tasks: 3,
    from: at('20T00:00'),
    to: at('20T06:00'),
  })
})

test('only the tasks whose problems began then are counted', () => {
  const night = [at('23T02:00')]
  const hourly = Array.from({ length: 100 }, (_, index) => at('20T00:00') + index * HOUR_MS)
  expect(outageOf({ a: hourly, b: night, c: night, d: night })).toEqual({ tasks: 3, from: night[0], to: night[0] })
})

test('with very many problems nothing is said', () => {
  const rare = Array.from({ length: 7_000 }, (_, index) => at('20T00:00') + index * 2 * HOUR_MS)
  expect(outageOf({ a: rare, b: rare, c: rare })).toBe(null)
})

test('in words', () => {
  const [from, to] = [at('25T17:00'), at('25T18:40')]
  expect(outageText({ tasks: 11, from, to })).toBe(
    '11 tasks have problems that began between 2026-11-25 17:00 and 18:40 UTC, with gaps of at most 1 h. They may have one cause.',
  )
  expect(outageText({ tasks: 3, from, to: at('26T00:30') })).toContain(
    'between 2026-11-25 17:00 and 2026-11-26 00:30 UTC',
  )
  expect(outageText({ tasks: 3, from, to: from })).toBe(
    '3 tasks have problems that began at 2026-11-25 17:00 UTC. They may have one cause.',
  )
})
