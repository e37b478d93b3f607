import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, decideResolution, isUndecided, mayRetry, rerunnableAs } from '../../../src/core/row/decide.ts'
import {
  DEFAULT_RERUNNABLE,
  MAX_ATTEMPTS,
  MAX_RESOLUTIONS,
  type Policy,
  RERUNNABLE,
  type Rerunnable,
  readRerunnable,
} from '../../../src/core/row/policy.ts'
import { claimRow, retryAttempt } from '../../../src/core/row/transition.ts'
import {
  type Ending,
  RESOLVED_STATES,
  type ResolvedState,
  type Row,
  type StoredRow,
  type Survivor,
  type Trigger,
} from '../../../src/core/types.ts'
import {
  closed,
  FAILED,
  FORCED,
  LEASE_MS,
  lastWaiting,
  NOT_STARTED,
  NOW,
  rowWith,
  SCHEDULED,
  SUCCEEDED,
} from '../../support/rows.ts'

const SLOT = Date.parse('2026-11-24T03:00:00Z')
const SKEW_MS = 30_000

interface Situation extends Partial<Policy> {
  readonly trigger?: Trigger
  readonly now?: number
  readonly survivor?: Survivor
}

function answer(row: StoredRow | null, situation: Situation = {}): string {
  const { trigger = SCHEDULED, now = NOW, survivor = null, ...policy } = situation
  const decision = decide(
    row,
    { ...trigger, slot: SLOT },
    { maxAttempts: 1, maxLatenessMs: null, skewMs: SKEW_MS, ...policy },
    { now, survivor, objection: null },
  )
  return 'cause' in decision ? `${decision.kind}: ${decision.cause}` : decision.kind
}

const resolvedAs = (row: Row, state: ResolvedState): Row => ({
  ...closed(row),
  state,
  resolutions: [{ state, at: NOW, by: 'ada', reason: 'looked', afterAttempt: row.attempts.length }],
})

function rowWithResolution(state: ResolvedState, later: { readonly trigger: Trigger; readonly ending: Ending }): Row {
  const [resolution] = resolvedAs(rowWith({ ending: FAILED }), state).resolutions
  return { ...rowWith({ ending: FAILED }, later), resolutions: resolution === undefined ? [] : [resolution] }
}

const EXPIRED = NOW + LEASE_MS + SKEW_MS + 1
const RUNNING = rowWith({})
const SKIPPED: Row = { ...closed(rowWith({ ending: NOT_STARTED })), state: 'SKIPPED' }

describe('a trigger that catches up', () => {
  const trigger: Trigger = { kind: 'scheduled', eventTime: SLOT, source: 'catch-up' }

  test('a trigger that catches up starts in a slot without a row', () => {
    expect(answer(null, { trigger })).toBe('start')
    expect(answer(null, { trigger, maxLatenessMs: 1 })).toBe('refused: tooLate')
  })

  test('a trigger that catches up starts in a slot that only catch-ups claimed, and in which none of them started', () => {
    const left = rowWith({ trigger, ending: NOT_STARTED }, { trigger, ending: NOT_STARTED })
    expect(answer(left, { trigger })).toBe('start')
    expect(answer(left, { trigger, maxLatenessMs: 1 })).toBe('taken')
    for (const state of RESOLVED_STATES) expect(answer(resolvedAs(left, state), { trigger })).toBe('taken')
    const forced = rowWith({ trigger, ending: NOT_STARTED }, { trigger: FORCED, ending: NOT_STARTED })
    expect(answer(forced, { trigger })).toBe('taken')
    expect(answer(rowWith({ trigger, ending: NOT_STARTED }, { trigger, ending: FAILED }), { trigger })).toBe('taken')
    expect(answer(rowWith({ trigger }), { trigger, now: EXPIRED })).toBe('taken')
  })

  test.each<[string, StoredRow]>([
    ['running', RUNNING],
    ['succeeded', rowWith({ ending: SUCCEEDED })],
    ['failed', rowWith({ ending: FAILED })],
    ['never started', rowWith({ ending: NOT_STARTED })],
    ['skipped', SKIPPED],
    ['of a newer version', { task: 'nightly', slot: SLOT, schemaVersion: 3, newerSchema: true }],
  ])('a trigger that catches up finds every other slot taken, also with attempts left: %s', (_, row) => {
    expect(answer(row, { trigger, maxAttempts: 100 })).toBe('taken')
    expect(answer(row, { trigger, maxAttempts: 100, now: EXPIRED })).toBe('taken')
  })
})

