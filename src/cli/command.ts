import type { Environment } from '../core/types.ts'
import type { Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'
import type { CommandHelp } from './options/arguments.ts'

/** The parts of the process that a command may use. */
export interface CommandContext {
  /** The arguments before `--`. */
  readonly argv: readonly string[]
  /** The arguments after `--`, unchanged; null if there is no `--`. */
  readonly rest: readonly string[] | null
  readonly env: Environment
  readonly stops: Stops
  /** The log on stderr. */
  readonly sink: Sink
}

export interface Command {
  readonly help: CommandHelp
  /** Runs the command and returns the exit code. */
  execute(context: CommandContext): Promise<number>
}
