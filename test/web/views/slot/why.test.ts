import { expect, test } from 'vitest'
import { statusOf } from '../../../../src/core/row/status.ts'
import { claimRow, resolveRow } from '../../../../src/core/row/transition.ts'
import type { Row } from '../../../../src/core/types.ts'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { whyText } from '../../../../src/web/views/slot/why.ts'
import { FAILED, FORCED, LEASE_MS, NOT_STARTED, NOW, rowWith, SUCCEEDED } from '../../../support/rows.ts'

const settings = { now: NOW + 60_000, skewMs: 30_000, graceMs: 900_000 }
const { slot, schedule, zoneData } = rowWith({})
const tokyo = wallClock('Asia/Tokyo')

function why(row: Row | null, now = settings.now): string {
  const status = statusOf({ slot, row }, { ...settings, now })
  return `${status}: ${whyText({ slot, row, status }, now, tokyo)}`
}

const task = { task: 'nightly', window: { slot, end: null }, schedule, zoneData, runId: 'own' }
const stamp = { writeId: 'w', now: NOW + 5_000 }
const resolved = (row: Row | null, state: 'COMPLETED' | 'FAILED' | 'SKIPPED') =>
  resolveRow(row, { ...task, state, by: 'ada', reason: 'as agreed' }, stamp)
const waits = (row: Row | null) =>
  claimRow(
    row,
    { ...task, trigger: FORCED, host: { host: 'other' }, phase: 'waiting' },
    { writeId: 'w', now: NOW },
    LEASE_MS,
  )

const DUPLICATE = 'A further scheduled trigger for this slot starts nothing.'
const REFUSED = 'If no attempts are left, a scheduled trigger starts nothing until an operator decides.'
const OPEN = 'No scheduled attempt has started yet, so the next scheduled trigger may start one, unless it is too late.'
const RESOLVED = 'at 2026-11-24 12:00:10 Asia/Tokyo (2026-11-24T03:00:10Z): as agreed'
const LEASE = '2026-11-24 12:10:05 Asia/Tokyo (2026-11-24T03:10:05Z)'

test.each<[string, Row | null, string]>([
  ['a failure', rowWith({ ending: FAILED }), `failed: Attempt 1 on host failed (exit code 3). ${REFUSED}`],
  [
    'a force that failed after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
    `failed: Attempt 2 on host failed (exit code 3). ${DUPLICATE} Attempt 1 had already succeeded.`,
  ],
  ['nothing was started', rowWith({ ending: NOT_STARTED }), `failed: Attempt 1 on host was not started. ${OPEN}`],
  [
    'only a force failed',
    rowWith({ trigger: FORCED, ending: FAILED }),
    `failed: Attempt 1 on host failed (exit code 3). ${OPEN}`,
  ],
  [
    'resolved as failed',
    resolved(rowWith({ ending: FAILED }), 'FAILED'),
    `failed: ada resolved it as failed ${RESOLVED}. ${REFUSED}`,
  ],
  [
    'resolved as failed, before any attempt',
    resolved(null, 'FAILED'),
    `failed: ada resolved it as failed ${RESOLVED}. ${OPEN}`,
  ],
  ['a success', rowWith({ ending: SUCCEEDED }), `completed: Attempt 1 on host succeeded. ${DUPLICATE}`],
  ['resolved as skipped', resolved(null, 'SKIPPED'), `skipped: ada resolved it as skipped ${RESOLVED}. ${DUPLICATE}`],
  [
    'a force that runs after a resolution',
    claimRow(resolved(null, 'SKIPPED'), { ...task, trigger: FORCED, host: { host: 'other' } }, stamp, LEASE_MS),
    'running: Attempt 1 on other is running. Its lease ends at 2026-11-24 12:10:10 Asia/Tokyo (2026-11-24T03:10:10Z).',
  ],
  [
    'a retry waits',
    waits(rowWith({ ending: FAILED })),
    'waiting: Attempt 1 on host failed (exit code 3). Attempt 2 on other has claimed the slot and waits. It has not started yet.',
  ],
  [
    'the first attempt waits',
    waits(null),
    'waiting: Attempt 1 on other has claimed the slot and waits. It has not started yet.',
  ],
])('%s', (_, row, text) => {
  expect(why(row)).toBe(text)
})

const LATER = NOW + LEASE_MS + 60_000

test.each<[string, Row | null, string]>([
  [
    'an attempt that never reported',
    rowWith({}),
    `stale: Attempt 1 on host never reported its end, and its lease ran out at ${LEASE}. It is unknown how much of the work was done. Check what it did before you run it again.`,
  ],
  [
    'a force that never reported, after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED }),
    `stale: Attempt 2 on host never reported its end, and its lease ran out at ${LEASE}. It is unknown how much of the work was done. Check what it did before you run it again. Attempt 1 had already succeeded.`,
  ],
  [
    'a retry that waited',
    waits(rowWith({ ending: FAILED })),
    `stale: Attempt 1 on host failed (exit code 3). Attempt 2 on other waited and never started. Its lease ran out at ${LEASE}. ${REFUSED}`,
  ],
])('%s, when the lease ran out', (_, row, text) => {
  expect(why(row, LATER)).toBe(text)
})

test.each([
  [NOW, 'missed: It was due 5s ago, and no run is recorded. No trigger arrived, or it could not reach the ledger.', 0],
  [slot - 60_000, 'scheduled: It is due in 1m 0s.', 900_000],
  [NOW, 'scheduled: It was due 5s ago, and no run is recorded yet.', 900_000],
])('without a row', (now, text, graceMs) => {
  const status = statusOf({ slot, row: null }, { ...settings, now, graceMs })
  expect(`${status}: ${whyText({ slot, row: null, status }, now, tokyo)}`).toBe(text)
})
