import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isLeftOpen } from '../../src/core/row/attempts.ts'
import { decide } from '../../src/core/row/decide.ts'
import { readRerunnable } from '../../src/core/row/policy.ts'
import { collectRanges, NOTHING_LATER } from '../../src/core/row/range.ts'
import { decodeRow, encodeRow } from '../../src/core/row/stored-row.ts'
import { blockAttempt, finishRow } from '../../src/core/row/transition.ts'
import type { ExpectedTimes } from '../../src/core/task/task-record.ts'
import type { Row, StoredRow, WaitReason } from '../../src/core/types.ts'
import { commandText } from '../../src/format/command-line.ts'
import { sentenceText } from '../../src/format/verdict.ts'
import { REMARKS } from '../../src/verdict/remarks.ts'
import { SITUATIONS, type SlotSituation } from '../../src/verdict/situations.ts'
import { neededSteps } from '../../src/verdict/steps.ts'
import { type Verdict, verdictOf } from '../../src/verdict/verdict.ts'
import {
  closed,
  FAILED,
  FORCED,
  judgedAt,
  LEASE_MS,
  lastWaiting,
  laterRow,
  NOT_STARTED,
  NOW,
  PAUSE,
  pending,
  recordWith,
  resolvedAs,
  rowWith,
  SUCCEEDED,
} from '../support/rows.ts'

const SLOT = Date.parse('2026-11-24T03:00:00Z')
const HOUR_MS = 3_600_000
const STAMP = { writeId: 'w', now: NOW }

type Times = Partial<ExpectedTimes> & { readonly now?: number }

function verdict(
  row: StoredRow | null,
  { now = NOW + 60_000, ...times }: Times = {},
  more: Parameters<typeof judgedAt>[2] = {},
) {
  return verdictOf(judgedAt(now, row, { ...times, ...more }), 's')
}

const DAILY = [{ since: SLOT, spec: { expression: '0 3 * * *', zone: 'UTC' } }]

/** Each row of the table, in one line: status, what happened, work, a nextTrigger trigger, the needed steps. */
const lineOf = (one: Verdict) =>
  [
    one.status,
    sentenceText(one.happened, SLOT, 'UTC'),
    one.workText,
    one.nextTrigger,
    neededSteps(one.steps)
      .map(({ what }) => what)
      .join(', '),
  ].join(' | ')

const marked = (state: 'COMPLETED' | 'SKIPPED' | 'FAILED') =>
  ({
    ...closed(rowWith({ ending: FAILED })),
    state,
    resolutions: [{ state, at: NOW + 30_000, by: 'ada', reason: 'the file was sent by hand', afterAttempt: 1 }],
  }) as StoredRow
const EARLIER = recordWith(DAILY.map((one) => ({ ...one, since: SLOT - 48 * HOUR_MS })))
/** What is said of a slot that the run of the next day has in its range. */
const covered = (later: Row, own: Row | null = null) => {
  const ranges = collectRanges({ now: NOW + 60_000, skewMs: 9e9, rangesUntil: 9e15 })
  ranges.add(laterRow(later))
  // Its own attempts had another slot in their range, too.
  const attempts = own?.attempts.map((one) => ({ ...one, since: SLOT - 48 * HOUR_MS }))
  return verdict(
    own && ({ ...own, attempts } as Row),
    { now: NOW + HOUR_MS },
    { later: ranges.of(SLOT, own), record: EARLIER },
  )
}
const ofOneRun = (row: Row): Row => ({ ...row, attempts: row.attempts.map((one) => ({ ...one, runId: 'r1' })) }) as Row
const withReason = (row: Row, waitReason: WaitReason): Row => {
  const waiting = lastWaiting(row)
  return { ...waiting, attempts: [...waiting.attempts.slice(0, -1), { ...waiting.attempts.at(-1), waitReason }] } as Row
}
const unstarted = rowWith({ ending: { outcome: 'notStarted', exitCode: 127 } })
const waitsForOther = blockAttempt(lastWaiting(rowWith({})), { task: 'extract', slot: SLOT - HOUR_MS }, STAMP, LEASE_MS)
const blocked = finishRow(waitsForOther, NOT_STARTED, STAMP)
const lostThenFailed = rowWith({ ending: { outcome: 'abandoned' } }, { ending: FAILED })
const repeated = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })

