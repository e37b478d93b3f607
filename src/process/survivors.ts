import { readFileSync, readlinkSync } from 'node:fs'
import type { Attempt, ProcessMark, Survivor } from '../core/types.ts'
import { type ProcessStat, processIds, readStat } from './proc.ts'

/** What tells `pid` from a later process with the same number; null when it is gone, and on systems without /proc. */
export function markProcess(pid: number): ProcessMark | null {
  const stat = readStat(pid)
  const boot = readBoot()
  return stat === null || boot === null ? null : { pid, startTicks: stat.startTicks, boot }
}

/**
 * Looks for what a supervisor that was killed left behind: the marked child of an attempt that never reported, or any
 * process with such an attempt's run id in the environment that it was started with. The latter finds grandchildren,
 * and a child that was not on record yet. An attempt that reported its end may have left something in the background on
 * purpose. Processes that this one may not look into are passed over; null on systems without /proc.
 */
export function findSurvivor(attempts: readonly Pick<Attempt, 'runId' | 'process' | 'outcome'>[]): Survivor | null {
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

/** The living processes that were started with all of these `NAME=value`, this one excluded. */
export function findProcesses(variables: readonly string[]): readonly ProcessStat[] {
  return processIds().flatMap((pid) => {
    const stat = pid === process.pid ? null : readStat(pid)
    if (!stat?.living) return []
    const environment = readEnvironment(pid)
    return variables.every((variable) => environment.includes(`\0${variable}\0`)) ? [stat] : []
  })
}

/** Whether the environment that the process was started with has one of these, each between its NUL bytes. */
function hasVariable(pid: number, variables: readonly string[]): boolean {
  const environment = readEnvironment(pid)
  return variables.some((variable) => environment.includes(variable))
}

/** What the process was started with, each variable between NUL bytes. Empty where this process may not look. */
function readEnvironment(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`
  } catch {
    return ''
  }
}

/** Boot and PID namespace, shortened: a row has to stay small, and 32 bits of the random boot id tell boots apart. */
function readBoot(): string | null {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
    return `${bootId}:${namespace}`
  } catch {
    return null
  }
}
