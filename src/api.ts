import type { Note } from './audit/check.ts'
import type { RangeRule } from './audit/rerunnable.ts'
import type { KnownTask } from './audit/tasks.ts'
import type { LedgerError } from './core/errors.ts'
import type { RunContext, RunEvent } from './core/event.ts'
import type { Selectable } from './core/row/policy.ts'
import type { ScheduleOptions } from './core/schedule/schedule-options.ts'
import type { Period } from './core/task/schedule-switch.ts'
import type { Suspension, TaskRecord } from './core/task/task-record.ts'
import type { ResolvedState, StoredRow } from './core/types.ts'
import type { Attempt, WorkOutcome } from './function-work.ts'
import type { CommandOptions } from './run/command.ts'
import type { ResolveResult } from './run/resolve.ts'
import type { TriggerOptions } from './run/run-trigger.ts'
import type { Expectation, RunSettings } from './run/settings.ts'
import type { RunOutcome } from './said-run.ts'
import type { LeftOut } from './verdict/cautions.ts'
import type { JudgedSlot, TaskFinding, TaskHealth } from './verdict/judge.ts'
import type { EventVerdict } from './verdict/verdict.ts'

// An option that is undefined counts as left out, because a variable of the environment may be undefined.

export interface LedgerOptions {
  /** The address of the ledger, as in `--store`. It must be given. */
  readonly store: string
  /**
   * Called with each event of a run. Heartbeats wait for it, so it must be quick. Its errors are ignored. `verdict`: what
   * the log says of the slot after the event. Null: nothing.
   */
  readonly log?: ((event: RunEvent, context: RunContext, verdict: EventVerdict | null) => void) | undefined
}

export interface RunOptions extends TriggerOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions {
  /** How long the ledger may take for one answer, in milliseconds. Default: 30 s. */
  readonly ledgerTimeoutMs?: number | undefined
  /** Ends a wait for the ledger. */
  readonly signal?: AbortSignal | undefined
}

interface OfOneTask extends ReadOptions {
  readonly task: string
}

interface OfTasks extends ReadOptions {
  /** Default: all tasks. */
  readonly task?: string | undefined
}

interface ProblemOptions {
  /** Called for a task that cannot be read. All others are yielded all the same. Left out: the error is thrown. */
  readonly emitProblem?: ((problem: string) => void) | undefined
}

export interface GetOptions extends OfOneTask {
  /** The instant of the slot. A text is ISO 8601 with an offset. */
  readonly slot: string | Date
}

export interface HistoryOptions extends OfTasks {
  /** The earliest slot. A text is ISO 8601 with an offset. Default: the task's first row, or 7 days ago for all tasks. */
  readonly since?: string | Date | undefined
  /** The end of the range; a slot at this instant is left out. Default for all tasks: the end of the day in UTC. */
  readonly until?: string | Date | undefined
  /** The largest number of rows. Default: all. */
  readonly limit?: number | undefined
}

export interface SlotsOptions extends Omit<HistoryOptions, 'task'>, ProblemOptions {
  /** Default: all tasks. A task that `tasks` returned is not read again. */
  readonly task?: string | KnownTask | undefined
  /** The time at which the slots are judged. Default: now. */
  readonly now?: Date | undefined
}

export interface TasksOptions extends OfTasks, ProblemOptions {}

export interface HealthOptions extends ReadOptions {
  /** Default: every known task. A task that `tasks` returned is not read again. */
  readonly task?: string | KnownTask | undefined
  /** Which of all known tasks are read. Default: all. */
  readonly only?: ((task: KnownTask) => boolean) | undefined
  /** The earliest slot. A text is ISO 8601 with an offset. Default: seven days before `now`. */
  readonly since?: string | Date | undefined
  /** A slot at this instant is left out. Default: `now`. */
  readonly until?: string | Date | undefined
  /** The time at which the slots are judged. Default: now. */
  readonly now?: Date | undefined
  /** Called for each slot, newest first. The check waits for it. The slots of up to 16 tasks are mixed. */
  readonly progress?: ((task: string, slot: Date) => void) | undefined
}

export interface CheckOptions extends HealthOptions {
  /** Called if a duplicate in one of the newest ten slots of a task came from another place: an AWS account, cluster, namespace and so on. */
  readonly emitNote?: ((note: Note) => void) | undefined
  /** Called for each slot, newest first, also for one without a finding. The slots of up to 16 tasks are mixed. */
  readonly emitSlot?: ((one: JudgedSlot) => void) | undefined
}

