import { DAY_MS } from '../../core/duration.ts'
import type { OptionTable } from '../../core/option.ts'
import { DEFAULT_FORCED, RERUNNABLE } from '../../core/row/policy.ts'
import { SETTING_GROUPS } from '../../run/settings-table.ts'
import { COMMON } from './options.ts'

const { slot, starts, batch, lease, expectations, ledger } = SETTING_GROUPS

/** The options of `run`, in groups: the settings of a run, and what only the command line needs. */
export const RUN_GROUPS = {
  slot: {
    store: COMMON.store,
    task: COMMON.task,
    schedule: COMMON.schedule,
    timezone: COMMON.timezone,
    anchor: COMMON.anchor,
    eventTime: {
      kind: 'text',
      isUsual: true,
      value: 'INSTANT',
      group: 'Event time',
      otherwise: 'now',
      help: 'Scheduled time of the trigger, or k8s-job:NAME',
      details:
        'It must have an offset or Z. It may also be the JSON of an EventBridge event, @FILE, or - for standard input (see schedules.md).',
    },
    ...slot,
  },
  starts,
  force: {
    forceSlot: {
      kind: 'text',
      value: 'SLOT',
      group: 'Running a slot again',
      help: 'Run this slot again: an instant, local time, a date, or latest',
    },
    status: {
      kind: 'words',
      requires: { option: 'forceSlot' },
      value: 'STATUS[,…]',
      choices: RERUNNABLE,
      otherwise: DEFAULT_FORCED.join(','),
      group: 'Running a slot again',
      help: 'Run the slot only if it has one of these statuses',
      details: 'A slot that completed once counts as completed, also if a later forced run failed.',
    },
    ignoreAfter: {
      kind: 'switch',
      requires: { option: 'forceSlot' },
      group: 'Running a slot again',
      help: 'Do not wait for the tasks of --after; recorded with the attempt',
    },
    reason: {
      ...COMMON.reason,
      requires: { option: 'forceSlot' },
      help: 'Why the slot is run again; required with --force-slot',
    },
    by: COMMON.by,
    fresh: { ...COMMON.fresh, requires: { option: 'forceSlot' } },
  },
  batch: {
    timeoutMs: {
      kind: 'duration',
      isUsual: true,
      group: 'Limits',
      default: null,
      bounds: [1, 366 * DAY_MS],
      otherwise: 'no limit',
      help: 'Send SIGTERM to the command after this long',
      details: 'SIGKILL follows after --kill-after.',
    },
    ...batch,
  },
  lease,
  expectations,
  ledger,
  exit: {
    exitOnDuplicate: {
      kind: 'integer',
      group: 'Notifications and output',
      default: 0,
      bounds: [0, 255],
      help: 'Exit code of a duplicate, also while the other run is running',
    },
    partOfRepair: {
      kind: 'switch',
      requires: { option: 'forceSlot' },
      group: 'Running a slot again',
      help: 'Do not notify about a slot that is recovered or runs; rerun of several slots sets it',
      details: 'A slot that is done by then is a duplicate. Notifications are sent as always if --notify-on is given.',
    },
  },
  log: {
    log: {
      kind: 'choice',
      isUsual: true,
      group: 'Notifications and output',
      choices: ['json', 'text', 'quiet'],
      otherwise: 'text on a terminal, else json',
      help: 'Format of the log on stderr',
    },
    metrics: {
      kind: 'text',
      value: 'NAMESPACE',
      group: 'Notifications and output',
      otherwise: 'none',
      help: 'Write metrics for this CloudWatch namespace to stderr',
      details: 'In the embedded metric format (EMF): a line for each attempt and each rejection.',
    },
    notify: COMMON.notify,
    notifyFormat: COMMON.notifyFormat,
    notifyOn: COMMON.notifyOn,
  },
} as const satisfies Readonly<Record<string, OptionTable>>

/** A rerun has the skew of the runs of its task. */
const { skewMs: _, ...ownLease } = lease

/** The options that `run` and `rerun` share, about the supervision of a command under a claim. */
export const SUPERVISION_OPTIONS = { ...starts, ...RUN_GROUPS.batch, ...ownLease, ...ledger, ...RUN_GROUPS.log }

export const RUN_OPTIONS = {
  ...RUN_GROUPS.slot,
  ...starts,
  ...RUN_GROUPS.force,
  ...RUN_GROUPS.batch,
  ...lease,
  ...expectations,
  ...ledger,
  ...RUN_GROUPS.exit,
  ...RUN_GROUPS.log,
}
