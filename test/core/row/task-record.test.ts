import { expect, test } from 'vitest'
import {
  decodeTaskRecord,
  EMPTY_TASK_RECORD,
  encodeTaskRecord,
  expectedTimes,
  type TaskRecord,
  USUAL_GRACE_MS,
} from '../../../src/core/row/task-record.ts'

const at = (text: string) => Date.parse(text)

const FULL: TaskRecord = {
  schedules: [
    { since: at('2026-11-01T18:00:00Z'), spec: { expression: '0 3 * * *', zone: 'Asia/Tokyo' } },
    {
      since: at('2026-11-03T00:00:00Z'),
      spec: { expression: 'rate(1 day)', zone: 'UTC', anchor: at('2026-01-01T00:00:00Z') },
    },
  ],
  expectations: {
    since: at('2026-11-03T00:00:00Z'),
    graceMs: 60_000,
    lateAfterMs: 0,
    doneByMs: 7_200_000,
    owner: 'data team, https://example.org/runbook',
  },
  pauses: [
    {
      from: at('2026-11-05T00:00:00Z'),
      until: at('2026-11-06T00:00:00Z'),
      at: at('2026-11-04T12:00:00Z'),
      by: 'ada',
      reason: 'maintenance',
      ended: { at: at('2026-11-06T00:00:00Z'), by: 'bob', reason: 'done early' },
    },
    { from: at('2026-12-24T00:00:00Z'), until: null, at: at('2026-11-04T12:00:00Z'), by: 'ada', reason: '休止' },
  ],
  retirements: [
    { from: at('2027-01-01T00:00:00Z'), until: null, at: at('2026-12-31T00:00:00Z'), by: 'ada', reason: 'replaced' },
  ],
}

const stored = (record: TaskRecord) => JSON.parse(JSON.stringify(encodeTaskRecord(record)))

test('what is stored reads back', () => {
  expect(decodeTaskRecord(stored(FULL), 'nightly')).toEqual(FULL)
  expect(decodeTaskRecord(stored(EMPTY_TASK_RECORD), 'nightly')).toEqual(EMPTY_TASK_RECORD)
  expect(stored(EMPTY_TASK_RECORD)).toEqual({ schemaVersion: 2, schedules: [] })
})

test('a field that is not known is ignored', () => {
  expect(decodeTaskRecord({ ...stored(FULL), color: 'blue' }, 'nightly')).toEqual(FULL)
})

test('a record of a newer cronledger is returned unread', () => {
  const document = { ...stored(FULL), schemaVersion: 3, schedules: 'in another form' }
  expect(decodeTaskRecord(document, 'nightly')).toEqual({ schemaVersion: 3, newerSchema: true })
})

test('a record from before the first release is refused', () => {
  expect(() => decodeTaskRecord({ ...stored(FULL), schemaVersion: 1 }, 'nightly')).toThrow(
    'the record of task nightly has schema version 1, from before the first release of cronledger. Use a new ledger.',
  )
})

test.each([
  [{ schedules: [{ since: 'x' }] }, /nightly.*schedules\[0\]\.since/],
  [{ expectations: 7 }, /nightly.*expectations/],
  [{ expectations: { since: '2026-11-03T00:00:00Z', graceMs: 'soon' } }, /expectations\.graceMs/],
  [{ pauses: [{ from: '2026-11-03T00:00:00Z', at: '2026-11-03T00:00:00Z', by: 'ada' }] }, /pauses\[0\]\.reason/],
  [{ retirements: [{ from: 7 }] }, /retirements\[0\]\.from/],
])('the field that is malformed is named: %j', (wrong, message) => {
  expect(() => decodeTaskRecord({ ...stored(EMPTY_TASK_RECORD), ...wrong }, 'nightly')).toThrow(message)
})

test('the times of a task are those that are given, else those that its runs state, else the defaults', () => {
  const stated = { expectations: { since: 0, graceMs: 1, doneByMs: 3 } }
  expect(expectedTimes(null)).toEqual({ graceMs: USUAL_GRACE_MS, lateAfterMs: null, doneByMs: null })
  expect(expectedTimes(stated)).toEqual({ graceMs: 1, lateAfterMs: null, doneByMs: 3 })
  expect(expectedTimes(stated, { graceMs: 0, lateAfterMs: 0, doneByMs: 0 })).toEqual({
    ...{ graceMs: 0, lateAfterMs: 0, doneByMs: 0 },
  })
  expect(expectedTimes(stated, { graceMs: undefined })).toMatchObject({ graceMs: 1 })
})
