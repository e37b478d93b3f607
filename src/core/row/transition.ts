import { defined } from '../objects.ts'
import {
  type AttemptRecord,
  type ClosedRow,
  type EndedAttempt,
  type Ending,
  type Host,
  type Instant,
  type Key,
  type OpenAttempt,
  type PendingRow,
  type Place,
  type ProcessMark,
  type Resolution,
  type ResolvedState,
  type Row,
  SCHEMA_VERSION,
  type ScheduleSpec,
  type Trigger,
  type Window,
} from '../types.ts'
import { attemptCount, claimedAtOf, endedAttempts, hasStarted, isEnded, isUnstarted, openAttempt } from './attempts.ts'
import { MAX_REPORTS, MAX_UNSTARTED } from './policy.ts'
import { type RangeStart, rangeStartOf } from './range.ts'
import { NO_REJECTIONS } from './rejections.ts'

interface NewOwner {
  readonly task: string
  readonly window: Window
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  readonly runId: string
}

export interface Claim extends NewOwner {
  readonly trigger: Trigger
  readonly host: Host
  readonly place?: Place
  readonly traceId?: string | undefined
  readonly commandHash?: string
  /** The batch must not start yet, because another slot of the task may be running. */
  readonly phase?: 'waiting'
  readonly retentionMs?: number | null
}

/** An owner recognises its own write by its id after a lost answer. `now` is the wall clock of the owner. */
export interface Stamp {
  readonly writeId: string
  readonly now: Instant
}

export const keyOf = ({ task, slot }: Key): Key => ({ task, slot })

/** A stale attempt before the new one becomes abandoned. */
export function claimRow(base: Row | null, claim: Claim, stamp: Stamp, leaseMs: number): PendingRow {
  // The claim was applied before, and another run's withdrawal is on top of it.
  if (base?.ownerRunId === claim.runId && base.state === 'PENDING') return renewLease(base, stamp, leaseMs, null)
  const facts = {
    number: attemptCount(base) + 1,
    runId: claim.runId,
    trigger: claim.trigger,
    ...claim.host,
    ...(claim.place && { place: claim.place }),
    ...(claim.traceId !== undefined && { traceId: claim.traceId }),
    ...(claim.commandHash !== undefined && { commandHash: claim.commandHash }),
    startedAt: stamp.now,
  }
  const isWaiting = claim.phase === 'waiting'
  const attempt: OpenAttempt = isWaiting
    ? { ...facts, phase: 'waiting', waitReason: 'slot' }
    : { ...facts, phase: 'running' }
  const { ended, unlistedAttempts } = listedAttempts(base, (base?.attempts ?? []).map(abandonAttempt))
  const isFresh = claim.trigger.kind === 'forced' && claim.trigger.isFresh
  const found = isFresh && base !== null ? withCheckpoint(base, null) : base
  const claimed = {
    ...takenOver(found, claim, stamp),
    windowEnd: claim.window.end,
    schedule: claim.schedule,
    zoneData: claim.zoneData,
    state: 'PENDING',
    attempts: [...ended, attempt],
    unlistedAttempts,
    leaseUntil: stamp.now + leaseMs,
    expiresAt: expiryOf(base, claim, stamp.now),
  } as const
  return isWaiting ? claimed : withRange(claimed, null)
}

function takenOver(found: Row | null, { task, window, schedule, zoneData, runId }: NewOwner, { writeId }: Stamp) {
  const before = found ?? {
    schemaVersion: SCHEMA_VERSION,
    task,
    slot: window.slot,
    windowEnd: window.end,
    version: 0,
    schedule,
    zoneData,
    unlistedAttempts: 0,
    resolutions: [],
    expiresAt: null,
    rejections: NO_REJECTIONS,
  }
  return { ...before, version: before.version + 1, writeId, ownerRunId: runId }
}

/** Counts from the later of the slot and now, otherwise an old slot that runs again could vanish tomorrow. */
function expiryOf(
  base: Row | null,
  { window, retentionMs = null }: Pick<Claim, 'window' | 'retentionMs'>,
  now: Instant,
): Instant | null {
  const before = base?.expiresAt ?? null
  if (retentionMs === null) return before
  return Math.max(before ?? 0, Math.max(window.slot, now) + retentionMs)
}

export function beginAttempt(row: Row, stamp: Stamp, leaseMs: number): PendingRow {
  const pending = pendingRow(row)
  const open = openAttempt(pending)
  // The attempt is not waiting, so this write was already applied.
  if (open.phase !== 'waiting') return renewLease(pending, stamp, leaseMs, null)
  const { blockedBy: _, waitReason: __, ...claimed } = open
  const begun = { ...claimed, phase: 'running', claimedAt: open.startedAt, startedAt: stamp.now } as const
  return withOpen(pending, begun, stamp, leaseMs)
}

