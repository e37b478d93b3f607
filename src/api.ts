import type { KnownTask } from './audit/tasks.ts'
import type { RunContext, RunEvent } from './core/event.ts'
import type { MissedSlot, TaskFinding } from './core/row/expected-slots.ts'
import type { Rerunnable } from './core/row/rerunnable.ts'
import type { ScheduleOptions } from './core/schedule/schedule-options.ts'
import type { OrUndefined, StoredRow } from './core/types.ts'
import type { CommandOptions } from './run/command.ts'
import type { ResolveResult } from './run/resolve.ts'
import type { RunOutcome, TriggerOptions } from './run/run-trigger.ts'

export type { Force, RunOutcome } from './run/run-trigger.ts'

// What the library takes and gives. An option that is undefined, as a variable of the environment may be, is left out.

export interface LedgerOptions {
  /** `dynamodb:TABLE` or `file:PATH`; there is no default. */
  readonly store: string
  /** Told of every transition of every run. Heartbeats wait for it, so it must return soon; what it throws is dropped. */
  readonly log?: ((event: RunEvent, context: RunContext) => void) | undefined
}

export interface RunOptions extends TriggerOptions {
  /** Tells the run to stop. */
  readonly signal?: AbortSignal | undefined
}

/** What the work is given. */
export interface Attempt {
  readonly task: string
  readonly slot: Date
  /** Null after the schedule's last slot. */
  readonly windowEnd: Date | null
  /** From 1; a later attempt of the slot has a higher one: hand it on as a fencing token. */
  readonly number: number
  readonly runId: string
  /** Aborts when the work must end: it is told to stop, or another run took the lease over. */
  readonly signal: AbortSignal
}

export interface ReadOptions {
  /** How long the ledger may take for one answer; default 30 s. */
  readonly ledgerTimeoutMs?: number | undefined
  /** Ends a wait for the ledger. */
  readonly signal?: AbortSignal | undefined
}

export interface GetOptions extends ReadOptions {
  readonly task: string
  /** The instant of the slot. A text is ISO 8601 with an offset. */
  readonly slot: string | Date
}

export interface HistoryOptions extends ReadOptions {
  /** Left out: all tasks. */
  readonly task?: string | undefined
  /** Slots from here on (inclusive). Text is ISO 8601 with an offset. Of all tasks, the default is 7 days ago. */
  readonly since?: string | Date | undefined
  /** Slots before this (exclusive). Of all tasks, the default is the end of the day in UTC. */
  readonly until?: string | Date | undefined
  /** Most rows; default all. */
  readonly limit?: number | undefined
}

export interface SlotsOptions extends Omit<HistoryOptions, 'limit'>, OrUndefined<ScheduleOptions> {
  /** How long a slot may be due before it is missed. */
  readonly graceMs: number
}

export interface TasksOptions extends ReadOptions {
  /** Left out: all tasks. */
  readonly task?: string | undefined
}

export interface CheckOptions extends ReadOptions, OrUndefined<ScheduleOptions> {
  /** Default: every task of the registry. A task that `tasks` gave is not read again, and `schedule` is ignored. */
  readonly task?: string | KnownTask | undefined
  readonly since: Date
  /** Exclusive. */
  readonly until: Date
  /** How long a slot may be due before it is missed. */
  readonly graceMs: number
  /** A first attempt that started later than this after its slot is late; default: never. */
  readonly lateAfterMs?: number | undefined
  readonly skewMs?: number | undefined
  /**
   * Called for each slot that is checked, newest first; the check waits for it. Where several tasks are checked, the
   * slots of up to 16 tasks come mixed.
   */
  readonly progress?: ((task: string, slot: Date) => void) | undefined
}

export interface FindSlotOptions extends ReadOptions, OrUndefined<ScheduleOptions> {
  readonly task: string
  /** An instant, local time, a date with one slot, or `latest`. */
  readonly slot: string | Date
}

