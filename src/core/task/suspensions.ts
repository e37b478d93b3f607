import type { Instant } from '../types.ts'
import type { Suspension, TaskRecord } from './task-record.ts'

function covers({ from, until }: Suspension, slot: Instant): boolean {
  return from <= slot && (until === null || slot < until)
}

/** Returns whether some of the suspension is after `instant`. One that ends where it begins covers nothing. */
export function endsAfter({ from, until }: Suspension, instant: Instant): boolean {
  return until === null || (until > instant && until > from)
}

/**
 * Returns the pause in which a scheduled trigger starts nothing: it covers the slot, or it has begun and the slot is earlier.
 * An operator who pauses a task expects that nothing starts from now on. The clock of the operator may be ahead by `skewMs`.
 */
export function pauseFor({ pauses }: Pick<TaskRecord, 'pauses'>, slot: Instant, now: Instant, skewMs: number) {
  const holds = (pause: Suspension) =>
    covers(pause, slot) || (pause.from <= now + skewMs && endsAfter(pause, now) && slot < pause.from)
  return pauses.findLast(holds) ?? null
}

export function retirementAt({ retirements }: Pick<TaskRecord, 'retirements'>, slot: Instant): Suspension | null {
  return retirements.findLast((one) => one.until === null && covers(one, slot)) ?? null
}

/** Returns whether the slot must not be caught up: the task is paused now, or it was paused or retired at that slot. */
export function isSuspended(record: TaskRecord, slot: Instant, now: Instant, skewMs: number): boolean {
  return pauseFor(record, slot, now, skewMs) !== null || record.retirements.some((one) => covers(one, slot))
}

export interface FoundSuspension {
  readonly kind: 'pause' | 'retirement'
  readonly suspension: Suspension
}

type Suspensions = Pick<TaskRecord, 'pauses' | 'retirements'>

/** Returns the pause or the retirement that covers a slot, also if it is over now. */
export function suspensionOf(record: Suspensions | null, slot: Instant): FoundSuspension | null {
  return record && (covering('pause', record.pauses, slot) ?? covering('retirement', record.retirements, slot))
}

/** Returns the retirement or the pause that is in force at `now`, or null. A task that is retired is not called paused. */
export function suspensionAt({ pauses, retirements }: Suspensions, now: Instant): FoundSuspension | null {
  return covering('retirement', retirements, now) ?? covering('pause', pauses, now)
}

function covering(kind: FoundSuspension['kind'], all: readonly Suspension[], at: Instant): FoundSuspension | null {
  const suspension = all.findLast((one) => covers(one, at))
  return suspension === undefined ? null : { kind, suspension }
}

/** Returns the pauses and the retirement that are in force at `now`, or that begin later. */
export function openSuspensions({ pauses, retirements }: Suspensions, now: Instant) {
  return {
    pauses: pauses.filter((one) => endsAfter(one, now)),
    retirement: retirements.findLast((one) => endsAfter(one, now)) ?? null,
  }
}

export function isRetired({ retirements }: Pick<TaskRecord, 'retirements'>, now: Instant): boolean {
  return retirements.some((one) => covers(one, now))
}

export interface Gap {
  readonly from: Instant
  readonly until: Instant
}

export function gapsOf(record: Suspensions | null): readonly Gap[] {
  if (record === null) return []
  return [...record.pauses, ...record.retirements].map(({ from, until }) => ({
    from,
    until: until ?? Number.POSITIVE_INFINITY,
  }))
}
