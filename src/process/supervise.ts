import type { Ending, Environment } from '../core/types.ts'
import type { Clock } from './clock.ts'
import { finishReserveMs } from './clock.ts'
import { livingMember, POLL_MS, probe, sendSignal, VANISH_MS } from './process-group.ts'
import type { AbortSignalWith, PassedSignal, StopSignal, Stops } from './signals.ts'
import { type CommandEnd, type StartedCommand, startCommand } from './start-command.ts'
import { markProcess } from './survivors.ts'

export interface ChildRequest {
  readonly argv: readonly [string, ...string[]]
  readonly env: Environment
  readonly timeoutMs: number | null
  readonly killAfterMs: number
  /** The milliseconds from a stop signal until the orchestrator kills cronledger itself. */
  readonly stopTimeoutMs: number
  /** True if another attempt may follow this one. Then a failure leaves no process of the group behind either. */
  readonly endsWhole: boolean
}

export interface ChildHooks {
  readonly stops: Stops
  /** Ends the child when it aborts: by SIGTERM at once, and by SIGKILL after `killInMs` milliseconds. */
  readonly leaseLost: AbortSignalWith<{ readonly killInMs: number }>
  /** Returns whether the lease is young enough for the start. It is called right before the start. */
  readonly mayStart: () => boolean
  readonly clock: Clock
  /** Called once, as soon as the child runs. Must not throw. */
  readonly onStarted: (pid: number) => void
}

/** Neither `exitCode` nor `signal`: it lives on. For `notStarted`, the code is that of a shell. */
export interface ChildEnd extends Ending {
  readonly stoppedBy?: StopSignal
  readonly detail?: string
  /** The pid of a process of the batch that even SIGKILL could not end, or that this process may not signal. */
  readonly left?: number
}

type Cause =
  | { readonly outcome: 'interrupted'; readonly stoppedBy: StopSignal }
  | { readonly outcome: 'timedOut' | 'leaseLost' | 'failed' }

/**
 * Runs the command in its own process group, with the streams of cronledger. The first of these decides the outcome: the
 * exit, a stop signal, the timeout, or the loss of the lease. The kernel says whether the exit came first, because a busy
 * process learns of it late. No process of the group is left behind, except after an exit: then background processes go on,
 * unless the child failed and another attempt may follow. Rejects only on a bug.
 */
export async function superviseChild(request: ChildRequest, hooks: ChildHooks): Promise<ChildEnd> {
  const { stops, leaseLost, mayStart } = hooks
  const stop = stops.first()
  if (stop !== null) return { outcome: 'notStarted', stoppedBy: stop.signal }
  if (leaseLost.aborted || !mayStart()) {
    return { outcome: 'notStarted', detail: 'the lease was lost before the command was started' }
  }
  const [file, ...args] = request.argv
  const start = await startCommand({ file, args, env: request.env })
  // No signal has been handled since the command runs: a start waits only if it fails.
  if (start.kind === 'started') return superviseGroup(start, request, hooks)
  const { exitCode, detail } = start
  return { outcome: 'notStarted', exitCode, detail }
}

