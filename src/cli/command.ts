import type { Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'
import type { CommandHelp, Environment } from './options/arguments.ts'

/** What a command is given of the process. */
export interface CommandContext {
  /** The command line's part before `--`. */
  readonly argv: readonly string[]
  /** What came after `--`, untouched; null where there was none. */
  readonly rest: readonly string[] | null
  readonly env: Environment
  readonly stops: Stops
  /** The way to stderr. */
  readonly sink: Sink
}

export interface Command {
  readonly help: CommandHelp
  /** Gives the exit code. */
  execute(context: CommandContext): Promise<number>
}
