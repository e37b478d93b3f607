import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

/** The command line as it is built: `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

// biome-ignore lint/suspicious/noExplicitAny: what a program prints is looked at, not relied on
export type Loose = Record<string, any>

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  /** When it has ended and all its output is read: not before what it left in the background lets go of that. */
  readonly ended: Promise<Ended>
  /** When the process itself has ended. */
  readonly exited: Promise<void>
  /** Resolves when stdout has held this text; rejects when the process ends before. */
  printed(text: string): Promise<void>
  /** Resolves when stderr has held this text; rejects when the process ends before. */
  logged(text: string): Promise<void>
}

export interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What it reads on standard input; nothing by default. Null: never an end. */
  readonly input?: string | null
  /** A program that starts the command line, which follows its own arguments. None by default. */
  readonly launcher?: readonly string[]
  /** As whom it runs. */
  readonly uid?: number
  readonly gid?: number
}

/** The machine's environment without what this project or AWS reads of it. */
const BASE_ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(CRONLEDGER|AWS|ECS|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)/.test(name)),
)

/** Starts `cronledger` as a process of its own. */
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

export function cronledger(args: readonly string[], options?: Options): Promise<Ended> {
  return start(args, options).ended
}

/** A folder for one test file, gone after it. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
