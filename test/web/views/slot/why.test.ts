import { expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../../src/core/row/rejections.ts'
import { statusOf } from '../../../../src/core/row/status.ts'
import { claimRow, finishRow, resolveRow } from '../../../../src/core/row/transition.ts'
import { OUTCOMES, type Row } from '../../../../src/core/types.ts'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { whyText } from '../../../../src/web/views/slot/why.ts'
import { FAILED, FORCED, LEASE_MS, NOT_STARTED, NOW, rowWith, SCHEDULED, SUCCEEDED } from '../../../support/rows.ts'

const settings = { now: NOW + 60_000, skewMs: 30_000, graceMs: 900_000 }
const { slot, schedule, zoneData } = rowWith({})
const tokyo = wallClock('Asia/Tokyo')

function why(row: Row | null, now = settings.now, doneByMs: number | null = null): string {
  const status = statusOf({ slot, row }, { ...settings, now, doneByMs })
  return `${status}: ${whyText({ slot, row, status }, now, tokyo)}`
}

const task = { task: 'nightly', window: { slot, end: null }, schedule, zoneData, runId: 'own' }
const stamp = { writeId: 'w', now: NOW + 5_000 }
const resolved = (row: Row | null, state: 'COMPLETED' | 'FAILED' | 'SKIPPED') =>
  resolveRow(row, { ...task, state, by: 'ada', reason: 'as agreed' }, stamp)
const claim = { ...task, trigger: FORCED, host: { host: 'other' } }
const waits = (row: Row | null) => claimRow(row, { ...claim, phase: 'waiting' }, { writeId: 'w', now: NOW }, LEASE_MS)

const HALF_DONE = 'The work may be half done: read its log, then run it again.'
const NOT_DONE = 'The work was not done: run it again.'
const IF_LEFT = 'A further trigger starts it only if attempts are left.'
const MAY_START = 'A further trigger may start it too.'
const WAITS =
  'Attempt 2 on other is waiting for another slot of the task to end, or for the time of its retry. The batch has not started yet.'

test.each<[string, Row | null, string]>([
  [
    'a failure',
    rowWith({ ending: FAILED }),
    `failed: Attempt 1 failed with exit code 3 after 1s. ${HALF_DONE} ${IF_LEFT}`,
  ],
  [
    'a force that failed after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
    'failed: Attempt 2 failed with exit code 3 after 1s. Attempt 1 had done the work before: mark it as completed.',
  ],
  [
    'a force that failed after an operator resolved it as completed',
    forcedAfter(resolved(rowWith({ ending: FAILED }), 'COMPLETED')),
    'failed: Attempt 2 was killed (SIGKILL) after 1s. Before that, ada marked it as completed at 12:00:10 +09:00: as agreed. Mark it as completed again, if that still holds.',
  ],
  [
    'a force that failed after a skip',
    forcedAfter(resolved(null, 'SKIPPED')),
    `failed: Attempt 1 was killed (SIGKILL) after 1s. ${HALF_DONE}`,
  ],
  [
    'nothing was started',
    rowWith({ ending: NOT_STARTED }),
    `failed: Attempt 1 did not start the batch. ${NOT_DONE} ${MAY_START}`,
  ],
  [
    'a failure, and then nothing was started',
    rowWith({ ending: FAILED }, { ending: NOT_STARTED }),
    `failed: Attempt 1 failed with exit code 3 after 1s. Attempt 2 did not start the batch. ${HALF_DONE} ${IF_LEFT}`,
  ],
  [
    'only a force failed',
    rowWith({ trigger: FORCED, ending: FAILED }),
    `failed: Attempt 1 failed with exit code 3 after 1s. ${HALF_DONE} ${MAY_START}`,
  ],
  [
    'resolved as failed',
    resolved(rowWith({ ending: FAILED }), 'FAILED'),
    `failed: Attempt 1 failed with exit code 3 after 1s. Then ada marked it as failed at 12:00:10 +09:00: as agreed. ${HALF_DONE} ${IF_LEFT}`,
  ],
  [
    'resolved as failed, before any attempt',
    resolved(null, 'FAILED'),
    `failed: ada marked it as failed at 12:00:10 +09:00: as agreed. ${NOT_DONE} ${MAY_START}`,
  ],
  [
    'a success',
    rowWith({ ending: SUCCEEDED }),
    'completed: The batch completed at 12:00:06 +09:00 in 1s. Nothing to do.',
  ],
  [
    'a success after a failure',
    rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }),
    'completed: Attempt 1 failed with exit code 3 after 1s. Attempt 2 completed at 12:00:06 +09:00 in 1s. Nothing to do.',
  ],
  [
    'resolved as completed',
    resolved(rowWith({ ending: FAILED }), 'COMPLETED'),
    'completed: Attempt 1 failed with exit code 3 after 1s. Then ada marked it as completed at 12:00:10 +09:00: as agreed. Nothing to do.',
  ],
  [
    'resolved as skipped',
    resolved(null, 'SKIPPED'),
    'skipped: ada skipped it at 12:00:10 +09:00: as agreed. The batch did not run. Nothing to do.',
  ],
  [
    'resolved as skipped after a failure',
    resolved(rowWith({ ending: FAILED }), 'SKIPPED'),
    'skipped: Attempt 1 failed with exit code 3 after 1s. Then ada skipped it at 12:00:10 +09:00: as agreed. Nothing to do.',
  ],
  [
    'a force that runs after a resolution',
    claimRow(resolved(null, 'SKIPPED'), claim, stamp, LEASE_MS),
    'running: Attempt 1 on other has been running for 55s. Nothing to do.',
  ],
  [
    'a retry waits',
    waits(rowWith({ ending: FAILED })),
    `waiting: Attempt 1 failed with exit code 3 after 1s. ${WAITS} Nothing to do yet.`,
  ],
  ['the first attempt waits', waits(null), `waiting: ${WAITS.replace('2', '1')} Nothing to do yet.`],
])('%s', (_, row, text) => {
  expect(why(row)).toBe(text)
})

