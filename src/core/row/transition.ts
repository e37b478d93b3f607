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

/** The data that a claim adds to the row that it builds on. */
export interface Claim {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  readonly runId: string
  readonly trigger: Trigger
  readonly host: Host
  /** The batch must not start yet, because another slot of the task may be running. */
  readonly phase?: 'waiting'
  /** How long the row is kept, in milliseconds. If it is left out or null, the claim does not limit it. */
  readonly retentionMs?: number | null
}

/**
 * The data of each write of an owner. The new write id lets the owner recognise its own write after a lost answer.
 * `now` is the wall clock of the owner.
 */
export interface Stamp {
  readonly writeId: string
  readonly now: Instant
}

export const keyOf = ({ task, slot }: Key): Key => ({ task, slot })

/** Returns the row with a new attempt of this run. A stale attempt before it becomes abandoned. */
export function claimRow(base: Row | null, claim: Claim, stamp: Stamp, leaseMs: number): Row {
  // The claim was applied before, and another run's withdrawal is on top of it.
  if (base?.owner === claim.runId && base.state === 'PENDING') return renewLease(base, stamp, leaseMs, null)
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
    ...listedAttempts(base, [...(base?.attempts ?? []).map(abandonAttempt), attempt]),
    leaseUntil: stamp.now + leaseMs,
    resolutions: base?.resolutions ?? [],
    expiresAt: expiryOf(base, claim, stamp.now),
    rejections: base?.rejections ?? NO_REJECTIONS,
  }
}

/**
 * Returns when the row expires. The retention counts from the later of the slot and now, otherwise an old slot that
 * runs again today could vanish tomorrow.
 */
function expiryOf(base: Row | null, { window, retentionMs = null }: Claim, now: Instant): Instant | null {
  const before = base?.expiresAt ?? null
  if (retentionMs === null) return before
  return Math.max(before ?? 0, Math.max(window.slot, now) + retentionMs)
}

/** Returns the row with its waiting attempt started. */
export function beginAttempt(row: Row, stamp: Stamp, leaseMs: number): Row {
  // The attempt is not waiting, so this write was already applied.
  if (!isWaiting(row)) return renewLease(row, stamp, leaseMs, null)
  const attempts = withLast(row.attempts, ({ phase: _, ...attempt }) => ({
    ...attempt,
    claimedAt: attempt.startedAt,
    startedAt: stamp.now,
  }))
  return { ...nextVersion(row, stamp), attempts, leaseUntil: stamp.now + leaseMs }
}

/**
 * Returns the row with its attempt ended and the next attempt of the same trigger waiting. Both are one write, so that
 * no other trigger can claim the slot between them.
 */
export function retryAttempt(row: Row, ending: Ending, stamp: Stamp, leaseMs: number): Row {
  // The next attempt is already waiting, so this write was already applied.
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
  return { ...nextVersion(row, stamp), ...listedAttempts(row, [...attempts, next]), leaseUntil: stamp.now + leaseMs }
}

/**
 * Returns the row after its waiting attempt gave way to another slot of the task. Later scheduled triggers are
 * duplicates.
 */
