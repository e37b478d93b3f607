import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeProgram } from '../cli.ts'

/** Runs a command in a shell, as an operator pastes it. Returns what it prints. */
export function openShell(folder: string, env: Readonly<Record<string, string>> = {}) {
  const programs = join(folder, 'programs')
  mkdirSync(programs, { recursive: true })
  writeProgram(programs)
  return async (command: string, shell = 'bash') => {
    const options = { env: { PATH: `${programs}:/usr/bin:/bin`, LANG: 'C.UTF-8', ...env }, cwd: folder }
    const { stdout, stderr } = await promisify(execFile)(shell, ['-c', command], options)
    return { stdout, stderr }
  }
}
