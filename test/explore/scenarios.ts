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

/** The scenarios that `npm run test:explore` explores. It plays every schedule of each. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'two triggers, two faults', hosts: [A, B], budget: { all: 2, network: 2 }, horizonMs: CLAIM_MS },
  { name: 'two triggers', hosts: [A, B], budget: ONE_OF_ANY, horizonMs: TAKEOVER_MS },
  {
    name: 'two triggers, two attempts',
    hosts: [A, B],
    settings: { maxAttempts: 2 },
    failures: 1,
    budget: { all: 1, network: 1, pause: 1, outage: 1 },
    horizonMs: TAKEOVER_MS,
  },
  { name: 'trigger and force', hosts: [A, F], failures: 1, budget: ONE_OF_ANY, horizonMs: TAKEOVER_MS },
  {
    name: 'trigger, force, trigger',
    hosts: [A, ANY, B],
    settings: { maxAttempts: 2 },
    failures: 1,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'force in an outage',
    hosts: [A, F],
    budget: { all: 2, network: 1, outage: 1 },
    endless: true,
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'forces on a completed slot',
    hosts: [A, AGAIN, G],
    failures: 1,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  { name: 'two forces', hosts: [F, G], budget: ONE_OF_ANY, horizonMs: TAKEOVER_MS },
  { name: 'trigger and resolution', hosts: [A, R], failures: 1, budget: ONE_OF_ANY, horizonMs: TAKEOVER_MS },
  {
    name: 'a run that is called ended',
    hosts: [A, ENDED],
    failures: 1,
    budget: { all: 1, network: 1, crash: 1, pause: 1, stop: 1 },
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'a run that is called ended, and a trigger',
    hosts: [A, { ...ENDED, says: 'FAILED' }, B],
    settings: { maxAttempts: 2 },
    failures: 1,
    budget: { all: 0 },
    horizonMs: 25_000,
  },
  { name: 'trigger and pause', hosts: [ASKING, P], budget: { all: 2, network: 2 }, horizonMs: CLAIM_MS },
  {
    name: 'two slots, skip',
    hosts: [A, NEXT],
    settings: { overlap: 'skip' },
    budget: ONE_FAULT,
    horizonMs: CLAIM_MS,
  },
  {
    name: 'two slots, wait',
    hosts: [A, NEXT],
    settings: { overlap: 'wait', overlapTimeoutMs: 8_000 },
    budget: ONE_FAULT,
    horizonMs: 11_000,
  },
  {
    name: 'a slot after another',
    hosts: [A, NEXT],
    settings: AFTER,
    failures: 1,
    budget: ONE_FAULT,
    horizonMs: 11_000,
  },
  {
    name: 'a slot after another, a force',
    hosts: [A, AGAIN, NEXT],
    settings: AFTER,
    failures: 1,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'a slot after another, skewed clocks',
    hosts: [SLOW, { ...FAST, day: 1 }],
    settings: AFTER,
    budget: { all: 1, crash: 1, stop: 1 },
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'two ranges',
    hosts: [FIRST, SECOND],
    ...RANGES,
    failures: 1,
    budget: { all: 1, stop: 1 },
    horizonMs: 11_000,
  },
  {
    // The first one waits while the second one is paused, and while it wakes.
    name: 'two ranges, a pause',
    hosts: [SECOND, { ...FIRST, afterMs: 40_000 }],
    ...RANGES,
    budget: { all: 1, pause: 1 },
    horizonMs: 50_000,
  },
  {
    name: 'two ranges, an outage',
    hosts: [FIRST, { ...SECOND, afterMs: 40_000 }],
    ...RANGES,
    budget: { all: 1, outage: 1 },
    endless: true,
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'two ranges, a slot in them is skipped',
    hosts: [FIRST, SECOND, { ...R, says: 'SKIPPED', day: -2 }],
    ...RANGES,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'two ranges, after a host whose clock was days ahead',
    hosts: [FIRST, SECOND],
    past: [DONE, { day: 2, outcome: 'succeeded', since: -3 }],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'a range that is lost, a late trigger and a takeover',
    hosts: [SECOND, { ...FIRST, afterMs: 40_000 }, { ...SECOND, name: 'C', afterMs: 40_000 }],
    past: [DONE],
    settings: { ...SINCE, maxAttempts: 2 },
    budget: { all: 1, crash: 1 },
    endless: true,
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'no success yet',
    hosts: [FIRST, SECOND],
    settings: SINCE,
    failures: 2,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'a failed range: its rerun and a force in it',
    hosts: [F, { ...IN_RANGE, day: -1 }],
    past: [DONE, OPEN],
    settings: SINCE,
    failures: 1,
    budget: { all: 0 },
    horizonMs: 1_000,
  },
  {
    name: 'a failed range: a resolution in it',
    hosts: [F, { ...R, day: -1 }, FIRST],
    past: [DONE, OPEN],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'a failed range: a late trigger in it',
    hosts: [FIRST],
    past: [DONE, OPEN],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    // The slots in its range are missed, and stay so.
    name: 'a failed range that is called completed, and a late trigger in it',
    hosts: [R, FIRST],
    past: [DONE, OPEN],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    // The later run takes the slot of the frozen one along, and may end before that one wakes.
    name: 'a frozen run that wakes after a later success',
    hosts: [FIRST, { ...SECOND, afterMs: 46_000 }],
    ...RANGES,
    budget: { all: 1, pause: 1 },
    horizonMs: 60_000,
  },
  {
    name: 'a completed range: forced again, and a late trigger',
    hosts: [AGAIN, FIRST],
    past: [DONE, { ...OPEN, outcome: 'succeeded' }],
    settings: SINCE,
    failures: 1,
    budget: ONE_FAULT,
    horizonMs: 5_000,
  },
  {
    name: 'a range and a force in it',
    hosts: [SECOND, IN_RANGE],
    ...RANGES,
    failures: 1,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'a range and an earlier run without one',
    hosts: [{ ...FIRST, isPlain: true }, SECOND],
    ...RANGES,
    failures: 1,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'two ranges, the record of the later one is deleted',
    hosts: [FIRST, SECOND, { ...GONE, day: -1 }],
    ...RANGES,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'a completed range whose record is deleted, and late triggers',
    hosts: [FIRST, { ...FIRST, name: 'B' }, GONE],
    past: [DONE, { ...OPEN, outcome: 'succeeded' }],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'a range and an earlier run without the lock',
    hosts: [SECOND],
    past: [DONE, { day: -2, outcome: 'runs' }],
    settings: SINCE,
    budget: ONE_OF_ANY,
    horizonMs: 11_000,
  },
  {
    name: 'three ranges',
    hosts: [FIRST, SECOND, { name: 'C', does: 'run' }],
    past: [DONE],
    // They wait until the work of the others ends, which is past the horizon.
    settings: { ...SINCE, overlapTimeoutMs: 60_000 },
    budget: { all: 0 },
    endless: true,
    horizonMs: 1_000,
  },
  {
    name: 'a retry of a range, and a resolution in it',
    hosts: [SECOND, { ...R, day: -2 }],
    past: [DONE],
    settings: { ...SINCE, maxAttempts: 2, retryDelayMs: 3_000 },
    failures: 1,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'two ranges, and the task is paused',
    hosts: [FIRST, { ...SECOND, asks: true }, P],
    ...RANGES,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'a range and a later run without one',
    hosts: [FIRST, { ...SECOND, isPlain: true }],
    ...RANGES,
    failures: 1,
    budget: { all: 0 },
    horizonMs: 11_000,
  },
  {
    name: 'a range and more later slots than a run reads',
    hosts: [FIRST],
    past: [DONE, ...MANY, { day: -0.1, outcome: 'succeeded', since: -3 }],
    settings: SINCE,
    budget: { all: 0 },
    horizonMs: 5_000,
  },
  {
    name: 'two slots, a pause',
    hosts: [A, NEXT],
    settings: { overlap: 'skip' },
    budget: { all: 1, pause: 1 },
    endless: true,
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'retries',
    hosts: [A, B],
    settings: { maxAttempts: 2, retryDelayMs: 3_000 },
    failures: 2,
    budget: { all: 1, network: 1, stop: 1 },
    horizonMs: CLAIM_MS,
  },
  {
    name: 'skewed clocks',
    hosts: [SLOW, FAST],
    settings: { maxAttempts: 2 },
    budget: { all: 1, crash: 1, pause: 1, outage: 1 },
    horizonMs: TAKEOVER_MS,
  },
  {
    name: 'skewed clocks, a slow answer',
    hosts: [SLOW, FAST],
    settings: { maxAttempts: 2 },
    budget: { all: 2, network: 1, outage: 1 },
    endless: true,
    horizonMs: TAKEOVER_MS,
  },
]
