import { expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import { claimRow } from '../../../src/core/row/transition.ts'
import type { Rejection, Row, StoredRow } from '../../../src/core/types.ts'
import { shownSlot, showText } from '../../../src/format/slot/show.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import {
  closed,
  FAILED,
  FORCED,
  judgedAt,
  NOT_STARTED,
  NOW,
  rowOn,
  rowWith,
  SCHEDULED,
  SUCCEEDED,
} from '../../support/rows.ts'

const show = (row: StoredRow, now = NOW + 60_000, withIds = false) =>
  showText(shownSlot(judgedAt(now, row), 's'), null, withIds)
const timeline = (row: Row, withIds = false) =>
  show(row, NOW + 60_000, withIds)
    .split('TIMELINE (UTC)\n')[1]
    ?.split('\n\n')[0]
    ?.split('\n')

const rejection = (number: number): Rejection => ({
  runId: `dup-${number}`,
  kind: 'duplicate',
  cause: 'completed',
  at: NOW + number * 60_000,
  trigger: SCHEDULED,
  host: 'other',
  ecsTask: 'arn:aws:ecs:eu-west-1:1:task/x',
})

test('the text of a slot says what it is, and what happened in the order of time', () => {
  const row: Row = {
    ...rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
    rejections: addRejection(NO_NOTES, rejection(10)),
    resolutions: [{ state: 'COMPLETED', at: NOW + 30_000, by: 'eve', reason: 'done by hand', afterAttempt: 2 }],
    expiresAt: NOW + 86_400_000,
  }
  expect(show(row)).toBe(`nightly 2026-11-24 03:00 UTC (2026-11-24T03:00:00Z)
  status        failed
  happened      attempt 1 completed it, then attempt 2 on host failed (exit code 3) after 1s
  work          done once. The repetition may be half done
  next trigger  is a duplicate
  window        2026-11-24 03:00 UTC to 2026-11-25 03:00 UTC
  schedule      0 3 * * * (UTC), zone data 2026a
  expires       2026-11-25 03:00:05 UTC
  rejected      1

TIMELINE (UTC)
03:00:05  attempt 1 started 5s after the scheduled time on host host
03:00:05  attempt 2 started 5s after the scheduled time on host host (forced by ada: bad input file)
03:00:06  attempt 1 succeeded (exit code 0) after 1s
03:00:06  attempt 2 failed (exit code 3) after 1s
03:00:35  resolved as completed by eve: done by hand
03:10:05  duplicate trigger ignored (completed) 10m 5s after the scheduled time on host other

NEXT STEPS
  The slot completed once. A rerun does its work a second time.
  mark it as completed:                       cronledger resolve --store s --task nightly --slot 2026-11-24T03:00:00Z --state completed --reason 'YOUR REASON'
  or run it again although it has completed:  cronledger rerun --store s --task nightly --slot 2026-11-24T03:00:00Z --status completed --reason 'YOUR REASON' -- YOUR_COMMAND`)
})

test('a usual slot, done or failed on ECS with its steps, takes at most 35 lines of 80 columns', () => {
  for (const [ending, atLeast] of [
    [SUCCEEDED, 10],
    [FAILED, 25],
  ] as const) {
    const { ecsTask } = FARGATE.host
    const rejections = addRejection(NO_NOTES, { ...rejection(1), ecsTask })
    const noted = { ...rowOn(FARGATE.place, closed(rowWith({ ending }))), rejections }
    const text = showText(shownSlot(judgedAt(NOW + 60_000, noted), 'dynamodb:cronledger'), 80)
    const rows = text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0)
    expect(rows).toBeLessThanOrEqual(35)
    expect(rows).toBeGreaterThanOrEqual(atLeast)
  }
})

test('the ids of a run, and its place, are in the timeline only if they are asked for', () => {
  const row: Row = { ...rowWith({ ending: SUCCEEDED }), rejections: addRejection(NO_NOTES, rejection(10)) }
  expect(timeline(row)?.join()).not.toMatch(/run |ECS|event time/)
  expect(timeline(row, true)).toEqual([
    '03:00:05  attempt 1 started 5s after the scheduled time on host host (run run-1, event time 2026-11-24T03:00:05Z from --event-time)',
    '03:00:06  attempt 1 succeeded (exit code 0) after 1s',
    '03:10:05  duplicate trigger ignored (completed) 10m 5s after the scheduled time on host other (ECS task arn:aws:ecs:eu-west-1:1:task/x, run dup-10, event time 2026-11-24T03:00:05Z from --event-time)',
  ])
})