export interface FindSlotOptions extends OfOneTask {
  /** An instant, local time, a date with one slot, or `latest`. */
  readonly slot: string | Date
}

export interface RerunnableOptions extends ReadOptions {
  /** A task that `tasks` returned is not read again. */
  readonly task: string | KnownTask
  /** The earliest slot: an instant, a local time or a date in the schedule's zone, or how long ago (`7d`). */
  readonly from: string | Date
  /** The end of the range. A slot at this instant is left out, but a date includes its whole day. Default: now. */
  readonly until?: string | Date | undefined
  /** Default: `missed`, `failed` and `stale`. */
  readonly status?: readonly Selectable[] | undefined
  /** Also yield the slots in which a run goes on, as `running`: the next slot of the task waits for its end. Default: false. */
  readonly withRunning?: boolean | undefined
  /** How long rows are kept, in milliseconds. A range must not begin before that: a slot whose row was removed looks missed. */
  readonly retentionMs?: number | undefined
  /**
   * If the runs of the task do all work since the last success (`sinceLastSuccess`): `newest` of the slots between two that are
   * done, whose run does the work of the others, too; `each` of them; or `none` of these rules. Default: `newest`.
   */
  readonly ranges?: RangeRule | undefined
  /** A run that you know has ended: its slot, and those in its range, count as missed, failed or stale although its lease holds. */
  readonly endedRun?: string | undefined
  /**
   * Called with each slot that is left out, and why: it may not have been due, because the schedule changed around it, no schedule
   * has it, it completed and failed later, a later run may have done it, or its run would do the work of a stale or a skipped slot.
   */
  readonly emitDoubt?: ((slot: Date, why: LeftOut, judged: JudgedSlot) => void) | undefined
}

/** A slot, and the schedule that has it in the form of the options of a run. */
export interface FoundSlot {
  readonly slot: Date
  readonly schedule: ScheduleOptions
  /** The `skewMs` of the runs of the task. Another run of the slot must have the same. */
  readonly skewMs: number
}

export interface RerunnableSlot extends FoundSlot {
  readonly why: Selectable | 'running'
  /** Its row, or null if the slot was missed. */
  readonly row: StoredRow | null
  readonly judged: JudgedSlot
  /** The older slots whose work its run does, too, the newest first. */
  readonly others: readonly JudgedSlot[]
}

export interface ResolveOptions extends FindSlotOptions {
  readonly state: Lowercase<ResolvedState>
  readonly reason: string
  /**
   * The run of the latest attempt, if you know that it has ended. The slot is then resolved also while the lease of that
   * run holds. It is refused if the latest attempt is of another run.
   */
  readonly runId?: string | undefined
  /** Default: the ECS task, or user and host. */
  readonly by?: string | undefined
}

export type Resolved = ResolveResult & { readonly slot: Date }

export interface ResumeOptions extends OfOneTask {
  /** Default: `resumed`. */
  readonly reason?: string | undefined
  /** Default: the ECS task, or user and host. */
  readonly by?: string | undefined
  /** From when on: an instant, a local time or a date in the task's zone, or how long ago. Default: now. */
  readonly from?: string | Date | undefined
}

export interface RetireOptions extends ResumeOptions {
  readonly reason: string
  /** As for `resume`. Default: the first slot after the newest recorded one, but not later than now. */
  readonly from?: string | Date | undefined
}

export interface PauseOptions extends ResumeOptions {
  readonly reason: string
  /** The end of the pause. A slot at this instant runs again, but a date includes its whole day. Default: until `resume`. */
  readonly until?: string | Date | undefined
}

/** A task whose record a change of all tasks could not change, or whose change may or may not be recorded. */
export interface FailedTaskChange {
  readonly task: string
  readonly error: LedgerError
}

/** The expectations for the runs of a task. Left out: it stays as it is. Null: it is removed from the record. */
type Declarable = { readonly [Name in Expectation]?: RunSettings[Name] | null | undefined }

export interface DeclareOptions extends OfOneTask, ScheduleOptions, Declarable {
  /** Recorded with what it changes. Default: `declared`. */
  readonly reason?: string | undefined
  /** Default: the ECS task, or user and host. */
  readonly by?: string | undefined
  /** From when on the schedule is in force: an instant, a local time or a date in its zone, or how long ago. Default: now. */
  readonly from?: string | Date | undefined
  /** Record nothing, and say what the change would do. Default: false. */
  readonly dryRun?: boolean | undefined
}

