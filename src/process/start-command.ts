import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { asError } from '../core/errors.ts'
import type { Clock } from './clock.ts'
import {
  type CommandEnd,
  type CommandLine,
  prepareParentThread,
  type StartResult,
  startOnParentThread,
} from './parent-thread.ts'
import { hasOwnProc } from './proc.ts'

/**
 * The waits between tries if the system lacks a resource that other processes return when they end. They add up to less
 * than four seconds: a longer shortage is a wrong limit, and the next trigger should report it too.
 */
const RETRY_DELAYS_MS = [250, 500, 1_000, 2_000]
const PASSING_SHORTAGES = new Set(['EAGAIN', 'ENFILE', 'ENOMEM'])

/**
 * Returns whether the thread helps and works. Only /proc lets us tell a real-time signal from a success, and a thread
 * cannot start anything in a folder that was deleted.
 */
function usesParentThread(): boolean {
  return hasOwnProc() && hasFolder()
}

function hasFolder(): boolean {
  try {
    process.cwd()
    return true
  } catch {
    return false
  }
}

export type Start =
  | Exclude<StartResult, { kind: 'refused' }>
  | { readonly kind: 'notStarted'; readonly exitCode: 126 | 127; readonly detail: string }

/** Begins the slow part of a start in advance. Does nothing on systems that do not need it. */
export function prepareStart(): void {
  if (usesParentThread()) prepareParentThread()
}

/**
 * Starts the command, and tries again for some seconds if the system has a shortage that may pass. `mayStart` is called
 * right before each try. `halt` ends the wait for the next try. Returns `notStarted` if the command cannot be started.
 * Throws only on a bug.
 */
export async function startCommand(
  command: CommandLine,
  mayStart: () => boolean,
  clock: Clock,
  halt: AbortSignal,
): Promise<Start> {
  for (const delayMs of [...RETRY_DELAYS_MS, null]) {
    if (!mayStart()) return { kind: 'prevented' }
    const tried = await (usesParentThread() ? startOnParentThread : startDirectly)(command, mayStart)
    if (tried.kind !== 'refused') return tried
    const { error } = tried
    if (delayMs === null || !PASSING_SHORTAGES.has(codeOf(error) ?? '')) return notStarted(command.file, error)
    await clock.wait(delayMs, halt)
  }
  throw new Error('unreachable')
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

/**
 * Returns the error code of the system. Node hides the code of a thread that failed to start in the text of its
 * message.
 */
function codeOf(error: Error): string | undefined {
  const code = 'code' in error ? String(error.code) : undefined
  return code === 'ERR_WORKER_INIT_FAILED' ? (/\bE[A-Z]+\b/.exec(error.message)?.[0] ?? code) : code
}

/** Parts of a command line that only a shell knows: operators, variables, and commands that are built into the shell. */
const OF_SHELL = /^(?:cd|export|source|set|ulimit|umask|alias)(?:\s|$)|^\w+=|&&|[|;<>`$]/

/** Returns what to do about a command that was not found, to follow the message. */
function commandHint(command: string): string {
  if (OF_SHELL.test(command)) return ". cd, NAME=value, variables, && and | need a shell: -- sh -c '…'"
  if (!/\s/.test(command)) return ''
  return '. Give the command and its arguments as separate words, not in one pair of quotes'
}

/**
 * Returns why the command was not started, with the exit code that a shell would use. Throws an error that does not
 * come from the system or from Node's checks of the command, because it is a bug.
 */
function notStarted(command: string, error: Error): Start {
  const name = JSON.stringify(command)
  const end = (exitCode: 126 | 127, detail: string): Start => ({ kind: 'notStarted', exitCode, detail })
  switch (codeOf(error)) {
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
      return end(
        126,
        `${name} cannot be started: the limit of processes is reached (EAGAIN). Raise it (ulimit -u, or the pids limit of the container), or run fewer processes at a time.`,
      )
    case 'EMFILE':
      return end(
        126,
        `${name} cannot be started: cronledger has reached its limit of open files (EMFILE). Raise it (ulimit -n).`,
      )
    case 'ENFILE':
      return end(
        126,
        `${name} cannot be started: the system has reached its limit of open files (ENFILE). Raise it (sysctl fs.file-max), or run fewer processes at a time.`,
      )
    case 'ENOMEM':
      return end(
        126,
        `${name} cannot be started: there is not enough memory (ENOMEM). Give the container or the host more, or run fewer processes at a time.`,
      )
    case 'ERR_WORKER_ENDED':
    case 'ERR_WORKER_INIT_FAILED':
    case 'ERR_WORKER_OUT_OF_MEMORY':
      return end(126, `${name} cannot be started: the thread that starts it has failed: ${error.message}`)
  }
  if ('syscall' in error && error.syscall !== undefined) return end(126, `${name} cannot be started: ${error.message}`)
  throw error
}
