import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MAIN } from '../cli.ts'

/**
 * Returns a function that runs a command in a shell, as an operator pastes it, and returns what it prints. The shell finds
 * the built `cronledger`, and the programs of the machine.
 */
export function openShell(folder: string, env: Readonly<Record<string, string>> = {}) {
  const programs = join(folder, 'programs')
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(programs, 'cronledger'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(join(programs, 'cronledger'), 0o755)
  return async (command: string, shell = 'bash') => {
    const options = { env: { PATH: `${programs}:/usr/bin:/bin`, LANG: 'C.UTF-8', ...env }, cwd: folder }
    const { stdout, stderr } = await promisify(execFile)(shell, ['-c', command], options)
    return { stdout, stderr }
  }
}
