import { type ErrorKind, LedgerError } from '../core/errors.ts'
import type { Instant } from '../core/types.ts'

/** One thing that was looked at. */
export interface Finding {
  readonly what: string
  /** Null: as it should be. */
  readonly wrong: ErrorKind | null
  /** What was found; where it is wrong, also what to do. */
  readonly text: string
}

/** Whose permissions are tried: `schema/iam.json` has their policies. */
export type Role = 'runner' | 'auditor' | 'operator'

export interface InspectSettings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly role: Role
  /** Largest difference between the clocks of two hosts. */
  readonly skewMs: number
  /** This host's clock. */
  now(): Instant
}

export function ok(what: string, text: string): Finding {
  return { what, wrong: null, text }
}

/** What a ledger's error says of `what`, and what else to do; anything but a ledger's error is thrown on. */
export function wrong(what: string, error: unknown, more = ''): Finding {
  if (!(error instanceof LedgerError)) throw error
  return { what, wrong: error.kind, text: `${error.message}${more}` }
}
