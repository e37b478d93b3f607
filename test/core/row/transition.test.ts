import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attemptCount, batchReport } from '../../../src/core/row/attempts.ts'
import { MAX_UNSTARTED } from '../../../src/core/row/policy.ts'
import { decodeRow, encodeRow } from '../../../src/core/row/stored-row.ts'
import {
  beginAttempt,
  claimRow,
  finishRow,
  renewLease,
  resolveRow,
  retryAttempt,
  skipRow,
  withCheckpoint,
  withdrawClaim,
  withRange,
} from '../../../src/core/row/transition.ts'
import type { Ending, Row } from '../../../src/core/types.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import {
  closed,
  FAILED,
  FORCED,
  LEASE_MS,
  NOT_STARTED,
  NOW,
  pending,
  rowWith,
  SCHEDULED,
  SUCCEEDED,
} from '../../support/rows.ts'

const CLAIM = {
  task: 'nightly',
  window: { slot: Date.parse('2026-11-24T03:00:00Z'), end: null },
  schedule: { expression: 'at(2026-11-24T03:00:00)', zone: 'UTC' },
  zoneData: '2026a',
  runId: 'me',
  trigger: SCHEDULED,
  host: { host: 'host', ecsTask: 'arn' },
}
const WORD = { ...CLAIM, runId: 'person', state: 'SKIPPED', by: 'ada', reason: 'not tonight' } as const
const STAMP = { writeId: 'w', now: NOW }

test('a claim takes a stale row over, and its attempt is abandoned', () => {
  const row = claimRow(rowWith({ ending: FAILED }, {}), CLAIM, STAMP, LEASE_MS)
  expect(row.attempts.map(({ number, outcome }) => `${number} ${outcome ?? 'open'}`)).toEqual([
    '1 failed',
    '2 abandoned',
    '3 open',
  ])
  expect(row).toMatchObject({ state: 'PENDING', ownerRunId: 'me', leaseUntil: NOW + LEASE_MS, windowEnd: null })
  expect(row.attempts[1]).not.toHaveProperty('endedAt')
})

test('a renewal keeps all but the lease, and the process once it is known', () => {
  const row = rowWith({})
  const mark = { pid: 7, startTicks: 8, boot: 'b' }
  expect(renewLease(row, { writeId: 'w', now: NOW + 60_000 }, LEASE_MS, null)).toEqual({
    ...row,
    version: row.version + 1,
    writeId: 'w',
    leaseUntil: NOW + 60_000 + LEASE_MS,
  })
  expect(renewLease(row, STAMP, LEASE_MS, mark).attempts.at(-1)).toMatchObject({ process: mark })
})

test('the process is kept only for an attempt that never reported its end', () => {
  const mark = { pid: 7, startTicks: 8, boot: 'b' }
  const row = renewLease(rowWith({}), STAMP, LEASE_MS, mark)
  expect(finishRow(row, FAILED, STAMP).attempts[0]).not.toHaveProperty('process')
  expect(claimRow(row, CLAIM, STAMP, LEASE_MS).attempts[0]).toMatchObject({ outcome: 'abandoned', process: mark })
})

test('each attempt has the facts of the container in which it runs', () => {
  const row = claimRow(rowWith({ ending: FAILED }), { ...CLAIM, place: FARGATE.place }, STAMP, LEASE_MS)
  expect(row.attempts.map(({ place }) => place)).toEqual([undefined, FARGATE.place])
  expect(retryAttempt(row, FAILED, STAMP, LEASE_MS).attempts.at(-1)).toMatchObject({ number: 3, place: FARGATE.place })
})