const EMPTY = rowWith({ ending: { ...SUCCEEDED, report: '{"rows":0}' } })
const FULL = rowWith({ ending: { ...SUCCEEDED, report: '{"rows":1200}' } })
const RULES = {
  record: recordWith(DAILY, { expectations: { since: SLOT, expect: 'rows>=1' } }),
  older: Array(5).fill(FULL),
}
const LIMITED = { expectations: { since: SLOT, expect: 'duration<=3x' } }
const SETTLED = { ...resolvedAs('COMPLETED', EMPTY), resolutions: resolvedAs('COMPLETED').resolutions } as Row

/** What the remarks add to a completed slot. A person who has settled them has nothing to do. */
const REMARKED: Readonly<Record<string, Verdict>> = {
  'completed | attempt 1 on host succeeded at 03:00:06 in 1s (reported: rows=0), but rows is 0 (expected >= 1, usually 1,200) | done, perhaps wrongly | duplicate | see what happened, if it is right, settle it, or run it again, if its work is wrong':
    verdict(EMPTY, {}, RULES),
  'completed | attempt 1 on host succeeded at 03:00:06 in 1s (reported: rows=0), but rows is 0 (expected >= 1, usually 1,200). ada marked it as completed at 04:00:05: checked by hand | done | duplicate | ':
    verdict(SETTLED, {}, RULES),
  'running | attempt 1 on host has been running since 03:00:05 (25s), which is too long (expected <= 3x, usually 1s) | running | duplicate | see what happened':
    verdict(rowWith({}), { now: NOW + 25_000 }, { ...RULES, record: recordWith(DAILY, LIMITED) }),
  'completed | attempt 1 on host succeeded at 03:00:06 in 1s. It started 5s late | done | duplicate | when you know why, settle it':
    verdict(rowWith({ ending: SUCCEEDED }), { lateAfterMs: 1_000 }),
  'completed | attempt 1 on host succeeded at 03:00:06 in 1s. It started 5s late | done | duplicate | ': verdict(
    rowWith({ trigger: FORCED, ending: SUCCEEDED }),
    { lateAfterMs: 1_000 },
  ),
  'completed | attempt 1 on host succeeded at 03:00:06 in 1s. It should have completed by 03:00:05 | done | duplicate | ':
    verdict(rowWith({ ending: SUCCEEDED }), { doneByMs: 5_000 }),
}

test('a remark says what is unusual or late, and what settles it, until an operator has', () => {
  for (const [line, one] of Object.entries(REMARKED)) expect(lineOf(one)).toBe(line)
})

