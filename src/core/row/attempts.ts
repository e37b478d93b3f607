import type {
  AttemptRecord,
  EndedAttempt,
  Instant,
  Key,
  OpenAttempt,
  PendingRow,
  ProcessMark,
  Row,
  Trigger,
  WaitReason,
} from '../types.ts'

interface Attempts {
  readonly attempts: readonly AttemptRecord[]
}

export function isOpen(attempt: AttemptRecord): attempt is OpenAttempt {
  return attempt.phase !== 'ended'
}

export function isEnded(attempt: AttemptRecord): attempt is EndedAttempt {
  return attempt.phase === 'ended'
}

export function endedAttempts(row: Row | null): readonly EndedAttempt[] {
  const attempts: readonly AttemptRecord[] = row?.attempts ?? []
  return attempts.filter(isEnded)
}

export function openAttempt({ attempts }: PendingRow): OpenAttempt {
  const open = attempts.find(isOpen)
  if (open === undefined) throw new Error('a PENDING row without an open attempt')
  return open
}

export function hasStarted(attempt: AttemptRecord): boolean {
  switch (attempt.phase) {
    case 'waiting':
      return false
    case 'running':
      return true
    case 'ended':
      return attempt.outcome !== 'notStarted'
  }
}

/** The requests before the start take less than this, also if nothing is waited for. */
const SHORTEST_WAIT_MS = 1_000

/** Returns how many milliseconds the attempt waited before it began. Null: it did not, or still waits. */
export function waitMsOf(attempt: AttemptRecord): number | null {
  if (attempt.phase === 'waiting' || attempt.claimedAt === undefined) return null
  const waitMs = attempt.startedAt - attempt.claimedAt
  return waitMs < SHORTEST_WAIT_MS ? null : waitMs
}

/** Returns how long after its slot the first attempt started, in milliseconds. Null: none did, or it was forced. */
export function latenessMsOf({ slot, attempts }: Row): number | null {
  const first = attempts.find(hasStarted)
  // On a host whose clock is slow, an attempt may start a moment before its slot.
  return first?.trigger.kind === 'scheduled' ? Math.max(0, first.startedAt - slot) : null
}

export function isUnstarted(attempt: AttemptRecord): boolean {
  return attempt.outcome === 'notStarted'
}

export function hasSucceeded(attempt: AttemptRecord): attempt is EndedAttempt & { readonly outcome: 'succeeded' } {
  return attempt.outcome === 'succeeded'
}

/** Returns how long an attempt took, in milliseconds. Undefined: its end is not known. */
export function ranMsOf({ startedAt, endedAt }: EndedAttempt): number | undefined {
  // The clock of the host may have been set back during the attempt.
  return endedAt === undefined ? undefined : Math.max(0, endedAt - startedAt)
}

/** Returns what the batch said of the attempt. Undefined: nothing, or the row does not keep it any more. */
export function batchReport(attempt: AttemptRecord): string | undefined {
  return attempt.phase === 'ended' ? attempt.report : undefined
}

export function processLeftBy(attempt: AttemptRecord): ProcessMark | undefined {
  return attempt.phase === 'ended' && attempt.outcome !== 'abandoned' ? attempt.process : undefined
}

export function isCatchUpTrigger(trigger: Trigger): boolean {
  return trigger.kind === 'scheduled' && trigger.source === 'catch-up'
}

export function sinceOf({ attempts }: Pick<Row, 'attempts'>): Instant | undefined {
  return attempts.at(-1)?.since
}

export function isOfScheduler({ trigger }: AttemptRecord): boolean {
  return trigger.kind === 'scheduled' && !isCatchUpTrigger(trigger)
}

/** Returns what the last attempt of a row waits for. Null: it does not wait. */
export function waitReasonOf({ attempts }: Row): WaitReason | null {
  const last = attempts.at(-1)
  return last?.phase === 'waiting' ? last.waitReason : null
}

export function blockerOf(attempt: AttemptRecord | undefined): Key | null {
  return attempt === undefined || attempt.phase === 'running' ? null : (attempt.blockedBy ?? null)
}

/** Returns the slot for which the latest attempt waits or waited, if no attempt has started. Null: nothing blocks the slot. */
export function blockedBy({ attempts }: Row): Key | null {
  return attempts.some(hasStarted) ? null : blockerOf(attempts.at(-1))
}

