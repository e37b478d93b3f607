import type { Environment } from '../core/types.ts'
import { EXIT } from '../exit-code.ts'
import type { Sink } from '../process/log/sink.ts'
import type { Stops } from '../process/signals.ts'
import { readOptions, type Values } from './options/arguments.ts'
import type { CommandHelp } from './options/options.ts'

export interface CommandContext {
  /** The arguments before `--`. */
  readonly argv: readonly string[]
  /** The arguments after `--`, unchanged; null if there is no `--`. */
  readonly rest: readonly string[] | null
  readonly env: Environment
  readonly stops: Stops
  readonly sink: Sink
}

export interface Command {
  readonly help: CommandHelp
  execute(context: CommandContext): Promise<number>
}

/** Returns a command that reads its options and then calls `work`. It exits with 0 unless `work` returns another code. */
export function defineCommand<Help extends CommandHelp>(
  help: Help,
  work: (values: Values<Help['options']>, context: CommandContext) => Promise<number | undefined>,
) {
  return {
    help,
    async execute(context: CommandContext): Promise<number> {
      const code = await work(readOptions(help, context.argv, context.env, context.rest), context)
      return code ?? EXIT.ok
    },
  } satisfies Command
}
