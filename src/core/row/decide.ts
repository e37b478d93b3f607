import type {
  AttemptRecord,
  DuplicateCause,
  Instant,
  Outcome,
  RefusalCause,
  Resolution,
  Row,
  StoredRow,
  Survivor,
  Trigger,
} from '../types.ts'
import {
  countedAttempts,
  endedAttempts,
  hasCompleted,
  hasStarted,
  isCatchUpTrigger,
  isLeftOpen,
  isOverlapSkip,
  openAttempt,
  startedAttempts,
  successOf,
  waitReasonOf,
} from './attempts.ts'
import {
  DEFAULT_FORCED,
  type Facts,
  MAX_ATTEMPTS,
  MAX_RESOLUTIONS,
  type Policy,
  RERUNNABLE,
  type Rerunnable,
  type RetryPolicy,
} from './policy.ts'
import { isEndUnknown, isRunning, isUnreadable, statusOfRow } from './status.ts'

export type Decision =
  | { readonly kind: 'start'; readonly base: Row | null }
  /** The slot is done or running, so the trigger starts nothing. Nothing is wrong. */
  | { readonly kind: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row }
  /** The slot has a row, so it need not be caught up. No scheduler asked for it, so nothing is recorded. */
  | { readonly kind: 'taken'; readonly row: StoredRow }
  /** The trigger starts nothing, because an operator has to decide. */
  | Refused<RefusalCause>

interface Refused<Cause> {
  readonly kind: 'refused'
  readonly cause: Cause
  readonly row: StoredRow | null
  readonly survivor: Survivor | null
}

interface Situation {
  readonly row: Row | null
  readonly policy: Policy
  readonly facts: Facts
  /** The answer if the slot is done, so that only a force may start in it. False: it is not done. */
  readonly done: Duplicate | false
  readonly isRunning: boolean
  readonly status: Rerunnable | null
  readonly isMeant: boolean
  /** Its run gave way to another slot, and runs of the task have ranges: it counts as having no row. */
  readonly hasGivenWay: boolean
  readonly isTooLate: boolean
}

/** Returns why the trigger starts nothing: the cause of a refusal, or another answer. Returns false if it does not apply. */
type Rule = (situation: Situation) => RefusalCause | Duplicate | Extract<Decision, { kind: 'taken' }> | false
type Duplicate = Extract<Decision, { kind: 'duplicate' }>

/** A new attempt would run at the same time as a process of an earlier one. */
const survivor: Rule = ({ facts }) => facts.survivor !== null && 'survivor'
/** A row must stay small. */
const tooManyAttempts: Rule = ({ row }) => row !== null && startedAttempts(row) >= MAX_ATTEMPTS && 'tooManyAttempts'
/** Its work may be of no use any more, and an operator can still force it. */
const tooLate: Rule = ({ isTooLate }) => isTooLate && 'tooLate'

/** The first rule that applies decides. If none does, the trigger starts. */
const RULES: Readonly<Record<Trigger['kind'] | 'caughtUp', readonly Rule[]>> = {
  scheduled: [
    // Its batch has the same name, and is another one: this attempt would hide what became of the other.
    ({ facts }) => facts.isOtherAccount === true && 'otherAccount',
    // The work is done, or an operator decided against it. This comes before the lease: while a force repeats a completed
    // slot, its work is still done.
    ({ done }) => done,
    ({ row, isRunning }) => row !== null && isRunning && { kind: 'duplicate', cause: 'running', row },
    survivor,
    tooManyAttempts,
    // A batch that failed half-way is started again only as often as the caller allows.
    ({ row, policy }) => row !== null && countedAttempts(row) >= policy.maxAttempts && staleOrFailed(row),
    // This comes last, so that a late trigger learns the state of the slot.
    tooLate,
  ],
  caughtUp: [
    // The slot is not missed any more. Rows do not count if the runs that made them started nothing and decided nothing.
    ({ row, hasGivenWay, isTooLate }) =>
      row !== null && (isTooLate || !(hasGivenWay || isLeftOpen(row))) && { kind: 'taken', row },
    tooLate,
  ],
  forced: [
    // The operator believes that the slot has run. The task or the slot may be misspelt.
    ({ row, isMeant }) => row === null && !isMeant && 'noRow',
    // An operator cannot know how the running attempt will end.
    ({ isRunning }) => isRunning && 'running',
    // The slot is done, and that is what the rerun of a range wants.
    ({ done, isMeant, policy }) => !isMeant && policy.forceOfRange === true && done,
    // A force of one slot would run finished work again, or the operator has seen another status.
    ({ row, status, isMeant }) =>
      row !== null && !isMeant && (status === 'completed' || status === 'skipped' ? status : staleOrFailed(row)),
    // Two forces that were asked for at the same time must start only one attempt, even if the attempt of the first one
    // ends before the second one makes its claim.
    ({ row, policy }) => row !== null && hasBegunSince(row, policy.forceAskedAt) && 'newerAttempt',
    survivor,
    tooManyAttempts,
  ],
}