function forcedAfter(row: Row): Row {
  const forced = claimRow(row, claim, { writeId: 'w', now: NOW + 10_000 }, LEASE_MS)
  return finishRow(forced, { outcome: 'failed', signal: 'SIGKILL' }, { writeId: 'w', now: NOW + 11_000 })
}

const LATER = NOW + LEASE_MS + 60_000
const LEASE_RAN_OUT = 'its lease ran out at 12:10:05 +09:00.'
const UNKNOWN = 'The work may be done, half done, or still going on. Check what was done before you run it again.'

test.each<[string, Row | null, string]>([
  [
    'an attempt that never reported',
    rowWith({}),
    `stale: Attempt 1 on host stopped reporting: ${LEASE_RAN_OUT} ${UNKNOWN}`,
  ],
  [
    'a force that never reported, after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED }),
    `stale: Attempt 2 on host stopped reporting: ${LEASE_RAN_OUT} Attempt 1 had done the work before: mark it as completed.`,
  ],
  [
    'a retry that waited',
    waits(rowWith({ ending: FAILED })),
    `stale: Attempt 1 failed with exit code 3 after 1s. Attempt 2 on other waited and never started: ${LEASE_RAN_OUT} ${HALF_DONE} ${IF_LEFT}`,
  ],
  [
    'an attempt that never reported, and one that never started',
    rowWith({}, { ending: NOT_STARTED }),
    `stale: Attempt 1 never reported its end. Attempt 2 did not start the batch. ${UNKNOWN}`,
  ],
  [
    'an attempt that never reported, and one that waited',
    waits(rowWith({}, { ending: NOT_STARTED })),
    `stale: Attempt 2 did not start the batch. Attempt 3 on other waited and never started: ${LEASE_RAN_OUT} ${UNKNOWN}`,
  ],
  [
    'a first attempt that waited',
    waits(null),
    `stale: Attempt 1 on other waited and never started: ${LEASE_RAN_OUT} ${NOT_DONE} ${MAY_START}`,
  ],
])('%s, when the lease ran out', (_, row, text) => {
  expect(why(row, LATER)).toBe(text)
})

