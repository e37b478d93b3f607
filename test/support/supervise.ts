import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ChildEnd, ChildRequest } from '../../src/process/supervise.ts'

export const BATCHES = fileURLToPath(new URL('../fixtures/batches/', import.meta.url))

/** As `timeoutMs`: the timeout is due when the supervisor gets SIGWINCH, so that no test has to guess a time. */
export const DUE_AT_SIGWINCH = 12_345_678

export interface Supervised {
  /** The supervisor, or what it was started by. */
  readonly process: ChildProcess
  /** Resolves with all output so far once it matches; rejects when stdout closes before. */
  printed(pattern: RegExp): Promise<RegExpMatchArray>
  /** How the child ended; rejects when the supervisor left no word. */
  readonly end: Promise<ChildEnd & { readonly lines: number; readonly pid: number }>
}

/** The processes that a process started, whichever of its threads did. */
export function childrenOf(pid: number | undefined): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** Runs `superviseChild` in a process of its own, from the built code. `launcher` goes before its command line. */
export function supervise(
  request: Partial<ChildRequest> & Pick<ChildRequest, 'argv'>,
  launcher: readonly string[] = [],
): Supervised {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-child-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // For supervisors that run as another user.
  chmodSync(folder, 0o777)
  const resultFile = join(folder, 'result.json')
  const driver = [process.execPath, join(BATCHES, 'supervise.mjs'), resultFile, JSON.stringify(request)]
  const [command, ...args] = [...launcher, ...driver]
  const started = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  started.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk
  })
  return {
    process: started,
    printed(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = output.match(pattern)
          if (found !== null) resolve(found)
        }
        look()
        started.stdout.on('data', look)
        started.stdout.on('close', () => reject(new Error(`never printed ${pattern}, but: ${output}`)))
      })
    },
    // Not 'close': a background process may hold stdout open, and the supervisor must not care.
    end: new Promise((resolve, reject) => {
      started.on('exit', (code, signal) => {
        if (code === 0) resolve(JSON.parse(readFileSync(resultFile, 'utf8')))
        else reject(new Error(`the supervisor itself ended with ${code ?? signal}: ${output}`))
      })
    }),
  }
}
