import { formatDuration } from '../core/duration.ts'
import { usageError } from '../core/errors.ts'
import { quote } from '../core/problem.ts'
import { type Guards, LONGEST_RETRY_DELAY_MS, MAX_ATTEMPTS } from '../core/row/policy.ts'
import type { EffectiveSettings } from './claimed-slot.ts'
import type { TriggerSettings } from './trigger.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** One number that a caller may set: its default (null where leaving it out means something else) and its bounds. */
export interface Limit {
  readonly default: number | null
  readonly min: number
  readonly max: number
  /** Why not less, where that is not plain. */
  readonly why?: string
}

/** Defaults and bounds of the numbers of a run: the one source for the library, the flags, the help and the README. */
export const LIMITS = {
  /** The default never runs half-done work again by itself. */
  maxAttempts: { default: 1, min: 1, max: MAX_ATTEMPTS },
  /** Ten minutes of an unreachable ledger are ridden out; a day is longer than any takeover should wait. */
  leaseMs: { default: 10 * MINUTE_MS, min: SECOND_MS, max: DAY_MS },
  heartbeatMs: { default: MINUTE_MS, min: 100, max: DAY_MS },
  /** Ten times what NTP keeps; an hour of difference is a broken clock, not skew. */
  skewMs: { default: 30 * SECOND_MS, min: 0, max: HOUR_MS },
  /** Below the 30 s that ECS grants, so that the end can still be recorded. */
  killAfterMs: { default: 20 * SECOND_MS, min: 0, max: HOUR_MS },
  /** ECS's default; Fargate allows up to 120 s. */
  stopTimeoutMs: { default: 30 * SECOND_MS, min: SECOND_MS, max: HOUR_MS },
  ledgerTimeoutMs: { default: 30 * SECOND_MS, min: SECOND_MS, max: HOUR_MS },
  /** And less than the lease. */
  finishTimeoutMs: { default: 5 * MINUTE_MS, min: SECOND_MS, max: DAY_MS },
  /** More would move triggers of one slot into the next as a rule. Left out: by the length of the window. */
  earlyToleranceMs: { default: null, min: 0, max: HOUR_MS },
  /** Left out: any time. */
  maxLatenessMs: { default: null, min: 0, max: 366 * DAY_MS },
  /** Left out: attempts are for later triggers. */
  retryDelayMs: { default: null, min: 0, max: LONGEST_RETRY_DELAY_MS },
  retryBackoff: { default: 1, min: 1, max: 10 },
  /** Longer than a batch that is due hourly, and a container that waits costs money. */
  overlapTimeoutMs: { default: HOUR_MS, min: SECOND_MS, max: 31 * DAY_MS },
  /** Left out: without end. At least a month and what a late duplicate of its last day takes. */
  retentionMs: {
    default: null,
    min: 35 * DAY_MS,
    max: 36_525 * DAY_MS,
    why: 'a slot whose row is gone would run again',
  },
} as const satisfies Record<string, Limit>

/**
 * The default of a run on a file ledger. No network can fail there: what takes time is the other processes of the host, each
 * of which holds the lock for some milliseconds. Hundreds that are due at once take longer than 30 s on two cores.
 */
const FILE_LEDGER_TIMEOUT_MS = 2 * MINUTE_MS

/** How long a claim may take in this store by default, in milliseconds. */
export function usualLedgerTimeoutMs(store: string): number {
  return store.startsWith('file:') ? FILE_LEDGER_TIMEOUT_MS : LIMITS.ledgerTimeoutMs.default
}

/** What a caller may set of a run, in milliseconds where a name says so; what is left out has the default. */
export interface RunSettings extends Partial<Record<keyof typeof LIMITS, number>> {
  readonly onLeaseLost?: 'stop' | 'continue'
  readonly requireEventTime?: boolean
  readonly onMismatch?: 'warn' | 'refuse'
  readonly overlap?: 'allow' | 'skip' | 'wait'
}

/** Fills in the defaults and checks the bounds. Throws a usage error that names the setting, its value and what is allowed. */
export function readSettings(settings: RunSettings): EffectiveSettings & TriggerSettings {
  const numbers = Object.fromEntries(
    Object.entries(LIMITS).map(([name, limit]) => [name, within(name, settings[name as keyof typeof LIMITS], limit)]),
  ) as Numbers
  oneOf('on-lease-lost', settings.onLeaseLost, ['stop', 'continue'])
  oneOf('on-mismatch', settings.onMismatch, ['warn', 'refuse'])
  oneOf('overlap', settings.overlap, ['allow', 'skip', 'wait'])
  const overlap = settings.overlap ?? 'allow'
  checkTimes(numbers, settings)
  checkRetries(numbers, settings, overlap)
  // Where others may act on a lease that ran out, the work must not outlive it.
  const alone = numbers.maxAttempts === 1 && overlap === 'allow'
  if (settings.onLeaseLost === 'continue') checkAlone(numbers, overlap)
  return {
    ...numbers,
    // A short lease shortens the default with it.
    finishTimeoutMs: settings.finishTimeoutMs ?? Math.min(numbers.finishTimeoutMs, numbers.leaseMs / 2),
    onLeaseLost: settings.onLeaseLost ?? (alone ? 'continue' : 'stop'),
    requireEventTime: settings.requireEventTime ?? false,
    onMismatch: settings.onMismatch ?? 'warn',
    overlap,
  }
}