/** What is said, and of which slots. */
const TABLE: Readonly<Record<SlotSituation, Readonly<Record<string, Verdict | readonly Verdict[]>>>> = {
  scheduled: {
    'scheduled | is due in 3h 0m | not done | starts | ': verdict(null, { now: SLOT - 3 * HOUR_MS }),
  },
  due: {
    'due | was due 4m 0s ago, no run is recorded yet | not done | starts | ': verdict(null, { now: SLOT + 240_000 }),
    'overdue | was due 4m 0s ago, no run is recorded yet, and should have completed by 03:01:00 | not done | starts | see why it is overdue, run it now':
      verdict(null, { now: SLOT + 240_000, doneByMs: 60_000 }),
  },
  missed: {
    'missed | was due 8h 0m ago, no run is recorded | not done, as far as the ledger knows | starts | run it now, or mark it as completed':
      [
        verdict(null, { now: SLOT + 8 * HOUR_MS }),
        verdict(null, { now: SLOT + 8 * HOUR_MS }, { record: recordWith(DAILY) }),
      ],
  },
  doubtful: {
    'missed | may not have been due: the schedule changed between 02:00:00 and 04:00:00, no run is recorded | not done | starts | mark it as skipped, if it was not due, or run it now':
      verdict(null, { now: SLOT + 8 * HOUR_MS }, { doubt: { after: SLOT - HOUR_MS, until: SLOT + HOUR_MS } }),
  },
  declared: {
    'missed | was due 8h 0m ago, and no scheduled run of this task is recorded at all | not done, as far as the ledger knows | starts | run it now, or mark it as completed':
      verdict(
        null,
        { now: SLOT + 8 * HOUR_MS },
        { record: recordWith(DAILY.map((one) => ({ ...one, declared: 'unconfirmed' }))) },
      ),
  },
  notExpected: {
    ' | was not expected to run, no run is recorded | not done | starts | ': verdict(null, {}, { isExpected: false }),
    ' | was not expected to run: its schedule is recorded from 04:00:00 on | not done | starts | ': verdict(
      null,
      {},
      { isExpected: false, record: recordWith(DAILY.map((one) => ({ ...one, since: SLOT + HOUR_MS }))) },
    ),
    ' | was not expected to run: the schedule changed between 02:00:00 and 04:00:00, and no run is missing | not done | starts | ':
      verdict(
        null,
        {},
        {
          isExpected: false,
          doubt: { after: SLOT - HOUR_MS, until: SLOT + HOUR_MS, isPlain: true },
        },
      ),
    ' | ada paused the task: maintenance of the database | not done | paused | ': verdict(
      null,
      {},
      { isExpected: false, record: recordWith([], { pauses: [{ ...PAUSE, from: SLOT }] }) },
    ),
  },
  waiting: {
    'waiting | attempt 1 on host has been waiting since 03:00:05 for another slot to end | not done | duplicate | see what happened':
      verdict(lastWaiting(rowWith({}))),
    'waiting | attempt 1 on host failed (exit code 3) after 1s, then attempt 2 on host has been waiting since 03:00:05 for the time of its retry | an earlier attempt may have done a part of it | duplicate | see what happened':
      // The reason that is stored counts, whatever the other attempts look like.
      verdict(withReason(rowWith({ ending: FAILED }, {}), 'retry')),
    'waiting | attempt 1 on host failed (exit code 3) after 1s, then attempt 2 on host has been waiting since 03:00:05 for another slot to end | an earlier attempt may have done a part of it | duplicate | see what happened':
      [
        verdict(withReason(ofOneRun(rowWith({ ending: FAILED }, {})), 'slot')),
        verdict(lastWaiting(rowWith({ ending: FAILED }, {}))),
      ],
    'waiting | attempt 1 on host has been waiting since 03:00:05 for slot 02:00 of extract | not done | duplicate | see what happened':
      verdict(waitsForOther),
    'waiting | attempt 1 on host succeeded after 1s, then attempt 2 on host has been waiting since 03:00:05 for another slot to end | done once | duplicate | see what happened':
      verdict(lastWaiting(rowWith({ ending: SUCCEEDED }, { trigger: FORCED }))),
  },
  running: {
    'running | attempt 1 on host has been running since 03:00:05 (1m 0s) | running | duplicate | see what happened':
      verdict(rowWith({})),
    'overdue | attempt 1 on host has been running since 03:00:05 (1h 0m), and should have completed by 04:00:00 | running | duplicate | see why it is overdue':
      verdict({ ...pending(rowWith({})), leaseUntil: NOW + 2 * HOUR_MS }, { now: NOW + HOUR_MS, doneByMs: HOUR_MS }),
  },
  silent: {
    'running | attempt 1 on host did not renew its lease, which ended at 03:10:05, and is stale from 03:10:35 on | running, as far as the ledger knows | duplicate | see what happened':
      verdict(rowWith({}), { now: NOW + LEASE_MS + 1, skewMs: 30_000 }),
  },
  stale: {
    'stale | attempt 1 on host stopped reporting: its lease ended at 03:10:05 | may be done, half done, or still going on | depends | see what happened, run it again, or mark it as completed':
      verdict(rowWith({}), { now: NOW + HOUR_MS }),
    'stale | attempt 1 on host never reported its end, then attempt 2 on host was not started | may be done, half done, or still going on | depends | see what happened, run it again, or mark it as completed':
      verdict(rowWith({}, { ending: NOT_STARTED }), { now: NOW + HOUR_MS }),
    'stale | attempt 1 on host claimed the slot and never started: its lease ended at 03:10:05 | not done | starts | see what happened, run it again, or mark it as completed':
      verdict(waitsForOther, { now: NOW + HOUR_MS }),
  },
  failed: {
    'failed | attempt 1 on host failed (exit code 3) after 1s | may be half done | depends | see what happened, run it again, or mark it as completed':
      verdict(rowWith({ ending: FAILED })),
    'failed | attempt 1 on host failed (exit code 3) after 1s: disk full | may be half done | depends | see what happened, run it again, or mark it as completed':
      verdict(rowWith({ ending: { ...FAILED, report: '\n \ndisk full\nlast good row 48211' } })),
    'failed | attempt 1 on host failed (exit code 3) after 1s (reported: rows=1) | may be half done | depends | see what happened, run it again, or mark it as completed':
      verdict(rowWith({ ending: { ...FAILED, report: '{"rows":1}' } })),
    'failed | attempt 2 on host failed (exit code 3) after 1s | may be done, half done, or still going on | depends | see what happened, run it again, or mark it as completed':
      verdict(lostThenFailed),
    'failed | attempt 1 on host failed (exit code 3) after 1s, then ada marked it as failed at 03:00:35: the file was sent by hand | may be half done | depends | see what happened, run it again, or mark it as completed':
      verdict(marked('FAILED')),
    // The run died in the delay of its retry.
    'failed | attempt 1 on host failed (exit code 3) after 1s, then attempt 2 on host claimed the slot and never started | may be half done | depends | see what happened, run it again, or mark it as completed':
      verdict(withReason(ofOneRun(rowWith({ ending: FAILED }, {})), 'retry'), { now: NOW + HOUR_MS }),
    'failed | attempt 1 on host failed (exit code 3) after 1s. The slot lies in a pause | may be half done | paused | see what happened, run it again, or mark it as completed':
      verdict(
        rowWith({ ending: FAILED }),
        {},
        { record: recordWith(DAILY, { pauses: [{ ...PAUSE, from: SLOT, until: SLOT + 1 }] }) },
      ),
  },
  notStarted: {
    'failed | attempt 1 on host could not be started (exit code 127) | not done | starts | see what happened, run it now, or mark it as completed':
      verdict(unstarted),
    'failed | attempt 1 on host was not started: it waited for slot 02:00 of extract | not done | starts | see what it waited for, then run this slot of nightly, or mark it as completed':
      verdict(blocked),
    'failed | attempt 1 on host could not be started (exit code 127). The slot lies in a pause | not done | paused | see what happened, run it now, or mark it as completed':
      verdict(unstarted, {}, { record: recordWith(DAILY, { pauses: [{ ...PAUSE, from: SLOT }] }) }),
  },
  completed: {
    'completed | attempt 1 on host succeeded at 03:00:06 in 1s (reported: rows=1234) | done | duplicate | ': verdict(
      rowWith({ ending: { ...SUCCEEDED, report: '{"rows":1234}' } }),
    ),
    'completed | attempt 1 on host succeeded at 03:00:06 in 1s | done | duplicate | ': verdict(
      rowWith({ ending: SUCCEEDED }),
    ),
    'completed | attempt 1 on host ran 5s after it was due, and succeeded at 03:00:06 in 1s | done | duplicate | ':
      verdict(rowWith({ ending: SUCCEEDED }), { graceMs: 4_000 }),
    'completed | attempt 2 on host succeeded at 03:00:06 in 1s, after attempt 1 on host succeeded after 1s | done | duplicate | ':
      verdict(rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: SUCCEEDED })),
  },
  repaired: {
    'completed | attempt 2 on host succeeded at 03:00:06 in 1s (reported: all is well), after attempt 1 on host failed (exit code 3) after 1s: disk full | done, after a failed attempt | duplicate | ':
      verdict(
        rowWith({ ending: { ...FAILED, report: 'disk full' } }, { ending: { ...SUCCEEDED, report: 'all is well' } }),
      ),
    'completed | attempt 2 on host succeeded at 03:00:06 in 1s, after attempt 1 on host failed (exit code 3) after 1s | done, after a failed attempt | duplicate | ':
      verdict(rowWith({ ending: FAILED }, { ending: SUCCEEDED })),
    'completed | attempt 2 on host succeeded at 03:00:06 in 1s, after attempt 1 on host never reported its end | done, perhaps twice: an earlier attempt never reported its end | duplicate | ':
      verdict(rowWith({ ending: { outcome: 'abandoned' } }, { ending: SUCCEEDED })),
    'completed | attempt 1 on host ran 5s after it was due, and succeeded at 03:00:06 in 1s | done | duplicate | ':
      verdict(rowWith({ trigger: FORCED, ending: SUCCEEDED }), { graceMs: 4_000 }),
  },
  marked: {
    'completed | attempt 1 on host failed (exit code 3) after 1s, then ada marked it as completed at 03:00:35: the file was sent by hand | done, as an operator recorded | duplicate | ':
      verdict(marked('COMPLETED')),
  },
  repeated: {
    'failed | attempt 1 completed it, then attempt 2 on host failed (exit code 3) after 1s | done once. The repetition may be half done | duplicate | see what happened, mark it as completed, or run it again although it has completed':
      verdict(repeated),
  },
  repeatedStale: {
    'stale | attempt 1 completed it, then attempt 2 on host stopped reporting | done once. The repetition may be half done | duplicate | see what happened, mark it as completed, or run it again although it has completed':
      verdict(rowWith({ ending: SUCCEEDED }, { trigger: FORCED }), { now: NOW + HOUR_MS }),
  },
  skipped: {
    'skipped | attempt 2 on host failed (exit code 3) after 1s, then ada skipped it at 04:00:05: checked by hand | done once | duplicate | ':
      verdict(resolvedAs('SKIPPED', rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }))),
    'skipped | attempt 1 on host failed (exit code 3) after 1s, then ada skipped it at 03:00:35: the file was sent by hand | an earlier attempt may have done a part of it | duplicate | ':
      verdict(marked('SKIPPED')),
  },
  covered: {
    'completed | the run of slot 2026-11-25 03:00 did its work, too: attempt 1 on host succeeded at 2026-11-24 03:00:06 in 1s | done by a later run | duplicate | ':
      covered(rowWith({ ending: SUCCEEDED })),
    'completed | attempt 1 on host failed (exit code 3) after 1s, and the run of slot 2026-11-25 03:00 did its work, too: attempt 1 on host succeeded at 2026-11-24 03:00:06 in 1s | done by a later run | duplicate | ':
      covered(rowWith({ ending: SUCCEEDED }), rowWith({ ending: FAILED })),
  },
  inRun: {
    'running | the run of slot 2026-11-25 03:00 does its work, too: attempt 1 on host has been running since 2026-11-24 03:00:05 | running | duplicate | see what happened':
      covered(rowWith({})),
  },
  newer: {
    'unknown | a newer version of cronledger wrote this record (schema 9). Update cronledger to read it | unknown | refused | show it with the newer version':
      verdict({ task: 'nightly', slot: SLOT, schemaVersion: 9, newerSchema: true }),
  },
  damaged: {
    'unknown | row nightly is damaged: its version is 0. Correct it in the ledger | unknown | refused | see what is wrong':
      verdict({
        task: 'nightly',
        slot: SLOT,
        damage: 'row nightly is damaged: its version is 0. Correct it in the ledger.',
      }),
  },
}

