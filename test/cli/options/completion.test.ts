import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { RUN_OPTIONS } from '../../../src/cli/options/run-options.ts'
import { optionName } from '../../../src/core/option.ts'
import { cronledger, scratch, writeProgram } from '../../support/cli.ts'

const folder = scratch()
const store = `file:${folder}/ledger.db`
const script = (shell: string) => join(folder, `completion.${shell}`)

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await cronledger(['completion', shell])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    writeFileSync(script(shell), stdout)
  }
  const run = ['run', '--store', store, '--schedule', '@daily', '--event-time', '2026-11-24T00:00:00Z']
  for (const task of ['nightly', 'billing/eu']) await cronledger([...run, '--task', task, '--', 'true'])
  writeProgram(folder)
})

/** The environment of a shell that finds cronledger. */
const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }

/** Each asks for the completions of the last word. */
const CASES: [words: string[], offered: string[]][] = [
  [['e'], ['explain']],
  [['--v'], ['--version']],
  [['run', '--on-l'], ['--on-lease-lost']],
  [
    ['run', '--log', ''],
    ['json', 'text', 'quiet'],
  ],
  [['run', '--log', 'te'], ['text']],
  [['rerun', '--status', 'mi'], ['missed']],
  [['history', '--status', 'st'], ['stale']],
  [['help', 'exi'], ['exit-codes']],
  [['run', '--timezone', 'Asia/Tok'], ['Asia/Tokyo']],
  [['rerun', '--slot', ''], ['latest']],
  [['run', '--strict', '--tas'], ['--task']],
  [['explain', '--jso'], ['--json']],
  [['explain', '--time'], ['--timezone']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish', '--help'],
  ],
  // Free text, an unknown command and the batch's own command: the shell's own, files.
  [['run', '--event-time', ''], []],
  [['explain', '--schedule', '*'], []],
  [['nonsense', '--'], []],
  [['run', '--', '--log', ''], []],
]

/** What differs by shell: how the words get to cronledger, and files where it offers nothing. bash has all cases. */
const BY_SHELL = CASES.filter(([words]) =>
  ['--log te', '--event-time ', '--schedule *'].includes(words.slice(1).join(' ')),
)

/** Each asks for the names of tasks, of the ledger that the line or the environment names. */
const TASK_CASES: [words: string[], variables: NodeJS.ProcessEnv, offered: string[]][] = [
  [['history', '--store', store, '--task', ''], {}, ['billing/eu', 'nightly']],
  [['run', '--task', 'ni'], { CRONLEDGER_STORE: store }, ['nightly']],
  [['show', 'bil'], { CRONLEDGER_STORE: store }, ['billing/eu']],
  // The line takes precedence.
  [['check', '--store', store, 'ni'], { CRONLEDGER_STORE: 'file:/nowhere/ledger.db' }, ['nightly']],
  [['run', 'ni'], { CRONLEDGER_STORE: store }, ['nightly']],
  // A dash begins an option.
  [['history', '--tas'], { CRONLEDGER_STORE: store }, ['--task']],
  // Without a ledger, or with one that cannot be read, there is nothing to offer, and nothing is written.
  [['history', 'ni'], {}, []],
  [['history', 'ni'], { CRONLEDGER_STORE: 'file:/nowhere/ledger.db' }, []],
]

/** Returns what a shell prints. It must not print an error. */
function linesOf(shell: string, args: readonly string[], variables: NodeJS.ProcessEnv): string[] {
  const { stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', env: { ...env, ...variables } })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

describe('bash', () => {
  function complete(words: readonly string[], variables: NodeJS.ProcessEnv = {}): string[] {
    const program = `source "$1"; shift; COMP_LINE="cronledger $*"; COMP_POINT=\${#COMP_LINE}; _cronledger; printf '%s\\n' "\${COMPREPLY[@]}"`
    return linesOf('bash', ['--norc', '-c', program, 'bash', script('bash'), ...words], variables)
  }

  test.each(TASK_CASES)('%j with %j: the names of tasks', (words, variables, offered) => {
    expect(complete(words, variables)).toEqual(offered)
  })

  test.each(CASES)('bash: %j', (words, offered) => {
    expect(complete(words)).toEqual(offered)
  })

  test('bash offers all options of a command, and none of another', () => {
    const flags = Object.keys(RUN_OPTIONS).map((name) => `--${optionName(name)}`)
    expect(complete(['run', ''])).toEqual([...flags, '--help'])
  })

  test('the value of --log=te and the tasks after --task=, without the flag, which bash keeps', () => {
    expect(complete(['run', '--log=te'])).toEqual(['text'])
    expect(complete(['history', `--store='${store}'`, '--task=ni'])).toEqual(['nightly'])
  })

  test('bash is registered for the command, with the files of the shell where it offers nothing', () => {
    const out = execFileSync('bash', ['--norc', '-c', 'source "$1"; complete -p cronledger', 'bash', script('bash')])
    expect(String(out)).toBe('complete -o bashdefault -o default -F _cronledger cronledger\n')
  })
})

test.each([[[]], [['ksh']], [['bash', 'zsh']]])('%j is not a shell: one line and 64', async (args) => {
  const { code, stdout, stderr } = await cronledger(['completion', ...args])
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toMatch(
    /^cronledger: (no shell is given|the shell ".*" is not supported)\. Use one of: cronledger completion bash, cronledger completion zsh, cronledger completion fish\.\n$/,
  )
})

/** Its completion builtins work inside of the line editor only: these stand in for them, and print. */
const ZSH_STAND_INS = `
  compdef() { :; }
  _files() { :; }
  compadd() { shift; print -l -- \${(M)@:#\${PREFIX}*}; }
`

const OTHER_SHELLS = {
  zsh(words: readonly string[], variables: NodeJS.ProcessEnv) {
    const program = `${ZSH_STAND_INS} source "$1"; shift; words=(cronledger "$@") CURRENT=$(($# + 1)) PREFIX=$words[-1]; _cronledger`
    return linesOf('zsh', ['-fc', program, 'zsh', script('zsh'), ...words], variables)
  },
  /** fish completes a command line by itself. It also offers words that only contain the letters of the last one. */
  fish(words: readonly string[], variables: NodeJS.ProcessEnv) {
    const line = ['cronledger', ...words].map((word) => (word === '*' ? "'*" : word)).join(' ')
    const empty = join(folder, 'empty')
    mkdirSync(empty, { recursive: true })
    const program = 'source $argv[1]; cd $argv[2]; complete -C $argv[3]'
    const offered = linesOf('fish', ['--no-config', '-c', program, script('fish'), empty, line], variables)
    return offered.filter((word) => word.startsWith(words.at(-1) ?? ''))
  },
}

describe.each(Object.entries(OTHER_SHELLS))('%s', (shell, complete) => {
  const isThere = spawnSync(shell, ['--version']).status === 0
  if (!isThere) process.stdout.write(`${shell} is not installed: its completion is not tested\n`)

  test
    .skipIf(!isThere)
    .each([
      ...TASK_CASES.slice(0, 2),
      [['history', `--store=${store}`, '--task=ni'], {}, ['--task=nightly']] as (typeof TASK_CASES)[number],
    ])(`${shell}: %j with %j: the names of tasks`, (words, variables, offered) => {
    expect(complete(words, variables).toSorted()).toEqual(offered.toSorted())
  })

  test.skipIf(!isThere).each([...BY_SHELL, [['run', '--log=te'], ['--log=text']] as (typeof CASES)[number]])(
    `${shell}: %j`,
    (words, offered) => {
      expect(complete(words, {}).toSorted()).toEqual(offered.toSorted())
    },
  )
})
