import { firstLine, LedgerError, usageError } from './core/errors.ts'
import { formatInstant } from './core/instant.ts'
import { defined } from './core/objects.ts'
import { checkpointReader } from './core/row/checkpoint.ts'
import { type ReportedFacts, reportOfValue } from './core/row/report.ts'
import type { StopReason } from './process/clock.ts'
import { link, onAbort, systemClock } from './process/clock.ts'
import { insideRun } from './process/surrounding-runs.ts'
import { attemptVariables } from './run/command.ts'
import type { LiveAttempt, RunResult, WorkEnd } from './run/execute.ts'
import type { TriggerOptions } from './run/run-trigger.ts'
import { type CaughtUp, type LedgerParts, type RunOutcome, runAndSay } from './said-run.ts'

export interface Attempt {
  readonly task: string
  readonly slot: Date
  /** The date of the slot in the zone of the schedule: `2026-11-25`. */
  readonly date: string
  /** The local time of the slot with its offset: `2026-11-25T03:00:00+09:00`. */
  readonly local: string
  /** The zone of the schedule: `Asia/Tokyo`. */
  readonly timezone: string
  /** A UUID of the task and the slot, the same in every attempt. Pass it on as an idempotency key. */
  readonly key: string
  /** Null after the schedule's last slot. */
  readonly windowEnd: Date | null
  /** The newest completed slot before this one. Null without `sinceLastSuccess`, and if none was found. */
  readonly since: Date | null
  /** Counts from 1. A later attempt of the slot has a higher number, so it can be passed on as a fencing token. */
  readonly number: number
  readonly runId: string
  /**
   * Aborts when the work must end: with the reason of the caller's signal after a stop, or with an `AbortError` because its
   * lease is lost.
   */
  readonly signal: AbortSignal
  /**
   * The variables that a command gets: `CRONLEDGER_RUN_TASK`, `_SLOT`, `_DATE`, `_LOCAL`, `_TIMEZONE`, `_KEY`,
   * `_WINDOW_END`, `_SINCE`, `_ATTEMPT`, `_ID` and `_ANCESTORS`. Pass them on to the processes and worker threads that the work
   * starts: `{ env: { ...process.env, ...attempt.env } }`. Then cronledger recognises a run of the same slot inside them,
   * and finds a process that outlives this one.
   */
  readonly env: Readonly<Record<string, string>>
  /**
   * Says what the work did: facts, or a text. It is kept with the attempt, at most 2 KB, and shown where the attempt is. The
   * last call before the end counts. Never throws.
   */
  report(said: ReportedFacts | string): void
  /** The checkpoint that the last attempt of the same slot saved. Null: there is none, or the slot has completed since. */
  readonly checkpoint: string | null
  /**
   * Saves a text of at most 4 KB for the next attempt of the slot, with the next heartbeat or with the end. An empty text
   * removes it. A text that cannot be kept is a warning in the log, and what was saved before stays. Throws only if it is not a text.
   */
  saveCheckpoint(text: string): void
}

const THROWN = ['failed', 'refused', 'unrecorded'] as const

interface ThrownResult {
  readonly status: (typeof THROWN)[number]
}

/** The result of a run of a function that did not throw: an operator has nothing to decide. */
export type WorkOutcome<T> = Exclude<RunResult<T>, ThrownResult> &
  Pick<RunOutcome<T>, 'task' | 'slot' | 'windowEnd' | 'runId' | 'verdict'> & {
    /** The missed slots that ran before the slot of the trigger, the oldest first. Empty without `catchUpMs`. */
    readonly caughtUp: readonly Exclude<CaughtUp<T>, ThrownResult>[]
  }

/** Thrown if an operator has to decide about a slot, although no work has failed. `outcome` is the result of that slot. */
export class OutcomeError extends Error {
  override readonly name = 'OutcomeError'
  readonly outcome: CaughtUp<unknown> & { readonly status: 'refused' | 'unrecorded' }

  constructor(outcome: OutcomeError['outcome']) {
    super(outcomeText(outcome))
    this.outcome = outcome
  }
}

function outcomeText(outcome: OutcomeError['outcome']): string {
  const slot = `slot ${formatInstant(outcome.slot.getTime())} of task ${outcome.task}`
  const { happened, caution } = outcome.verdict
  const said = [`${happened}.`, caution].filter(Boolean).join(' ')
  return outcome.status === 'refused'
    ? `nothing was started in ${slot}: refused (${outcome.cause}): ${said}`
    : `${said} Resolve ${slot} as completed, with the run id ${outcome.runId}.`
}

type FunctionOptions = TriggerOptions & { readonly signal?: AbortSignal | undefined }

