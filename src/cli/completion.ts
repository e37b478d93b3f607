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
  takes: 'bash|zsh|fish',
  words: ['bash', 'zsh', 'fish'],
  examples: [
    ['source <(cronledger completion bash)', 'in ~/.bashrc'],
    ['source <(cronledger completion zsh)', 'in ~/.zshrc, after compinit'],
    ['cronledger completion fish >~/.config/fish/completions/cronledger.fish', 'once, for fish'],
  ],
} as const

/** The argument with which the scripts ask for the names of the tasks. It is not for users, so the help omits it. */
const TASKS = 'tasks'

/** A user who has pressed the tab key does not wait longer. */
const TASKS_TIMEOUT_MS = 1_000

/** The script contains all words but the names of the tasks, for which it starts cronledger. */
export function completionOf(commands: CompletedCommands): Command {
  return {
    help,
    async execute({ argv, env }: CommandContext) {
      const [shell = '', ...more] = argv
      if (shell === TASKS) return printTasks(more, env)
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
      if (script === undefined || more.length > 0) {
        throw usageError(
          `${argv.length === 0 ? 'no shell is given' : `the shell ${quote(argv.join(' '))} is not supported`}. Use one of: cronledger completion ${Object.keys(SCRIPTS).join(', cronledger completion ')}.`,
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

/** The words before the cursor. The cases below say which words may follow them. */
interface Case {
  readonly command: string
  /** The options before the cursor, such as `--log`. Empty: any other word. */
  readonly after: readonly string[]
  /** The words that may follow, in quotes. Without any, a free text follows, for which the shell offers file names. */
  readonly offer?: string
  readonly tasks?: boolean
}

async function cases(commands: CompletedCommands): Promise<readonly Case[]> {
  const all: Case[] = []
  for (const [command, load] of Object.entries(commands)) {
    const { options, takesTask, words: first = [] } = (await load()).help
    const free: string[] = []
    for (const [option, spec] of Object.entries(options)) {
      const name = `--${optionName(option)}`
      if (option === 'task') all.push({ command, after: [name], tasks: true })
      else if ('choices' in spec) all.push({ command, after: [name], offer: quoted(spec.choices) })
      else if (spec.kind !== 'switch') free.push(name)
    }
    if (free.length > 0) all.push({ command, after: free })
    const words = [...first, ...Object.keys(options).map((option) => `--${optionName(option)}`), '--help']
    all.push({ command, after: [], offer: quoted(words), tasks: takesTask === true })
  }
  return all
}

/** Returns the branches of a `case "$command $before" in`, in a form that bash and zsh understand. */
function branches(all: readonly Case[]): string {
  const lines = all.map(({ command, after, offer, tasks }) => {
    const pattern = after.length === 0 ? `'${command} '*` : after.map((name) => `'${command} ${name}'`).join('|')
    return `  ${pattern})${offer === undefined ? '' : ` offer=${offer}`}${tasks ? ' tasks=1' : ''} ;;`
  })
  return lines.join('\n')
}

/** The same for the `switch "$command $before"` of fish. */
function fishBranches(all: readonly Case[]): string {
  const lines = all.flatMap(({ command, after, offer, tasks }) => [
    `    case ${after.length === 0 ? `'${command} *'` : after.map((name) => `'${command} ${name}'`).join(' ')}`,
    ...(offer === undefined ? [] : [`      set offer ${offer.slice(1, -1)}`]),
    ...(tasks ? ['      set tasks 1'] : []),
  ])
  return lines.join('\n')
}

const quoted = (words: readonly string[]) => `'${words.join(' ')}'`

type Script = (commands: string, cases: readonly Case[]) => string

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
${branches(cases)}
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
${branches(cases)}
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

  // fish reads the branches in a function that says whether there is something to offer. If not, it offers files.
  fish: (commands, cases) => `# cronledger completion fish >~/.config/fish/completions/cronledger.fish
function __cronledger_find
  set -g __cronledger_offer
  set -l words (commandline -opc)
  set -l word (commandline -ct)
  contains -- -- $words; and return 1
  set -l command $words[2]
  set -l before $words[-1]
  set -l prefix ''
  set -l offer
  set -l tasks
  if string match -qr -- '^--[^=]*=' $word
    set before (string replace -r -- '=.*' '' $word)
    set prefix $before=
  end
  if test (count $words) = 1
    set offer ${commands.slice(1, -1)}
  else
    switch "$command $before"
${fishBranches(cases)}
    end
  end
  if set -q tasks[1]; and not string match -q -- '-*' (string replace -r -- '^--[^=]*=' '' $word)
    set -l store
    set -l at (contains -i -- --store $words)
    and set store --store $words[(math $at + 1)]
    set -a store (string match -- '--store=*' $words)
    set -a offer ($words[1] completion tasks $store 2>/dev/null)
  end
  test (count $offer) -gt 0; or return 1
  set -g __cronledger_offer $prefix$offer
end
complete -c cronledger -n __cronledger_find -f -a '$__cronledger_offer'`,
}