const SUCCEEDED_ONCE = rowWith({ ending: SUCCEEDED })
const FAILED_ONCE = rowWith({ ending: FAILED })
const FORCE_RUNS = rowWith({ ending: SUCCEEDED }, { trigger: FORCED })
const FORCE_FAILED = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })
const DONE = 'duplicate: completed, duplicate: completed, refused: completed, start'
const LEASED = 'duplicate: running, duplicate: running, refused: running, refused: running'

test.each<[string, Row | null, number, string]>([
  ['absent', null, NOW, 'start, start, start, refused: noRow'],
  ['an attempt succeeded', SUCCEEDED_ONCE, NOW, DONE],
  ['an attempt succeeded, a later force failed', FORCE_FAILED, NOW, DONE],
  ['an attempt succeeded, a force is stale', FORCE_RUNS, EXPIRED, DONE],
  ['resolved as completed', resolvedAs(FAILED_ONCE, 'COMPLETED'), NOW, DONE],
  [
    ...(['an attempt succeeded, a force runs', FORCE_RUNS, NOW] as const),
    'duplicate: completed, duplicate: completed, refused: running, refused: running',
  ],
  [
    ...(['resolved as skipped', resolvedAs(FAILED_ONCE, 'SKIPPED'), NOW] as const),
    'duplicate: skipped, duplicate: skipped, start, refused: skipped',
  ],
  ['SKIPPED', SKIPPED, NOW, 'duplicate: skipped, duplicate: skipped, start, refused: skipped'],
  ['resolved as failed', resolvedAs(FAILED_ONCE, 'FAILED'), NOW, 'refused: failed, start, start, refused: failed'],
  ['FAILED', FAILED_ONCE, NOW, 'refused: failed, start, start, refused: failed'],
  ['PENDING, lease alive', RUNNING, NOW, LEASED],
  ['PENDING, lease over, skew not', RUNNING, EXPIRED - 1, LEASED],
  ['PENDING, stale', RUNNING, EXPIRED, 'refused: stale, start, start, refused: stale'],
  ['an attempt never started', rowWith({ ending: NOT_STARTED }), NOW, 'start, start, start, refused: failed'],
])(
  'what a scheduled trigger may do, one with an attempt left, a force, and a force on completed slots: %s',
  (_, row, now, expected) => {
    const force = { now, trigger: FORCED }
    const situations = [{ now }, { now, maxAttempts: 2 }, force, { ...force, forceStatus: ['completed'] as const }]
    expect(situations.map((one) => answer(row, one)).join(', ')).toBe(expected)
  },
)

const endings = fc.constantFrom<Ending>(
  SUCCEEDED,
  FAILED,
  NOT_STARTED,
  { outcome: 'timedOut' },
  { outcome: 'interrupted', signal: 'SIGTERM' },
  { outcome: 'leaseLost' },
)
const histories = fc.array(fc.record({ trigger: fc.constantFrom(SCHEDULED, FORCED), ending: endings }), {
  minLength: 1,
  maxLength: 12,
})

const before = { trigger: FORCED, forceAskedAt: NOW - 1, forceStatus: RERUNNABLE }
test.each<[string, Row | null, number, string]>([
  ['COMPLETED', rowWith({ ending: SUCCEEDED }), NOW, 'refused: newerAttempt'],
  ['FAILED', rowWith({ ending: FAILED }), NOW, 'refused: newerAttempt'],
  ['PENDING, stale', RUNNING, EXPIRED, 'refused: newerAttempt'],
  ['PENDING, lease alive', RUNNING, NOW, 'refused: running'],
  ['one that never started', rowWith({ ending: NOT_STARTED }), NOW, 'start'],
  ['absent', null, NOW, 'start'],
])('a force that was asked for before an attempt began: %s', (_, row, now, said) => {
  expect(answer(row, { ...before, now })).toBe(said)
  if (said === 'refused: newerAttempt') expect(answer(row, { ...before, forceAskedAt: NOW, now })).toBe('start')
})

