import { RERUNNABLE } from '../../src/core/row/policy.ts'
import type { RunSettings } from '../../src/run/settings.ts'
import type { Budget, HostPlan, Past, Scenario } from './scenario.ts'

const A: HostPlan = { name: 'A', does: 'run' }
const B: HostPlan = { name: 'B', does: 'run' }
const F: HostPlan = { name: 'F', does: 'force' }
const G: HostPlan = { name: 'G', does: 'force' }
const R: HostPlan = { name: 'R', does: 'resolve', says: 'COMPLETED' }
/** An operator who says that A has ended. */
const ENDED: HostPlan = { name: 'R', does: 'resolve', says: 'COMPLETED', names: 'A' }
const AGAIN: HostPlan = { name: 'F', does: 'force', only: ['completed'] }
/** A force for each slot that does not run. */
const ANY: HostPlan = { name: 'F', does: 'force', only: RERUNNABLE }
const NEXT: HostPlan = { name: 'B', does: 'run', day: 1 }
/** A run that asks for the record of its task, and states its schedule, and an operator who pauses the task. */
const ASKING: HostPlan = { name: 'A', does: 'run', asks: true }
const P: HostPlan = { name: 'P', does: 'pause' }
/** Two clocks that differ by the whole skew. */
const SLOW: HostPlan = { name: 'A', does: 'run', offsetMs: -2_500 }
const FAST: HostPlan = { name: 'B', does: 'run', offsetMs: 2_500 }

/** The run of the second slot waits for the first one. */
const AFTER: RunSettings = { after: ['self'], afterTimeoutMs: 8_000 }

/** Three slots that are due, of which each run does the work since the last success. That is the one before them. */
const SINCE = { sinceLastSuccess: true, overlap: 'wait', overlapTimeoutMs: 8_000 } as const
const DONE: Past = { day: -3, outcome: 'succeeded' }
const RANGES = { past: [DONE], settings: SINCE }
const FIRST: HostPlan = { name: 'A', does: 'run', day: -2 }
const SECOND: HostPlan = { name: 'B', does: 'run', day: -1 }
/** The third slot failed, and the two before it are a part of its work. */
const OPEN: Past = { day: 0, outcome: 'failed', since: -3 }
const FAILED_RANGE = { past: [DONE, OPEN], settings: SINCE }
/** The retention of the ledger, or an operator, removes a row. */
const GONE: HostPlan = { name: 'E', does: 'remove' }
const IN_RANGE: HostPlan = { name: 'G', does: 'force', day: -2 }

/** As many slots as a run reads, before the one that it must know. */
const MANY = Array.from({ length: 1_000 }, (_, index): Past => ({ day: -1 + index / 1_440, outcome: 'failed' }))

const ONE_FAULT: Budget = { all: 1, network: 1 }
const ONE_OF_ANY: Budget = { all: 1, network: 1, crash: 1, pause: 1, stop: 1, outage: 1 }

/** The time of two heartbeats, which is also enough for a claim and its withdrawal. */
const CLAIM_MS = 22_000
/** The lease, the skew and one second. This is long enough for a takeover of a claim that was made at the start. */
const TAKEOVER_MS = 46_000

const scenario = (
  name: string,
  hosts: readonly HostPlan[],
  horizonMs: number,
  more: Partial<Scenario> = {},
): Scenario => ({
  name,
  hosts,
  horizonMs,
  budget: { all: 0 },
  ...more,
})

