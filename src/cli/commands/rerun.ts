import type { RunOptions } from '../../api.ts'
import { quote, usageError } from '../../core/errors.ts'
import { DEFAULT_FORCED } from '../../core/row/policy.ts'
import { checkOperator, isTaskPattern } from '../../core/user-text.ts'
import { exitCodeOf, exitCodeOfStop } from '../../exit-code.ts'
import { envForAll, taskOrAll } from '../lookup.ts'
import { type Command, type CommandContext, isGiven, readOptions } from '../options/arguments.ts'
import { variableOf } from '../options/options.ts'
import { askedAt, checkBatchCommand, openRunner, planOf } from '../runner.ts'
import { help, type RerunValues, USUAL } from './rerun/help.ts'
import { repair } from './rerun/repair.ts'
import { checkSlotOrRange } from './rerun/slot-or-range.ts'

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
async function rerunSlot(values: RerunValues & { readonly task: string }, slot: string, context: CommandContext) {
  const { env, stops } = context
  const { ignoreAfter, reason = '', by, fresh, status = DEFAULT_FORCED } = values
  const runner = openRunner(help.name, values, context)
  const partOfRepair = values.partOfRepair === true
  if (partOfRepair) runner.beginRepair()
  try {
    const found = await Promise.race([runner.ledger.findSlot({ ...values, slot }), exitCodeOfStop(stops)])
    if (typeof found === 'number') return found
    const { schedule, skewMs } = found
    const force = {
      slot: found.slot,
      status,
      askedAt: askedAt(),
      partOfRepair,
      plan: planOf(env),
      ignoreAfter,
      reason,
      by,
      fresh,
    }
    const options: RunOptions = { ...values, ...schedule, anchor: schedule.anchor, skewMs, force }
    return exitCodeOf(await runner.run(options), { stopSignal: stops.first()?.signal })
  } finally {
    await runner.end()
  }
}
