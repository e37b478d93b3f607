import type { RunOptions } from '../../api.ts'
import { LedgerError, usageError } from '../../core/errors.ts'
import { exitCodeOf, exitCodeOfSignal } from '../../exit-code.ts'
import { type Command, type CommandContext, isGiven, readOptions, type Values } from '../options/arguments.ts'
import { readEventTime } from '../options/event.ts'
import { variableOf } from '../options/options.ts'
import { RUN_OPTIONS } from '../options/run-options.ts'
import { askedAt, openRunner, planOf } from '../runner.ts'

const help = {
  name: 'run',
  summary: 'Run COMMAND once in its slot of the schedule. A duplicate trigger starts nothing and is recorded.',
  options: RUN_OPTIONS,
  takesTask: true,
  runsBatch: true,
  examples: [
    [
      "cronledger run nightly --store dynamodb:cronledger --schedule '0 3 * * *' --timezone Asia/Tokyo -- ./batch.sh",
      'once a day at 03:00 in Tokyo',
    ],
  ],
  notes: 'What COMMAND gets: cronledger help environment. The exit codes: cronledger help exit-codes.',
} as const

export const run: Command = {
  help,
  async execute(context: CommandContext) {
    const { argv, env, rest, stops } = context
    const values = readOptions(help, argv, env, rest)
    if (isGiven('catchUpMs', argv) && isGiven('forceSlot', argv)) {
      throw usageError('--catch-up and --force-slot cannot be used together. Leave one of them out.')
    }
    const runner = openRunner(help.name, values, context)
    if (values.partOfRepair) runner.beginRepair()
    const options = await runOptions(values, stops.aborted, planOf(env)).catch((error: unknown) => {
      if (stops.aborted.aborted && error instanceof LedgerError) return null
      throw error
    })
    if (options === null) {
      context.sink.write('cronledger: not started: a signal stopped this run before it had read its event time')
      return exitCodeOfSignal(stops.first()?.signal ?? 'SIGTERM')
    }
    try {
      const outcome = await runner.run(options)
      return exitCodeOf(outcome, { ...values, stopSignal: stops.first()?.signal })
    } finally {
      // The exit code must be computed before this wait. A stop that arrives during a notification does not concern the
      // batch.
      await runner.end()
    }
  },
}

/** Returns the options of the library. A forced run does not catch up, although its usual options may say so. */
export async function runOptions(
  values: Omit<Values<typeof RUN_OPTIONS>, 'store'>,
  stop: AbortSignal,
  plan?: string,
): Promise<RunOptions> {
  const { forceSlot: slot, status, ignoreAfter, reason, by, fresh, partOfRepair } = values
  if (slot !== undefined && reason === undefined) {
    throw usageError(`--reason is missing. Give --reason TEXT with --force-slot, or set ${variableOf('reason')}.`)
  }
  const eventTime = values.eventTime === undefined ? undefined : await readEventTime(values.eventTime, stop)
  if (slot === undefined) return { ...values, eventTime, force: undefined }
  const force = { slot, status, partOfRepair, plan, ignoreAfter, reason: reason ?? '', by, fresh, askedAt: askedAt() }
  return { ...values, eventTime, force, catchUpMs: undefined }
}