/** `over` aborts at the end of supervision. After that nothing is signalled: the pid may belong to another process. */
async function superviseGroup(
  { pid, ended, hasEnded, abandon }: StartedCommand,
  request: ChildRequest,
  { stops, leaseLost, clock, onStarted }: ChildHooks,
): Promise<ChildEnd> {
  const over = new AbortController()
  const { send, end, firstCause } = openGroup(pid, over, clock)
  const exited = new Promise<CommandEnd | null>((resolve) => {
    void ended.then((exit) => {
      resolve(exit)
      if (firstCause() !== null) return
      if (exit.code === 0 || !request.endsWhole) over.abort()
      else terminate({ outcome: 'failed' }, request.killAfterMs)
    })
    over.signal.addEventListener('abort', () => {
      if (!hasEnded()) resolve(null)
    })
  })
  /** Returns whether the command ended by itself, so that nothing may decide its outcome or signal what it left behind. */
  const hasEndedFirst = (): boolean => firstCause() === null && hasEnded()

  const terminate = (cause: Cause, killInMs: number): void => {
    void end(cause, killInMs)
    send('SIGTERM')
  }
  const onStop = (): void => {
    if (hasEndedFirst()) return
    const { signal, atMs } = stops.aborted.reason
    const killAtMs =
      atMs + Math.min(request.killAfterMs, request.stopTimeoutMs - finishReserveMs(request.stopTimeoutMs))
    void end({ outcome: 'interrupted', stoppedBy: signal }, Math.max(0, killAtMs - clock.monotonicMs()))
  }
  const onLeaseLost = (): void => {
    if (!hasEndedFirst()) terminate({ outcome: 'leaseLost' }, leaseLost.reason.killInMs)
  }

  const pass = (signal: PassedSignal): void => {
    if (!hasEndedFirst()) send(signal)
  }
  const unsubscribe = stops.onSignal(pass)
  const signalGroup = (signal: 'SIGSTOP' | 'SIGCONT'): void => {
    if (!over.signal.aborted) sendSignal(-pid, signal)
  }
  const endSuspend = stops.onSuspend(
    // We must not send SIGTSTP: the kernel drops it in an orphaned process group, and the child's group is one.
    () => signalGroup('SIGSTOP'),
    () => signalGroup('SIGCONT'),
  )
  const once = { signal: over.signal }
  onStarted(pid)
  stops.aborted.addEventListener('abort', onStop, once)
  leaseLost.addEventListener('abort', onLeaseLost, once)
  if (request.timeoutMs !== null) {
    void clock.wait(request.timeoutMs, over.signal).then(() => {
      if (!hasEndedFirst()) terminate({ outcome: 'timedOut' }, request.killAfterMs)
    })
  }

  const exit = await exited
  const cause = firstCause()
  const member =
    cause === null
      ? // A failed command may leave processes in the background on purpose, but not one of another user beside its retry.
        exit?.code === 0
        ? null
        : livingMember(pid, null, { forbiddenOnly: true })
      : await untilGroupEnded(pid, over.signal, clock)
  // A process that forks and exits during the scan hides its child from the scan.
  if (!over.signal.aborted) sendSignal(-pid, 'SIGKILL')
  over.abort()
  unsubscribe()
  endSuspend()
  if (exit === null) abandon()
  // A command that has not exited is alive, even if its group looks empty.
  const left = exit === null ? pid : member
  const outcome = cause ?? { outcome: exit?.code === 0 ? ('succeeded' as const) : ('failed' as const) }
  return { ...outcome, ...exitDetails(exit, left) }
}

function openGroup(groupId: number, over: AbortController, clock: Clock) {
  let cause: Cause | null = null
  return {
    send(signal: PassedSignal): void {
      if (over.signal.aborted) return
      sendSignal(-groupId, signal)
      // A stopped process (SIGSTOP, SIGTSTP) acts on the signal only when it is continued.
      sendSignal(-groupId, 'SIGCONT')
    },
    /** Sends SIGKILL after `killInMs` milliseconds, and aborts `over` if even that does not end the group soon. */
    async end(why: Cause, killInMs: number): Promise<void> {
      if (over.signal.aborted) return
      cause ??= why
      await clock.wait(killInMs, over.signal)
      if (over.signal.aborted) return
      sendSignal(-groupId, 'SIGKILL')
      await clock.wait(VANISH_MS, over.signal)
      over.abort()
    },
    /** The cause of the first call of `end` decides the outcome. */
    firstCause: (): Cause | null => cause,
  }
}

/** Waits until the group has no living process. If `over` aborts first, returns the pid of one that still lives. */
async function untilGroupEnded(groupId: number, over: AbortSignal, clock: Clock): Promise<number | null> {
  let member = livingMember(groupId)
  while (member !== null && !over.aborted) {
    await clock.wait(POLL_MS, over)
    member = livingMember(groupId, member)
  }
  return member
}

function exitDetails(exit: CommandEnd | null, left: number | null): Omit<ChildEnd, 'outcome'> {
  return {
    ...(exit?.code != null && { exitCode: exit.code }),
    ...(exit?.signal != null && { signal: exit.signal }),
    ...(left !== null && whatIsLeft(left, `still exists ${VANISH_MS / 1000}s after SIGKILL`)),
  }
}

export function whatIsLeft(pid: number, why: string): Pick<ChildEnd, 'left' | 'process' | 'detail'> {
  const mark = markProcess(pid)
  const isForbidden = [pid, -pid].some((id) => probe(id) === 'forbidden')
  const reason = isForbidden ? 'still runs, and this user may not end it' : why
  return {
    left: pid,
    ...(mark && { process: mark }),
    // The leader of a group may have ended before a member that /proc hides.
    detail: `${probe(pid) === null ? 'a process of group' : 'process'} ${pid} ${reason}. End it before you run the slot again`,
  }
}
