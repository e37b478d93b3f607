import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { asError, quote } from '../core/errors.ts'
import {
  type CommandEnd,
  type CommandLine,
  prepareParentThread,
  type StartResult,
  startOnParentThread,
} from './parent-thread.ts'
import { hasOwnProc } from './proc.ts'

/** Only /proc tells a real-time signal from a success, and a thread can start nothing in a folder that was deleted. */
function usesParentThread(): boolean {
  try {
    process.cwd()
    return hasOwnProc()
  } catch {
    return false
  }
}

export type Start =
  | Exclude<StartResult, { kind: 'refused' }>
  | { readonly kind: 'notStarted'; readonly exitCode: 126 | 127; readonly detail: string }

/** Begins the slow part of a start in advance. */
export function prepareStart(): void {
  if (usesParentThread()) prepareParentThread()
}

/** `mayStart` is called right before the start. Throws only on a bug. */
export async function startCommand(command: CommandLine, mayStart: () => boolean): Promise<Start> {
  if (!mayStart()) return { kind: 'prevented' }
  const start = await (usesParentThread() ? startOnParentThread : startDirectly)(command, mayStart)
  return start.kind === 'refused' ? notStarted(command.file, start.error) : start
}

async function startDirectly({ file, args, env }: CommandLine, mayStart: () => boolean): Promise<StartResult> {
  if (!mayStart()) return { kind: 'prevented' }
  try {
    // `detached` is setsid(): the group must contain all processes that the command starts, and not cronledger.
    const child = spawn(file, args, { env, stdio: 'inherit', detached: true })
    const { pid } = child
    if (pid === undefined) {
      const [error] = await once(child, 'error')
      return { kind: 'refused', error }
    }
    const ended = new Promise<CommandEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    return { kind: 'started', pid, ended, hasEnded: () => false, abandon: () => child.unref() }
  } catch (error) {
    return { kind: 'refused', error: asError(error) }
  }
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
function notStarted(command: string, error: Error): Start {
  const name = quote(command)
  const end = (exitCode: 126 | 127, detail: string): Start => ({ kind: 'notStarted', exitCode, detail })
  switch ('code' in error ? error.code : undefined) {
    case 'ENOENT':
      if (command.includes('/') && existsSync(command))
        return end(
          127,
          `${name} exists, but the interpreter in its first line (#!…) does not. Does the file have Windows line ends?`,
        )
      return end(127, `command not found: ${name}${commandHint(command)}`)
    case 'EACCES':
      return end(126, `${name} is not an executable file, or this user may not run it`)
    case 'E2BIG':
      return end(126, `${name} cannot be started: its arguments and environment are larger than the system allows`)
    case 'ERR_INVALID_ARG_VALUE':
      return end(126, `${name} cannot be started: the command is empty, or it or the environment has a NUL byte`)
    case 'EAGAIN':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOMEM':
    case 'ERR_WORKER_ENDED':
    case 'ERR_WORKER_INIT_FAILED':
    case 'ERR_WORKER_OUT_OF_MEMORY':
      return end(
        126,
        `${name} cannot be started: processes, open files or memory are short (${error.message}). Raise the limit (ulimit -u, ulimit -n, or the pids and memory of the container), or run fewer processes at a time.`,
      )
  }
  if ('syscall' in error && error.syscall !== undefined) return end(126, `${name} cannot be started: ${error.message}`)
  throw error
}
