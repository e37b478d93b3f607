import type { RunEvent } from '../../core/event.ts'
import type { Step } from '../../verdict/steps.ts'

export type LogLevel = 'info' | 'warn' | 'error'

/** The name of an event in the log. The end of an attempt has one of three names, which say how it ended. */
export type LogEventName = Exclude<RunEvent['event'], 'ended'> | 'completed' | 'failed' | 'unrecorded'

export interface LogEntry {
  readonly level: LogLevel
  readonly message: string
  readonly fields?: Readonly<Record<string, unknown>>
  readonly steps?: readonly Step[]
}
