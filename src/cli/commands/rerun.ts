import type { RerunnableSlot, RunOptions } from '../../api.ts'
import { LedgerError, quote, usageError } from '../../core/errors.ts'
import { optionName } from '../../core/option.ts'
import { DEFAULT_FORCED, DEFAULT_RERUNNABLE } from '../../core/row/policy.ts'
import { checkOperator, isTaskPattern } from '../../core/user-text.ts'
import { EXIT, exitCodeOf, exitCodeOfSignal, exitCodeOfStop } from '../../exit-code.ts'
import { zonedTime } from '../../format/local-time.ts'
import { othersText, progressLine, rerunLine } from '../../format/rerun/rerun.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Force } from '../../run/run-trigger.ts'
import { envForAll, taskOrAll } from '../lookup.ts'
import { type Command, type CommandContext, isGiven, readOptions, type Values } from '../options/arguments.ts'
import { COMMON, type CommandHelp, TASK_OR_ALL, variableOf } from '../options/options.ts'
import { RUN_GROUPS, SUPERVISION_OPTIONS } from '../options/run-options.ts'
import { showsProgress } from '../progress.ts'
import { askedAt, openRunner, type Runner } from '../runner.ts'
import { checkSlotOrRange, planRange, printPlan, SLOT_OR_RANGE } from './rerun/plan.ts'
import { printScript } from './rerun/script.ts'

const help = {
  name: 'rerun',
  summary:
    'Run COMMAND again in one slot, unless it is running or has completed. With --from, run it in the missed, failed and stale slots of a range, one after the other, oldest first. With --script, or for several tasks, print a script that does so.',
  options: {
    store: COMMON.store,
    task: { ...TASK_OR_ALL.task, help: "Name of the scheduled batch, or a prefix: 'pay/*'" },
    all: { kind: 'switch', help: 'All tasks that the ledger knows' },
    owner: { ...COMMON.onlyOwner, otherwise: undefined, help: 'The tasks whose owner contains this text' },
    script: {
      kind: 'switch',
      help: 'Print a script that runs the slots on ECS or Kubernetes, and start nothing',
      details:
        'For several tasks (--all, --owner, or a prefix), rerun always prints a script. A task that runs on neither has a rerun command with a placeholder for its batch command, unless COMMAND is given. Stale slots are left out, unless --only names them.',
    },
    jobs: {
      kind: 'integer',
      default: 1,
      bounds: [1, 1_000],
      isFlagOnly: true,
      help: 'In the script, run this many tasks side by side',
      details:
        'The slots of one task never run side by side. A task comes after those that it waits for (--after). Without this option, the script runs one slot after the other.',
    },
    ...SLOT_OR_RANGE,
    only: {
      ...RUN_GROUPS.force.forceOnly,
      otherwise: `${DEFAULT_RERUNNABLE.join(',')}; one slot: also skipped`,
      group: 'Options',
      help: 'Run only slots with these statuses',
    },
    each: {
      kind: 'switch',
      help: 'Run each slot, also if the run of a later one does its work',
      details:
        'If the runs of the task have --since-last-success, a range runs only the newest of the slots between two that are done. Its run does the work of the others, too. A slot is left out if a stale slot, or one that was skipped, lies between it and the last one that is done, unless --only names that status.',
    },
    dryRun: { kind: 'switch', help: 'Print the slots of the range and start nothing' },
    json: { ...COMMON.json, help: 'With --dry-run, print JSON' },
    keepGoing: { kind: 'switch', help: 'Continue with the next slot after one that failed or was refused' },
    ignoreAfter: { ...RUN_GROUPS.force.ignoreAfter, group: 'Options' },
    reason: { ...COMMON.reason, group: 'Options', help: 'Why, recorded with each attempt; required without --dry-run' },
    by: { ...COMMON.by, group: 'Options' },
    fresh: { ...COMMON.fresh, group: 'Options' },
    ...SUPERVISION_OPTIONS,
    maxAttempts: {
      ...SUPERVISION_OPTIONS.maxAttempts,
      help: 'Attempts of this command in one slot, with --retry-delay',
    },
    overlap: {
      ...SUPERVISION_OPTIONS.overlap,
      otherwise: 'as in run',
      help: 'Run beside another slot (allow) or be refused',
    },
  },
  usual:
    'task all owner script jobs slot from to only dryRun keepGoing reason by timeoutMs maxAttempts retryDelayMs log',
  takesTask: true,
  runsBatch: true,
  examples: [
    [
      "cronledger rerun nightly --store dynamodb:cronledger --slot 2026-11-23 --reason 'bad input file' -- ./batch.sh",
      'run the slot of that day',
    ],
    ['cronledger rerun nightly … --from 2026-11-01 --to 2026-11-23 --dry-run', 'list the slots of a range to run'],
    [
      "cronledger rerun nightly … --from 2026-11-01 --to 2026-11-23 --reason 'database was down' -- ./batch.sh",
      'run them; after a failure or Ctrl-C, the same command continues',
    ],
    [
      "cronledger rerun --all … --from 2026-11-23T02:00 --to 2026-11-23T05:00 --reason 'network outage' >night.sh",
      'a script for what all tasks missed or failed then: read it, and run it with sh',
    ],
    [
      "cronledger rerun --owner Payments … --from 2026-11-23T02:00 --jobs 4 --reason 'network outage' >night.sh",
      'the same for the tasks of a team, four of them side by side',
    ],
  ],
  notes: `COMMAND must work on the slot that it gets (cronledger help environment), not on the current time.
If the runs of the task have --overlap skip or wait, a rerun is refused while another slot is running.
Exit codes: those of run (cronledger help exit-codes). For a range: 0 if every slot succeeded or there was nothing to do, otherwise the exit code of the first slot that did not succeed.`,
} as const satisfies CommandHelp

