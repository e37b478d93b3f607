import type {
  Attempt,
  Ending,
  Host,
  Instant,
  Key,
  Outcome,
  ProcessMark,
  Resolution,
  Row,
  ScheduleSpec,
  State,
  Trigger,
  Window,
} from '../types.ts'
import { SCHEMA_VERSION } from '../types.ts'
import { MAX_UNSTARTED } from './policy.ts'
import { NO_REJECTIONS } from './rejections.ts'

/** What a claim writes into the row, apart from the row that it builds on. */
export interface Claim {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  readonly runId: string
  readonly trigger: Trigger
  readonly host: Host
  /** Nothing may start yet: another slot of the task may run. */
  readonly phase?: 'waiting'
  /** How long the row is kept; left out: without end. */
  readonly retentionMs?: number | null
}

/** Every owner's write: a fresh id, so that its lost answer can be told, and the owner's wall clock. */
export interface Stamp {
  readonly writeId: string
  readonly now: Instant
}

export const keyOf = ({ task, slot }: Key): Key => ({ task, slot })

/** The row with a new attempt of this run under way; a stale attempt before it is abandoned. */
export function claimRow(base: Row | null, claim: Claim, stamp: Stamp, leaseMs: number): Row {
  const attempt: Attempt = {
    number: attemptCount(base) + 1,
    runId: claim.runId,
    trigger: claim.trigger,
    ...claim.host,
    ...(claim.phase && { phase: claim.phase }),
    startedAt: stamp.now,
  }
  return {
    schemaVersion: SCHEMA_VERSION,
    task: claim.task,
    slot: claim.window.slot,
    windowEnd: claim.window.end,
    state: 'PENDING',
    version: (base?.version ?? 0) + 1,
    writeId: stamp.writeId,
    owner: claim.runId,
    schedule: claim.schedule,
    zoneData: claim.zoneData,
    ...listed(base, [...(base?.attempts ?? []).map(abandonAttempt), attempt]),
    leaseUntil: stamp.now + leaseMs,
    resolutions: base?.resolutions ?? [],
    expiresAt: expiryOf(base, claim, stamp.now),
    rejections: base?.rejections ?? NO_REJECTIONS,
  }
}

/** Counted from whatever is later: a slot of long ago that runs again today must not vanish tomorrow. */
function expiryOf(base: Row | null, { window, retentionMs = null }: Claim, now: Instant): Instant | null {
  const before = base?.expiresAt ?? null
  if (retentionMs === null) return before
  return Math.max(before ?? 0, Math.max(window.slot, now) + retentionMs)
}

/** The waiting attempt, whose work starts now. */
export function beginAttempt(row: Row, stamp: Stamp, leaseMs: number): Row {
  // This very write landed before.
  if (!isWaiting(row)) return renewLease(row, stamp, leaseMs, null)
  const attempts = withLast(row.attempts, ({ phase: _, ...attempt }) => ({
    ...attempt,
    claimedAt: attempt.startedAt,
    startedAt: stamp.now,
  }))
  return { ...written(row, stamp), attempts, leaseUntil: stamp.now + leaseMs }
}

/** One attempt ended, and the next one of the same trigger waits: in one write, so that no other trigger slips in. */
export function retryAttempt(row: Row, ending: Ending, stamp: Stamp, leaseMs: number): Row {
  // This very write landed before.
  if (isWaiting(row)) return renewLease(row, stamp, leaseMs, null)
  const attempts = withLast(row.attempts, (attempt) => closeAttempt(attempt, ending, stamp.now))
  const { runId, trigger, host, ecsTask } = row.attempts.at(-1) as Attempt
  const next: Attempt = {
    number: attemptCount(row) + 1,
    runId,
    trigger,
    host,
    ...(ecsTask === undefined ? {} : { ecsTask }),
    phase: 'waiting',
    startedAt: stamp.now,
  }
  return { ...written(row, stamp), ...listed(row, [...attempts, next]), leaseUntil: stamp.now + leaseMs }
}

/** The row after its waiting attempt gave way to another slot of the task, for good: later triggers are duplicates. */
export function skipRow(row: Row, reason: string, stamp: Stamp): Row {
  // This very write landed before.
  if (!isWaiting(row)) return written(row, stamp)
  const resolution: Resolution = {
    state: 'SKIPPED',
    at: stamp.now,
    by: 'cronledger',
    reason,
    afterAttempt: attemptCount(row),
  }
  const resolutions = [...row.resolutions, resolution]
  return finishRow({ ...row, resolutions }, { outcome: 'notStarted' }, stamp)
}

/** The same attempt, trusted for another lease. */
export function renewLease(row: Row, stamp: Stamp, leaseMs: number, process: ProcessMark | null): Row {
  const attempts = process === null ? row.attempts : withLast(row.attempts, (attempt) => ({ ...attempt, process }))
  return { ...written(row, stamp), attempts, leaseUntil: stamp.now + leaseMs }
}

