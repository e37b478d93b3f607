import { errorCode } from '../core/errors.ts'
import { processIds, readStat } from './proc.ts'

export const POLL_MS = 50

/** The time that SIGKILL gets. After a stop, it is part of the reserve for the finish. */
export const VANISH_MS = 1_000

/** To a group if the id is negative. */
export function sendSignal(id: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(id, signal)
  } catch {
    return false
  }
}

/** Asks the kernel for a process, or for a group if the id is negative. `forbidden`: this process may not signal it. */
export function probe(id: number): 'living' | 'forbidden' | null {
  try {
    process.kill(id, 0)
    return 'living'
  } catch (error) {
    return errorCode(error) === 'EPERM' ? 'forbidden' : null
  }
}

/**
 * Returns the pid of a process of the group that still runs, or null. Zombies do not count: as PID 1 cronledger inherits
 * orphans that it cannot reap. A scan of /proc costs some milliseconds on a busy host, so the `known` member is checked
 * first. If /proc shows no member (another PID namespace, `hidepid`), the answer of the kernel must do: the id of the group
 * stands for its members. With `hidepid`, a zombie that is shown says nothing about the members that are not.
 *
 * `forbiddenOnly`: only one that this process may not signal counts.
 */
export function livingMember(groupId: number, known: number | null = null, { forbiddenOnly = false } = {}) {
  if (probe(-groupId) === null) return null
  let isShown = false
  const isLiving = (pid: number): boolean => {
    const stat = readStat(pid)
    if (stat?.groupId !== groupId) return false
    isShown = true
    return stat.living && (!forbiddenOnly || probe(pid) === 'forbidden')
  }
  if (known !== null && isLiving(known)) return known
  const member = processIds().find(isLiving)
  if (member !== undefined) return member
  // Process 1 lives as long as its PID namespace, so it is hidden if it is not seen.
  if (isShown && readStat(1) !== null) return null
  const answer = probe(-groupId)
  return answer === 'forbidden' || (answer === 'living' && !forbiddenOnly) ? groupId : null
}
