import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface SharedEnd {
  readonly code: number
  readonly signal: null
  readonly stdout: string
  readonly stderr: string
}

export interface Command {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

const PROGRAM = fileURLToPath(new URL('shared.mjs', import.meta.url))

let child: ChildProcess | null = null
let isBusy = false
const files = { stdout: 0, stderr: 0 }

/** Runs a command in a process that this test file starts once, since a start takes long. Null: it is busy. */
export function runShared(command: Command): Promise<SharedEnd> | null {
  if (isBusy) return null
  isBusy = true
  return ask(command).finally(() => {
    isBusy = false
  })
}

async function ask(command: Command): Promise<SharedEnd> {
  child ??= begin()
  const over = new AbortController()
  const ended = once(child, 'exit', over).then(() => {
    throw new Error(`the shared process ended: ${take(files.stderr)}`)
  })
  const answered = once(child, 'message', over)
  child.send(command)
  const [code] = await Promise.race([answered, ended]).finally(() => over.abort())
  return { code, signal: null, stdout: take(files.stdout), stderr: take(files.stderr) }
}

function begin(): ChildProcess {
  const folder = mkdtempSync(join(tmpdir(), 'cronledger-shared-'))
  files.stdout = openSync(join(folder, 'stdout'), 'a+')
  files.stderr = openSync(join(folder, 'stderr'), 'a+')
  const started = fork(PROGRAM, { stdio: ['ignore', files.stdout, files.stderr, 'ipc'] })
  rmSync(folder, { recursive: true })
  // It ends with this test file.
  started.unref()
  started.channel?.unref()
  return started
}

function take(file: number): string {
  const bytes = Buffer.alloc(fstatSync(file).size)
  readSync(file, bytes, 0, bytes.length, 0)
  ftruncateSync(file)
  return bytes.toString()
}