/** The scenarios that `npm run test:explore` explores. It plays every schedule of each. */
export const SCENARIOS: readonly Scenario[] = [
  scenario('two triggers, two faults', [A, B], CLAIM_MS, { budget: { all: 2, network: 2 } }),
  scenario('two triggers', [A, B], TAKEOVER_MS, { budget: ONE_OF_ANY }),
  scenario('two triggers, two attempts', [A, B], TAKEOVER_MS, {
    settings: { maxAttempts: 2 },
    failures: 1,
    budget: { all: 1, network: 1, pause: 1, outage: 1 },
  }),
  scenario('trigger and force', [A, F], TAKEOVER_MS, { failures: 1, budget: ONE_OF_ANY }),
  scenario('trigger, force, trigger', [A, ANY, B], 5_000, { settings: { maxAttempts: 3 }, failures: 1 }),
  scenario('a force of a missed slot, then a trigger', [{ ...F, only: ['missed'] }, B], TAKEOVER_MS, {
    failures: 1,
    budget: { all: 1, crash: 1 },
  }),
  scenario('force in an outage', [A, F], TAKEOVER_MS, { budget: { all: 2, network: 1, outage: 1 }, endless: true }),
  scenario('forces on a completed slot', [A, AGAIN, G], 5_000, { failures: 1 }),
  scenario('two forces', [F, G], TAKEOVER_MS, { budget: ONE_OF_ANY }),
  scenario('trigger and resolution', [A, R], TAKEOVER_MS, { failures: 1, budget: ONE_OF_ANY }),
  scenario('a run that is called ended', [A, ENDED], TAKEOVER_MS, {
    failures: 1,
    budget: { all: 1, network: 1, crash: 1, pause: 1, stop: 1 },
  }),
  scenario('a run that is called ended, and a trigger', [A, { ...ENDED, says: 'FAILED' }, B], 25_000, {
    settings: { maxAttempts: 2 },
    failures: 1,
  }),
  scenario('trigger and pause', [ASKING, P], CLAIM_MS, { budget: { all: 2, network: 2 } }),
  scenario('two slots, skip', [A, NEXT], CLAIM_MS, { settings: { overlap: 'skip' }, budget: ONE_FAULT }),
  scenario('two slots, wait', [A, NEXT], 11_000, {
    settings: { overlap: 'wait', overlapTimeoutMs: 8_000 },
    budget: ONE_FAULT,
  }),
  scenario('a slot after another', [A, NEXT], 11_000, { settings: AFTER, failures: 1, budget: ONE_FAULT }),
  scenario('a slot after another, a force', [A, AGAIN, NEXT], 11_000, { settings: AFTER, failures: 1 }),
  scenario('a slot after another, skewed clocks', [SLOW, { ...FAST, day: 1 }], TAKEOVER_MS, {
    settings: AFTER,
    budget: { all: 1, crash: 1, stop: 1 },
  }),
  scenario('two ranges', [FIRST, SECOND], 11_000, { ...RANGES, failures: 1, budget: { all: 1, stop: 1 } }),
  // The first one waits while the second one is paused, and while it wakes.
  scenario('two ranges, a pause', [SECOND, { ...FIRST, afterMs: 40_000 }], 50_000, {
    ...RANGES,
    budget: { all: 1, pause: 1 },
  }),
  scenario('two ranges, an outage', [FIRST, { ...SECOND, afterMs: 40_000 }], TAKEOVER_MS, {
    ...RANGES,
    budget: { all: 1, outage: 1 },
    endless: true,
  }),
  scenario('two ranges, a slot in them is skipped', [FIRST, SECOND, { ...R, says: 'SKIPPED', day: -2 }], 5_000, RANGES),
  scenario('two ranges, after a host whose clock was days ahead', [FIRST, SECOND], 5_000, {
    past: [DONE, { day: 2, outcome: 'succeeded', since: -3 }],
    settings: SINCE,
  }),
  scenario(
    'a range that is lost, a late trigger and a takeover',
    [SECOND, { ...FIRST, afterMs: 40_000 }, { ...SECOND, name: 'C', afterMs: 40_000 }],
    TAKEOVER_MS,
    { past: [DONE], settings: { ...SINCE, maxAttempts: 2 }, budget: { all: 1, crash: 1 }, endless: true },
  ),
  scenario('no success yet', [FIRST, SECOND], 11_000, { settings: SINCE, failures: 2 }),
  scenario('a failed range: its rerun and a force in it', [F, { ...IN_RANGE, day: -1 }], 1_000, {
    ...FAILED_RANGE,
    failures: 1,
  }),
  scenario('a failed range: a resolution in it', [F, { ...R, day: -1 }, FIRST], 5_000, FAILED_RANGE),
  scenario('a failed range: a late trigger in it', [FIRST], 5_000, FAILED_RANGE),
  // The slots in its range are missed, and stay so.
  scenario('a failed range that is called completed, and a late trigger in it', [R, FIRST], 5_000, FAILED_RANGE),
  // The later run takes the slot of the frozen one along, and may end before that one wakes.
  scenario('a frozen run that wakes after a later success', [FIRST, { ...SECOND, afterMs: 46_000 }], 60_000, {
    ...RANGES,
    budget: { all: 1, pause: 1 },
  }),
  scenario('a completed range: forced again, and a late trigger', [AGAIN, FIRST], 5_000, {
    past: [DONE, { ...OPEN, outcome: 'succeeded' }],
    settings: SINCE,
    failures: 1,
    budget: ONE_FAULT,
  }),
  scenario('a range and a force in it', [SECOND, IN_RANGE], 11_000, { ...RANGES, failures: 1 }),
  scenario('a range and an earlier run without one', [{ ...FIRST, isPlain: true }, SECOND], 11_000, {
    ...RANGES,
    failures: 1,
  }),
  scenario('two ranges, the record of the later one is deleted', [FIRST, SECOND, { ...GONE, day: -1 }], 11_000, RANGES),
  scenario(
    'a completed range whose record is deleted, and late triggers',
    [FIRST, { ...FIRST, name: 'B' }, GONE],
    5_000,
    { past: [DONE, { ...OPEN, outcome: 'succeeded' }], settings: SINCE },
  ),
  scenario('a range and an earlier run without the lock', [SECOND], 11_000, {
    past: [DONE, { day: -2, outcome: 'runs' }],
    settings: SINCE,
    budget: ONE_OF_ANY,
  }),
  // They wait until the work of the others ends, which is past the horizon.
  scenario('three ranges', [FIRST, SECOND, { name: 'C', does: 'run' }], 1_000, {
    past: [DONE],
    settings: { ...SINCE, overlapTimeoutMs: 60_000 },
    endless: true,
  }),
  scenario('a retry of a range, and a resolution in it', [SECOND, { ...R, day: -2 }], 11_000, {
    past: [DONE],
    settings: { ...SINCE, maxAttempts: 2, retryDelayMs: 3_000 },
    failures: 1,
  }),
  scenario('two ranges, and the task is paused', [FIRST, { ...SECOND, asks: true }, P], 5_000, RANGES),
  scenario('a range and a later run without one', [FIRST, { ...SECOND, isPlain: true }], 11_000, {
    ...RANGES,
    failures: 1,
  }),
  scenario('a range and more later slots than a run reads', [FIRST], 5_000, {
    past: [DONE, ...MANY, { day: -0.1, outcome: 'succeeded', since: -3 }],
    settings: SINCE,
  }),
  scenario('two slots, a pause', [A, NEXT], TAKEOVER_MS, {
    settings: { overlap: 'skip' },
    budget: { all: 1, pause: 1 },
    endless: true,
  }),
  scenario('retries', [A, B], CLAIM_MS, {
    settings: { maxAttempts: 2, retryDelayMs: 3_000 },
    failures: 2,
    budget: { all: 1, network: 1, stop: 1 },
  }),
  scenario('skewed clocks', [SLOW, FAST], TAKEOVER_MS, {
    settings: { maxAttempts: 2 },
    budget: { all: 1, crash: 1, pause: 1, outage: 1 },
  }),
  scenario('skewed clocks, a slow answer', [SLOW, FAST], TAKEOVER_MS, {
    settings: { maxAttempts: 2 },
    budget: { all: 2, network: 1, outage: 1 },
    endless: true,
  }),
]