export const rerun: Command = {
  help,
  async execute(context) {
    const { argv, env, rest, stops } = context
    const values = readOptions(help, argv, envForAll(argv, env), rest)
    const { script, dryRun, slot } = values
    const isOfOwner = values.owner !== undefined
    const task = taskOrAll(isOfOwner && values.task === undefined ? { ...values, all: true } : values)
    checkTogether(values)
    if (isGiven('json', argv) && !dryRun) throw usageError('--json requires --dry-run. For the log, use --log json.')
    // Nothing runs here, so a stop may end the command at once.
    const isOne = !isOfOwner && task !== null && !isTaskPattern(task)
    if (script || !isOne) {
      if (slot !== undefined && !isOne) throw usageError('--slot is for one task. Give --from for several tasks.')
      const without = NOT_OF_SCRIPT.find((option) => isGiven(option, argv))
      if (without !== undefined) {
        throw usageError(
          `--${optionName(without)} has no effect with ${scriptOption(values)}, which prints a script and starts nothing. Leave it out.`,
        )
      }
      return Promise.race([printScript(values, context), exitCodeOfStop(stops)])
    }
    if (isGiven('jobs', argv))
      throw usageError('--jobs is for a script: of several tasks (--all, --owner, or a prefix), or with --script.')
    const ask = { ...context, values: { ...values, task } }
    if (dryRun) return Promise.race([showPlan(ask), exitCodeOfStop(stops)])
    if (rest === null && task.endsWith('/'))
      throw usageError(`${quote(task)} is one task. For all tasks whose names begin with it, use '${task}*'.`)
    const runner = openRunner(help.name, values, context)
    try {
      return await (slot === undefined ? rerunRange(ask, runner) : rerunSlot(ask, runner, slot))
    } finally {
      await runner.end()
    }
  },
}

type RerunValues = Values<typeof help.options>

interface RerunRequest extends CommandContext {
  readonly values: RerunValues & { readonly task: string }
}

/** A script reads the ledger, and starts no batch under its own options. */
const { retentionMs: _, ledgerTimeoutMs: __, ...OF_BATCHES } = SUPERVISION_OPTIONS
const NOT_OF_SCRIPT = ['dryRun', 'ignoreAfter', 'fresh', ...Object.keys(OF_BATCHES)]

/** Stands for the name of the operator, which each run finds later. */
const FOUND_LATER = 'user'

function checkTogether(values: RerunValues): void {
  const { reason, by, dryRun } = values
  checkSlotOrRange(values, ['dryRun', 'keepGoing'])
  if (dryRun) return
  if (reason === undefined) {
    throw usageError(
      `--reason is missing. Give --reason TEXT, or set ${variableOf('reason')}. It says why the slot is run again.`,
    )
  }
  // We must refuse a placeholder before the first slot, otherwise each slot of a range would fail because of it.
  checkOperator({ by: by ?? FOUND_LATER, reason })
}

