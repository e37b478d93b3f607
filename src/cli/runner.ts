import type { RunOptions } from '../api.ts'
import { LedgerError, quote, usageError } from '../core/errors.ts'
import { isPlaceholder } from '../core/placeholder.ts'
import type { Environment } from '../core/types.ts'
import { printable } from '../format/text.ts'
import { createLedger } from '../ledger.ts'
import { systemClock } from '../process/clock.ts'
import type { CommandOptions } from '../run/command.ts'
import type { RunOutcome } from '../run/run-trigger.ts'
import { type CommandContext, isGiven, type Values } from './options/arguments.ts'
import { misspeltVariables, shellWordWarning } from './options/mistakes.ts'
import { variableOf } from './options/options.ts'
import type { SUPERVISION_OPTIONS } from './options/run-options.ts'
import { hideStandardStreams } from './output.ts'
import { openReporter } from './reporter.ts'

/** Returns the start time of this process, which is close to the moment when the operator gave the command. */
export function askedAt(): Date {
  return new Date(systemClock.now() - process.uptime() * 1_000)
}

/** AWS does not document whether the scheduled time stays the same in a later delivery, so the log has both. */
function deliveryNote({ CRONLEDGER_DELIVERY_ATTEMPT: attempt = '', CRONLEDGER_EVENT_TIME: time }: Environment) {
  return time !== undefined && /^[2-9]$|^\d\d+$/.test(attempt)
    ? `EventBridge Scheduler delivered this trigger at its attempt ${attempt}, with the scheduled time ${time}`
    : null
}

export type Runner = ReturnType<typeof openRunner>

export function openRunner(
  name: string,
  values: Values<typeof SUPERVISION_OPTIONS> & { readonly store: string; readonly strict?: boolean | undefined },
  context: CommandContext,
) {
  hideStandardStreams()
  const { rest, env, stops, sink } = context
  const [file, ...args] = rest ?? []
  if (file === undefined)
    throw usageError(`no batch command is given. Put it after --, for example: cronledger ${name} … -- ./batch.sh`)
  if (isPlaceholder(file))
    throw usageError(
      `the batch command is still the placeholder ${quote(file)}. Replace it with the command of the batch.`,
    )
  const command: CommandOptions = { argv: [file, ...args], env, stops, timeoutMs: values.timeoutMs ?? null }
  const { emit, end, format, beginRange } = openReporter(values, context)
  const shellWord = shellWordWarning(command.argv, values.strict === true)
  const warnings = [misspeltVariables(name, values, env), shellWord, deliveryNote(env)].filter((text) => text !== null)
  // This log callback is the only place that knows whether the log has the error of a run already.
  let hasReported = false
  const ledger = createLedger({
    store: values.store,
    log(event, run, verdict) {
      hasReported ||= event.event === 'withdrawn' || event.event === 'unusable' || 'unknown' in event
      for (const message of warnings.splice(0)) emit({ event: 'warning', message }, run)
      emit(event, run, verdict)
    },
  })
  return {
    ledger,
    format,
    end,
    beginRange,
    /** Reports the run. A `LedgerError` that prevents its start is reported, too, and is the result. */
    run: (asked: RunOptions): Promise<RunOutcome<null> | LedgerError> => {
      const { options, ignored } = withoutOverlap(asked, context.argv)
      warnings.push(...ignored)
      return ledger.runCommand(options, command).catch((error: unknown) => {
        if (!(error instanceof LedgerError)) throw error
        // The log already has a line with this error and the state of the claim.
        if (!hasReported) sink.write(printable(`cronledger: ${error.message}`))
        return error
      })
    },
  }
}

const OVERLAPPING = [
  ['overlap', 'allow'],
  ['onLeaseLost', 'continue'],
] as const

/**
 * Returns the options without those that let runs overlap, if the runs have ranges and the environment has them: it is that of a
 * deployed task. The library refuses them as flags.
 */
function withoutOverlap(options: RunOptions, argv: readonly string[]) {
  if (!options.sinceLastSuccess && options.catchUpMode !== 'once') return { options, ignored: [] }
  const ignored = OVERLAPPING.filter(([name, value]) => options[name] === value && !isGiven(name, argv))
  return {
    options: { ...options, ...Object.fromEntries(ignored.map(([name]) => [name, undefined])) },
    ignored: ignored.map(
      ([name, value]) =>
        `${variableOf(name)}=${value} is ignored, because runs with --since-last-success do not overlap`,
    ),
  }
}
