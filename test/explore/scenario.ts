import type { Resolution } from '../../src/core/types.ts'
import type { RunSettings } from '../../src/run/settings.ts'

/** One process: a trigger, or an operator who resolves the slot. */
export interface HostPlan {
  readonly name: string
  readonly does: 'run' | 'force' | 'resolve'
  /** The state that an operator's resolution says. */
  readonly says?: Resolution['state']
  /** The slot, in days after the first one; default 0. */
  readonly day?: number
  /** How far the wall clock of the host is off. */
  readonly offsetMs?: number
}

/** Most disturbances of one schedule, by kind. `all` bounds their sum. */
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
  /** On top of `SHORT`, for all hosts. */
  readonly settings?: RunSettings
  readonly budget: Budget
  /** How often work fails. */
  readonly failures?: number
  /** Work does not end before the horizon. This bounds a scenario in which only its start matters. */
  readonly endless?: boolean
  /** Time from the first trigger until which everything is chosen. Later the run goes on in one way. */
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