const failedAgain = FORCE_FAILED
const [completedBefore, skippedBefore] = (['COMPLETED', 'SKIPPED'] as const).map((state) =>
  rowWithResolution(state, { trigger: FORCED, ending: FAILED }),
) as [Row, Row]
test.each<[string, Row | null, number, Rerunnable | null, string]>([
  ['absent', null, NOW, 'missed', 'refused: noRow'],
  ['FAILED', FAILED_ONCE, NOW, 'failed', 'refused: failed'],
  ['an attempt that never started', rowWith({ ending: NOT_STARTED }), NOW, 'failed', 'refused: failed'],
  ['PENDING, stale', RUNNING, EXPIRED, 'stale', 'refused: stale'],
  ['COMPLETED', SUCCEEDED_ONCE, NOW, 'completed', 'refused: completed'],
  ['completed once, failed when forced', failedAgain, NOW, 'completed', 'refused: completed'],
  ['resolved as completed, failed when forced', completedBefore, NOW, 'completed', 'refused: completed'],
  ['completed once, stale when forced', FORCE_RUNS, EXPIRED, 'completed', 'refused: completed'],
  ['PENDING, lease alive', RUNNING, NOW, null, 'refused: running'],
  ['completed once, a force runs', FORCE_RUNS, NOW, null, 'refused: running'],
  ['SKIPPED', SKIPPED, NOW, 'skipped', 'refused: skipped'],
  ['resolved as skipped', resolvedAs(FAILED_ONCE, 'SKIPPED'), NOW, 'skipped', 'refused: skipped'],
  ['resolved as skipped, failed when forced', skippedBefore, NOW, 'failed', 'refused: failed'],
])('a force that is meant for some slots only: %s', (_, row, now, is, others) => {
  expect(rerunnableAs(row, now, SKEW_MS)).toBe(is)
  for (const only of RERUNNABLE) {
    expect(answer(row, { now, trigger: FORCED, forceStatus: [only] })).toBe(only === is ? 'start' : others)
  }
  expect(answer(row, { now, trigger: FORCED, forceStatus: RERUNNABLE })).toBe(is === null ? others : 'start')
})

// promise: force-completed
test('property: a force that does not name completed starts nothing in a slot that completed', () => {
  const named = fc.subarray(RERUNNABLE.filter((status) => status !== 'completed'))
  const ranges = fc.constantFrom({}, { forceOfRange: true as const })
  fc.assert(
    fc.property(histories, named, fc.nat(1e12), ranges, (history, forceStatus, laterMs, range) => {
      const row = rowWith(...history)
      fc.pre(history.some(({ ending }) => ending.outcome === 'succeeded'))
      const situation = { trigger: FORCED, now: NOW + laterMs, ...range }
      expect(answer(row, { ...situation, forceStatus })).not.toBe('start')
      expect(answer(row, situation)).not.toBe('start')
    }),
  )
})

// promise: range-slot-completed
test('in a range, a slot that another run completed or an operator skipped is done, and not refused', () => {
  const range = { trigger: FORCED, forceStatus: DEFAULT_RERUNNABLE, forceOfRange: true } as const
  expect(answer(rowWith({ ending: SUCCEEDED }), range)).toBe('duplicate: completed')
  expect(answer(failedAgain, range)).toBe('duplicate: completed')
  expect(answer(SKIPPED, range)).toBe('duplicate: skipped')
  expect(answer(rowWith({ ending: FAILED }), { ...range, forceStatus: ['stale'] })).toBe('refused: failed')
  expect(answer(RUNNING, range)).toBe('refused: running')
  expect(answer(SKIPPED, { ...range, forceStatus: ['skipped'] })).toBe('start')
})

test('what a force is meant for, and when it was asked for, is nothing to a scheduled trigger', () => {
  expect(answer(rowWith({ ending: FAILED }), { maxAttempts: 2, forceAskedAt: NOW - 1 })).toBe('start')
  expect(answer(null, { forceStatus: ['failed'] })).toBe('start')
  expect(answer(rowWith({ ending: FAILED }), { maxAttempts: 2, forceStatus: ['missed'] })).toBe('start')
})

test('a force takes each status once, and no other word', () => {
  expect(readRerunnable(['failed', 'missed', 'failed'])).toEqual(['failed', 'missed'])
  expect(() => readRerunnable(['late'])).toThrow(
    'status "late" is not allowed. Use missed, failed, stale, completed or skipped',
  )
})

