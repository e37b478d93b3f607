import { readFileSync, readlinkSync } from 'node:fs'
import type { Outcome, ProcessMark, Survivor } from '../core/types.ts'
import { processIds, readEnvironment, readStat } from './proc.ts'
import { isPartOf } from './surrounding-runs.ts'

/**
 * Returns the data that distinguishes `pid` from a later process with the same number. Returns null if the process has
 * ended, and on systems without /proc.
 */
export function markProcess(pid: number): ProcessMark | null {
  const stat = readStat(pid)
  const boot = readBoot()
  return stat === null || boot === null ? null : { pid, startTicks: stat.startTicks, boot }
}

interface SearchedAttempt {
  readonly runId: string
  readonly process?: ProcessMark
  readonly outcome?: Outcome | undefined
}

/** A row has these. */
interface SearchedSlot {
  readonly task: string
  readonly attempts: readonly SearchedAttempt[]
}

/**
 * Looks for a process that a killed supervisor left behind. It is either the recorded child of an attempt that never
 * reported its end, or any process that was started with the run id of such an attempt in its environment. The second
 * way finds grandchildren, a child that was not recorded yet, and the batch of a run of another task inside the
 * batch.
 *
 * An attempt that reported its end may have left background processes on purpose, so it is not searched for. Processes
 * that this one may not inspect are skipped. Returns null if nothing is found, and on systems without /proc.
 */
export function findSurvivor({ task, attempts }: SearchedSlot): Survivor | null {
  const unreported = attempts.filter(({ outcome }) => outcome === undefined || outcome === 'abandoned')
  if (unreported.length === 0) return null
  const boot = readBoot()
  const marks = unreported.flatMap(({ process: mark }) => (mark?.boot === boot ? [mark] : []))
  for (const pid of processIds()) {
    if (pid === process.pid) continue
    const stat = readStat(pid)
    if (!stat?.living) continue
    const isMarked = marks.some((mark) => mark.pid === pid && mark.startTicks === stat.startTicks)
    const environment = readEnvironment(pid) ?? ''
    const isOfRun = unreported.some(({ runId }) => isPartOf(environment, { runId, task }))
    if (isMarked || isOfRun) return { pid, command: stat.command }
  }
  return null
}

/**
 * Returns the boot and the PID namespace, shortened, because a row must stay small. 32 bits of the random boot id are
 * enough to distinguish boots.
 */
function readBoot(): string | null {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
    return `${bootId}:${namespace}`
  } catch {
    return null
  }
}