export interface RerunnableOptions extends ReadOptions, OrUndefined<ScheduleOptions> {
  readonly task: string
  /** From here on (inclusive): an instant, a date in the schedule's zone, or how long ago (`7d`). */
  readonly from: string | Date
  /** Exclusive, but a date counts as a whole; default: now. */
  readonly to?: string | Date | undefined
  /** Default: `missed`, `failed` and `stale`. */
  readonly only?: readonly Rerunnable[] | undefined
  /** How long a slot may be due before it is missed; default 15 min. */
  readonly graceMs?: number | undefined
  /** How long rows are kept: missed slots from before that may be ones that ran well, and are a usage error. */
  readonly retentionMs?: number | undefined
  readonly skewMs?: number | undefined
}

/** A slot, and the schedule that has it, as the options of a run want it. */
export interface FoundSlot {
  readonly slot: Date
  readonly schedule: ScheduleOptions
}

export interface RerunnableSlot extends FoundSlot {
  readonly why: Rerunnable
}

export interface ResolveOptions extends OrUndefined<ScheduleOptions>, ReadOptions {
  readonly task: string
  /** An instant, local time, a date with one slot, or `latest`. */
  readonly slot: string | Date
  readonly state: 'COMPLETED' | 'FAILED' | 'SKIPPED'
  readonly reason: string
  /** Default: the ECS task, or user and host. */
  readonly by?: string | undefined
  readonly skewMs?: number | undefined
}

export type Resolved = Exclude<ResolveResult, { kind: 'unanswered' }> & { readonly slot: Date }

export interface Ledger {
  /**
   * Runs `work` once in the slot that the event time belongs to, or says why not. `work` must end when its signal aborts.
   *
   * Throws `LedgerError` for wrong options and for a ledger out of reach; then `work` was not called.
   */
  run<T>(options: RunOptions, work: (attempt: Attempt) => T | Promise<T>): Promise<RunOutcome<T>>
  /** The same around a command, as a child process whose group is supervised. */
  runCommand(options: RunOptions, command: CommandOptions): Promise<RunOutcome<null>>
  /**
   * Returns the row of one slot by a strongly consistent read, or null if the slot has no row. A row that was written a
   * moment ago is found. Throws a usage error if the task or the slot is not valid.
   */
  get(options: GetOptions): Promise<StoredRow | null>
  /**
   * The rows of a task, or of all tasks, newest slot first. Rows are fetched as they are taken.
   * For people and audits: a row that was written a moment ago may be missing.
   */
  history(options: HistoryOptions): AsyncGenerator<StoredRow>
  /**
   * The rows of `history`, and in their places the slots that were missed: due, and no row. Those of a task are known by
   * the schedule that is given, or else by the registry; without `since`, from the task's first row on. Throws as `check`.
   */
  slots(options: SlotsOptions): AsyncGenerator<StoredRow | MissedSlot>
  /**
   * What is wrong with the slots of a task, or of every task of the registry by name, newest first: missed (due, and no
   * row), failed, stale, late. Up to 16 tasks are read at a time. Throws a usage error for a task that the registry does not know and whose schedule is not given,
   * and where it knows no task at all.
   */
  check(options: CheckOptions): AsyncGenerator<TaskFinding>
  /** The slot that a person means, by the schedule that is given, or by those of the registry. Throws a usage error. */
  findSlot(options: FindSlotOptions): Promise<FoundSlot>
  /**
   * The due slots of a range that are missed, failed, stale or completed, newest first: what a person may want run again,
   * each by `force` with the same `only`. For a list, as `history` is.
   */
  rerunnable(options: RerunnableOptions): AsyncGenerator<RerunnableSlot>
  /** The tasks of the registry by name, each with the schedules that it had; or the one task that `options` name. */
  tasks(options?: TasksOptions): AsyncGenerator<KnownTask>
  /**
   * Puts a person's word on a slot: what became of a stale or failed one, or that a slot, also one to come, shall not run.
   * Never on a running or completed one. Throws `unreachable` where the word may or may not be on record.
   */
  resolve(options: ResolveOptions): Promise<Resolved>
  /** Lets go of the ledger's connections. */
  close(): Promise<void>
}
