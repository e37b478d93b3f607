import { DAY_MS } from '../core/duration.ts'
import type { OptionTable } from '../core/option.ts'
import { LONGEST_RETRY_DELAY_MS, MAX_ATTEMPTS } from '../core/row/policy.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/**
 * The settings of a run, in groups. The library, the options of the command line, the help and
 * docs/reference/options.md are all derived from this table.
 */
export const SETTING_GROUPS = {
  slot: {
    requireEventTime: { kind: 'switch', help: 'Refuse to take the start of this process for the event time' },
    /**
     * The maximum is an hour, because a larger value would often move triggers of one slot into the next slot. Left out:
     * the value depends on the length of the window.
     */
    earlyToleranceMs: {
      kind: 'duration',
      default: null,
      bounds: [0, HOUR_MS],
      otherwise: '30s, or 1/20 of the window if that is less',
      help: 'An event time that close before a slot belongs to it',
    },
    onMismatch: {
      kind: 'choice',
      choices: ['warn', 'refuse'],
      default: 'warn',
      help: 'When the event time is no fire time of the schedule',
    },
    /** Left out: a trigger may start at any time after its slot. */
    maxLatenessMs: {
      kind: 'duration',
      default: null,
      bounds: [0, 366 * DAY_MS],
      otherwise: 'any time',
      help: 'Refuse to start later than this after the slot',
    },
  },
  starts: {
    /** With the default, half-done work never runs again without an operator. */
    maxAttempts: {
      kind: 'integer',
      default: 1,
      bounds: [1, MAX_ATTEMPTS],
      help: 'Attempts that scheduled triggers may start in one slot',
    },
    /** Left out: only later triggers make further attempts. */
    retryDelayMs: {
      kind: 'duration',
      default: null,
      bounds: [0, LONGEST_RETRY_DELAY_MS],
      otherwise: 'attempts are for later triggers',
      help: 'After a failure, the same run tries again this much later, up to --max-attempts',
    },
    retryBackoff: {
      kind: 'integer',
      default: 1,
      bounds: [1, 10],
      help: 'Each further delay is so many times the one before',
    },
    /**
     * Says what a scheduled trigger does while another slot of the task runs. Unless it is `allow`, a forced trigger is
     * refused then.
     */
    overlap: {
      kind: 'choice',
      choices: ['allow', 'skip', 'wait'],
      default: 'allow',
      otherwise: 'allow; of a forced slot, as the runs of the task have it',
      help: 'While another slot of the task runs: run beside it, give this slot up, or wait',
    },
    /** The default covers a batch that is due hourly. A longer wait keeps a container running, which costs money. */
    overlapTimeoutMs: {
      kind: 'duration',
      default: HOUR_MS,
      bounds: [SECOND_MS, 31 * DAY_MS],
      help: 'How long --overlap wait waits; then the run is refused',
    },
    /**
     * Left out: rows are kept forever. The minimum is a month plus the time in which a late duplicate of its last day
     * may arrive.
     */
    retentionMs: {
      kind: 'duration',
      default: null,
      bounds: [35 * DAY_MS, 36_525 * DAY_MS],
      why: 'a slot whose row is gone would run again',
      otherwise: 'without end',
      help: 'How long the row is kept; also at least two windows',
    },
  },
  batch: {
    /** The default is below the 30 s that ECS grants after SIGTERM, so that the end can still be recorded. */
    killAfterMs: {
      kind: 'duration',
      default: 20 * SECOND_MS,
      bounds: [0, HOUR_MS],
      help: 'Between SIGTERM and SIGKILL',
    },
    /** The default is the one of ECS. Fargate allows up to 120 s. */
    stopTimeoutMs: {
      kind: 'duration',
      default: 30 * SECOND_MS,
      bounds: [SECOND_MS, HOUR_MS],
      help: "What the orchestrator grants after its SIGTERM: the container's stopTimeout",
    },
  },
  lease: {
    /**
     * With the defaults, work that stops with its lease continues for nine minutes while the ledger cannot be reached.
     * The maximum is a day, because a takeover waits until the lease has run out.
     */
    leaseMs: {
      kind: 'duration',
      default: 10 * MINUTE_MS,
      bounds: [SECOND_MS, DAY_MS],
      help: 'How long a running attempt is trusted without a sign of life',
    },
    heartbeatMs: { kind: 'duration', default: MINUTE_MS, bounds: [100, DAY_MS], help: 'Between two signs of life' },
    /** The default is far above the error of a clock that NTP keeps. A difference of an hour is a broken clock. */
    skewMs: {
      kind: 'duration',
      default: 30 * SECOND_MS,
      bounds: [0, HOUR_MS],
      help: "Largest difference between two hosts' clocks",
    },
    /**
     * Says what happens to the work if its lease could not be renewed in time. The default depends on whether another
     * run may start then.
     */
    onLeaseLost: {
      kind: 'choice',
      choices: ['stop', 'continue'],
      default: null,
      otherwise: 'continue; with --max-attempts above 1, or --overlap skip or wait, stop',
      help: 'When the lease cannot be renewed in time; continue is refused where the default is stop',
    },
  },
  ledger: {
    ledgerTimeoutMs: {
      kind: 'duration',
      default: 30 * SECOND_MS,
      bounds: [SECOND_MS, HOUR_MS],
      otherwise: '30s, 2m on a file ledger',
      help: 'How long the claim may take',
    },
    /** `readSettings` also refuses a value that is not less than the lease. */
    finishTimeoutMs: {
      kind: 'duration',
      default: 5 * MINUTE_MS,
      bounds: [SECOND_MS, DAY_MS],
      otherwise: '5m, or half the lease if that is less',
      help: 'How long the outcome is tried to be recorded',
    },
  },
} as const satisfies Readonly<Record<string, OptionTable>>

export const SETTINGS = {
  ...SETTING_GROUPS.slot,
  ...SETTING_GROUPS.starts,
  ...SETTING_GROUPS.batch,
  ...SETTING_GROUPS.lease,
  ...SETTING_GROUPS.ledger,
}