describe('settling', () => {
  const resolved = (row: StoredRow | null, now: number, state: ResolvedState = 'COMPLETED', more: object = {}) => {
    const decision = decideResolution(row, { slot: SLOT, state, now, skewMs: SKEW_MS, ...more })
    return decision.kind === 'refused' ? decision.cause : null
  }
  const objection = (row: StoredRow | null, now = NOW) => resolved(row, now)

  test('an operator may resolve a slot that does not run, and settle a completed one, once for each success', () => {
    expect(objection(null)).toBe(null)
    expect(objection(rowWith({ ending: FAILED }))).toBe(null)
    expect(objection(RUNNING, EXPIRED)).toBe(null)
    expect(objection(resolvedAs(rowWith({ ending: FAILED }), 'SKIPPED'))).toBe(null)
    expect(objection(RUNNING)).toBe('running')
    const done = rowWith({ ending: SUCCEEDED })
    expect(RESOLVED_STATES.filter((state) => resolved(done, NOW, state) === null)).toEqual(['COMPLETED'])
    expect(objection(resolvedAs(done, 'COMPLETED'))).toBe('completed')
    const again = [...done.attempts, ...rowWith({}, { trigger: FORCED, ending: SUCCEEDED }).attempts.slice(1)]
    expect(objection({ ...resolvedAs(done, 'COMPLETED'), attempts: again } as Row)).toBe(null)
    // It completed after the operator had looked.
    expect(resolved(done, NOW, 'COMPLETED', { hasSeenIt: false })).toBe('completed')
    // An operator may resolve a completed slot after a force on it failed or never reported its end.
    expect(objection(rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }))).toBe(null)
    expect(objection(rowWith({ ending: SUCCEEDED }, { trigger: FORCED }), EXPIRED)).toBe(null)
    expect(objection(resolvedAs(rowWith({ ending: FAILED }), 'COMPLETED'))).toBe('completed')
    expect(objection({ task: 'nightly', slot: SLOT, schemaVersion: 3, newerSchema: true })).toBe('newerRow')
  })

  // promise: resolve-ahead
  test('a slot that is not due can be skipped, and is neither completed nor failed before anything started in it', () => {
    const skipped = resolvedAs(rowWith({ ending: NOT_STARTED }), 'SKIPPED')
    expect(RESOLVED_STATES.map((state) => resolved(null, SLOT - 1, state))).toEqual(
      RESOLVED_STATES.map((state) => (state === 'SKIPPED' ? null : 'notDue')),
    )
    expect(resolved(skipped, SLOT - 1)).toBe('notDue')
    expect(resolved(null, SLOT)).toBe(null)
    // A trigger that came early, within its tolerance, has started the batch.
    expect(resolved(rowWith({ ending: FAILED }), SLOT - 1)).toBe(null)
  })

  test('a run in a slot of the future, by a wrong clock, may be confirmed once', () => {
    const done = rowWith({ ending: SUCCEEDED })
    const before = SLOT - 3_600_000
    expect(RESOLVED_STATES.filter((state) => resolved(done, before, state) === null)).toEqual(['COMPLETED'])
    expect(resolved(resolvedAs(done, 'COMPLETED'), before)).toBe('completed')
  })

  describe('where the operator knows that a run has ended', () => {
    const named = (row: StoredRow | null, endedRun: string, now = NOW, survivor: Survivor | null = null) =>
      resolved(row, now, 'COMPLETED', { endedRun, survivor })

    test('the slot of that run may be resolved also while its lease holds', () => {
      expect(named(RUNNING, 'run-1')).toBe(null)
      expect(named(RUNNING, 'run-1', EXPIRED)).toBe(null)
      expect(named(rowWith({ ending: FAILED }, {}), 'run-2')).toBe(null)
      expect(named(rowWith({ ending: FAILED }), 'run-1')).toBe(null)
      expect(named(retryAttempt(RUNNING, FAILED, { writeId: 'w', now: NOW }, LEASE_MS), 'run-1')).toBe(null)
    })

    test('a slot of another run is left as it is', () => {
      expect(named(RUNNING, 'run-2')).toBe('otherRun')
      expect(named(RUNNING, 'run-2', EXPIRED)).toBe('otherRun')
      expect(named(rowWith({ ending: FAILED }, {}), 'run-1')).toBe('otherRun')
      expect(named(rowWith({ ending: FAILED }, { ending: FAILED }), 'run-1')).toBe('otherRun')
      expect(named(null, 'run-1')).toBe('otherRun')
    })

    test('a later attempt that never started does not count', () => {
      expect(named(rowWith({ ending: FAILED }, { ending: NOT_STARTED }), 'run-1')).toBe(null)
      expect(named(rowWith({ ending: FAILED }, { ending: NOT_STARTED }), 'run-2')).toBe('otherRun')
    })

    test('a completed slot is left as it is', () => {
      expect(named(rowWith({ ending: SUCCEEDED }), 'run-1')).toBe('completed')
      expect(named(rowWith({ ending: SUCCEEDED }), 'run-2')).toBe('completed')
    })

    test('a process of it on this host shows that it has not ended', () => {
      expect(named(RUNNING, 'run-1', NOW, { pid: 7, command: 'sleep' })).toBe('survivor')
      expect(named(RUNNING, 'run-2', NOW, { pid: 7, command: 'sleep' })).toBe('otherRun')
    })
  })

  test('a slot is settled as many times as a row can hold', () => {
    const row = resolvedAs(rowWith({ ending: FAILED }), 'FAILED')
    const [resolution] = row.resolutions
    const many = resolution === undefined ? [] : Array.from({ length: MAX_RESOLUTIONS }, () => resolution)
    expect(objection({ ...row, resolutions: many })).toBe('tooManyResolutions')
  })
})

