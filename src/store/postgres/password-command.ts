import { spawn } from 'node:child_process'
import { LedgerError } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'

/** The variable with a command that prints the password of now. A token of RDS, for example, lives for 15 minutes. */
export const PASSWORD_COMMAND = 'CRONLEDGER_PASSWORD_COMMAND'

/** How long the command may take, and how long a password is used, in milliseconds. */
const COMMAND_MS = 10_000
const MAX_AGE_MS = 600_000
/** In characters. The longest tokens have a few thousand. */
const MAX_LENGTH = 65_536

export interface PasswordCommand {
  /** Runs the command, unless its last answer may still be used. Throws `unreachable` if it fails: another try may help. */
  fetch(signal: AbortSignal): Promise<void>
  current(): string
  forget(): void
}

export function openPasswordCommand(command: string, env: Environment): PasswordCommand {
  let known: { readonly password: string; readonly at: number } | null = null
  return {
    async fetch(signal) {
      if (known !== null && performance.now() - known.at < MAX_AGE_MS) return
      known = { password: await printedBy(command, env, signal), at: performance.now() }
    },
    current: () => known?.password ?? '',
    forget() {
      known = null
    },
  }
}

/** Returns the first line of the output. The other lines may have the password in them, so they are never shown. */
function printedBy(command: string, env: Environment, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      const text = `the command of ${PASSWORD_COMMAND} ${why}. Run it by itself to see why: sh -c "$${PASSWORD_COMMAND}"`
      reject(new LedgerError('unreachable', text, { changedNothing: true }))
    }
    // A session of its own, so that all of its processes can be ended, and none gets the Ctrl-C of a terminal.
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
    const end = (why: string) => {
      fail(why)
      child.stdout.destroy()
      try {
        process.kill(-(child.pid ?? Number.NaN), 'SIGKILL')
      } catch {
        // They have ended.
      }
    }
    const timer = setTimeout(() => end(`did not end within ${COMMAND_MS / 1_000} s`), COMMAND_MS)
    const stop = () => end('was stopped')
    signal.addEventListener('abort', stop)
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(0, MAX_LENGTH)
    })
    child.on('error', ({ message }) => fail(`could not be started (${message})`))
    child.on('close', (code, killedBy) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      const [password = ''] = output.split(/\r?\n/)
      if (code !== 0) fail(code === null ? `was ended by ${killedBy}` : `failed (exit code ${code})`)
      else if (password === '') fail('printed no password on its first line')
      else resolve(password)
    })
    if (signal.aborted) stop()
  })
}