export function decide(
  found: StoredRow | null,
  trigger: Trigger & { readonly slot: Instant },
  policy: Policy,
  facts: Facts,
): Decision {
  const refuse = (cause: RefusalCause): Decision => ({ kind: 'refused', cause, row: found, survivor: facts.survivor })
  const kind = isCatchUpTrigger(trigger) ? 'caughtUp' : trigger.kind
  // The slot may be the wrong one, so its row says nothing about this trigger.
  if (facts.objection !== null) return refuse(facts.objection)
  if (found !== null && isUnreadable(found)) {
    return kind === 'caughtUp' ? { kind: 'taken', row: found } : refuse('newerRow')
  }
  const situation = situationOf(found, trigger.slot, policy, facts)
  for (const rule of RULES[kind]) {
    const answer = rule(situation)
    if (answer !== false) return typeof answer === 'string' ? refuse(answer) : answer
  }
  return { kind: 'start', base: found }
}

function situationOf(row: Row | null, slot: Instant, policy: Policy, facts: Facts): Situation {
  const { skewMs, maxLatenessMs, forceStatus = DEFAULT_FORCED } = policy
  const status = rerunnableAs(row, facts.now, skewMs)
  const hasGivenWay = row !== null && facts.hasRanges === true && isOverlapSkip(row)
  const done = row === null || hasGivenWay ? null : terminalState(row)
  return {
    row,
    policy,
    facts,
    done: row !== null && done !== null && { kind: 'duplicate', cause: done, row },
    isRunning: row !== null && isRunning(row, facts.now, skewMs),
    status,
    isMeant:
      status !== null &&
      (forceStatus.includes(status) ||
        (hasGivenWay && forceStatus.includes('missed')) ||
        (facts.isCovered === true && forceStatus.includes('completed'))),
    hasGivenWay,
    isTooLate: maxLatenessMs !== null && facts.now - slot > maxLatenessMs,
  }
}

/** Returns whether the trigger may make the next attempt itself. In a forced run, only its own attempts count. */
export function mayRetry(row: Row, outcome: Outcome, policy: Pick<Policy, 'maxAttempts'> & RetryPolicy): boolean {
  const { maxAttempts, retryDelayMs } = policy
  if (retryDelayMs === null || (outcome !== 'failed' && outcome !== 'timedOut')) return false
  if (startedAttempts(row) >= MAX_ATTEMPTS) return false
  const forced = row.attempts.at(-1)?.trigger.kind === 'forced'
  const own = row.attempts.filter(({ runId }) => runId === row.ownerRunId)
  return (forced ? own.length : countedAttempts(row)) < maxAttempts
}

export type ResolveObjection =
  | 'newerRow'
  | 'running'
  | 'completed'
  | 'tooManyResolutions'
  /** The operator names a run, and the latest attempt that counts is not one of that run. */
  | 'otherRun'
  /** The operator names a run that has ended, and a process of it still runs on this host. */
  | 'survivor'
  /** The slot is not due and nothing has started in it, so it cannot have completed or failed. */
  | 'notDue'

export type ResolveDecision = { readonly kind: 'resolve'; readonly base: Row | null } | Refused<ResolveObjection>