/** Returns whether nothing has started, and all claims were of catch-ups, blocked or gave way. The slot is still to be caught up. */
export function isLeftOpen({ state, resolutions, attempts }: Row): boolean {
  const isOpen = (one: AttemptRecord) =>
    isUnstarted(one) && (isCatchUpTrigger(one.trigger) || blockerOf(one) !== null || gaveWayTo(one) !== undefined)
  return state === 'FAILED' && resolutions.length === 0 && attempts.every(isOpen)
}

export function gaveWayTo(attempt: AttemptRecord | undefined): Instant | undefined {
  return attempt?.phase === 'ended' ? attempt.gaveWayTo : undefined
}

/** Returns whether the slot has nothing but claims that gave way to later runs. It then counts as having no row. */
export function hasOnlyGivenWay({ state, resolutions, attempts, unlistedAttempts }: Row): boolean {
  const isOpen = (one: AttemptRecord) => isUnstarted(one) && gaveWayTo(one) !== undefined
  return state === 'FAILED' && resolutions.length + unlistedAttempts === 0 && attempts.every(isOpen)
}

/** Returns whether cronledger skipped the slot, because another one ran. No person has decided that its work is not needed. */
export function isOverlapSkip({ state, resolutions }: Row): boolean {
  return state === 'SKIPPED' && resolutions.at(-1)?.by === 'cronledger'
}

/** The number of the latest attempt, because numbers are never reused. */
export function attemptCount(row: Pick<Row, 'attempts'> | null): number {
  return row?.attempts.at(-1)?.number ?? 0
}

export function startedAttempts({ attempts }: Attempts): number {
  return attempts.filter(hasStarted).length
}

/**
 * Returns how many attempts count against `maxAttempts`: each that started, whoever asked for it. An operator who says that a slot
 * failed in which nothing had started has run the batch by hand, so that counts as well.
 */
export function countedAttempts({ attempts, resolutions }: Pick<Row, 'attempts' | 'resolutions'>): number {
  const firstStarted = attempts.find(hasStarted)?.number ?? Number.POSITIVE_INFINITY
  const byHand = resolutions.filter(({ state, afterAttempt }) => state === 'FAILED' && afterAttempt < firstStarted)
  return startedAttempts({ attempts }) + byHand.length
}

export function hasCompleted(row: Row): boolean {
  return successOf(row) !== undefined || row.resolutions.some(({ state }) => state === 'COMPLETED')
}

/** Returns whether an attempt that failed or stopped reporting came before the latest success. */
export function isRepaired({ attempts }: Row): boolean {
  const last = attempts.findLastIndex(hasSucceeded)
  return attempts.slice(0, Math.max(0, last)).some((one) => hasStarted(one) && !hasSucceeded(one))
}

/**
 * Returns how long after its slot the first attempt started, in milliseconds, if nothing had claimed the slot in the grace period,
 * so that it was missed until then. Null: something had, or nothing has started.
 */
export function missedForMs({ slot, attempts, unlistedAttempts }: Row, graceMs: number): number | null {
  const [claimed, started] = [attempts[0], attempts.find(hasStarted)]
  if (claimed === undefined || started === undefined || unlistedAttempts > 0) return null
  return claimedAtOf(claimed) > slot + graceMs ? started.startedAt - slot : null
}

export function claimedAtOf(attempt: AttemptRecord): Instant {
  return attempt.phase === 'waiting' ? attempt.startedAt : (attempt.claimedAt ?? attempt.startedAt)
}

/** Returns whether the latest attempt completed the slot after a problem that a run or a check had reported. */
export function isRecovered({ slot, attempts }: Row, graceMs: number, doneByMs: number | null): boolean {
  const [success, earlier] = [attempts.at(-1), attempts.slice(0, -1)]
  if (success === undefined || !hasSucceeded(success)) return false
  // A success that a force repeats is not a recovery, also if a force that never started came in between.
  const before = earlier.findLast(hasStarted) ?? earlier.at(-1)
  if (before !== undefined) return !hasSucceeded(before)
  return claimedAtOf(success) > slot + graceMs || (doneByMs !== null && (success.endedAt ?? 0) > slot + doneByMs)
}

export function successOf({ attempts }: Attempts): EndedAttempt | undefined {
  return attempts.findLast(hasSucceeded)
}

/** Returns the attempt whose duration and report count: the one that completed the slot, or the one that runs. */
export function measuredAttempt({ state, attempts }: Row): AttemptRecord | undefined {
  const last = attempts.at(-1)
  if (state === 'COMPLETED') return successOf({ attempts })
  return state === 'PENDING' && last?.phase === 'running' ? last : undefined
}
