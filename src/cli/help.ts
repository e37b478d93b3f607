import yargs from 'yargs'
import type { CommandHelp } from './options/arguments.ts'
import { allowedText, defaultText, type OptionSpec, variableOf } from './options/options.ts'

/** Most columns of the help: longer lines are hard to read. It is read in logs too, which have no width. */
const HELP_COLUMNS = 110

/** The help of a command. A file of its own: yargs takes longer to load than all the rest of a run. */
export async function helpOf(command: CommandHelp, columns: number | null): Promise<string> {
  // Where it stands is nothing to it, and a folder that is gone would end it.
  const parser = yargs([], '/')
    .scriptName('cronledger')
    .usage(`cronledger ${command.name} [options]${command.rest ?? ''}\n\n${command.summary}`)
    .locale('en')
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(columns ?? HELP_COLUMNS, HELP_COLUMNS))
    .updateStrings({ 'Options:': `Options (each also as an environment variable: --task is ${variableOf('task')}):` })
  for (const [name, spec] of Object.entries(command.options)) {
    // Without a type yargs leaves the text as it is, and the help without a word that says nothing.
    parser.option(name, { describe: describe(spec), ...(spec.kind === 'switch' ? { type: 'boolean' } : {}) })
  }
  const text = await parser.epilogue(command.notes ?? '').getHelp()
  const examples = command.examples.map(([example, what]) => `  # ${what}\n  ${example}`)
  // Not by yargs, which breaks lines: a command must work as it is copied.
  return [text.trimEnd(), '', 'Examples:', ...examples].join('\n')
}

function describe(spec: OptionSpec): string {
  const allowed = allowedText(spec)
  const usual = defaultText(spec)
  return [spec.help, allowed && `[${allowed}]`, usual && `[${spec.required ? usual : `default: ${usual}`}]`]
    .filter(Boolean)
    .join(' ')
}
