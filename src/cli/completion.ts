import { quote, usageError } from '../core/errors.ts'
import { EXIT } from '../core/exit.ts'
import { type OptionSpec, optionName } from '../core/option.ts'
import type { Environment } from '../core/types.ts'
import { isTaskName } from '../core/user-text.ts'
import { type Command, type CommandContext, readOptions } from './options/arguments.ts'
import { COMMON } from './options/options.ts'
import { print } from './output.ts'
import { TOPICS } from './topics.ts'

type CommandLoaders = Readonly<Record<string, () => Promise<Command>>>

const help = {
  name: 'completion',
  summary: 'Print a script that completes commands, options, their values and task names in a shell.',
  options: {},
  takes: 'bash|zsh|fish',
  words: ['bash', 'zsh', 'fish'],
  examples: [
    ['source <(cronledger completion bash)', 'in ~/.bashrc'],
    ['source <(cronledger completion zsh)', 'in ~/.zshrc, after compinit'],
    ['cronledger completion fish >~/.config/fish/completions/cronledger.fish', 'once, for fish'],
  ],
} as const

/** The argument with which the scripts ask what may follow. The words of the line come after `--`, the last one unfinished. */
const OFFER = 'offer'

const TASKS_TIMEOUT_MS = 1_000

export function completionOf(commands: CommandLoaders): Command {
  return {
    help,
    async execute({ argv, rest, env }: CommandContext) {
      const [shell = '', ...more] = argv
      if (shell === OFFER) {
        for await (const word of offered(rest ?? [], commands, env)) await print(word)
        return EXIT.ok
      }
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
      if (script === undefined || more.length > 0) {
        throw usageError(
          `${argv.length === 0 ? 'no shell is given' : `the shell ${quote(argv.join(' '))} is not supported`}. Use one of: cronledger completion ${Object.keys(SCRIPTS).join(', cronledger completion ')}.`,
        )
      }
      await print(script)
      return EXIT.ok
    },
  }
}

/** Yields the words that the last word may become. Yields none where a free text follows, so that the shell offers files. */
async function* offered(words: readonly string[], commands: CommandLoaders, env: Environment) {
  const [name = '', ...more] = words
  const [, flag = more.at(-2) ?? '', begun = words.at(-1) ?? ''] = /^(--[^=]+)=(.*)$/s.exec(more.at(-1) ?? '') ?? []
  const isBegun = (word: string) => word.startsWith(begun)
  const prefix = begun === words.at(-1) ? '' : `${flag}=`
  if (more.length === 0) return yield* [...Object.keys(commands), 'help', '--help', '--version'].filter(isBegun)
  if (name === 'help') return yield* [...Object.keys(commands), ...Object.keys(TOPICS)].filter(isBegun)
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  // After `--` comes the command of the batch.
  if (load === undefined || more.slice(0, -1).includes('--')) return
  const { options, takesTask, words: first = [] } = (await load()).help
  const flags = Object.keys(options).map((option) => `--${optionName(option)}`)
  const [option, spec] = Object.entries(options)[flags.indexOf(flag)] ?? []
  const isFree = spec !== undefined && spec.kind !== 'switch'
  const fixed = isFree ? valuesOf(flag, spec) : [...first, ...flags, '--help']
  for (const word of fixed.filter(isBegun)) yield prefix + word
  if (option !== 'task' && (isFree || takesTask !== true || begun.startsWith('-'))) return
  for await (const task of taskNames(more, flags, env)) if (isBegun(task)) yield prefix + task
}

function valuesOf(flag: string, spec: OptionSpec): readonly string[] {
  if (/timezone$/.test(flag)) return ['UTC', ...Intl.supportedValuesOf('timeZone')]
  if (/slot$/.test(flag)) return ['latest']
  return 'choices' in spec ? spec.choices : []
}

/** The ledger is that of the line, or else of the environment. An error ends the list, since the scripts discard it. */
async function* taskNames(words: readonly string[], flags: readonly string[], env: Environment) {
  const at = words.findIndex((word) => /^--store(=|$)/.test(word))
  const given =
    words[at] === '--store' && !flags.includes(words[at + 1] ?? '') ? words.slice(at, at + 2) : [words[at] ?? '']
  const unquoted = at === -1 ? [] : given.map((word) => word.replace(/['"]/g, ''))
  const { store } = readOptions({ ...help, options: { store: COMMON.store } }, unquoted, env)
  // The other completions, and each run, would wait for the code that reads a ledger.
  const { createLedger } = await import('../ledger.ts')
  for await (const { task } of createLedger({ store }).tasks({ ledgerTimeoutMs: TASKS_TIMEOUT_MS })) {
    // The shells expand the words that they are offered, so a name from a damaged ledger must not reach them.
    if (isTaskName(task)) yield task
  }
}

const SCRIPTS: Readonly<Record<string, string>> = {
  // bash splits the words also at `:` and `=`, and replaces only what follows the last `=`.
  bash: `# source <(cronledger completion bash)
_cronledger() {
  local words
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}."
  words[\${#words[@]}-1]=\${words[\${#words[@]}-1]%.}
  COMPREPLY=($("\${words[0]}" completion ${OFFER} -- "\${words[@]:1}" 2>/dev/null))
  COMPREPLY=("\${COMPREPLY[@]#--*=}")
}
complete -o bashdefault -o default -F _cronledger cronledger`,

  zsh: `#compdef cronledger
# source <(cronledger completion zsh)
_cronledger() {
  local offer=(\${(f)"$($words[1] completion ${OFFER} -- "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
  if (( $#offer )); then compadd -- $offer; else _files; fi
}
if [[ $funcstack[1] == _cronledger ]]; then _cronledger "$@"; else compdef _cronledger cronledger; fi`,

  fish: `# cronledger completion fish >~/.config/fish/completions/cronledger.fish
function __cronledger_find
  set -l words (commandline -opc)
  set -g __cronledger_offer ($words[1] completion ${OFFER} -- $words[2..] (commandline -ct) 2>/dev/null)
  test (count $__cronledger_offer) -gt 0
end
complete -c cronledger -n __cronledger_find -f -a '$__cronledger_offer'`,
}
