import type { Resolution } from '../../src/core/types.ts'
import type { RunSettings } from '../../src/run/settings.ts'

/** One process: a trigger, or an operator who resolves the slot. */
export interface HostPlan {
  readonly name: string
  readonly does: 'run' | 'force' | 'resolve'
  /** The state that the operator's resolution sets. */
  readonly says?: Resolution['state']
  /** The slot, in days after the first one; 0 by default. */
  readonly day?: number
  /** The difference of the host's wall clock from the true time, in milliseconds. */
  readonly offsetMs?: number
}

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
  /** Settings of all hosts, in addition to `SHORT`. */
  readonly settings?: RunSettings
  readonly budget: Budget
  /** The largest number of times that work fails. */
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
  finishTimeoutMs: 12_000,
  stopTimeoutMs: 6_000,
} as const satisfies RunSettings