function scriptOption({ all, owner, script, task }: RerunValues): string {
  return all ? '--all' : owner !== undefined ? '--owner' : script ? '--script' : `the prefix ${task}`
}

async function rerunSlot({ values, stops }: RerunRequest, runner: Runner, slot: string): Promise<number> {
  const found = await Promise.race([runner.ledger.findSlot({ ...values, slot }), exitCodeOfStop(stops)])
  if (typeof found === 'number') return found
  const outcome = await runner.run(
    optionsOf(values, found, { slot: found.slot, only: values.only ?? DEFAULT_FORCED, askedAt: askedAt() }),
  )
  return exitCodeOf(outcome, { stopSignal: stops.first()?.signal })
}

async function rerunRange(ask: RerunRequest, { ledger, run, format, beginRange }: Runner): Promise<number> {
  const { values, stops, sink, env } = ask
  const range = statedRange(values)
  const { only } = range
  const planned = await Promise.race([planRange(ledger, range), exitCodeOfStop(stops)])
  if (typeof planned === 'number') return planned
  const { slots, doubts } = planned
  const hasProgress = format === 'text' && showsProgress(env)
  const counts = { completed: 0, failed: 0, unrecorded: 0, refused: 0, skipped: 0, duplicate: 0, left: slots.length }
  let exitCode: number = EXIT.ok
  if (slots.length > 1) beginRange()
  for (const planned of slots) {
    const { slot, why, schedule, skewMs } = planned
    if (stops.aborted.aborted) break
    const others = format === 'text' ? othersText(planned) : null
    if (others !== null)
      sink.write(printable(`cronledger: ${values.task} ${zonedTime(slot, schedule.timezone ?? 'UTC')}: ${others}`))
    const done = slots.length - counts.left
    // The progress goes through the log, which never blocks: a terminal may be stopped (Ctrl-S).
    if (hasProgress) sink.write(progressLine(done, slots.length, slot, schedule.timezone ?? 'UTC', why))
    const outcome = await run(optionsOf(values, { schedule, skewMs }, { slot: new Date(slot), only, ofRange: true }))
    exitCode ||= exitCodeOf(outcome, { stopSignal: stops.first()?.signal })
    // A ledger that cannot be used for this slot cannot be used for the next one.
    if (outcome instanceof LedgerError) break
    const stoppedBefore = stops.aborted.aborted && outcome.status === 'failed' && outcome.outcome === 'notStarted'
    if (stoppedBefore) break
    // An operator who forces a slot knows about pauses, so a forced run is never paused.
    counts[outcome.status === 'paused' ? 'skipped' : outcome.status] += 1
    counts.left -= 1
    if (exitCode !== EXIT.ok && !values.keepGoing) break
  }
  const stop = stops.first()
  if (stop !== null && (counts.left > 0 || exitCode !== EXIT.ok)) exitCode = exitCodeOfSignal(stop.signal)
  const line = rerunLine({ task: values.task, only, counts, doubts, exitCode }, format, systemClock.now())
  if (line !== null) sink.write(line)
  return exitCode
}

function optionsOf(
  values: RerunRequest['values'],
  { schedule, skewMs }: Pick<RerunnableSlot, 'schedule' | 'skewMs'>,
  which: Pick<Force, 'slot' | 'only' | 'askedAt' | 'ofRange'>,
): RunOptions {
  const { ignoreAfter, reason = '', by, fresh } = values
  const force = { ...which, ignoreAfter, reason, by, fresh }
  return { ...values, ...schedule, anchor: schedule.anchor, skewMs, force }
}

async function showPlan({ values, sink }: RerunRequest): Promise<number> {
  const range = statedRange(values)
  await printPlan(await planRange(createLedger({ store: values.store }), range), range, values.json === true, sink)
  return EXIT.ok
}

function statedRange({ from = '', only = DEFAULT_RERUNNABLE, each, ...values }: RerunRequest['values']) {
  return { ...values, from, only, ...(each && { ranges: 'each' as const }) }
}
