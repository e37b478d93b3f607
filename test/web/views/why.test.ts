import { expect, test } from 'vitest'
import { claimRow, resolveRow } from '../../../src/core/row/transition.ts'
import type { Row } from '../../../src/core/types.ts'
import { markOf } from '../../../src/web/views/marks.ts'
import { wallClock } from '../../../src/web/views/wall-clock.tsx'
import { whyText } from '../../../src/web/views/why.ts'
import { FAILED, FORCED, LEASE_MS, NOT_STARTED, NOW, rowWith, SUCCEEDED } from '../../support/rows.ts'

const settings = { now: NOW + 60_000, skewMs: 30_000, graceMs: 900_000 }
const { slot, schedule, zoneData } = rowWith({})
const tokyo = wallClock('Asia/Tokyo')

function why(row: Row | null, now = settings.now): string {
  const mark = markOf({ slot, row }, { ...settings, now })
  return `${mark}: ${whyText({ slot, row, mark }, now, tokyo)}`
}

const task = { task: 'nightly', window: { slot, end: null }, schedule, zoneData, runId: 'own' }
const stamp = { writeId: 'w', now: NOW + 5_000 }
const word = (row: Row | null, state: 'COMPLETED' | 'FAILED' | 'SKIPPED') =>
  resolveRow(row, { ...task, state, by: 'ada', reason: 'as agreed' }, stamp)
const waits = (row: Row | null) =>
  claimRow(
    row,
    { ...task, trigger: FORCED, host: { host: 'other' }, phase: 'waiting' },
    { writeId: 'w', now: NOW },
    LEASE_MS,
  )

const DUPLICATE = 'A scheduled trigger of this slot is a duplicate, and starts nothing.'
const REFUSED = 'A scheduled trigger that has no attempt left is refused here until a person acts.'
const OPEN = 'No scheduled attempt has started here: the next scheduled trigger may start one, unless it is too late.'
const WORD = 'at 2026-11-24 12:00:10 Asia/Tokyo (2026-11-24T03:00:10Z): as agreed'
const LEASE = '2026-11-24 12:10:05 Asia/Tokyo (2026-11-24T03:10:05Z)'

test.each<[string, Row | null, string]>([
  ['a failure', rowWith({ ending: FAILED }), `failed: Attempt 1 on host failed (exit code 3). ${REFUSED}`],
  [
    'a force that failed after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }),
    `failed: Attempt 2 on host failed (exit code 3). ${DUPLICATE} Its work was done before, by attempt 1.`,
  ],
  ['nothing was started', rowWith({ ending: NOT_STARTED }), `failed: Attempt 1 on host was not started. ${OPEN}`],
  [
    'only a force failed',
    rowWith({ trigger: FORCED, ending: FAILED }),
    `failed: Attempt 1 on host failed (exit code 3). ${OPEN}`,
  ],
  [
    'a word that it failed',
    word(rowWith({ ending: FAILED }), 'FAILED'),
    `failed: ada settled it as FAILED ${WORD}. ${REFUSED}`,
  ],
  [
    'a word that it failed, before any attempt',
    word(null, 'FAILED'),
    `failed: ada settled it as FAILED ${WORD}. ${OPEN}`,
  ],
  ['a success', rowWith({ ending: SUCCEEDED }), `completed: Attempt 1 on host succeeded. ${DUPLICATE}`],
  ['a word', word(null, 'SKIPPED'), `skipped: ada settled it as SKIPPED ${WORD}. ${DUPLICATE}`],
  [
    'a force still runs after a word',
    claimRow(word(null, 'SKIPPED'), { ...task, trigger: FORCED, host: { host: 'other' } }, stamp, LEASE_MS),
    'running: Attempt 1 on other is running; its lease is trusted until 2026-11-24 12:10:10 Asia/Tokyo (2026-11-24T03:10:10Z).',
  ],
  [
    'a retry waits',
    waits(rowWith({ ending: FAILED })),
    'running: Attempt 1 on host failed (exit code 3). Attempt 2 on other has claimed the slot and waits: nothing of it is started yet.',
  ],
  [
    'the first attempt waits',
    waits(null),
    'running: Attempt 1 on other has claimed the slot and waits: nothing of it is started yet.',
  ],
])('%s', (_, row, text) => {
  expect(why(row)).toBe(text)
})

const LATER = NOW + LEASE_MS + 60_000

test.each<[string, Row | null, string]>([
  [
    'an attempt that never reported',
    rowWith({}),
    `stale: Attempt 1 on host never reported its end, and its lease ran out at ${LEASE}: nobody knows how far it came. Look what it did before you run it again.`,
  ],
  [
    'a force that never reported, after a success',
    rowWith({ ending: SUCCEEDED }, { trigger: FORCED }),
    `stale: Attempt 2 on host never reported its end, and its lease ran out at ${LEASE}: nobody knows how far it came. Look what it did before you run it again. Its work was done before, by attempt 1.`,
  ],
  [
    'a retry that waited',
    waits(rowWith({ ending: FAILED })),
    `stale: Attempt 1 on host failed (exit code 3). Attempt 2 on other had claimed the slot and waited: it never started, and its lease ran out at ${LEASE}. ${REFUSED}`,
  ],
])('%s, when the lease ran out', (_, row, text) => {
  expect(why(row, LATER)).toBe(text)
})

test.each([
  [NOW, 'missed: It was due 5s ago and nothing is on record', 0],
  [slot - 60_000, 'next: It is due in 1m 0s.', 900_000],
  [NOW, 'due: It has been due for 5s; nothing is on record yet.', 900_000],
])('without a row', (now, text, graceMs) => {
  const mark = markOf({ slot, row: null }, { ...settings, now, graceMs })
  expect(`${mark}: ${whyText({ slot, row: null, mark }, now, tokyo)}`).toContain(text)
})