export interface ChangedTask {
  readonly task: string
  /** False if the task already was as it should be. */
  readonly changed: boolean
  readonly record: TaskRecord
}

export interface DeclaredTask extends ChangedTask {
  /** The absolute path of the ledger's file, if this call made it. */
  readonly created?: string
  /** The tasks of `after` that are not recorded yet. A run is refused until they are. Left out: there are none. */
  readonly unknownAfter?: readonly string[]
  /** In a dry run: the days, weeks, months or years that would run more or less often than under each of the two schedules. */
  readonly affected?: readonly Period[]
}

export interface TaskChange extends ChangedTask {
  /**
   * The pause or the retirement that the call recorded, or those that it ended. If the task to retire is retired
   * already, its retirement in force. Times are in milliseconds since 1970.
   */
  readonly suspensions: readonly Suspension[]
  /** The zone of the task, in which local times are read. */
  readonly timezone: string
}

/** Those of `run`, which each tick of the task has. The instant of a tick is its event time. */
export interface TaskOptions extends Omit<RunOptions, 'eventTime' | 'force'> {}

/** A task of a program that has a timer of its own. */
export interface LedgerTask {
  /** Runs `work` once in the slot of now, as `run` of the ledger does, and throws what it throws. */
  run<T>(work: (attempt: Attempt) => T | Promise<T>): Promise<WorkOutcome<T>>
  /**
   * Runs `work` once in the slot that the instant belongs to, and returns every outcome, as `tryRun` does. It throws only
   * `LedgerError`, so call it again at the next tick. Give the instant that the timer was set to, or now.
   */
  tick<T>(instant: string | Date, work: (attempt: Attempt) => T | Promise<T>): Promise<RunOutcome<T>>
  /** Returns the newest slot that completed, or null. A slot that completed a moment ago may be left out. */
  since(): Promise<Date | null>
  /** Yields what is wrong with the slots of the last 7 days, or of another range, as `check` of the ledger does. */
  check(options?: Partial<Omit<CheckOptions, 'task' | 'only'>>): AsyncGenerator<TaskFinding>
  /** Returns the first slot after now, or after the given instant. Null: there is none. It needs no ledger. */
  nextSlot(after?: Date): Date | null
}

