import { processIds, readStat } from './proc.ts'

/**
 * Sends `signal` to every process of the group; 0 only asks. False when there is no such group, or nobody in it whom
 * this process may signal.
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
 * A process of the group that still runs, or null. Zombies do not count: as PID 1 cronledger inherits orphans that it
 * cannot reap, and they keep their group in being for ever.
 *
 * A scan of /proc costs some milliseconds on a busy host, so the `known` member is looked at first. Where there is no
 * /proc the kernel's answer has to do: the group's own id stands for its members.
 */
export function livingMember(groupId: number, known: number | null = null): number | null {
  if (!signalGroup(groupId, 0)) return null
  if (process.platform !== 'linux') return groupId
  const isMember = (pid: number): boolean => {
    const stat = readStat(pid)
    return stat?.groupId === groupId && stat.living
  }
  if (known !== null && isMember(known)) return known
  return processIds().find(isMember) ?? null
}

/** As `signalGroup`, for one process. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