export interface ResolveFacts {
  readonly slot: Instant
  readonly state: Resolution['state']
  readonly now: Instant
  readonly skewMs: number
  /** The run that the operator knows to have ended, also if its lease still holds. Null or left out: none. */
  readonly endedRun?: string | null
  readonly survivor?: Survivor | null
  /** False: the slot completed after the operator had looked at it, so the decision is not about that success. */
  readonly hasSeenIt?: boolean
}

/**
 * A running attempt reports its own end, unless the operator knows that its run has ended. A completed slot stays completed,
 * but a force can run it again. An operator who has looked at it may say so, once for each success. That settles what `check`
 * reports of it, also a run of the future by a host with a wrong clock. A slot that is not due can only be skipped: otherwise
 * its batch would never run, and no audit would report that.
 */
export function decideResolution(
  found: StoredRow | null,
  { slot, state, now, skewMs, endedRun = null, survivor = null, hasSeenIt = true }: ResolveFacts,
): ResolveDecision {
  const refuse = (cause: ResolveObjection): ResolveDecision => ({
    kind: 'refused',
    cause,
    row: found,
    survivor: cause === 'survivor' ? survivor : null,
  })
  if (found !== null && isUnreadable(found)) return refuse('newerRow')
  if (found?.state === 'COMPLETED' && !(state === 'COMPLETED' && endedRun === null && hasSeenIt && mayBeSettled(found)))
    return refuse('completed')
  if (state !== 'SKIPPED' && slot > now && !found?.attempts.some(hasStarted)) return refuse('notDue')
  if (found === null) return endedRun === null ? { kind: 'resolve', base: null } : refuse('otherRun')
  // The operator knows about that run only. Another run may be running, or may have done the work since.
  if (endedRun !== null && decidingAttempt(found)?.runId !== endedRun) return refuse('otherRun')
  if (endedRun === null && isRunning(found, now, skewMs)) return refuse('running')
  if (endedRun !== null && survivor !== null) return refuse('survivor')
  if (found.resolutions.length >= MAX_RESOLUTIONS) return refuse('tooManyResolutions')
  return { kind: 'resolve', base: found }
}

/** Returns whether an attempt has succeeded, and no operator has looked at the slot since. */
function mayBeSettled({ attempts, resolutions }: Row): boolean {
  const success = successOf({ attempts })
  return success !== undefined && !resolutions.some(({ afterAttempt }) => afterAttempt >= success.number)
}

/** Returns the status for a force: `completed` if the work was ever done. Null: it is running, or unreadable. */
export function rerunnableAs(found: StoredRow | null, now: Instant, skewMs: number): Rerunnable | null {
  if (found === null) return 'missed'
  const status = RERUNNABLE.find((one) => one === statusOfRow(found, { now, skewMs })) ?? null
  const isDone = !isUnreadable(found) && terminalState(found) === 'completed'
  return status !== null && isDone ? 'completed' : status
}

function staleOrFailed(row: Row): 'stale' | 'failed' {
  return isEndUnknown(row) ? 'stale' : 'failed'
}

/** Returns the attempt whose result the slot has or waits for. A later attempt that never started does not count. */
export function decidingAttempt(row: Row): AttemptRecord | undefined {
  if (row.state === 'PENDING' && waitReasonOf(row) !== 'retry') return openAttempt(row)
  return row.attempts.findLast(hasStarted) ?? row.attempts.at(-1)
}

/** Returns whether the last attempt that started and ended has left the slot to a decision, which no operator has made. */
export function isUndecided(row: Row): boolean {
  const last = endedAttempts(row).findLast(hasStarted)
  if (last === undefined || terminalState(row) !== null) return false
  return !row.resolutions.some(({ afterAttempt }) => afterAttempt >= last.number)
}

export function terminalState(row: Row): 'completed' | 'skipped' | null {
  if (hasCompleted(row)) return 'completed'
  const wasSkipped = row.resolutions.some(({ state }) => state === 'SKIPPED')
  return wasSkipped || row.state === 'SKIPPED' ? 'skipped' : null
}

function hasBegunSince(row: Row, askedAt = Number.POSITIVE_INFINITY): boolean {
  return row.attempts.some((attempt) => hasStarted(attempt) && attempt.startedAt > askedAt)
}
