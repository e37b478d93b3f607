import yargs from 'yargs'
import type { CommandHelp } from './arguments.ts'
import { allowedText, defaultText, type OptionSpec, variableOf } from './options.ts'

/** Columns of the help: it is read in terminals of that width at least, and in logs. */
const HELP_COLUMNS = 110

/** The help of a command. A file of its own: yargs takes longer to load than all the rest of a run. */
export function helpOf(command: CommandHelp): Promise<string> {
  // Where it stands is nothing to it, and a folder that is gone would end it.
  const parser = yargs([], '/')
    .scriptName('cronledger')
    .usage(`cronledger ${command.name} [options]${command.rest ?? ''}\n\n${command.summary}`)
    .locale('en')
    .version(false)
    .exitProcess(false)
    .wrap(HELP_COLUMNS)
    .updateStrings({ 'Options:': `Options (each also as an environment variable: --task is ${variableOf('task')}):` })
  for (const [name, spec] of Object.entries(command.options)) {
    // Without a type yargs leaves the text as it is, and the help without a word that says nothing.
    parser.option(name, { describe: describe(spec), ...(spec.kind === 'switch' ? { type: 'boolean' } : {}) })
  }
  const examples = command.examples.map(([example, what]) => `  # ${what}\n  ${example}`)
  const notes = command.notes === undefined ? [] : ['', command.notes]
  return parser.epilogue(['Examples:', ...examples, ...notes].join('\n')).getHelp()
}

function describe(spec: OptionSpec): string {
  const allowed = allowedText(spec)
  const usual = defaultText(spec)
  return [spec.help, allowed && `[${allowed}]`, usual && `[${spec.required ? usual : `default: ${usual}`}]`]
    .filter(Boolean)
    .join(' ')
}
