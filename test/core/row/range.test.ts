import { expect, test } from 'vitest'
import { collectRanges, NO_RANGES } from '../../../src/core/row/range.ts'
import type { Instant, Row, StoredRow } from '../../../src/core/types.ts'
import {
  closed,
  FAILED,
  FORCED,
  LEASE_MS,
  lastWaiting,
  NOT_STARTED,
  NOW,
  resolvedAs,
  rowWith,
  SKIPPED,
  SUCCEEDED,
} from '../../support/rows.ts'

const HOUR_MS = 3_600_000
const T = rowWith({}).slot
const S = T - HOUR_MS
/** The newest slot that is done before `S`. */
const SINCE = T - 3 * HOUR_MS
const settings = { now: NOW, skewMs: 30_000, rangesUntil: NOW + 1 }

/** Returns the row, whose attempts have these starts of their ranges. Undefined: the attempt has no range. */
function ranged(row: Row, ...since: readonly (Instant | undefined)[]): Row {
  const attempts = row.attempts.map((one, index) => ({ ...one, ...(since[index] && { since: since[index] }) }))
  return { ...row, attempts } as Row
}
const at = (slot: Instant, row: Row): Row => ({ ...row, slot, windowEnd: null })
const attempt = (ending: typeof SUCCEEDED) => ({ ending })
const done = ranged(rowWith(attempt(SUCCEEDED)), SINCE)
const ENDED = done.attempts[0]?.phase === 'ended' ? (done.attempts[0].endedAt ?? 0) : 0
const failed = ranged(rowWith(attempt(FAILED)), SINCE)
const live = ranged(rowWith({}), SINCE)
const retrying = ranged(lastWaiting(rowWith(attempt(FAILED), {})), SINCE)
/** The next slot, whose run has `T` in its range, but not `S`. */
const next = (ending: typeof SUCCEEDED) => at(T + 10_000, ranged(rowWith(attempt(ending)), S))
const LATER = NOW + LEASE_MS + 30_001
const searchedTo = (searched: Instant): Row => {
  const row = closed(rowWith(attempt(SUCCEEDED)))
  return { ...row, attempts: row.attempts.map((one) => ({ ...one, searched })) }
}
const failedAgain = ranged(rowWith(attempt(SUCCEEDED), { trigger: FORCED, ...attempt(FAILED) }), SINCE, T - HOUR_MS)
/** Only its repetition has `S` in its range. */
const failedRepetition = ranged(rowWith(attempt(SUCCEEDED), { trigger: FORCED, ...attempt(FAILED) }), S, SINCE)
const repeated = ranged(rowWith(attempt(FAILED), { trigger: FORCED, ...attempt(FAILED) }), SINCE, S)
const ownSuccess = at(S, rowWith(attempt(SUCCEEDED)))
const ownRepeated = at(S, rowWith(attempt(SUCCEEDED), { trigger: FORCED, ...attempt(FAILED) }))
const ownFailed = at(S, rowWith(attempt(FAILED)))
const skippedFor = (by: string): Row => {
  const { row } = SKIPPED
  if (row === null) throw new Error('it has a row')
  return at(S, { ...row, resolutions: row.resolutions.map((one) => ({ ...one, by })) })
}
const decidedFailed = (when: Instant): Row => {
  const row = resolvedAs('FAILED', ownFailed)
  return { ...row, resolutions: row.resolutions.map((one) => ({ ...one, at: when })) }
}
const unreadable: StoredRow = { task: 'nightly', slot: T, schemaVersion: 9, newerSchema: true }

/** Returns what later rows, which may come in any order, say of the slot. */
function coveringOf(own: StoredRow | null, later: readonly StoredRow[], given = settings, isWhole = true) {
  const ranges = collectRanges(given)
  for (const row of later) ranges.add(row)
  return ranges.covering(S, own, isWhole)
}

