import type { RefusalCause, Survivor } from './types.ts'

/** Most attempts of one slot, forced ones included: a row must stay far below DynamoDB's 400 KB. */
export const MAX_ATTEMPTS = 100

/** Most words of persons on one slot: whoever needs more is a program, and a row must stay small. */
export const MAX_SETTLEMENTS = 100

/** What the caller allows in a slot. */
export interface Policy {
  /** Attempts that scheduled triggers may start, 1 to 100. With 1, half-done work is never run again by itself. */
  readonly maxAttempts: number
  /** How late after its slot a scheduled trigger may still start; null: any time. */
  readonly maxLatenessMs: number | null
  /** Largest difference between two hosts' clocks. */
  readonly skewMs: number
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