/** The row after its running attempt ended. */
export function finishRow(row: Row, ending: Ending, stamp: Stamp): Row {
  const attempts = withLast(row.attempts, (attempt) => closeAttempt(attempt, ending, stamp.now))
  return { ...written(row, stamp), attempts, leaseUntil: null, state: deriveState(attempts, row.resolutions) }
}

/**
 * The row after a claim was given up. It is written with the claim's own expectation, so that the one of the two that
 * lands first fences the other.
 *
 * - The claim landed: its attempt never started.
 * - The slot has the row of another run: that row stays as it is, with a new version. Its owner may be at work, and takes
 *   the new version over with its next write.
 * - The slot has no row: only a row fences the claim, so there is one, with an attempt that never started.
 */
export function withdrawClaim(found: Row | null, claim: Claim, stamp: Stamp): Row {
  const notStarted: Ending = { outcome: 'notStarted' }
  if (found === null) return { ...finishRow(claimRow(null, claim, stamp, 0), notStarted, stamp), version: 1 }
  return found.owner === claim.runId ? finishRow(found, notStarted, stamp) : written(found, stamp)
}

/** What a person says of a slot. */
export interface ResolutionRequest extends Pick<Resolution, 'state' | 'by' | 'reason'> {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  /** Run id of the process in which the person says it. */
  readonly runId: string
}

/** The row with a person's word on it, which also ends a stale attempt; a row of its own where there was none. */
export function resolveRow(found: Row | null, word: ResolutionRequest, stamp: Stamp): Row {
  const attempts = (found?.attempts ?? []).map(abandonAttempt)
  const { state, by, reason } = word
  const resolution: Resolution = { state, at: stamp.now, by, reason, afterAttempt: attemptCount(found) }
  return {
    schemaVersion: SCHEMA_VERSION,
    task: word.task,
    slot: word.window.slot,
    windowEnd: found === null ? word.window.end : found.windowEnd,
    state,
    version: (found?.version ?? 0) + 1,
    writeId: stamp.writeId,
    owner: word.runId,
    schedule: found?.schedule ?? word.schedule,
    zoneData: found?.zoneData ?? word.zoneData,
    attempts,
    unlistedAttempts: found?.unlistedAttempts ?? 0,
    leaseUntil: null,
    resolutions: [...(found?.resolutions ?? []), resolution],
    expiresAt: found?.expiresAt ?? null,
    rejections: found?.rejections ?? NO_REJECTIONS,
  }
}

/** How many attempts were ever made: the number of the latest one, since numbers are never reused. */
export function attemptCount(row: Row | null): number {
  return row?.attempts.at(-1)?.number ?? 0
}

/**
 * The attempts as a row keeps them. Of those that never started, only the latest are listed, so that any number of claims
 * that were given up leaves room for the attempts that matter.
 */
function listed(base: Row | null, attempts: readonly Attempt[]): Pick<Row, 'attempts' | 'unlistedAttempts'> {
  const unstarted = attempts.filter(({ outcome }) => outcome === 'notStarted')
  const unlisted = new Set(unstarted.slice(0, Math.max(0, unstarted.length - MAX_UNSTARTED)))
  return {
    attempts: attempts.filter((attempt) => !unlisted.has(attempt)),
    unlistedAttempts: (base?.unlistedAttempts ?? 0) + unlisted.size,
  }
}

/** The state that the attempts and a person's words add up to, the latest first; one that never started says nothing. */
function deriveState(attempts: readonly Attempt[], resolutions: readonly Resolution[]): State {
  const attempt = attempts.findLast(({ outcome }) => outcome !== 'notStarted')
  const resolution = resolutions.at(-1)
  if (resolution !== undefined && resolution.afterAttempt >= (attempt?.number ?? 0)) return resolution.state
  return attempt?.outcome === 'succeeded' ? 'COMPLETED' : 'FAILED'
}

function written(row: Row, stamp: Stamp): Row {
  return { ...row, version: row.version + 1, writeId: stamp.writeId }
}

/** An attempt whose end was never reported. */
function abandonAttempt(attempt: Attempt): Attempt {
  return closeAttempt(attempt, { outcome: 'abandoned' })
}

/** However it ends, an attempt that waited had started nothing. */
function closeAttempt(attempt: Attempt, ending: Ending, endedAt?: Instant): Attempt {
  if (isOver(attempt)) return attempt
  const { phase, ...open } = attempt
  return {
    ...open,
    ...(phase === 'waiting' ? { outcome: 'notStarted' } : ending),
    ...(endedAt === undefined ? {} : { endedAt }),
  }
}

function isWaiting(row: Row): boolean {
  return row.attempts.at(-1)?.phase === 'waiting'
}

function isOver(attempt: Attempt): attempt is Attempt & { readonly outcome: Outcome } {
  return attempt.outcome !== undefined
}

function withLast(attempts: readonly Attempt[], change: (attempt: Attempt) => Attempt): readonly Attempt[] {
  return attempts.map((attempt, index) => (index === attempts.length - 1 ? change(attempt) : attempt))
}
