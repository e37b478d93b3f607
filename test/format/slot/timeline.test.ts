import { expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import type { Rejection, Row } from '../../../src/core/types.ts'
import { slotTimeline } from '../../../src/format/slot/timeline.ts'
import { FAILED, FORCED, NOW, rowWith, SCHEDULED, SUCCEEDED } from '../../support/rows.ts'

function rejecting(
  rejections: readonly Partial<Rejection>[],
  row = rowWith({ ending: SUCCEEDED }),
  fromMs = 60_000,
): Row {
  const notes = rejections
    .map((rejection, index): Rejection => {
      const base = {
        runId: `dup-${index}`,
        kind: 'duplicate',
        cause: 'completed',
        trigger: SCHEDULED,
        host: 'b',
      } as const
      return { ...base, at: NOW + fromMs + index * 1_000, ...rejection }
    })
    .reduce(addRejection, NO_NOTES)
  return { ...row, rejections: notes }
}

const linesOf = (row: Row) =>
  slotTimeline(row).flatMap((entry) =>
    entry.text.startsWith('attempt')
      ? []
      : [`${entry.text}${entry.kind === 'event' ? ` / ${entry.source.split(',')[0]}` : ''}`.replace(/ \/ $/, '')],
  )
const many = (length: number, rejection: Partial<Rejection> = {}) => Array.from({ length }, () => rejection)

test('one rejection is one event, with its source', () => {
  expect(linesOf(rejecting([{}]))).toEqual([
    'duplicate trigger ignored (completed) 1m 5s after the scheduled time on host b / run dup-0',
  ])
})

test('equal rejections are one entry, from the first to the last, with each of them inside', () => {
  const [entry] = slotTimeline(rejecting(many(3))).slice(-1)
  expect(entry).toMatchObject({
    kind: 'folded',
    at: NOW + 60_000,
    until: NOW + 62_000,
    text: '3 duplicate triggers ignored (completed) on host b',
  })
  expect(entry?.kind === 'folded' && entry.listed.map(({ source }) => source.split(',')[0])).toEqual([
    'run dup-0',
    'run dup-1',
    'run dup-2',
  ])
})

test('the hosts of equal rejections are counted', () => {
  expect(linesOf(rejecting([{}, { host: 'c' }, {}]))).toEqual(['3 duplicate triggers ignored (completed) on 2 hosts'])
})

test('rejections that are only counted are told with the latest one, so that the timeline has as many as the slot', () => {
  expect(linesOf(rejecting(many(45)))).toEqual([
    '21 duplicate triggers ignored (completed) on host b (24 more are only counted)',
  ])
  const refused = { kind: 'refused', cause: 'failed' } as const
  const listed = '20 duplicate triggers ignored (completed) on host b'
  expect(linesOf(rejecting([...many(29), refused]))).toEqual([
    listed,
    expect.stringMatching(/^trigger refused \(failed\).* \(9 more are only counted\) \/ run dup-29$/),
  ])
  // The attempt of the force comes before the latest rejection.
  const row = rejecting(many(30), rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }), -25_000)
  expect(slotTimeline(row).map(({ text }) => text.replace(/ \d+s after .*/, ''))).toEqual([
    listed,
    'attempt 1 started',
    'attempt 2 started',
    'attempt 1 succeeded (exit code 0) after 1s',
    'attempt 2 failed (exit code 3) after 1s',
    'duplicate trigger ignored (completed)',
  ])
  expect(slotTimeline(row).at(-1)?.text).toMatch(/ on host b \(9 more are only counted\)$/)
})

test('attempts that ended alike are one entry, from the first to the last', () => {
  const [one, ...others] = [{ ending: SUCCEEDED }, ...Array.from({ length: 5 }, () => ({ ending: FAILED }))]
  const [entry, ...rest] = slotTimeline(rowWith(...others, { trigger: FORCED, ending: FAILED }, one ?? {}))
  expect(entry).toMatchObject({ kind: 'folded', text: 'attempts 1 to 5 failed (exit code 3)', until: NOW + 1_000 })
  expect(entry?.kind === 'folded' && entry.listed).toHaveLength(10)
  expect(rest).toHaveLength(4)
})

test('another kind, another cause, and an event between them begin a new entry', () => {
  const refused = { kind: 'refused', cause: 'tooManyAttempts' } as const
  expect(linesOf(rejecting([{}, {}, { cause: 'running' }, { cause: 'running' }, refused, refused]))).toEqual([
    '2 duplicate triggers ignored (completed) on host b',
    '2 duplicate triggers ignored (running) on host b',
    '2 triggers refused (too many attempts) on host b',
  ])
  const resolved = { state: 'COMPLETED', at: NOW + 61_500, by: 'eve', reason: 'done by hand', afterAttempt: 1 } as const
  expect(linesOf({ ...rejecting(many(4)), resolutions: [resolved] })).toEqual([
    '2 duplicate triggers ignored (completed) on host b',
    'resolved as completed by eve: done by hand',
    '2 duplicate triggers ignored (completed) on host b',
  ])
})
