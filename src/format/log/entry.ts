import type { RunEvent } from '../../core/event.ts'
import type { Step } from '../../verdict/steps.ts'

export type LogLevel = 'info' | 'warn' | 'error'

/** The name of an event in the log. The end of an attempt has one of three names, which say how it ended. */
export type LogEventName = Exclude<RunEvent['event'], 'ended'> | 'completed' | 'failed' | 'unrecorded'

/** One line of the log, before it becomes text. */
export interface LogEntry {
  readonly level: LogLevel
  /** The text that says what happened. */
  readonly message: string
  readonly fields?: Readonly<Record<string, unknown>>
  /** The next steps for the operator. Left out if there is nothing to do. */
  readonly steps?: readonly Step[]
}
