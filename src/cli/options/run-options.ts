import { DAY_MS } from '../../core/duration.ts'
import type { OptionTable } from '../../core/option.ts'
import { SETTING_GROUPS } from '../../run/settings-table.ts'
import { COMMON } from './options.ts'

const { slot, starts, batch, lease, ledger } = SETTING_GROUPS

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
      value: 'INSTANT',
      otherwise: 'the start of this process',
      help: "The time that this trigger stands for: $.time of a rule's event, or <aws.scheduler.scheduled-time>",
    },
    event: { kind: 'text', value: 'JSON|FILE|-', help: 'The EventBridge event itself; its "time" is the event time' },
    ...slot,
  },
  starts,
  force: {
    forceSlot: {
      kind: 'text',
      value: 'SLOT',
      help: 'Run this slot whatever became of it: an instant, local time, a date, or latest',
    },
    reason: {
      kind: 'text',
      value: 'TEXT',
      help: 'Why the slot is forced, in at most 800 bytes (required with --force-slot)',
    },
    by: COMMON.by,
  },
  batch: {
    timeoutMs: {
      kind: 'duration',
      default: null,
      bounds: [1, 366 * DAY_MS],
      otherwise: 'none',
      help: 'How long the command may run; then SIGTERM, and SIGKILL after --kill-after',
    },
    ...batch,
  },
  lease,
  ledger,
  exit: {
    exitOnDuplicate: { kind: 'integer', default: 0, bounds: [0, 255], help: 'Exit code of a duplicate' },
    exitOnRunning: {
      kind: 'integer',
      default: null,
      bounds: [0, 255],
      otherwise: '--exit-on-duplicate',
      help: 'Exit code of a duplicate while the other still runs; 75 where a retry is wanted',
    },
  },
  log: {
    log: {
      kind: 'choice',
      choices: ['json', 'text', 'quiet'],
      otherwise: 'text on a terminal, else json',
      help: "cronledger's own log, on stderr",
    },
    metrics: {
      kind: 'choice',
      choices: ['off', 'emf'],
      default: 'off',
      help: "A line for each attempt or rejection in CloudWatch's embedded metric format, on stderr",
    },
    metricsNamespace: {
      kind: 'text',
      value: 'NAME',
      default: 'cronledger',
      help: 'Namespace of the metrics in CloudWatch',
    },
    notify: COMMON.notify,
    notifyOn: COMMON.notifyOn,
  },
} as const satisfies Readonly<Record<string, OptionTable>>

/** The options that `run` and `rerun` share, about the supervision of a command under a claim. */
export const SUPERVISION_OPTIONS = { ...starts, ...RUN_GROUPS.batch, ...lease, ...ledger, ...RUN_GROUPS.log }

export const RUN_OPTIONS = {
  ...RUN_GROUPS.slot,
  ...starts,
  ...RUN_GROUPS.force,
  ...RUN_GROUPS.batch,
  ...lease,
  ...ledger,
  ...RUN_GROUPS.exit,
  ...RUN_GROUPS.log,
}
