import { DAY_MS, formatDuration } from '../core/duration.ts'
import { EXIT } from '../core/exit.ts'
import type { OptionTable } from '../core/option.ts'
import { DEFAULT_SKEW_MS, LONGEST_RETRY_DELAY_MS, MAX_ATTEMPTS } from '../core/row/policy.ts'
import { USUAL_GRACE_MS } from '../core/task/task-record.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

const SAME_WORK = 'two runs at the same time would do the same work'

/** The settings of a run, from which the library, the options, their help and their reference follow. */
export const SETTING_GROUPS = {
  slot: {
    /** Off: the run takes the time of its own start, warns, or records the new schedule from its slot on. */
    strict: {
      kind: 'switch',
      isUsual: true,
      group: 'Event time',
      help: 'Refuse a missing or wrong event time, and a changed schedule',
      details: `An error (${EXIT.usage}): no event time, or a batch command with a word that only a shell reads, such as &&. Refused (${EXIT.refused}): an event time more than 60 s from every time of the schedule, another schedule than the recorded one, and a duplicate of a batch in another AWS account. To record a new schedule, use cronledger declare, or one run with --strict=false.`,
    },
    maxLatenessMs: {
      kind: 'duration',
      isUsual: true,
      group: 'Limits',
      default: null,
      bounds: [0, 366 * DAY_MS],
      otherwise: 'no limit',
      help: 'Refuse to start later than this after the slot',
    },
    /** The maximum is below the shortest retention, because a slot whose row was deleted looks missed. */
    catchUpMs: {
      kind: 'duration',
      isUsual: true,
      group: 'Retries',
      default: null,
      bounds: [SECOND_MS, 31 * DAY_MS],
      otherwise: 'off',
      help: 'First run the slots of this span that were missed',
      details:
        'Oldest first, at most 100 in one run. 3d at 03:00:10 does not include 03:00 of three days ago. A failed slot stays for an operator. A forced run does not catch up.',
    },
  },
  starts: {
    /** With the default, half-done work never runs again without an operator. */
    maxAttempts: {
      kind: 'integer',
      isUsual: true,
      group: 'Retries',
      default: 1,
      bounds: [1, MAX_ATTEMPTS],
      help: 'Start a slot up to this many times, reruns included',
    },
    retryDelayMs: {
      kind: 'duration',
      isUsual: true,
      requires: { option: 'maxAttempts', atLeast: 2 },
      group: 'Retries',
      default: null,
      bounds: [0, LONGEST_RETRY_DELAY_MS],
      otherwise: 'no retry',
      help: 'Retry in the same run this long after a failure',
      details: 'Up to --max-attempts attempts. Without this option, only later triggers retry.',
    },
    retryBackoff: {
      kind: 'integer',
      requires: { option: 'retryDelayMs' },
      group: 'Retries',
      default: 1,
      bounds: [1, 10],
      help: 'Multiply the delay by this after each retry',
    },
    sinceLastSuccess: {
      kind: 'switch',
      group: 'Retries',
      help: 'Do all work since the last success: CRONLEDGER_RUN_SINCE',
      details:
        'The command gets the newest earlier slot that is done, and does the work of the slots between the two. After a run that failed or died, the next one does its work again, so the command must allow that. Such runs do not overlap. --retention must be longer than the longest time without a success.',
    },
    /** The answer to a scheduled trigger while another slot runs. A forced trigger is refused then, unless this is `allow`. */
    overlap: {
      kind: 'choice',
      isUsual: true,
      excludes: [{ own: 'allow', option: 'sinceLastSuccess', why: SAME_WORK }],
      group: 'Overlap',
      choices: ['allow', 'skip', 'wait'],
      default: 'allow',
      help: 'Start, skip or wait while another slot is running',
      otherwise: 'allow; with --since-last-success, wait',
      details:
        'With skip, this slot never runs then; it is refused if an attempt has already started in it. With wait, the oldest slot goes first. With both, a forced run is refused while another slot is running; without this option, it does what the runs of the task do. All triggers of a task must have the same value.',
    },
    /** The default covers a batch that is due hourly. A longer wait keeps a container running, which costs money. */
    overlapTimeoutMs: {
      kind: 'duration',
      requires: { option: 'overlap', is: ['wait'] },
      group: 'Overlap',
      default: HOUR_MS,
      bounds: [SECOND_MS, 31 * DAY_MS],
      help: 'Refuse the run after it has waited this long',
    },
    afterTimeoutMs: {
      kind: 'duration',
      requires: { option: 'after', orForced: true },
      group: 'Overlap',
      default: HOUR_MS,
      bounds: [0, 31 * DAY_MS],
      help: 'Refuse the run if it has waited this long for --after',
      details:
        'The slot stays open for a later trigger, a catch-up or a forced run. A forced run waits by default as long as the latest run of the task.',
    },
    /** The minimum is a month plus the time in which a late duplicate of its last day may arrive. */
    retentionMs: {
      kind: 'duration',
      group: 'Advanced',
      default: null,
      bounds: [35 * DAY_MS, 36_525 * DAY_MS],
      why: 'a slot whose record was deleted could run again',
      otherwise: 'forever',
      help: 'Keep the record of a slot this long',
      details: 'At least two windows of the schedule. Counts from the later of the run and the slot.',
    },
  },
  batch: {
    /** The default is below the 30 s that ECS grants after SIGTERM, so that the end can still be recorded. */
    killAfterMs: {
      kind: 'duration',
      group: 'Limits',
      default: 20 * SECOND_MS,
      bounds: [0, HOUR_MS],
      help: 'Send SIGKILL this long after SIGTERM',
    },
    /** The default is the one of ECS. Fargate allows up to 120 s. */
    stopTimeoutMs: {
      kind: 'duration',
      group: 'Advanced',
      default: 30 * SECOND_MS,
      bounds: [SECOND_MS, HOUR_MS],
      help: 'Time that the orchestrator allows after its SIGTERM',
      details: 'On ECS, the stopTimeout of the container. 5 s (at most a third of it) are kept to record the end.',
    },
  },
  lease: {
    /** By default, work goes on for nine minutes without the ledger. A takeover waits for the end of a lease. */
    leaseMs: {
      kind: 'duration',
      group: 'Advanced',
      default: 10 * MINUTE_MS,
      bounds: [SECOND_MS, DAY_MS],
      help: 'Consider a run dead after this long without a heartbeat',
      details: 'At least three heartbeats, --skew and --kill-after together.',
    },
    heartbeatMs: {
      kind: 'duration',
      group: 'Advanced',
      default: MINUTE_MS,
      bounds: [100, DAY_MS],
      help: 'Heartbeat interval',
    },
    skewMs: {
      kind: 'duration',
      group: 'Advanced',
      default: DEFAULT_SKEW_MS,
      bounds: [0, HOUR_MS],
      help: 'Largest clock difference between two hosts',
    },
    onLeaseLost: {
      kind: 'choice',
      excludes: [
        { own: 'continue', option: 'sinceLastSuccess', why: SAME_WORK },
        { own: 'continue', option: 'maxAttempts', atLeast: 2, why: 'another run may take over the slot' },
        {
          own: 'continue',
          option: 'overlap',
          is: ['skip', 'wait'],
          why: 'another slot may start when the lease has run out',
        },
      ],
      group: 'Advanced',
      value: 'ACTION',
      choices: ['stop', 'continue'],
      default: null,
      otherwise: 'continue, or stop if another run may start then',
      help: 'Action if the lease cannot be renewed',
      details:
        'With --max-attempts above 1, and with --overlap skip or wait, another run may start: then continue is refused.',
    },
  },
  expectations: {
    graceMs: {
      kind: 'duration',
      isUsual: true,
      group: 'Expectations',
      default: null,
      bounds: [0, 366 * DAY_MS],
      otherwise: formatDuration(USUAL_GRACE_MS),
      help: 'Report a slot as missed this long after it was due',
    },
    lateAfterMs: {
      kind: 'duration',
      group: 'Expectations',
      default: null,
      bounds: [0, 366 * DAY_MS],
      otherwise: 'never',
      help: 'Report a slot as late if it started later than this',
    },
    doneByMs: {
      kind: 'duration',
      isUsual: true,
      group: 'Expectations',
      default: null,
      bounds: [0, 366 * DAY_MS],
      otherwise: 'never',
      help: 'Report a slot as overdue if not completed this long after it was due',
      details: 'A slot is overdue also while it runs or waits.',
    },
    after: {
      kind: 'names',
      value: 'TASK[,…]',
      group: 'Overlap',
      default: null,
      otherwise: 'none',
      help: "Wait for the slots of these tasks ('imp/*': all with this prefix; self: the previous slot)",
      details:
        'For each task, it waits for the slots after the previous slot of this task (with --since-last-success: after the last one that is done) up to this one. If there are none, it waits for the latest one before. It starts none of them.',
    },
    /** Only `check` and the readers compare it. No rule changes how a run ends. */
    expect: {
      kind: 'text',
      value: 'RULE[,…]',
      group: 'Expectations',
      repeats: true,
      default: null,
      otherwise: 'none',
      help: 'Report a slot as unusual unless it meets these rules',
      details:
        'At most 10 rules: a fact that the batch reports, or duration; one of >= <= > < =; and a value: rows>=1, duration<=3x. 3x is three times the usual value: the median of the last 20 completed slots, if at least 5 have one. An upper bound of the duration also counts while the batch runs.',
    },
    owner: {
      kind: 'text',
      isUsual: true,
      value: 'TEXT',
      group: 'Expectations',
      spaces: true,
      quotes: true,
      default: null,
      otherwise: 'none',
      help: 'Name, URL or runbook to show with each finding',
      details: 'At most 200 bytes.',
    },
  },
  ledger: {
    ledgerTimeoutMs: {
      kind: 'duration',
      group: 'Advanced',
      default: 30 * SECOND_MS,
      bounds: [SECOND_MS, HOUR_MS],
      otherwise: '30s, file: 2m',
      help: 'Stop waiting for the ledger after this long',
    },
  },
} as const satisfies Readonly<Record<string, OptionTable>>

export const SETTINGS = {
  ...SETTING_GROUPS.slot,
  ...SETTING_GROUPS.starts,
  ...SETTING_GROUPS.batch,
  ...SETTING_GROUPS.lease,
  ...SETTING_GROUPS.expectations,
  ...SETTING_GROUPS.ledger,
}
