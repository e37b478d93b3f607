import { readFileSync, readlinkSync } from 'node:fs'
import type { Outcome, ProcessMark, Survivor } from '../core/types.ts'
import { processIds, readStat } from './proc.ts'

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

/**
 * Looks for a process that a killed supervisor left behind. It is either the recorded child of an attempt that never
 * reported its end, or any process that was started with the run id of such an attempt in its environment. The second
 * way finds grandchildren, and a child that was not recorded yet.
 *
 * An attempt that reported its end may have left background processes on purpose, so it is not searched for. Processes
 * that this one may not inspect are skipped. Returns null if nothing is found, and on systems without /proc.
 */
export function findSurvivor(attempts: readonly SearchedAttempt[]): Survivor | null {
  const unreported = attempts.filter(({ outcome }) => outcome === undefined || outcome === 'abandoned')
  if (unreported.length === 0) return null
  const boot = readBoot()
  const marks = unreported.flatMap(({ process: mark }) => (mark?.boot === boot ? [mark] : []))
  const variables = unreported.map(({ runId }) => `\0CRONLEDGER_RUN_ID=${runId}\0`)
  for (const pid of processIds()) {
    if (pid === process.pid) continue
    const stat = readStat(pid)
    if (!stat?.living) continue
    const isMarked = marks.some((mark) => mark.pid === pid && mark.startTicks === stat.startTicks)
    if (isMarked || hasVariable(pid, variables)) return { pid, command: stat.command }
  }
  return null
}

/** Returns whether the process was started with one of these variables, each given between NUL bytes. */
function hasVariable(pid: number, variables: readonly string[]): boolean {
  const environment = readEnvironment(pid) ?? ''
  return variables.some((variable) => environment.includes(variable))
}

/**
 * Returns the environment that the process was started with, each variable between NUL bytes. Returns null if it has
 * ended or this process may not read it.
 */
export function readEnvironment(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/environ`, 'latin1')
    return text === '' ? text : `\0${text}`
  } catch {
    return null
  }
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
