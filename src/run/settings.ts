import { formatDuration } from '../core/duration.ts'
import { quote, usageError } from '../core/errors.ts'
import { keysOf } from '../core/objects.ts'
import { type Guards, LONGEST_RETRY_DELAY_MS, MAX_ATTEMPTS } from '../core/row/policy.ts'
import type { EffectiveSettings } from './claimed-slot.ts'
import type { TriggerSettings } from './trigger.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A number that a caller may set: its default (null if leaving it out has its own meaning) and its bounds. */
export interface Limit {
  readonly default: number | null
  readonly min: number
  readonly max: number
  /** The reason for the minimum, if it is not obvious. */
  readonly why?: string
}

/**
 * Defaults and bounds of the numbers of a run. The library, the options, the help and docs/options.md all use this
 * table.
 */
export const LIMITS = {
  /** With the default, half-done work never runs again without an operator. */
  maxAttempts: { default: 1, min: 1, max: MAX_ATTEMPTS },
  /**
   * With the defaults, work that stops with its lease survives nine minutes without the ledger. No takeover should have
   * to wait longer than a day.
   */
  leaseMs: { default: 10 * MINUTE_MS, min: SECOND_MS, max: DAY_MS },
  heartbeatMs: { default: MINUTE_MS, min: 100, max: DAY_MS },
  /** The default is far above the error of a clock that NTP keeps. A difference of an hour is a broken clock. */
  skewMs: { default: 30 * SECOND_MS, min: 0, max: HOUR_MS },
  /** The default is below the 30 s that ECS grants after SIGTERM, so that the end can still be recorded. */
  killAfterMs: { default: 20 * SECOND_MS, min: 0, max: HOUR_MS },
  /** The default is the one of ECS. Fargate allows up to 120 s. */
  stopTimeoutMs: { default: 30 * SECOND_MS, min: SECOND_MS, max: HOUR_MS },
  ledgerTimeoutMs: { default: 30 * SECOND_MS, min: SECOND_MS, max: HOUR_MS },
  /** It must also be less than the lease. */
  finishTimeoutMs: { default: 5 * MINUTE_MS, min: SECOND_MS, max: DAY_MS },
  /**
   * A larger value would often move triggers of one slot into the next slot. Left out: it depends on the length of the
   * window.
   */
  earlyToleranceMs: { default: null, min: 0, max: HOUR_MS },
  /** Left out: a trigger may start at any time after its slot. */
  maxLatenessMs: { default: null, min: 0, max: 366 * DAY_MS },
  /** Left out: only later triggers make further attempts. */
  retryDelayMs: { default: null, min: 0, max: LONGEST_RETRY_DELAY_MS },
  retryBackoff: { default: 1, min: 1, max: 10 },
  /** The default covers a batch that is due hourly. A longer wait keeps a container running, which costs money. */
  overlapTimeoutMs: { default: HOUR_MS, min: SECOND_MS, max: 31 * DAY_MS },
  /**
   * Left out: rows are kept forever. The minimum is a month plus the time in which a late duplicate of its last day may
   * arrive.
   */
  retentionMs: {
    default: null,
    min: 35 * DAY_MS,
    max: 36_525 * DAY_MS,
    why: 'a slot whose row is gone would run again',
  },
} as const satisfies Record<string, Limit>

/**
 * The default for a file ledger. A call uses no network that could fail. It waits for the other processes of the host,
 * and each of them holds the lock for some milliseconds. Hundreds that are due at once take longer than 30 s on two
 * cores.
 */
const FILE_LEDGER_TIMEOUT_MS = 2 * MINUTE_MS

/** Returns how long a claim may take in this store by default, in milliseconds. */
export function usualLedgerTimeoutMs(store: string): number {
  return store.startsWith('file:') ? FILE_LEDGER_TIMEOUT_MS : LIMITS.ledgerTimeoutMs.default
}

/**
 * The settings that a caller may give. A name that ends in `Ms` means milliseconds. A setting that is left out has its
 * default.
 */
export interface RunSettings extends Partial<Record<keyof typeof LIMITS, number>> {
  readonly onLeaseLost?: 'stop' | 'continue'
  readonly requireEventTime?: boolean
  readonly onMismatch?: 'warn' | 'refuse'
  readonly overlap?: 'allow' | 'skip' | 'wait'
}

/**
 * Fills in the defaults and checks the bounds. Throws a usage error that names the setting, its value and the allowed
 * values.
 */
export function readSettings(settings: RunSettings): EffectiveSettings & TriggerSettings {
  const numbers = Object.fromEntries(
    keysOf(LIMITS).map((name) => [name, within(name, settings[name], LIMITS[name])]),
  ) as Numbers
  oneOf('on-lease-lost', settings.onLeaseLost, ['stop', 'continue'])
  oneOf('on-mismatch', settings.onMismatch, ['warn', 'refuse'])
  oneOf('overlap', settings.overlap, ['allow', 'skip', 'wait'])
  const overlap = settings.overlap ?? 'allow'
  checkTimes(numbers, settings)
  checkRetries(numbers, settings, overlap)
  // If another run may start after this lease has run out, the work must not outlive the lease.
  const alone = numbers.maxAttempts === 1 && overlap === 'allow'
  if (settings.onLeaseLost === 'continue') checkAlone(numbers, overlap)
  return {
    ...numbers,
    // A short lease also shortens the default of the finish timeout.
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

/**
 * Throws if a setting is given without the one that gives it a meaning. The caller had a purpose, so ignoring it would
 * be wrong.
 */
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

/**
 * Throws if another run may start after the lease has run out. The batch that goes on without its lease would run
 * beside it.
 */
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

/**
 * Returns the settings that a rerun of the slot must repeat, because they keep runs apart. Settings at their defaults
 * are left out. So is `onLeaseLost` beside an overlap setting, because such a run stops with its lease by default.
 */
export function guardsOf({ overlap, onLeaseLost, skewMs }: EffectiveSettings): Guards {
  return {
    ...(overlap !== 'allow' && { overlap }),
    ...(overlap === 'allow' && onLeaseLost === 'stop' && { onLeaseLost }),
    ...(skewMs !== LIMITS.skewMs.default && { skewMs }),
  }
}

/** Returns the name of a setting as the command line spells it: `kill-after` for `killAfterMs`. */
export function optionName(setting: string): string {
  return setting.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