export interface Ledger {
  /**
   * Returns the task with these options, which `run` would otherwise be given each time. Throws a usage error if an option is
   * wrong. Without `signal`, SIGTERM and SIGINT abort the works of such tasks, and end the process when that is recorded.
   */
  task(options: TaskOptions): LedgerTask
  /**
   * Runs `work` once in the slot that the event time belongs to, or returns why it did not run. `work` must end when its
   * signal aborts. With `catchUpMs`, it first runs `work` in each missed slot of that span, as an attempt of its own.
   *
   * Throws what `work` throws, after that is recorded, and `OutcomeError` if the slot was refused, or if `work` succeeded and
   * that may not be recorded: for the slot of the run first, then for missed slots. Throws the reason of the signal if it
   * aborts before `work` is called. Throws `LedgerError` if an option is wrong, the ledger cannot be reached, or the work of a
   * run of the same slot calls it. `work` was not called for the slot of the run then, but perhaps for missed slots.
   */
  run<T>(options: RunOptions, work: (attempt: Attempt) => T | Promise<T>): Promise<WorkOutcome<T>>
  /**
   * Does the same, and returns every outcome, also `failed` with the `error` of `work`, `refused` and `unrecorded`. It
   * throws only `LedgerError`.
   */
  tryRun<T>(options: RunOptions, work: (attempt: Attempt) => T | Promise<T>): Promise<RunOutcome<T>>
  /**
   * Returns a function that calls `work` once in each slot. It resolves to what `work` returns, or to undefined if `work` did
   * not run because the slot is done, running, skipped or paused. It throws as `run` does. `options` may be a function of the
   * arguments, from which it takes the event time.
   */
  once<T, Args extends readonly unknown[]>(
    options: RunOptions | ((...args: Args) => RunOptions),
    work: (attempt: Attempt, ...args: Args) => T | Promise<T>,
  ): (...args: Args) => Promise<T | undefined>
  /**
   * Does the same with a command, which runs as a child process. Its process group is supervised. A command that fails is
   * not thrown: the result has the status `failed`.
   */
  runCommand(options: RunOptions, command: CommandOptions): Promise<RunOutcome<null>>
  /**
   * Returns the row of one slot by a strongly consistent read, or null if it has none. A damaged row has `damage`. Throws a
   * usage error if the task or the slot is not valid.
   */
  get(options: GetOptions): Promise<StoredRow | null>
  /**
   * Yields the rows of a task or of all tasks, newest slot first. Rows are fetched as the caller takes them. A row that
   * was written a moment ago may be missing, so use this for reports and audits only.
   */
  history(options: HistoryOptions): AsyncGenerator<StoredRow>
  /**
   * Yields the rows of `history`, and in their places the slots that were due and have no row, each with its status and all
   * that cronledger says of it. The slots of a task are computed from the schedules of its record. Without `since`, the
   * range begins at the first row of the task. Throws as `check` does.
   */
  slots(options: SlotsOptions): AsyncGenerator<JudgedSlot>
  /**
   * Yields what is wrong with the slots of one task, or of all known tasks by name, newest slot first: missed, failed,
   * stale, overdue, late, or with a row that cannot be read. Throws a usage error if the task is unknown or no schedule
   * of it is recorded, or if no task is known at all. The error of a task whose records cannot be read is thrown after
   * the findings of all other tasks.
   */
  check(options: CheckOptions): AsyncGenerator<TaskFinding>
  /**
   * Yields the condition of one task, or of all known tasks by name: the status of its newest slot, its last success, and
   * how many slots need attention. A retired task is left out. Throws as `check` does.
   */
  health(options: HealthOptions): AsyncGenerator<TaskHealth>
  /**
   * Returns the slot that a reference means, by the schedules of the task record, or else by the schedule of the row in that
   * slot. Throws a usage error if there is none.
   */
  findSlot(options: FindSlotOptions): Promise<FoundSlot>
  /**
   * Yields the due slots of a range that an operator may want to run again, newest first: those that are missed, failed,
   * stale, completed or skipped, as `status` says. Run each of them by `force` with the same `status`.
   */
  rerunnable(options: RerunnableOptions): AsyncGenerator<RerunnableSlot>
  /** Yields the known tasks by name, or the one task of `options`. Each has the schedules that it has had. */
  tasks(options?: TasksOptions): AsyncGenerator<KnownTask>
  /**
   * Records the decision of an operator about a slot: the outcome of a stale or failed slot, or that a slot is not to run,
   * also one that is not due yet. A completed slot is left as it is, and so is a running one, unless `runId` names its run.
   * Throws `unreachable` if it is unknown whether the decision is recorded.
   */
  resolve(options: ResolveOptions): Promise<Resolved>
  /**
   * Records the schedule of a task before a run states it: before its first run, so that a first trigger that never comes
   * is missed, or before a change. The runs until `from` keep the schedule that they have. An expectation that is left out
   * stays as it is, and one that is null is removed. Changes nothing if the schedule is in force already. Throws a usage error if it would change the past of
   * a task that has run, and `unreachable` if it is unknown whether it is recorded.
   */
  declare(options: DeclareOptions): Promise<DeclaredTask>
  /**
   * Records a pause, in which a scheduled trigger starts nothing and leaves its slot skipped, and no slot is missed. A forced
   * run starts all the same. Throws a usage error if the ledger knows nothing about the task, and `unreachable` if it is
   * unknown whether the pause is recorded.
   */
  pause(options: PauseOptions): Promise<TaskChange>
  /**
   * Pauses every task that has a record, as `pause` does, and yields the results by name. An error of one task is its result,
   * and does not stop the others. A task that the ledger does not know yet is not paused.
   */
  pauseAll(options: Omit<PauseOptions, 'task'>): AsyncGenerator<TaskChange | FailedTaskChange>
  /** Ends the pauses of `pauseAll`. Those of one task, and retirements, stay. Yields as `pauseAll` does. */
  resumeAll(options: Omit<ResumeOptions, 'task'>): AsyncGenerator<TaskChange | FailedTaskChange>
  /** Ends the pauses and the retirement of a task that go on, and cancels those that are planned. Throws as `pause` does. */
  resume(options: ResumeOptions): Promise<TaskChange>
  /**
   * Records that a task does not run any more: no slot of it is expected. A scheduled trigger for such a slot ends the
   * retirement. Throws as `pause` does.
   */
  retire(options: RetireOptions): Promise<TaskChange>
  close(): Promise<void>
}
