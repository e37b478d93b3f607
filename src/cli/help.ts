import yargs from 'yargs'
import { groupOf, OPTION_GROUPS, type OptionSpec, optionName } from '../core/option.ts'
import { type CommandHelp, defaultText, valueName, variableOf } from './options/options.ts'
import { TOPICS } from './topics.ts'

/** The largest width of the help, since longer lines are hard to read. A log has no width, and gets this one too. */
const HELP_COLUMNS = 100

/** The help shows the environment variable of this option as an example. Each command with options has it. */
const EXAMPLE_OPTION = 'store'

/** Without `all`, the help has only the usual options. Only `help` loads this file, because yargs takes long to load. */
export async function helpOf(command: CommandHelp, columns: number | null, all = false): Promise<string> {
  const { name, summary, notes, runsBatch = false, examples } = command
  const isShort = runsBatch && !all
  const options = Object.entries(command.options)
    .filter(([, spec]) => !isShort || spec.required || spec.isUsual)
    .map(([option, spec]) => ({ title: `${optionName(option)} ${valueName(spec)}`.trimEnd(), spec }))
  // yargs does not need the working directory, and would fail if that was deleted, so we name another one.
  const parser = yargs([], '/')
    .scriptName('cronledger')
    .usage(`Usage: ${['cronledger', name, ...argumentsOf(command)].join(' ')}\n\n${summary}`)
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .wrap(Math.min(columns ?? HELP_COLUMNS, HELP_COLUMNS))
  // yargs lays out each group by itself. Titles of the same length make one column of all groups.
  const width = Math.max(0, ...options.map(({ title }) => title.length))
  // The short help fits on a screen, so it has two groups.
  const shownGroup = (spec: OptionSpec) => (isShort && !spec.required ? 'Options' : groupOf(spec))
  for (const group of OPTION_GROUPS) {
    for (const { title, spec } of options.filter((option) => shownGroup(option.spec) === group)) {
      parser.option(title.padEnd(width), { group: `${group}:`, describe: describe(spec) })
    }
  }
  const other = Object.values(command.options).some(({ isFlagOnly }) => isFlagOnly) ? ' other' : ''
  const variable =
    options.length > 0
      ? `Each${other} option can also be set as an environment variable: --${EXAMPLE_OPTION} is ${variableOf(EXAMPLE_OPTION)}.`
      : ''
  const task = command.takesTask ? 'NAME is the task, as with --task.' : ''
  const more = isShort ? `All ${Object.keys(command.options).length} options: cronledger help ${name} --all` : ''
  const text = (await parser.epilogue([task, variable, notes, more].filter(Boolean).join('\n')).getHelp()).trimEnd()
  // yargs breaks the lines of an example, and a copied command must work.
  const lines = examples.map(([example, what]) => `  # ${what}\n  ${example}`)
  return [text, '', 'Examples:', ...lines].join('\n')
}

export function topicText(name: string): string | null {
  return (Object.hasOwn(TOPICS, name) && TOPICS[name]) || null
}

function argumentsOf({ takesTask, takes, options, runsBatch }: CommandHelp): string[] {
  return [
    ...(takesTask ? ['[NAME]'] : []),
    ...(takes === undefined ? [] : [takes]),
    ...(Object.keys(options).length > 0 ? ['[options]'] : []),
    ...(runsBatch ? ['-- COMMAND [ARG…]'] : []),
  ]
}

function describe(spec: OptionSpec): string {
  const usual = defaultText(spec)
  // A value without a name of its own is shown as its choices.
  const choices = spec.kind === 'choice' && spec.value !== undefined ? `: ${spec.choices.join(', ')}` : ''
  const hasDefault = !spec.required && spec.kind !== 'switch' && usual !== ''
  const remarks = [
    ...(hasDefault ? [`default${usual.includes(' ') ? ':' : ''} ${usual}`] : []),
    ...(spec.isFlagOnly ? ['flag only'] : []),
  ]
  return `${spec.help}${choices}${remarks.length === 0 ? '' : ` (${remarks.join('; ')})`}`
}