// promise: attempts-count
test('each attempt that started counts, whoever asked for it, and those that never started do not', () => {
  const forced = rowWith({ trigger: FORCED, ending: FAILED }, { ending: NOT_STARTED })
  expect(answer(forced)).toBe('refused: failed')
  expect(answer(rowWith({ trigger: FORCED }), { now: EXPIRED })).toBe('refused: stale')
  expect(answer(forced, { maxAttempts: 2 })).toBe('start')
  const twice = rowWith({ ending: FAILED }, { trigger: FORCED, ending: FAILED }, { ending: NOT_STARTED })
  expect(answer(twice, { maxAttempts: 2 })).toBe('refused: failed')
  expect(answer(twice, { maxAttempts: 3 })).toBe('start')
})

// promise: attempts-count
test('a slot in which nothing started, and that an operator calls failed, has had an attempt by hand', () => {
  const byHand = resolvedAs(rowWith({ ending: NOT_STARTED }), 'FAILED')
  expect(answer(byHand)).toBe('refused: failed')
  expect(answer(byHand, { maxAttempts: 2 })).toBe('start')
  // Of an attempt that started, the operator says only how it ended.
  expect(answer(resolvedAs(FAILED_ONCE, 'FAILED'), { maxAttempts: 2 })).toBe('start')
})

// promise: attempts-count
test('in a forced run, its own attempts count for its retries', () => {
  const policy = { maxAttempts: 2, retryDelayMs: 0, retryBackoff: 1 }
  const forced = rowWith({ ending: FAILED }, { ending: FAILED }, { trigger: FORCED })
  expect(mayRetry(forced, 'failed', policy)).toBe(true)
  expect(mayRetry(rowWith({ trigger: FORCED, ending: FAILED }, {}), 'failed', policy)).toBe(false)
})

test('a run that was killed while its next attempt waited has failed, and is not stale', () => {
  const waiting = retryAttempt(rowWith({}), FAILED, { writeId: 'w', now: NOW }, LEASE_MS)
  expect(answer(waiting, { now: EXPIRED })).toBe('refused: failed')
  expect(answer(waiting, { now: EXPIRED, maxAttempts: 2 })).toBe('start')
})

// promise: stale-not-started
test('an attempt that never started says nothing about one that never reported its end: it is stale', () => {
  const stillStale = rowWith({}, { trigger: FORCED, ending: NOT_STARTED })
  expect(answer(stillStale)).toBe('refused: stale')
  expect(answer(stillStale, { trigger: FORCED, forceStatus: ['stale'] })).toBe('start')
  expect(answer(stillStale, { trigger: FORCED, forceStatus: ['missed', 'failed'] })).toBe('refused: stale')
  expect(answer(lastWaiting(rowWith({}, {})), { now: EXPIRED })).toBe('refused: stale')
})

test('an operator still has to decide about the last one that started, until a success or a decision', () => {
  const failed = rowWith({ ending: FAILED }, { ending: NOT_STARTED })
  const resolved = (state: ResolvedState, afterAttempt: number): Row => ({
    ...failed,
    resolutions: [{ state, at: NOW, by: 'ada', reason: 'checked by hand', afterAttempt }],
  })
  expect(isUndecided(failed)).toBe(true)
  expect(isUndecided(rowWith({}, {}))).toBe(true)
  expect(isUndecided(rowWith({ ending: NOT_STARTED }, {}))).toBe(false)
  expect(isUndecided(rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED }))).toBe(false)
  expect(isUndecided(resolved('FAILED', 1))).toBe(false)
  expect(isUndecided(resolved('SKIPPED', 0))).toBe(false)
  expect(isUndecided(resolved('FAILED', 0))).toBe(true)
})

