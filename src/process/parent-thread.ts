import { Worker } from 'node:worker_threads'
import { asError } from '../core/errors.ts'
import type { Environment } from '../core/types.ts'
import { type Death, readDeath } from './proc.ts'

// Node reports exit code 0 for a process that a signal from 32 to 64 killed. /proc shows the true cause only until the
// parent has waited for the process, which Node does before it runs any of our code. So a separate thread starts the
// command, and its event loop is blocked until the main thread has read /proc (docs/development/decisions/0019).

export interface CommandLine {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Environment
}

export interface CommandEnd {
  readonly code: number | null
  readonly signal: string | null
  /** Why the end of the command is not known, in one line. */
  readonly lost?: string
}

export type StartResult =
  | {
      readonly kind: 'started'
      readonly pid: number
      readonly ended: Promise<CommandEnd>
      /** Returns whether the kernel says that the command has ended, which may be long before `ended` resolves. */
      hasEnded(): boolean
      /** Lets this process end although the command has not ended. It is for a command that cannot be killed. */
      abandon(): void
    }
  | { readonly kind: 'refused'; readonly error: Error }
  | { readonly kind: 'prevented' }

type Message =
  | { readonly kind: 'started'; readonly pid: number }
  | { readonly kind: 'refused'; readonly message: string; readonly code?: string; readonly syscall?: string }
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: string | null }

/** A string, because the executable has no file that the thread could load. */
const SOURCE = `
const { parentPort, workerData: gate } = require('node:worker_threads')
const { spawn } = require('node:child_process')
parentPort.on('message', ({ file, args, env }) => {
  const refuse = ({ message, code, syscall }) => parentPort.postMessage({ kind: 'refused', message, code, syscall })
  let child
  try {
    child = spawn(file, args, { env, stdio: 'inherit', detached: true })
  } catch (error) {
    return refuse(error)
  }
  if (child.pid === undefined) return child.once('error', refuse)
  child.once('exit', (code, signal) => parentPort.postMessage({ kind: 'ended', code, signal }))
  parentPort.postMessage({ kind: 'started', pid: child.pid })
  Atomics.wait(gate, 0, 0)
})`

const NO_END = { code: null, signal: null } as const

interface ParentThread {
  readonly worker: Worker
  /** The event loop of the thread is blocked while a command runs and this is 0. */
  readonly gate: Int32Array
  /** Resolves when the thread runs, or failed. */
  readonly ready: Promise<void>
  /** Why the thread can start nothing. Null while it can. */
  failure: Error | null
  onMessage(message: Message): void
  onFailure(error: Error): void
}

const idle: ParentThread[] = []

/** Begins to create a thread, which takes about 20 ms. */
export function prepareParentThread(): void {
  if (idle.length > 0) return
  try {
    idle.push(openParentThread())
  } catch {
    // The start of the command reports the error if it still occurs then.
  }
}

/** Starts the command in a session of its own. `mayStart` is called right before the start. Never rejects. */
export async function startOnParentThread(command: CommandLine, mayStart: () => boolean): Promise<StartResult> {
  let thread: ParentThread
  try {
    thread = idle.pop() ?? openParentThread()
  } catch (error) {
    return { kind: 'refused', error: asError(error) }
  }
  await thread.ready
  if (thread.failure !== null) return { kind: 'refused', error: thread.failure }
  if (mayStart()) return startOn(thread, command)
  idle.push(thread)
  return { kind: 'prevented' }
}

function openParentThread(): ParentThread {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(SOURCE, {
    eval: true,
    workerData: gate,
    // Otherwise the thread would load the modules that NODE_OPTIONS requires. The command gets its own environment.
    env: {},
    execArgv: [],
    // The thread has its own stdout and stderr, otherwise Node would open those of the process (docs/development/decisions/0004).
    stdout: true,
    stderr: true,
    trackUnmanagedFds: false,
  })
  let isReady = (): void => undefined
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  const ignore = () => undefined
  const thread: ParentThread = { worker, gate, ready, failure: null, onMessage: ignore, onFailure: ignore }
  const fail = (error: Error): void => {
    if (thread.failure !== null) return
    thread.failure = error
    const at = idle.indexOf(thread)
    if (at >= 0) idle.splice(at, 1)
    isReady()
    thread.onFailure(error)
  }
  worker.once('online', () => {
    // A thread without a command must not keep the program running.
    worker.unref()
    isReady()
  })
  worker.on('message', (message: Message) => thread.onMessage(message))
  worker.on('error', fail)
  worker.on('exit', () =>
    fail(Object.assign(new Error('the thread that waits for the command ended'), { code: 'ERR_WORKER_ENDED' })),
  )
  return thread
}

function startOn(thread: ParentThread, command: CommandLine): Promise<StartResult> {
  const { worker, gate } = thread
  let pid: number | null = null
  /** Null while the command runs. After that, Node has waited for it, and its pid may belong to another process. */
  let death: Death | null = null
  /** Unblocks the thread, so that Node waits for the command, as soon as the cause of its end has been read. */
  const look = (): void => {
    if (pid === null || death !== null) return
    death = readDeath(pid)
    if (death === null) return
    process.off('SIGCHLD', look)
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
  }
  const hasEnded = (): boolean => {
    look()
    return typeof death === 'object' && death !== null
  }
  const release = (): void => {
    process.off('SIGCHLD', look)
    worker.unref()
    idle.push(thread)
  }
  worker.ref()
  process.on('SIGCHLD', look)
  Atomics.store(gate, 0, 0)
  return new Promise((resolve) => {
    let settle = (_end: CommandEnd): void => undefined
    const ended = new Promise<CommandEnd>((resolve) => {
      settle = resolve
    })
    thread.onFailure = (error) => {
      process.off('SIGCHLD', look)
      resolve({ kind: 'refused', error })
      settle({ ...NO_END, lost: error.message })
    }
    thread.onMessage = (message) => {
      switch (message.kind) {
        case 'started':
          pid = message.pid
          resolve({ kind: 'started', pid, ended, hasEnded, abandon: () => worker.unref() })
          // The command may have ended before its pid was known here.
          return look()
        case 'refused':
          release()
          return resolve({ kind: 'refused', error: Object.assign(new Error(message.message), message) })
        case 'ended':
          release()
          return settle(withDeath(message, death))
      }
    }
    worker.postMessage(command)
  })
}

/** Returns the end that Node reports, but the signal that the kernel names if Node reports success. */
function withDeath({ code, signal }: CommandEnd, death: Death | null): CommandEnd {
  if (code !== 0) return { code, signal }
  if (death === 'unreadable') return { ...NO_END, lost: 'this process lacked file descriptors or memory to read it' }
  const killer = typeof death === 'object' ? death?.killer : null
  return killer == null ? { code, signal } : { code: null, signal: `signal ${killer}` }
}