/**
 * The settings of a force whose caller left `overlap` out, where the runs of the task must not overlap. `given` is what
 * the caller set. Throws a usage error where the work would have to go on without its lease.
 */
export function withOverlapLock<S extends EffectiveSettings>(settings: S, given: RunSettings): S {
  const overlap = 'skip'
  if (given.onLeaseLost === 'continue') checkAlone(settings, overlap)
  return { ...settings, overlap, onLeaseLost: 'stop' }
}

function checkTimes({ leaseMs, heartbeatMs, skewMs, killAfterMs }: Numbers, settings: RunSettings): void {
  const least = 3 * heartbeatMs + skewMs + killAfterMs
  if (leaseMs < least) {
    throw usageError(
      `lease is ${formatDuration(leaseMs)}; it must be at least 3 heartbeats + skew + kill-after, here ${formatDuration(least)}`,
    )
  }
  if (settings.finishTimeoutMs !== undefined && settings.finishTimeoutMs >= leaseMs) {
    throw usageError(
      `finish-timeout is ${formatDuration(settings.finishTimeoutMs)}; it must be less than the lease, ${formatDuration(leaseMs)}`,
    )
  }
}

/** A setting without the one that gives it a meaning was meant for something: better said than ignored. */
function checkRetries({ maxAttempts, retryDelayMs }: Numbers, settings: RunSettings, overlap: string): void {
  if (retryDelayMs !== null && maxAttempts === 1) {
    throw usageError('retry-delay is given, but max-attempts is 1: nothing would be tried again; raise max-attempts')
  }
  if (settings.retryBackoff !== undefined && retryDelayMs === null) {
    throw usageError('retry-backoff is given, but no retry-delay; give the delay before the first retry')
  }
  if (settings.overlapTimeoutMs !== undefined && overlap !== 'wait') {
    throw usageError(`overlap-timeout is given, but overlap is ${overlap}; only wait has a timeout`)
  }
}

/** A batch that goes on without its lease would run beside the run that took it over. */
function checkAlone({ maxAttempts }: Pick<Numbers, 'maxAttempts'>, overlap: string): void {
  if (maxAttempts > 1) {
    throw usageError(
      `on-lease-lost is continue, but max-attempts is ${maxAttempts}: another run may take the slot over. Leave on-lease-lost out, or set max-attempts to 1.`,
    )
  }
  if (overlap !== 'allow') {
    throw usageError(
      `on-lease-lost is continue, but overlap is ${overlap}: another slot may start when the lease has run out. Leave on-lease-lost out, or set overlap to allow.`,
    )
  }
}

type Numbers = {
  readonly [Name in keyof typeof LIMITS]: (typeof LIMITS)[Name]['default'] extends null ? number | null : number
}

function oneOf(name: string, value: string | undefined, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value)) return
  throw usageError(`${name} is ${quote(value)}; allowed are ${allowed.join(', ')}`)
}

function within(name: string, value: number | undefined, { default: usual, min, max, why }: Limit): number | null {
  if (value === undefined) return usual
  if (Number.isInteger(value) && value >= min && value <= max) return value
  const isDuration = name.endsWith('Ms')
  const text = (number: number) => (isDuration ? formatDuration(number) : String(number))
  throw usageError(
    `${optionName(name)} is ${text(value)}; allowed are ${text(min)} to ${text(max)}${why === undefined ? '' : `: ${why}`}`,
  )
}

/** What of the terms is another run's business. A run that may not overlap stops without its lease by default. */
export function guardsOf({ overlap, onLeaseLost, skewMs }: EffectiveSettings): Guards {
  return {
    ...(overlap !== 'allow' && { overlap }),
    ...(overlap === 'allow' && onLeaseLost === 'stop' && { onLeaseLost }),
    ...(skewMs !== LIMITS.skewMs.default && { skewMs }),
  }
}

/** `killAfterMs` as the command line spells it: `kill-after`. */
export function optionName(setting: string): string {
  return setting.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
