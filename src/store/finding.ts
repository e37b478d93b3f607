import { type ErrorKind, LedgerError } from '../core/errors.ts'
import type { Environment, Instant } from '../core/types.ts'

export interface SetupFinding {
  readonly what: string
  readonly wrong: ErrorKind | null
  readonly text: string
}

/** The role whose permissions are tried. `schema/iam` has the policies. */
export type Role = 'runner' | 'auditor' | 'checker' | 'operator'

export interface InspectSettings {
  readonly env: Environment
  readonly role: Role
  /** The task in whose partition the permissions are tried, or null if no task is known. */
  readonly task: string | null
  /** Returns the other tasks that a run comes after, and whose records it reads. It is called when the ledger has answered. */
  after(): Promise<readonly string[]>
  readonly skewMs: number
  readonly hasRetention: boolean
  now(): Instant
}

export function ok(what: string, text: string): SetupFinding {
  return { what, wrong: null, text }
}

export async function look(what: string, check: () => string | Promise<string>): Promise<SetupFinding> {
  try {
    return ok(what, await check())
  } catch (error) {
    return wrong(what, error)
  }
}

export function notOk(what: string, wrong: ErrorKind, text: string): SetupFinding {
  return { what, wrong, text }
}

/** The server is ahead by a time in this range. Two hosts may differ by `skewMs`, so each may be off by half of it. */
export function clockFinding(leastMs: number, mostMs: number, skewMs: number): SetupFinding {
  const offset = (leastMs + mostMs) / 2
  const off = `about ${Math.round(Math.abs(offset) / 1000)}s ${offset > 0 ? 'behind' : 'ahead of'} the server's clock`
  if (leastMs > skewMs / 2 || mostMs < -skewMs / 2) {
    const text = `${off}, but --skew allows only ${skewMs / 1000}s between two hosts. Set the clock of this host (NTP).`
    return notOk('clock', 'usage', text)
  }
  return ok('clock', `${leastMs <= 0 && mostMs >= 0 ? "equal to the server's clock" : off}, within a second`)
}

/** Returns the finding for a `LedgerError`, with `more` as what else to do. Throws any other error again. */
export function wrong(what: string, error: unknown, more = ''): SetupFinding {
  if (!(error instanceof LedgerError)) throw error
  return { what, wrong: error.kind, text: more === '' ? error.message : `${error.message.replace(/\.$/, '')}. ${more}` }
}

/** Features of a table that its owner may have turned off, and the command that turns each on. */
export const PROTECTION = {
  deletionProtection: {
    name: 'deletion protection',
    risk: 'one call can delete every record',
    command: 'aws dynamodb update-table --deletion-protection-enabled',
  },
  pointInTimeRecovery: {
    name: 'point-in-time recovery',
    risk: 'records that are lost or deleted cannot be restored',
    command:
      'aws dynamodb update-continuous-backups --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true',
  },
} as const

export interface SetupStep {
  readonly what: 'table' | 'timeToLive' | 'deletionProtection' | 'pointInTimeRecovery' | 'file'
  /** `off` was left so. `unsupported`: by the server. `impossible`: on this table. `unknown`: the role may not read it. */
  readonly did: 'created' | 'found' | 'enabled' | 'off' | 'unsupported' | 'impossible' | 'unknown'
}
