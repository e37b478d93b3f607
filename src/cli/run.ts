import type { RunOptions } from '../api.ts'
import { LedgerError, usageError } from '../core/errors.ts'
import { createLedger } from '../ledger.ts'
import type { CommandOptions } from '../run/command.ts'
import { readOptions, type Values } from './arguments.ts'
import type { Command, CommandContext } from './command.ts'
import { readEvent } from './event.ts'
import { EXIT_OF_ERROR, exitCodeOf } from './exit.ts'
import { openReporter } from './reporter.ts'
import { RUN_OPTIONS } from './run-options.ts'

const help = {
  name: 'run',
  summary:
    'Runs COMMAND once in the slot of the schedule that the event time belongs to. A duplicate,\nalso one that comes after the first run has finished, starts nothing and is recorded.',
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
    0  duplicate                               75  ledger out of reach: try again
   64  usage                                   77  access denied
   65  refused: a person is needed             78  no such ledger
   70  a bug                                  124  --timeout
   73  lease lost: the command was stopped    126  the command is not executable
   74  the command ended well, unrecorded     127  the command was not found`,
} as const

export const run: Command = {
  help,
  async execute(context: CommandContext) {
    const { argv, rest, env, stops } = context
    const values = readOptions(help, argv, env)
    const [file, ...args] = rest ?? []
    if (file === undefined)
      throw usageError('no command to run; give it after --, as in: cronledger run … -- ./batch.sh')
    const reporter = openReporter(values, context)
    let givenUp = false
    const ledger = createLedger({
      store: values.store,
      log(event, run) {
        givenUp ||= event.event === 'withdrawn'
        reporter.tell(event, run)
      },
    })
    const command: CommandOptions = { argv: [file, ...args], env, stops, timeoutMs: values.timeout ?? null }
    const options = await optionsFrom(values, stops.aborted)
    try {
      const outcome = await ledger.runCommand(options, command)
      const onDuplicate = values['exit-on-duplicate'] ?? 0
      const codes = { onDuplicate, onRunning: values['exit-on-running'] ?? onDuplicate }
      return exitCodeOf(outcome, codes, stops.first()?.signal ?? null)
    } catch (error) {
      // The log has said it already, with what became of the claim: one line is enough.
      if (givenUp && error instanceof LedgerError) return EXIT_OF_ERROR[error.kind]
      throw error
    } finally {
      // After the exit code is settled: a stop that comes while somebody is being told is none of the batch's.
      await reporter.end()
    }
  },
}

async function optionsFrom(values: Values<typeof RUN_OPTIONS>, stop: AbortSignal): Promise<RunOptions> {
  const { reason, by } = values
  const slot = values['force-slot']
  if (slot === undefined && reason !== undefined) {
    throw usageError('--reason is given, but no --force-slot; name the slot, or leave the reason out')
  }
  const event = values.event === undefined ? undefined : await readEvent(values.event, stop)
  return given({
    task: values.task,
    schedule: values.schedule,
    timezone: values.timezone,
    anchor: values.anchor,
    eventTime: values['event-time'],
    event,
    force: slot === undefined ? undefined : given({ slot, reason: reason ?? '', by }),
    requireEventTime: values['require-event-time'],
    earlyToleranceMs: values['early-tolerance'],
    onMismatch: values['on-mismatch'] as RunOptions['onMismatch'],
    maxLatenessMs: values['max-lateness'],
    maxAttempts: values['max-attempts'],
    retryDelayMs: values['retry-delay'],
    retryBackoff: values['retry-backoff'],
    overlap: values.overlap as RunOptions['overlap'],
    overlapTimeoutMs: values['overlap-timeout'],
    retentionMs: values.retention,
    killAfterMs: values['kill-after'],
    stopTimeoutMs: values['stop-timeout'],
    leaseMs: values.lease,
    heartbeatMs: values.heartbeat,
    skewMs: values.skew,
    onLeaseLost: values['on-lease-lost'] as RunOptions['onLeaseLost'],
    ledgerTimeoutMs: values['ledger-timeout'],
    finishTimeoutMs: values['finish-timeout'],
  })
}

type Given<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>
}

/** Without what was left out: an option that is absent has a default, one that is undefined has none. */
function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>
}
