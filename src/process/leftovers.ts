import type { Survivor } from '../core/types.ts'
import type { Clock } from './clock.ts'
import { type ProcessStat, readStat } from './proc.ts'
import { VANISH_MS } from './process-group.ts'
import { findProcesses } from './survivors.ts'

/** A batch that leaves a daemon behind and fails is rare, and a retry may start this much later without harm. */
const PROC_POLL_MS = 50

interface LeftoverIo {
  readonly clock: Clock
  /** When it aborts, the processes are killed without further delay. */
  readonly halt: AbortSignal
  kill(pid: number, signal: NodeJS.Signals): void
}

/**
 * Ends the processes whose environment has all of these `NAME=value`: SIGTERM, and SIGKILL after `killAfterMs`
 * milliseconds. Returns a process that is still alive after that, or null. It cannot find a process that this one may
 * not inspect.
 */
export async function endLeftovers(
  variables: readonly string[],
  killAfterMs: number,
  { clock, halt, kill }: LeftoverIo,
): Promise<Survivor | null> {
  const isOver = new AbortController().signal
  const steps = [
    { signals: ['SIGTERM', 'SIGCONT'], ms: killAfterMs, until: halt },
    { signals: ['SIGKILL'], ms: VANISH_MS, until: isOver },
  ] as const
  let left: readonly ProcessStat[] = []
  for (const { signals, ms, until } of steps) {
    const endMs = clock.monotonicMs() + ms
    const isLate = () => until.aborted || clock.monotonicMs() >= endMs
    // A process may start another one before it ends, so we must look again when all processes that we found have
    // ended.
    for (let isFirst = true; isFirst || !isLate(); isFirst = false) {
      left = findProcesses(variables)
      if (left.length === 0) return null
      for (const process of left) {
        for (const signal of signals) if (isSame(process)) kill(process.pid, signal)
      }
      while (left.some(isSame) && !isLate()) await clock.wait(PROC_POLL_MS, until)
    }
  }
  const last = left.find(isSame)
  return last === undefined ? null : { pid: last.pid, command: last.command }
}

/** Returns whether the process still runs. A later process with the same pid has another start time. */
function isSame({ pid, startTicks }: ProcessStat): boolean {
  const now = readStat(pid)
  return now?.living === true && now.startTicks === startTicks
}
