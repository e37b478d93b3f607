import { createHash } from 'node:crypto'
import { formatInstant } from '../core/instant.ts'
import { defined } from '../core/objects.ts'
import { isCatchUpTrigger } from '../core/row/attempts.ts'
import { reportOfValue } from '../core/row/report.ts'
import { spanIdOf, traceOf, traceparent } from '../core/trace.ts'
import type { Ending, Environment } from '../core/types.ts'
import { FILE_VARIABLES, makeAttemptFiles } from '../process/attempt-files.ts'
import { link, systemClock } from '../process/clock.ts'
import { sendSignal } from '../process/process-group.ts'
import type { Stops } from '../process/signals.ts'
import { type ChildEnd, superviseChild, whatIsLeft } from '../process/supervise.ts'
import { ancestorsText } from '../process/surrounding-runs.ts'
import { endLeftovers, findBackground, markProcess } from '../process/survivors.ts'
import type { LiveAttempt, WorkEnd } from './execute.ts'
import type { Settings } from './settings.ts'
import { slotVariables } from './slot-variables.ts'

export interface CommandOptions {
  /** No shell reads them. */
  readonly argv: readonly [string, ...string[]]
  readonly env: Environment
  /** Passed on to the command. */
  readonly stops: Stops
  readonly timeoutMs: number | null
}

/** A `cronledger` in the batch must not force the same slots, so the child does not get these. */
export const FORCING_VARIABLES = [
  'FORCE_SLOT',
  'IGNORE_AFTER',
  'PART_OF_REPAIR',
  'PLAN',
  'SLOT',
  'FROM',
  'UNTIL',
  'STATUS',
  'REASON',
  'BY',
  'FRESH',
].map((name) => `CRONLEDGER_${name}`)

/** It is not set if it is unknown. A run around this one may have one of its own. */
const SINCE_VARIABLE = 'CRONLEDGER_RUN_SINCE'

/** The slot of a force or a catch-up is not that of the event. A `cronledger` in the batch would take the event's slot. */
function variablesToHide({ trigger }: LiveAttempt): readonly string[] {
  const isOfEvent = trigger.kind === 'scheduled' && !isCatchUpTrigger(trigger)
  return [...FORCING_VARIABLES, ...FILE_VARIABLES, SINCE_VARIABLE, ...(isOfEvent ? [] : ['CRONLEDGER_EVENT_TIME'])]
}

export function commandWork(
  { argv, env, stops, timeoutMs }: CommandOptions,
  { killAfterMs, stopTimeoutMs }: Pick<Settings, 'killAfterMs' | 'stopTimeoutMs'>,
): (attempt: LiveAttempt) => Promise<WorkEnd<null>> {
  return async (attempt) => {
    let batchPid: number | null = null
    const files = makeAttemptFiles(env, attempt)
    if (files !== null) attempt.keepCheckpoint(files.readCheckpoint)
    const end = await superviseChild(
      {
        argv,
        env: {
          ...without(variablesToHide(attempt), env),
          ...attemptVariables(attempt),
          ...files?.variables,
          ...traceVariables(env, attempt),
        },
        timeoutMs,
        killAfterMs,
        stopTimeoutMs,
        endsWhole: attempt.mayRetry('timedOut'),
      },
      {
        stops,
        leaseLost: attempt.lost,
        mayStart: attempt.mayStart,
        clock: systemClock,
        onStarted(pid) {
          batchPid = pid
          const mark = markProcess(pid)
          if (mark !== null) attempt.record(mark)
        },
      },
    )
    const { outcome } = end
    const written = files?.end()
    // A batch that the system did not start cannot say why, so the row keeps the reason instead of its report.
    if (outcome === 'notStarted' && end.exitCode !== undefined) {
      const { detail, ...others } = end
      return { ...others, outcome, ...defined({ report: reportOfValue(detail) }) }
    }
    const reported = defined({ report: written })
    if (outcome === 'succeeded') {
      const background = await backgroundOf(attempt, batchPid, stops)
      return { ...end, ...reported, ...background, outcome, value: null }
    }
    const left =
      attempt.mayRetry(outcome) && end.left === undefined ? await endAllOf(attempt, batchPid, killAfterMs, stops) : {}
    return { ...end, ...reported, outcome, ...left }
  }
}

/** Each run of digits counts as one, because an argument may be a date. The row must not keep the text, which may have a secret. */
export function hashOfCommand(argv: readonly string[]): string {
  return createHash('sha256').update(argv.join('\0').replace(/\d+/g, '0')).digest('hex').slice(0, 8)
}

/** Warns of a process that goes on after the success, because nothing will record how its work ended. */
async function backgroundOf(
  attempt: LiveAttempt,
  batchPid: number | null,
  { aborted: halt }: Stops,
): Promise<Pick<Ending, 'background'>> {
  const { task, runId, number } = attempt
  const background = await findBackground({ task, runId, attempt: number }, batchPid, { clock: systemClock, halt })
  if (background === null) return {}
  const { pid, command } = background
  attempt.warn(
    `process ${pid} (${command}) of attempt ${number} still runs in the background, and its end will not be recorded. If it does the work of the batch, run it in the foreground.`,
  )
  return { background }
}

/** Ends those that left the process group: no other attempt may start while they live. Returns those that live on. */
async function endAllOf(
  attempt: LiveAttempt,
  batchPid: number | null,
  killAfterMs: number,
  stops: Stops,
): Promise<Pick<ChildEnd, 'left' | 'process' | 'detail'>> {
  const halt = new AbortController()
  const unlink = link([stops.aborted, attempt.lost], halt)
  const { task, runId, number } = attempt
  const left = await endLeftovers({ task, runId, attempt: number }, batchPid, killAfterMs, {
    clock: systemClock,
    halt: halt.signal,
    kill: sendSignal,
  })
  unlink()
  if (left === null) return {}
  return whatIsLeft(left.pid, `(${left.command}) of this attempt still runs, so no retry follows`)
}

export function attemptVariables(attempt: LiveAttempt) {
  return {
    ...slotVariables(attempt),
    CRONLEDGER_RUN_WINDOW_END: attempt.windowEnd === null ? '' : formatInstant(attempt.windowEnd),
    ...(attempt.since !== null && { [SINCE_VARIABLE]: formatInstant(attempt.since) }),
    CRONLEDGER_RUN_ATTEMPT: String(attempt.number),
    CRONLEDGER_RUN_ID: attempt.runId,
    CRONLEDGER_RUN_ANCESTORS: ancestorsText(attempt.insideOf, attempt.runId),
  }
}

/** Returns the variables that make the spans of the batch parts of the attempt. The state belongs to the trace of the caller. */
function traceVariables(env: Environment, attempt: LiveAttempt): Readonly<Record<string, string>> {
  const trace = traceOf(env, attempt.runId)
  if (trace === null) return {}
  const isNew = trace.parentSpanId === undefined && env['TRACESTATE'] !== undefined
  return { TRACEPARENT: traceparent(trace, spanIdOf(attempt)), ...(isNew && { TRACESTATE: '' }) }
}

export function without(names: readonly string[], env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}
