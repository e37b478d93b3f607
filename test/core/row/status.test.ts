import { expect, test } from 'vitest'
import { isRecovered, isRepaired } from '../../../src/core/row/attempts.ts'
import type { ExpectedTimes } from '../../../src/core/task/task-record.ts'
import { type Ending, RESOLVED_STATES, type Row, STATUSES, type StoredRow } from '../../../src/core/types.ts'
import {
  closed,
  FAILED,
  FORCED,
  judgedAt,
  LEASE_MS,
  lastWaiting,
  NOT_STARTED,
  NOW,
  rowWith,
  SUCCEEDED,
} from '../../support/rows.ts'

const row = (ending?: Ending) => rowWith(ending === undefined ? {} : { ending })
const slot = row().slot

const resolvedAsFailed = (found: Row): Row => ({
  ...found,
  resolutions: [{ state: 'FAILED', at: NOW, by: 'ada', reason: 'it did nothing', afterAttempt: 1 }],
})

type SlotRow = { readonly slot: number; readonly row: StoredRow | null }
type At = Partial<ExpectedTimes> & { readonly now?: number }

const CASES: readonly (readonly [(typeof STATUSES)[number], SlotRow, At])[] = [
  ['completed', { slot, row: row(SUCCEEDED) }, {}],
  ['failed', { slot, row: row(FAILED) }, {}],
  ['running', { slot, row: row() }, {}],
  ['running', { slot, row: row() }, { now: NOW + LEASE_MS + 30_000 }],
  ['stale', { slot, row: row() }, { now: NOW + LEASE_MS + 30_001 }],
  ['waiting', { slot, row: lastWaiting(row()) }, {}],
  ['stale', { slot, row: lastWaiting(row()) }, { now: NOW + LEASE_MS + 30_001 }],
  ['skipped', { slot, row: { ...closed(row(SUCCEEDED)), state: 'SKIPPED' } }, {}],
  ['stale', { slot, row: rowWith({}, { ending: NOT_STARTED }) }, {}],
  ['stale', { slot, row: rowWith({}, { ending: NOT_STARTED }, { ending: NOT_STARTED }) }, {}],
  ['failed', { slot, row: rowWith({}, { ending: FAILED }, { ending: NOT_STARTED }) }, {}],
  ['failed', { slot, row: resolvedAsFailed(rowWith({}, { ending: NOT_STARTED })) }, {}],
  ['unknown', { slot, row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } }, {}],
  ['scheduled', { slot, row: null }, { now: slot - 1 }],
  ['due', { slot, row: null }, { now: slot }],
  ['due', { slot, row: null }, { now: slot + 899_999 }],
  ['missed', { slot, row: null }, { now: slot + 900_000 }],
  ['missed', { slot, row: null }, { now: slot + 900_000, doneByMs: 0 }],
  ['scheduled', { slot, row: null }, { now: slot - 1, doneByMs: 0 }],
  ['due', { slot, row: null }, { now: slot + 59_999, doneByMs: 60_000 }],
  ['overdue', { slot, row: null }, { now: slot + 60_000, doneByMs: 60_000 }],
  ['running', { slot, row: row() }, { now: slot + 59_999, doneByMs: 60_000 }],
  ['overdue', { slot, row: row() }, { now: slot + 60_000, doneByMs: 60_000 }],
  ['overdue', { slot, row: lastWaiting(row()) }, { now: slot + 60_000, doneByMs: 60_000 }],
  ['running', { slot, row: rowWith({ ending: SUCCEEDED }, { trigger: FORCED }) }, { doneByMs: 0 }],
  ['overdue', { slot, row: rowWith({ ending: FAILED }, { trigger: FORCED }) }, { doneByMs: 0 }],
  ['stale', { slot, row: row() }, { now: NOW + LEASE_MS + 30_001, doneByMs: 60_000 }],
  ['completed', { slot, row: row(SUCCEEDED) }, { doneByMs: 0 }],
  ['skipped', { slot, row: { ...closed(row(FAILED)), state: 'SKIPPED' } }, { doneByMs: 0 }],
  ['failed', { slot, row: row(FAILED) }, { doneByMs: 0 }],
]

test.each(CASES)('a slot that is %s', (status, { slot, row }, { now = NOW, ...times }) => {
  expect(judgedAt(now, row, { slot, skewMs: 30_000, ...times }).status).toBe(status)
})

test('every status has a slot that it is the status of', () => {
  expect(new Set(CASES.map(([status]) => status))).toEqual(new Set(STATUSES))
})

test('a slot without attempts has the status that an operator gave it', () => {
  for (const state of RESOLVED_STATES) {
    const resolutions = [{ state, at: NOW, by: 'ada', reason: 'looked', afterAttempt: 0 }]
    const resolved = { ...closed(row(FAILED)), attempts: [], state, resolutions }
    expect(judgedAt(NOW, resolved).status).toBe(state.toLowerCase())
  }
})

const ok = { ending: SUCCEEDED }
const bad = { ending: FAILED }
const unstarted = { ending: { outcome: 'notStarted' } } as const

test.each([
  ['a success in time', [ok], {}, false, false],
  ['a success that was claimed after the grace', [ok], { graceMs: 4_000 }, true, false],
  ['a success that ended after its time', [ok], { doneByMs: 5_500 }, true, false],
  ['a failure', [bad], {}, false, false],
  ['a success after a failure', [bad, ok], {}, true, true],
  ['a success after an attempt that never reported its end', [{}, ok], {}, true, true],
  ['a success that repeats one', [ok, ok], { graceMs: 4_000 }, false, false],
  ['a success that repeats one after a force that never started', [ok, unstarted, ok], {}, false, false],
  ['a success after an attempt that never started', [unstarted, ok], {}, true, false],
  ['a success after the repetition of one has failed', [ok, bad, ok], {}, true, true],
  ['a repetition that failed', [bad, ok, bad], {}, false, true],
])('a slot is recovered, or repaired, by its attempts: %s', (_, attempts, times, recovered, repaired) => {
  const { graceMs, doneByMs } = { graceMs: 900_000, doneByMs: null, ...times }
  const found = rowWith(...attempts)
  expect([isRecovered(found, graceMs, doneByMs), isRepaired(found)]).toEqual([recovered, repaired])
})
