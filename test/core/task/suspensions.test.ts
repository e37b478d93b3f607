import { expect, test } from 'vitest'
import {
  gapsOf,
  isRetired,
  isSuspended,
  openSuspensions,
  pauseFor,
  retirementAt,
  suspensionAt,
  suspensionOf,
} from '../../../src/core/task/suspensions.ts'
import { EMPTY_TASK_RECORD, type Suspension, type TaskRecord } from '../../../src/core/task/task-record.ts'
import { HOUR_MS, PAUSE } from '../../support/rows.ts'

const SKEW_MS = 30_000
const { from } = PAUSE
const until = from + HOUR_MS
const ENDING = { ...PAUSE, until }

const isPaused = (slot: number, now: number, pause: Suspension = ENDING) =>
  pauseFor({ pauses: [pause] }, slot, now, SKEW_MS) !== null

test('a trigger is paused if its slot lies in the pause, whenever it arrives', () => {
  expect(isPaused(from, from)).toBe(true)
  expect(isPaused(until - 1, until + HOUR_MS)).toBe(true)
  expect(isPaused(until, until)).toBe(false)
  expect(isPaused(from + HOUR_MS * 1_000, from, PAUSE)).toBe(true)
})

test('a trigger is paused if it arrives in the pause, although its slot was before', () => {
  expect(isPaused(from - HOUR_MS, from)).toBe(true)
  expect(isPaused(from - HOUR_MS, until - 1)).toBe(true)
  expect(isPaused(from - HOUR_MS, until)).toBe(false)
  expect(isPaused(from - HOUR_MS, from, PAUSE)).toBe(true)
})

test('a trigger is paused although the clock of this host is behind the clock of the operator', () => {
  expect(isPaused(from - HOUR_MS, from - SKEW_MS)).toBe(true)
  expect(isPaused(from - HOUR_MS, from - SKEW_MS - 1)).toBe(false)
})

test('a scheduled trigger starts nothing in a pause, but does in one that was cancelled before it began', () => {
  const cancelled = { ...PAUSE, until: from }
  expect(isPaused(from - HOUR_MS, from, cancelled)).toBe(false)
  expect(isPaused(from, from, cancelled)).toBe(false)
})

test('a scheduled trigger starts nothing in a pause, and the pause that was recorded last is named', () => {
  const second = { ...ENDING, reason: 'and another one' }
  expect(pauseFor({ pauses: [PAUSE, second] }, from, from, SKEW_MS)).toBe(second)
})

test('a retirement covers the slots from its start on, until it is ended', () => {
  expect(retirementAt({ retirements: [PAUSE] }, from)).toBe(PAUSE)
  expect(retirementAt({ retirements: [PAUSE] }, from - 1)).toBe(null)
  expect(retirementAt({ retirements: [ENDING] }, from)).toBe(null)
})

test('a slot is not caught up in a pause, in a retirement that has ended, or while the task is paused', () => {
  const suspended = (slot: number, now: number, more: Partial<TaskRecord>) =>
    isSuspended({ ...EMPTY_TASK_RECORD, ...more }, slot, now, SKEW_MS)
  const later = until + HOUR_MS
  expect(suspended(from, later, { pauses: [ENDING] })).toBe(true)
  expect(suspended(from, later, { retirements: [ENDING] })).toBe(true)
  expect(suspended(until, later, { pauses: [ENDING], retirements: [ENDING] })).toBe(false)
  expect(suspended(from - 1, from, { pauses: [ENDING] })).toBe(true)
  expect(suspended(from - 1, later, { pauses: [ENDING], retirements: [ENDING] })).toBe(false)
})

test('no slot is expected in a pause or a retirement', () => {
  expect(gapsOf({ pauses: [ENDING], retirements: [PAUSE] })).toEqual([
    { from, until },
    { from, until: Infinity },
  ])
})

test('a slot that is not expected names its pause, or else its retirement, also when that is over', () => {
  const both = { pauses: [ENDING], retirements: [PAUSE] }
  expect(suspensionOf(both, from)).toEqual({ kind: 'pause', suspension: ENDING })
  expect(suspensionOf(both, until)).toEqual({ kind: 'retirement', suspension: PAUSE })
  expect(suspensionOf(both, from - 1)).toBe(null)
})

test('what is in force or planned is open, and what is over or was cancelled is not', () => {
  const planned = { ...PAUSE, from: until + HOUR_MS, until: until + 2 * HOUR_MS }
  const cancelled = { ...planned, until: planned.from }
  const record = { pauses: [ENDING, planned, cancelled], retirements: [ENDING, planned] }
  expect(openSuspensions(record, until - 1)).toEqual({ pauses: [ENDING, planned], retirement: planned })
  expect(openSuspensions(record, until)).toEqual({ pauses: [planned], retirement: planned })
  expect(openSuspensions(record, until + 2 * HOUR_MS)).toEqual({ pauses: [], retirement: null })
  expect([from - 1, from, until, planned.from].map((now) => isRetired(record, now))).toEqual([false, true, false, true])
})

test('a task that is paused and retired is called retired', () => {
  expect(suspensionAt({ pauses: [ENDING], retirements: [PAUSE] }, from)?.kind).toBe('retirement')
  expect(suspensionAt({ pauses: [ENDING], retirements: [] }, from)).toEqual({ kind: 'pause', suspension: ENDING })
  expect(suspensionAt({ pauses: [ENDING], retirements: [] }, until)).toBe(null)
})
