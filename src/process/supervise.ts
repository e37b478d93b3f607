import type { Ending } from '../core/types.ts'
import { type Clock, link } from './clock.ts'
import type { CommandEnd } from './parent-thread.ts'
import { livingMember, signalGroup } from './process-group.ts'
import type { PassedSignal, StopRequest, StopSignal, Stops } from './signals.ts'
import { type Start, startCommand } from './start-command.ts'
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
  /** Asked right before the start, which may have to wait for the system: is the lease young enough for it? */
  readonly mayStart: () => boolean
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
  const [file, ...args] = request.argv
  // Signals that arrive while the command is being started are for the command.
  const early: PassedSignal[] = []
  const unsubscribe = stops.onSignal((signal) => early.push(signal))
  const halt = new AbortController()
  const unlink = link([stops.aborted, leaseLost], halt)
  const mayStart = () => stops.first() === null && !leaseLost.aborted && hooks.mayStart()
  const starting = startCommand({ file, args, env: request.env }, mayStart, clock, halt.signal)
  const started = starting.catch(() => null)
  // Ctrl-Z that arrives while the command is being started waits for that: otherwise only this process would stop.
  const over = new AbortController()
  const signalIfRunning = async (signal: 'SIGSTOP' | 'SIGCONT') => {
    const start = await started
    if (start?.kind === 'started' && !over.signal.aborted) signalGroup(start.pid, signal)
  }
  const endSuspend = stops.onSuspend(
    // Not SIGTSTP: the kernel drops that in a group without a shell, which the child's own is.
    () => signalIfRunning('SIGSTOP'),
    () => void signalIfRunning('SIGCONT'),
  )
  try {
    const start = await starting
    unsubscribe()
    unlink()
    return start.kind === 'started' ? await superviseGroup(start, early, over, request, hooks) : endOf(start, hooks)
  } finally {
    endSuspend()
  }
}

function endOf(start: Exclude<Start, { kind: 'started' }>, { stops }: ChildHooks): ChildEnd {
  if (start.kind === 'notStarted') {
    const { exitCode, detail } = start
    return { outcome: 'notStarted', exitCode, detail }
  }
  const stop = stops.first()
  if (stop !== null) return { outcome: 'notStarted', stoppedBy: stop.signal }
  return { outcome: 'notStarted', detail: 'the lease was lost before the command was started' }
}

async function superviseGroup(
  { pid, ended, abandon }: Extract<Start, { kind: 'started' }>,
  early: readonly PassedSignal[],
  /** The end of supervision: from then on the pid may be another's, and nothing is signalled any more. */
  over: AbortController,
  request: ChildRequest,
  { stops, leaseLost, clock, onStarted }: ChildHooks,
): Promise<ChildEnd> {
  let cause = null as Cause | null
  const exited = new Promise<CommandEnd | null>((resolve) => {
    void ended.then((exit) => {
      resolve(exit)
      if (cause !== null) return
      if (exit.lost === undefined && (exit.code === 0 || !request.endsWhole)) over.abort()
      else endRest()
    })
    over.signal.addEventListener('abort', () => resolve(null))
  })

  const send = (signal: PassedSignal): void => {
    if (over.signal.aborted) return
    signalGroup(pid, signal)
    // A process that is stopped (SIGSTOP, SIGTSTP) would act on the signal only when something continues it.
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
  const onStop = (): void => {
    const { signal, atMs } = stops.aborted.reason as StopRequest
    const killAtMs =
      atMs + Math.min(request.killAfterMs, request.stopTimeoutMs - finishReserveMs(request.stopTimeoutMs))
    void end({ outcome: 'interrupted', stoppedBy: signal }, Math.max(0, killAtMs - clock.monotonicMs()))
  }
  const onLeaseLost = (): void => {
    void end({ outcome: 'leaseLost' }, (leaseLost.reason as LeaseStop).killInMs)
    send('SIGTERM')
  }

  const unsubscribe = stops.onSignal(send)
  const once = { signal: over.signal }
  onStarted(pid)
  if (stops.aborted.aborted) onStop()
  else stops.aborted.addEventListener('abort', onStop, once)
  for (const signal of early) send(signal)
  if (leaseLost.aborted) onLeaseLost()
  else leaseLost.addEventListener('abort', onLeaseLost, once)
  if (request.timeoutMs !== null) {
    void clock.wait(request.timeoutMs, over.signal).then(() => {
      void end({ outcome: 'timedOut' }, request.killAfterMs)
      send('SIGTERM')
    })
  }

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
  if (exit === null) abandon()
  return { ...(cause ?? { outcome: exit?.code === 0 ? 'succeeded' : 'failed' }), ...describe(exit, member) }
}

function describe(exit: CommandEnd | null, member: number | null): Omit<ChildEnd, 'outcome'> {
  const lost = exit?.lost === undefined ? {} : { detail: `how the command ended is not known: ${exit.lost}` }
  const left =
    member === null ? {} : { detail: `process ${member} is still there ${VANISH_MS} ms after SIGKILL`, left: member }
  return {
    ...(exit?.code != null && { exitCode: exit.code }),
    ...(exit?.signal != null && { signal: exit.signal }),
    ...lost,
    ...left,
  }
}
