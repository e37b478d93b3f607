import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Ledger, RunOptions } from '../../api.ts'
import { LedgerError, usageError } from '../../core/errors.ts'
import { optionName } from '../../core/option.ts'
import {
  DEFAULT_FORCED,
  DEFAULT_RERUNNABLE,
  RERUNNABLE,
  type Rerunnable,
  readRerunnable,
} from '../../core/row/policy.ts'
import type { ScheduleOptions } from '../../core/schedule/schedule-options.ts'
import type { Instant } from '../../core/types.ts'
import { checkOperator } from '../../core/user-text.ts'
import { EXIT, exitCodeOf, exitCodeOfSignal, exitCodeOfStop } from '../../exit-code.ts'
import {
  type LeftOutDoubts,
  leftOutLine,
  plannedJson,
  plannedLine,
  planSummary,
  progressLine,
  rerunLine,
} from '../../format/rerun.ts'
import { jsonArray } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import type { Force } from '../../run/run-trigger.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { isGiven, type Values } from '../options/arguments.ts'
import { COMMON, type CommandHelp, variableOf } from '../options/options.ts'
import { IGNORE_AFTER, SUPERVISION_OPTIONS } from '../options/run-options.ts'
import { printAll, showStandardStreams } from '../output.ts'
import { showsProgress } from '../progress.ts'
import { askedAt, openRunner, type Runner } from '../runner.ts'

const help = {
  name: 'rerun',
  summary:
    'Run COMMAND again in one slot, unless it is running or has completed, or in the missed, failed and stale slots of a range, one after the other, oldest first.',
  options: {
    store: COMMON.store,
    task: COMMON.task,
    slot: { ...COMMON.slot, required: undefined, help: 'One slot: an instant, local time, a date, or latest' },
    from: { kind: 'text', value: 'TIME', help: 'Or a range that begins here: an instant, local time, a date, or 7d' },
    to: {
      kind: 'text',
      value: 'TIME',
      otherwise: 'now',
      help: 'End of the range; a date includes the whole day',
    },
    only: {
      kind: 'words',
      value: 'STATUS[,…]',
      choices: RERUNNABLE,
      otherwise: `${DEFAULT_RERUNNABLE.join(',')}; one slot: also skipped`,
      help: 'Run only slots with these statuses',
      details:
        'A slot that completed once counts as completed, also if a later forced run failed. Such a slot runs again only with completed.',
    },
    dryRun: { kind: 'switch', help: 'Print the slots of the range and start nothing' },
    json: { ...COMMON.json, help: 'With --dry-run, print JSON' },
    keepGoing: { kind: 'switch', help: 'Continue with the next slot after one that failed or was refused' },
    ignoreAfter: { ...IGNORE_AFTER, group: 'Options' },
    reason: { ...COMMON.reason, group: 'Options', help: 'Why, recorded with each attempt; required without --dry-run' },
    by: { ...COMMON.by, group: 'Options' },
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
  usual: 'slot from to only dryRun keepGoing reason by timeoutMs maxAttempts retryDelayMs log',
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
  ],
  notes: `COMMAND must work on the slot that it gets (cronledger help environment), not on the current time.
If the runs of the task have --overlap skip or wait, a rerun is refused while another slot is running.
Exit codes: those of run (cronledger help exit-codes). For a range: 0 if every slot succeeded or there was nothing to do, otherwise the exit code of the first slot that did not succeed.`,
} as const satisfies CommandHelp

export const rerun = defineCommand(help, async (values, context) => {
  const { argv, stops } = context
  checkTogether(values)
  if (isGiven('json', argv) && !values.dryRun)
    throw usageError('--json requires --dry-run. For the log, use --log json.')
  const ask = { ...context, values }
  // Nothing runs here, so a stop may end the command at once.
  if (values.dryRun) return Promise.race([showPlan(ask), exitCodeOfStop(stops)])
  const runner = openRunner(help.name, values, context)
  try {
    return await (values.slot === undefined ? rerunRange(ask, runner) : rerunSlot(ask, runner, values.slot))
  } finally {
    await runner.end()
  }
})

type RerunValues = Values<typeof help.options>

interface RerunRequest extends CommandContext {
  readonly values: RerunValues
}

interface Planned {
  readonly slot: Instant
  readonly why: Rerunnable
  readonly schedule: ScheduleOptions
  readonly skewMs: number
}

interface Plan {
  readonly slots: readonly Planned[]
  readonly doubts: LeftOutDoubts
}

/**
 * The largest number of slots in a range: nearly two years, with one slot a minute. We must keep them in memory, at
 * under 100 bytes each, since the newest slot is found first and the oldest one runs first.
 */
const MAX_SLOTS = 1_000_000
/** The number of slots that are listed or printed before signals can be handled. This takes some milliseconds. */
const SLOTS_AT_A_TIME = 1_000

const OF_RANGE = ['from', 'to', 'dryRun', 'keepGoing'] as const

/** Stands for the user of this host, whose name each run finds. */
const FOUND_LATER = 'user'

