import type { LedgerError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import type { RetryPolicy } from '../core/policy.ts'
import { begun } from '../core/transition.ts'
import type { ClaimIo, ClaimRequest, ClaimTerms } from './claim.ts'
import { withDeadline } from './clock.ts'
import type { FinishTerms } from './finish.ts'
import type { Lease, LeaseTerms } from './lease.ts'
import type { SeenSchedules } from './register.ts'
import type { Written } from './write.ts'

export interface RunTerms extends ClaimTerms, LeaseTerms, FinishTerms, RetryPolicy {
  /** What a scheduled trigger does while another slot of the task runs; a forced one is refused where it is not `allow`. */
  readonly overlap: 'allow' | 'skip' | 'wait'
  readonly overlapTimeoutMs: number
  /** Null: the row is kept without end. */
  readonly retentionMs: number | null
}

export interface RunIo extends ClaimIo {
  readonly seen: SeenSchedules
  tell(event: RunEvent): void
}

/** A slot that this run has claimed, and what it takes to go on with it. */
export interface Held {
  readonly request: ClaimRequest
  readonly lease: Lease
  /** A stop, or a lost lease: nothing starts any more. */
  readonly halt: AbortSignal
  readonly terms: RunTerms
  readonly io: RunIo
}

/** The waiting attempt's work may start once this is written: a run that dies before it has started nothing. */
export function begin({ lease, halt, terms, io }: Held, timeoutMs: number): Promise<Written> {
  return lease.write(
    (row, stamp) => begun(row, stamp, terms.leaseMs),
    (job) => withDeadline(io.clock, timeoutMs, [halt], job),
  )
}

/** How a write of the end went, as the log has it. */
export interface EndWritten {
  readonly finish: 'recorded' | 'lost' | 'unanswered'
  /** What the ledger said last. */
  readonly finishCause?: string
}

export function endWritten(written: { readonly kind: string; readonly cause?: LedgerError }): EndWritten {
  if (written.kind === 'unanswered') return { finish: 'unanswered', finishCause: written.cause?.message ?? '' }
  return { finish: written.kind === 'lost' ? 'lost' : 'recorded' }
}
