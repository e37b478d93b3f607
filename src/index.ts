export type {
  Attempt,
  CheckOptions,
  FindSlotOptions,
  Force,
  ForceableOptions,
  ForceableSlot,
  FoundSlot,
  HistoryOptions,
  Ledger,
  LedgerOptions,
  RunOptions,
  RunOutcome,
  Settled,
  SettleOptions,
  SlotsOptions,
  TasksOptions,
} from './api.ts'
export { LedgerError } from './core/errors.ts'
export type { RunContext, RunEvent } from './core/event.ts'
export type { Forceable } from './core/forceable.ts'
export type { MissedSlot, TaskFinding } from './core/missed.ts'
export type { StoredRow } from './core/types.ts'
export { createLedger } from './ledger.ts'
export type { CommandOptions } from './run/command.ts'
export { installStops, type Stops } from './run/signals.ts'
export type { KnownTask } from './run/tasks.ts'
export { type ScheduleOptions, slotOf } from './slots.ts'
