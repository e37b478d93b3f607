import type { RunOptions } from '../../api.ts'
import { quote, usageError } from '../../core/errors.ts'
import { EXIT } from '../../core/exit.ts'
import { DEFAULT_FORCED } from '../../core/row/policy.ts'
import { checkOperator, isTaskPattern } from '../../core/user-text.ts'
import { exitCodeOf, exitCodeOfStop } from '../../exit-code.ts'
import { envForAll, taskOrAll } from '../lookup.ts'
import { type Command, type CommandContext, isGiven, readOptions, type Values } from '../options/arguments.ts'
import { COMMON, type CommandHelp, TASK_OR_ALL, variableOf } from '../options/options.ts'
import { RUN_GROUPS, SUPERVISION_OPTIONS } from '../options/run-options.ts'
import { askedAt, checkBatchCommand, openRunner } from '../runner.ts'
import { checkSlotOrRange, SLOT_OR_RANGE } from './rerun/plan.ts'
import { repair } from './rerun/repair.ts'

/** A stale slot may have done its work, so a range runs it only if the operator names its status. */
const USUAL = ['missed', 'failed'] as const

const help = {
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
      details:
        'The slots of one task never run side by side. A task comes after those that it waits for (--after). Without this option, one slot runs after the other.',
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
        'If the runs of the task have --since-last-success, a range runs only the newest of the slots between two that are done. Its run does the work of the others, too.',
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
    json: { ...COMMON.json, group: 'Options', help: 'With --dry-run, print JSON (short for --format json)' },
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

type RerunValues = Values<typeof help.options>

export const rerun: Command = {
  help,
  async execute(context) {
    const { argv, env, rest, stops } = context
    const values = readOptions(help, argv, envForAll(argv, env), rest)
    const { slot, dryRun = false, owner } = values
    const task = taskOrAll(owner !== undefined && values.task === undefined ? { ...values, all: true } : values)
    checkTogether(values, argv)
    const isOne = owner === undefined && task !== null && !isTaskPattern(task)
    if (slot !== undefined && !isOne) throw usageError('--slot is for one task. Give --from for several tasks.')
    if (rest !== null) checkBatchCommand(help.name, rest)
    if (isOne && rest === null && task.endsWith('/'))
      throw usageError(`${quote(task)} is one task. For all tasks whose names begin with it, use '${task}*'.`)
    if (isOne && slot !== undefined && rest !== null && !dryRun) return rerunSlot({ ...values, task }, slot, context)
    const status = values.status ?? (slot === undefined ? USUAL : DEFAULT_FORCED)
    // Without a batch that runs, a stop may end the command at once.
    const repaired = repair({ ...values, task: task ?? undefined, status, isOne, batch: rest, dryRun }, context)
    return dryRun ? Promise.race([repaired, exitCodeOfStop(stops)]) : repaired
  },
}

/** Stands for the name of the operator, which each run finds later. */
const FOUND_LATER = 'user'

function checkTogether(values: RerunValues, argv: readonly string[]): void {
  const { reason, by, dryRun } = values
  checkSlotOrRange(values, ['keepGoing'])
  const ofPlan = (['json', 'format'] as const).find((name) => isGiven(name, argv))
  if (ofPlan !== undefined && !dryRun)
    throw usageError(`--${ofPlan} requires --dry-run. For the log, use --log ${ofPlan === 'json' ? 'json' : 'text'}.`)
  if (dryRun && values.yes) throw usageError('--yes has no effect with --dry-run, which starts nothing. Leave it out.')
  if (dryRun && reason === undefined) return
  if (reason === undefined) {
    throw usageError(
      `--reason is missing. Give --reason TEXT, or set ${variableOf('reason')}. It says why the slot is run again.`,
    )
  }
  // We must refuse a placeholder before the first slot, otherwise each slot of a range would fail because of it.
  checkOperator({ by: by ?? FOUND_LATER, reason })
}

/** Runs one slot in the foreground: the command has the terminal, and gets its signals. */
async function rerunSlot(
  values: RerunValues & { readonly task: string },
  slot: string,
  context: CommandContext,
): Promise<number> {
  const { stops } = context
  const { ignoreAfter, reason = '', by, fresh, status = DEFAULT_FORCED } = values
  const runner = openRunner(help.name, values, context)
  const ofRange = values.partOfRepair === true
  if (ofRange) runner.beginRepair()
  try {
    const found = await Promise.race([runner.ledger.findSlot({ ...values, slot }), exitCodeOfStop(stops)])
    if (typeof found === 'number') return found
    const { schedule, skewMs } = found
    const force = { slot: found.slot, status, askedAt: askedAt(), ofRange, ignoreAfter, reason, by, fresh }
    const options: RunOptions = { ...values, ...schedule, anchor: schedule.anchor, skewMs, force }
    return exitCodeOf(await runner.run(options), { stopSignal: stops.first()?.signal })
  } finally {
    await runner.end()
  }
}
