import type { Place, PlaceParts } from './place.ts'

export type { EcsFacts, KubernetesFacts, Place } from './place.ts'

/** Milliseconds since 1970-01-01T00:00:00Z. Text is only for input and output. */
export type Instant = number

/** The layout of rows and task records. A row or record with another version is never overwritten. */
export const SCHEMA_VERSION = 2

/** A schedule as the user wrote it, with its IANA zone, and for `rate(…)` the instant from which it counts. */
export interface ScheduleSpec {
  readonly expression: string
  readonly zone: string
  readonly anchor?: Instant
}

export interface Key {
  readonly task: string
  readonly slot: Instant
}

/** The range `[slot, end)`. `end` is null after the schedule's last fire time, because that window never closes. */
export interface Window {
  readonly slot: Instant
  readonly end: Instant | null
}

/** `clock`: the trigger has none, so the start of the process counts. `catch-up`: a run of a later slot starts it. */
export const EVENT_TIME_SOURCES = ['event-time', 'event', 'clock', 'catch-up'] as const
export type EventTimeSource = (typeof EVENT_TIME_SOURCES)[number]

export const TRIGGER_KINDS = ['scheduled', 'forced'] as const satisfies readonly Trigger['kind'][]

/** One delivery: a process that asks to run a task. */
export type Trigger =
  | { readonly kind: 'scheduled'; readonly eventTime: Instant; readonly source: EventTimeSource }
  | {
      readonly kind: 'forced'
      readonly by: string
      readonly reason: string
      /** It did not wait for the slots of `--after`. Left out: it did. */
      readonly ignoresAfter?: true
      /** The batch got no checkpoint. Left out: it got that of the attempt before. */
      readonly isFresh?: true
      /** The id of the repair that started it, which knows its own attempts by it. Left out: it was started by itself. */
      readonly plan?: string
    }

export type Environment = Readonly<Record<string, string | undefined>>

export interface Host {
  readonly host: string
  readonly ecsTask?: string
}

/** Distinguishes a process from a later one with the same pid, and from one in another container. */
export interface ProcessMark {
  readonly pid: number
  /** When the process started, in clock ticks since boot (field 22 of /proc/PID/stat). Left out if /proc hides it. */
  readonly startTicks?: number
  readonly boot: string
}

