import { describe, expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../src/core/row/rejections.ts'
import { claimRow } from '../../src/core/row/transition.ts'
import type { Rejection, Row } from '../../src/core/types.ts'
import { type AbsentSlot, absentText, showText } from '../../src/format/show.ts'
import { closed, FAILED, FORCED, NOT_STARTED, NOW, PAUSE, rowWith, SCHEDULED, SUCCEEDED } from '../support/rows.ts'

const show = (row: Row, now = NOW) => showText(row, now, 0)
const timeline = (row: Row) => show(row).split('TIMELINE (UTC)\n')[1]?.split('\n')

const rejection = (number: number): Rejection => ({
  runId: `dup-${number}`,
  kind: 'duplicate',
  cause: 'completed',
  at: NOW + number * 60_000,
  trigger: SCHEDULED,
  host: 'other',
  ecsTask: 'arn:aws:ecs:eu-west-1:1:task/x',
})

describe('one slot for a person', () => {
  test('what it is, and what happened in the order of time', () => {
    const row: Row = {
      ...rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
      rejections: addRejection(NO_NOTES, rejection(10)),
      resolutions: [{ state: 'COMPLETED', at: NOW + 30_000, by: 'eve', reason: 'done by hand', afterAttempt: 2 }],
      expiresAt: NOW + 86_400_000,
    }
    expect(show(row)).toBe(`nightly 2026-11-24T03:00:00Z
  status      failed
  window      2026-11-24T03:00:00Z to 2026-11-25T03:00:00Z
  local time  2026-11-24 03:00 UTC to 2026-11-25 03:00 UTC
  schedule    0 3 * * * (UTC), zone data 2026a
  attempts    2
  rejected    1
  expires     2026-11-25T03:00:05Z

TIMELINE (UTC)
2026-11-24T03:00:05Z  attempt 1 started 5s after the scheduled time on host host (run run-1, event time 2026-11-24T03:00:05Z from --event-time)
2026-11-24T03:00:05Z  attempt 2 started 5s after the scheduled time on host host (run run-2, forced by ada: bad input file)
2026-11-24T03:00:06Z  attempt 1 succeeded (exit code 0) after 1s
2026-11-24T03:00:06Z  attempt 2 failed (exit code 3) after 1s
2026-11-24T03:00:35Z  resolved as completed by eve: done by hand
2026-11-24T03:10:05Z  duplicate trigger ignored (completed) 10m 5s after the scheduled time on host other (ECS task arn:aws:ecs:eu-west-1:1:task/x, run dup-10, event time 2026-11-24T03:00:05Z from --event-time)`)
  })

  test('says how many were refused', () => {
    const notes = addRejection(addRejection(NO_NOTES, rejection(1)), { ...rejection(2), kind: 'refused' })
    expect(show({ ...rowWith({ ending: SUCCEEDED }), rejections: notes })).toContain('rejected    2 (1 refused)')
  })

  test('says how many rejections were counted and not kept', () => {
    const notes = Array.from({ length: 30 }, (_, index) => rejection(index + 1)).reduce(addRejection, NO_NOTES)
    const row = { ...rowWith({ ending: SUCCEEDED }), rejections: notes }
    expect(show(row)).toContain('rejected    30 (9 of them are only counted)')
    expect(timeline(row)?.filter((line) => line.includes('duplicate'))).toEqual([
      '2026-11-24T03:01:05Z  30 duplicate triggers ignored (completed), the last one at 2026-11-24T03:30:05Z (9 of them are only counted; --json lists the others)',
    ])
  })

  test('lists a few duplicates one by one, with the run of each', () => {
    const linesWith = (length: number) => {
      const notes = Array.from({ length }, (_, index) => rejection(index + 1)).reduce(addRejection, NO_NOTES)
      const lines = timeline({ ...rowWith({ ending: SUCCEEDED }), rejections: notes }) ?? []
      return lines.filter((line) => line.includes('duplicate'))
    }
    expect(linesWith(3).map((line) => /run dup-\d/.exec(line)?.[0])).toEqual(['run dup-1', 'run dup-2', 'run dup-3'])
    expect(linesWith(4)).toEqual([
      '2026-11-24T03:01:05Z  4 duplicate triggers ignored (completed) on host other, the last one at 2026-11-24T03:04:05Z (--json lists them)',
    ])
  })

  test('one in a zone that this Node does not know', () => {
    const row = { ...rowWith({}), schedule: { expression: '0 3 * * *', zone: 'No/Where' } }
    expect(show(row)).toContain('local time  - No/Where to - No/Where\n')
  })

  test('one that runs, and one whose lease ran out', () => {
    const row = rowWith({})
    expect(show(row)).toMatch(/status +running\n.*lease +until 2026-11-24T03:10:05Z/s)
    expect(show(row, NOW + 600_001)).toMatch(/status +stale/)
  })

  test('an attempt that never reported, and one that never started', () => {
    const { task, schedule, zoneData } = rowWith({})
    const claim = { task, schedule, zoneData, window: { slot: NOW - 5_000, end: null }, runId: 'run-2' }
    const taken = claimRow(
      rowWith({}),
      { ...claim, trigger: FORCED, host: { host: 'b' } },
      { writeId: 'w', now: NOW + 1 },
      1,
    )
    expect(timeline(taken)?.[0]).toMatch(
      /attempt 1 started .* on host host, and was abandoned at an unknown time \(run run-1, /,
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

  test('a row of a newer cronledger', () => {
    expect(showText({ task: 'nightly', slot: NOW, schemaVersion: 7, newerSchema: true }, NOW, 0)).toMatch(
      /status {2}unknown: .*schema 7.*Update/,
    )
  })
})

test.each<[Partial<AbsentSlot>, number, string]>([
  [
    { status: 'missed' },
    3_600_000,
    'nightly 2026-11-24T03:00:00Z (2026-11-24 12:00 Asia/Tokyo) was missed: it was due 1h 0m ago, and no run is recorded for it.',
  ],
  [
    { status: 'scheduled' },
    60_000,
    'nightly 2026-11-24T03:00:00Z (2026-11-24 12:00 Asia/Tokyo) is scheduled: it was due 1m 0s ago, and no run is recorded yet.',
  ],
  [
    { status: 'scheduled' },
    -60_000,
    'nightly 2026-11-24T03:00:00Z (2026-11-24 12:00 Asia/Tokyo) is scheduled: it is due in 1m 0s.',
  ],
  [
    { status: null },
    60_000,
    'no run is recorded for nightly 2026-11-24T03:00:00Z (2026-11-24 12:00 Asia/Tokyo), which was not expected to run.',
  ],
  [{ status: null, schedule: null }, 60_000, 'no run of nightly is recorded for 2026-11-24T03:00:00Z.'],
  [
    { status: null, found: { kind: 'pause', suspension: { ...PAUSE, until: PAUSE.from + 3_600_000 } } },
    60_000,
    'no run is recorded for nightly 2026-11-24T03:00:00Z (2026-11-24 12:00 Asia/Tokyo). The slot is not expected, because of the pause from 2026-11-24 12:00:05 JST (2026-11-24T03:00:05Z) until 2026-11-24 13:00:05 JST (2026-11-24T04:00:05Z), by ada: maintenance of the database.',
  ],
  [
    { status: null, schedule: null, found: { kind: 'retirement', suspension: PAUSE } },
    60_000,
    'no run of nightly is recorded for 2026-11-24T03:00:00Z. The slot is not expected, because of the retirement from 2026-11-24 03:00:05 UTC (2026-11-24T03:00:05Z) on, by ada: maintenance of the database.',
  ],
])('a slot without a row: %j', (facts, afterMs, text) => {
  const slot = Date.parse('2026-11-24T03:00:00Z')
  const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
  const absent = { task: 'nightly', slot, schedule, status: null, found: null, ...facts }
  expect(absentText(absent, slot + afterMs)).toBe(text)
})
