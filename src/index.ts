export type {
  Attempt,
  CaughtUp,
  ChangedTask,
  CheckOptions,
  DeclareOptions,
  FailedTaskChange,
  FindSlotOptions,
  Force,
  FoundSlot,
  GetOptions,
  HealthOptions,
  HistoryOptions,
  Ledger,
  LedgerOptions,
  PauseOptions,
  RerunnableOptions,
  RerunnableSlot,
  Resolved,
  ResolveOptions,
  ResumeOptions,
  RetireOptions,
  RunOptions,
  RunOutcome,
  SlotsOptions,
  TaskChange,
  TasksOptions,
  VerdictJson,
  WorkOutcome,
} from './api.ts'
export type { KnownTask } from './audit/tasks.ts'
export { LedgerError } from './core/errors.ts'
export type { RunContext, RunEvent } from './core/event.ts'
export type { Rerunnable } from './core/row/policy.ts'
export { type ScheduleOptions, slotOf } from './core/schedule/schedule-options.ts'
export type { MissedSlot } from './core/task/expected-slots.ts'
export type { TaskFinding, TaskHealth } from './core/task/findings.ts'
export type { Expectations, Suspension, TaskRecord } from './core/task/task-record.ts'
export type { Status, StoredRow } from './core/types.ts'
export { type ExitCodeOptions, exitCodeOf } from './exit-code.ts'
export { OutcomeError } from './function-work.ts'
export { createLedger } from './ledger.ts'
export { installStops, type Stops } from './process/signals.ts'
export type { CommandOptions } from './run/command.ts'
