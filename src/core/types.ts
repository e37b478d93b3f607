/** Milliseconds since 1970-01-01T00:00:00Z. Every instant in the core is one; text is for borders. */
export type Instant = number

/** The version of the row's layout that this code reads and writes. A row with another one is never overwritten. */
export const SCHEMA_VERSION = 1

/** What the user wrote: an expression, the IANA zone that it is read in, and for `rate(…)` where counting starts. */
export interface ScheduleSpec {
  readonly expression: string
  readonly zone: string
  readonly anchor?: Instant
}

/** Every member may be left out, or be undefined. */
export type OrUndefined<T> = { readonly [Name in keyof T]?: T[Name] | undefined }

/** The key of a row: one task, one slot. */
export interface Key {
  readonly task: string
  readonly slot: Instant
}

/** `[slot, end)`. `end` is null after the schedule's last fire time: that window never closes. */
export interface Window {
  readonly slot: Instant
  readonly end: Instant | null
}

/** Where an event time came from. `clock` means that nobody gave one, and the start of the process stood in. */
export type EventTimeSource = 'event-time' | 'event' | 'clock'

/** One delivery: a process that asks to run a task. */
export type Trigger =
  | { readonly kind: 'scheduled'; readonly eventTime: Instant; readonly source: EventTimeSource }
  | { readonly kind: 'forced'; readonly by: string; readonly reason: string }

/** Where a process runs: the host's name and, under ECS, the task's ARN. */
export interface Host {
  readonly host: string
  readonly ecsTask?: string
}

/** A process of one machine, told apart from a later one with the same pid. */
export interface ProcessMark {
  readonly pid: number
  /** Start of the process in clock ticks since boot (field 22 of /proc/PID/stat). */
  readonly startTicks: number
  /** Boot id and PID namespace: pids of two containers of one machine are different things. */
  readonly boot: string
}

export type Outcome =
  | 'succeeded'
  | 'failed'
  | 'timedOut'
  | 'interrupted'
  | 'leaseLost'
  /** The attempt never reported; another run took the slot over, or a person settled it. */
  | 'abandoned'
  /** The claim was made, but nothing was started: such an attempt never counts against `maxAttempts`. */
  | 'notStarted'

/** A process of an earlier attempt that outlived its supervisor, and still lives on this host. */
export interface Survivor {
  readonly pid: number
  /** Short name of its program: never the arguments, which may hold secrets and end up in a log. */
  readonly command: string
}

/** How the work of an attempt ended, as far as the row is concerned. */
export interface Ending {
  readonly outcome: Outcome
  readonly exitCode?: number
  readonly signal?: string
}

export interface Attempt extends Host, Partial<Ending> {
  /** From 1, never reused in a slot: the fencing token. */
  readonly number: number
  readonly runId: string
  readonly trigger: Trigger
  /** Claimed, and nothing is started yet: it waits for its turn, or for the delay before a retry. */
  readonly phase?: 'waiting'
  /** When it was claimed; for one that waited, when its wait was over. */
  readonly startedAt: Instant
  /** For one that waited: when it was claimed. */
  readonly claimedAt?: Instant
  readonly endedAt?: Instant
  /** The child, known from the first renewal on. */
  readonly process?: ProcessMark
}

export type State = 'PENDING' | 'COMPLETED' | 'FAILED' | 'SKIPPED'

/** A person's word on a row, or what `--overlap skip` said of it, which outlives later attempts. */
export interface Resolution {
  readonly state: 'COMPLETED' | 'FAILED' | 'SKIPPED'
  readonly at: Instant
  readonly by: string
  readonly reason: string
  /** Number of the latest attempt then, 0 where there was none: tells what came later, where clocks cannot. */
  readonly afterAttempt: number
}

export type DuplicateCause = 'completed' | 'skipped' | 'running'
export type RefusalCause =
  /** A forced trigger, while an attempt runs. */
  | 'running'
  | 'stale'
  | 'failed'
  | 'tooManyAttempts'
  | 'tooLate'
  /** The event time is no fire time of the schedule, and the caller does not accept that. */
  | 'scheduleMismatch'
  /** A process of the stale attempt still lives on this host. */
  | 'survivor'
  /** A newer cronledger wrote the row. */
  | 'newerRow'
  /** Another slot of the task runs. */
  | 'overlap'
  /** A forced trigger that is meant for slots with a row, and this one has none any more. */
  | 'noRow'
  /** A forced trigger that was asked for before the slot's latest attempt began. */
  | 'newerAttempt'

/** A trigger that started nothing, as the row remembers it. */
export interface Rejection extends Host {
  readonly runId: string
  readonly kind: 'duplicate' | 'refused'
  readonly cause: DuplicateCause | RefusalCause
  readonly at: Instant
  readonly trigger: Trigger
}

/** What a row keeps of its rejections: all of them counted, the first ones and the latest in full. */
export interface Rejections {
  readonly count: number
  /** How many of them were refused; the others are duplicates. */
  readonly refused: number
  readonly first: readonly Rejection[]
  readonly latest: Rejection | null
}

/** The stored record of one task and slot. */
export interface Row extends Key {
  readonly schemaVersion: typeof SCHEMA_VERSION
  readonly windowEnd: Instant | null
  readonly state: State
  /** +1 with every owner's write; for compare-and-set only. */
  readonly version: number
  /** A fresh random id in every write, by which a lost answer is recognised. */
  readonly writeId: string
  /** Run id of the process whose write made or took the row last: the only proof of ownership. */
  readonly owner: string
  readonly schedule: ScheduleSpec
  /** Version of the IANA zone data that gave the slot. */
  readonly zoneData: string
  /** Oldest first. All that started, and the latest of those that never did. */
  readonly attempts: readonly Attempt[]
  /** How many attempts that never started are counted here, and not listed any more. */
  readonly unlistedAttempts: number
  /** How long PENDING is trusted, by the owner's clock; null when nothing runs. */
  readonly leaseUntil: Instant | null
  readonly resolutions: readonly Resolution[]
  readonly expiresAt: Instant | null
  readonly rejections: Rejections
}

/** A row that a newer cronledger wrote: it is shown and refused, never read further or overwritten. */
export interface NewerSchemaRow extends Key {
  readonly schemaVersion: number
  readonly newerSchema: true
}

export type StoredRow = Row | NewerSchemaRow
