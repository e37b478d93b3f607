import { hasOwnProc, processIds, readStat } from './proc.ts'

/** The time between two looks at a process that is expected to end. It may be seen this much later without harm. */
export const POLL_MS = 50

/**
 * SIGKILL works within milliseconds, except on a process in uninterruptible sleep. After a stop, this time is part of
 * the reserve for the finish.
 */
export const VANISH_MS = 1_000

/**
 * Sends `signal` to every process of the group. Signal 0 only checks that the group exists. Returns false if there is
 * no such group, or if this process may not signal any member.
 */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the pid of a process of the group that still runs, or null. Zombies do not count: as PID 1 cronledger
 * inherits orphans that it cannot reap, and they keep their group alive forever.
 *
 * A scan of /proc costs some milliseconds on a busy host, so the `known` member is checked first. Without a /proc of
 * this PID namespace, the answer of the kernel must do: the id of the group stands for its members.
 */
export function livingMember(groupId: number, known: number | null = null): number | null {
  if (!signalGroup(groupId, 0)) return null
  if (!hasOwnProc()) return groupId
  const isMember = (pid: number): boolean => {
    const stat = readStat(pid)
    return stat?.groupId === groupId && stat.living
  }
  if (known !== null && isMember(known)) return known
  return processIds().find(isMember) ?? null
}

/** Sends `signal` to one process. Returns false if the process has ended or this one may not signal it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
