import type { RunOptions } from '../../api.ts'
import { LedgerError, usageError } from '../../core/errors.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT, exitCodeOf } from '../exit.ts'
import { readOptions, type Values } from '../options/arguments.ts'
import { readEvent } from '../options/event.ts'
import { RUN_OPTIONS } from '../options/run-options.ts'
import { askedAt, openRunner } from '../runner.ts'

const help = {
  name: 'run',
  summary:
    'Runs COMMAND once in the slot of the schedule that the event time belongs to. A duplicate, also one that comes after the first run has finished, starts nothing and is recorded.',
  options: RUN_OPTIONS,
  rest: ' -- COMMAND [ARG…]',
  examples: [
    [
      "cronledger run --store dynamodb:cronledger --task nightly --schedule '0 3 * * *' --timezone Asia/Tokyo -- ./batch.sh",
      'once a day at 03:00 in Tokyo',
    ],
    [
      "cronledger run … --force-slot 2026-11-23 --reason 'bad input file' -- ./batch.sh",
      'run the slot of that day again',
    ],
    [
      "cronledger run … --notify 'curl -sSf -d @- https://example.org/hook' --notify-on duplicate,failed -- ./batch.sh",
      'tell a webhook of duplicates and failures',
    ],
  ],
  notes: `The command gets CRONLEDGER_RUN_TASK, _SLOT, _WINDOW_END, _ATTEMPT and _ID.

Exit codes: the command's own, or 128 + n for a signal; else
    0  duplicate, or --overlap skip           75  ledger out of reach: try again
   64  usage                                  77  access denied
   65  refused: a person is needed            78  no such ledger
   70  a bug                                 124  --timeout
   73  lease lost: the command was stopped   126  the command is not executable
   74  the command ended well, unrecorded    127  the command was not found`,
} as const

export const run: Command = {
  help,
  async execute(context: CommandContext) {
    const { argv, env, stops } = context
    const values = readOptions(help, argv, env)
    const runner = openRunner(help.name, values, context)
    const options = await runOptions(values, stops.aborted)
    const onDuplicate = values.exitOnDuplicate ?? RUN_OPTIONS.exitOnDuplicate.default
    const codes = { onDuplicate, onRunning: values.exitOnRunning ?? onDuplicate }
    try {
      const outcome = await runner.run(options)
      if (outcome instanceof LedgerError) return EXIT[outcome.kind]
      return exitCodeOf(outcome, codes, stops.first()?.signal ?? null)
    } finally {
      // The exit code must be computed before this wait. A stop that arrives during a notification does not concern the
      // batch.
      await runner.end()
    }
  },
}

/**
 * Returns the options in the form that the library takes. A stop ends the read of the event. Throws a usage error if
 * the event cannot be read, and for a reason without a slot to force.
 */
export async function runOptions(
  values: Omit<Values<typeof RUN_OPTIONS>, 'store'>,
  stop: AbortSignal,
): Promise<RunOptions> {
  const { forceSlot: slot, reason, by } = values
  if (slot === undefined && reason !== undefined) {
    throw usageError('--reason requires --force-slot.')
  }
  const event = values.event === undefined ? undefined : await readEvent(values.event, stop)
  const force = slot === undefined ? undefined : { slot, reason: reason ?? '', by, askedAt: askedAt() }
  return { ...values, event, force }
}