/** Runs a function as the work of a trigger, and returns every outcome. `signal` tells the run to stop. */
export async function tryFunction<T>(
  { signal, ...options }: FunctionOptions,
  work: (attempt: Attempt) => T | Promise<T>,
  parts: LedgerParts,
): Promise<RunOutcome<T>> {
  const stop = new AbortController()
  // The stop timeout counts from the abort of the caller's signal.
  const abort = () => stop.abort({ atMs: systemClock.monotonicMs() } satisfies StopReason)
  const unlink = signal && onAbort(signal, abort)
  try {
    return await runAndSay(options, () => (live) => callWork(work, live, signal), stop.signal, parts)
  } finally {
    unlink?.()
  }
}

/**
 * Runs a function as the work of a trigger. Throws if the slot of the trigger has failed, was refused or is not recorded, or
 * else if a slot that was caught up did. After a failure, this is the error of the function.
 */
export async function runFunction<T>(
  options: FunctionOptions,
  work: (attempt: Attempt) => T | Promise<T>,
  parts: LedgerParts,
): Promise<WorkOutcome<T>> {
  const outcome = await tryFunction(options, work, parts)
  const bad = [outcome, ...outcome.caughtUp].find(isThrown)
  if (bad !== undefined && bad.status !== 'failed') throw new OutcomeError(bad)
  if (!isNotThrown(outcome)) throw failureOf(outcome, options.signal)
  return outcome
}

function isThrown<T>(result: CaughtUp<T>): result is Extract<CaughtUp<T>, ThrownResult> {
  return THROWN.some((status) => status === result.status)
}

function isNotThrown<T>(outcome: RunOutcome<T>): outcome is WorkOutcome<T> {
  return ![outcome, ...outcome.caughtUp].some(isThrown)
}

/**
 * Returns the error that a run throws if one of its slots failed. The error of the function comes first, also if a later
 * attempt did not start. A run that started nothing throws why: the reason of the signal, or the lost lease.
 */
function failureOf(outcome: RunOutcome<unknown>, signal: AbortSignal | undefined): unknown {
  // The function may have thrown anything, also undefined.
  const thrown = [outcome, ...outcome.caughtUp].find((result) => 'error' in result)
  if (thrown !== undefined && 'error' in thrown) return thrown.error
  if (signal?.aborted) return signal.reason
  const { status, caughtUp } = outcome
  const missed = caughtUp.find((one) => one.status === 'failed')
  if (status !== 'failed' && missed !== undefined) {
    const name = formatInstant(missed.slot.getTime())
    return new LedgerError(
      'unreachable',
      `the lease of the missed slot ${name} was lost before its work started. The slot of the trigger ended as ${status}. Look at the missed slot before you run it.`,
    )
  }
  return new LedgerError(
    'unreachable',
    'the lease was lost before the work started, so nothing was started. Run the trigger again.',
  )
}

async function callWork<T>(
  work: (attempt: Attempt) => T | Promise<T>,
  live: LiveAttempt,
  signal: AbortSignal | undefined,
): Promise<WorkEnd<T>> {
  const { lost, task, slot, timezone, windowEnd, since, number, runId, checkpoint } = live
  const end = new AbortController()
  // The work may throw the reason of its signal, and a program that catches it expects an error.
  const leaseLost = () => new DOMException('The lease of this attempt is lost, so its work must end.', 'AbortError')
  const unlinkLease = onAbort(lost, () => end.abort(leaseLost()))
  const unlink = link(signal === undefined ? [] : [signal], end)
  let report: string | null = null
  let saved: string | null | undefined
  let hasEnded = false
  live.keepCheckpoint(() => saved)
  const readSaved = checkpointReader(live.warn)
  const env = attemptVariables(live)
  const attempt: Attempt = {
    task,
    timezone,
    number,
    runId,
    checkpoint,
    env,
    signal: end.signal,
    slot: new Date(slot),
    date: env.CRONLEDGER_RUN_DATE,
    local: env.CRONLEDGER_RUN_LOCAL,
    key: env.CRONLEDGER_RUN_KEY,
    windowEnd: windowEnd === null ? null : new Date(windowEnd),
    since: since === null ? null : new Date(since),
    report(said) {
      report = reportOfValue(said)
    },
    saveCheckpoint(text) {
      if (typeof text !== 'string')
        throw usageError('saveCheckpoint needs a text. To save an object, use JSON.stringify.')
      const read = hasEnded ? undefined : readSaved(() => new TextEncoder().encode(text))
      if (read !== undefined) saved = read
    },
  }
  try {
    const value = await insideRun(runId, () => work(attempt))
    return { outcome: 'succeeded', value, ...defined({ report }) }
  } catch (error) {
    const outcome = lost.aborted ? 'leaseLost' : signal?.aborted ? 'interrupted' : 'failed'
    return { outcome, error, detail: firstLine(error), ...defined({ report }) }
  } finally {
    hasEnded = true
    unlinkLease()
    unlink()
  }
}