test.each(Object.entries(TABLE))('the row of the table: %s', (situation, samples) => {
  for (const [line, made] of Object.entries(samples))
    for (const one of [made].flat()) {
      expect(one.situation).toBe(situation)
      expect(lineOf(one)).toBe(line)
      // The word for programs must not be safer than the text.
      expect(one.work === 'not done').toBe(one.workText.startsWith('not done'))
    }
})

test('wherever the batch may still run, or its work may be done, a caution stands with the steps', () => {
  expect(verdict(rowWith({}), { now: NOW + HOUR_MS }).caution).toContain('The batch SUCCEEDED')
  expect(verdict(lostThenFailed).caution).toMatch(/^Attempt 1 on host never reported its end\. .*The batch SUCCEEDED/)
  expect(verdict(resolvedAs('FAILED', lostThenFailed)).caution).toBeNull()
  expect(verdict(repeated).caution).toContain('does its work a second time')
  for (const one of Object.values(TABLE).flatMap((samples) => Object.values(samples).flat())) {
    const runs = neededSteps(one.steps).some(({ kind }) => kind === 'run')
    if (runs && one.work !== 'not done' && !['failed', 'covered'].includes(one.situation))
      expect(one.caution).not.toBeNull()
  }
})

test('a slot in which an attempt left a process that it could not end says which one, with a caution', () => {
  const left = { ...FAILED, outcome: 'timedOut', process: { pid: 4711, boot: 'b' } } as const
  const one = verdict(rowWith({ ending: left }))
  expect(lineOf(one)).toMatch(
    /timed out .* after 1s, and its process 4711 lived on \| may be half done, or still going on/,
  )
  expect(one.caution).toMatch(/^Process 4711 of attempt 1 may still run on host: end it there before/)
  expect(verdict(rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: left })).caution).toMatch(
    /^Process 4711 of .* second time\.$/,
  )
})