test('a time of another day has its date', () => {
  expect(why({ ...rowWith({ ending: SUCCEEDED }), slot: slot - 86_400_000 })).toContain(
    'The batch completed at 12:00:06 +09:00',
  )
  const row = resolveRow(
    null,
    { ...task, state: 'SKIPPED', by: 'ada', reason: 'why not?' },
    { writeId: 'w', now: slot - 86_400_000 },
  )
  expect(why(row)).toBe(
    'skipped: ada skipped it at 2026-11-23 12:00 +09:00: why not? The batch did not run. Nothing to do.',
  )
})

test.each([
  [
    null,
    'overdue: It was due 1m 5s ago and should have completed by now, but no run is recorded yet. Its trigger may still come. If it does not, run it now.',
  ],
  [
    rowWith({}),
    'overdue: It was due 1m 5s ago and should have completed by now. Attempt 1 on host has been running for 1m 0s. Check whether it makes progress.',
  ],
  [
    waits(rowWith({ ending: FAILED })),
    `overdue: It was due 1m 5s ago and should have completed by now. Attempt 1 failed with exit code 3 after 1s. ${WAITS} Check whether it makes progress.`,
  ],
])('not completed in time: %#', (row, text) => {
  expect(why(row, settings.now, 30_000)).toBe(text)
})

test('each outcome of an attempt has words of its own', () => {
  const texts = OUTCOMES.map((outcome) => why(rowWith({ ending: { outcome } })).split('. ')[0])
  expect(texts).toEqual([
    'completed: The batch completed at 12:00:06 +09:00 in 1s',
    'failed: Attempt 1 failed after 1s',
    'failed: Attempt 1 reached its timeout and was stopped after 1s',
    'failed: Attempt 1 was interrupted after 1s',
    'failed: Attempt 1 lost its lease and was stopped after 1s',
    'stale: Attempt 1 never reported its end',
    'failed: Attempt 1 did not start the batch',
  ])
})

test('the triggers that started nothing are counted', () => {
  const rejections = (kinds: readonly ('duplicate' | 'refused')[]) =>
    kinds.reduce(
      (notes, kind, index) =>
        addRejection(notes, { runId: `r${index}`, kind, cause: 'running', at: NOW, trigger: SCHEDULED, host: 'h' }),
      NO_NOTES,
    )
  const row = rowWith({ ending: SUCCEEDED })
  expect(why({ ...row, rejections: rejections(['duplicate']) })).toMatch(/do\. 1 duplicate trigger was ignored\.$/)
  expect(why({ ...row, rejections: rejections(['duplicate', 'refused', 'duplicate', 'refused']) })).toMatch(
    /do\. 2 duplicate triggers were ignored\. 2 triggers were refused\.$/,
  )
})

test.each([
  [
    NOW,
    'missed: It was due 5s ago, and no run is recorded: no trigger arrived, or it could not reach the ledger. Run it now.',
    0,
  ],
  [slot - 60_000, 'scheduled: It is due in 1m 0s. Nothing to do.', 900_000],
  [NOW, 'due: It was due 5s ago, and no run is recorded yet. Its trigger may still come.', 900_000],
])('without a row', (now, text, graceMs) => {
  const status = statusOf({ slot, row: null }, { ...settings, now, graceMs })
  expect(`${status}: ${whyText({ slot, row: null, status }, now, tokyo)}`).toBe(text)
})

test('a row of a newer cronledger', () => {
  const row = { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } as const
  expect(whyText({ slot, row, status: 'unknown' }, NOW, tokyo)).toBe(
    'A newer version of cronledger wrote this record (schema 9). Update cronledger to read it.',
  )
})
