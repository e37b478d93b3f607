import type { Instant, RefusalCause, Survivor } from '../types.ts'
import type { Rerunnable } from './rerunnable.ts'

/** Most attempts of one slot that started, forced ones included: a row must stay below DynamoDB's 400 KB. */
export const MAX_ATTEMPTS = 100

/** A claim lists this many attempts that never started, the latest ones. The others are counted. */
export const MAX_UNSTARTED = 10

/** Most words of persons on one slot: whoever needs more is a program, and a row must stay small. */
export const MAX_RESOLUTIONS = 100

/** What the caller allows in a slot. */
export interface Policy {
  /** Attempts that scheduled triggers may start, 1 to 100. With 1, half-done work is never run again by itself. */
  readonly maxAttempts: number
  /** How late after its slot a scheduled trigger may still start; null: any time. */
  readonly maxLatenessMs: number | null
  /** Largest difference between two hosts' clocks. */
  readonly skewMs: number
  /** What a forced trigger is meant for: in a slot that is none of these by now, it starts nothing. Left out: any slot. */
  readonly forceOnly?: readonly Rerunnable[]
  /** When a forced trigger was asked for: nobody knew then of an attempt that began later. Left out: that does not matter. */
  readonly forceAskedAt?: Instant
}

/** What keeps a run apart from others, where it is not as by default: whoever starts one in its place must say it too. */
export interface Guards {
  /** While another slot of the task runs, this one does not. */
  readonly overlap?: 'skip' | 'wait'
  /** Others may act on a lease that ran out: the work must not outlive it. */
  readonly onLeaseLost?: 'stop'
  readonly skewMs?: number
}

/** Whether and when a trigger whose attempt failed tries again itself. */
export interface RetryPolicy {
  /** Before the first retry; null: it does not try again itself. */
  readonly retryDelayMs: number | null
  /** By how much each further delay is longer than the one before; 1: by nothing. */
  readonly retryBackoff: number
}

/** A batch that is due daily has had its day. */
export const LONGEST_RETRY_DELAY_MS = 24 * 3_600_000

/** The delay before the nth retry of a trigger, `retry` from 1. */
export function delayBeforeRetryMs({ retryDelayMs, retryBackoff }: RetryPolicy, retry: number): number {
  return Math.min((retryDelayMs ?? 0) * retryBackoff ** (retry - 1), LONGEST_RETRY_DELAY_MS)
}

/** What is known of the moment, beside the row. */
export interface Facts {
  /** Wall clock of this host. */
  readonly now: number
  /** What still lives on this host of an attempt that never reported its end. */
  readonly survivor: Survivor | null
  /** A reason to refuse that the trigger itself gives, whatever the row says. */
  readonly objection: Extract<RefusalCause, 'scheduleMismatch'> | null
}
