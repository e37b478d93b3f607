import type { NextStep } from '../steps/step.ts'

export type LogLevel = 'info' | 'warn' | 'error'

/** One line of the log, before it becomes text. */
export interface LogEntry {
  readonly level: LogLevel
  /** The name of the event in the log. */
  readonly event: string
  /** The text that says what happened. */
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
  /** The next steps for the operator. Left out if there is nothing to do. */
  readonly todo?: readonly NextStep[]
}