test('a row holds at most 100, forced ones included', () => {
  const full = rowWith(...Array.from({ length: MAX_ATTEMPTS }, () => ({ trigger: FORCED, ending: FAILED })))
  expect(answer(full, { trigger: FORCED })).toBe('refused: tooManyAttempts')
  expect(answer(full, { maxAttempts: MAX_ATTEMPTS })).toBe('refused: tooManyAttempts')
})

// promise: attempts-never-started
test('any number of attempts that never started leaves room for one that does, and for a force', () => {
  const given = rowWith({ ending: FAILED }, ...Array.from({ length: 150 }, () => ({ ending: NOT_STARTED })))
  expect(answer(given, { trigger: FORCED })).toBe('start')
  expect(answer(given, { maxAttempts: 2 })).toBe('start')
  expect(answer(given, { maxAttempts: 1 })).toBe('refused: failed')
  expect(rowWith(...Array.from({ length: 150 }, () => ({ ending: NOT_STARTED })), {}).attempts.at(-1)?.number).toBe(151)
})

test('lateness refuses a scheduled start, with or without a row, and never a forced one', () => {
  const late = { now: SLOT + 3_600_001, maxLatenessMs: 3_600_000 }
  expect(answer(null, late)).toBe('refused: tooLate')
  expect(answer(null, { ...late, now: SLOT + 3_600_000 })).toBe('start')
  expect(answer(rowWith({ ending: FAILED }), { ...late, maxAttempts: 2 })).toBe('refused: tooLate')
  expect(answer(rowWith({ ending: SUCCEEDED }), late)).toBe('duplicate: completed')
  expect(answer(null, { ...late, trigger: FORCED })).toBe('start')
})

test('while a process of a stale attempt lives on this host, no trigger starts', () => {
  const stale = { now: EXPIRED, survivor: { pid: 7, command: 'sleep' }, maxAttempts: 2 }
  expect(answer(RUNNING, stale)).toBe('refused: survivor')
  expect(answer(RUNNING, { ...stale, trigger: FORCED })).toBe('refused: survivor')
})

test('a mismatch that the caller does not accept is refused regardless of the row', () => {
  for (const row of [null, RUNNING, rowWith({ ending: FAILED }), rowWith({ ending: SUCCEEDED })]) {
    const decision = decide(
      row,
      { ...SCHEDULED, slot: SLOT },
      { maxAttempts: 2, maxLatenessMs: null, skewMs: 0 },
      { now: NOW, survivor: null, objection: 'scheduleMismatch' },
    )
    expect(decision).toEqual({ kind: 'refused', cause: 'scheduleMismatch', row, survivor: null })
  }
})

test('property: once an attempt succeeded, nothing starts but by force', () => {
  fc.assert(
    fc.property(histories, fc.nat(MAX_ATTEMPTS), fc.nat(1e12), (history, maxAttempts, laterMs) => {
      const row = rowWith(...history)
      fc.pre(history.some(({ ending }) => ending.outcome === 'succeeded'))
      expect(answer(row, { maxAttempts, now: NOW + laterMs })).toBe('duplicate: completed')
    }),
  )
})

test('property: after any start, no other trigger starts while the lease is valid', () => {
  fc.assert(
    fc.property(
      histories,
      fc.nat(LEASE_MS + SKEW_MS),
      fc.constantFrom(SCHEDULED, FORCED),
      (history, laterMs, trigger) => {
        const before = rowWith(...history)
        const claim = { task: 'nightly', window: { slot: SLOT, end: null }, schedule: before.schedule, zoneData: 'x' }
        const host = { host: 'host' }
        const row = claimRow(before, { ...claim, runId: 'me', trigger, host }, { writeId: 'w', now: NOW }, LEASE_MS)
        expect(answer(row, { maxAttempts: MAX_ATTEMPTS, now: NOW + laterMs })).toMatch(/^duplicate/)
        expect(answer(row, { trigger: FORCED, now: NOW + laterMs })).toBe('refused: running')
      },
    ),
  )
})