test('a report is that of one attempt, and a row keeps only the newest ones', () => {
  const said = (index: number) => ({ ...FAILED, report: `attempt ${index}` })
  const retried = retryAttempt(rowWith({}), said(1), STAMP, LEASE_MS)
  expect(retried.attempts.map((attempt) => batchReport(attempt))).toEqual(['attempt 1', undefined])
  expect(retried.attempts[1]).not.toHaveProperty('report')
  let row: Row = finishRow(beginAttempt(retried, STAMP, LEASE_MS), FAILED, STAMP)
  for (let index = 3; index <= 8; index += 1) row = finishRow(claimRow(row, CLAIM, STAMP, LEASE_MS), said(index), STAMP)
  const kept = [...Array(5).fill(undefined), ...[6, 7, 8].map((index) => `attempt ${index}`)]
  expect(row.attempts.map((attempt) => batchReport(attempt))).toEqual(kept)
  expect(decodeRow(encodeRow(row))).toEqual(row)
  const silent = finishRow(claimRow(row, CLAIM, STAMP, LEASE_MS), SUCCEEDED, STAMP)
  expect(silent.attempts.map((attempt) => batchReport(attempt))).toEqual([...kept, undefined])
})

// promise: checkpoint-removed
test('the next attempt of a slot gets what the latest one left, until the slot has completed', () => {
  const left = withCheckpoint(rowWith({}), 'row 7')
  const resolved = (state: 'COMPLETED' | 'SKIPPED') =>
    resolveRow(left, { ...CLAIM, state, by: 'ada', reason: 'x' }, STAMP)
  const ranged = finishRow(withCheckpoint(withRange(pending(rowWith({})), { since: 0 }), 'row 7'), FAILED, STAMP)
  const waiting = claimRow(ranged, { ...CLAIM, phase: 'waiting' }, STAMP, LEASE_MS)
  const fresh = { ...CLAIM, trigger: { ...FORCED, isFresh: true } } as const
  expect(decodeRow(encodeRow(left))).toEqual(left)
  for (const [row, checkpoint] of [
    [renewLease(left, STAMP, LEASE_MS, null), 'row 7'],
    [retryAttempt(left, FAILED, STAMP, LEASE_MS), 'row 7'],
    [finishRow(left, FAILED, STAMP), 'row 7'],
    [finishRow(left, NOT_STARTED, STAMP), 'row 7'],
    [claimRow(left, CLAIM, STAMP, LEASE_MS), 'row 7'],
    [resolved('SKIPPED'), 'row 7'],
    [finishRow(left, SUCCEEDED, STAMP), undefined],
    [resolved('COMPLETED'), undefined],
    [claimRow(left, fresh, STAMP, LEASE_MS), undefined],
    // Its work has another range, or is that of its own slot alone.
    [withRange(waiting, { since: 0 }), 'row 7'],
    [withRange(waiting, { since: 1 }), undefined],
    [withRange(waiting, null), undefined],
    [claimRow(ranged, CLAIM, STAMP, LEASE_MS), undefined],
  ] as const) {
    expect(row.checkpoint).toBe(checkpoint)
  }
  expect(claimRow(left, fresh, STAMP, LEASE_MS).attempts.at(-1)?.trigger).toMatchObject({ isFresh: true })
})

const SKIP = { by: 'cronledger', reason: 'another slot runs' }

test('a write of its owner that landed before changes nothing when it is made again', () => {
  const waiting = retryAttempt(rowWith({}), FAILED, STAMP, LEASE_MS)
  expect(retryAttempt(waiting, FAILED, STAMP, LEASE_MS).attempts).toEqual(waiting.attempts)
  const started = beginAttempt(waiting, STAMP, LEASE_MS)
  expect(beginAttempt(started, { writeId: 'x', now: NOW + 1 }, LEASE_MS).attempts).toEqual(started.attempts)
  const given = skipRow(waiting, SKIP, STAMP)
  expect(skipRow(given, SKIP, STAMP)).toEqual({ ...given, version: given.version + 1 })
  expect(given.resolutions).toHaveLength(1)
  const claim = claimRow(rowWith({ ending: FAILED }), CLAIM, STAMP, LEASE_MS)
  expect(claimRow(claim, CLAIM, STAMP, LEASE_MS).attempts).toEqual(claim.attempts)
  const { task, window, schedule, zoneData, runId } = CLAIM
  const request = { task, window, schedule, zoneData, runId, state: 'FAILED', by: 'ada', reason: 'looked' } as const
  const resolved = resolveRow(rowWith({ ending: FAILED }), request, STAMP)
  expect(resolveRow(resolved, request, STAMP)).toEqual({ ...resolved, version: resolved.version + 1 })
})

