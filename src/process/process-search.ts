import { readFileSync } from 'node:fs'
import type { Lineage } from './lineage.ts'
import { hasOwnProc, processIds, readEnvironment, readStat } from './proc.ts'
import { isPartOf, type SearchedRun } from './surrounding-runs.ts'

/** A search for processes that goes on while processes start others and end. */
export interface ProcessSearch {
  /**
   * Looks at all processes the first time, and later at those that were created since. Calls `onFound` as soon as it
   * sees one that is searched for, because that one may end within less than a millisecond.
   *
   * Returns `complete` if no process that was searched for can have escaped: none was created while the pass looked.
   * Returns `starting` if a process was in the middle of the start of a program, and cannot be known until that is over.
   */
  pass(onFound: (pid: number) => void): 'complete' | 'starting' | 'unsure'
}

/** If more pids than this were given out since the last pass, listing the processes costs less than trying each pid. */
const MAX_NEW_PIDS = 1_000

/**
 * The number of the newest pids that every pass looks at, because a process gets its pid some time before it can be
 * seen. More processes are rarely being created at the same moment.
 */
const NEWEST = 32

/**
 * Searches for the processes that were started as a part of the run, without this one. `lineage` stands for the environment
 * of a process that this one may not read.
 *
 * A list of the processes misses one that forks and exits again and again. It is gone before the search looks at it, and
 * its child is not in the list. So each pass asks the kernel for the pid that it gave out last, and looks at the new pids
 * up to that one, in ascending order. A parent has a lower pid than its child, so it is looked at first. If it has ended
 * by then, its child can already be seen. The order is broken only when the pids start again from the lowest one. Then
 * the newest pids are looked at once more at the end.
 */
export function openSearch(run: SearchedRun, lineage?: Lineage): ProcessSearch {
  const reported = new Set<number>()
  let last: number | null = null
  /** Processes that were just starting a program. They have no environment for a moment. */
  let unclear: readonly number[] = []

  function lookAt(pid: number, onFound: (pid: number) => void): void {
    if (pid === process.pid || reported.has(pid)) return
    let environment = readEnvironment(pid)
    if (environment === '') {
      if (isStartingProgram(pid)) unclear = [...unclear, pid]
      // Its new environment may be in place since.
      else environment = readEnvironment(pid)
    }
    if (environment !== null && !isPartOf(environment, run)) return
    const stat = lineage && readStat(pid)
    if (environment === null && !(stat?.living && lineage?.has(stat))) return
    if (stat) lineage?.add(stat)
    reported.add(pid)
    onFound(pid)
  }

  return {
    pass(onFound) {
      const newest = newestPid()
      // The pids start again from the lowest one, and other processes may get those of the reported ones.
      if (newest !== null && last !== null && newest < last) reported.clear()
      const tail = newest === null ? [] : pidsBetween(Math.max(0, newest - NEWEST), newest)
      // This look proves nothing, but it sees processes that would be gone before the others were looked at.
      for (const pid of [...tail].reverse()) lookAt(pid, onFound)
      const pids = new Set([...unclear, ...newPids(last, newest), ...tail])
      const isInOrder = last !== null && newest !== null && newest >= last
      last = newest
      unclear = []
      for (const pid of [...pids].sort((a, b) => a - b)) lookAt(pid, onFound)
      // A child may have a lower pid than its parent, if the pids have just started again from the lowest one.
      if (!isInOrder) for (const pid of tail) lookAt(pid, onFound)
      if (unclear.length > 0) return 'starting'
      return newestPid() === newest ? 'complete' : 'unsure'
    },
  }
}

/** Returns the pids that were given out after `last`, or all that are in use where that is not known. */
function newPids(last: number | null, newest: number | null): readonly number[] {
  if (last === null || newest === null || newest < last || newest - last > MAX_NEW_PIDS) return processIds()
  return pidsBetween(last, newest)
}

function pidsBetween(after: number, end: number): readonly number[] {
  return Array.from({ length: end - after }, (_, index) => after + 1 + index)
}

/**
 * Returns the pid that the kernel gave out last in this PID namespace, or null if it does not say. The second file is
 * for kernels without the first one. Some container runtimes replace its content, so it must not come first.
 */
function newestPid(): number | null {
  if (!hasOwnProc()) return null
  for (const file of ['/proc/sys/kernel/ns_last_pid', '/proc/loadavg']) {
    try {
      return Number(readFileSync(file, 'latin1').trim().split(' ').at(-1))
    } catch {}
  }
  return null
}

/** Returns whether the process is in the middle of execve(2), and its new environment is not in place yet. */
function isStartingProgram(pid: number): boolean {
  const stat = readStat(pid)
  return stat?.living === true && stat.hasMemory && stat.environmentEnd === 0
}