function checkTogether(values: RerunValues): void {
  const { slot, from, reason, by, dryRun } = values
  if (slot === undefined && from === undefined) {
    throw usageError('--slot or --from is required. Give --slot for one slot, or --from for a range.')
  }
  const ofRange = OF_RANGE.find((option) => values[option] !== undefined && values[option] !== false)
  if (slot !== undefined && ofRange !== undefined) {
    const name = optionName(ofRange)
    throw usageError(`--slot and --${name} cannot be used together, because --${name} is for a range. Use one of them.`)
  }
  if (dryRun) return
  if (reason === undefined) {
    throw usageError(
      `--reason is missing. Give --reason TEXT, or set ${variableOf('reason')}. It says why the slot is run again.`,
    )
  }
  // We must refuse a placeholder before the first slot, otherwise a range would ask for the same command again.
  checkOperator({ by: by ?? FOUND_LATER, reason })
}

async function rerunSlot({ values, stops }: RerunRequest, runner: Runner, slot: string): Promise<number> {
  const found = await Promise.race([runner.ledger.findSlot({ ...values, slot }), exitCodeOfStop(stops)])
  if (typeof found === 'number') return found
  const outcome = await runner.run(
    optionsOf(values, found, { slot: found.slot, only: values.only ?? DEFAULT_FORCED, askedAt: askedAt() }),
  )
  return exitCodeOf(outcome, { stopSignal: stops.first()?.signal })
}

async function rerunRange(ask: RerunRequest, { ledger, run, format }: Runner): Promise<number> {
  const { values, stops, sink, env } = ask
  const planned = await Promise.race([plan(ledger, ask), exitCodeOfStop(stops)])
  if (typeof planned === 'number') return planned
  const { slots, doubts } = planned
  const only = onlyOf(values)
  const hasProgress = format === 'text' && showsProgress(env)
  const counts = { completed: 0, failed: 0, unrecorded: 0, refused: 0, skipped: 0, duplicate: 0, left: slots.length }
  let exitCode: number = EXIT.ok
  for (const { slot, why, schedule, skewMs } of slots) {
    if (stops.aborted.aborted) break
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
  values: RerunValues,
  { schedule, skewMs }: Pick<Planned, 'schedule' | 'skewMs'>,
  which: Pick<Force, 'slot' | 'only' | 'askedAt' | 'ofRange'>,
): RunOptions {
  const { ignoreAfter, reason = '', by } = values
  return { ...values, ...schedule, anchor: schedule.anchor, skewMs, force: { ...which, ignoreAfter, reason, by } }
}

async function showPlan(ask: RerunRequest): Promise<number> {
  const { values, sink } = ask
  showStandardStreams()
  const { slots, doubts } = await plan(createLedger({ store: values.store }), ask)
  await printAll(
    values.json ? jsonArray(planJson(slots, values.task), (lines) => lines) : planText({ slots, doubts }, values),
  )
  const leftOut = values.json ? leftOutLine(values.task, doubts) : null
  if (leftOut !== null) sink.write(leftOut)
  return EXIT.ok
}

async function* planText({ slots, doubts }: Plan, values: RerunValues) {
  for (let done = 0; done < slots.length; done += SLOTS_AT_A_TIME) {
    const lines = slots.slice(done, done + SLOTS_AT_A_TIME)
    yield lines.map(({ slot, why, schedule }) => `${plannedLine(slot, schedule.timezone ?? 'UTC', why)}\n`).join('')
  }
  yield `${planSummary(values.task, slots, onlyOf(values), doubts)}\n`
}

async function* planJson(slots: readonly Planned[], task: string) {
  for (let done = 0; done < slots.length; done += SLOTS_AT_A_TIME) {
    const objects = slots.slice(done, done + SLOTS_AT_A_TIME)
    yield objects.map(({ slot, why, schedule }) => plannedJson(task, slot, why, schedule)).join(',\n')
  }
}

/** The slots to run come oldest first. Throws a usage error if there are more than `MAX_SLOTS`. */
async function plan(ledger: Ledger, { values }: RerunRequest): Promise<Plan> {
  const { from = '', store } = values
  const slots: Planned[] = []
  let doubts: LeftOutDoubts = { store, count: 0, oldest: null }
  const emitDoubt = (slot: Date) => {
    doubts = { store, count: doubts.count + 1, oldest: slot.getTime() }
  }
  for await (const { slot, why, schedule, skewMs } of ledger.rerunnable({
    ...values,
    from,
    only: onlyOf(values),
    emitDoubt,
  })) {
    if (slots.length === MAX_SLOTS) {
      throw usageError(
        `the range has more than ${MAX_SLOTS} slots to run. Give a shorter range, or select fewer slots with --only.`,
      )
    }
    slots.push({ slot: slot.getTime(), why, schedule, skewMs })
    if (slots.length % SLOTS_AT_A_TIME === 0) await yieldToEventLoop()
  }
  return { slots: slots.reverse(), doubts }
}

function onlyOf({ only }: RerunValues): readonly Rerunnable[] {
  return only === undefined ? DEFAULT_RERUNNABLE : readRerunnable(only)
}
