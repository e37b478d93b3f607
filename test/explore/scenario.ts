import type { Rerunnable } from '../../src/core/row/policy.ts'
import type { Resolution } from '../../src/core/types.ts'
import type { RunSettings } from '../../src/run/settings.ts'

/** One process: a trigger, an operator who resolves the slot or pauses the task from now on, or what removes the row of the slot. */
export interface HostPlan {
  readonly name: string
  readonly does: 'run' | 'force' | 'resolve' | 'pause' | 'remove'
  readonly says?: Resolution['state']
  readonly names?: string
  /** The statuses that a force names; the usual ones by default. */
  readonly only?: readonly Rerunnable[]
  readonly day?: number
  readonly offsetMs?: number
  /** It begins only this long after the start, in milliseconds. This limits a scenario in which only later begins matter. */
  readonly afterMs?: number
  /** It runs without the option of the others to do the work since the last success, and without their overlap lock. */
  readonly isPlain?: boolean
  /** Whether a run must ask for the record of its task. By default it knows the record, and that the task is not paused. */
  readonly asks?: boolean
}

/** A slot that ran before. Its run did the work after the slot `since`, in days; left out: only its own. */
export interface Past {
  readonly day: number
  /** `runs`: it still runs, without the overlap lock, as an earlier version of cronledger has it. */
  readonly outcome: 'succeeded' | 'failed' | 'runs'
  readonly since?: number
}

export const TASK = 'nightly'
export const START_MS = Date.parse('2026-11-24T03:00:00Z')
export const DAY_MS = 86_400_000
export const slotOf = ({ day = 0 }: Pick<HostPlan, 'day'>) => START_MS + day * DAY_MS
export const isTrigger = ({ does }: HostPlan) => does === 'run' || does === 'force'

/** The largest number of disturbances in one schedule, by kind. `all` limits their sum. */
export interface Budget {
  readonly all: number
  /** A request that is cut off from its answer, stalled, delivered twice or denied. */
  readonly network?: number
  readonly crash?: number
  readonly pause?: number
  readonly stop?: number
  readonly outage?: number
}

export interface Scenario {
  readonly name: string
  readonly hosts: readonly HostPlan[]
  readonly past?: readonly Past[]
  readonly settings?: RunSettings
  readonly budget: Budget
  readonly failures?: number
  /** Whether work goes on until the horizon. This limits a scenario in which only the start of work matters. */
  readonly endless?: boolean
  /** The time after the start during which every step is a choice. After it, the schedule goes on in one way. */
  readonly horizonMs: number
}

/** The shortest lease that three heartbeats, the skew and the time of a kill allow. */
export const SHORT = {
  leaseMs: 40_000,
  heartbeatMs: 10_000,
  skewMs: 5_000,
  killAfterMs: 5_000,
  ledgerTimeoutMs: 6_000,
  stopTimeoutMs: 6_000,
} as const satisfies RunSettings