export const OUTCOMES = [
  'succeeded',
  'failed',
  'timedOut',
  'interrupted',
  'leaseLost',
  // It never reported its end. Another run took the slot over, or an operator resolved it.
  'abandoned',
  // The claim was made, but the batch was not started. Such an attempt never counts against `maxAttempts`.
  'notStarted',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface BackgroundProcess {
  readonly pid: number
  /** Without its arguments, otherwise secrets in them could end up in a log. */
  readonly command: string
}

/** A process of an earlier attempt that outlived its supervisor and still runs on this host. */
export interface Survivor extends BackgroundProcess {
  /** This process may not signal it. Left out: it may. */
  readonly isForeign?: true
}

export interface Ending {
  readonly outcome: Outcome
  readonly exitCode?: number
  readonly signal?: string
  /** A process of the batch that could not be ended, and lived on. Nothing may start while it lives. */
  readonly process?: ProcessMark
  /** A process that a successful batch left running, on purpose or not. Left out: it left none. */
  readonly background?: BackgroundProcess
  /** The report of the batch. Left out: it reported nothing, or its report is not among the newest that are kept. */
  readonly report?: string
  /** The slot that kept it from starting: it waited for that one (`--after`) until it was given up. Left out: there is none. */
  readonly blockedBy?: Key
  /** The slot of its task to which it gave way: that ran (`--overlap skip`), or has this one in its range. Left out: there is none. */
  readonly gaveWayTo?: Instant
}

interface AttemptFacts extends Host {
  /** Left out: none is known. */
  readonly place?: Place
  /** The trace of OpenTelemetry that the attempt is a part of. Left out: none. */
  readonly traceId?: string
  /** The fencing token. Numbers start at 1 and are never reused in a slot. */
  readonly number: number
  readonly runId: string
  readonly trigger: Trigger
  /** The hash of the command line, without its digits. Left out: the attempt was forced, or its work is a function of a program. */
  readonly commandHash?: string
  /** The newest completed slot before this one, as the batch gets it. Left out: it did not ask for it, or there is none. */
  readonly since?: Instant
  /** No completed slot was found after this time, where the search ended. Only slots after it are in the range of the attempt. */
  readonly searched?: Instant
  /** When the work started. Until the first write after that, or if nothing started: when the attempt was claimed. */
  readonly startedAt: Instant
}

/** Another slot (`--after`, `--overlap`), or the delay before a retry. */
export const WAIT_REASONS = ['slot', 'retry'] as const
export type WaitReason = (typeof WAIT_REASONS)[number]

interface WaitingAttempt extends AttemptFacts {
  readonly phase: 'waiting'
  readonly waitReason: WaitReason
  /** The slot that it waits for (`--after`). Left out: it waits for something else. */
  readonly blockedBy?: Key
  /** So that the outcome of any attempt can be read. */
  readonly outcome?: undefined
}

interface BegunFacts extends AttemptFacts {
  readonly claimedAt?: Instant
  /** The process of the batch, known from the first renewal on. */
  readonly process?: ProcessMark
}

interface RunningAttempt extends BegunFacts {
  readonly phase: 'running'
  readonly outcome?: undefined
}

export interface EndedAttempt extends BegunFacts, Ending {
  readonly phase: 'ended'
  /** Left out if the attempt never reported its end. */
  readonly endedAt?: Instant
}

export type OpenAttempt = WaitingAttempt | RunningAttempt
export type AttemptRecord = OpenAttempt | EndedAttempt

/** The states of a row in which nothing runs, and those that a resolution gives it. */
export const RESOLVED_STATES = ['COMPLETED', 'FAILED', 'SKIPPED'] as const
export type ResolvedState = (typeof RESOLVED_STATES)[number]

export const STATES = ['PENDING', ...RESOLVED_STATES] as const

/** The status of a slot, as users see it and filter by it. `judge` derives it from the row, the schedule and the time. */
export const STATUSES = [
  'running',
  // Claimed, and nothing has started yet.
  'waiting',
  // The lease ran out: the owner was killed, is paused, or cannot reach the ledger.
  'stale',
  'completed',
  'failed',
  'skipped',
  // The slot has been due for longer than the grace period, and has no row.
  'missed',
  // The slot has not completed within `--done-by`. It runs, waits, or has no row yet.
  'overdue',
  // The slot was due, and its grace period is not over. Its trigger may still come.
  'due',
  // The slot has no row, and is due later.
  'scheduled',
  // A newer cronledger wrote the row, so this version cannot read it.
  'unknown',
] as const
export type Status = (typeof STATUSES)[number]

/** The decision of an operator about a row, or a skip by `--overlap skip` or a pause. Later attempts do not remove it. */
export interface Resolution {
  readonly state: ResolvedState
  readonly at: Instant
  readonly by: string
  readonly reason: string
  /** The latest attempt at that time, or 0. It shows what came later, where clocks cannot. */
  readonly afterAttempt: number
}

const DUPLICATE_CAUSES = ['completed', 'skipped', 'running'] as const
export type DuplicateCause = (typeof DUPLICATE_CAUSES)[number]

const REFUSAL_CAUSES = [
  // A forced trigger came while an attempt was running.
  'running',
  'stale',
  'failed',
  'tooManyAttempts',
  'tooLate',
  // The event time is not a fire time of the schedule, and the caller does not accept that.
  'scheduleMismatch',
  // A process of the stale attempt still runs on this host.
  'survivor',
  'newerRow',
  // A newer cronledger wrote the record of the task, so it is unknown whether the task is paused.
  'newerTaskRecord',
  // The task record has another schedule for this slot, and the caller does not accept a change.
  'scheduleChanged',
  // The attempt of the slot is of another AWS account, and the caller does not accept that.
  'otherAccount',
  'overlap',
  // A slot that this one comes after has not completed.
  'blocked',
  // Later rows of the task cannot be read, so it is unknown whether a later run has done the work of the slot.
  'rangeUnknown',
  // A forced trigger is meant only for slots with a row, and this slot has no row.
  'noRow',
  // A forced trigger was asked for before the latest attempt of the slot began.
  'newerAttempt',
  // The slot completed once or was skipped, and the forced trigger is not meant for such slots.
  'completed',
  'skipped',
] as const
export type RefusalCause = (typeof REFUSAL_CAUSES)[number]

export const REJECTION_KINDS = ['duplicate', 'refused'] as const
export const REJECTION_CAUSES = [...new Set<DuplicateCause | RefusalCause>([...DUPLICATE_CAUSES, ...REFUSAL_CAUSES])]

/** `PlaceParts`: those that differ from the place of the attempt that has the slot. */
export interface Rejection extends Host, PlaceParts {
  readonly runId: string
  readonly kind: (typeof REJECTION_KINDS)[number]
  readonly cause: DuplicateCause | RefusalCause
  readonly at: Instant
  readonly trigger: Trigger
  /** Present if it is not that of the attempt that has the slot. */
  readonly commandHash?: string
}

/** The rejections of a row. All are counted. The first ones and the latest one are kept in full. */
export interface Rejections {
  readonly count: number
  /** How many of `count` were refused. The others are duplicates. */
  readonly refused: number
  /** How many of `count` had another command line than the attempt that had the slot. */
  readonly otherCommands: number
  readonly first: readonly Rejection[]
  readonly latest: Rejection | null
}

interface RowFacts extends Key {
  readonly schemaVersion: typeof SCHEMA_VERSION
  readonly windowEnd: Instant | null
  /** Grows by 1 with each write of an owner. It is only for compare-and-set. */
  readonly version: number
  /** A new random id in each write, by which a run recognises its own write after a lost answer. */
  readonly writeId: string
  /** The run id of the process whose write made the row or took it over last. It is the only proof of ownership. */
  readonly ownerRunId: string
  readonly schedule: ScheduleSpec
  readonly zoneData: string
  readonly unlistedAttempts: number
  readonly resolutions: readonly Resolution[]
  readonly expiresAt: Instant | null
  /** The checkpoint that the latest attempt left for the next one. Left out: there is none, or the slot has completed since. */
  readonly checkpoint?: string
  readonly rejections: Rejections
}

/** A row whose last attempt waits or runs, or has not reported its end. */
export interface PendingRow extends RowFacts {
  readonly state: 'PENDING'
  /** The oldest first: all that started, and the latest of those that never started. */
  readonly attempts: readonly [...EndedAttempt[], OpenAttempt]
  /** Until when PENDING is trusted, by the owner's clock. */
  readonly leaseUntil: Instant
}

export interface ClosedRow extends RowFacts {
  readonly state: ResolvedState
  readonly attempts: readonly EndedAttempt[]
  readonly leaseUntil: null
}

export type Row = PendingRow | ClosedRow

/** A row whose state was not yet compared with its attempts and its lease. */
export interface UncheckedRow extends RowFacts {
  readonly state: (typeof STATES)[number]
  readonly attempts: readonly AttemptRecord[]
  readonly leaseUntil: Instant | null
}

/** A row or a record that a newer cronledger wrote. It is shown and refused, but never read further or overwritten. */
export interface NewerSchema {
  readonly schemaVersion: number
  readonly newerSchema: true
}

/** `damage`: cronledger cannot have written this row. Readers are shown what is wrong with it. For a run, it is an error. */
export type UnreadableRow = Key & (NewerSchema | { readonly damage: string })

export type StoredRow = Row | UnreadableRow
