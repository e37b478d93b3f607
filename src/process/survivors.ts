import { readFileSync, readlinkSync } from 'node:fs'
import type { Outcome, ProcessMark, Survivor } from '../core/types.ts'
import { type ProcessStat, processIds, readEnvironment, readStat } from './proc.ts'
import { probe } from './process-group.ts'
import { isPartOf } from './surrounding-runs.ts'

/**
 * Returns the data that distinguishes `pid` from a later process with the same number. Returns null if the process has
 * ended, and on systems without /proc.
 */
export function markProcess(pid: number): ProcessMark | null {
  const stat = readStat(pid)
  const boot = readBoot()
  if (boot === null || !lives({ pid }, stat)) return null
  return { pid, ...(stat && { startTicks: stat.startTicks }), boot }
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
 * Looks for a process that an attempt left behind. It is either the recorded process of an attempt that never reported its
 * end, or could not end it, or any process that was started with the run id of an attempt that never reported its end in
 * its environment. The second way finds grandchildren, a child that was not recorded yet, and the batch of a run of
 * another task inside the batch.
 *
 * An attempt that reported its end may have left background processes on purpose, so they are not searched for. Processes
 * that this one may not inspect are skipped. Returns null if nothing is found, and on systems without /proc.
 */
export function findSurvivor({ task, attempts }: SearchedSlot): Survivor | null {
  const unreported = attempts.filter(({ outcome }) => outcome === undefined || outcome === 'abandoned')
  const boot = readBoot()
  const marks = attempts.flatMap(({ process: mark }) => (mark?.boot === boot ? [mark] : []))
  const marked = marks.find((mark) => mark.pid !== process.pid && lives(mark, readStat(mark.pid)))
  if (marked !== undefined) return { pid: marked.pid, command: readStat(marked.pid)?.command ?? 'unknown' }
  if (unreported.length === 0) return null
  for (const pid of processIds()) {
    if (pid === process.pid) continue
    const environment = readEnvironment(pid) ?? ''
    if (!unreported.some(({ runId }) => isPartOf(environment, { runId, task }))) continue
    const stat = readStat(pid)
    if (stat?.living) return { pid, command: stat.command }
  }
  return null
}

/**
 * Returns whether the marked process lives. A process that /proc hides lives as long as the kernel knows its pid or its
 * group. It cannot be distinguished from a later one with the same pid.
 */
function lives({ pid, startTicks }: Pick<ProcessMark, 'pid' | 'startTicks'>, stat: ProcessStat | null): boolean {
  if (stat === null) return [pid, -pid].some((id) => probe(id) !== null)
  return stat.living && (startTicks === undefined || startTicks === stat.startTicks)
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
