import { constants } from 'node:os'
import { type ErrorKind, LedgerError } from './core/errors.ts'
import { EXIT } from './core/exit.ts'
import { isKeyOf } from './core/objects.ts'
import { onAbort } from './process/clock.ts'
import type { Stops } from './process/signals.ts'
import type { SlotResult, TriggerResult } from './run/run-trigger.ts'

/** The gravest first: the errors that stop every run. A wrong clock or event time (`usage`) stops only some runs. */
const RANKS: Readonly<Record<ErrorKind, number>> = { denied: 1, shape: 2, unreachable: 3, usage: 4 }

/** Returns the exit code of the gravest of several errors, or 0 if there is none. */
export function gravestExit(kinds: ReadonlySet<ErrorKind | null>): number {
  const found = [...kinds].filter((kind) => kind !== null)
  const [gravest] = found.sort((one, other) => RANKS[one] - RANKS[other])
  return gravest === undefined ? EXIT.ok : EXIT[gravest]
}

export interface ExitCodeOptions {
  /** Default: 0. */
  readonly exitOnDuplicate?: number | undefined
  readonly stopSignal?: string | null | undefined
}

/** Returns the exit code of `run`: that of its own slot, or else of the first caught-up slot that did not succeed. */
export function exitCodeOf(outcome: TriggerResult<unknown> | LedgerError, options: ExitCodeOptions = {}): number {
  if (outcome instanceof LedgerError) return EXIT[outcome.kind]
  const codes = [outcome, ...outcome.caughtUp].map((one) => exitCodeOfSlot(one, options))
  return codes.find((code) => code !== EXIT.ok) ?? EXIT.ok
}

function exitCodeOfSlot(
  outcome: SlotResult<unknown>,
  { exitOnDuplicate = EXIT.ok, stopSignal = null }: ExitCodeOptions,
): number {
  switch (outcome.status) {
    case 'completed':
    case 'taken':
      return EXIT.ok
    case 'unrecorded':
      return EXIT.unrecorded
    case 'duplicate':
      return exitOnDuplicate
    case 'refused':
      return EXIT.refused
    case 'skipped':
    case 'paused':
      // If the skip is not recorded, the slot may be open or become stale, so an operator should hear of it.
      return outcome.recorded ? EXIT.ok : EXIT.unreachable
    case 'failed':
      return exitCodeOfFailure(outcome, stopSignal)
  }
}

function exitCodeOfFailure(failed: Extract<SlotResult<unknown>, { status: 'failed' }>, stopSignal: string | null) {
  const { outcome, exitCode, signal } = failed
  switch (outcome) {
    case 'timedOut':
      return EXIT.timedOut
    case 'leaseLost':
      return EXIT.leaseLost
    case 'interrupted':
      return exitCodeOfSignal(stopSignal ?? 'SIGTERM')
    case 'notStarted':
      // Without an exit code of its own and without a stop, the lease was lost before the start.
      return exitCode ?? (stopSignal === null ? EXIT.leaseLost : exitCodeOfSignal(stopSignal))
    case 'failed':
    case 'abandoned':
      if (signal !== undefined) return exitCodeOfSignal(signal)
      return exitCode ?? ('error' in failed ? EXIT.failed : EXIT.bug)
  }
}

/** We do not raise the signal, since PID 1 cannot end itself by one. */
export function exitCodeOfSignal(signal: string): number {
  return EXIT.signal + (isKeyOf(signal, constants.signals) ? constants.signals[signal] : 0)
}

/** Resolves on the first stop signal, to the exit code of a command that has nothing to end in order. */
export function exitCodeOfStop({ aborted, first }: Stops): Promise<number> {
  return new Promise((resolve) => onAbort(aborted, () => resolve(exitCodeOfSignal(first()?.signal ?? 'SIGTERM'))))
}
