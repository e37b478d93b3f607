import type {
  Attempt,
  DuplicateCause,
  Instant,
  NewerSchemaRow,
  Outcome,
  RefusalCause,
  Row,
  StoredRow,
  Survivor,
  Trigger,
} from '../types.ts'
import { type Facts, MAX_ATTEMPTS, MAX_RESOLUTIONS, type Policy, type RetryPolicy } from './policy.ts'
import type { Rerunnable } from './rerunnable.ts'

export type Decision =
  /** Claim the slot, on top of `base`. */
  | { readonly kind: 'start'; readonly base: Row | null }
  /** The slot is done or being done: nothing is wrong. */
  | { readonly kind: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row }
  /** A person is needed. */
  | {
      readonly kind: 'refused'
      readonly cause: RefusalCause
      readonly row: StoredRow | null
      readonly survivor: Survivor | null
    }

/** The rules: may this trigger start an attempt in this slot? (design part 4) */
export function decide(
  found: StoredRow | null,
  trigger: Trigger & { readonly slot: Instant },
  policy: Policy,
  facts: Facts,
): Decision {
  const refuse = (cause: RefusalCause): Decision => ({ kind: 'refused', cause, row: found, survivor: facts.survivor })
  const scheduled = trigger.kind === 'scheduled'
  const tooLate = scheduled && policy.maxLatenessMs !== null && facts.now - trigger.slot > policy.maxLatenessMs

  const state = rerunnableAs(found, facts.now, policy.skewMs)
  const expectationFailed = !scheduled && policy.forceOnly?.some((meant) => meant === state) === false

  if (facts.objection !== null) return refuse(facts.objection)
  if (found === null && expectationFailed) return refuse('noRow')
  if (found === null) return tooLate ? refuse('tooLate') : { kind: 'start', base: null }
  if (isNewerSchema(found)) return refuse('newerRow')

  const done = terminalState(found)
  if (scheduled && done !== null) return { kind: 'duplicate', cause: done, row: found }
  if (isRunning(found, facts.now, policy.skewMs)) {
    return scheduled ? { kind: 'duplicate', cause: 'running', row: found } : refuse('running')
  }
  // Somebody was here in the meantime: what is left to say is what a scheduled trigger without an attempt left hears.
  if (expectationFailed && done !== null) return { kind: 'duplicate', cause: done, row: found }
  if (expectationFailed) return refuse(staleOrFailed(found))
  // Two forces at once are one, also where the first one's attempt was over before the other came to its claim.
  if (!scheduled && hasBegunSince(found, policy.forceAskedAt)) return refuse('newerAttempt')
  if (facts.survivor !== null) return refuse('survivor')
  if (startedAttempts(found) >= MAX_ATTEMPTS) return refuse('tooManyAttempts')
  if (scheduled && countedAttempts(found) >= policy.maxAttempts) {
    return refuse(staleOrFailed(found))
  }
  return tooLate ? refuse('tooLate') : { kind: 'start', base: found }
}

/**
 * May the trigger whose attempt has just ended so make the next one itself? A forced trigger has its own
 * `maxAttempts`, since its attempts count for nobody else.
 */
export function mayRetry(row: Row, outcome: Outcome, policy: Pick<Policy, 'maxAttempts'> & RetryPolicy): boolean {
  const { maxAttempts, retryDelayMs } = policy
  if (retryDelayMs === null || (outcome !== 'failed' && outcome !== 'timedOut')) return false
  if (startedAttempts(row) >= MAX_ATTEMPTS) return false
  const forced = row.attempts.at(-1)?.trigger.kind === 'forced'
  const own = row.attempts.filter(({ runId }) => runId === row.owner)
  return (forced ? own.length : countedAttempts(row)) < maxAttempts
}

/**
 * Why a person may not settle this row; null where they may. A running attempt says itself how it ends, and what has
 * completed is not undone by a word: forcing it runs it again. A force that went wrong on a completed slot may be settled.
 */
export function objectionToResolving(
  found: StoredRow | null,
  { now, skewMs }: { readonly now: Instant; readonly skewMs: number },
): 'newerRow' | 'running' | 'completed' | 'tooManySettlements' | null {
  if (found === null) return null
  if (isNewerSchema(found)) return 'newerRow'
  if (isRunning(found, now, skewMs)) return 'running'
  if (found.state === 'COMPLETED') return 'completed'
  return found.resolutions.length >= MAX_RESOLUTIONS ? 'tooManySettlements' : null
}

export function isNewerSchema(row: StoredRow): row is NewerSchemaRow {
  return 'newerSchema' in row
}

/** PENDING, and its lease may still be alive on a clock that runs `skewMs` behind this one. */
export function isRunning(row: Row, now: Instant, skewMs: number): boolean {
  return row.state === 'PENDING' && now <= (row.leaseUntil ?? 0) + skewMs
}

/** PENDING whose lease ran out: its owner was killed, is paused, or cannot reach the ledger. */
export function isStale(row: Row, now: Instant, skewMs: number): boolean {
  return row.state === 'PENDING' && !isRunning(row, now, skewMs)
}

/** What a force would start on top of; null where it is for none to start, or for one that is not meant: running, skipped. */
export function rerunnableAs(found: StoredRow | null, now: Instant, skewMs: number): Rerunnable | null {
  if (found === null) return 'missed'
  if (isNewerSchema(found) || isRunning(found, now, skewMs)) return null
  switch (found.state) {
    case 'PENDING':
      return 'stale'
    case 'FAILED':
      return 'failed'
    case 'COMPLETED':
      return 'completed'
    case 'SKIPPED':
      return null
  }
}

/** The attempt by which the slot counts as completed, whatever came later. */
export function successOf(row: Row): Attempt | undefined {
  return row.attempts.find((attempt) => attempt.outcome === 'succeeded')
}

/** Of a run that was killed while its next attempt waited, everything is known: how the one before ended. */
function staleOrFailed(row: Row): 'stale' | 'failed' {
  return row.state === 'PENDING' && row.attempts.at(-1)?.phase !== 'waiting' ? 'stale' : 'failed'
}

/** Why nothing but a force may start in this slot any more; null when it is open. */
export function terminalState(row: Row): 'completed' | 'skipped' | null {
  const settled = (state: Row['state']) => row.resolutions.some((resolution) => resolution.state === state)
  if (successOf(row) !== undefined || settled('COMPLETED')) return 'completed'
  return settled('SKIPPED') || row.state === 'SKIPPED' ? 'skipped' : null
}

/** Attempts that count against `maxAttempts`: made by scheduled triggers, and started. */
export function countedAttempts(row: Row): number {
  return row.attempts.filter((attempt) => attempt.trigger.kind === 'scheduled' && hasStarted(attempt)).length
}

/** Attempts whose work was started, by any trigger. */
export function startedAttempts({ attempts }: Pick<Row, 'attempts'>): number {
  return attempts.filter(hasStarted).length
}

function hasBegunSince(row: Row, askedAt = Number.POSITIVE_INFINITY): boolean {
  return row.attempts.some((attempt) => hasStarted(attempt) && attempt.startedAt > askedAt)
}

function hasStarted({ outcome, phase }: Attempt): boolean {
  return outcome !== 'notStarted' && phase !== 'waiting'
}