/** Returns the row, with a new lease, whose waiting attempt says which slot it waits for. */
export function blockAttempt(row: Row, blockedBy: Key, stamp: Stamp, leaseMs: number): PendingRow {
  const renewed = renewLease(row, stamp, leaseMs, null)
  const open = openAttempt(renewed)
  return open.phase === 'waiting'
    ? { ...renewed, attempts: [...endedAttempts(renewed), { ...open, blockedBy }] }
    : renewed
}

/** Ends the attempt and lets the next one wait, in one write, so that no other trigger can claim the slot. */
export function retryAttempt(row: Row, ending: Ending, stamp: Stamp, leaseMs: number): PendingRow {
  const pending = pendingRow(row)
  const open = openAttempt(pending)
  // The next attempt is already waiting, so this write was already applied.
  if (open.phase === 'waiting') return renewLease(pending, stamp, leaseMs, null)
  const { claimedAt: _, process: __, ...same } = open
  const number = attemptCount(row) + 1
  const next: OpenAttempt = { ...same, phase: 'waiting', waitReason: 'retry', number, startedAt: stamp.now }
  const { ended, unlistedAttempts } = listedAttempts(row, endOpenAttempt(pending, ending, stamp))
  const attempts = [...ended, next] as const
  return { ...nextVersion(pending, stamp), attempts, unlistedAttempts, leaseUntil: stamp.now + leaseMs }
}

/** For a slot that was given up: another one was running (`gaveWayTo`), or the task is paused. */
export function skipRow(
  row: Row,
  { by, reason, ...more }: Pick<Resolution, 'by' | 'reason'> & Pick<Ending, 'gaveWayTo'>,
  stamp: Stamp,
): Row {
  // This write was already applied.
  if (row.state !== 'PENDING') return nextVersion(row, stamp)
  const resolution = resolutionOf(row, { state: 'SKIPPED', by, reason }, stamp)
  return finishRow({ ...row, resolutions: [...row.resolutions, resolution] }, { outcome: 'notStarted', ...more }, stamp)
}

/** Returns the row with a new lease. `process` is that of the batch, or null to keep what is recorded. */
export function renewLease(row: Row, stamp: Stamp, leaseMs: number, process: ProcessMark | null): PendingRow {
  const pending = pendingRow(row)
  const open = openAttempt(pending)
  return withOpen(pending, process === null || open.phase === 'waiting' ? open : { ...open, process }, stamp, leaseMs)
}

function withOpen(row: PendingRow, open: OpenAttempt, stamp: Stamp, leaseMs: number): PendingRow {
  return { ...nextVersion(row, stamp), attempts: [...endedAttempts(row), open], leaseUntil: stamp.now + leaseMs }
}

/** Returns the row whose attempt says when its work started, which the run learns only after the claim was written. */
export function withWorkStart(row: PendingRow, startedAt: Instant): PendingRow {
  const open = openAttempt(row)
  if (open.phase === 'waiting' || open.startedAt === startedAt) return row
  return { ...row, attempts: [...endedAttempts(row), { ...open, claimedAt: claimedAtOf(open), startedAt }] }
}

/** Returns the row with the range of its open attempt. Null: it has none. A checkpoint is only for an attempt with the same range. */
export function withRange(row: PendingRow, range: RangeStart | null): PendingRow {
  const { since: _, searched: __, ...open } = openAttempt(row)
  const before = endedAttempts(row).findLast(hasStarted)
  const isSame = before === undefined || rangeStartOf(before) === rangeStartOf(range ?? undefined)
  const ranged = { ...row, attempts: [...endedAttempts(row), { ...open, ...range }] } as const
  return isSame ? ranged : withCheckpoint(ranged, null)
}

export function withCheckpoint<R extends Row>(row: R, checkpoint: string | null): R {
  const { checkpoint: _, ...others } = row
  return { ...others, ...(checkpoint !== null && { checkpoint }) } as R
}

/** Returns the row without its reports and its checkpoint, which can have any text. */
export function withoutTextsOfBatch<R extends Row>(row: R): R {
  const attempts = row.attempts.map((attempt) => {
    if (!isEnded(attempt)) return attempt
    const { report: _, ...others } = attempt
    return others
  })
  return withCheckpoint({ ...row, attempts }, null)
}

/** An attempt after a success repeats all of its work, so it gets no checkpoint. */
export function finishRow(found: Row, ending: Ending, stamp: Stamp): ClosedRow {
  const row = ending.outcome === 'succeeded' ? withCheckpoint(found, null) : found
  const attempts = row.state === 'PENDING' ? endOpenAttempt(row, ending, stamp) : row.attempts
  return { ...nextVersion(row, stamp), attempts, leaseUntil: null, state: deriveState(attempts, row.resolutions) }
}