test('a slot that an unread later row may have in its range is refused, with a caution', () => {
  const one = verdict(
    null,
    { now: NOW + HOUR_MS },
    { later: { ...NOTHING_LATER, covering: { kind: 'unknown', by: null } } },
  )
  expect([one.status, one.nextTrigger, one.caution]).toEqual([
    'missed',
    'refused',
    expect.stringContaining('a later run may have done its work'),
  ])
})

test('the command that runs alone a slot of a later range is one that a force accepts, and none while that runs', () => {
  const aloneOf = (later: Row, own: Row | null = null) =>
    covered(later, own)
      .steps.filter(({ what }) => what === 'run only this slot')
      .map(({ command, note }) => {
        const [, only] = /--status (\S+)/.exec(commandText(command)) ?? []
        const policy = {
          maxAttempts: 1,
          maxLatenessMs: null,
          skewMs: 0,
          ...(only && { forceStatus: readRerunnable(only.split(',')) }),
        }
        const facts = { now: NOW + 60_000, survivor: null, objection: null }
        return [only, note !== undefined, decide(own, { ...FORCED, slot: SLOT }, policy, facts).kind]
      })
  const [done, failed] = [rowWith({ ending: SUCCEEDED }), rowWith({ ending: FAILED })]
  expect(aloneOf(done)).toEqual([['missed,completed', true, 'start']])
  expect(aloneOf(done, failed)).toEqual([['failed,completed', true, 'start']])
  expect(aloneOf(failed)).toEqual([])
  expect(aloneOf(rowWith({}))).toEqual([])
})

