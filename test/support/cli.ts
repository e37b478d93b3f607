import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { runShared } from './processes/shared.ts'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** The option of Node with which the clock of a command stands at `DOCS_CLOCK`. The process that many commands share needs none. */
export const STOPPED_CLOCK = `--import ${new URL('../docs/fakes/clock.mjs', import.meta.url).href}`

/** For LD_PRELOAD: a program gets the time FAKETIME. Undefined if it is not installed. */
export const FAKETIME_LIBRARY = readdirSync('/usr/lib', { withFileTypes: true })
  .map(({ name }) => `/usr/lib/${name}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))

export const NIGHTLY = ['--task', 'nightly', '--schedule', '0 3 * * *'] as const

// biome-ignore lint/suspicious/noExplicitAny: the output of a program can have any shape
export type Loose = Record<string, any>

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  /** The process has ended and all its output is read. A process that it left may keep the output open. */
  readonly ended: Promise<Ended>
  readonly exited: Promise<void>
  printed(text: string): Promise<void>
  logged(text: string): Promise<void>
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** The text on standard input; empty by default. With null, standard input never ends. */
  readonly input?: string | null
  /** A program with its arguments that starts the command line; none by default. */
  readonly launcher?: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

const BASE_ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(CRONLEDGER|AWS|ECS|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)/.test(name)),
)

export function start(args: readonly string[], { env = {}, input, launcher = [], ...where }: Options = {}): Running {
  const [program, ...words] = [...launcher, process.execPath, MAIN, ...args]
  const child = spawn(program as string, words, {
    env: { ...BASE_ENV, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...where,
  })
  if (input !== null) child.stdin?.end(input)
  const out = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      out[name] += chunk
      for (const listener of listeners) listener()
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...out }))
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said = (name: 'stdout' | 'stderr', text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!out[name].includes(text)) return
        listeners.delete(look)
        resolve()
      }
      listeners.add(look)
      look()
      ended.then(() => reject(new Error(`ended before ${name} held ${text}: ${out.stdout}${out.stderr}`)))
    })
  return { child, ended, exited, printed: (text) => said('stdout', text), logged: (text) => said('stderr', text) }
}

/** A command that starts no batch runs in a process that many share, if the test asks nothing about the process. */
export function cronledger(args: readonly string[], options: Options = {}): Promise<Ended> {
  return shared(args, options) ?? start(args, options).ended
}

export const clockAt = (instant: string) => ({ NODE_OPTIONS: STOPPED_CLOCK, DOCS_CLOCK: String(Date.parse(instant)) })

/** Returns `cronledger` and `start` with that clock: the age of a time, and whether its year is shown, depend on it. */
export function commandsAt(instant: string) {
  const clock = clockAt(instant)
  const then = ({ env, ...more }: Options = {}) => ({ ...more, env: { ...clock, ...env } })
  return {
    cronledger: (args: readonly string[], options?: Options) => cronledger(args, then(options)),
    start: (args: readonly string[], options?: Options) => start(args, then(options)),
  }
}

/** Returns a function that runs a command, the first one at this instant and each other one a minute after the one before. */
export function commandsFrom(instant: string) {
  let at = Date.parse(instant)
  return (args: readonly string[], options?: Options) => {
    const { cronledger } = commandsAt(new Date(at).toISOString())
    at += 60_000
    return cronledger(args, options)
  }
}

function shared(args: readonly string[], { env = {}, cwd = process.cwd(), ...others }: Options): Promise<Ended> | null {
  const { NODE_OPTIONS = STOPPED_CLOCK, ...variables } = env
  const isOfProcess = NODE_OPTIONS !== STOPPED_CLOCK || Object.keys(variables).some((name) => name.startsWith('NODE_'))
  if (Object.keys(others).length > 0 || !canShare(args) || isOfProcess) return null
  return runShared({ args, env: { ...BASE_ENV, ...env }, cwd })
}

function canShare([command = '', ...args]: readonly string[]): boolean {
  if (command !== 'run') return !['rerun', 'serve'].includes(command)
  // A force asks how long its process has run.
  return (
    args.at(-2) === '--' && ['true', 'false'].includes(args.at(-1) ?? '') && !args.some((arg) => /^--force/.test(arg))
  )
}

/** Runs a command that was printed, in a shell, as an operator does who pastes it. */
export function pasted(command: string, env: Options['env']): Promise<Ended> {
  const script = `node=$1 main=$2; cronledger() { "$node" "$main" "$@"; }; ${command}`
  return start([], { ...(env && { env }), launcher: ['sh', '-c', script, 'sh'] }).ended
}

/** Returns the lines of a log as text, without the next steps below them. */
export function messageLines(stderr: string): string[] {
  return stderr
    .trim()
    .split('\n')
    .filter((line) => !/^ {2}\S.*: +\S/.test(line))
}

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function writeProgram(folder: string): void {
  writeFileSync(join(folder, 'cronledger'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 })
}

let ledgers = 0

export const newStore = (folder: string) => `file:${join(folder, `ledger-${++ledgers}.db`)}`