/**
 * Returns the row after a claim was given up. It is written with the expectation of the claim, so the write that is
 * applied first makes the other one fail.
 *
 * - The claim was applied: its attempt never started.
 * - The row belongs to another run, which may be alive: it stays, with a new version that its next write takes over.
 * - The slot has no row: only a row can fence the claim, so this makes a row with an attempt that never started.
 */
export function withdrawClaim(found: Row | null, claim: Claim, stamp: Stamp): Row {
  const notStarted: Ending = { outcome: 'notStarted' }
  if (found === null) return { ...finishRow(claimRow(null, claim, stamp, 0), notStarted, stamp), version: 1 }
  return found.ownerRunId === claim.runId ? finishRow(found, notStarted, stamp) : nextVersion(found, stamp)
}

export interface ResolutionRequest extends NewOwner, ResolutionText {
  readonly endedRun?: string | null
}

/** Makes a row if there is none. The operator is the new owner, so a run that is still alive can write nothing. */
export function resolveRow(found: Row | null, request: ResolutionRequest, stamp: Stamp): Row {
  // The resolution was applied before, and another run's withdrawal is on top of it.
  if (found?.ownerRunId === request.runId) return nextVersion(found, stamp)
  const attempts = (found?.attempts ?? []).map(abandonAttempt)
  const { state } = request
  const base = found && state === 'COMPLETED' ? withCheckpoint(found, null) : found
  const row = takenOver(base, request, stamp)
  const resolutions = [...row.resolutions, resolutionOf(found, request, stamp)]
  return { ...row, state, attempts, leaseUntil: null, resolutions }
}

type ResolutionText = Pick<Resolution, 'state' | 'by' | 'reason'>

function resolutionOf(row: Row | null, { state, by, reason }: ResolutionText, { now }: Stamp): Resolution {
  return { state, at: now, by, reason, afterAttempt: attemptCount(row) }
}

/** Lists only the latest of the attempts that never started, so that given up claims leave room for others. */
function listedAttempts(base: Row | null, attempts: readonly EndedAttempt[]) {
  const unstarted = attempts.filter(isUnstarted)
  const unlisted = new Set(unstarted.slice(0, Math.max(0, unstarted.length - MAX_UNSTARTED)))
  return {
    ended: attempts.filter((attempt) => !unlisted.has(attempt)),
    unlistedAttempts: (base?.unlistedAttempts ?? 0) + unlisted.size,
  }
}

/** The latest attempt or resolution decides. An attempt that never started does not count. */
function deriveState(attempts: readonly EndedAttempt[], resolutions: readonly Resolution[]): ResolvedState {
  const attempt = attempts.findLast((one) => !isUnstarted(one))
  const resolution = resolutions.at(-1)
  if (resolution !== undefined && resolution.afterAttempt >= (attempt?.number ?? 0)) return resolution.state
  return attempt?.outcome === 'succeeded' ? 'COMPLETED' : 'FAILED'
}

function nextVersion<R extends Row>(row: R, stamp: Stamp): R {
  return { ...row, version: row.version + 1, writeId: stamp.writeId }
}

/** Throws on a bug: a run writes on its own row only while its attempt is open. */
function pendingRow(row: Row): PendingRow {
  if (row.state !== 'PENDING') throw new Error(`the owner of a row that is ${row.state} writes as if its attempt ran`)
  return row
}

function endOpenAttempt(row: PendingRow, ending: Ending, stamp: Stamp): readonly EndedAttempt[] {
  const earlier = endedAttempts(row)
  const mayKeep = ending.report === undefined ? MAX_REPORTS : MAX_REPORTS - 1
  const kept = new Set(earlier.filter(({ report }) => report !== undefined).slice(-mayKeep))
  const trimmed = earlier.map((attempt) => {
    const { report: _, ...others } = attempt
    return kept.has(attempt) ? attempt : others
  })
  return [...trimmed, endAttempt(openAttempt(row), ending, stamp.now)]
}

function abandonAttempt(attempt: AttemptRecord): EndedAttempt {
  return isEnded(attempt) ? attempt : endAttempt(attempt, { outcome: 'abandoned' }, null)
}

/** Returns the attempt with its end. A waiting attempt started nothing, so its outcome is always `notStarted`. */
function endAttempt(attempt: OpenAttempt, ending: Ending, endedAt: Instant | null): EndedAttempt {
  const end = { phase: 'ended', ...(endedAt !== null && { endedAt }) } as const
  if (attempt.phase === 'waiting') {
    const { waitReason: _, ...claimed } = attempt
    const why = defined({ blockedBy: ending.blockedBy, gaveWayTo: ending.gaveWayTo })
    return { ...claimed, outcome: 'notStarted', ...why, ...end }
  }
  // The process of an attempt that reported its end is kept only if the ending says that it lives on. A row must stay small.
  const { process, ...begun } = attempt
  return { ...begun, ...(endedAt === null && process !== undefined && { process }), ...ending, ...end }
}
