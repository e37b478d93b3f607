import { constants } from 'node:os'
import type { RunOutcome } from '../api.ts'
import type { ErrorKind } from '../core/errors.ts'
import { realTimeSignalNumber } from '../core/signal.ts'
import type { Stops } from '../process/signals.ts'

/** Exit codes of cronledger itself (design part 7, after sysexits.h); otherwise the child's own, or 128 + its signal. */
export const EXIT = {
  ok: 0,
  usage: 64,
  refused: 65,
  bug: 70,
  leaseLost: 73,
  unrecorded: 74,
  unreachable: 75,
  denied: 77,
  shape: 78,
  timedOut: 124,
} as const

export const EXIT_OF_ERROR: Readonly<Record<ErrorKind, number>> = {
  usage: EXIT.usage,
  unreachable: EXIT.unreachable,
  denied: EXIT.denied,
  shape: EXIT.shape,
}

export interface DuplicateCodes {
  readonly onDuplicate: number
  /** While the other attempt still runs. */
  readonly onRunning: number
}

/** What `run` exits with. `stopSignal` is the first signal that this process was sent. */
export function exitCodeOf(
  outcome: RunOutcome<unknown>,
  codes: DuplicateCodes,
  stopSignal: NodeJS.Signals | null,
): number {
  switch (outcome.status) {
    case 'completed':
      return EXIT.ok
    case 'unrecorded':
      return EXIT.unrecorded
    case 'duplicate':
      return outcome.cause === 'running' ? codes.onRunning : codes.onDuplicate
    case 'refused':
      return EXIT.refused
    case 'skipped':
      // Where that is not on record, a later trigger may still start: an orchestrator that retries may try.
      return outcome.recorded ? EXIT.ok : EXIT.unreachable
    case 'failed':
      return exitCodeOfFailure(outcome, stopSignal)
  }
}

type Failed = Extract<RunOutcome<unknown>, { status: 'failed' }>

function exitCodeOfFailure({ outcome, exitCode, signal }: Failed, stopSignal: NodeJS.Signals | null): number {
  switch (outcome) {
    case 'timedOut':
      return EXIT.timedOut
    case 'leaseLost':
      return EXIT.leaseLost
    case 'interrupted':
      return exitCodeOfSignal(stopSignal ?? 'SIGTERM')
    case 'notStarted':
      // Without a reason of its own, and without a stop, it was the lease that was lost before the start.
      return exitCode ?? (stopSignal === null ? EXIT.leaseLost : exitCodeOfSignal(stopSignal))
    case 'failed':
    case 'abandoned':
      if (signal !== undefined) return exitCodeOfSignal(signal)
      return exitCode ?? EXIT.bug
  }
}

/** 128 + n, as shells have it: right for PID 1 too, which cannot die of its own signal. */
export function exitCodeOfSignal(signal: string): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? realTimeSignalNumber(signal) ?? 0)
}

/** What a command that has nothing to end in order exits with, as soon as it is told to stop. */
export function exitCodeOfStop({ aborted, first }: Stops): Promise<number> {
  return new Promise((resolve) => {
    const leave = () => resolve(exitCodeOfSignal(first()?.signal ?? 'SIGTERM'))
    if (aborted.aborted) leave()
    else aborted.addEventListener('abort', leave, { once: true })
  })
}