export function skipRow(row: Row, reason: string, stamp: Stamp): Row {
  // The attempt is not waiting, so this write was already applied.
  if (!isWaiting(row)) return nextVersion(row, stamp)
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

/**
 * Returns the row with the same attempt and a new lease. `process` is the process of the batch, or null to keep what is
 * recorded.
 */
export function renewLease(row: Row, stamp: Stamp, leaseMs: number, process: ProcessMark | null): Row {
  const attempts = process === null ? row.attempts : withLast(row.attempts, (attempt) => ({ ...attempt, process }))
  return { ...nextVersion(row, stamp), attempts, leaseUntil: stamp.now + leaseMs }
}

/** Returns the row after its running attempt ended. */
export function finishRow(row: Row, ending: Ending, stamp: Stamp): Row {
  const attempts = withLast(row.attempts, (attempt) => closeAttempt(attempt, ending, stamp.now))
  return { ...nextVersion(row, stamp), attempts, leaseUntil: null, state: deriveState(attempts, row.resolutions) }
}

/**
 * Returns the row after a claim was given up. It is written with the expectation of the claim, so the write that is
 * applied first makes the other one fail.
 *
 * - The claim was applied: its attempt never started.
 * - The row belongs to another run: the row stays as it is, with a new version. The owner may be running, and takes the
 *   new version over with its next write.
 * - The slot has no row: only a row can fence the claim, so this makes a row with an attempt that never started.
 */
export function withdrawClaim(found: Row | null, claim: Claim, stamp: Stamp): Row {
  const notStarted: Ending = { outcome: 'notStarted' }
  if (found === null) return { ...finishRow(claimRow(null, claim, stamp, 0), notStarted, stamp), version: 1 }
  return found.owner === claim.runId ? finishRow(found, notStarted, stamp) : nextVersion(found, stamp)
}

/** The request of an operator to resolve a slot. */
export interface ResolutionRequest extends Pick<Resolution, 'state' | 'by' | 'reason'> {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  /** The run id of the process in which the operator resolves the slot. */
  readonly runId: string
}

/**
 * Returns the row with the resolution of an operator, which also ends a stale attempt. Makes a row if there was none.
 */
export function resolveRow(found: Row | null, request: ResolutionRequest, stamp: Stamp): Row {
  // The resolution was applied before, and another run's withdrawal is on top of it.
  if (found?.owner === request.runId) return nextVersion(found, stamp)
  const attempts = (found?.attempts ?? []).map(abandonAttempt)
  const { state, by, reason } = request
  const resolution: Resolution = { state, at: stamp.now, by, reason, afterAttempt: attemptCount(found) }
  return {
    schemaVersion: SCHEMA_VERSION,
    task: request.task,
    slot: request.window.slot,
    windowEnd: found === null ? request.window.end : found.windowEnd,
    state,
    version: (found?.version ?? 0) + 1,
    writeId: stamp.writeId,
    owner: request.runId,
    schedule: found?.schedule ?? request.schedule,
    zoneData: found?.zoneData ?? request.zoneData,
    attempts,
    unlistedAttempts: found?.unlistedAttempts ?? 0,
    leaseUntil: null,
    resolutions: [...(found?.resolutions ?? []), resolution],
    expiresAt: found?.expiresAt ?? null,
    rejections: found?.rejections ?? NO_REJECTIONS,
  }
}

/** Returns how many attempts were ever made. This is the number of the latest one, because numbers are never reused. */
export function attemptCount(row: Row | null): number {
  return row?.attempts.at(-1)?.number ?? 0
}

/**
 * Returns the attempts as a row keeps them. Only the latest of the attempts that never started are listed, so that
 * claims that were given up always leave room for the attempts that matter.
 */
function listedAttempts(base: Row | null, attempts: readonly Attempt[]): Pick<Row, 'attempts' | 'unlistedAttempts'> {
  const unstarted = attempts.filter(({ outcome }) => outcome === 'notStarted')
  const unlisted = new Set(unstarted.slice(0, Math.max(0, unstarted.length - MAX_UNSTARTED)))
  return {
    attempts: attempts.filter((attempt) => !unlisted.has(attempt)),
    unlistedAttempts: (base?.unlistedAttempts ?? 0) + unlisted.size,
  }
}

/**
 * Returns the state that follows from the attempts and the resolutions. The latest one decides. An attempt that never
 * started does not count.
 */
function deriveState(attempts: readonly Attempt[], resolutions: readonly Resolution[]): State {
  const attempt = attempts.findLast(({ outcome }) => outcome !== 'notStarted')
  const resolution = resolutions.at(-1)
  if (resolution !== undefined && resolution.afterAttempt >= (attempt?.number ?? 0)) return resolution.state
  return attempt?.outcome === 'succeeded' ? 'COMPLETED' : 'FAILED'
}

function nextVersion(row: Row, stamp: Stamp): Row {
  return { ...row, version: row.version + 1, writeId: stamp.writeId }
}

/** Closes an attempt that never reported its end. */
function abandonAttempt(attempt: Attempt): Attempt {
  return closeAttempt(attempt, { outcome: 'abandoned' })
}

/** Closes an open attempt. A waiting attempt started nothing, so its outcome is always `notStarted`. */
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
