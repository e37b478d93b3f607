import { expect, test } from 'vitest'
import { SERVED } from '../../../src/web/views/frame/links.ts'
import { NeedsLine } from '../../../src/web/views/overview/needs.tsx'
import { findOutage, type Outage } from '../../../src/web/views/overview/outage.ts'
import { ILL, LATER } from '../../support/pages/needs.ts'
import { textOf } from '../../support/pages/text.ts'

const HOUR_MS = 3_600_000
const HOURLY = { expression: '0 * * * *', zone: 'UTC' }
const ZONES = [
  ['a', 'Asia/Tokyo'],
  ['b', 'Europe/Berlin'],
  ['c', 'Asia/Tokyo'],
] as const
const at = (text: string) => Date.parse(`2026-11-${text}Z`)

/** Finds the outage of these findings of each task. */
function outageOf(tasks: Readonly<Record<string, readonly number[]>>) {
  const { add, outage } = findOutage()
  for (const [task, slots] of Object.entries(tasks)) {
    for (const slot of slots.toSorted((one, other) => other - one)) add({ task, slot, schedule: HOURLY })
  }
  return outage()
}

test('three tasks with problems at most an hour apart are one outage', () => {
  const tasks = { a: [at('25T17:00')], b: [at('25T18:00')], c: [at('25T18:40')] }
  expect(outageOf(tasks)).toEqual({ tasks: 3, from: at('25T17:00'), to: at('25T18:40'), zone: 'UTC' })
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
    zone: 'UTC',
  })
})

test('only the tasks whose problems began then are counted', () => {
  const night = [at('23T02:00')]
  const hourly = Array.from({ length: 100 }, (_, index) => at('20T00:00') + index * HOUR_MS)
  expect(outageOf({ a: hourly, b: night, c: night, d: night })).toEqual({
    tasks: 3,
    from: night[0],
    to: night[0],
    zone: 'UTC',
  })
})

test('with very many problems nothing is said', () => {
  const rare = Array.from({ length: 7_000 }, (_, index) => at('20T00:00') + index * 2 * HOUR_MS)
  expect(outageOf({ a: rare, b: rare, c: rare })).toBe(null)
})

test('the times are in the zone of more than half of the tasks', () => {
  const from = at('25T18:00')
  const { add, outage } = findOutage()
  for (const [task, zone] of ZONES) add({ task, slot: from, schedule: { expression: '0 * * * *', zone } })
  expect(outage()?.zone).toBe('Asia/Tokyo')
})

test('in words', () => {
  const [from, to] = [at('25T18:00'), at('25T18:40')]
  const text = (outage: Outage) =>
    textOf(NeedsLine({ needs: { ...ILL, outage }, links: SERVED, now: LATER, store: '' })).split('\n')[2]
  expect(text({ tasks: 11, from, to, zone: 'Asia/Tokyo' })).toBe(
    '11 tasks have problems that began between 2026-11-26 03:00 +09:00 2026-11-25 18:00 UTC and 03:40 +09:00 18:40 UTC . They may have one cause.',
  )
  expect(text({ tasks: 3, from, to: at('26T00:30'), zone: 'UTC' })).toContain(
    'between 2026-11-25 18:00 UTC and 2026-11-26 00:30 UTC',
  )
  expect(text({ tasks: 3, from, to: from, zone: 'UTC' })).toBe(
    '3 tasks have problems that began at 2026-11-25 18:00 UTC . They may have one cause.',
  )
})
