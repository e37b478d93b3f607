import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { ChildEnd, ChildRequest } from '../../../src/process/supervise.ts'

export const BATCHES = fileURLToPath(new URL('../../fixtures/batches/', import.meta.url))

/** A `timeoutMs` or `killAfterMs` that is due at SIGWINCH, so that no test depends on a guessed time. */
export const DUE_AT_SIGWINCH = 12_345_678

export function childrenOf(pid: number | undefined): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}

/** Runs `superviseChild` of the built code in a process of its own. `launcher` comes before its command line. */
export function supervise(
  request: Partial<ChildRequest> & Pick<ChildRequest, 'argv'>,
  launcher: readonly string[] = [],
) {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-child-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // A supervisor that runs as another user must be able to write here.
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
    printed(pattern: RegExp) {
      return new Promise<RegExpMatchArray>((resolve, reject) => {
        const look = () => {
          const found = output.match(pattern)
          if (found !== null) resolve(found)
        }
        look()
        started.stdout.on('data', look)
        started.stdout.on('close', () => reject(new Error(`never printed ${pattern}, but: ${output}`)))
      })
    },
    // We must not wait for 'close', since a background process may keep stdout open and the supervisor does not wait
    // for it.
    end: new Promise<ChildEnd & { readonly pid: number }>((resolve, reject) => {
      started.on('exit', (code, signal) => {
        if (code === 0) resolve(JSON.parse(readFileSync(resultFile, 'utf8')))
        else reject(new Error(`the supervisor itself ended with ${code ?? signal}: ${output}`))
      })
    }),
  }
}
