import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cronledger, scratch, writeProgram } from '../../support/cli.ts'

// What bash completes is in ../stories/completion.txt.

const folder = scratch()
const store = `file:${folder}/ledger.db`
const script = (shell: string) => join(folder, `completion.${shell}`)

beforeAll(async () => {
  for (const shell of ['zsh', 'fish']) {
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

/** What differs by shell: how the words get to cronledger, and files where it offers nothing. */
const CASES: [words: string[], variables: NodeJS.ProcessEnv, offered: string[]][] = [
  [['history', '--store', store, '--task', ''], {}, ['billing/eu', 'nightly']],
  [['history', `--store=${store}`, '--task=ni'], {}, ['--task=nightly']],
  [['run', '--task', 'ni'], { CRONLEDGER_STORE: store }, ['nightly']],
  [['run', '--log', 'te'], {}, ['text']],
  [['run', '--log=te'], {}, ['--log=text']],
  [['run', '--event-time', ''], {}, []],
  [['explain', '--schedule', '*'], {}, []],
]

/** Returns what a shell prints. It must not print an error. */
function linesOf(shell: string, args: readonly string[], variables: NodeJS.ProcessEnv): string[] {
  const { stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', env: { ...env, ...variables } })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

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

  test.skipIf(!isThere).each(CASES)(`${shell}: %j with %j`, (words, variables, offered) => {
    expect(complete(words, variables).toSorted()).toEqual(offered.toSorted())
  })
})
