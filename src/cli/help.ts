import yargs from 'yargs'
import { allowedText, type OptionSpec, optionName } from '../core/option.ts'
import type { CommandHelp } from './options/arguments.ts'
import { defaultText, variableOf } from './options/options.ts'

/** The largest width of the help, since longer lines are hard to read. A log has no width, and gets this one too. */
const HELP_COLUMNS = 110

/**
 * Returns the help of a command, at most `columns` wide. This function has a file of its own, since yargs takes longer
 * to load than all the rest of a run.
 */
export async function helpOf(command: CommandHelp, columns: number | null): Promise<string> {
  // yargs does not need the working directory, and would fail if that was deleted, so we name another one.
  const parser = yargs([], '/')
    .scriptName('cronledger')
    .usage(`cronledger ${command.name} [options]${command.rest ?? ''}\n\n${command.summary}`)
    .locale('en')
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(columns ?? HELP_COLUMNS, HELP_COLUMNS))
    .updateStrings({ 'Options:': `Options (each also as an environment variable: --task is ${variableOf('task')}):` })
  for (const [name, spec] of Object.entries(command.options)) {
    // We give a type only to a switch. yargs would add the type of other options to the help, which says nothing.
    parser.option(optionName(name), {
      describe: describe(spec),
      ...(spec.kind === 'switch' ? { type: 'boolean' } : {}),
    })
  }
  const text = await parser.epilogue(command.notes ?? '').getHelp()
  const examples = command.examples.map(([example, what]) => `  # ${what}\n  ${example}`)
  // We add the examples ourselves, since yargs breaks lines and a copied command must work.
  return [text.trimEnd(), '', 'Examples:', ...examples].join('\n')
}

function describe(spec: OptionSpec): string {
  const allowed = allowedText(spec)
  const usual = defaultText(spec)
  return [spec.help, allowed && `[${allowed}]`, usual && `[${spec.required ? usual : `default: ${usual}`}]`]
    .filter(Boolean)
    .join(' ')
}
