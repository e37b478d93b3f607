import { quote, usageError } from '../core/errors.ts'
import { optionName } from '../core/option.ts'
import type { Command, CommandContext } from './command.ts'
import { EXIT } from './exit.ts'
import { print } from './output.ts'

type Commands = Readonly<Record<string, { load(): Promise<Command> }>>

const help = {
  name: 'completion',
  summary: 'Prints a script that completes commands, options and their values in a shell.',
  options: {},
  rest: ' bash|zsh',
  examples: [
    ['source <(cronledger completion bash)', 'in ~/.bashrc'],
    ['source <(cronledger completion zsh)', 'in ~/.zshrc, after compinit'],
  ],
} as const

/**
 * Returns the `completion` command. Its script contains all words, so that a completion starts no process. The script
 * must be created again for a new version of cronledger.
 */
export function completionOf(commands: Commands): Command {
  return {
    help,
    async execute({ argv }: CommandContext) {
      const [shell = '', ...more] = argv
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
      if (script === undefined || more.length > 0) {
        throw usageError(
          `shell is ${quote(argv.join(' '))}; allowed is one of ${Object.keys(SCRIPTS).join(', ')}: cronledger completion bash`,
        )
      }
      await print(script(quoted([...Object.keys(commands), '--help', '--version']), await cases(commands)))
      return EXIT.ok
    },
  }
}

/**
 * Returns the branches of a `case "$command $before" in`, in a form that both shells understand. Each branch offers the
 * words that may follow `$before`. A branch for a free text offers nothing, so that the shell offers file names.
 */
async function cases(commands: Commands): Promise<string> {
  const lines: string[] = []
  for (const [name, { load }] of Object.entries(commands)) {
    const { options } = (await load()).help
    const free: string[] = []
    for (const [option, spec] of Object.entries(options)) {
      const after = `'${name} --${optionName(option)}'`
      if ('choices' in spec) lines.push(`  ${after}) offer=${quoted(spec.choices)} ;;`)
      else if (spec.kind !== 'switch') free.push(after)
    }
    if (free.length > 0) lines.push(`  ${free.join('|')}) ;;`)
    const first = name === help.name ? Object.keys(SCRIPTS) : []
    const words = [...first, ...Object.keys(options).map((option) => `--${optionName(option)}`), '--help']
    lines.push(`  '${name} '*) offer=${quoted(words)} ;;`)
  }
  return lines.join('\n')
}

const quoted = (words: readonly string[]) => `'${words.join(' ')}'`

type Script = (commands: string, cases: string) => string

const SCRIPTS: Readonly<Record<string, Script>> = {
  // In `--log=json`, bash takes `=` as a separate word. After `--` comes the command of the batch, which bash completes
  // in its usual way.
  bash: (commands, cases) => `# source <(cronledger completion bash)
_cronledger() {
  local at=$COMP_CWORD i
  local word=\${COMP_WORDS[at]} before=\${COMP_WORDS[at - 1]} command=\${COMP_WORDS[1]} offer=
  COMPREPLY=()
  for ((i = 1; i < at; i++)); do
    [[ \${COMP_WORDS[i]} == -- ]] && return
  done
  [[ $before == = ]] && before=\${COMP_WORDS[at - 2]}
  [[ $word == = ]] && word=
  if ((at == 1)); then offer=${commands}; else case "$command $before" in
${cases}
  esac; fi
  [[ -n $offer ]] && COMPREPLY=($(compgen -W "$offer" -- "$word"))
}
complete -o bashdefault -o default -F _cronledger cronledger`,

  zsh: (commands, cases) => `#compdef cronledger
# source <(cronledger completion zsh)
_cronledger() {
  local before=\${words[CURRENT-1]} command=\${words[2]} offer=
  if (( \${words[(i)--]} < CURRENT )); then _files; return; fi
  if [[ $PREFIX == --*=* ]]; then before=\${PREFIX%%=*}; compset -P '*='; fi
  if (( CURRENT == 2 )); then offer=${commands}; else case "$command $before" in
${cases}
  esac; fi
  if [[ -n $offer ]]; then compadd -- \${=offer}; else _files; fi
}
if [[ $funcstack[1] == _cronledger ]]; then _cronledger "$@"; else compdef _cronledger cronledger; fi`,
}
