import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Ending } from '../core/types.ts'
import type { Clock } from './clock.ts'
import { livingMember, signalGroup } from './group.ts'
import type { PassedSignal, StopRequest, StopSignal, Stops } from './signals.ts'
import { finishReserveMs } from './stop.ts'

export interface ChildRequest {
  readonly argv: readonly [string, ...string[]]
  /** The whole environment of the child; its `PATH` is the one that the command is looked up in. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** SIGTERM after this time; null: never. */
  readonly timeoutMs: number | null
  /** SIGKILL this long after SIGTERM. */
  readonly killAfterMs: number
  /** How long after a stop signal the orchestrator kills cronledger itself. */
  readonly stopTimeoutMs: number
  /** Another attempt may follow a failed one: then nothing of its group is left behind either. */
  readonly endsWhole: boolean
}

/** Reason of `leaseLost`: SIGTERM goes out now, SIGKILL after this time. */
interface LeaseStop {
  readonly killInMs: number
}

export interface ChildHooks {
  readonly stops: Stops
  /** Ends the child when it aborts; the reason is a `LeaseStop`. */
  readonly leaseLost: AbortSignal
  readonly clock: Clock
  /** Called once, as soon as the child runs. Must not throw. */
  readonly onStarted: (pid: number) => void
}

/**
 * How the child really ended: `exitCode` or `signal`, neither if SIGKILL could not end it. `notStarted` has the shell's
 * exit code (127 not found, 126 not executable), or none if a stop or the loss of the lease came before the start.
 */
export interface ChildEnd extends Ending {
  /** The first stop signal, if that is why the child was ended or not started. */
  readonly stoppedBy?: StopSignal
  /** One line for people: why nothing was started, or what could not be ended. */
  readonly detail?: string
  /** A process of the group that even SIGKILL could not end. */
  readonly left?: number
}

/** A leader that left first is the rare case, and a stop may end this much late without anybody's notice. */
const GROUP_POLL_MS = 50

/** SIGKILL works within milliseconds, save on a process in uninterruptible sleep. It is taken out of the reserve. */
const VANISH_MS = 1_000

type Cause =
  | { readonly outcome: 'interrupted'; readonly stoppedBy: StopSignal }
  | { readonly outcome: 'timedOut' | 'leaseLost' | 'failed' }

/**
 * Runs the command in a process group of its own, on cronledger's own stdin, stdout and stderr, and resolves when it has
 * ended. Whichever came first decides the outcome: the exit, a stop signal, the timeout, or the loss of the lease. After
 * the last three nothing of the group is left behind; after an exit, what the child put in the background stays alone,
 * but after a failure where another attempt may follow.
 * Rejects only on a bug.
 */
export async function superviseChild(request: ChildRequest, hooks: ChildHooks): Promise<ChildEnd> {
  const { stops, leaseLost, clock } = hooks
  const early = stops.first()
  if (early !== null) return { outcome: 'notStarted', stoppedBy: early.signal }
  if (leaseLost.aborted) return { outcome: 'notStarted', detail: 'the lease was lost before the command was started' }

  let child: ChildProcess
  try {
    const [command, ...args] = request.argv
    // `detached` is setsid(): the group must hold all that the child starts, and not cronledger.
    child = spawn(command, args, { env: request.env, stdio: 'inherit', detached: true })
  } catch (error) {
    return notStarted(request.argv[0], error)
  }
  const { pid } = child
  if (pid === undefined) {
    const [error] = await once(child, 'error')
    return notStarted(request.argv[0], error)
  }

  // The end of supervision: from here on the pid may be another's, and nobody is signalled any more.
  const over = new AbortController()
  let cause = null as Cause | null
  const exited = new Promise<{ code: number | null; signal: string | null } | null>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal })
      if (cause !== null) return
      if (code === 0 || !request.endsWhole) over.abort()
      else endRest()
    })
    over.signal.addEventListener('abort', () => resolve(null))
  })

  const send = (signal: PassedSignal): void => {
    if (over.signal.aborted) return
    signalGroup(pid, signal)
    // A process that is stopped (SIGSTOP, SIGTSTP) would act on the signal only when somebody continues it.
    signalGroup(pid, 'SIGCONT')
  }
  const end = async (why: Cause, killInMs: number): Promise<void> => {
    if (over.signal.aborted) return
    cause ??= why
    await clock.wait(killInMs, over.signal)
    if (over.signal.aborted) return
    signalGroup(pid, 'SIGKILL')
    await clock.wait(VANISH_MS, over.signal)
    over.abort()
  }

  const endRest = (): void => {
    void end({ outcome: 'failed' }, request.killAfterMs)
    send('SIGTERM')
  }

  const unsubscribe = stops.onSignal(send)
  stops.aborted.addEventListener(
    'abort',
    () => {
      const { signal, atMs } = stops.aborted.reason as StopRequest
      const killAtMs =
        atMs + Math.min(request.killAfterMs, request.stopTimeoutMs - finishReserveMs(request.stopTimeoutMs))
      void end({ outcome: 'interrupted', stoppedBy: signal }, Math.max(0, killAtMs - clock.monotonicMs()))
    },
    { signal: over.signal },
  )
  leaseLost.addEventListener(
    'abort',
    () => {
      void end({ outcome: 'leaseLost' }, (leaseLost.reason as LeaseStop).killInMs)
      send('SIGTERM')
    },
    { signal: over.signal },
  )
  if (request.timeoutMs !== null) {
    void clock.wait(request.timeoutMs, over.signal).then(() => {
      void end({ outcome: 'timedOut' }, request.killAfterMs)
      send('SIGTERM')
    })
  }
  hooks.onStarted(pid)

  const exit = await exited
  let member = cause === null ? null : livingMember(pid)
  while (member !== null && !over.signal.aborted) {
    await clock.wait(GROUP_POLL_MS, over.signal)
    member = livingMember(pid, member)
  }
  // A process that forks and leaves during the scan hides its child from it; zombies do not mind.
  if (!over.signal.aborted) signalGroup(pid, 'SIGKILL')
  over.abort()
  unsubscribe()

  return {
    ...(cause ?? { outcome: exit?.code === 0 ? 'succeeded' : 'failed' }),
    ...(exit?.code != null && { exitCode: exit.code }),
    ...(exit?.signal != null && { signal: exit.signal }),
    ...(member !== null && {
      detail: `process ${member} is still there ${VANISH_MS} ms after SIGKILL`,
      left: member,
    }),
  }
}

/** The exit codes are the shell's. Anything but the system's or Node's refusal of the command is a bug, and thrown. */
function notStarted(command: string, error: unknown): ChildEnd {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const name = JSON.stringify(command)
  const end = (exitCode: 126 | 127, detail: string): ChildEnd => ({ outcome: 'notStarted', exitCode, detail })
  switch (code) {
    case 'ENOENT':
      if (command.includes('/') && existsSync(command))
        return end(127, `${name} is there, but not the interpreter in its first line (#!…); has it Windows line ends?`)
      return end(127, `command not found: ${name}`)
    case 'EACCES':
      return end(126, `${name} is not an executable file, or permission is denied`)
    case 'E2BIG':
      return end(126, `${name} cannot be started: its arguments and environment are larger than the system allows`)
    case 'ERR_INVALID_ARG_VALUE':
      return end(126, `${name} cannot be started: the command is empty, or it or the environment has a NUL byte`)
  }
  if (error instanceof Error && 'syscall' in error) return end(126, `${name} cannot be started: ${error.message}`)
  throw error
}
