import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'

/** The shells into which operators paste commands, and how each starts without its settings. */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  '/bin/sh': [],
  '/bin/bash': ['--norc'],
  '/usr/bin/zsh': ['-f'],
  '/usr/bin/fish': ['--no-config'],
}

/** Each shell by its name, and whether this machine has it. A test of one that is missing is skipped. */
export const SHELL_CASES = Object.keys(SHELLS).map((path) => ({
  shell: path.replace(/.*\//, ''),
  path,
  isMissing: !existsSync(path),
}))

/** Returns the words that a shell passes to a program for each of the commands. */
export function wordsIn(path: string, commands: readonly string[]): readonly (readonly string[])[] {
  const script = commands.map((command) => `printf '%s\\0' ${command}; printf '\\n\\0'`).join('\n')
  const out = execFileSync(path, [...(SHELLS[path] ?? []), '-c', script], {
    encoding: 'utf8',
    // fish sets this variable to the name of the user.
    env: { ...process.env, USER: userInfo().username },
  })
  const words = out.split('\n\0').slice(0, -1)
  return words.map((text) => text.split('\0').slice(0, -1))
}