test('the tables in the docs have a row for each situation and each remark', () => {
  const page = readFileSync(new URL('../../docs/reference/verdicts.md', import.meta.url), 'utf8')
  const cells = [...page.matchAll(/^\| ((?:`\w+`,? ?)+)\|/gm)].map(([, cell = '']) => cell)
  const rows = cells.flatMap((cell) => [...cell.matchAll(/\w+/g)].map(([name]) => name))
  expect(rows.sort()).toEqual([...Object.keys(SITUATIONS), ...Object.keys(REMARKS)].sort())
})

test('a slot that never started because of another one says so in its row and its finding, and stays open', () => {
  const key = { task: 'extract', slot: SLOT - HOUR_MS }
  expect(decodeRow(encodeRow(blocked))).toEqual(blocked)
  expect(isLeftOpen(blocked)).toBe(true)
  expect(judgedAt(NOW, blocked)).toMatchObject({ kind: 'failed', blockedBy: key })
  expect(judgedAt(NOW, waitsForOther, { doneByMs: 1 })).toMatchObject({ kind: 'overdue', blockedBy: key })
  // Its own failure needs attention, whatever it waits for now.
  const tried = { ...blocked, attempts: [...rowWith({ ending: FAILED }).attempts, ...blocked.attempts] } as StoredRow
  expect(judgedAt(NOW, tried)).not.toHaveProperty('blockedBy')
})
