import { expect, test } from 'vitest'
import { collectRanges, type Later, MOST_ROWS, NO_RANGES, readLater } from '../../../src/core/row/range.ts'
import { retryAttempt } from '../../../src/core/row/transition.ts'
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
const SINCE = T - 3 * HOUR_MS
const settings = { now: NOW, skewMs: 30_000, rangesUntil: NOW + 24 * HOUR_MS }

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
const ofOneRun = (row: Row) => ({ ...row, attempts: row.attempts.map((one) => ({ ...one, runId: 'r' })) }) as Row
const retrying = ranged(ofOneRun(retryAttempt(rowWith({}), FAILED, { writeId: 'w', now: NOW }, LEASE_MS)), SINCE, SINCE)
/** The next slot, whose run has `T` in its range, but not `S`. */
const next = (ending: typeof SUCCEEDED) => at(T + 10_000, ranged(rowWith(attempt(ending)), S))
const LATER = NOW + LEASE_MS + 30_001
const searchedTo = (searched: Instant): Row => {
  const row = closed(rowWith(attempt(SUCCEEDED)))
  return { ...row, attempts: row.attempts.map((one) => ({ ...one, searched })) }
}
const failedAgain = ranged(rowWith(attempt(SUCCEEDED), { trigger: FORCED, ...attempt(FAILED) }), SINCE, T - HOUR_MS)
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

const at5s = (row: Row, startedAt: Instant): Row =>
  ({
    ...row,
    attempts: row.attempts.map((one, index) => (index === row.attempts.length - 1 ? { ...one, startedAt } : one)),
  }) as Row
const ownForced = (ending?: typeof FAILED) =>
  at5s(at(S, rowWith(attempt(FAILED), { trigger: FORCED, ...(ending && { ending }) })), ENDED + 1)

function laterOf(own: StoredRow | null, later: readonly StoredRow[], given = settings): Later {
  const ranges = collectRanges(given)
  for (const row of later.toSorted((one, other) => other.slot - one.slot)) ranges.add(row)
  return ranges.of(S, own)
}

/** What is said, in one line: what covers the slot, whether a run succeeded with it in its range, and which attempts did not. */
const lineOf = ({ covering, done, failed, lost, isPassed }: Later) =>
  [
    covering?.kind ?? 'own',
    ...(done === null ? [] : ['done once']),
    ...(failed === null ? [] : [`failed ${failed.attempt.number}`]),
    ...(lost === null ? [] : [`${lost.isStale ? 'stale' : 'lost'} ${lost.attempt.number}`]),
    ...(isPassed ? ['passed'] : []),
  ].join(', ')

type Case = readonly [what: string, own: StoredRow | null, later: readonly StoredRow[], said: string, now?: number]
const DONE = 'done, done once, passed'
const OWN = 'own, done once, passed'
const CASES: readonly Case[] = [
  ['a slot without a row is done by a later success', null, [done], DONE],
  ['a failed slot is done by a later success', ownFailed, [done], DONE],
  ['a slot in which nothing started is done by a later success', at(S, rowWith(attempt(NOT_STARTED))), [done], DONE],
  ['a stale slot is done by a later success', at(S, rowWith({})), [done], DONE, LATER],
  ['a slot that gave way to another is done by a later success', skippedFor('cronledger'), [done], DONE],
  ['a slot that an operator skipped stays skipped, and was done', skippedFor('ada'), [done], OWN],
  ['a running slot runs, also in a range that is done', at(S, rowWith({})), [done], OWN],
  ['a completed slot needs no other, and was done twice', ownSuccess, [done], OWN],
  ['a completed slot whose repetition failed has its own status', ownRepeated, [done], OWN],
  ['a slot that an operator called failed after the success is failed', decidedFailed(NOW + 2_000), [done], OWN],
  ['a slot that an operator called failed before the success is done', decidedFailed(NOW), [done], DONE],
  ['a slot that an operator called failed in the second of the success is failed', decidedFailed(ENDED), [done], OWN],
  ['a slot that was forced after the success and failed is failed', ownForced(FAILED), [done], OWN],
  ['a slot that was forced after the success and is stale is stale', ownForced(), [done], OWN, LATER],
  ['a slot is a part of a later run that goes on', null, [live], 'running'],
  ['a failed slot is a part of a later run that goes on', ownFailed, [live], 'running'],
  ['a slot is a part of a later run that waits for its retry', null, [retrying], 'running'],
  [
    'a takeover that waits has no range yet',
    null,
    [lastWaiting(ranged(rowWith(attempt(FAILED), {}), SINCE))],
    'own, failed 1',
  ],
  ['a run that failed covers nothing, and may have done a part', ownFailed, [failed], 'own, failed 1'],
  ['a run that stopped reporting covers nothing, and may do it still', null, [live], 'own, stale 1', LATER],
  [
    'a lost attempt stays one after a repetition',
    null,
    [at(T, { ...failedAgain, ...ranged(rowWith({}, attempt(FAILED)), SINCE, S) })],
    'own, lost 1',
  ],
  ['a success counts also if a later attempt of that slot failed', null, [failedAgain], DONE],
  ['an attempt that failed stays one after a repetition with a later start', null, [repeated], 'own, failed 1'],
  ['a run without a range says nothing of earlier slots', null, [rowWith(attempt(SUCCEEDED))], 'own, passed'],
  ['a run that never started says nothing', null, [ranged(rowWith(attempt(NOT_STARTED)), SINCE)], 'own'],
  ['a run that waits and has not begun says nothing', null, [ranged(lastWaiting(rowWith({})), SINCE)], 'own'],
  [
    'an operator who called a failed run completed decided about that slot only',
    null,
    [ranged(resolvedAs('COMPLETED'), SINCE)],
    'own, failed 1, passed',
  ],
  [
    'an operator who skipped the slot of a failed run decided about that slot only',
    null,
    [ranged(resolvedAs('SKIPPED'), SINCE)],
    'own, failed 1',
  ],
  ['a search without a success covers only what it read', null, [searchedTo(SINCE)], DONE],
  ['a slot before the search is not covered', null, [searchedTo(S)], 'own, passed'],
  ['a run of the future says nothing', null, [at(NOW + 31_000, done)], 'own'],
  ['of a running and a failed run, the running one counts', null, [failed, at(T + 10_000, live)], 'running, failed 1'],
  [
    'of a completed and a failed run, the completed one counts',
    null,
    [at(T + 10_000, failed), done],
    `${DONE.replace(', passed', '')}, failed 1, passed`,
  ],
  [
    'a failed run stays a caution if a later run did the rest',
    null,
    [failed, next(SUCCEEDED)],
    'own, failed 1, passed',
  ],
  ['a row that cannot be read may have done it', null, [unreadable], 'unknown'],
  ['a success is known whatever else cannot be read', null, [unreadable, at(T + 10_000, done)], DONE],
  ['a completed slot is completed whatever else cannot be read', ownSuccess, [unreadable], 'own'],
]

