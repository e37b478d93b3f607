import { isatty } from 'node:tty'
import type { RunOptions } from '../api.ts'
import { LedgerError, quote, usageError } from '../core/errors.ts'
import type { RunContext, RunEvent } from '../core/event.ts'
import { traceOf } from '../core/trace.ts'
import type { Environment } from '../core/types.ts'
import { isPlaceholder } from '../core/user-text.ts'
import { type LogFormat, logEntry, logLine, logObject } from '../format/log/log.ts'
import { emfLine } from '../format/metrics/emf.ts'
import { spanBody } from '../format/otlp-span.ts'
import { printable } from '../format/text.ts'
import { createLedger } from '../ledger.ts'
import { systemClock, withinStop } from '../process/clock.ts'
import { NOTIFY_TIMEOUT_MS } from '../process/notifier.ts'
import { openSpanSender, resourceOf } from '../process/otlp.ts'
import type { CommandOptions } from '../run/command.ts'
import { SETTINGS } from '../run/settings-table.ts'
import type { RunOutcome } from '../said-run.ts'
import { causeText } from '../verdict/endings.ts'
import type { EventVerdict } from '../verdict/verdict.ts'
import { type CommandContext, isGiven, type Values } from './options/arguments.ts'
import { optionOfBatchWarning, shellWordWarning, variableWarnings } from './options/mistakes.ts'
import { openNotify } from './options/notify.ts'
import { RUN_KINDS, variableOf } from './options/options.ts'
import type { SUPERVISION_OPTIONS } from './options/run-options.ts'
import { hideStandardStreams } from './output.ts'

/** The variable by which a run gets the id of the repair that starts it. No person gives it, so it is no option. */
export const PLAN_VARIABLE = variableOf('plan')

export function planOf(env: Environment): string | undefined {
  return env[PLAN_VARIABLE] || undefined
}

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

export function checkBatchCommand(name: string, rest: readonly string[] | null): readonly [string, ...string[]] {
  const [file, ...args] = rest ?? []
  if (file === undefined)
    throw usageError(`no batch command is given. Put it after --, for example: cronledger ${name} … -- ./batch.sh`)
  if (isPlaceholder(file))
    throw usageError(
      `the batch command is still the placeholder ${quote(file)}. Replace it with the command of the batch.`,
    )
  return [file, ...args]
}

export function openRunner(
  name: string,
  values: Values<typeof SUPERVISION_OPTIONS> & { readonly store: string; readonly strict?: boolean | undefined },
  context: CommandContext,
) {
  hideStandardStreams()
  const { rest, env, stops, sink } = context
  const [file, ...args] = checkBatchCommand(name, rest)
  const command: CommandOptions = { argv: [file, ...args], env, stops, timeoutMs: values.timeoutMs ?? null }
  const { emit, end, beginRepair } = openReporter(values, context)
  const shellWord = shellWordWarning(command.argv, values.strict === true)
  const misplaced = optionOfBatchWarning(name, command.argv)
  const warnings = [...variableWarnings(name, values, env), shellWord, misplaced, deliveryNote(env)].filter(
    (text) => text !== null,
  )
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
    end,
    beginRepair,
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
  if (!options.sinceLastSuccess) return { options, ignored: [] }
  const ignored = OVERLAPPING.filter(([name, value]) => options[name] === value && !isGiven(name, argv))
  return {
    options: { ...options, ...Object.fromEntries(ignored.map(([name]) => [name, undefined])) },
    ignored: ignored.map(
      ([name, value]) =>
        `${variableOf(name)}=${value} is ignored, because runs with --since-last-success do not overlap`,
    ),
  }
}

function openReporter(
  values: Values<typeof SUPERVISION_OPTIONS> & { readonly store: string },
  { argv, env, stops, sink }: Pick<CommandContext, 'argv' | 'env' | 'stops' | 'sink'>,
) {
  const format: LogFormat = values.log ?? (isatty(2) ? 'text' : 'json')
  const namespace = values.metrics === undefined ? null : readNamespace(values.metrics)
  const notify = openNotify(values, { argv, env }, RUN_KINDS)
  const spans = openSpanSender(env)
  const stopTimeoutMs = values.stopTimeoutMs ?? SETTINGS.stopTimeoutMs.default
  let last: RunContext | null = null
  let isRepair = false

  function write(line: string | null): void {
    if (line !== null) sink.write(line)
  }

  function sendSpan(event: RunEvent, context: RunContext): void {
    if (spans === null || event.event !== 'ended' || event.attempt.traceId === undefined) return
    const trace = traceOf(env, context.runId)
    if (trace?.isSampled) spans.send(spanBody(event, context, trace, resourceOf(env)))
  }

  return {
    emit(event: RunEvent, context: RunContext, verdict: EventVerdict | null = null): void {
      last = context
      const now = systemClock.now()
      const entry = logEntry(event, context, now, verdict)
      write(logLine(event, context, format, now, entry))
      const metrics = namespace === null ? null : emfLine(event, context, namespace, now)
      // The batch may have left its last line on stderr open (a progress bar), and CloudWatch would not recognise a metric
      // in the middle of a line.
      write(metrics !== null && event.event === 'ended' ? `\n${metrics}` : metrics)
      sendSpan(event, context)
      if (notify === null) return
      if (isRepair && isToldAtItsEnd(event, entry)) return
      const { task, window, schedule } = context
      const object = logObject(event, context, now, entry)
      const hasFailed = event.event === 'ended' && object.event === 'failed'
      notify.emit(object, {
        task,
        slot: window.slot,
        timezone: schedule.zone,
        owner: context.owner,
        cause: hasFailed ? causeText(event.ending) : object.message,
      })
    },
    /** Leaves out the notifications about one slot that a repair and its checks tell, unless the operator chose their kinds. */
    beginRepair(): void {
      isRepair = values.notifyOn === undefined
    },
    /** Waits for the notifications and spans that are on their way, but not longer than a stop allows. Never throws. */
    async end(): Promise<void> {
      const context = last
      if (context === null) return
      const io = { clock: systemClock, stop: stops.aborted }
      const ends = [notify, spans].map(async (one) => {
        const message = one === null ? null : await withinStop(NOTIFY_TIMEOUT_MS, { stopTimeoutMs }, io, one.end)
        if (message !== null) write(logLine({ event: 'warning', message }, context, format, systemClock.now()))
      })
      await Promise.all(ends)
    },
  }
}

/** `check` tells that the slot is done, and a repair waits for a run that it finds. */
function isToldAtItsEnd(event: RunEvent, { fields }: ReturnType<typeof logEntry>): boolean {
  return (
    (event.event === 'ended' && fields?.['recovered'] === true) ||
    (event.event === 'refused' && event.cause === 'running')
  )
}

/** Throws a usage error if CloudWatch does not allow the name: CloudWatch would drop the metrics without an error. */
function readNamespace(text: string): string {
  if (['emf', 'off', 'true', 'false'].includes(text)) {
    throw usageError(
      `--metrics ${text} is not a namespace. Give the CloudWatch namespace (--metrics cronledger), or leave it out.`,
    )
  }
  if (/^(?!AWS\/)[A-Za-z0-9._/#-][A-Za-z0-9._/#: -]{0,254}$/.test(text)) return text
  throw usageError(
    `--metrics ${quote(text)} is not valid. Use 1 to 255 of the characters A-Z a-z 0-9 . _ / # : - and space, and do not begin with "AWS/" or a colon.`,
  )
}
