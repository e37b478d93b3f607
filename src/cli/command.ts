import type { OptionTable } from '../core/option.ts'
import type { Environment } from '../core/types.ts'
import type { Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'

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

export interface CommandHelp {
  readonly name: string
  /** An imperative, and further sentences. */
  readonly summary: string
  readonly options: OptionTable
  /** The options of the usual help, if there are too many for one screen. `help COMMAND --all` shows the others, too. */
  readonly usual?: readonly string[]
  /** The first argument may be the task, instead of `--task`. */
  readonly takesTask?: true
  /** The command starts the batch, whose command line comes after `--`. */
  readonly runsBatch?: true
  /** The arguments in the usage line, if they are neither of the two above. */
  readonly takes?: string
  /** The words that the first argument may be, for the completion. */
  readonly words?: readonly string[]
  readonly examples: ReadonlyArray<readonly [command: string, what: string]>
  readonly notes?: string
}

export interface Command {
  readonly help: CommandHelp
  /** Runs the command and returns the exit code. */
  execute(context: CommandContext): Promise<number>
}