type Case = readonly [
  what: string,
  own: StoredRow | null,
  later: readonly StoredRow[],
  said: string | null,
  now?: number,
]
const CASES: readonly Case[] = [
  ['a slot without a row is done by a later success', null, [done], 'done'],
  ['a failed slot is done by a later success', ownFailed, [done], 'done'],
  ['a slot in which nothing started is done by a later success', at(S, rowWith(attempt(NOT_STARTED))), [done], 'done'],
  ['a stale slot is done by a later success', at(S, rowWith({})), [done], 'done', LATER],
  ['a slot that gave way to another is done by a later success', skippedFor('cronledger'), [done], 'done'],
  ['a slot that an operator skipped stays skipped', skippedFor('ada'), [done], null],
  ['a running slot runs, also in a range that is done', at(S, rowWith({})), [done], null],
  ['a completed slot needs no other', ownSuccess, [done], null],
  ['a completed slot whose repetition failed has its own status', ownRepeated, [done], null],
  ['a slot that an operator called failed after the success is failed', decidedFailed(NOW + 2_000), [done], null],
  ['a slot that an operator called failed before the success is done', decidedFailed(NOW), [done], 'done'],
  ['a slot that an operator called failed in the second of the success is failed', decidedFailed(ENDED), [done], null],
  ['a slot is a part of a later run that runs', null, [live], 'running'],
  ['a slot is a part of a later run that waits for its retry', null, [retrying], 'running'],
  ['a slot is a part of a later run that failed', ownFailed, [failed], 'failed'],
  ['a slot is a part of a later run that stopped reporting', null, [live], 'stale', LATER],
  ['a slot that gave way is skipped while the later run has not completed', skippedFor('cronledger'), [failed], null],
  ['a success counts also if a later attempt of that slot failed', null, [failedAgain], 'done'],
  ['a slot that a repetition left out has its own status again', null, [repeated], null],
  ['a run without a range says nothing of earlier slots', null, [rowWith(attempt(SUCCEEDED))], null],
  ['a run that never started says nothing', null, [ranged(rowWith(attempt(NOT_STARTED)), SINCE)], null],
  ['a run that waits and has not begun says nothing', null, [ranged(lastWaiting(rowWith({})), SINCE)], null],
  ['a range that an operator called completed is done', null, [ranged(resolvedAs('COMPLETED'), SINCE)], 'done'],
  ['a range whose slot an operator skipped says nothing', null, [ranged(resolvedAs('SKIPPED'), SINCE)], null],
  ['a run that an operator called failed keeps its range', null, [ranged(resolvedAs('FAILED'), SINCE)], 'failed'],
  ['a search without a success covers only what it read', null, [searchedTo(SINCE)], 'done'],
  ['a slot before the search is not covered', null, [searchedTo(S)], null],
  ['a run of the future says nothing', null, [at(NOW + 31_000, done)], null],
  ['of a running and a failed run, the running one counts', null, [failed, at(T + 10_000, live)], 'running'],
  ['of a completed and a failed run, the completed one counts', null, [failed, done], 'done'],
  [
    'a slot that only a failed run has in its range has its own status if a later run did the rest',
    null,
    [failed, next(SUCCEEDED)],
    null,
  ],
  [
    'a slot that only a failed run has in its range has its own status if a later run failed with the rest',
    null,
    [failed, next(FAILED)],
    null,
  ],
  [
    'a failed run that an operator called failed after the later success keeps its range',
    null,
    [at(T, ranged(decidedFailed(NOW + 2_000), SINCE)), next(SUCCEEDED)],
    'failed',
  ],
  [
    'a failed run that an operator called failed in the second of the later success keeps its range',
    null,
    [at(T, ranged(decidedFailed(ENDED), SINCE)), next(SUCCEEDED)],
    'failed',
  ],
  [
    'a completed run whose repetition failed keeps the range of that',
    null,
    [failedRepetition, next(SUCCEEDED)],
    'failed',
  ],
  [
    'a failed run that only a failed run has in its range keeps it if that is done',
    null,
    [failed, next(FAILED), at(T + 20_000, ranged(rowWith(attempt(SUCCEEDED)), T))],
    'failed',
  ],
  ['a row that cannot be read may have done it', null, [unreadable], 'unknown'],
  ['a success is known whatever else cannot be read', null, [unreadable, done], 'done'],
  ['a completed slot is completed whatever else cannot be read', ownSuccess, [unreadable], null],
]

for (const [what, own, later, said, now = NOW] of CASES) {
  // promise: covered-slot
  test(what, () => {
    expect(coveringOf(own, later, { ...settings, now })?.kind ?? null).toBe(said)
  })
}

test('a walker from the newest to the oldest slot names the run that did a slot first, and of several that failed the last one', () => {
  const rows = [at(T + 10_000, failed), failedRepetition]
  expect(coveringOf(null, rows)?.by).toBe(rows[0])
  const successes = [at(T + 10_000, done), done]
  expect(coveringOf(null, successes)?.by).toBe(done)
})

test('a walker from the newest to the oldest slot asks each slot at its turn, and the slot of the range start is not in the range', () => {
  const ranges = collectRanges(settings)
  ranges.add(done)
  const slots = [T, T - 1_000, SINCE + 1_000, SINCE, SINCE - 1_000]
  expect(slots.map((slot) => ranges.covering(slot, null)?.kind ?? null)).toEqual([null, 'done', 'done', null, null])
})

test('a walker from the newest to the oldest slot knows that it does not know, if it has not read all later rows of a task with ranges', () => {
  expect(coveringOf(null, [], settings, false)?.kind).toBe('unknown')
  expect(coveringOf(null, [done], settings, false)?.kind).toBe('done')
  for (const rangesUntil of [NO_RANGES, T])
    expect(coveringOf(null, [unreadable], { ...settings, rangesUntil })).toBeNull()
  expect(coveringOf(null, [], { ...settings, rangesUntil: NO_RANGES }, false)).toBeNull()
})