for (const [what, own, later, said, now = NOW] of CASES) {
  // promise: covered-slot
  test(what, () => {
    expect(lineOf(laterOf(own, later, { ...settings, now }))).toBe(said)
  })
}

test('a walker from the newest to the oldest slot names the nearest run that did a slot', () => {
  expect(laterOf(null, [at(T + 10_000, done), done]).covering?.by).toBe(done)
})

test('a walker from the newest to the oldest slot asks each slot at its turn, and the slot of the range start is not in the range', () => {
  const ranges = collectRanges(settings)
  ranges.add(done)
  const slots = [T - 1_000, SINCE + 1_000, SINCE, SINCE - 1_000]
  expect(slots.map((slot) => ranges.of(slot, null).covering?.kind ?? null)).toEqual(['done', 'done', null, null])
})

test('a walker from the newest to the oldest slot says nothing of slots, and of rows, from when on the task has no ranges', () => {
  for (const rangesUntil of [NO_RANGES, T])
    expect(lineOf(laterOf(null, [unreadable], { ...settings, rangesUntil }))).toBe('own')
})

/** Rows one second apart, of which those at `done` succeeded, without a range. */
const many = (count: number, ...dones: readonly number[]) =>
  Array.from(
    { length: count },
    (_, index): Row => at(S + (index + 1) * 1_000, rowWith(attempt(dones.includes(index) ? SUCCEEDED : FAILED))),
  )

test('1,000 later rows without a slot that is done leave it unknown whether a run did it, and one that is done among them does not', () => {
  const now = S + 48 * HOUR_MS
  expect(lineOf(laterOf(null, many(MOST_ROWS - 1), { ...settings, now, rangesUntil: now }))).toBe('own')
  expect(lineOf(laterOf(null, many(MOST_ROWS), { ...settings, now, rangesUntil: now }))).toBe('unknown')
  expect(lineOf(laterOf(null, many(3 * MOST_ROWS, 900), { ...settings, now, rangesUntil: now }))).toBe('own, passed')
})

test.each([
  ['the next slot is done at once', many(5, 0), 1, 5],
  ['a slot is done after a week', many(3_000, 2_000), 4, MOST_ROWS],
  ['none is done', many(20), 3, 20],
  ['there are many rows in the first span', many(90_000), 2, MOST_ROWS],
])(
  'the rows after a slot are read in spans that grow, up to the first that can say nothing of it: %s',
  async (_, rows, queries, most) => {
    const asked: number[] = []
    const read = async (since: Instant, until: Instant, limit: number) => {
      const found = rows.filter(({ slot }) => slot >= since && slot < until)
      asked.push(found.length)
      return found.toReversed().slice(0, limit)
    }
    const spanMs = rows.length > 50_000 ? 48 * HOUR_MS : 3_000
    const found = await readLater(S + 1, { end: S + 48 * HOUR_MS, spanMs, skewMs: 0 }, read)
    expect(found.length).toBeLessThanOrEqual(most)
    expect(asked.length).toBeGreaterThanOrEqual(queries)
    const [all, some] = [rows.toReversed(), found].map((later) =>
      lineOf(laterOf(null, later, { ...settings, now: S + 48 * HOUR_MS, rangesUntil: 9e15 })),
    )
    expect(some).toBe(all)
  },
)