test('an attempt that waits, and its beginning, are trusted for a lease of their own', () => {
  const waiting = retryAttempt(rowWith({}), FAILED, { writeId: 'w', now: NOW + 60_000 }, LEASE_MS)
  expect(waiting).toMatchObject({ state: 'PENDING', leaseUntil: NOW + 60_000 + LEASE_MS })
  const started = beginAttempt(waiting, { writeId: 'x', now: NOW + 90_000 }, LEASE_MS)
  expect(started).toMatchObject({ state: 'PENDING', leaseUntil: NOW + 90_000 + LEASE_MS })
  expect(started.attempts.at(-1)).toMatchObject({
    phase: 'running',
    number: 2,
    claimedAt: NOW + 60_000,
    startedAt: NOW + 90_000,
  })
})

const DAY_MS = 86_400_000
const expiryOf = (base: Row | null, retentionMs: number | null, now = NOW) =>
  claimRow(base, { ...CLAIM, retentionMs }, { writeId: 'w', now }, LEASE_MS).expiresAt

test('retention counts from the run where that is later than the slot, and from the slot where it is not', () => {
  expect(expiryOf(null, 35 * DAY_MS, NOW + 400 * DAY_MS)).toBe(NOW + 435 * DAY_MS)
  expect(expiryOf(null, 35 * DAY_MS, CLAIM.window.slot - 10_000)).toBe(CLAIM.window.slot + 35 * DAY_MS)
  expect(expiryOf(null, null)).toBe(null)
})

test('retention is never made shorter by a later claim', () => {
  const kept = { ...rowWith({ ending: FAILED }), expiresAt: NOW + 400 * DAY_MS }
  expect(expiryOf(kept, 35 * DAY_MS)).toBe(kept.expiresAt)
  expect(expiryOf(kept, null)).toBe(kept.expiresAt)
  expect(expiryOf(kept, 500 * DAY_MS)).toBe(NOW + 500 * DAY_MS)
})

test.each<[string, ...Ending[]]>([
  ['COMPLETED', SUCCEEDED],
  ['FAILED', FAILED],
  ['FAILED', NOT_STARTED],
  ['FAILED', { outcome: 'interrupted', signal: 'SIGTERM' }],
  ['FAILED', SUCCEEDED, FAILED],
  ['COMPLETED', SUCCEEDED, NOT_STARTED],
  ['COMPLETED', FAILED, SUCCEEDED, NOT_STARTED, NOT_STARTED],
])('the state after an end: %s, whose first one is %j', (state, ...endings) => {
  expect(rowWith(...endings.map((ending) => ({ trigger: FORCED, ending }))).state).toBe(state)
})

test('a resolution holds until an attempt starts after it', () => {
  const resolution = { state: 'SKIPPED', at: NOW, by: 'ada', reason: 'not tonight', afterAttempt: 1 } as const
  const row: Row = { ...closed(rowWith({ ending: FAILED })), state: 'SKIPPED', resolutions: [resolution] }
  const next = claimRow(row, { ...CLAIM, trigger: FORCED }, STAMP, LEASE_MS)
  expect(finishRow(next, NOT_STARTED, STAMP).state).toBe('SKIPPED')
  expect(finishRow(next, SUCCEEDED, STAMP).state).toBe('COMPLETED')
})

test('a word after attempts that are counted only holds until a later attempt starts', () => {
  const given = rowWith(...Array.from({ length: 30 }, () => ({ ending: NOT_STARTED })))
  const row = resolveRow(given, WORD, STAMP)
  expect(row.resolutions).toMatchObject([{ afterAttempt: 30 }])
  expect(finishRow(claimRow(row, CLAIM, STAMP, LEASE_MS), NOT_STARTED, STAMP).state).toBe('SKIPPED')
  expect(finishRow(claimRow(row, CLAIM, STAMP, LEASE_MS), FAILED, STAMP).state).toBe('FAILED')
})

