import { quote, usageError } from '../core/errors.ts'
import { optionName } from '../core/option.ts'
import type { Environment } from '../core/types.ts'
import { isTaskName } from '../core/user-text.ts'
import { EXIT } from '../exit-code.ts'
import type { Command, CommandContext } from './command.ts'
import { readOptions } from './options/arguments.ts'
import { COMMON } from './options/options.ts'
import { print } from './output.ts'

type CompletedCommands = Readonly<Record<string, () => Promise<Command>>>

const help = {
  name: 'completion',
  summary: 'Print a script that completes commands, options, their values and task names in a shell.',
  options: {},
  takes: 'bash|zsh',
  words: ['bash', 'zsh'],
  examples: [
    ['source <(cronledger completion bash)', 'in ~/.bashrc'],
    ['source <(cronledger completion zsh)', 'in ~/.zshrc, after compinit'],
  ],
} as const

/** The argument with which the scripts ask for the names of the tasks. It is not for users, so the help omits it. */
const TASKS = 'tasks'

/** A user who has pressed the tab key does not wait longer. */
const TASKS_TIMEOUT_MS = 1_000

/**
 * Returns the `completion` command. Its script contains all words but the names of the tasks, for which it starts
 * cronledger. The script must be created again for a new version of cronledger.
 */
export function completionOf(commands: CompletedCommands): Command {
  return {
    help,
    async execute({ argv, env }: CommandContext) {
      const [shell = '', ...more] = argv
      if (shell === TASKS) return printTasks(more, env)
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
      if (script === undefined || more.length > 0) {
        throw usageError(
          `${argv.length === 0 ? 'no shell is given' : `the shell ${quote(argv.join(' '))} is not supported`}. Use cronledger completion ${Object.keys(SCRIPTS).join(' or cronledger completion ')}.`,
        )
      }
      await print(script(quoted([...Object.keys(commands), '--help', '--version']), await cases(commands)))
      return EXIT.ok
    },
  }
}

/** Prints the names of the tasks in the ledger, a line each. An error ends the list, since the scripts discard it. */
async function printTasks(argv: readonly string[], env: Environment): Promise<number> {
  const { store } = readOptions({ ...help, options: { store: COMMON.store } }, argv, env)
  // The other completions, and each run, would wait for the code that reads a ledger.
  const { createLedger } = await import('../ledger.ts')
  for await (const { task } of createLedger({ store }).tasks({ ledgerTimeoutMs: TASKS_TIMEOUT_MS })) {
    // The shells expand the words that they are offered, so a name from a damaged ledger must not reach them.
    if (isTaskName(task)) await print(task)
  }
  return EXIT.ok
}

/**
 * Returns the branches of a `case "$command $before" in`, in a form that both shells understand. Each branch offers the
 * words that may follow `$before`. With `tasks`, the names of the tasks may follow, too. A branch for a free text offers
 * nothing, so that the shell offers file names.
 */
async function cases(commands: CompletedCommands): Promise<string> {
  const lines: string[] = []
  for (const [name, load] of Object.entries(commands)) {
    const { options, takesTask, words: first = [] } = (await load()).help
    const free: string[] = []
    for (const [option, spec] of Object.entries(options)) {
      const after = `'${name} --${optionName(option)}'`
      if (option === 'task') lines.push(`  ${after}) tasks=1 ;;`)
      else if ('choices' in spec) lines.push(`  ${after}) offer=${quoted(spec.choices)} ;;`)
      else if (spec.kind !== 'switch') free.push(after)
    }
    if (free.length > 0) lines.push(`  ${free.join('|')}) ;;`)
    const words = [...first, ...Object.keys(options).map((option) => `--${optionName(option)}`), '--help']
    lines.push(`  '${name} '*) offer=${quoted(words)}${takesTask ? ' tasks=1' : ''} ;;`)
  }
  return lines.join('\n')
}

const quoted = (words: readonly string[]) => `'${words.join(' ')}'`

type Script = (commands: string, cases: string) => string

const SCRIPTS: Readonly<Record<string, Script>> = {
  // In `--log=json`, bash takes `=` as a separate word. After `--` comes the command of the batch, which bash completes
  // in its usual way. bash also splits the value of `--store` at its colon, so the script finds it in the whole line.
  bash: (commands, cases) => `# source <(cronledger completion bash)
_cronledger() {
  local at=$COMP_CWORD i
  local word=\${COMP_WORDS[at]} before=\${COMP_WORDS[at - 1]} command=\${COMP_WORDS[1]} offer= tasks=
  COMPREPLY=()
  for ((i = 1; i < at; i++)); do
    [[ \${COMP_WORDS[i]} == -- ]] && return
  done
  [[ $before == = ]] && before=\${COMP_WORDS[at - 2]}
  [[ $word == = ]] && word=
  if ((at == 1)); then offer=${commands}; else case "$command $before" in
${cases}
  esac; fi
  if [[ -n $tasks && $word != -* ]]; then
    local store=()
    [[ $COMP_LINE =~ [[:space:]]--store[=[:space:]]+([^[:space:]]+) ]] && store=(--store "\${BASH_REMATCH[1]//[\\'\\"]/}")
    offer+=" $("\${COMP_WORDS[0]}" completion tasks "\${store[@]}" 2>/dev/null)"
  fi
  [[ -n $offer ]] && COMPREPLY=($(compgen -W "$offer" -- "$word"))
}
complete -o bashdefault -o default -F _cronledger cronledger`,

  zsh: (commands, cases) => `#compdef cronledger
# source <(cronledger completion zsh)
_cronledger() {
  local before=\${words[CURRENT-1]} command=\${words[2]} offer= tasks=
  if (( \${words[(i)--]} < CURRENT )); then _files; return; fi
  if [[ $PREFIX == --*=* ]]; then before=\${PREFIX%%=*}; compset -P '*='; fi
  if (( CURRENT == 2 )); then offer=${commands}; else case "$command $before" in
${cases}
  esac; fi
  if [[ -n $tasks && $PREFIX != -* ]]; then
    local at=\${words[(I)--store]} store=()
    (( at )) && store=(--store \${(Q)words[at+1]})
    at=\${words[(I)--store=*]}
    (( at )) && store=(\${(Q)words[at]})
    offer+=" $($words[1] completion tasks $store 2>/dev/null)"
  fi
  if [[ -n $offer ]]; then compadd -- \${=offer}; else _files; fi
}
if [[ $funcstack[1] == _cronledger ]]; then _cronledger "$@"; else compdef _cronledger cronledger; fi`,
}