test('the times of a timeline are in the zone of its slot, with a date on another day, and each with its offset where clocks change', () => {
  const inZone = (zone: string, endsAt: number) => {
    const row = closed({ ...rowWith({ ending: SUCCEEDED }), schedule: { expression: '0 3 * * *', zone } })
    return show({ ...row, attempts: row.attempts.map((one) => ({ ...one, endedAt: endsAt })) }).split('\n')
  }
  const later = Date.parse('2026-11-24T16:00:00Z')
  expect(inZone('Asia/Tokyo', later)).toEqual(
    expect.arrayContaining([
      'TIMELINE (JST)',
      expect.stringMatching(/^12:00:05 {13}attempt 1 started/),
      expect.stringMatching(/^2026-11-25 01:00:00 {2}attempt 1 succeeded/),
    ]),
  )
  const inSummer = Date.parse('2027-03-29T03:00:00Z')
  expect(inZone('Europe/Berlin', inSummer)).toEqual(
    expect.arrayContaining(['TIMELINE', expect.stringMatching(/^04:00:05 CET {12,}attempt 1 started/)]),
  )
})

test('one slot for a person says how many were refused', () => {
  const notes = addRejection(addRejection(NO_NOTES, rejection(1)), { ...rejection(2), kind: 'refused' })
  expect(show({ ...rowWith({ ending: SUCCEEDED }), rejections: notes })).toContain('rejected      2 (1 refused)')
})

test('one slot for a person says how many rejections were counted and not kept', () => {
  const notes = Array.from({ length: 30 }, (_, index) => rejection(index + 1)).reduce(addRejection, NO_NOTES)
  const row = { ...rowWith({ ending: SUCCEEDED }), rejections: notes }
  expect(show(row)).toContain('rejected      30, 9 of them only counted')
  expect(timeline(row)?.filter((line) => line.includes('duplicate'))).toEqual([
    '03:01:05  21 duplicate triggers ignored (completed) on host other (9 more are only counted), the last one at 03:30:05 (--json lists them)',
  ])
})

test('one slot for a person lists a few duplicates one by one, with the run of each', () => {
  const linesWith = (length: number) => {
    const notes = Array.from({ length }, (_, index) => rejection(index + 1)).reduce(addRejection, NO_NOTES)
    const lines = timeline({ ...rowWith({ ending: SUCCEEDED }), rejections: notes }, true) ?? []
    return lines.filter((line) => line.includes('duplicate'))
  }
  expect(linesWith(3).map((line) => /run dup-\d/.exec(line)?.[0])).toEqual(['run dup-1', 'run dup-2', 'run dup-3'])
  expect(linesWith(4)).toEqual([
    '03:01:05  4 duplicate triggers ignored (completed) on host other, the last one at 03:04:05 (--json lists them)',
  ])
})

test('a slot for a person in a zone that this Node does not know', () => {
  const row = { ...rowWith({}), schedule: { expression: '0 3 * * *', zone: 'No/Where' } }
  expect(show(row)).toContain('window        2026-11-24 03:00 UTC to 2026-11-25 03:00 UTC\n')
})

test('a slot for a person that runs, and one whose lease ran out', () => {
  const row = rowWith({})
  expect(show(row)).toMatch(/status +running\n.*lease +until 2026-11-24 03:10:05 UTC/s)
  expect(show(row, NOW + 600_001)).toMatch(/status +stale/)
})

test('the timeline has an attempt that never reported, and one that never started', () => {
  const { task, schedule, zoneData } = rowWith({})
  const claim = { task, schedule, zoneData, window: { slot: NOW - 5_000, end: null }, runId: 'run-2' }
  const taken = claimRow(
    rowWith({}),
    { ...claim, trigger: FORCED, host: { host: 'b' } },
    { writeId: 'w', now: NOW + 1 },
    1,
  )
  expect(timeline(taken, true)?.[0]).toMatch(
    /attempt 1 started .* on host host, and never reported its end \(run run-1, /,
  )
  expect(timeline(rowWith({ ending: NOT_STARTED }))).toEqual([
    expect.stringContaining('attempt 1 claimed the slot 5s after the scheduled time'),
    expect.stringContaining('attempt 1 was not started'),
  ])
})

test('an end before its start, by a clock that was set back, stands after it', () => {
  const row = closed(rowWith({ ending: SUCCEEDED }))
  const attempts = row.attempts.map((attempt) => ({ ...attempt, endedAt: attempt.startedAt - 60_000 }))
  expect(timeline({ ...row, attempts })).toEqual([
    expect.stringContaining('attempt 1 started'),
    expect.stringContaining('attempt 1 succeeded (exit code 0) after 0s'),
  ])
})

test('text from the ledger moves no terminal', () => {
  const trigger = { kind: 'forced', by: '\u001b]0;x\u0007', reason: 'a\nb\u009b2J' } as const
  expect(timeline(rowWith({ trigger }))?.[0]).toContain('forced by \\u001b]0;x\\u0007: a\\u000ab\\u009b2J')
})
