import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { asError, quote } from '../core/errors.ts'
import { EXIT } from '../core/exit.ts'
import type { Environment } from '../core/types.ts'
import { readStat } from './proc.ts'
import { probe } from './process-group.ts'

export interface CommandLine {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Environment
}

export interface CommandEnd {
  readonly code: number | null
  readonly signal: string | null
}

export interface StartedCommand {
  readonly kind: 'started'
  readonly pid: number
  readonly ended: Promise<CommandEnd>
  /** Returns whether the command has ended. The kernel knows that before `ended` resolves, and long before in a busy process. */
  hasEnded(): boolean
  /** Lets this process end although the command has not ended. It is for a command that cannot be killed. */
  abandon(): void
}

export interface NotStarted {
  readonly kind: 'notStarted'
  readonly exitCode: number
  readonly detail: string
}

/** Starts the command in a session of its own, at once. Throws only on a bug. */
export async function startCommand({ file, args, env }: CommandLine): Promise<StartedCommand | NotStarted> {
  try {
    // `detached` is setsid(): the group must contain all processes that the command starts, and not cronledger.
    const child = spawn(file, args, { env, stdio: 'inherit', detached: true })
    const { pid } = child
    if (pid === undefined) {
      const [error] = await once(child, 'error')
      return notStarted(file, error)
    }
    const ended = new Promise<CommandEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null || hasDied(pid)
    return { kind: 'started', pid, ended, hasEnded, abandon: () => child.unref() }
  } catch (error) {
    return notStarted(file, asError(error))
  }
}

/** Node collects all children that have ended before it reports the first one. Until then, a child is a zombie. */
function hasDied(pid: number): boolean {
  const stat = readStat(pid)
  return stat === null ? probe(pid) === null : !stat.living
}

/** Parts of a command line that only a shell knows: operators, variables, and commands that are built into the shell. */
const OF_SHELL = /^(?:cd|export|source|set|ulimit|umask|alias)(?:\s|$)|^\w+=|&&|[|;<>`$]/

/** Returns what to do about a command that was not found, to follow the message. */
function commandHint(command: string): string {
  if (OF_SHELL.test(command)) return ". cd, NAME=value, variables, && and | need a shell: -- sh -c '…'"
  if (/^~\//.test(command)) return '. No shell replaces the ~ here. Write the whole path'
  if (!command.includes('/') && existsSync(command))
    return `. The file is in this folder, which is not in PATH: ./${command}`
  if (!/\s/.test(command)) return ''
  return '. Give the command and its arguments as separate words, not in one pair of quotes'
}

/** Returns why the command was not started, with the exit code of a shell. Throws any other error: it is a bug. */
function notStarted(command: string, error: Error): NotStarted {
  const name = quote(command)
  const end = (exitCode: number, detail: string): NotStarted => ({ kind: 'notStarted', exitCode, detail })
  const unusable = (detail: string) => end(EXIT.notExecutable, `${name} ${detail}`)
  switch ('code' in error ? error.code : undefined) {
    case 'ENOENT':
      if (command.includes('/') && existsSync(command))
        return end(
          EXIT.notFound,
          `${name} exists, but the interpreter in its first line (#!…) does not. Does the file have Windows line ends?`,
        )
      return end(EXIT.notFound, `command not found: ${name}${commandHint(command)}`)
    case 'EACCES':
      return unusable('is not an executable file, or this user may not run it')
    case 'E2BIG':
      return unusable('cannot be started: its arguments and environment are larger than the system allows')
    case 'ERR_INVALID_ARG_VALUE':
      return unusable('cannot be started: the command is empty, or it or the environment has a NUL byte')
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
      return unusable(
        `cannot be started: processes, open files or memory are short (${error.message}). Raise the limit (ulimit -u, ulimit -n, or the pids and memory of the container), or run fewer processes at a time.`,
      )
  }
  if ('syscall' in error && error.syscall !== undefined) return unusable(`cannot be started: ${error.message}`)
  throw error
}
