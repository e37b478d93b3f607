import { EXIT } from '../../../core/exit.ts'
import { DEFAULT_FORCED } from '../../../core/row/policy.ts'
import type { Values } from '../../options/arguments.ts'
import { COMMON, type CommandHelp, TASK_OR_ALL } from '../../options/options.ts'
import { RUN_GROUPS, SUPERVISION_OPTIONS } from '../../options/run-options.ts'
import { SLOT_OR_RANGE } from './slot-or-range.ts'

/** A stale slot may have done its work, so a range runs it only if the operator names its status. */
export const USUAL = ['missed', 'failed'] as const

export const help = {
  name: 'rerun',
  summary:
    'Run a slot again, or the missed and failed slots of a range, of one task or of several. Each slot starts on ECS or Kubernetes, where its task runs, or else as COMMAND on this host.',
  options: {
    store: COMMON.store,
    task: { ...TASK_OR_ALL.task, isUsual: true, help: "Name of the scheduled batch, or a prefix: 'pay/*'" },
    all: { kind: 'switch', isUsual: true, help: 'All tasks that the ledger knows' },
    owner: {
      ...COMMON.onlyOwner,
      isUsual: true,
      otherwise: undefined,
      help: 'The tasks whose owner contains this text',
    },
    jobs: {
      kind: 'integer',
      isUsual: true,
      default: 1,
      bounds: [1, 1_000],
      isFlagOnly: true,
      help: 'Run this many tasks side by side',
      details: 'The slots of one task never run side by side. A task comes after those of its --after.',
    },
    ...SLOT_OR_RANGE,
    status: {
      ...RUN_GROUPS.force.status,
      isUsual: true,
      group: 'Options',
      otherwise: `${USUAL.join(',')}; one slot: ${DEFAULT_FORCED.join(',')}`,
      help: 'Run only slots with these statuses',
    },
    each: {
      kind: 'switch',
      help: 'Run each slot, also if the run of a later one does its work',
      details:
        'Without it, a range of a task with --since-last-success runs only the newest slot between two that are done, which does the work of the others.',
    },
    yes: {
      kind: 'switch',
      isUsual: true,
      isFlagOnly: true,
      help: 'Start the slots of several tasks without a question',
    },
    dryRun: { kind: 'switch', isUsual: true, help: 'Print the plan and start nothing' },
    format: {
      kind: 'choice',
      choices: ['text', 'json', 'commands'],
      default: 'text',
      isFlagOnly: true,
      help: 'With --dry-run: text, JSON, or one command for each slot',
    },
    json: { ...COMMON.json, group: 'Options', help: 'With --dry-run, print JSON' },
    keepGoing: { kind: 'switch', isUsual: true, help: 'Continue with the next slot of a task after one that failed' },
    ignoreAfter: { ...RUN_GROUPS.force.ignoreAfter, group: 'Options' },
    reason: {
      ...COMMON.reason,
      isUsual: true,
      group: 'Options',
      help: 'Why, recorded with each attempt; required without --dry-run',
    },
    by: { ...COMMON.by, isUsual: true, group: 'Options' },
    fresh: { ...COMMON.fresh, group: 'Options' },
    partOfRepair: RUN_GROUPS.exit.partOfRepair,
    ...SUPERVISION_OPTIONS,
    notify: { ...SUPERVISION_OPTIONS.notify, isUsual: undefined },
    maxAttempts: {
      ...SUPERVISION_OPTIONS.maxAttempts,
      help: 'Attempts of this command in one slot, with --retry-delay',
    },
    overlap: {
      ...SUPERVISION_OPTIONS.overlap,
      isUsual: undefined,
      otherwise: 'as in run',
      help: 'Run beside another slot (allow) or be refused',
      details: undefined,
    },
  },
  takesTask: true,
  runsBatch: true,
  examples: [
    [
      "cronledger rerun --all --store dynamodb:cronledger --from 02:00 --jobs 4 --reason 'database was down'",
      'all that was missed or failed since 02:00, where it runs; after a failure or Ctrl-C, the same command continues',
    ],
    ["cronledger rerun 'pay/*' … --from 2026-11-23 --dry-run", 'what would run, in which order, and how long it takes'],
    [
      "cronledger rerun nightly … --slot 2026-11-23 --reason 'bad input file' -- ./batch.sh",
      'the slot of that day, with this command on this host',
    ],
    [
      "cronledger rerun --owner Ops … --from 7d --reason 'disk was full' -- ./dispatch.sh",
      'on this host, one command for all tasks: it gets CRONLEDGER_RUN_TASK',
    ],
  ],
  notes: `COMMAND must work on the slot that it gets (cronledger help environment), not on the current time. For several tasks, it is for those without a recorded place.
Ctrl-C starts nothing more and waits for what runs. A second one leaves, and what runs goes on to its end.
If the runs of the task have --overlap skip or wait, a rerun is refused while another slot is running.
Exit codes: of one slot, those of run (cronledger help exit-codes). Of several: that of the first slot that failed; else ${EXIT.unreachable} if a task could not be read or an end is not known; else ${EXIT.refused} if a slot was left out because nothing says how to start it; else ${EXIT.ok}.`,
} as const satisfies CommandHelp

export type RerunValues = Values<typeof help.options>