test('a person’s word makes a row where there was none', () => {
  expect(resolveRow(null, WORD, STAMP)).toMatchObject({
    state: 'SKIPPED',
    version: 1,
    ownerRunId: 'person',
    attempts: [],
    resolutions: [{ state: 'SKIPPED', by: 'ada', reason: 'not tonight', at: NOW, afterAttempt: 0 }],
  })
})

test('a person’s word ends a stale attempt, and fences its owner', () => {
  const stale = rowWith({ ending: FAILED }, {})
  const row = resolveRow(stale, { ...WORD, state: 'COMPLETED' }, STAMP)
  const { version, schedule, windowEnd } = stale
  const owned = { version: version + 1, ownerRunId: 'person', leaseUntil: null, schedule, windowEnd }
  expect(row).toMatchObject({ state: 'COMPLETED', ...owned })
  expect(row.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'abandoned'])
})

test('the withdrawal of a claim that was not applied excludes it: same expectation, next version', () => {
  for (const found of [null, rowWith({ ending: FAILED }), rowWith({ ending: FAILED }, {})]) {
    const row = withdrawClaim(found, CLAIM, STAMP)
    expect(row.version).toBe(claimRow(found, CLAIM, STAMP, LEASE_MS).version)
    expect(row.writeId).toBe(STAMP.writeId)
  }
  expect(withdrawClaim(null, CLAIM, STAMP)).toMatchObject({
    state: 'FAILED',
    leaseUntil: null,
    attempts: [{ runId: 'me', outcome: 'notStarted' }],
  })
})

// promise: force-withdrawn
test('a withdrawal leaves the row of another run as it was', () => {
  for (const found of [rowWith({ ending: FAILED }), rowWith({ ending: FAILED }, {}), rowWith({ ending: SUCCEEDED })]) {
    const { version, writeId: _, ...rest } = found
    expect(withdrawClaim(found, CLAIM, STAMP)).toEqual({ ...rest, version: version + 1, writeId: STAMP.writeId })
  }
})

test('a withdrawal of a claim that was applied ends its attempt', () => {
  const landed = claimRow(null, CLAIM, STAMP, LEASE_MS)
  const row = withdrawClaim(landed, CLAIM, STAMP)
  expect(row.attempts).toMatchObject([{ number: 1, outcome: 'notStarted' }])
  expect(row.version).toBe(landed.version + 1)
})

// promise: attempts-never-started
test('property: each attempt has a number of its own, all that started are listed, and only the last one may be open', () => {
  const ending = fc.option(fc.constantFrom(SUCCEEDED, FAILED, NOT_STARTED, NOT_STARTED), { nil: undefined })
  fc.assert(
    fc.property(fc.array(ending, { minLength: 1, maxLength: 60 }), (endings) => {
      const row = rowWith(...endings.map((end) => (end === undefined ? {} : { ending: end })))
      const numbers = endings.map((end, index) => ({ number: index + 1, never: end === NOT_STARTED }))
      const listed = numbers.filter(({ never, number }) => !never || row.attempts.some((one) => one.number === number))
      expect(row.attempts.map(({ number }) => number)).toEqual(listed.map(({ number }) => number))
      expect(row.attempts.length + row.unlistedAttempts).toBe(endings.length)
      expect(attemptCount(row)).toBe(endings.length)
      const unstarted = row.attempts.filter(({ outcome }) => outcome === 'notStarted').length
      // The latest ten, and one that came after the last claim.
      expect(unstarted).toBeLessThanOrEqual(MAX_UNSTARTED + 1)
      expect(row.unlistedAttempts === 0 || unstarted >= MAX_UNSTARTED).toBe(true)
      expect(decodeRow(encodeRow(row))).toEqual(row)
      expect(row.attempts.slice(0, -1).every(({ outcome }) => outcome !== undefined)).toBe(true)
      expect(row.leaseUntil === null).toBe(row.attempts.at(-1)?.outcome !== undefined)
    }),
  )
})
